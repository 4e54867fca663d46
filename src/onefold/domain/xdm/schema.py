"""Ids and forms of schema resources: `$id` and `meta:altId`, behaviours, and documents made from
parts.

Source: platform contract, sections 5, 6.1 and 6.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from onefold.domain.xdm.notation import CORE, NAMESPACE, properties_of
from onefold.domain.xdm.types import JSON
from onefold.errors import Malformed

PROFILE_CLASS = CORE + "context/profile"
EVENT_CLASS = CORE + "context/experienceevent"
PROFILE_UNION = PROFILE_CLASS + "__union"
EVENT_UNION = EVENT_CLASS + "__union"
IDENTITY_MAP_GROUP = CORE + "context/identitymap"
SEGMENTATION_GROUP = CORE + "context/profile-segmentation"
TIMELINE = "timeSeriesEvents"
"""The field of the union of people that holds a person's events."""

RECORD = CORE + "data/record"
TIME_SERIES = CORE + "data/time-series"
ADHOC = CORE + "data/adhoc"

Behaviour = Literal["record", "time-series", "adhoc"]
Kind = Literal["schemas", "classes", "mixins", "datatypes"]
"""The segment of a tenant `$id`. Field groups keep their old name there, `mixins`."""

_BEHAVIOURS: dict[str, Behaviour] = {RECORD: "record", TIME_SERIES: "time-series", ADHOC: "adhoc"}
_ALT_ID = re.compile(r"_[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\Z")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_HEX = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{48})\Z")


def alt_id(resource_id: str) -> str:
    """`meta:altId` of a `$id`: dots for slashes, `_` first. Raises Malformed XDM-1005."""
    alt = "_" + resource_id.removeprefix(NAMESPACE).replace("/", ".")
    if not resource_id.startswith(NAMESPACE) or not _ALT_ID.match(alt):
        raise Malformed("XDM-1005", "Not the $id of a resource.", at=resource_id[:256])
    return alt


def resource_id(text: str) -> str:
    """`$id` of what names a resource, `$id` or `meta:altId`. Raises Malformed XDM-1005 for
    neither."""
    if text.startswith(NAMESPACE):
        alt_id(text)
        return text
    if not _ALT_ID.match(text):
        raise Malformed("XDM-1005", "Not the id of a resource.", at=text[:256])
    return NAMESPACE + text[1:].replace(".", "/")


def tenant_resource_id(tenant: str, kind: Kind, hex_digits: str) -> str:
    """The `$id` of a tenant resource. tenant: without `_`. hex_digits: 32 or 48, lower case.

    Raises Malformed XDM-1005.
    """
    if not _TENANT.match(tenant) or not _HEX.match(hex_digits):
        raise Malformed("XDM-1005", "A tenant id needs a tenant name and 32 or 48 hex digits.")
    return f"{NAMESPACE}{tenant}/{kind}/{hex_digits}"


def union_id(class_id: str) -> str:
    """The `$id` of the union of a class."""
    return f"{class_id}__union"


def behaviour(schema: JSON, resources: Mapping[str, JSON]) -> Behaviour:
    """Whether a schema or class is record, time-series or ad-hoc data.

    Follows `$ref`s in `allOf` to the first behaviour. Raises Malformed XDM-1005 if there is none.
    """
    for reference in references(schema, resources):
        if reference in _BEHAVIOURS:
            return _BEHAVIOURS[reference]
    raise Malformed("XDM-1005", "A schema needs a class with a behaviour.", at="/allOf")


def class_of(schema: JSON, resources: Mapping[str, JSON]) -> str:
    """The `$id` of the class of a schema: `meta:class`, else the first class in `allOf`.

    Raises Malformed XDM-1005 if there is none.
    """
    stated = schema.get("meta:class") if isinstance(schema, dict) else None
    if isinstance(stated, str):
        return stated
    for reference in references(schema, resources):
        found = resources.get(reference)
        if isinstance(found, dict) and found.get("meta:resourceType") == "classes":
            return reference
    raise Malformed("XDM-1005", "A schema needs a class in `allOf`.", at="/allOf")


def references(document: JSON, resources: Mapping[str, JSON]) -> Iterator[str]:
    """The `$id`s that `allOf` names, and what these name in turn (`meta:extends`), each once,
    nearest first. Forgiving: parts of a wrong form name nothing. Cost: O(resources)."""
    seen: set[str] = set()
    level = _named(document)
    while level:
        fresh = [name for name in dict.fromkeys(level) if name not in seen]
        seen.update(fresh)
        yield from fresh
        level = [inner for name in fresh for inner in _named(resources.get(name))]


def _named(document: JSON) -> list[str]:
    parts = document.get("allOf") if isinstance(document, dict) else None
    found = (
        [part.get("$ref") for part in parts or () if isinstance(part, dict)]
        if isinstance(parts, list)
        else []
    )
    return [
        ref.partition("#")[0] for ref in found if isinstance(ref, str) and not ref.startswith("#")
    ]


def every_ref(node: JSON) -> Iterator[str]:
    """The `$id`s that `$ref`s anywhere in a document name, as often as they do. Forgiving."""
    todo = [node]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            ref = node.get("$ref")
            if isinstance(ref, str) and not ref.startswith("#"):
                yield ref.partition("#")[0]
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)


def schema_document(title: str, class_id: str, group_ids: Sequence[str] = ()) -> dict[str, JSON]:
    """The document of a schema: its class and its field groups. Without `$id`: the Registry gives
    one."""
    return {
        "title": title,
        "type": "object",
        "meta:xdmType": "object",
        "meta:class": class_id,
        "allOf": [{"$ref": reference} for reference in (class_id, *group_ids)],
    }


def field_group_document(
    title: str,
    intended_classes: Sequence[str],
    tenant: str,
    fields: dict[str, JSON],
    *,
    extending: dict[str, JSON] | None = None,
) -> dict[str, JSON]:
    """The document of a tenant's field group, its fields below `_{tenant}`.

    fields, extending: in compact notation (`notation.py`). extending: further fields at the root,
    for adding `_{tenant}` inside a standard field, such as `{"productListItems": [{"_acme":
    {...}}]}`. Raises Malformed XDM-1005. Source: platform contract, section 6.3.
    """
    below = {f"_{tenant}": fields} if fields else {}
    return {
        "title": title,
        "type": "object",
        "meta:xdmType": "object",
        "meta:intendedToExtend": list(intended_classes),
        "definitions": {
            "customFields": {"type": "object", **properties_of({**below, **(extending or {})})}
        },
        "allOf": [
            {"$ref": "#/definitions/customFields", "type": "object", "meta:xdmType": "object"}
        ],
    }
