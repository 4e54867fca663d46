"""A raw value as the type of a field wants it.

What cannot be converted is data, not an error. Numbers and texts become each other; days and
moments come from ISO 8601 texts or from epoch milliseconds, which are longs: an integer that fits
into 32 bits is none, so seconds are not taken for milliseconds. Booleans and arrays are never
converted. Source: ingestion contract, 6, "Type conversion".
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import msgspec

from onefold.domain.xdm.types import INTEGER_RANGE, INTEGERS, JSON, Field, XdmType
from onefold.domain.xdm.values import is_day, is_instant

DIGITS_MAX = 400
"""Characters of a text that may be read as a number."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NAMES = {str: "String", bool: "Boolean", float: "Double", dict: "Map", list: "Array"}


class Impossible(msgspec.Struct, frozen=True):
    """Why a value cannot be converted; never the value itself."""

    detail: str


def converted(value: JSON, field: Field) -> JSON | Impossible:
    """The value in the field's type, or why that cannot be. value: not null.

    What is inside objects and arrays stays as it is. Choices, bounds and patterns of the field are
    not looked at: that is validation.
    """
    wanted = field.xdm_type
    if wanted in (XdmType.OBJECT, XdmType.MAP):
        return value if isinstance(value, dict) else _impossible(value, wanted)
    if wanted is XdmType.ARRAY:
        return value if isinstance(value, list) else _impossible(value, wanted)
    if wanted is XdmType.BOOLEAN:
        return value if isinstance(value, bool) else _impossible(value, wanted)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _impossible(value, wanted)
    if wanted is XdmType.STRING:
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if wanted in INTEGERS:
        return _whole(value, wanted)
    if wanted is XdmType.NUMBER:
        return _number(value, wanted)
    return _moment(value, wanted)


def _whole(value: str | int | float, wanted: XdmType) -> JSON | Impossible:
    if isinstance(value, str):
        text = value.strip()
        if len(text) > DIGITS_MAX or _WHOLE.fullmatch(text) is None:
            return _impossible(value, wanted)
        value = int(text)
    elif isinstance(value, float):
        if not value.is_integer():
            return Impossible(f"A fraction cannot be converted to {wanted}")
        value = int(value)
    low, high = INTEGER_RANGE[wanted]
    return value if low <= value <= high else Impossible(f"The number is too large for {wanted}")


def _number(value: str | int | float, wanted: XdmType) -> JSON | Impossible:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) > DIGITS_MAX or _NUMBER.fullmatch(text) is None:
        return _impossible(value, wanted)
    number = float(text)
    return number if math.isfinite(number) else Impossible(f"The number is too large for {wanted}")


def _moment(value: str | int | float, wanted: XdmType) -> JSON | Impossible:
    """A `date` or `date-time`, of UTC when it comes from epoch milliseconds."""
    fits = is_day if wanted is XdmType.DATE else is_instant
    if isinstance(value, str):
        if fits(value):
            return value
        if len(value) > DIGITS_MAX or _WHOLE.fullmatch(value) is None:
            return _impossible(value, wanted)
        value = int(value)
    if isinstance(value, float) or _width(value) != "Long":
        return _impossible(value, wanted)
    try:
        text = (_EPOCH + timedelta(milliseconds=value)).isoformat(timespec="milliseconds")
    except OverflowError:
        return Impossible(f"The number is too large for {wanted}")
    return text[:10] if wanted is XdmType.DATE else text[:23] + "Z"


def _width(value: int) -> str:
    low, high = INTEGER_RANGE[XdmType.INT]
    return "Integer" if low <= value <= high else "Long"


def _impossible(value: JSON, wanted: XdmType) -> Impossible:
    name = _width(value) if type(value) is int else _NAMES[type(value)]
    return Impossible(f"{name} cannot be converted to {wanted}")
