"""Laws of explanations: they tell of the very merge that lookups answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from onefold.domain.profile.explain import Rule, explained
from onefold.domain.profile.merge import belief, merged
from tests.properties import strategies as any_


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


@given(any_.fragments, any_.policies)
def test_the_winners_put_together_are_the_merged_profile(fragments, policy):
    assert reassembled(explained(fragments, policy).leaves) == merged(fragments, policy)


@given(any_.fragments, any_.policies)
def test_every_winner_says_what_is_believed(fragments, policy):
    for leaf in explained(fragments, policy).leaves:
        said: Any = leaf.winner.attributes
        for key in leaf.path:
            said = said[key]
        assert said == leaf.value or leaf.is_object


@given(any_.fragments, any_.policies)
def test_nobody_who_lost_is_believed_more_than_the_winner(fragments, policy):
    order = belief(policy)
    for leaf in explained(fragments, policy).leaves:
        assert (leaf.rule is Rule.ONLY) == (not leaf.lost)
        for lost in leaf.lost:
            if lost.rule is not Rule.NEWEST_ENTRY:
                assert order(lost.fragment) < order(leaf.winner)


@given(any_.fragments, any_.policies)
def test_every_fragment_is_admitted_or_listed_as_left_out(fragments, policy):
    excluded = explained(fragments, policy).excluded
    assert {(one.dataset, one.xid) for one in excluded} == {
        (one.dataset, one.xid) for one in fragments if not policy.admits_record(one.dataset)
    }


@given(any_.fragments, any_.policies)
def test_explanations_ignore_the_order_of_fragments(fragments, policy):
    assert explained(fragments[::-1], policy) == explained(fragments, policy)
