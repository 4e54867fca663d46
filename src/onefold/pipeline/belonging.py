"""Belonging: whose a record is that names several people's identities.

Where people hand devices over, a record that names a person by a name of a unique namespace is that
person's alone, and so is one that was handed over to that person; any other is of every identity
that it names. Elsewhere every record is. The rule is `LinkingRules.owning`; here it meets the
store. Source: Intilery contract, 11.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader
from onefold.store.tables import sightings
from onefold.store.tables.sightings import Seen


class Split(NamedTuple):
    """The sightings that name some people, by record number. theirs: of their own records; others:
    of those of somebody else. A record without any names its owner alone, whose it is."""

    theirs: list[Seen]
    others: list[Seen]

    @property
    def numbers(self) -> set[int]:
        """The numbers of the records of somebody else."""
        return {one.seq for one in self.others}

    @property
    def shared(self) -> set[tuple[Xid, str]]:
        """(owner, dataset) of the records of somebody else."""
        return {(one.owner, one.source) for one in self.others}


def owning(rules: LinkingRules | None, named: Iterable[Xid]) -> set[Xid]:
    """Those of the identities of one record whose the record is."""
    every = set(named)
    if rules is None or not rules.hands_over:
        return every
    of = {xids.decode(xid): xid for xid in every}
    return {of[one] for one in rules.owning(of.keys())}


def split(
    reader: Reader,
    rules: LinkingRules | None,
    below: Mapping[Xid, int],
    *,
    of: Sequence[Xid] | None = None,
) -> Split:
    """What is seen of the identities of people by records with numbers below those given. of: only
    what names one of these. Cost: as of `sightings.of`, and where devices are handed over some 5 µs
    for each identity of each."""
    theirs: list[Seen] = []
    others: list[Seen] = []
    for one in sightings.of(reader, sorted(below) if of is None else of):
        named = {one.owner, *one.named}
        if not _is_below(one, named, below):
            continue
        ours = _is_below(one, owning(rules, named), below)
        (theirs if ours else others).append(one)
    return Split(theirs, others)


def unnamed(theirs: Iterable[Seen], people: Mapping[Xid, object]) -> list[Seen]:
    """Those of people's records that name none of them: what devices had brought before they were
    handed over to others."""
    return [
        one
        for one in theirs
        if one.owner in people and one.named and people.keys().isdisjoint(one.named)
    ]


def _is_below(one: Seen, named: Iterable[Xid], below: Mapping[Xid, int]) -> bool:
    return any(one.seq < below.get(xid, 0) for xid in named)
