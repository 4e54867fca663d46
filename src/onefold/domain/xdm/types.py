"""The node of a resolved schema, and the XDM type of a node of a schema document.

A schema document says things in many places (`allOf`, `$ref`, `definitions`); a `Field` tree says
each thing once. Everything behind `compose.py` works on `Field` trees only.
Source: platform contract, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec

from onefold.errors import Malformed

JSON = Any  # what json gives: dict[str, JSON] | list[JSON] | str | int | float | bool | None


class XdmType(StrEnum):
    """The twelve XDM types; the values are those of `meta:xdmType`."""

    STRING = "string"
    DATE = "date"
    DATE_TIME = "date-time"
    BOOLEAN = "boolean"
    BYTE = "byte"
    SHORT = "short"
    INT = "int"
    LONG = "long"
    NUMBER = "number"
    OBJECT = "object"
    ARRAY = "array"
    MAP = "map"


STRINGS = frozenset({XdmType.STRING, XdmType.DATE, XdmType.DATE_TIME})
INTEGERS = frozenset({XdmType.BYTE, XdmType.SHORT, XdmType.INT, XdmType.LONG})

INTEGER_RANGE = {
    XdmType.BYTE: (-(2**7), 2**7 - 1),
    XdmType.SHORT: (-(2**15), 2**15 - 1),
    XdmType.INT: (-(2**31), 2**31 - 1),
    XdmType.LONG: (-(2**63), 2**63 - 1),
}


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """One node of a resolved schema. Immutable; its dict is never changed after it was made.

    properties: of an object. items: of an array; None accepts any element. values: of a map; None
    accepts any value. required: names of `properties`, sorted. enum: empty when anything goes; only
    on strings and integers. closed: of an object; unknown keys are violations.
    """

    xdm_type: XdmType
    title: str = ""
    properties: dict[str, Field] = {}
    items: Field | None = None
    values: Field | None = None
    required: tuple[str, ...] = ()
    enum: tuple[str | int, ...] = ()
    pattern: str | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    closed: bool = True


def descendants(root: Field) -> Iterator[Field]:
    """The node and all nodes below it, parents first, in no other order that callers may use."""
    todo = [root]
    while todo:
        field = todo.pop()
        yield field
        todo.extend(field.properties.values())
        todo.extend(child for child in (field.items, field.values) if child is not None)


_OF_JSON_TYPE = {
    "string": STRINGS,
    "integer": INTEGERS,
    # A number may be narrowed to an integer by meta:xdmType: some tools write it so.
    "number": INTEGERS | {XdmType.NUMBER},
    "boolean": frozenset({XdmType.BOOLEAN}),
    "object": frozenset({XdmType.OBJECT, XdmType.MAP}),
    "array": frozenset({XdmType.ARRAY}),
}
_OF_FORMAT = {"date": XdmType.DATE, "date-time": XdmType.DATE_TIME}
_WIDTHS = ((XdmType.BYTE, 2**7), (XdmType.SHORT, 2**15), (XdmType.INT, 2**31))


def xdm_type_of(node: dict[str, JSON], at: str) -> XdmType | None:
    """The XDM type that one node of a schema document states; None if it states none.

    `meta:xdmType` wins where `type` allows it; else `type` with `format`, bounds and keywords
    decide. Raises Malformed XDM-1005, with `at`, if a word is unknown or the two disagree.
    Source: platform contract, section 5.
    """
    json_type, word = node.get("type"), node.get("meta:xdmType")
    if json_type is not None and not (isinstance(json_type, str) and json_type in _OF_JSON_TYPE):
        raise Malformed("XDM-1005", "`type` is not one of the known words.", at=f"{at}/type")
    if word is None:
        return None if json_type is None and not _tells(node) else _derived(node, json_type)
    if not (isinstance(word, str) and word in XdmType.__members__.values()):
        raise Malformed("XDM-1005", "`meta:xdmType` is no XDM type.", at=f"{at}/meta:xdmType")
    stated = XdmType(word)
    if json_type is not None and stated not in _OF_JSON_TYPE[json_type]:
        raise Malformed("XDM-1005", "`type` and `meta:xdmType` disagree.", at=f"{at}/meta:xdmType")
    return stated


def _tells(node: dict[str, JSON]) -> bool:
    return bool(node.keys() & {"properties", "items", "additionalProperties", "required"})


def _derived(node: dict[str, JSON], json_type: str | None) -> XdmType:
    if json_type == "string":
        text_format = node.get("format")
        return (
            _OF_FORMAT.get(text_format, XdmType.STRING)
            if isinstance(text_format, str)
            else XdmType.STRING
        )
    if json_type == "integer":
        return _width(node.get("minimum"), node.get("maximum"))
    if json_type in ("number", "boolean"):
        return XdmType(json_type)
    if json_type == "array" or (json_type is None and "items" in node):
        return XdmType.ARRAY
    is_map = isinstance(node.get("additionalProperties"), dict) and not node.get("properties")
    return XdmType.MAP if is_map else XdmType.OBJECT


def _width(minimum: JSON, maximum: JSON) -> XdmType:
    if type(minimum) in (int, float) and type(maximum) in (int, float):
        for xdm_type, bound in _WIDTHS:
            if -bound <= minimum and maximum <= bound:
                return xdm_type
    return XdmType.LONG
