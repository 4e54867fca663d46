"""Schema documents as readers ask for them: resolved, without texts, with every type spelled out.

These functions work on documents, where `compose.py` works on fields: descriptions, formats and
other words that play no part in validation stay. Source: platform contract, sections 5 and 6.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.keywords import inside
from onefold.domain.xdm.types import JSON, Field, XdmType, xdm_type_of

_CHILDREN = ("items", "additionalProperties")
_CHILD_MAPS = ("properties", "definitions")
_CHILD_WORDS = ("properties", *_CHILDREN)
_CHILD_OF: dict[XdmType | None, str] = {
    XdmType.ARRAY: "items",
    XdmType.MAP: "additionalProperties",
}
_OF_A_FIELD = frozenset(("meta:xdmType", "meta:xdmField", "meta:enum", "meta:status"))
_JSON_TYPES = {
    XdmType.DATE: "string",
    XdmType.DATE_TIME: "string",
    XdmType.BYTE: "integer",
    XdmType.SHORT: "integer",
    XdmType.INT: "integer",
    XdmType.LONG: "integer",
    XdmType.MAP: "object",
}


def resolved(document: dict[str, JSON], resources: Mapping[str, JSON]) -> dict[str, JSON]:
    """The document with every `$ref` and `allOf` put into `properties`. A new value.

    Where parts say different things of one field, the nearest one counts. Raises as
    `compose.composed` does, which also bounds the cost.
    """
    composed(document, resources)
    about = {k: v for k, v in document.items() if k not in ("allOf", "definitions", "properties")}
    return {**_resolved(document, document, resources), **about}


def _resolved(node: JSON, document: JSON, resources: Mapping[str, JSON]) -> dict[str, JSON]:
    if "$ref" in node:
        named, _, fragment = node["$ref"].partition("#")
        behind = resources[named] if named else document
        target = _resolved(inside(behind, fragment, ""), behind, resources)
        texts = {word: node[word] for word in ("title", "description") if word in node}
        return {**target, **texts, **_own_words(node)}
    answer = {k: v for k, v in node.items() if ":" not in k and k[:1] != "$"} | _own_words(node)
    for word in ("allOf", "definitions", "version", "imsOrg", *_CHILD_WORDS):
        answer.pop(word, None)
    below = followed(node)
    if below == "properties":
        answer[below] = {
            name: _resolved(child, document, resources) for name, child in node[below].items()
        }
    elif below is not None:
        answer[below] = _resolved(node[below], document, resources) if node[below] else {}
    for part in node.get("allOf", ()):
        _add(answer, _resolved(part, document, resources))
    return answer


def followed(node: dict[str, JSON]) -> str | None:
    """The keyword under which a node without `$ref`, which has been composed, describes further
    fields. Whatever else it holds was never looked at, and may be of any form."""
    kind = xdm_type_of(node, "")
    if kind is XdmType.OBJECT:
        return "properties" if "properties" in node else None
    word = _CHILD_OF.get(kind)
    return word if word is not None and isinstance(node.get(word), dict) else None


def _own_words(node: dict[str, JSON]) -> dict[str, JSON]:
    return {word: value for word, value in node.items() if word in _OF_A_FIELD}


def _add(answer: dict[str, JSON], part: dict[str, JSON]) -> None:
    """Put what a part says below what is said already."""
    for word, value in part.items():
        known = answer.get(word)
        if word == "properties" and known is not None:
            merged = dict(known)
            for name, child in value.items():
                merged[name] = _both(merged[name], child) if name in merged else child
            answer[word] = merged
        elif word in _CHILDREN and known is not None:
            answer[word] = _both(known, value)
        elif word == "required" and isinstance(known, list) and isinstance(value, list):
            answer[word] = list(dict.fromkeys((*known, *value)))
        elif word not in answer and word not in ("title", "description"):
            answer[word] = value


def _both(nearer: dict[str, JSON], further: dict[str, JSON]) -> dict[str, JSON]:
    answer = dict(nearer)
    _add(answer, further)
    for word in ("title", "description"):
        if word in further:
            answer.setdefault(word, further[word])
    return answer


def without_texts(document: dict[str, JSON]) -> dict[str, JSON]:
    """The document without titles and descriptions, but with fields of these names. Changes its
    argument and returns it."""
    for node in _nodes(document):
        node.pop("title", None)
        node.pop("description", None)
    return document


def with_types(document: dict[str, JSON]) -> dict[str, JSON]:
    """The document with `meta:xdmType` at every field that has a type of its own. Changes its
    argument and returns it. Raises Malformed XDM-1005 as `types.xdm_type_of` does."""
    for node in _nodes(document):
        if "$ref" not in node:
            xdm_type = xdm_type_of(node, "")
            if xdm_type is not None:
                node.setdefault("meta:xdmType", xdm_type.value)
    return document


def _nodes(document: dict[str, JSON]) -> Iterator[dict[str, JSON]]:
    """Every node that describes a field, forgiving about form, however deep."""
    todo: list[JSON] = [document]
    while todo:
        node = todo.pop()
        if not isinstance(node, dict):
            continue
        yield node
        todo.extend(node.get(word) for word in _CHILDREN)
        for word in _CHILD_MAPS:
            below = node.get(word)
            todo.extend(below.values() if isinstance(below, dict) else ())
        parts = node.get("allOf")
        todo.extend(parts if isinstance(parts, list) else ())


def of_field(field: Field) -> dict[str, JSON]:
    """The document of a field tree, as far as a tree can tell."""
    kind = field.xdm_type
    answer: dict[str, JSON] = {"title": field.title} if field.title else {}
    answer |= {"type": _JSON_TYPES.get(kind, kind.value), "meta:xdmType": kind.value}
    if kind in (XdmType.DATE, XdmType.DATE_TIME):
        answer["format"] = kind.value
    if kind is XdmType.OBJECT:
        answer["properties"] = {name: of_field(child) for name, child in field.properties.items()}
    if field.items is not None:
        answer["items"] = of_field(field.items)
    if field.values is not None:
        answer["additionalProperties"] = of_field(field.values)
    limits = {
        "required": list(field.required) or None,
        "enum": list(field.enum) or None,
        "pattern": field.pattern,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "minLength": field.min_length,
        "maxLength": field.max_length,
    }
    return answer | {word: value for word, value in limits.items() if value is not None}
