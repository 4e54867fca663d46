"""Superseded: earlier records of a fragment's key, so that a later one can be undone.

Here are all records of a key, as they were sent, but for a last one that is whole: that stands in
`fragments` alone. Where the last one is partial, the fragment is what follows from these records,
and the last of them is here, too. Of a key that was written once, with a whole record, nothing is
here.

At most KEPT_ROWS records of a key are kept, and none longer than KEPT_MS after it was superseded;
what is too much goes when the key is written next, and one row of operation `gone` takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.history import Record, shortened
from onefold.store.engine import Reader, Row, Transaction, read_among
from onefold.store.packing import Packing

KEPT_ROWS = 100
KEPT_MS = 30 * 24 * 3_600_000

Key = tuple[Xid, str]
"""(owner, dataset)."""


class Superseded(msgspec.Struct, frozen=True, gc=False):
    """One record of a key. superseded_ms: when the next one arrived; of the last one, and of one
    that took the fragment away, when it arrived itself; of a `gone` row, when the first of the
    records in its place arrived."""

    xid: Xid
    dataset: str
    record: Record
    superseded_ms: int


class Next(NamedTuple):
    """The record that comes after what stands: its number, and when it arrived."""

    seq: int
    ingested_ms: int


def of(reader: Reader, packing: Packing, xids: Sequence[Xid]) -> list[Superseded]:
    """Every row of these identities, by (owner, dataset, record number)."""
    rows = read_among(
        reader,
        "SELECT xid, dataset, seq, ingested_ms, effective_ms, tag, operation, body, superseded_ms"
        " FROM superseded WHERE xid IN (:list)",
        xids,
    )
    return [_superseded(packing, row) for row in sorted(rows)]


def histories(reader: Reader, packing: Packing, keys: Sequence[Key]) -> dict[Key, list[Record]]:
    """All records of each key that are kept, by number, the one that stands alone in `fragments`
    included; keys without any are left out."""
    flat = [part for key in keys for part in key]
    rows = read_among(
        reader,
        "SELECT xid, dataset, seq, ingested_ms, effective_ms, tag, operation, body"
        " FROM superseded WHERE (xid, dataset) IN (VALUES :list)",
        flat,
        width=2,
    )
    known = {row[:3] for row in rows}
    rows += [
        row
        for row in read_among(
            reader,
            "SELECT xid, dataset, seq, ingested_ms, effective_ms, tag, 'create', body"
            " FROM fragments WHERE (xid, dataset) IN (VALUES :list)",
            flat,
            width=2,
        )
        if row[:3] not in known
    ]
    found: dict[Key, list[Record]] = {}
    for xid, dataset, seq, ingested_ms, effective_ms, tag, said, body in sorted(set(rows)):
        unpacked = packing.unpack(body) if body else b""
        found.setdefault((xid, dataset), []).append(
            Record(seq, ingested_ms, effective_ms, tag, said, unpacked)
        )
    return found


def outline(reader: Reader, key: Key) -> list[Record]:
    """All records of one key, by number, without their bodies: these are empty, or one byte."""
    rows = reader.read(
        "SELECT seq, ingested_ms, effective_ms, tag, operation, length(body) FROM superseded"
        " WHERE xid = ?1 AND dataset = ?2"
        " UNION ALL SELECT seq, ingested_ms, effective_ms, tag, 'create', 1 FROM fragments"
        " WHERE xid = ?1 AND dataset = ?2 AND NOT EXISTS (SELECT 1 FROM superseded AS same"
        " WHERE same.xid = ?1 AND same.dataset = ?2 AND same.seq = fragments.seq)"
        " ORDER BY seq",
        key,
    )
    return [
        Record(seq, ingested_ms, effective_ms, tag, said, b"-" if length else b"")
        for seq, ingested_ms, effective_ms, tag, said, length in rows
    ]


def keys_of(reader: Reader, owners: Sequence[Xid], number: int) -> list[Key]:
    """The keys, of these owners, that have a record of this number, current or superseded."""
    rows = read_among(
        reader,
        "SELECT xid, dataset FROM fragments WHERE seq = ? AND xid IN (:list)",
        owners,
        number,
    )
    rows += read_among(
        reader,
        "SELECT xid, dataset FROM superseded"
        " WHERE seq = ? AND operation <> 'gone' AND xid IN (:list)",
        owners,
        number,
    )
    return sorted({(row[0], row[1]) for row in rows})


def keep(transaction: Transaction, keys: Mapping[Key, Next]) -> set[Key]:
    """Keep what stands now under each of these keys, which the record given with it is about to
    replace or change; answer the keys under which something stands.

    Read and written in two steps: an INSERT from a SELECT would journal its pages once more for
    every row, which costs 100 µs.
    """
    rows = read_among(
        transaction,
        "SELECT xid, dataset, seq, ingested_ms, effective_ms, tag, 'create', body FROM fragments"
        " WHERE (xid, dataset) IN (VALUES :list)",
        [part for key in sorted(keys) for part in key],
        width=2,
    )
    transaction.write_many(
        "INSERT INTO superseded (xid, dataset, seq, ingested_ms, effective_ms, tag, operation,"
        " body, superseded_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (xid, dataset, seq) DO UPDATE SET superseded_ms = excluded.superseded_ms"
        " WHERE operation <> 'gone'",
        [
            (*row, keys[row[0], row[1]].ingested_ms)
            for row in rows
            if row[2] < keys[row[0], row[1]].seq
        ],
    )
    return {(row[0], row[1]) for row in rows}


def add(transaction: Transaction, packing: Packing, rows: Iterable[Superseded]) -> None:
    """Keep records that are no row of `fragments`."""
    transaction.write_many(
        "INSERT INTO superseded (xid, dataset, seq, ingested_ms, effective_ms, tag, operation,"
        " body, superseded_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (xid, dataset, seq) DO NOTHING",
        [
            (
                row.xid,
                row.dataset,
                row.record.seq,
                row.record.ingested_ms,
                row.record.effective_ms,
                row.record.tag,
                row.record.operation,
                packing.pack(row.record.body, row.dataset),
                row.superseded_ms,
            )
            for row in rows
        ],
    )


def remove(transaction: Transaction, rows: Iterable[tuple[Xid, str, int]]) -> None:
    """Delete by (owner, dataset, record number)."""
    transaction.write_many(
        "DELETE FROM superseded WHERE xid = ? AND dataset = ? AND seq = ?", sorted(rows)
    )


def clear(transaction: Transaction, keys: Iterable[Key]) -> None:
    """Delete everything under these keys."""
    transaction.write_many("DELETE FROM superseded WHERE xid = ? AND dataset = ?", sorted(keys))


def prune(transaction: Transaction, packing: Packing, keys: Mapping[Key, int]) -> None:
    """Let go of what is too much or too old under these keys, which are being written, each with
    the time at which its last record arrived.

    Cost: some 10 µs a key; its records are counted in the index, and one of them is read.
    """
    counted = read_among(
        transaction,
        "SELECT xid, dataset, min(seq), count(*) FROM superseded"
        " WHERE (xid, dataset) IN (VALUES :list) GROUP BY xid, dataset",
        [part for key in sorted(keys) for part in key],
        width=2,
    )
    oldest = read_among(
        transaction,
        "SELECT xid, dataset, operation, superseded_ms FROM superseded"
        " WHERE (xid, dataset, seq) IN (VALUES :list)",
        [part for row in counted for part in row[:3]],
        width=3,
    )
    numbers = {(xid, dataset): (first, number) for xid, dataset, first, number in counted}
    for xid, dataset, operation, superseded_ms in oldest:
        first, number = numbers[xid, dataset]
        if operation == "gone":
            number -= 1
            behind = transaction.read(
                "SELECT superseded_ms FROM superseded WHERE xid = ? AND dataset = ? AND seq > ?"
                " ORDER BY seq LIMIT 1",
                (xid, dataset, first),
            )
            superseded_ms = behind[0][0] if behind else keys[xid, dataset]
        kept_from_ms = keys[xid, dataset] - KEPT_MS
        if number > KEPT_ROWS or superseded_ms < kept_from_ms:
            _prune(transaction, packing, (xid, dataset), kept_from_ms)


def every(reader: Reader, *, after: int, limit: int) -> list[tuple[int, Xid, str, int, str]]:
    """(row, owner, dataset, record number, operation) of up to `limit` rows, behind row `after`, by
    row. For jobs that look at all of them."""
    return reader.read(
        "SELECT rowid, xid, dataset, seq, operation FROM superseded WHERE rowid > ?"
        " ORDER BY rowid LIMIT ?",
        (after, limit),
    )


def owning(reader: Reader, xids: Sequence[Xid]) -> list[Xid]:
    """Those of the identities that have rows here."""
    rows = read_among(reader, "SELECT DISTINCT xid FROM superseded WHERE xid IN (:list)", xids)
    return [row[0] for row in rows]


def first(reader: Reader, xids: Sequence[Xid]) -> dict[Xid, tuple[int, int]]:
    """(record number, time of receipt) of the first record that each identity owned; 0 is the
    number of one that is not kept. Identities that own none here are left out."""
    rows = read_among(
        reader,
        "SELECT xid, CASE operation WHEN 'gone' THEN 0 ELSE seq END,"
        " CASE operation WHEN 'gone' THEN superseded_ms ELSE ingested_ms END"
        " FROM superseded WHERE xid IN (:list)",
        xids,
    )
    found: dict[Xid, tuple[int, int]] = {}
    for xid, group in groupby(sorted(rows), lambda row: row[0]):
        found[xid] = min((seq, received_ms) for _, seq, received_ms in group)
    return found


def _superseded(packing: Packing, row: Row) -> Superseded:
    xid, dataset, seq, ingested_ms, effective_ms, tag, operation, body, superseded_ms = row
    unpacked = packing.unpack(body) if body else b""
    return Superseded(
        xid,
        dataset,
        Record(seq, ingested_ms, effective_ms, tag, operation, unpacked),
        superseded_ms,
    )


def _prune(transaction: Transaction, packing: Packing, key: Key, kept_from_ms: int) -> None:
    history = histories(transaction, packing, [key])[key]
    rows = transaction.read(
        "SELECT seq, operation, superseded_ms FROM superseded WHERE xid = ? AND dataset = ?"
        " ORDER BY seq",
        key,
    )
    kept = [row for row in rows if row[1] != "gone"]
    spent = max(0, len(kept) - KEPT_ROWS)
    while spent < len(kept) and kept[spent][2] < kept_from_ms:
        spent += 1
    if not spent:
        return
    first_ms = rows[0][2] if rows[0][1] == "gone" else history[0].ingested_ms
    number = spent + len(rows) - len(kept)
    gone = shortened(history, number)
    remove(transaction, [(*key, row[0]) for row in rows[:number]])
    add(transaction, packing, [Superseded(*key, gone, first_ms)])
