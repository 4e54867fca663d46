"""Suppressions: what must not come back, by keyed hash (domain/suppression.py makes the keys)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from onefold.domain.suppression import Suppression
from onefold.store.engine import Reader, Transaction, read_among


class Kept(msgspec.Struct, frozen=True, gc=False):
    """A suppression as it is stored. made_ms: when the order for it came."""

    key: str
    kind: str
    detail: str
    until_ms: int
    made_ms: int
    request: str


def any(reader: Reader) -> bool:
    """Whether anything is suppressed at all."""
    return bool(reader.read("SELECT 1 FROM suppressions LIMIT 1"))


def any_of_tracking(reader: Reader) -> bool:
    """Whether anybody is not to be tracked."""
    return bool(reader.read("SELECT 1 FROM suppressions WHERE kind = 'notrack' LIMIT 1"))


def known(reader: Reader, keys: Sequence[str]) -> dict[str, Kept]:
    """Those of the keys that are suppressed."""
    rows = read_among(
        reader,
        "SELECT key, kind, detail, until_ms, made_ms, request FROM suppressions"
        " WHERE key IN (:list)",
        keys,
    )
    return {row[0]: Kept(*row) for row in rows}


def add(transaction: Transaction, suppressions: Iterable[Suppression], *, made_ms: int) -> None:
    """Suppress. Of two for one key the later time counts, and otherwise the first."""
    transaction.write_many(
        "INSERT INTO suppressions (key, kind, detail, until_ms, made_ms, request)"
        " VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
        sorted((s.key, s.kind, s.detail, s.until_ms, made_ms, s.request) for s in suppressions),
    )


def lift(transaction: Transaction, keys: Iterable[str]) -> None:
    """Let it come again; keys that are not suppressed do no harm."""
    transaction.write_many("DELETE FROM suppressions WHERE key = ?", [(key,) for key in keys])


def listed(reader: Reader, *, after: str = "", limit: int) -> list[Kept]:
    """Up to `limit` suppressions in order of key, behind `after`."""
    rows = reader.read(
        "SELECT key, kind, detail, until_ms, made_ms, request FROM suppressions"
        " WHERE key > ? ORDER BY key LIMIT ?",
        (after, limit),
    )
    return [Kept(*row) for row in rows]


def requested(reader: Reader, request: str) -> list[Kept]:
    """What one request suppressed. Cost: reads every suppression."""
    rows = reader.read(
        "SELECT key, kind, detail, until_ms, made_ms, request FROM suppressions"
        " WHERE request = ? ORDER BY key",
        (request,),
    )
    return [Kept(*row) for row in rows]
