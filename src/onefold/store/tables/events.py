"""Events: immutable, keyed by (owner, event id), read as a timeline over several owners."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Row, Transaction, Value, read_among
from onefold.store.packing import Packing

EventKey = tuple[Xid, str]
SortKey = tuple[int, str, str]
"""Time, event id, owner: the order of timelines, without ties."""

Numbered = tuple[int, Xid, str, str]
"""Record number, owner, event id, dataset."""


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event on its way in; `body` is its entity as JSON."""

    xid: Xid
    event_id: str
    timestamp_ms: int
    dataset: str
    seq: int
    ingested_ms: int
    body: bytes


class Kept(msgspec.Struct, frozen=True, gc=False):
    """An event without its body and its owner."""

    seq: int
    event_id: str
    dataset: str
    timestamp_ms: int
    ingested_ms: int


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """An event on its way out; `body` is its entity as JSON. seq: number of its record."""

    timestamp_ms: int
    event_id: str
    xid: Xid
    dataset: str
    ingested_ms: int
    body: bytes
    seq: int

    @property
    def sort_key(self) -> SortKey:
        return (self.timestamp_ms, self.event_id, self.xid)


class Window(msgspec.Struct, frozen=True):
    """Which part of a timeline is asked: start inclusive, end exclusive, in epoch ms; from the sort
    key `at` (timestamp, event id, owner) on, inclusive; newest first when descending."""

    start_ms: int | None = None
    end_ms: int | None = None
    at: SortKey | None = None
    descending: bool = False


def known(reader: Reader, keys: Sequence[EventKey]) -> set[EventKey]:
    """Those of the keys that are stored already."""
    rows = read_among(
        reader,
        "SELECT xid, event_id FROM events WHERE (xid, event_id) IN (VALUES :list)",
        [part for key in keys for part in key],
        width=2,
    )
    return {(row[0], row[1]) for row in rows}


def add(transaction: Transaction, packing: Packing, events: Iterable[NewEvent]) -> None:
    """Store events whose keys are not known.

    In the order of their keys, so that a batch goes through the indexes once, from left to right.
    """
    transaction.write_many(
        "INSERT INTO events (xid, event_id, timestamp_ms, dataset, seq, ingested_ms, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                e.xid,
                e.event_id,
                e.timestamp_ms,
                e.dataset,
                e.seq,
                e.ingested_ms,
                packing.pack(e.body, e.dataset),
            )
            for e in sorted(events, key=_key)
        ],
    )


def timeline(
    reader: Reader, packing: Packing, owners: Sequence[Xid], window: Window, *, limit: int
) -> list[StoredEvent]:
    """Up to `limit` events of the owners, merged into one timeline by (timestamp, event id, owner).

    Cost: each owner's part is read from the index in order, `limit` entries at most; bodies are
    unpacked only for what is answered.
    """
    keys: list[tuple[int, str, Xid]] = []
    for owner in owners:
        keys.extend(_keys(reader, owner, window, limit))
    keys.sort(reverse=window.descending)
    chosen = keys[:limit]
    found = of_keys(reader, packing, [(xid, event_id) for _, event_id, xid in chosen])
    return [found[xid, event_id] for _, event_id, xid in chosen]


def of_keys(
    reader: Reader, packing: Packing, keys: Sequence[EventKey]
) -> dict[EventKey, StoredEvent]:
    """Those of the events that there are, by their keys."""
    rows = read_among(
        reader,
        "SELECT timestamp_ms, event_id, xid, dataset, ingested_ms, body, seq FROM events"
        " WHERE (xid, event_id) IN (VALUES :list)",
        [part for key in keys for part in key],
        width=2,
    )
    return {
        (xid, event_id): StoredEvent(
            at_ms, event_id, xid, dataset, ingested_ms, packing.unpack(body), seq
        )
        for at_ms, event_id, xid, dataset, ingested_ms, body, seq in rows
    }


def find(reader: Reader, owners: Sequence[Xid], event_id: str) -> SortKey | None:
    """The sort key of the owners' event with this id; the smallest when several have it.

    event_id stands before the list in the statement, as `read_among` binds it."""
    rows = read_among(
        reader,
        "SELECT timestamp_ms, event_id, xid FROM events WHERE event_id = ? AND xid IN (:list)",
        owners,
        event_id,
    )
    return min(((row[0], row[1], row[2]) for row in rows), default=None)


def having(reader: Reader, owners: Sequence[Xid], event_id: str) -> list[Numbered]:
    """The events of these owners with this id."""
    return read_among(
        reader,
        "SELECT seq, xid, event_id, dataset FROM events WHERE event_id = ? AND xid IN (:list)",
        owners,
        event_id,
    )


