"""Schemas as columns: types, what is added later, and what columns cannot say."""

from __future__ import annotations

import pytest

from onefold.domain.xdm.types import Field, XdmType
from onefold.lake import columns
from onefold.lake.sql import dotted, quoted

TEXT = Field(XdmType.STRING)
LONG = Field(XdmType.LONG)


def thing(closed: bool = True, **properties: Field) -> Field:
    return Field(XdmType.OBJECT, properties=properties, closed=closed)


def many(items: Field | None) -> Field:
    return Field(XdmType.ARRAY, items=items)


def mapped(values: Field | None) -> Field:
    return Field(XdmType.MAP, values=values)


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (TEXT, "VARCHAR"),
        (LONG, "BIGINT"),
        (Field(XdmType.SHORT), "INTEGER"),
        (Field(XdmType.NUMBER), "DOUBLE"),
        (Field(XdmType.DATE_TIME), "TIMESTAMPTZ"),
        (many(thing(a=TEXT)), 'STRUCT("a" VARCHAR)[]'),
        (mapped(many(LONG)), "MAP(VARCHAR, BIGINT[])"),
        (thing(), "JSON"),
        (many(None), "JSON"),
        (mapped(None), "JSON"),
    ],
)
def test_every_field_has_a_type(field: Field, kind: str) -> None:
    assert columns.column_type(field) == kind


def test_names_are_quoted_whatever_they_hold() -> None:
    assert quoted('a"; DROP TABLE t; --') == '"a""; DROP TABLE t; --"'
    assert dotted("a", 'b"') == '"a"."b"""'


def test_what_only_a_schema_has_is_added_at_any_depth() -> None:
    root = thing(
        a=thing(old=TEXT, new=LONG),
        l=many(thing(old=TEXT, new=TEXT)),
        m=mapped(thing(new=TEXT)),
        n=TEXT,
    )
    present: dict[str, columns.Shape] = {
        "a": {"old": None},
        "l": {"element": {"old": None}},
        "m": {"value": {}},
        "gone": None,
    }
    assert list(columns.additions(root, present)) == [
        (("a", "new"), "BIGINT"),
        (("l", "element", "new"), "VARCHAR"),
        (("m", "value", "new"), "VARCHAR"),
        (("n",), "VARCHAR"),
    ]


def test_a_column_of_another_form_stays_as_it_is() -> None:
    assert list(columns.additions(thing(a=thing(b=TEXT)), {"a": None})) == []
    assert list(columns.additions(thing(a=many(thing(b=TEXT))), {"a": {"x": None}})) == []


@pytest.mark.parametrize(
    "root",
    [
        thing(name=TEXT, NAME=TEXT),
        thing(_SEQ=TEXT, _seq=TEXT),
        thing(closed=False, a=TEXT),
        thing(a=many(thing(closed=False, b=TEXT))),
        Field(XdmType.OBJECT, properties={"": TEXT}),
        thing(a=Field(XdmType.OBJECT, properties={"x\0y": TEXT, "z": TEXT})),
    ],
)
def test_columns_do_not_hold_names_that_differ_by_case_or_are_not_known(root: Field) -> None:
    assert not columns.is_whole(root)


@pytest.mark.parametrize(
    "root", [thing(a=TEXT, b=thing(A=TEXT)), thing(a=thing(closed=False)), thing(é=TEXT, É=TEXT)]
)
def test_columns_hold_the_rest(root: Field) -> None:
    assert columns.is_whole(root)
