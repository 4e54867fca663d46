"""Conversion of raw values to the types of fields. Source: ingestion contract, 6."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.xdm.convert import DIGITS_MAX, Impossible, converted
from onefold.domain.xdm.types import Field, XdmType

STAMP_MS = 1_526_283_801_869


@pytest.mark.parametrize(
    ("value", "to", "answer"),
    [
        ("x", "string", "x"),
        (7, "string", "7"),
        (1.5, "string", "1.5"),
        ("7", "int", 7),
        (" -7 ", "long", -7),
        (7.0, "short", 7),
        (127, "byte", 127),
        ("1.5e2", "number", 150.0),
        (".5", "number", 0.5),
        (7, "number", 7),
        (1.5, "number", 1.5),
        ("2018-05-14", "date", "2018-05-14"),
        (STAMP_MS, "date", "2018-05-14"),
        (str(STAMP_MS), "date", "2018-05-14"),
        (-STAMP_MS, "date", "1921-08-20"),
        ("2018-05-14T07:43:21Z", "date-time", "2018-05-14T07:43:21Z"),
        (STAMP_MS, "date-time", "2018-05-14T07:43:21.869Z"),
        (True, "boolean", True),
        ({"a": 1}, "object", {"a": 1}),
        ({"a": 1}, "map", {"a": 1}),
        ([1], "array", [1]),
    ],
)
def test_what_can_be_converted_is(value: Any, to: str, answer: Any) -> None:
    found = converted(value, Field(XdmType(to)))
    assert found == answer
    assert type(found) is type(answer)


@pytest.mark.parametrize(
    ("value", "to", "detail"),
    [
        (True, "string", "Boolean"),
        ([], "string", "Array"),
        ({}, "string", "Map"),
        ("true", "boolean", "String"),
        (1, "boolean", "Integer"),
        (True, "int", "Boolean"),
        ("1.5", "int", "String"),
        ("one", "int", "String"),
        ("1_000", "int", "String"),
        ("9" * (DIGITS_MAX + 1), "int", "String"),
        (1.5, "int", "A fraction"),
        (128, "byte", "too large"),
        (str(2**63), "long", "too large"),
        ("nan", "number", "String"),
        ("1e999", "number", "too large"),
        ("9" * (DIGITS_MAX + 1), "number", "String"),
        ("tomorrow", "date", "String"),
        ("2018-02-30", "date", "String"),
        ("2018-05-14T07:43:21Z", "date", "String"),
        ("2018-05-14", "date-time", "String"),
        (1_526_283_801, "date-time", "Integer"),
        ("1526283801", "date-time", "Integer"),
        (1.5e12, "date-time", "Double"),
        (10**17, "date-time", "too large"),
        (10**300, "date", "too large"),
        (True, "date", "Boolean"),
        ("x", "object", "String"),
        ([], "map", "Array"),
        ({}, "array", "Map"),
        (2**40, "array", "Long"),
    ],
)
def test_what_cannot_be_converted_is_told_without_the_value(
    value: Any, to: str, detail: str
) -> None:
    found = converted(value, Field(XdmType(to)))
    assert isinstance(found, Impossible)
    assert detail in found.detail
