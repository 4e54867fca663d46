"""Documents as readers ask for them: resolved, without texts, with types, and of a field tree."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.xdm import keywords, shown
from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.types import Field, XdmType
from onefold.errors import Malformed, OverLimit

JSON = dict[str, Any]
PLACE = "https://ns.adobe.com/acme/datatypes/place"
GROUP = "https://ns.adobe.com/acme/mixins/group"
LIBRARY: dict[str, JSON] = {
    PLACE: {
        "$id": PLACE,
        "title": "Place",
        "description": "Where it is",
        "version": "1.3",
        "meta:resourceType": "datatypes",
        "properties": {"city": {"type": "string", "title": "City"}},
    },
    GROUP: {
        "$id": GROUP,
        "title": "Group",
        "definitions": {
            "own": {
                "required": ["shop"],
                "properties": {
                    "shop": {"$ref": PLACE, "title": "Shop", "meta:xdmField": "xdm:shop"},
                    "home": {"$ref": PLACE},
                    "tags": {
                        "type": "array",
                        "items": {"properties": {"b": {"type": "string", "title": "B"}}},
                    },
                },
            }
        },
        "allOf": [{"$ref": "#/definitions/own"}],
    },
}


def schema(**more: Any) -> JSON:
    return {
        "$id": "https://ns.adobe.com/acme/schemas/one",
        "title": "One",
        "version": "1.0",
        "allOf": [
            {
                "required": ["shop", "tags"],
                "properties": {
                    "shop": {"properties": {"floor": {"type": "integer"}}},
                    "tags": {"type": "array", "items": {"properties": {"a": {"type": "string"}}}},
                    "any": {"type": "array", "items": {}},
                    "map": {"type": "object", "additionalProperties": {"type": "boolean"}},
                },
            },
            {"$ref": GROUP},
            *more.pop("further", ()),
        ],
        **more,
    }


def test_references_and_parts_become_properties() -> None:
    full = shown.resolved(schema(), LIBRARY)
    assert full["$id"].endswith("/one")
    assert full["title"] == "One"
    assert full["version"] == "1.0"
    assert not {"allOf", "definitions", "description"} & full.keys()
    assert full["required"] == ["shop", "tags"]
    shop = full["properties"]["shop"]
    assert shop["title"] == "Shop"
    assert shop["description"] == "Where it is"
    assert shop["meta:xdmField"] == "xdm:shop"
    assert set(shop["properties"]) == {"city", "floor"}
    assert not {"$id", "version", "meta:resourceType"} & shop.keys()
    assert full["properties"]["home"]["title"] == "Place"
    assert set(full["properties"]["tags"]["items"]["properties"]) == {"a", "b"}
    assert full["properties"]["any"]["items"] == {}
    assert full["properties"]["map"]["additionalProperties"]["type"] == "boolean"
    composed(full, {})


def test_what_does_not_compose_is_not_resolved() -> None:
    with pytest.raises(Malformed, match="XDM-1004"):
        shown.resolved(schema(further=[{"properties": {"map": {"type": "string"}}}]), LIBRARY)


def test_texts_go_but_fields_of_their_names_stay() -> None:
    document = schema(properties={"title": {"type": "string", "title": "Title"}})
    bare = shown.without_texts(document)
    assert "title" not in bare
    assert bare["properties"] == {"title": {"type": "string"}}


def test_types_are_spelled_out_where_there_are_any() -> None:
    document = shown.with_types(
        {
            "properties": {
                "small": {"type": "integer", "minimum": 0, "maximum": 9},
                "place": {"$ref": PLACE},
                "stated": {"type": "string", "meta:xdmType": "date"},
            },
            "definitions": {"odd": 1, "free": {"description": "Nothing else"}},
            "allOf": "odd",
        }
    )
    assert document["meta:xdmType"] == "object"
    assert document["properties"]["small"]["meta:xdmType"] == "byte"
    assert "meta:xdmType" not in document["properties"]["place"]
    assert document["properties"]["stated"]["meta:xdmType"] == "date"
    assert "meta:xdmType" not in document["definitions"]["free"]


def test_the_document_of_a_field_tree_composes_to_the_same_tree() -> None:
    root = Field(
        XdmType.OBJECT,
        title="Root",
        required=("text",),
        properties={
            "text": Field(XdmType.STRING, pattern="a", min_length=1, max_length=9),
            "choice": Field(XdmType.STRING, enum=("a", "b")),
            "day": Field(XdmType.DATE, title="Day"),
            "small": Field(XdmType.BYTE, minimum=0, maximum=9),
            "list": Field(XdmType.ARRAY, items=Field(XdmType.DATE_TIME)),
            "any": Field(XdmType.ARRAY),
            "map": Field(XdmType.MAP, values=Field(XdmType.NUMBER)),
        },
    )
    assert composed(shown.of_field(root), {}) == root


def test_documents_nested_beyond_use_are_refused() -> None:
    node: Any = {}
    for _ in range(keywords.NESTING_MAX - 1):
        node = {"x": node, "y": [1]}
    keywords.require_shallow(node)
    with pytest.raises(OverLimit, match="XDM-1003"):
        keywords.require_shallow([[[node]]])


def test_what_plays_no_part_may_be_of_any_form() -> None:
    odd = {"type": "string", "properties": [1], "items": {"$ref": "odd"}, "required": 1}
    document = {
        "type": "object",
        "properties": {
            "text": {"allOf": [odd, odd]},
            "list": {"type": "array", "items": True, "properties": 1},
            "map": {"type": "object", "additionalProperties": {}, "items": {"$ref": "odd"}},
            "thing": {"type": "object", "properties": {}, "items": {"$ref": "#/properties/thing"}},
        },
        "items": 1,
    }
    full = shown.resolved(document, {})
    assert full["properties"]["text"] == {"type": "string", "required": 1}
    assert full["properties"]["thing"] == {"type": "object", "properties": {}}
