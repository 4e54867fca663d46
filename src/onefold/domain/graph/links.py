"""Links: which two identities were seen together, when first and last, and by which dataset.

Source: identity contract, section 6, rules 3 and 4.
"""

from __future__ import annotations

from collections.abc import Set
from itertools import combinations

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.errors import Defect


class Link(msgspec.Struct, frozen=True, gc=False):
    """Two identities that one dataset named in the same record; `a` is the smaller XID."""

    a: Xid
    b: Xid
    dataset: str
    first_ms: int
    last_ms: int


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """The linkable identities of one record, at the record's time. Fewer than two link nothing."""

    xids: tuple[Xid, ...]
    dataset: str
    at_ms: int


def pairs(sighting: Sighting) -> list[tuple[Xid, Xid]]:
    """Every pair of distinct identities of one record, once, smaller XID first, in order."""
    xids = sighting.xids
    if len(xids) == 2:  # by far the most frequent; spares the set and the sort
        a, b = xids
        return [(a, b)] if a < b else [(b, a)] if b < a else []
    return list(combinations(sorted(set(xids)), 2))


def uncut(sighting: Sighting, cuts: Set[tuple[Xid, Xid]]) -> list[Sighting]:
    """The sighting without the pairs that are cut: itself if none of its pairs is, else each pair
    that is left, for itself, in order.

    cuts: pairs that must not link, smaller XID first. Two identities of a cut pair may still be
    linked through a third.
    """
    if not cuts:
        return [sighting]
    seen = pairs(sighting)
    left = [pair for pair in seen if pair not in cuts]
    if len(left) == len(seen):
        return [sighting]
    return [Sighting(pair, sighting.dataset, sighting.at_ms) for pair in left]


def mesh(sighting: Sighting) -> list[Link]:
    """Every pair of one record's identities as a link of that record alone.

    At most 190 links for the 20 identities that a record may link.
    Source: identity contract, section 6, rule 3 ("link every pair").
    """
    dataset, at_ms = sighting.dataset, sighting.at_ms
    return [Link(a, b, dataset, at_ms, at_ms) for a, b in pairs(sighting)]


def combined(x: Link, y: Link) -> Link:
    """What two sightings of one pair by one dataset amount to: the first and the last time.

    Raises Defect if the two are not of the same pair and dataset.
    """
    if (x.a, x.b, x.dataset) != (y.a, y.b, y.dataset):
        raise Defect("links of different pairs or datasets cannot be combined")
    return Link(x.a, x.b, x.dataset, min(x.first_ms, y.first_ms), max(x.last_ms, y.last_ms))
