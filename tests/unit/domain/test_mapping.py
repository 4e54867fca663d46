"""Mappings: paths, what they make of raw objects, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.mapping import RULES_MAX, Mapping, Misfit, compiled, steps_of
from onefold.domain.xdm.types import Field, XdmType
from onefold.errors import Malformed, OverLimit

TEXT, WHOLE = Field(XdmType.STRING), Field(XdmType.INT)
MAIL = Field(XdmType.OBJECT, properties={"address": TEXT, "rank": WHOLE})
ROOT = Field(
    XdmType.OBJECT,
    properties={
        "name": Field(XdmType.OBJECT, properties={"first": TEXT, "last": TEXT}),
        "age": WHOLE,
        "a.b": TEXT,
        "mails": Field(XdmType.ARRAY, items=MAIL),
        "bag": Field(XdmType.ARRAY),
        "map": Field(XdmType.MAP, values=Field(XdmType.ARRAY, items=TEXT)),
    },
)


def mapping(**pairs: str) -> Mapping:
    """A mapping; `__` in the name of an attribute stands for a dot."""
    return compiled(ROOT, [(name.replace("__", "."), to) for name, to in pairs.items()])


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("a[0].b[1][2]", ("a", 0, "b", 1, 2)),
        ("`a.b`.c", ("a.b", "c")),
        ("first name.ü", ("first name", "ü")),
    ],
)
def test_paths_are_read(text: str, steps: tuple[str | int, ...]) -> None:
    assert steps_of(text, "") == steps


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "[0]", "a[1000]", "a[0]b", "a." * 64 + "a"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="CTL-1008"):
        steps_of(text, "")


@pytest.mark.parametrize("to", ["no", "name.no", "name[0]", "mails.address", "bag[0]", "age.x"])
def test_a_destination_that_the_schema_does_not_have_is_refused(to: str) -> None:
    with pytest.raises(Malformed, match="The schema has no field") as refused:
        compiled(ROOT, [("x", "age"), ("y", to)])
    assert refused.value.at == "/mappings/1/destinationXdmPath"


def test_no_rules_too_many_and_overlapping_ones_are_refused() -> None:
    with pytest.raises(Malformed, match="needs mappings"):
        compiled(ROOT, [])
    with pytest.raises(OverLimit, match="CTL-1008"):
        compiled(ROOT, [("x", f"map.k{number}") for number in range(RULES_MAX + 1)])
    for pairs in ([("x", "age"), ("y", "age")], [("x", "name"), ("y", "name.first")]):
        with pytest.raises(Malformed, match="CTL-1008"):
            compiled(ROOT, pairs)
        with pytest.raises(Malformed, match="CTL-1008"):
            compiled(ROOT, reversed(pairs))


def test_values_move_and_are_converted() -> None:
    made = mapping(n__first="name.first", years="age", last="name.last")
    raw = {"n": {"first": 7}, "years": "40", "last": None, "other": 1}
    assert made.applied(raw) == ({"name": {"first": "7"}, "age": 40}, [])
    assert made.applied(raw, nulls=True).entity["name"] == {"first": "7", "last": None}


@pytest.mark.parametrize("raw", [{}, {"n": 1}, {"n": []}, {"n": {"x": 1}}, {"n": [[]]}])
def test_absent_attributes_write_nothing(raw: Any) -> None:
    made = compiled(ROOT, [("n.first", "name.first"), ("n[0].x", "age")])
    assert made.applied(raw) == ({}, [])


def test_arrays_are_built_without_gaps() -> None:
    made = compiled(
        ROOT,
        [
            ("b", "mails[2].address"),
            ("a[1]", "mails[0].address"),
            ("r", "mails[2].rank"),
            ("none", "mails[1].rank"),
            ("k", "map.Key[0]"),
        ],
    )
    answer, misfits = made.applied({"a": [0, "x"], "b": "y", "r": 3, "k": "v"})
    assert answer == {
        "mails": [{"address": "x"}, {"address": "y", "rank": 3}],
        "map": {"Key": ["v"]},
    }
    assert misfits == []


def test_objects_and_arrays_move_as_they_are() -> None:
    made = compiled(ROOT, [("n", "name"), ("m", "mails"), ("d", "`a.b`")])
    raw = {"n": {"first": 1, "x": {}}, "m": [{"rank": "1"}], "d": "e"}
    assert made.applied(raw).entity == {"name": raw["n"], "mails": raw["m"], "a.b": "e"}


def test_what_cannot_be_converted_is_told_and_left_out() -> None:
    made = mapping(n__first="name.first", years="age", mail="mails[0].rank")
    answer, misfits = made.applied({"n": {"first": True}, "years": "old", "mail": []})
    assert answer == {}
    assert misfits == [
        Misfit("/name/first", "Boolean cannot be converted to string"),
        Misfit("/age", "String cannot be converted to int"),
        Misfit("/mails/0/rank", "Array cannot be converted to int"),
    ]
