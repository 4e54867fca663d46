"""Forget: what an order to delete people comes to when its turn has come.

The order names identities and no rows: it is worked out here, in the transaction that carries it
out, so nothing that arrived before it is missed, and a person is there whole or not at all. Source:
profile contract, 3.7; platform contract, 12.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from onefold.domain.identity.identity import Xid
from onefold.domain.removal import Leaving, Removal
from onefold.store.engine import Transaction
from onefold.store.tables import erasures, events, fragments, identities, links, sightings
from onefold.store.tables.sightings import Seen


def worked_out(transaction: Transaction, seq: int, order: Removal) -> Removal:
    """The order with every row of its people instead of them; notes how many there are.

    Of these identities go their events, fragments and links; records of others that name one of
    them are undone; and identities are forgotten that nothing names any more. seq: of the order.
    An order that means what was before another number says so since something newer may be there,
    which stays. Cost: some 30 µs an event, with what the removal takes.
    """
    people = {one.xid: one for one in order.people}
    below = {xid: one.number or seq for xid, one in people.items()}
    owned = [row for xid in sorted(below) for row in events.below(transaction, xid, below[xid])]
    kept = fragments.below(transaction, below)
    seen = [
        one
        for one in sightings.of(transaction, sorted(below))
        if any(one.seq < below.get(xid, 0) for xid in (one.owner, *one.named))
    ]
    known = sorted(identities.clusters_of(transaction, sorted(below)))
    erasures.add(transaction, _counted(transaction, people, owned, kept, seen, known))
    others = [one for one in seen if one.owner not in below]
    records = list(order.records)
    alone = [one.key for one in seen if one.graph_only]
    ids = {seq: name for _, name, seq in events.among(transaction, [one.seq for one in others])}
    records += [
        (one.owner, one.source, ids.get(one.seq, ""), one.seq)
        for one in others
        if not one.graph_only
    ]
    return replace(
        order,
        events=[*order.events, *owned],
        fragments=[*order.fragments, *_last_of_each(kept)],
        identities=[*order.identities, *[xid for xid in known if not people[xid].number]],
        records=records,
        sightings=[*order.sightings, *alone],
        people=[],
    )


def _last_of_each(kept: Sequence[tuple[Xid, str, int]]) -> list[tuple[Xid, str, int]]:
    """The last record of each (owner, dataset): with it go all before."""
    last: dict[tuple[Xid, str], int] = {}
    for owner, dataset, number in kept:
        last[owner, dataset] = max(number, last.get((owner, dataset), 0))
    return [(*key, number) for key, number in last.items()]


def _counted(
    transaction: Transaction,
    people: dict[Xid, Leaving],
    owned: Sequence[tuple[Xid, str, int]],
    kept: Sequence[tuple[Xid, str, int]],
    seen: Sequence[Seen],
    known: Sequence[Xid],
) -> Counter[tuple[str, str]]:
    """Rows by (request, place). What names several identities of one person counts once."""
    counted: Counter[tuple[str, str]] = Counter()
    counted.update((people[row[0]].request, "events") for row in owned)
    counted.update((people[row[0]].request, "fragments") for row in kept)
    counted.update((people[xid].request, "identities") for xid in known)
    for one in seen:
        named = {people[xid].request for xid in (one.owner, *one.named) if xid in people}
        counted.update((request, "sightings") for request in named)
        if one.owner not in people:
            counted.update((request, "recordsOfOthers") for request in named)
    linked = {
        (people[xid].request, link.a, link.b)
        for xid in known
        for link in links.of_identity(transaction, xid)
    }
    counted.update((request, "links") for request, _, _ in linked)
    return counted
