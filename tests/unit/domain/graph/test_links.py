"""Links of one record, and two sightings of one pair."""

from __future__ import annotations

import pytest

from onefold.domain.graph.links import Link, Sighting, combined, mesh, uncut
from onefold.domain.identity.identity import Xid
from onefold.errors import Defect

A, B, C, D = Xid("a"), Xid("b"), Xid("c"), Xid("d")


def test_mesh_links_every_pair_once_smaller_first():
    assert mesh(Sighting((C, A, B, A), "set", 7)) == [
        Link(A, B, "set", 7, 7),
        Link(A, C, "set", 7, 7),
        Link(B, C, "set", 7, 7),
    ]


@pytest.mark.parametrize(
    ("xids", "pairs"), [((), 0), ((A,), 0), ((A, A), 0), ((A, B), 1), ((B, A), 1)]
)
def test_mesh_of_fewer_than_two_identities_is_empty(xids, pairs):
    assert mesh(Sighting(xids, "set", 7)) == [Link(A, B, "set", 7, 7)] * pairs


def test_combined_keeps_the_first_and_the_last_time():
    assert combined(Link(A, B, "set", 3, 5), Link(A, B, "set", 1, 4)) == Link(A, B, "set", 1, 5)


@pytest.mark.parametrize("other", [Link(A, C, "set", 1, 1), Link(A, B, "other", 1, 1)])
def test_different_links_cannot_be_combined(other):
    with pytest.raises(Defect):
        combined(Link(A, B, "set", 1, 1), other)


def test_a_sighting_without_cut_pairs_stays_whole() -> None:
    seen = Sighting((A, B, C), "ds", 7)
    assert uncut(seen, set()) == [seen]
    assert uncut(seen, {(A, D)}) == [seen]


def test_a_cut_sighting_falls_into_the_pairs_that_are_left() -> None:
    assert uncut(Sighting((C, A, B), "ds", 7), {(A, B)}) == [
        Sighting((A, C), "ds", 7),
        Sighting((B, C), "ds", 7),
    ]
    assert uncut(Sighting((B, A), "ds", 7), {(A, B)}) == []
