"""Forget: what an order to delete people comes to when its turn has come.

The order names identities and no rows: it is worked out here, in the transaction that carries it
out, so nothing that arrived before it is missed, and a person is there whole or not at all. Source:
profile contract, 3.7; platform contract, 12.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from onefold.domain.graph.links import pairs
from onefold.domain.identity.identity import Xid
from onefold.domain.removal import Leaving, Removal
from onefold.pipeline.belonging import Split, split, unnamed
from onefold.store.engine import Transaction
from onefold.store.snapshot import Snapshot
from onefold.store.tables import (
    erasures,
    events,
    feed,
    finders,
    fragments,
    identities,
    links,
)
from onefold.store.tables.accounts import Account


def worked_out(transaction: Transaction, seq: int, order: Removal, snapshot: Snapshot) -> Removal:
    """The order with every row of its people instead of them; notes how many there are.

    Of these identities go their events, fragments and links; records of others that name one of
    them are undone; and identities are forgotten that nothing names any more. seq: of the order.
    An order that means what was before another number says so since something newer may be there,
    which stays. Cost: some 30 µs an event, with what the removal takes.

    Where devices are handed over, records that are another person's (belonging.py) stay, whatever
    they name; a device that they name stays known, and is of whom they say used it last.
    """
    people = {one.xid: one for one in order.people}
    below = {xid: one.number or seq for xid, one in people.items()}
    seen = split(transaction, snapshot.rules, below)
    staying, shared = seen.numbers, seen.shared
    owned = [
        row
        for xid in sorted(below)
        for row in events.below(transaction, xid, below[xid])
        if row[2] not in staying
    ]
    kept = [row for row in fragments.below(transaction, below) if row[2] not in staying]
    told = {xid for one in seen.others for xid in (one.owner, *one.named)}
    known = sorted(identities.clusters_of(transaction, sorted(below)).keys() - told)
    counted = _counted(transaction, people, owned, kept, seen)
    counted.update((people[xid].request, "identities") for xid in known)
    if snapshot.account is not None:
        counted += _indexed(transaction, people, owned, kept, known)
        _note_unnamed(transaction, snapshot.account, people, owned, seen)
    erasures.add(transaction, counted)
    others = [one for one in seen.theirs if one.owner not in below]
    ids = {seq: name for _, name, seq in events.among(transaction, [one.seq for one in others])}
    records = [
        *order.records,
        *[
            (one.owner, one.source, ids.get(one.seq, ""), one.seq)
            for one in others
            if not one.graph_only
        ],
        *[
            (owner, dataset, "", number)
            for owner, dataset, number in kept
            if (owner, dataset) in shared
        ],
    ]
    whole = [row for row in kept if row[:2] not in shared]
    alone = [one.key for one in seen.theirs if one.graph_only]
    return replace(
        order,
        events=[*order.events, *owned],
        fragments=[*order.fragments, *last_of_each(whole)],
        identities=[*order.identities, *[xid for xid in known if not people[xid].number]],
        records=records,
        sightings=[*order.sightings, *alone],
        people=[],
    )


def last_of_each(kept: Sequence[tuple[Xid, str, int]]) -> list[tuple[Xid, str, int]]:
    """The last record of each (owner, dataset), in order: with it go all before."""
    last: dict[tuple[Xid, str], int] = {}
    for owner, dataset, number in kept:
        last[owner, dataset] = max(number, last.get((owner, dataset), 0))
    return [(*key, number) for key, number in sorted(last.items())]


def _note_unnamed(
    transaction: Transaction,
    account: Account,
    people: Mapping[Xid, Leaving],
    owned: Sequence[tuple[Xid, str, int]],
    seen: Split,
) -> None:
    """Note what cannot be found by its names where it was sent: by number, and of calls by the id
    that all records of one have."""
    ids = {number: name for _, name, number in owned}
    erasures.note(
        transaction,
        [
            (
                people[one.owner].request,
                one.seq,
                ids.get(one.seq, "") if one.source == account.calls else "",
            )
            for one in unnamed(seen.theirs, people)
        ],
    )


def _indexed(
    transaction: Transaction,
    people: dict[Xid, Leaving],
    owned: Sequence[tuple[Xid, str, int]],
    kept: Sequence[tuple[Xid, str, int]],
    known: Sequence[Xid],
) -> Counter[tuple[str, str]]:
    """Rows of what an account finds and orders by, by (request, place)."""
    times = events.received(transaction, owned)
    keys = [(owner, *when, name) for (owner, name, _), when in times.items()]
    counted: Counter[tuple[str, str]] = Counter()
    counted.update((people[one.xid].request, "feed") for one in feed.of_keys(transaction, keys))
    going = {(owner, dataset) for owner, dataset, _ in kept}
    going |= {(xid, finders.GRAPH) for xid in known}
    for key, names in finders.said_by(transaction, sorted(people)).items():
        counted[people[key[0]].request, "finders"] += len(names) if key in going else 0
    counted.update((people[xid].request, "customerIds") for xid in known)
    return counted


def _counted(
    transaction: Transaction,
    people: dict[Xid, Leaving],
    owned: Sequence[tuple[Xid, str, int]],
    kept: Sequence[tuple[Xid, str, int]],
    seen: Split,
) -> Counter[tuple[str, str]]:
    """Rows by (request, place). What names several identities of one person counts once; links that
    others' records make are not theirs."""
    counted: Counter[tuple[str, str]] = Counter()
    counted.update((people[row[0]].request, "events") for row in owned)
    counted.update((people[row[0]].request, "fragments") for row in kept)
    for one in seen.theirs:
        named = {people[xid].request for xid in (one.owner, *one.named) if xid in people}
        counted.update((request, "sightings") for request in named)
        if one.owner not in people:
            counted.update((request, "recordsOfOthers") for request in named)
    staying = {pair for one in seen.others for pair in pairs(one.sighting)}
    linked = {
        (people[xid].request, link.a, link.b)
        for xid in identities.clusters_of(transaction, sorted(people))
        for link in links.of_identity(transaction, xid)
        if (link.a, link.b) not in staying
    }
    counted.update((request, "links") for request, _, _ in linked)
    return counted
