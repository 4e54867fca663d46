"""Values of properties, by name or path."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.calls.properties import value_at


@pytest.mark.parametrize(
    ("properties", "name", "value"),
    [
        ({"a": 1}, "a", 1),
        ({"a": {"b": 1}}, "a.b", 1),
        ({"a.b": 1}, "a.b", 1),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": {"b.c": 1}}, "a.b.c", 1),
        ({"a": {"b": {"c": 1}}, "a.b": {"c": 2}}, "a.b.c", 1),
        ({"a": [{"b": 1}]}, "a.b", "none"),
        ({"a": {"b": 1}}, "a.c", "none"),
        ({"a": 1}, "a.b", "none"),
        ({"a": None}, "a", None),
        ({"": {"": 1}}, ".", 1),
        ([{"a": 1}], "a", "none"),
        (None, "a", "none"),
    ],
)
def test_a_name_may_hold_dots_or_be_a_path(properties: Any, name: str, value: Any) -> None:
    assert value_at(properties, name, "none") == value
