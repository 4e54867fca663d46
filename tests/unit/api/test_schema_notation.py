"""Schemas, written for people."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.api.declared import ANY, NUMBER, TEXT, array, choice, either, keyed, record, whole
from onefold.api.schema_notation import written


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (ANY, "anything"),
        (TEXT, "string"),
        (whole(1, 9, 2), "integer 1 to 9, default 2"),
        (whole(0), "integer from 0"),
        (choice("a", "b"), '"a" | "b"'),
        ({"const": "404"}, '"404"'),
        (array(TEXT), "[string, …]"),
        (keyed(NUMBER), "{KEY: integer}"),
        ({"type": "object"}, "object"),
        (either(TEXT, NUMBER, TEXT), "string | integer"),
        ({"type": ["string", "null"]}, "string | null"),
        (record(a=TEXT, b=record(c=NUMBER)), "{a: string, b: {c: integer}}"),
        ({"type": "object", "properties": {"a": TEXT}}, "{a?: string}"),
    ],
)
def test_forms(schema: Any, text: str) -> None:
    assert written(schema, {}) == text


def test_long_objects_have_a_line_a_member() -> None:
    text = written(record(**{f"member{n}": TEXT for n in range(10)}), {})
    assert text.splitlines()[1] == "  member0: string,"


def test_a_schema_within_itself_is_not_followed() -> None:
    tree = record(children=array({"$ref": "#/components/schemas/Tree"}))
    document: Any = {"components": {"schemas": {"Tree": tree}}}
    assert written({"$ref": "#/components/schemas/Tree"}, document) == "{children: […, …]}"


def test_what_is_too_deep_is_left_out() -> None:
    schema = TEXT
    for _ in range(20):
        schema = record(a=schema)
    assert "…" in written(schema, {})
