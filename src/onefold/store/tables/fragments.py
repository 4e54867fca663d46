"""Fragments: what one dataset says of one identity, one current row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import STAMPS, Fragment
from onefold.store.engine import Reader, Transaction, read_among
from onefold.store.packing import Packing
from onefold.wire import decode_json


class NewFragment(msgspec.Struct, frozen=True, gc=False):
    """A fragment on its way in; `body` is its attributes as JSON."""

    xid: Xid
    dataset: str
    seq: int
    ingested_ms: int
    effective_ms: int
    tag: str
    body: bytes


def fragments_of(reader: Reader, packing: Packing, xids: Sequence[Xid]) -> list[Fragment]:
    """Every fragment of these identities, in no particular order."""
    rows = read_among(
        reader,
        "SELECT xid, dataset, seq, ingested_ms, effective_ms, tag, body FROM fragments"
        " WHERE xid IN (:list)",
        xids,
    )
    found: list[Fragment] = []
    for xid, dataset, seq, ingested_ms, effective_ms, tag, body in rows:
        attributes = decode_json(packing.unpack(body))
        stamps = attributes.pop(STAMPS, None)
        found.append(
            Fragment(xid, dataset, seq, ingested_ms, effective_ms, tag, attributes, stamps)
        )
    return found


def replace(transaction: Transaction, packing: Packing, fragments: Iterable[NewFragment]) -> None:
    """Write each fragment over what its dataset said of its identity before.

    A record that is older in the journal than the stored one changes nothing, so that replays and
    parallel writers end in the same place.
    """
    transaction.write_many(
        "INSERT INTO fragments (xid, dataset, seq, ingested_ms, effective_ms, tag, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (xid, dataset) DO UPDATE SET seq = excluded.seq,"
        " ingested_ms = excluded.ingested_ms, effective_ms = excluded.effective_ms,"
        " tag = excluded.tag, body = excluded.body WHERE excluded.seq > fragments.seq",
        [
            (
                f.xid,
                f.dataset,
                f.seq,
                f.ingested_ms,
                f.effective_ms,
                f.tag,
                packing.pack(f.body, f.dataset),
            )
            for f in fragments
        ],
    )


def first(reader: Reader, xids: Sequence[Xid]) -> dict[Xid, tuple[int, int]]:
    """(record number, time of receipt) of the oldest fragment of each identity that has any."""
    rows = read_among(
        reader, "SELECT xid, seq, ingested_ms FROM fragments WHERE xid IN (:list)", xids
    )
    found: dict[Xid, tuple[int, int]] = {}
    for xid, seq, received_ms in rows:
        found[xid] = min((seq, received_ms), found.get(xid, (seq, received_ms)))
    return found


def owners(reader: Reader, *, after: str, limit: int) -> list[Xid]:
    """Up to `limit` identities that have fragments, in order, behind `after`."""
    rows = reader.read(
        "SELECT DISTINCT xid FROM fragments WHERE xid > ? ORDER BY xid LIMIT ?", (after, limit)
    )
    return [row[0] for row in rows]


def datasets_of(reader: Reader, owner: Xid) -> set[str]:
    """The datasets that say something of one identity."""
    rows = reader.read("SELECT dataset FROM fragments WHERE xid = ?", (owner,))
    return {row[0] for row in rows}


def remove(transaction: Transaction, rows: Iterable[tuple[Xid, str, int]]) -> None:
    """Delete fragments by (owner, dataset, record number)."""
    transaction.write_many(
        "DELETE FROM fragments WHERE xid = ? AND dataset = ? AND seq = ?", sorted(rows)
    )


def clear(transaction: Transaction, keys: Iterable[tuple[Xid, str]]) -> None:
    """Delete fragments by (owner, dataset), whatever record wrote them."""
    transaction.write_many("DELETE FROM fragments WHERE xid = ? AND dataset = ?", sorted(keys))


def owning(reader: Reader, xids: Sequence[Xid]) -> list[Xid]:
    """Those of the identities that have fragments."""
    return [
        row[0]
        for row in read_among(
            reader, "SELECT DISTINCT xid FROM fragments WHERE xid IN (:list)", xids
        )
    ]


def below(reader: Reader, numbers: Mapping[Xid, int]) -> list[tuple[Xid, str, int]]:
    """(owner, dataset, record number) of everything that is kept of each owner's profile records
    below a number: what stands, and what it superseded. Records that are both are told once."""
    found: set[tuple[Xid, str, int]] = set()
    for table in (
        "SELECT xid, dataset, seq FROM fragments WHERE xid IN (:list)",
        "SELECT xid, dataset, seq FROM superseded WHERE xid IN (:list)",
    ):
        found.update(read_among(reader, table, sorted(numbers)))
    return sorted(row for row in found if row[2] < numbers[row[0]])


def every(reader: Reader, *, after: int, limit: int) -> list[tuple[int, Xid, str, int]]:
    """(row, owner, dataset, record number) of up to `limit` fragments, behind row `after`, by row.
    For jobs that look at all of them."""
    return reader.read(
        "SELECT rowid, xid, dataset, seq FROM fragments WHERE rowid > ? ORDER BY rowid LIMIT ?",
        (after, limit),
    )


def bodies(
    reader: Reader, packing: Packing, *, after: int, limit: int
) -> list[tuple[int, Xid, str, bytes]]:
    """(row, owner, dataset, what it says as JSON) of up to `limit` fragments, behind row `after`,
    by row."""
    rows = reader.read(
        "SELECT rowid, xid, dataset, body FROM fragments WHERE rowid > ? ORDER BY rowid LIMIT ?",
        (after, limit),
    )
    return [(row, xid, dataset, packing.unpack(body)) for row, xid, dataset, body in rows]
