"""The merge, rule by rule. Source: profile contract, 4.7 and 4.8, and vectors 9 and 10 of 16."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from onefold.domain.profile.fragment import (
    ATTRIBUTE_SOURCE,
    SEGMENT_SOURCE,
    without_nulls,
)
from onefold.domain.profile.merge import merged
from tests.unit.domain.profile.fragments import TIME, by_rank, fragment

ROW_A = fragment("A", 1, {"a": 1, "b": 1, "arr": [1, 2]})
ROW_B = fragment("B", 2, {"b": 2, "arr": []})


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (TIME, {"a": 1, "b": 2, "arr": []}),
        (by_rank("A", "B"), {"a": 1, "b": 1, "arr": [1, 2]}),
        (by_rank("B", "A"), {"a": 1, "b": 2, "arr": []}),
        (by_rank("A"), {"a": 1, "b": 1, "arr": [1, 2]}),
        (by_rank("A", "B", "A"), {"a": 1, "b": 1, "arr": [1, 2]}),
        (by_rank("C"), {}),
    ],
)
def test_vector_9_two_datasets_differ(policy, expected):
    assert merged([ROW_B, ROW_A], policy) == expected


def test_vector_10_a_row_sent_again_without_a_field_takes_it_away():
    """Rows are replaced before the merge; only another dataset could still say it."""
    again = replace(ROW_A, effective_ms=3, attributes={"b": 3})
    assert merged([again, ROW_B], TIME) == {"b": 3, "arr": []}


def test_nothing_merges_to_nothing():
    assert merged([], TIME) == {}


def test_objects_merge_field_by_field():
    older = fragment("A", 1, {"core": {"ecid": "1", "email": "e"}, "loyalty": {"level": "Basic"}})
    newer = fragment("B", 2, {"core": {"ecid": "2"}, "flags": {"x": {"y": True}}})
    assert merged([older, newer], TIME) == {
        "core": {"ecid": "2", "email": "e"},
        "loyalty": {"level": "Basic"},
        "flags": {"x": {"y": True}},
    }


def test_nulls_are_left_out_of_what_is_stored_and_so_erase_nothing():
    older = without_nulls({"a": 1, "o": {"b": 2}, "n": None, "p": {"q": None}})
    newer = without_nulls(
        {"a": None, "o": {"b": None, "l": [1, None, [None], {"z": None, "y": [0]}]}}
    )
    assert merged([fragment("A", 1, older), fragment("B", 2, newer)], TIME) == {
        "a": 1,
        "o": {"b": 2, "l": [1, [], {"y": [0]}]},
        "p": {},
    }


def test_empty_and_falsy_values_count():
    older = fragment("A", 1, {"o": {}, "s": "x", "n": 1, "b": True, "l": [1]})
    newer = fragment("B", 2, {"s": "", "n": 0, "b": False, "l": [], "e": {}})
    assert merged([older, newer], TIME) == {
        "o": {},
        "s": "",
        "n": 0,
        "b": False,
        "l": [],
        "e": {},
    }


@pytest.mark.parametrize(("older", "newer"), [({"x": 1}, 5), (5, {"x": 1}), ([1], {}), ({}, [1])])
def test_of_different_kinds_the_later_stands_whole(older, newer):
    fragments = [fragment("A", 1, {"a": {"b": older}}), fragment("B", 2, {"a": {"b": newer}})]
    assert merged(fragments, TIME) == {"a": {"b": newer}}


def test_arrays_are_replaced_whole():
    items = [{"a": [1, {"b": "c"}], "o": {"p": 1.5}}]
    answer = merged([fragment("A", 1, {"l": [2, 3]}), fragment("B", 2, {"l": items})], TIME)
    assert answer == {"l": items}


@pytest.mark.parametrize(
    "winner",
    [
        fragment("A", 2, {"a": "won"}, seq=0, xid="a"),
        fragment("A", 1, {"a": "won"}, seq=2, xid="a"),
        fragment("C", 1, {"a": "won"}, seq=1, xid="a"),
        fragment("B", 1, {"a": "won"}, seq=1, xid="y"),
    ],
    ids=["time", "sequence", "dataset", "identity"],
)
def test_ties_are_broken_by_sequence_then_dataset_then_identity(winner):
    loser = fragment("B", 1, {"a": "lost"}, seq=1, xid="x")
    assert merged([winner, loser], TIME) == merged([loser, winner], TIME) == {"a": "won"}


def test_within_one_rank_time_decides():
    fragments = [fragment("A", 2, {"a": 2}, xid="x"), fragment("A", 1, {"a": 1}, xid="y")]
    assert merged(fragments, by_rank("A")) == {"a": 2}


def test_what_the_system_writes_stands_above_all_ranks():
    ours = fragment(ATTRIBUTE_SOURCE, 1, {"_t": {"ComputedAttributes": {"n": 3}}})
    theirs = fragment("A", 2, {"_t": {"ComputedAttributes": {"n": 0}, "x": 1}})
    assert merged([ours, theirs], by_rank("A")) == {"_t": {"ComputedAttributes": {"n": 3}, "x": 1}}


def test_of_memberships_the_newest_counts_whatever_the_policy_prefers():
    newest = {"status": "exited", "lastQualificationTime": "2022-02-09T20:38:33Z"}
    older = {"status": "existing", "lastQualificationTime": "2022-02-09T20:38:32Z"}
    timeless, wrong = {"status": "realized"}, {"lastQualificationTime": 7}
    system = {"ups": {"s1": newest, "s2": timeless}}
    record = {
        "ups": {"s1": older},
        "aam": {"s3": wrong, "s4": None, "s5": "text"},
        "none": None,
        "empty": {},
    }
    ours = fragment(SEGMENT_SOURCE, 1, {"segmentMembership": system})
    theirs = fragment("A", 2, {"segmentMembership": record})
    for policy in (TIME, by_rank("A")):
        assert merged([theirs, ours], policy) == {
            "segmentMembership": {"ups": {"s1": newest, "s2": timeless}, "aam": {"s3": wrong}}
        }
    assert merged([theirs, ours], by_rank()) == {"segmentMembership": system}


def test_of_memberships_of_one_time_the_later_fragment_counts():
    time = "2022-02-09T20:38:33Z"
    earlier, later = (
        {"segmentMembership": {"ups": {"s1": {"status": status, "lastQualificationTime": time}}}}
        for status in ("realized", "exited")
    )
    assert merged([fragment("A", 1, earlier), fragment("B", 2, later)], TIME) == later


def test_of_activity_regions_the_newest_counts():
    fragments = [
        fragment("A", 2, {"userActivityRegions": {"IRL1": {"captureTimestamp": "no time"}}}),
        fragment(
            "B",
            1,
            {
                "userActivityRegions": {
                    "IRL1": {"captureTimestamp": "2022-02-09T15:21:11Z"},
                    "VA6": {},
                }
            },
        ),
    ]
    assert merged(fragments, TIME) == {
        "userActivityRegions": {"IRL1": {"captureTimestamp": "2022-02-09T15:21:11Z"}, "VA6": {}}
    }


def test_placed_fields_are_left_out_when_they_say_nothing():
    row = fragment(
        "A",
        1,
        {
            "identityMap": {"Email": [{"id": "a@b"}]},
            "segmentMembership": {"ups": {}},
            "userActivityRegions": "nowhere",
            "a": {"identityMap": 1},
        },
    )
    assert merged([row], TIME) == {"a": {"identityMap": 1}}
    assert merged([replace(row, attributes={"segmentMembership": []})], TIME) == {}