def of_numbers(reader: Reader, numbers: Sequence[int]) -> list[Numbered]:
    """The events that records of these numbers brought, as far as they are still there."""
    return read_among(
        reader, "SELECT seq, xid, event_id, dataset FROM events WHERE seq IN (:list)", numbers
    )


def newest_ingested_ms(reader: Reader, owners: Sequence[Xid]) -> int | None:
    """When the latest event of these owners arrived; None when they have none.

    Cost: a walk over the owners' part of the index, 0.1 µs an event."""
    rows = read_among(
        reader,
        "SELECT max(ingested_ms) FROM events WHERE xid IN (:list)",
        owners,
    )
    return max((row[0] for row in rows if row[0] is not None), default=None)


def newest_of(reader: Reader, owners: Sequence[Xid]) -> dict[Xid, int]:
    """When the latest event of each of these owners arrived; who has none is missing. Cost: a walk
    over their part of the index."""
    rows = read_among(
        reader,
        "SELECT xid, max(ingested_ms) FROM events WHERE xid IN (:list) GROUP BY xid",
        owners,
    )
    return dict(rows)


def arrived(
    reader: Reader, packing: Packing, owners: Sequence[Xid], *, since_ms: int, limit: int
) -> list[StoredEvent]:
    """The newest `limit` events of the owners among those that arrived at since_ms or later, in the
    order of a timeline."""
    rows: list[Row] = []
    for owner in owners:
        rows += reader.read(
            "SELECT timestamp_ms, event_id, xid, dataset, ingested_ms, body, seq FROM events"
            " WHERE xid = ? AND ingested_ms >= ? ORDER BY timestamp_ms DESC, event_id DESC LIMIT ?",
            (owner, since_ms, limit),
        )
    rows.sort(key=_by_time)
    return [
        StoredEvent(at_ms, event_id, xid, dataset, ingested_ms, packing.unpack(body), seq)
        for at_ms, event_id, xid, dataset, ingested_ms, body, seq in rows[-limit:]
    ]


def newest_ms(reader: Reader, owners: Sequence[Xid]) -> int | None:
    """The time of the latest event of these owners; None when they have none.

    Cost: the last entry of each owner's part of the index."""
    found = (
        reader.read("SELECT max(timestamp_ms) FROM events WHERE xid = ?", (owner,))[0][0]
        for owner in owners
    )
    return max((at_ms for at_ms in found if at_ms is not None), default=None)


def remove(transaction: Transaction, rows: Iterable[tuple[Xid, str, int]]) -> None:
    """Delete events by (owner, event id, record number)."""
    transaction.write_many(
        "DELETE FROM events WHERE xid = ? AND event_id = ? AND seq = ?", sorted(rows)
    )


def received(
    reader: Reader, rows: Sequence[tuple[Xid, str, int]]
) -> dict[tuple[Xid, str, int], tuple[int, int]]:
    """Those of (owner, event id, record number) that are stored, each with when it happened and
    when it arrived."""
    wanted = set(rows)
    found = read_among(
        reader,
        "SELECT xid, event_id, seq, timestamp_ms, ingested_ms FROM events"
        " WHERE (xid, event_id) IN (VALUES :list)",
        [part for row in sorted(wanted) for part in row[:2]],
        width=2,
    )
    return {row[:3]: row[3:] for row in found if row[:3] in wanted}


def first(reader: Reader, owner: Xid) -> tuple[int, int] | None:
    """(record number, time of receipt) of an owner's first event; None when it owns none.

    Cost: reads every event of the owner."""
    rows = reader.read(
        "SELECT seq, ingested_ms FROM events WHERE xid = ? ORDER BY seq LIMIT 1", (owner,)
    )
    return (rows[0][0], rows[0][1]) if rows else None


def among(reader: Reader, numbers: Sequence[int]) -> list[tuple[Xid, str, int]]:
    """(owner, event id, record number) of those of these records that are events."""
    rows = read_among(reader, "SELECT xid, event_id, seq FROM events WHERE seq IN (:list)", numbers)
    return [(row[0], row[1], row[2]) for row in rows]


def owning(reader: Reader, xids: Sequence[Xid]) -> list[Xid]:
    """Those of the identities that own events."""
    return [
        row[0]
        for row in read_among(reader, "SELECT DISTINCT xid FROM events WHERE xid IN (:list)", xids)
    ]


