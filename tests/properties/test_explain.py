"""Laws of explanations: they tell of the very merge that lookups answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.explain import Rule, explained
from onefold.domain.profile.fragment import STAMPS, Fragment
from onefold.domain.profile.merge import belief, merged
from onefold.domain.profile.stamped import effective_ms, stamped_into
from tests.properties import strategies as any_


def called(entity: dict[str, Any]) -> Fragment:
    """The fragment of somebody of whom one call has told."""
    body = stamped_into(None, entity)
    at_ms, stamps = effective_ms(body, 9), body.pop(STAMPS)
    return Fragment(Xid("caller"), "Traits", 4, 9, at_ms, "e", body, stamps)


calls = st.lists(any_.stamped_records().map(called), max_size=1)
said = st.builds(lambda calls, others: [*calls, *others], calls, any_.fragments)
"""What calls and records say of one person."""


def reassembled(leaves: Any) -> dict[str, Any]:
    """An object of the winners alone."""
    answer: dict[str, Any] = {}
    for leaf in leaves:
        if leaf.is_object:
            continue
        *above, last = leaf.path
        place = answer
        for key in above:
            place = place.setdefault(key, {})
        place[last] = leaf.value
    return answer


@given(said, any_.policies)
def test_the_winners_put_together_are_the_merged_profile(fragments, policy):
    assert reassembled(explained(fragments, policy).leaves) == merged(fragments, policy)


@given(said, any_.policies)
def test_every_winner_says_what_is_believed(fragments, policy):
    for leaf in explained(fragments, policy).leaves:
        said: Any = leaf.winner.attributes
        for key in leaf.path:
            said = said[key]
        assert said == leaf.value or leaf.is_object


@given(said, any_.policies)
def test_nobody_who_lost_is_believed_more_than_the_winner(fragments, policy):
    order = belief(policy)
    for leaf in explained(fragments, policy).leaves:
        assert (leaf.rule is Rule.ONLY) == (not leaf.lost)
        for lost in leaf.lost:
            if lost.rule is not Rule.NEWEST_ENTRY:
                assert order(lost.fragment) < order(leaf.winner)


@given(said, any_.policies)
def test_every_fragment_is_admitted_or_listed_as_left_out(fragments, policy):
    excluded = explained(fragments, policy).excluded
    assert {(one.dataset, one.xid) for one in excluded} == {
        (one.dataset, one.xid) for one in fragments if not policy.admits_record(one.dataset)
    }


@given(said, any_.policies)
def test_explanations_ignore_the_order_of_fragments(fragments, policy):
    assert explained(fragments[::-1], policy) == explained(fragments, policy)
