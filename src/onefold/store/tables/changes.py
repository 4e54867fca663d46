"""The log of what happened to people: a row for each happening, numbered as they were committed.

Derived, and kept for those who follow: the newest KEPT_MAX rows, none older than KEPT_MS. It names
people that were deleted, since their followers have to hear of it: that is why rows grow old.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from onefold.domain.graph.regrouping import Happening, Kind
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction

KEPT_MAX = 1_000_000
"""Rows of the log. Followers that are further behind have to read anew."""

KEPT_MS = 30 * 86_400_000
"""How long a row stays; it goes with the first change after that."""

TRIM_EVERY = 1_024
"""How many rows more there may be, so that few changes pay for a trim."""

TRIMMED_MAX = 20_000
"""Rows of one trim, so that none takes long."""

_NO_END = (1 << 63) - 1


class Change(msgspec.Struct, frozen=True):
    """One row. number: without gaps, from 1. seq: the last record of those that brought it about.
    at_ms: when. others: as in Happening."""

    number: int
    seq: int
    at_ms: int
    kind: Kind
    cluster: Xid
    others: tuple[Xid, ...]


def add(transaction: Transaction, happenings: Sequence[Happening], *, seq: int, at_ms: int) -> None:
    """Write the happenings behind all others. Cost: one read besides, and seldom a delete."""
    if not happenings:
        return
    rows = transaction.read(
        "SELECT (SELECT number FROM changes ORDER BY number DESC LIMIT 1), number, at_ms"
        " FROM changes ORDER BY number LIMIT 1"
    )
    newest, oldest, oldest_ms = rows[0] if rows else (0, 1, at_ms)
    transaction.write_many(
        "INSERT INTO changes (number, seq, at_ms, kind, cluster, others) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (number, seq, at_ms, one.kind.value, one.cluster, " ".join(one.others))
            for number, one in enumerate(happenings, newest + 1)
        ],
    )
    last = newest + len(happenings)
    if last - oldest + 1 >= KEPT_MAX + TRIM_EVERY or oldest_ms < at_ms - KEPT_MS:
        _trim(transaction, oldest, last, at_ms)


def _trim(transaction: Transaction, oldest: int, last: int, at_ms: int) -> None:
    rows = transaction.read(
        "SELECT number FROM changes WHERE at_ms >= ? ORDER BY number LIMIT 1", (at_ms - KEPT_MS,)
    )
    young = rows[0][0]  # if nothing else, then what was written a moment ago
    first_kept = max(young, last - KEPT_MAX + 1)
    transaction.write(
        "DELETE FROM changes WHERE number < ?", (min(first_kept, oldest + TRIMMED_MAX),)
    )


def after(
    reader: Reader,
    number: int,
    *,
    limit: int,
    to: int = _NO_END,
    kinds: Collection[Kind] = tuple(Kind),
) -> list[Change]:
    """Up to `limit` changes behind a number, up to the number `to`, of some kinds, in their order.

    Cost: reads what it leaves out as well, so whoever leaves out should name a `to`.
    """
    asked = [kind.value for kind in kinds]
    rows = reader.read(
        "SELECT number, seq, at_ms, kind, cluster, others FROM changes"
        " WHERE number > ? AND number <= ? AND kind IN (?, ?, ?, ?, ?) ORDER BY number LIMIT ?",
        (number, to, *asked, *asked[-1:] * (len(Kind) - len(asked)), limit),
    )
    return [
        Change(row[0], row[1], row[2], Kind(row[3]), row[4], tuple(row[5].split())) for row in rows
    ]


def bounds(reader: Reader) -> tuple[int, int]:
    """The numbers of the oldest and the newest change; zeros when there is none."""
    rows = reader.read(
        "SELECT (SELECT number FROM changes ORDER BY number LIMIT 1),"
        " (SELECT number FROM changes ORDER BY number DESC LIMIT 1)"
    )
    oldest, newest = rows[0]
    return (oldest, newest) if newest else (0, 0)
