"""Handover: what a device brought stays with the person who used it then.

When the rules take an identity from one person and link it with another, what was stored under it
so far becomes the first one's: its events, and what calls said under its name. What happens later
stays its own, and so is the second one's; what had happened before and comes late is still the
first one's. That is exact only where the record that does it stands alone between what came before
and what comes after: a batch is parted around each such record.

Sightings go along, so that every event and record still tells whom it names. Fragments that replace
each other as wholes stay: they say nothing of when. Source: Intilery contract, 11.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

from msgspec.structs import replace

from onefold.domain.graph.cluster import Taken
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.history import NOTHING, Record, standing
from onefold.domain.profile.stamped import stamped_into
from onefold.domain.removal import Removal
from onefold.pipeline.index import names_of
from onefold.pipeline.work import Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.tables import (
    events,
    feed,
    finders,
    fragments,
    handovers,
    sightings,
    superseded,
)
from onefold.store.tables.events import EventKey, Kept
from onefold.store.tables.fragments import NewFragment
from onefold.store.tables.sightings import Seen
from onefold.store.tables.superseded import Superseded
from onefold.wire import JSON, decode_json, encode_json

Row = TypeVar("Row")


class Parted(Exception):
    """Records of these numbers take identities from people, so each has to stand alone."""

    def __init__(self, numbers: Iterable[int]) -> None:
        super().__init__("records that hand over have to stand alone")
        self.numbers = frozenset(numbers)


def parted(
    numbered: Sequence[tuple[int, Row]], numbers: frozenset[int]
) -> Iterator[Sequence[tuple[int, Row]]]:
    """The records in pieces, in order: each of those with these numbers alone."""
    cuts = {0, len(numbered)}
    for place, (seq, _) in enumerate(numbered):
        if seq in numbers:
            cuts |= {place, place + 1}
    for start, end in pairwise(sorted(cuts)):
        yield numbered[start:end]


def hand_over(transaction: Transaction, work: Work, taken: Iterable[Taken]) -> None:
    """Let what is stored under each identity become that of the person whom it was taken from.

    The one record of `work` has done it, and is not stored yet. Cost: some 50 µs for each event
    that the identity brought since it was last handed over.
    """
    for one in taken:
        moved = _move_events(transaction, one.xid, one.owner)
        for dataset in sorted(fragments.datasets_of(transaction, one.xid)):
            moved += _fold_fragment(transaction, work, one.xid, one.owner, dataset)
        _move_sightings(transaction, one.owner, moved)
        (record,) = work.records
        assert record.sighting is not None  # it has linked the identity with somebody else
        handovers.note(transaction, [(one.xid, record.sighting.at_ms, one.owner)])


def give_late(transaction: Transaction, work: Work) -> None:
    """Let records of a device that had happened before it went to somebody else be the first one's:
    events, and what calls say of people. Costs a seek for each device that records name without a
    user."""
    rules = work.snapshot.rules
    if rules is None or not rules.hands_over:
        return
    asking = [record for record in work.records if _is_of_a_device(record, rules)]
    until: dict[Xid, list[tuple[int, Xid]]] = {}
    for xid, until_ms, owner in handovers.of(transaction, sorted({_owner(one) for one in asking})):
        until.setdefault(xid, []).append((until_ms, owner))
    if not until:
        return
    late: dict[int, Xid] = {}
    for record in asking:
        for until_ms, owner in until.get(_owner(record), ()):
            if record.own_ms is not None and record.own_ms < until_ms:
                late[record.seq] = owner
                break
    work.records = [
        _given(record, late[record.seq]) if record.seq in late else record
        for record in work.records
    ]


def known_elsewhere(transaction: Transaction, keys: Sequence[EventKey]) -> set[EventKey]:
    """Those of the events that are stored, but were handed over to somebody else since."""
    went = handovers.owners(transaction, sorted({xid for xid, _ in keys}))
    asked = {
        (owner, event_id): (xid, event_id) for xid, event_id in keys for owner in went.get(xid, ())
    }
    return {asked[key] for key in events.known(transaction, sorted(asked))} if asked else set()


def followed(transaction: Transaction, removal: Removal) -> Removal:
    """The order with the places to which what it names may have gone since it was given. What is
    not there does no harm: every row is named with the number of its record."""
    named = {row[0] for row in removal.events} | {row[0] for row in removal.records}
    named |= {owner for owner, _ in removal.sightings}
    went = handovers.owners(transaction, sorted(named))
    if not went:
        return removal
    return replace(
        removal,
        events=removal.events
        + [(to, *row[1:]) for row in removal.events for to in went.get(row[0], ())],
        records=removal.records
        + [(to, *row[1:]) for row in removal.records for to in went.get(row[0], ())],
        sightings=removal.sightings
        + [(to, row[1]) for row in removal.sightings for to in went.get(row[0], ())],
    )


def _is_of_a_device(record: Normalized, rules: LinkingRules) -> bool:
    """Whether a record names nobody by a name of a unique namespace, and goes where its device
    goes, as what is stored of the device does."""
    is_stamped = record.change is not None and record.change.operation == "stamp"
    return (
        record.owner is not None
        and (record.event is not None or is_stamped)
        and all(one.namespace_id not in rules.unique for _, one in record.identities)
    )


def _owner(record: Normalized) -> Xid:
    assert record.owner is not None
    return record.owner


def _given(record: Normalized, owner: Xid) -> Normalized:
    """The record as somebody else's."""
    event, fragment = record.event, record.fragment
    return replace(
        record,
        owner=owner,
        event=replace(event, xid=owner) if event is not None else None,
        fragment=replace(fragment, xid=owner) if fragment is not None else None,
    )


