"""The selector of projections, and what follows from their definitions."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from onefold.domain.profile.merge_policy import default_policy
from onefold.domain.profile.project import projection_selector, selected, united
from onefold.domain.profile.projection import Configuration, Destination, Edge, edges
from onefold.errors import Malformed

ENTITY = {
    "person": {"firstName": "A", "lastName": "Smith"},
    "addresses": [{"type": "home", "city": {"name": "SJ", "country": "US"}}],
}
POLICY = replace(default_policy("edge", 0), active_on_edge=True)
TO = Destination(id="to", data_centers=("OR2",))
GREETING = Configuration(id="1", name="greeting", selector="person", destination_id="to")


def test_the_worked_example() -> None:
    """Source: profile contract, 6.3."""
    found = selected(ENTITY, projection_selector("person.lastName,addresses.city"))
    assert found == {
        "person": {"lastName": "Smith"},
        "addresses": [{"city": {"name": "SJ", "country": "US"}}],
    }


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("addresses(type,city.country)", "addresses.type,addresses.city.country"),
        ("a(b(c,d),e),f", "a.b.c,a.b.d,a.e,f"),
        ("a.b(c)", "a.b.c"),
        ("a(b.c(d.e))", "a.b.c.d.e"),
        ("a(b),a(c)", "a.b,a.c"),
        ("a(b),a", "a"),
        ("a,a(b)", "a"),
    ],
)
def test_parentheses_stand_for_repeated_parents(short: str, long: str) -> None:
    assert projection_selector(short) == projection_selector(long)


@pytest.mark.parametrize(
    "text",
    [
        *("", ",", "a,", ",a", "a,,b", "a b", "a, b", ".a", "a.", "a..b"),
        *("(", ")", "()", "(a)", "a(", "a)", "a()", "a(b", "a(b))", "a(b,)", "a(,b)", "a((b))"),
        *("a(b)c", "a(b)(c)", "a\n", "a" * 20_001, ".".join("a" * 33), "a(" * 33 + "a" + ")" * 33),
        ",".join(f"a{number}" for number in range(501)),
    ],
)
def test_what_the_grammar_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        projection_selector(text)
    assert (caught.value.code, caught.value.at) == ("PRJ-1003", "selector")


def test_the_largest_selectors_are_taken() -> None:
    projection_selector(",".join(f"a{number}" for number in range(500)))
    projection_selector(".".join("a" * 32))


def test_what_is_united_selects_all_of_each() -> None:
    parts = [projection_selector(text) for text in ("a.b,c", "a.d.e,c.x", "a.d")]
    assert united(parts) == projection_selector("a(b,d),c")


def test_a_projection_goes_by_the_policy_on_the_edge_unless_it_names_one() -> None:
    other = replace(POLICY, id="other", active_on_edge=False)
    policies = {"edge": POLICY, "other": other}
    named = replace(GREETING, id="2", merge_policy_id="other")
    gone = replace(GREETING, id="3", merge_policy_id="gone")
    made = edges([TO], [GREETING, named, gone], policies, other)["to"]
    assert [one.policy.id for one in made.projections] == ["edge", "other"]
    off = {"other": other, "edge": replace(POLICY, active_on_edge=False)}
    assert [one.policy.id for one in edges([TO], [GREETING], off, other)["to"].projections] == [
        "other"
    ]
    assert edges([TO], [GREETING], {}, None)["to"].projections == ()


def test_the_shape_changes_with_whatever_entries_are_made_of_and_nothing_else() -> None:
    def shape(to: Destination = TO, one: Configuration = GREETING, **policy: object) -> str:
        made: Edge = edges([to], [one], {"edge": replace(POLICY, **policy)}, None)["to"]
        return made.shape

    same = shape()
    assert shape(replace(TO, ttl=700, version=9)) == same
    assert shape(one=replace(GREETING, name="hello", version=3)) == same
    assert shape(name="x", updated_s=7) == same
    assert shape(replace(TO, replication="PROACTIVE")) != same
    assert shape(one=replace(GREETING, selector="person.name")) != same
    assert shape(identity_graph="none") != same


def test_a_pipeline_destination_has_no_projections() -> None:
    made = edges([replace(TO, type="PIPELINE")], [GREETING], {"edge": POLICY}, None)["to"]
    assert made.projections == ()
