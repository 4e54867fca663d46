"""Doctor: rebuild what is derived from what is true, and compare with what is stored.

Reads only. Sightings, fragments and events are the truth; links, identities, members and counts
must follow.
Memory: about 300 bytes an identity of the sandbox that is examined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from onefold.domain.calls.computed import taken as taken_of
from onefold.domain.calls.finding import name_of, names_said
from onefold.domain.calls.ids import customer_id
from onefold.domain.calls.marks import mark_of, message_in
from onefold.domain.calls.names import action_of
from onefold.domain.failed_record import State
from onefold.domain.graph.cluster import clusters
from onefold.domain.graph.links import Link, pairs
from onefold.domain.graph.settings import CLUSTER_LIMIT
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import NamespaceBook
from onefold.errors import Malformed
from onefold.journal import Chunk, Journal
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import (
    backfills,
    customer_ids,
    cuts,
    events,
    failed_records,
    feed,
    finders,
    fragments,
    identities,
    links,
    outcomes,
    sightings,
    taken,
)
from onefold.store.tables.accounts import Account
from onefold.store.tables.identities import Member
from onefold.store.tables.outcomes import Outcome
from onefold.store.tables.progress import Progress, progress
from onefold.store.tables.taken import Values
from onefold.wire import decode_json

T = TypeVar("T")

PAGE_ROWS = 5_000
EXAMPLES_MAX = 3
_NO_END = 2**63 - 1


class Finding(msgspec.Struct, frozen=True):
    """One check: what was compared, how much of it, and what differs (nothing: all is well)."""

    check: str
    looked_at: int
    differences: int
    examples: list[str]

    @property
    def clean(self) -> bool:
        return not self.differences


def examined(
    reader: Reader,
    journal: Journal,
    *,
    business: Set[str] = frozenset(),
    limit: int = CLUSTER_LIMIT,
) -> Iterator[Finding]:
    """Every finding about one sandbox's store and journal, check by check.

    business: ids of the datasets of accounts and opportunities, which are in no graph. limit: most
    identities of a cluster.
    reader: of the profile store, and of one moment (Engine.reading), so that a server may go on
    working meanwhile. Examples name XIDs, datasets and counts.
    """
    known = dict(
        _pages(
            lambda after: identities.every(reader, after=after, limit=PAGE_ROWS),
            lambda row: row[0],
        )
    )
    yield _members(reader, known)
    yield from _graph(reader, known, limit)
    yield _owners(reader, known, business)
    yield from _counts(reader, journal)


def _members(reader: Reader, known: dict[Xid, Xid]) -> Finding:
    """Both directions of membership agree, and XIDs say what their rows say."""
    bad: list[str] = []
    seen = 0
    after = ("", "")
    while page := identities.every_member(reader, after=after, limit=PAGE_ROWS):
        for member in page:
            seen += 1
            if known.get(member.xid) != member.cluster or not _says(member):
                bad.append(f"{member.xid} in {member.cluster}")
        after = (page[-1].cluster, page[-1].xid)
    if seen != len(known):
        bad.append(f"{len(known)} identities, {seen} members")
    return _finding("members of clusters are the identities", seen, bad)


def _says(member: Member) -> bool:
    try:
        identity = xids.decode(member.xid)
    except Malformed:
        return False
    return (identity.namespace_id, identity.value) == (member.namespace_id, member.value)


def _graph(reader: Reader, known: dict[Xid, Xid], limit: int) -> Iterator[Finding]:
    """Clusters rebuilt from the links are the stored ones; links stand under both of their ends."""
    forward: list[Link] = []
    backward: set[Link] = set()
    after = ("", "", "")
    while page := links.every(reader, after=after, limit=PAGE_ROWS):
        for link in page:
            if link.a < link.b:
                forward.append(link)
            else:
                backward.add(Link(link.b, link.a, link.dataset, link.first_ms, link.last_ms))
        after = (page[-1].a, page[-1].b, page[-1].dataset)
    yield _seen(reader, known, {(link.a, link.b, link.dataset) for link in forward})
    lonely = [f"{link.a} - {link.b}" for link in forward if link not in backward]
    if len(backward) != len(forward):
        lonely.append(f"{len(forward)} links one way, {len(backward)} the other")
    yield _finding("links stand under both ends", len(forward), lonely)
    rebuilt = clusters(known, forward)
    yield _finding(
        "clusters follow from the links",
        len(rebuilt),
        [
            f"{xid}: {known.get(xid)}, rebuilt {name}"
            for xid, name in rebuilt.items()
            if known.get(xid) != name
        ],
    )
    sizes = Counter(known.values())
    yield _finding(
        f"clusters have at most {limit} identities",
        len(sizes),
        [f"{name}: {size}" for name, size in sizes.items() if size > limit],
    )


def _seen(reader: Reader, known: Mapping[Xid, Xid], links_: set[tuple[Xid, Xid, str]]) -> Finding:
    """Every link was seen and is not cut, and whoever was seen is known. The limit and the rules
    take links away, so not everything that was seen together is linked.

    links_: (smaller XID, larger XID, dataset)."""
    bad: list[str] = []
    looked_at = 0
    after = ("", 0)
    unseen = set(links_)
    while page := sightings.every(reader, after=after, limit=PAGE_ROWS):
        for one in page:
            looked_at += 1
            unseen.difference_update([(*pair, one.dataset) for pair in pairs(one.sighting)])
            bad += [f"{xid}, seen by record {one.seq}" for xid in one.named if xid not in known]
        after = page[-1].key
    bad += [f"{a} - {b} was never seen" for a, b, _ in sorted(unseen)]
    after_cut = (Xid(""), Xid(""))
    while page_ := cuts.listed(reader, after=after_cut, limit=PAGE_ROWS):
        cut = {(one.a, one.b) for one in page_}
        bad += [f"{a} - {b} is cut" for a, b, _ in links_ if (a, b) in cut]
        after_cut = (page_[-1].a, page_[-1].b)
    return _finding("links follow from what was seen", looked_at, bad)


def _owners(reader: Reader, known: dict[Xid, Xid], business: Set[str]) -> Finding:
    """Every fragment and event of people belongs to an identity that can be looked up."""
    looked_at = 0
    bad: list[str] = []
    for owners in (fragments.owners, events.owners):
        ask = partial(_owners_behind, owners, reader)
        for xid in _pages(ask, str):
            looked_at += 1
            if xid not in known and not _is_of_business(reader, xid, business):
                bad.append(xid)
    return _finding("fragments and events have known owners", looked_at, bad)


def _is_of_business(reader: Reader, owner: Xid, business: Set[str]) -> bool:
    said = fragments.datasets_of(reader, owner) if business else set()
    return bool(said) and said <= business


def _owners_behind(owners: Callable[..., list[Xid]], reader: Reader, after: str) -> list[Xid]:
    return owners(reader, after=after, limit=PAGE_ROWS)


def _counts(reader: Reader, journal: Journal) -> Iterator[Finding]:
    """Every record of the journal, as far as it was read, ended in exactly one way."""
    done = progress(reader)
    accepted, repeats, first = _accepted(journal, done.position)
    records = accepted.total()
    ended: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for (dataset, outcome), number in outcomes.counts(reader).items():
        ended[dataset] += number
        if outcome is Outcome.FAILED:
            failed[dataset] += number
    yield _finding(
        "the offset counts the journal's records",
        records,
        [f"offset says {done.records}, journal has {records}"] if done.records != records else [],
    )
    yield _finding("every record ended once", records, _unequal(accepted, ended))
    kept = Counter(failed_records.counts(reader))
    yield _finding("failed records are kept", sum(kept.values()), _unequal(failed, kept))
    yield _replays(reader, repeats, first)
    stored, within = events.count(reader, seq_max=done.records)
    yield _finding(
        "events come from the journal",
        stored,
        [f"{stored - within} events beyond the offset"] if stored != within else [],
    )


def _accepted(journal: Journal, to: int) -> tuple[Counter[str], dict[int, int], int]:
    """How many records of each dataset the journal took up to a position, deleted ones included;
    which of those that it still has repeat which; and the number of the first of them, or 0."""
    trimmed = None
    while trimmed != journal.trimmed():  # again when a server deletes at this very moment
        trimmed = journal.trimmed()
        accepted = Counter(trimmed)
        repeats: dict[int, int] = {}
        first = 0
        after = 0
        while after < to:
            chunks = journal.read(after, records_max=PAGE_ROWS)
            for chunk in chunks:
                if chunk.position <= to:
                    accepted.update(record.dataset for record in chunk.records)
                    repeats.update(_repeats(chunk))
                    first = first or chunk.first
            after = chunks[-1].position if chunks else to
    return accepted, repeats, first


def _repeats(chunk: Chunk) -> Iterator[tuple[int, int]]:
    """(its number, the number of the failed record that it names) of every repeat of a chunk."""
    for seq, record in enumerate(chunk.records, chunk.first):
        if record.replays:
            yield seq, record.replays


def _replays(reader: Reader, repeats: Mapping[int, int], first: int) -> Finding:
    """Every repeat that the pipeline has passed names a failed record that was seen to, and every
    replayed failed record has its repeat, unless that is no more in the journal, which begins at
    record `first` (0: it is empty)."""
    states = failed_records.states(reader, sorted(set(repeats.values())))
    bad = [
        f"record {seq} repeats {number}, which is {states.get(number, 'no failed record')}"
        for seq, number in repeats.items()
        if states.get(number, State.OPEN) is State.OPEN
    ]
    closed = failed_records.repeats(reader)
    bad += [
        f"failed record {number} is said to be repeated by {seq}"
        for seq, number in closed
        if 0 < first <= seq and repeats.get(seq) != number
    ]
    return _finding("replays repeat failed records", len(repeats), bad)


def account_examined(reader: Reader, packing: Packing, snapshot: Snapshot) -> Iterator[Finding]:
    """What accounts find and order by follows from events, fragments and identities; nothing to say
    where there is no account, and before its backfill is done.

    reader: of the profile store, and of one moment. snapshot: of that moment or later.
    """
    account = snapshot.account
    if account is None or not backfills.is_done(reader, account, snapshot.lookup_only):
        return
    yield _fed(reader, packing, account.brand, snapshot.namespaces)
    yield _taken(reader, packing, account)
    yield _found(reader, packing, snapshot)
    yield _customers(reader, snapshot.sandbox.id)


def _fed(reader: Reader, packing: Packing, brand: str, namespaces: NamespaceBook) -> Finding:
    """Every event has its entry in the feed. Whether somebody was there is not known of events of
    files, so an entry may say that nobody was."""
    looked_at, after = 0, 0
    bad: list[str] = []
    while page := events.numbered(reader, first=after + 1, last=_NO_END, limit=PAGE_ROWS):
        after = page[-1][2]
        expected = {}
        stored = events.of_keys(reader, packing, [(xid, event_id) for xid, event_id, _ in page])
        for one in stored.values():
            key = (one.xid, one.timestamp_ms, one.ingested_ms, one.event_id)
            expected[key] = mark_of(decode_json(one.body), brand, namespaces)
        entries = {one.key: one for one in feed.of_keys(reader, list(expected))}
        for key, mark in expected.items():
            entry = entries.get(key)
            if (
                entry is None
                or (entry.action, entry.brand, entry.group_xid)
                != (mark.action, mark.brand, mark.group)
                or (entry.active and not mark.active)
            ):
                bad.append(f"{key[0]} {key[3]}")
        looked_at += len(page)
    more = feed.count(reader) - looked_at
    if more > 0:
        bad.append(f"{more} entries of no event")
    return _finding("the feed follows from the events", looked_at, bad)


def _taken(reader: Reader, packing: Packing, account: Account) -> Finding:
    """Computed traits took of every event what their definitions say, and of nothing else."""
    looked_at, after = 0, 0
    bad: list[str] = []
    while account.computed and (
        page := events.numbered(reader, first=after + 1, last=_NO_END, limit=PAGE_ROWS)
    ):
        after = page[-1][2]
        expected: dict[feed.Key, Values] = {}
        for one in events.of_keys(reader, packing, [row[:2] for row in page]).values():
            entity = decode_json(one.body)
            values = taken_of(account.computed, message_in(entity), action_of(entity))
            key = (one.xid, one.timestamp_ms, one.ingested_ms, one.event_id)
            expected[key] = tuple(sorted(values))
            looked_at += len(values)
        stored = taken.of_keys(reader, list(expected))
        bad += [
            f"{key[0]} {key[3]}"
            for key, values in expected.items()
            if stored.get(key, ()) != values
        ]
    more = taken.count(reader) - looked_at
    if more and not bad:
        bad.append(f"{more} values of no event")
    return _finding("computed traits follow from the events", looked_at, bad)


def _found(reader: Reader, packing: Packing, snapshot: Snapshot) -> Finding:
    """Every fragment of people leads to its owner by the names that it says, and so does an address
    of the graph that is spelt in another way than it is found by."""
    looked_at, after, names = 0, 0, 0
    bad: list[str] = []
    last = ""
    while known := identities.every(reader, after=last, limit=PAGE_ROWS):
        last = known[-1][0]
        stored = finders.said_by(reader, [xid for xid, _ in known])
        for xid, _ in known:
            name = name_of(xids.decode(xid), snapshot.namespaces)
            expected = set() if name is None else {xids.encode(name.namespace_id, name.value)}
            names += len(expected)
            if stored.get((xid, finders.GRAPH), set()) != expected:
                bad.append(xid)
    business = snapshot.business_datasets()
    while page := fragments.bodies(reader, packing, after=after, limit=PAGE_ROWS):
        after = page[-1][0]
        stored = finders.said_by(reader, sorted({owner for _, owner, _, _ in page}))
        for _, owner, dataset, body in page:
            said = (
                set()
                if dataset in business
                else names_said(decode_json(body), snapshot.namespaces, snapshot.lookup_only)
            )
            expected = {xids.encode(one.namespace_id, one.value) for one in said}
            names += len(expected)
            if stored.get((owner, dataset), set()) != expected:
                bad.append(f"{owner} in {dataset}")
        looked_at += len(page)
    more = finders.count(reader) - names
    if more and not bad:
        bad.append(f"{more} names of no fragment and no identity")
    return _finding("names lead to whose fragments say them", looked_at, bad)


def _customers(reader: Reader, sandbox_id: str) -> Finding:
    """Every identity has its customer id."""
    looked_at = 0
    bad: list[str] = []
    after = ""
    while page := identities.every(reader, after=after, limit=PAGE_ROWS):
        after = page[-1][0]
        expected = {customer_id(sandbox_id, xid): xid for xid, _ in page}
        known = customer_ids.known(reader, list(expected))
        bad += [xid for id_, xid in expected.items() if known.get(id_) != xid]
        looked_at += len(page)
    more = customer_ids.count(reader) - looked_at
    if more and not bad:
        bad.append(f"{more} ids of nobody")
    return _finding("customer ids are those of the identities", looked_at, bad)


class LakeCounts(Protocol):
    """What a lake counts of itself, by dataset. progress: how far it has come through the journal;
    passed: applied records that have no place in it; exported: profiles, which no journal knows."""

    @property
    def progress(self) -> Progress: ...
    @property
    def landed(self) -> Mapping[str, int]: ...
    @property
    def exported(self) -> Mapping[str, int]: ...
    @property
    def removed(self) -> Mapping[str, int]: ...
    @property
    def passed(self) -> Mapping[str, int]: ...
    @property
    def rows(self) -> Mapping[str, int]: ...


def lake_examined(reader: Reader, journal: Journal, lake: LakeCounts) -> Iterator[Finding]:
    """Every applied record was landed, has no place in the lake, or waits for the next landing; and
    the lake has the rows that it counted.

    reader: of the profile store, of a moment since the lake was counted, with no landing between.
    """
    done = progress(reader)
    waiting = _waiting(reader, journal, lake.progress, done)
    applied: Counter[str] = Counter()
    for (dataset, outcome), number in outcomes.counts(reader).items():
        if outcome is Outcome.APPLIED:
            applied[dataset] += number
    come = Counter(lake.landed) + Counter(lake.passed) + waiting
    yield _finding("applied records are in the lake", applied.total(), _unequal(applied, come))
    left = Counter(lake.landed) + Counter(lake.exported)
    left.subtract(lake.removed)
    rows = Counter(lake.rows)
    yield _finding("the lake has the rows it counts", rows.total(), _unequal(+left, +rows))


def _waiting(reader: Reader, journal: Journal, after: Progress, to: Progress) -> Counter[str]:
    """Applied records by dataset that the lake has not come to."""
    bounds = {"first": after.records + 1, "last": to.records}
    ended = failed_records.numbers(reader, **bounds) | outcomes.left_out(reader, **bounds)
    waiting: Counter[str] = Counter()
    position = after.position
    while position < to.position:
        chunks = journal.read(position, records_max=PAGE_ROWS)
        for chunk in chunks:
            if chunk.position <= to.position:
                for seq, record in enumerate(chunk.records, chunk.first):
                    waiting[record.dataset] += seq not in ended
        position = chunks[-1].position if chunks else to.position
    return waiting


def _unequal(expected: Counter[str], stored: Counter[str]) -> list[str]:
    return [
        f"dataset {dataset}: {expected[dataset]} expected, {stored[dataset]} stored"
        for dataset in sorted(expected.keys() | stored.keys())
        if expected[dataset] != stored[dataset]
    ]


def _pages(ask: Callable[[str], list[T]], key: Callable[[T], str]) -> Iterator[T]:
    after = ""
    while page := ask(after):
        yield from page
        after = key(page[-1])


def _finding(check: str, looked_at: int, bad: list[str]) -> Finding:
    return Finding(check, looked_at, len(bad), bad[:EXAMPLES_MAX])