def _move_events(transaction: Transaction, xid: Xid, owner: Xid) -> list[Seen]:
    """Give events away, as if the new owner's record had brought them; one that it has already is
    the same event twice, and goes. Answers what each moved one says of identities."""
    kept = events.kept_of(transaction, xid)
    if not kept:
        return []
    twice = {
        event_id
        for _, event_id in events.known(transaction, [(owner, one.event_id) for one in kept])
    }
    left = [one for one in kept if one.event_id not in twice]
    events.remove(
        transaction, [(xid, one.event_id, one.seq) for one in kept if one.event_id in twice]
    )
    events.give(transaction, xid, owner, [one.event_id for one in left])
    entries = feed.of_keys(transaction, [_feed_key(xid, one) for one in left])
    feed.remove(transaction, [_feed_key(xid, one) for one in kept])
    feed.add(transaction, [replace(entry, xid=owner) for entry in entries])
    return [_alone(xid, one.seq, one.dataset, one.ingested_ms) for one in left]


def _feed_key(xid: Xid, event: Kept) -> feed.Key:
    return xid, event.timestamp_ms, event.ingested_ms, event.event_id


def _alone(xid: Xid, seq: int, dataset: str, received_ms: int) -> Seen:
    """A sighting of one identity, which links nothing."""
    return Seen(seq, xid, dataset, received_ms, received_ms, (), (xid,), dataset)


def _move_sightings(transaction: Transaction, owner: Xid, moved: Sequence[Seen]) -> None:
    """Let the new owner own what the moved rows say of identities. moved: what they say when
    nothing is kept, which is so for rows that name their owner alone."""
    known = {one.seq: one for one in sightings.under(transaction, [one.key for one in moved])}
    sightings.remove(transaction, known.values())
    sightings.add(transaction, [replace(known.get(one.seq, one), owner=owner) for one in moved])


def _fold_fragment(
    transaction: Transaction, work: Work, xid: Xid, owner: Xid, dataset: str
) -> list[Seen]:
    """Lay what calls said under one name into what they said under the other, with all that is kept
    of it. Answers what each record says of identities."""
    packing = work.packing
    keys = [(xid, dataset), (owner, dataset)]
    found = superseded.histories(transaction, packing, keys)
    theirs, own = found.get((xid, dataset), []), found.get((owner, dataset), [])
    if not theirs or not all(map(_is_stamped, (*theirs, *own))):
        return []
    rows = superseded.of(transaction, packing, [xid, owner])
    together = _together(owner, [row for row in rows if row.dataset == dataset])
    stands = standing([row.record for row in together]).record
    assert stands is not None  # of what calls say, a stamp is left at least
    superseded.clear(transaction, keys)
    fragments.clear(transaction, keys)
    superseded.add(transaction, packing, together)
    written = NewFragment(
        owner,
        dataset,
        stands.seq,
        stands.ingested_ms,
        stands.effective_ms,
        stands.tag,
        stands.body,
    )
    fragments.replace(transaction, packing, [written])
    finders.put_all(transaction, {(xid, dataset): set[Xid](), **names_of(work.snapshot, [written])})
    return [
        _alone(xid, one.seq, dataset, one.ingested_ms) for one in theirs if one.operation != "gone"
    ]


def _is_stamped(record: Record) -> bool:
    """Whether a record is one of a call, or in the place of some, known."""
    return record.operation == "stamp" or (record.operation == "gone" and bool(record.body))


def _together(owner: Xid, rows: Sequence[Superseded]) -> list[Superseded]:
    """Two histories as one, by number. What is not kept of either stands before the rest, so what
    is older than the younger of these places goes into it, too."""
    rows = sorted(rows, key=lambda row: row.record.seq)
    last = max((n for n, row in enumerate(rows, 1) if row.record.operation == "gone"), default=0)
    together: list[Superseded] = []
    if last:
        body: dict[str, JSON] | None = None
        for row in rows[:last]:
            if row.record.body != NOTHING:
                body = stamped_into(body, decode_json(row.record.body))
        gone = replace(rows[last - 1].record, body=encode_json(body))
        first_ms = min(
            row.superseded_ms if row.record.operation == "gone" else row.record.ingested_ms
            for row in rows[:last]
        )
        together.append(replace(rows[last - 1], xid=owner, record=gone, superseded_ms=first_ms))
    for place, row in enumerate(rows[last:], last + 1):
        after = rows[place] if place < len(rows) else row
        together.append(replace(row, xid=owner, superseded_ms=after.record.ingested_ms))
    return together