def of_owner(
    reader: Reader, packing: Packing, owner: Xid, *, after: str, limit: int
) -> list[tuple[str, int, StoredEvent]]:
    """(event id, record number, event) of up to `limit` events of one identity, by event id."""
    rows = reader.read(
        "SELECT event_id, seq, timestamp_ms, dataset, ingested_ms, body FROM events"
        " WHERE xid = ? AND event_id > ? ORDER BY event_id LIMIT ?",
        (owner, after, limit),
    )
    return [
        (
            event_id,
            seq,
            StoredEvent(at_ms, event_id, owner, dataset, ingested_ms, packing.unpack(body), seq),
        )
        for event_id, seq, at_ms, dataset, ingested_ms, body in rows
    ]


def kept_of(reader: Reader, owner: Xid) -> list[Kept]:
    """What an owner's events are known by, by record number. Cost: reads every event of it."""
    rows = reader.read(
        "SELECT seq, event_id, dataset, timestamp_ms, ingested_ms FROM events"
        " WHERE xid = ? ORDER BY seq",
        (owner,),
    )
    return [Kept(*row) for row in rows]


def give(transaction: Transaction, owner: Xid, to: Xid, event_ids: Iterable[str]) -> None:
    """Let another identity own some events of one; it must own none of these ids."""
    transaction.write_many(
        "UPDATE events SET xid = ? WHERE xid = ? AND event_id = ?",
        [(to, owner, event_id) for event_id in sorted(event_ids)],
    )


def numbered(reader: Reader, *, first: int, last: int, limit: int) -> list[tuple[Xid, str, int]]:
    """(owner, event id, record number) of up to `limit` events with record numbers from `first` to
    `last`, by number."""
    return reader.read(
        "SELECT xid, event_id, seq FROM events WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
        (first, last, limit),
    )


def below(reader: Reader, owner: Xid, number: int) -> list[tuple[Xid, str, int]]:
    """(owner, event id, record number) of the owner's events with record numbers below `number`."""
    # Not by events_by_seq, of which nearly all would be read.
    return reader.read(
        "SELECT xid, event_id, seq FROM events WHERE xid = ? AND +seq < ?", (owner, number)
    )


def of_dataset(
    reader: Reader, dataset: str, *, first: int, last: int
) -> list[tuple[Xid, str, int]]:
    """(owner, event id, record number) of the dataset's events with record numbers from `first` to
    `last`, by number. Cost: reads the events of these numbers."""
    return reader.read(
        "SELECT xid, event_id, seq FROM events WHERE seq BETWEEN ? AND ? AND dataset = ?"
        " ORDER BY seq",
        (first, last, dataset),
    )


def _by_time(row: Row) -> SortKey:
    return (row[0], row[1], row[2])


def _key(event: NewEvent) -> EventKey:
    return (event.xid, event.event_id)


_FROM = {
    (False, True): "AND (timestamp_ms, event_id) >= (?, ?)",
    (False, False): "AND (timestamp_ms, event_id) > (?, ?)",
    (True, True): "AND (timestamp_ms, event_id) <= (?, ?)",
    (True, False): "AND (timestamp_ms, event_id) < (?, ?)",
}


def _keys(reader: Reader, owner: Xid, window: Window, limit: int) -> list[tuple[int, str, Xid]]:
    sql = ["SELECT timestamp_ms, event_id, xid FROM events WHERE xid = ?"]
    parameters: list[Value] = [owner]
    if window.start_ms is not None:
        sql.append("AND timestamp_ms >= ?")
        parameters.append(window.start_ms)
    if window.end_ms is not None:
        sql.append("AND timestamp_ms < ?")
        parameters.append(window.end_ms)
    if window.at is not None:
        at_ms, event_id, at_owner = window.at
        # At equal (time, id) the owner decides, and the owner is fixed here.
        here = owner <= at_owner if window.descending else owner >= at_owner
        sql.append(_FROM[window.descending, here])
        parameters += [at_ms, event_id]
    sql.append(
        "ORDER BY timestamp_ms DESC, event_id DESC LIMIT ?"
        if window.descending
        else "ORDER BY timestamp_ms, event_id LIMIT ?"
    )
    parameters.append(limit)
    return [(row[0], row[1], row[2]) for row in reader.read(" ".join(sql), parameters)]


def owners(reader: Reader, *, after: str, limit: int) -> list[Xid]:
    """Up to `limit` identities that own events, in order, behind `after`."""
    rows = reader.read(
        "SELECT DISTINCT xid FROM events WHERE xid > ? ORDER BY xid LIMIT ?", (after, limit)
    )
    return [row[0] for row in rows]


def count(reader: Reader, *, seq_max: int) -> tuple[int, int]:
    """(events stored, events whose record number is at most `seq_max`)."""
    rows = reader.read("SELECT count(*), sum(seq <= ?) FROM events", (seq_max,))
    return rows[0][0], rows[0][1] or 0
