"""Property filters: conditions on single fields of events, from the parameter `property`.

The schema plays no part, so the values decide how they are compared: as numbers if both sides are
numbers, as instants if both are dates or date-times, else by code points.

Source: profile contract, 3.5.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import msgspec

from onefold.domain.profile.event import timestamp_ms
from onefold.errors import Malformed

STEPS_MAX = 32
TEXT_MAX = 4096
"""Longest filter, in characters."""

_SPLIT = re.compile(r"([^=!<>]+)(!=|<=|>=|=|<|>)(.*)", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,99})(\.\d{1,99})?([eE][+-]?\d{1,3})?", re.ASCII)
_DATE = re.compile(r"(\d{4})(-?)(\d\d)\2(\d\d)", re.ASCII)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Value(msgspec.Struct, frozen=True, gc=False):
    """A scalar in every form in which it can be compared."""

    text: str
    number: int | float | None
    instant_ms: int | None


class PropertyFilter(msgspec.Struct, frozen=True):
    """One condition `path op value`."""

    path: tuple[str, ...]
    op: str
    value: _Value

    def matches(self, entity: dict[str, Any]) -> bool:
        """Whether the field compares so; through arrays, whether any of its elements does.

        A field that is absent, null or an object matches only `!=`.
        """
        absent = True
        for found in _found(entity, self.path, 0):
            absent = False
            if _compare(self.op, _value(found), self.value):
                return True
        return absent and self.op == "!="


def parse(text: str) -> PropertyFilter:
    """Read `path op value`, the value bare or in double quotes.

    The operators are `=`, `!=`, `<`, `<=`, `>` and `>=`. The first one after the path counts, so
    the value may hold others. A bare value must not be empty. Raises Malformed PRO-1002 for
    anything else, above 4096 characters or 32 steps.
    """
    if len(text) > TEXT_MAX:
        raise _malformed(f"is longer than {TEXT_MAX} characters")
    split = _SPLIT.fullmatch(text)
    if split is None:
        raise _malformed("is not of the form path, operator, value")
    path, op, value = split.groups()
    steps = tuple(path.split("."))
    if "" in steps or len(steps) > STEPS_MAX:
        raise _malformed(f"needs a dot path of at most {STEPS_MAX} steps")
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise _malformed("has a value without its closing quote")
        value = value[1:-1]
    elif not value:
        raise _malformed('has no value; for an empty string write ""')
    return PropertyFilter(steps, op, _value(value))


def _malformed(what: str) -> Malformed:
    return Malformed("PRO-1002", f"The parameter property {what}.", at="property")


def _found(value: Any, path: tuple[str, ...], depth: int) -> Iterator[str | int | float]:
    """The scalars at a path, from all elements of the arrays on the way."""
    if isinstance(value, list):
        for element in value:
            yield from _found(element, path, depth)
    elif isinstance(value, dict):
        if depth < len(path) and path[depth] in value:
            yield from _found(value[path[depth]], path, depth + 1)
    elif value is not None and depth == len(path):
        yield value


def _value(scalar: str | int | float) -> _Value:
    if isinstance(scalar, str):
        return _Value(scalar, _number(scalar), _instant_ms(scalar))
    if isinstance(scalar, bool):
        return _Value("true" if scalar else "false", None, None)
    return _Value(repr(scalar), scalar, None)


def _number(text: str) -> int | float | None:
    """The number that JSON would read; so a text with leading zeros stays a text."""
    number = _NUMBER.fullmatch(text)
    if number is None:
        return None
    return int(text) if number.group(1) is None and number.group(2) is None else float(text)


def _instant_ms(text: str) -> int | None:
    """Epoch ms of a date-time, or of the first moment (UTC) of a date."""
    day = _DATE.fullmatch(text)
    if day is None:
        return timestamp_ms(text)
    year, _, month, day_of_month = day.groups()
    try:
        days = date(int(year), int(month), int(day_of_month)).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    return days * 86_400_000


_EPOCH_DAY = date(1970, 1, 1).toordinal()


def _compare(op: str, field: _Value, value: _Value) -> bool:
    compare = _COMPARE[op]
    if field.number is not None and value.number is not None:
        return compare(field.number, value.number)
    if field.instant_ms is not None and value.instant_ms is not None:
        return compare(field.instant_ms, value.instant_ms)
    return compare(field.text, value.text)
