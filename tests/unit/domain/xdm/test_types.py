"""The XDM type of a node of a document."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.xdm.types import Field, XdmType, descendants, xdm_type_of
from onefold.errors import Malformed


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"type": "string", "format": "uri"}, "string"),
        ({"type": "string", "format": ["date"]}, "string"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "number"}, "number"),
        ({"type": "integer"}, "long"),
        ({"type": "integer", "minimum": 0}, "long"),
        ({"type": "integer", "minimum": -128, "maximum": 128}, "byte"),
        ({"type": "integer", "minimum": -32768, "maximum": 32768}, "short"),
        ({"type": "integer", "minimum": -2147483648, "maximum": 2147483648}, "int"),
        ({"type": "integer", "minimum": 0, "maximum": 2**40}, "long"),
        ({"type": "integer", "minimum": "0", "maximum": True}, "long"),
        ({"type": "number", "meta:xdmType": "int"}, "int"),
        ({"type": "object", "properties": {}}, "object"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "map"),
        ({"type": "object", "additionalProperties": True}, "object"),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": {}}, "object"),
        ({"type": "array"}, "array"),
        ({"items": {}}, "array"),
        ({"properties": {}}, "object"),
        ({"required": ["a"]}, "object"),
        ({"additionalProperties": {}}, "map"),
        ({"meta:xdmType": "date"}, "date"),
        ({"type": "object", "meta:xdmType": "map"}, "map"),
    ],
)
def test_the_type_is_derived(node: dict[str, Any], expected: str) -> None:
    assert xdm_type_of(node, "") is XdmType(expected)


def test_a_node_may_state_no_type() -> None:
    assert xdm_type_of({"title": "Only a title"}, "") is None


@pytest.mark.parametrize(
    ("node", "at"),
    [
        ({"type": "text"}, "/x/type"),
        ({"type": ["string", "null"]}, "/x/type"),
        ({"type": "string", "meta:xdmType": "int"}, "/x/meta:xdmType"),
        ({"type": "string", "meta:xdmType": "text"}, "/x/meta:xdmType"),
        ({"meta:xdmType": ["string"]}, "/x/meta:xdmType"),
    ],
)
def test_unknown_and_contradicting_words_are_refused(node: dict[str, Any], at: str) -> None:
    with pytest.raises(Malformed) as caught:
        xdm_type_of(node, "/x")
    assert (caught.value.code, caught.value.at) == ("XDM-1005", at)


def test_descendants_are_the_field_and_all_below_it() -> None:
    leaf = Field(XdmType.STRING)
    tree = Field(
        XdmType.OBJECT,
        properties={
            "a": Field(XdmType.ARRAY, items=leaf),
            "m": Field(XdmType.MAP, values=Field(XdmType.ARRAY)),
        },
    )
    found = [field.xdm_type.value for field in descendants(tree)]
    assert found[0] == "object"
    assert sorted(found) == ["array", "array", "map", "object", "string"]
