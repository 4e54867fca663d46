"""Expanding the standard set into resource documents, as the Registry's global container shows
them.

The files beside this one hold names and types in compact notation; here they get ids, titles,
`meta:xdmField` and the keywords that the Registry adds. Source: platform contract, section 5.
"""

from __future__ import annotations

import re
from importlib.resources import files

import msgspec

from onefold.domain.xdm.notation import NAMESPACE, properties_of, reference
from onefold.domain.xdm.schema import alt_id, references
from onefold.domain.xdm.types import JSON

_FILES = ("core.json", "profile.json", "event.json", "calls.json")
_RESOURCE_TYPES = {
    "behaviors": "behaviors",
    "classes": "classes",
    "datatypes": "datatypes",
    "fieldgroups": "mixins",
}
_PATHS = {"_experience": "experience/", "_channels": "xdm/channels/"}
"""Objects that stand for the beginning of an address."""
_WORD = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z0-9]+|[A-Z]")


def load() -> dict[str, JSON]:
    """The standard resources, `$id` to document, in compatibility mode. Reads package data.

    The caller owns the result. Cost: milliseconds; load once.
    """
    package = files("onefold.domain.xdm.standard")
    resources: dict[str, JSON] = {}
    for file in _FILES:
        content = msgspec.json.decode((package / file).read_bytes())
        for kind, resource_type in _RESOURCE_TYPES.items():
            for short, compact in content.get(kind, {}).items():
                document = _document(reference(short), resource_type, compact)
                resources[document["$id"]] = document
    for document in resources.values():
        document["meta:extends"] = list(references(document, resources))
    return resources


def _document(resource_id: str, resource_type: str, compact: dict[str, JSON]) -> dict[str, JSON]:
    name = resource_id.rpartition("/")[2]
    described = _named(properties_of(compact["fields"]), "xdm:")
    refs = [reference(short) for short in compact.get("includes", ())] + [f"#/definitions/{name}"]
    document = {
        "$id": resource_id,
        "meta:altId": alt_id(resource_id),
        "meta:resourceType": resource_type,
        "version": "1.0",
        "title": compact["title"],
        "type": "object",
        "meta:xdmType": "object",
        "meta:abstract": resource_type != "datatypes",
        "meta:extensible": True,
        "meta:containerId": "global",
        "meta:status": "stable",
        "definitions": {name: {"type": "object", **described}},
        "allOf": [{"$ref": ref, "type": "object", "meta:xdmType": "object"} for ref in refs],
    }
    if resource_type == "mixins":
        document["meta:intendedToExtend"] = [reference(short) for short in compact["extends"]]
    return document


def _named(node: dict[str, JSON], prefix: str) -> dict[str, JSON]:
    """The node, with a title and the name in standard notation for each property below it."""
    for name, child in node.get("properties", {}).items():
        child.setdefault("title", title_of(name))
        standard, below = _standard_name(name, prefix)
        if standard is not None:
            child["meta:xdmField"] = standard
        _named(child, below)
    for keyword in ("items", "additionalProperties"):
        if keyword in node:
            _named(node[keyword], prefix)
    return node


def _standard_name(name: str, prefix: str) -> tuple[str | None, str]:
    """A property's name in standard notation, and the prefix of what is below it."""
    if prefix.startswith(NAMESPACE):
        return f"{prefix}{name}", f"{prefix}{name}/"
    if name in ("_id", "_type"):
        return f"@{name[1:]}", prefix
    if name in _PATHS:
        return None, NAMESPACE + _PATHS[name]
    if name.startswith("_"):
        return None, f"{name[1:]}:"
    return f"{prefix}{name}", "xdm:"


def title_of(name: str) -> str:
    """A readable title of a property: `homeAddress` gives `Home address`."""
    words = _WORD.findall(name)
    text = " ".join(word if word.isupper() else word.lower() for word in words)
    return text[:1].upper() + text[1:]
