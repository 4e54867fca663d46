"""Computed traits: what definitions take of events, and what follows of it."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from onefold.domain.calls.computed import (
    CONDITIONS_MAX,
    EVENTS_MAX,
    KINDS,
    LISTED_MAX,
    OPERATORS,
    TRAITS_MAX,
    VALUE_BYTES_MAX,
    ComputedTrait,
    Group,
    checked,
    taken,
    value,
)
from onefold.errors import Malformed

JSON = Any
DAY = "2026-01-0{}T00:00:00Z"


def definition(kind: str = "event_counter", **said: JSON) -> dict[str, JSON]:
    of = {} if kind == "event_counter" else {"property": "p"}
    return {"name": "t", "kind": kind, "events": ["Order Completed"], **of, **said}


def trait(kind: str = "event_counter", **said: JSON) -> ComputedTrait:
    (one,) = checked([definition(kind, **said)])
    return one


def took(one: ComputedTrait, properties: JSON, action: str = "order_completed") -> str | None:
    found = taken([one], {"properties": properties}, action)
    if not found:
        return None
    ((id_, said),) = found
    assert id_ == one.id
    return said


def shown(kind: str, values: Sequence[JSON], times: Sequence[int] = ()) -> JSON:
    """A trait after events with these values of its property, the first one first."""
    one = trait(kind)
    groups: dict[str, Group] = {}
    for at_ms, said in zip(times or itertools.count(), values, strict=False):
        encoded = took(one, {"p": said})
        if encoded is not None:
            before = groups.get(encoded, Group(encoded, 0, at_ms, at_ms))
            groups[encoded] = Group(
                encoded,
                before.number + 1,
                min(before.first_ms, at_ms),
                max(before.last_ms, at_ms),
            )
    shuffled = list(groups.values())
    random.Random(7).shuffle(shuffled)
    return value(one, shuffled)


# What follows


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("event_counter", [None, 1, "a"], 3),
        ("sum", [1, 2, 2], 5),
        ("sum", [1, 2.5], 3.5),
        ("sum", [0.1] * 10, 1.0),
        ("sum", [1e100, 1, -1e100], 1.0),
        ("sum", [2**63, 1], 2**63 + 1),
        ("sum", [1e308, 1e308], None),
        ("sum", [1e308, 1e308, -1e308], 1e308),
        ("sum", [True, "1", [1], None, {}], None),
        ("sum", [True, "1", 4], 4),
        ("average", [1, 2], 1.5),
        ("average", [1, 3], 2),
        ("average", [2**62, 2**62 + 2], 2**62 + 1),
        ("average", [1.0, 3.0], 2.0),
        ("average", ["1"], None),
        ("minimum", [3, 1.5, 2], 1.5),
        ("maximum", [3, 1.5, 2], 3),
        ("maximum", [2**63 + 1, 2.0**63], 2**63 + 1),
        ("minimum", [1, 1.0], 1),
        ("most_frequent", ["a", "b", "b"], "b"),
        ("most_frequent", ["a", "b"], None),
        ("most_frequent", ["b", "b", "a", "a", "c"], "a"),
        ("most_frequent", ["é", "é", "z", "z"], "z"),
        ("most_frequent", ["a", "a", "Z", "Z"], "Z"),
        ("most_frequent", [10, 10, 9, 9], 10),
        ("most_frequent", [["a", "b"], ["b"]], "b"),
        ("most_frequent", [["a", "a"]], "a"),
        ("most_frequent", [[]], None),
        ("most_frequent", [True, True, "x"], True),
        ("unique_list", ["b", "a", "b"], ["b", "a"]),
        ("unique_list", [["b", "a"], ["c", "a", None]], ["a", "b", "c"]),
        ("unique_list", [1, "1", True, {"b": 1, "a": 2}, {"a": 2, "b": 1}], [1, "1", True]),
        ("unique_list", [[], None], None),
        ("unique_list_count", ["b", "a", "b"], 2),
        ("unique_list_count", [["b", "a"], "a"], 2),
        ("unique_list_count", [[], None], None),
    ],
)
def test_a_value_follows_from_what_was_taken(kind: str, values: list[JSON], expected: JSON) -> None:
    found = shown(kind, values)
    if isinstance(found, list) and isinstance(found[-1], dict):
        assert found.pop() == {"a": 2, "b": 1}
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_nothing_taken_is_no_value(kind: str) -> None:
    assert value(trait(kind), []) is None


@pytest.mark.parametrize("kind", ["first", "last"])
@pytest.mark.parametrize("said", ["a", 0, "", False, [1, 2], {"a": None}])
def test_first_and_last_are_what_their_event_says(kind: str, said: JSON) -> None:
    one = trait(kind)
    encoded = took(one, {"p": said})
    assert encoded is not None
    assert value(one, [Group(encoded, 1, 5, 5)]) == said


def test_what_came_at_one_time_is_listed_by_its_text() -> None:
    assert shown("unique_list", ["c", "b", "a", "d"], [1, 1, 1, 0]) == ["d", "a", "b", "c"]


def test_a_long_list_is_shown_in_part_and_counted_whole() -> None:
    values = [f"v{n}" for n in range(LISTED_MAX + 5)]
    assert shown("unique_list", values) == values[:LISTED_MAX]
    assert shown("unique_list_count", values) == LISTED_MAX + 5


@given(
    st.sampled_from(["sum", "average", "minimum", "maximum"]),
    st.lists(st.one_of(st.integers(-(2**70), 2**70), st.floats(-1e200, 1e200)), max_size=8),
    st.randoms(use_true_random=False),
)
def test_no_figure_depends_on_an_order(
    kind: str, numbers: list[int | float], chance: random.Random
) -> None:
    groups = [Group(json.encode(one).decode(), 1 + n % 3, 0, 0) for n, one in enumerate(numbers)]
    expected = value(trait(kind), groups)
    chance.shuffle(groups)
    assert value(trait(kind), groups) == expected


# What is taken


def test_only_track_and_page_calls_of_these_events_count() -> None:
    one = trait(events=["Order Completed", "page"])
    assert one.events == ("order_completed", "page")
    assert took(one, {}) == "null"
    assert took(one, {}, "page") == "null"
    assert took(one, {}, "order_refunded") is None
    assert taken([one], {}, "page") == ((one.id, "null"),)
    assert taken([one], None, "page") == ()


def test_what_says_nothing_of_the_property_gives_nothing() -> None:
    one = trait("last", property="cart.total")
    assert took(one, {"cart": {"total": 1}}) == "1"
    nothing: list[JSON] = [{"cart": {}}, {"cart": {"total": None}}, {}, None, [], "x"]
    for said in nothing:
        assert took(one, said) is None


def test_a_long_value_is_passed_over() -> None:
    fits = "x" * (VALUE_BYTES_MAX - 2)
    assert took(trait("last"), {"p": fits}) == f'"{fits}"'
    assert took(trait("last"), {"p": fits + "x"}) is None
    assert took(trait("unique_list"), {"p": [fits]}) is None
    assert took(trait(), {"p": fits + "x"}) == "null"


def test_one_definition_under_two_names_takes_once() -> None:
    two = checked([definition(name="a"), definition(name="b")])
    assert len({one.id for one in two}) == 1
    assert len(taken(two, {}, "order_completed")) == 1


def test_all_conditions_have_to_hold() -> None:
    both = [
        {"property": "p", "operator": "greater", "value": 1},
        {"property": "p", "operator": "less", "value": 3},
    ]
    one = trait("sum", conditions=both)
    assert [took(one, {"p": n}) for n in (1, 2, 3)] == [None, "2", None]


CASES: list[tuple[str, JSON, list[JSON], list[JSON]]] = [
    ("equals", "a", ["a", ["b", "a"]], ["A", "", 1, None, ["b"], {}]),
    ("equals", 1, [1, 1.0], ["1", True, None, 2]),
    ("equals", True, [True], [1, "true", False, None]),
    ("equals", "", [""], ["a", None, []]),
    ("not_equals", "a", ["b", 1, None, [], ["b"]], ["a", ["a", "b"]]),
    ("less", 2, [1, 1.9, [5, 1]], [2, "1", None, True]),
    ("less_or_equal", 2, [2, 2.0], [2.1, "2", None]),
    ("greater", 2, [3, 2**70], [2, "3", None, "2026-01-01"]),
    ("greater_or_equal", 2.5, [2.5, 3], [2, None]),
    ("contains", "b", ["abc", "b", ["x", "abc"]], ["a", "B", 1, None, []]),
    ("not_contains", "b", ["a", 1, None, []], ["abc", ["x", "abc"]]),
    ("starts_with", "ab", ["abc", "ab"], ["a", "bab", None, 1]),
    ("ends_with", "bc", ["abc", "bc"], ["c", "bca", None, 1]),
    ("exists", None, [0, "", False, [], {}], [None]),
    ("not_exists", None, [None], [0, "", False, []]),
    ("before_date", DAY.format(2), [DAY.format(1), "2026-01-01", 1767225600], [DAY.format(2)]),
    ("before_date", 1767312000, [DAY.format(1)], [DAY.format(2), "soon", None, True, 1.5]),
    ("after_date", "2026-01-02", [DAY.format(3), "2026-01-02 00:00:01"], [DAY.format(2), "x"]),
]


@pytest.mark.parametrize(("operator", "compared", "holding", "failing"), CASES)
def test_a_condition_holds_of_what_its_operator_says(
    operator: str, compared: JSON, holding: list[JSON], failing: list[JSON]
) -> None:
    condition = {"property": "q.r", "operator": operator}
    one = trait(conditions=[condition if compared is None else condition | {"value": compared}])
    for said in holding:
        assert took(one, {"q": {"r": said}}) == "null", said
    for said in failing:
        assert took(one, {"q": {"r": said}}) is None, said
    assert (took(one, {}) == "null") is operator.startswith("not_")


def test_every_operator_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(OPERATORS)


# Definitions


def test_a_definition_is_known_by_what_it_says_and_not_by_its_name() -> None:
    before = checked([definition(name="a"), definition("sum", name="b")], (), 1)
    ids = {one.name: one.id for one in before}
    assert len(set(ids.values())) == 2
    assert all(re.fullmatch("[0-9a-f]{16}", id_) for id_ in ids.values())
    after = checked([definition("sum", name="c"), definition(name="a")], before, 2)
    assert {one.name: one.id for one in after} == {"a": ids["a"], "c": ids["b"]}
    other = checked([definition("sum", name="b", property="q")], after, 3)
    assert other[0].id not in ids.values()


def test_a_definition_that_was_away_is_another_one() -> None:
    """Of what came meanwhile it has taken nothing."""
    (before,) = checked([definition()], (), 1)
    (after,) = checked([definition()], checked([], [before], 2), 3)
    assert after.id != before.id


def test_an_account_keeps_definitions_as_json() -> None:
    condition = {"property": "q", "operator": "equals", "value": 2**70}
    every = checked([definition(kind, name=kind, conditions=[condition]) for kind in KINDS])
    assert json.decode(json.encode(every), type=tuple[ComputedTrait, ...]) == every


def conditioned(**said: JSON) -> dict[str, JSON]:
    return definition(conditions=[{"property": "q", "operator": "equals", "value": 1} | said])


@pytest.mark.parametrize(
    ("said", "at", "says"),
    [
        ({}, "", "a list of objects"),
        ([definition(name=f"t{n}") for n in range(TRAITS_MAX + 1)], "", "25"),
        (["x"], "/0", "is an object"),
        ([definition(), definition()], "/1/name", "Two computed traits are called t"),
        ([definition(title="x")], "/0", "no title"),
        ([definition(window=7)], "/0", "waits for windowed aggregates"),
        ([definition(name=" ")], "/0/name", "1 to 256"),
        ([definition(name="x" * 257)], "/0/name", "1 to 256"),
        ([definition(name=None)], "/0/name", "1 to 256"),
        ([definition("median")], "/0/kind", "event_counter, sum"),
        ([definition() | {"kind": ["sum"]}], "/0/kind", "event_counter, sum"),
        ([definition(property="p")], "/0/property", "takes nothing"),
        ([definition("sum", property="")], "/0/property", "1 to 256"),
        ([definition("sum", property=1)], "/0/property", "1 to 256"),
        ([definition(events="page")], "/0/events", "a list of 20"),
        ([definition(events=[])], "/0/events", "names the events"),
        ([definition(events=["e"] * (EVENTS_MAX + 1))], "/0/events", "a list of 20"),
        ([definition(events=["page", 1])], "/0/events/1", "1 to 256"),
        ([definition(events=["Identify"])], "/0/events/0", "not of identify"),
        ([definition(events=["screen"])], "/0/events/0", "not of screen"),
        ([definition(conditions={})], "/0/conditions", "a list of 20"),
        (
            [definition(conditions=[{}] * (CONDITIONS_MAX + 1))],
            "/0/conditions",
            "a list of 20",
        ),
        ([definition(conditions=[1])], "/0/conditions/0", "is an object"),
        ([conditioned(window="7d")], "/0/conditions/0", "waits for windowed aggregates"),
        ([conditioned(days=7)], "/0/conditions/0", "no days"),
        ([conditioned(property="")], "/0/conditions/0/property", "1 to 256"),
        ([conditioned(operator="like")], "/0/conditions/0/operator", "equals, less"),
        ([conditioned(operator=None)], "/0/conditions/0/operator", "equals, less"),
        ([conditioned(value=None)], "/0/conditions/0/value", "a number, a truth value"),
        ([conditioned(value=[1])], "/0/conditions/0/value", "a number, a truth value"),
        ([conditioned(operator="not_equals", value={})], "/0/conditions/0/value", "a number, a"),
        ([conditioned(operator="less", value="1")], "/0/conditions/0/value", "a number"),
        ([conditioned(operator="less", value=True)], "/0/conditions/0/value", "a number"),
        ([conditioned(operator="contains")], "/0/conditions/0/value", "a text"),
        ([conditioned(operator="starts_with", value="")], "/0/conditions/0/value", "a text"),
        ([conditioned(operator="exists")], "/0/conditions/0/value", "no value"),
        ([conditioned(operator="after_date", value="soon")], "/0/conditions/0/value", "a date"),
        *[
            ([conditioned(operator=one)], "/0/conditions/0/operator", f"{one} moves with the clock")
            for one in ("within_last", "within_next", "before_last", "after_next")
        ],
    ],
)
def test_what_is_no_definition_is_refused_with_its_place(said: JSON, at: str, says: str) -> None:
    with pytest.raises(Malformed, match=re.escape(says)) as refused:
        checked(said)
    assert (refused.value.code, refused.value.at) == ("CTL-1008", at)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("name", "kind", "events", "property", "conditions"), anything),
    )
    | st.fixed_dictionaries(
        {"name": st.just("t"), "kind": st.sampled_from(sorted(KINDS)), "events": st.just(["e"])},
        optional={
            "property": anything,
            "conditions": st.lists(
                st.fixed_dictionaries(
                    {"property": st.just("p"), "operator": st.sampled_from(OPERATORS)},
                    optional={"value": anything},
                ),
                max_size=2,
            ),
        },
    ),
    anything,
)
def test_whatever_is_sent_is_understood_or_refused(said: JSON, property_: JSON) -> None:
    try:
        (one,) = checked([said])
    except Malformed:
        return
    taken([one], {"properties": {"p": property_}}, one.events[0])
