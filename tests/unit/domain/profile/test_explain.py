"""Explanations, rule by rule. That they tell of the merge itself: properties/test_explain.py."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.profile.explain import How, Leaf, Rule, explained
from onefold.domain.profile.fragment import SEGMENT_SOURCE, Fragment
from tests.unit.domain.profile.fragments import TIME, by_rank, fragment


def only_leaf(*fragments: Fragment, policy: Any = TIME) -> Leaf:
    (leaf,) = explained(fragments, policy).leaves
    return leaf


@pytest.mark.parametrize(
    ("loser", "policy", "rule"),
    [
        (fragment("A", 1, {"a": 1}), TIME, Rule.LATER_TIME),
        (fragment("A", 2, {"a": 1}, seq=0), TIME, Rule.LATER_RECORD),
        (fragment("A", 2, {"a": 1}, seq=1), TIME, Rule.FIXED),
        (fragment("B", 2, {"a": 1}, seq=1, xid="w"), TIME, Rule.FIXED),
        (fragment("A", 3, {"a": 1}), by_rank("B", "A"), Rule.RANK),
        (fragment("B", 1, {"a": 1}, xid="w"), by_rank("B", "A"), Rule.LATER_TIME),
    ],
)
def test_the_rule_names_what_tells_the_two_apart(loser, policy, rule):
    leaf = only_leaf(loser, fragment("B", 2, {"a": 2}, seq=1), policy=policy)
    assert (leaf.path, leaf.value, leaf.rule) == (("a",), 2, rule)
    assert [lost.fragment for lost in leaf.lost] == [loser]


def test_what_the_system_writes_ranks_above_every_dataset_of_a_list():
    leaf = only_leaf(
        fragment("A", 9, {"a": 1}),
        fragment(SEGMENT_SOURCE, 1, {"a": 2}),
        policy=by_rank("A"),
    )
    assert (leaf.value, leaf.rule) == (2, Rule.RANK)


def test_a_value_that_nobody_else_has_is_the_only_one():
    assert only_leaf(fragment("A", 1, {"a": 1})).rule is Rule.ONLY


def test_who_says_the_same_loses_and_agrees():
    leaf = only_leaf(fragment("A", 1, {"a": [1, True]}), fragment("B", 2, {"a": [1, True]}))
    assert [lost.agrees for lost in leaf.lost] == [True]
    leaf = only_leaf(fragment("A", 1, {"a": [1, 1]}), fragment("B", 2, {"a": [1, True]}))
    assert [lost.agrees for lost in leaf.lost] == [False]


@pytest.mark.parametrize(
    ("lost", "value", "how"),
    [
        (1, 2, How.VALUE),
        ([1], [2, 3], How.ARRAY),
        (1, [2], How.ARRAY),
        ({"b": 1}, 2, How.OBJECT),
        (1, {}, How.BY_OBJECT),
        ({}, {}, How.OBJECT),
    ],
)
def test_it_says_what_was_replaced_by_what(lost, value, how):
    leaf = only_leaf(fragment("A", 1, {"a": lost}), fragment("B", 2, {"a": value}))
    assert (leaf.value, leaf.lost[0].value, leaf.lost[0].how) == (value, lost, how)


def test_an_object_that_replaced_a_value_is_told_besides_its_leaves():
    """The first object is gone with all that it held, since a value stood in between."""
    leaves = explained(
        [
            fragment("A", 1, {"a": {"b": 1}}),
            fragment("B", 2, {"a": 5}),
            fragment("C", 3, {"a": {"c": 2}}),
        ],
        TIME,
    ).leaves
    assert [(one.path, one.is_object) for one in leaves] == [(("a",), True), (("a", "c"), False)]
    assert [(lost.value, lost.how) for lost in leaves[0].lost] == [
        (5, How.BY_OBJECT),
        ({"b": 1}, How.OBJECT),
    ]
    assert leaves[0].winner.dataset == "C"


def test_datasets_that_the_policy_leaves_out_are_listed():
    why = explained([fragment("A", 1, {"a": 1}), fragment("B", 2, {"a": 2})], by_rank("A"))
    assert [one.dataset for one in why.excluded] == ["B"]
    assert why.leaves[0].rule is Rule.ONLY


def test_of_memberships_the_newest_entry_counts_whatever_the_policy_says():
    def member(dataset: str, at_ms: int, day: int) -> Fragment:
        entry = {"status": "realized", "lastQualificationTime": f"2026-01-0{day}T00:00:00Z"}
        return fragment(dataset, at_ms, {"segmentMembership": {"ups": {"s": entry}}})

    leaf = only_leaf(member("A", 1, 2), member("B", 2, 1))
    assert leaf.path == ("segmentMembership", "ups", "s")
    assert (leaf.winner.dataset, leaf.rule) == ("A", Rule.NEWEST_ENTRY)
    assert only_leaf(member("A", 1, 1), member("B", 2, 1)).rule is Rule.LATER_TIME


def test_memberships_of_another_form_are_passed_over():
    odd = {"segmentMembership": {"ups": {"s": 1}, "aam": 2}, "userActivityRegions": []}
    assert explained([fragment("A", 1, odd)], TIME).leaves == []
