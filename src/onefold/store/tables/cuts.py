"""Cuts: pairs of identities that must not link, each under both ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from onefold.domain.graph.linking import Pair
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction, read_among


class Cut(msgspec.Struct, frozen=True, gc=False):
    """One pair, `a` the smaller XID. seq: number of the order that cut it; made_ms: when that
    came; reason: as whoever asked for it says."""

    a: Xid
    b: Xid
    seq: int
    made_ms: int
    reason: str


def any(reader: Reader) -> bool:
    """Whether anything is cut at all."""
    return bool(reader.read("SELECT 1 FROM cuts LIMIT 1"))


def among(reader: Reader, xids: Sequence[Xid]) -> set[Pair]:
    """The cut pairs, smaller XID first, that have one of these identities."""
    rows = read_among(reader, "SELECT xid, peer FROM cuts WHERE xid IN (:list)", xids)
    return {(min(row), max(row)) for row in rows}


def of(reader: Reader, xids: Sequence[Xid]) -> list[Cut]:
    """The cuts of these identities, each once, by pair."""
    rows = read_among(
        reader, "SELECT xid, peer, seq, made_ms, reason FROM cuts WHERE xid IN (:list)", xids
    )
    return sorted(
        {Cut(min(row[:2]), max(row[:2]), *row[2:]) for row in rows},
        key=lambda cut: (cut.a, cut.b),
    )


def listed(reader: Reader, *, after: Pair, limit: int) -> list[Cut]:
    """Up to `limit` cuts, by pair, behind a pair."""
    rows = reader.read(
        "SELECT xid, peer, seq, made_ms, reason FROM cuts WHERE xid < peer AND (xid, peer) > (?, ?)"
        " ORDER BY xid, peer LIMIT ?",
        (*after, limit),
    )
    return [Cut(*row) for row in rows]


def add(
    transaction: Transaction, pairs: Iterable[Pair], *, seq: int, made_ms: int, reason: str = ""
) -> None:
    """Cut pairs, given in either order; one that is cut already stays as it is."""
    transaction.write_many(
        "INSERT INTO cuts (xid, peer, seq, made_ms, reason) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (xid, peer) DO NOTHING",
        sorted(
            (*ends, seq, made_ms, reason) for a, b in pairs for ends in ((a, b), (b, a)) if a != b
        ),
    )


def remove(transaction: Transaction, pairs: Iterable[Pair]) -> None:
    """Mend pairs, given in either order."""
    transaction.write_many(
        "DELETE FROM cuts WHERE xid = ? AND peer = ?",
        sorted(ends for a, b in pairs for ends in ((a, b), (b, a))),
    )
