"""Whose fragments and events a merge policy admits. Source: profile contract, 4.5."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from onefold.domain.profile.fragment import SEGMENT_SOURCE
from onefold.domain.profile.merge_policy import MergePolicy, default_policy

TIME = default_policy("policy", 1644127126)
RANKED = replace(TIME, attribute_merge="dataSetPrecedence", order=("A", "E"))


def test_the_policy_that_a_sandbox_is_born_with():
    expected = MergePolicy(
        id="policy",
        name="Default Timebased",
        schema_name="_xdm.context.profile",
        version=1,
        identity_graph="pdg",
        attribute_merge="timestampOrdered",
        order=(),
        default=True,
        active_on_edge=True,
        updated_s=1644127126,
    )
    assert expected == TIME


def test_by_time_every_dataset_takes_part_whatever_the_order_says():
    policy = replace(TIME, order=("A",))
    assert policy.admits_record("B")
    assert policy.admits_event("F", frozenset(("A", "F")))


def test_by_precedence_record_datasets_have_to_be_listed():
    assert RANKED.admits_record("A")
    assert not RANKED.admits_record("B")
    assert RANKED.admits_record(SEGMENT_SOURCE)


@pytest.mark.parametrize(
    ("dataset", "event_datasets", "admitted"),
    [
        ("E", {"E", "F"}, True),
        ("F", {"E", "F"}, False),
        ("F", {"F", "G"}, True),
    ],
    ids=["listed", "another is listed", "none is listed"],
)
def test_by_precedence_events_are_of_listed_datasets_if_any_is(dataset, event_datasets, admitted):
    assert RANKED.admits_event(dataset, frozenset(event_datasets)) is admitted
