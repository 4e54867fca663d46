"""Calls: which ones came, by the id that their senders were told.

For duplicates, and to say what became of a call. A row tells nothing about a person, so it stays
when people are deleted; rows go when they are old.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from onefold.store.engine import Reader, Transaction, read_among

State = Literal["applied", "failed", "suppressed"]


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One call. seq: number of its first record in the journal. digest: of its message. state: how
    it ended."""

    event_id: str
    seq: int
    digest: bytes
    received_ms: int
    state: State


def add(transaction: Transaction, rows: Iterable[Seen]) -> None:
    """Note calls; one that is known already ends anew, as a failed one does that is repeated."""
    transaction.write_many(
        "INSERT INTO calls (event_id, seq, digest, received_ms, state) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (event_id) DO UPDATE SET seq = excluded.seq, digest = excluded.digest,"
        " received_ms = excluded.received_ms, state = excluded.state",
        sorted((one.event_id, one.seq, one.digest, one.received_ms, one.state) for one in rows),
    )


def of(reader: Reader, event_ids: Sequence[str]) -> dict[str, Seen]:
    """Those of the calls that are known, by their ids."""
    rows = read_among(
        reader,
        "SELECT event_id, seq, digest, received_ms, state FROM calls WHERE event_id IN (:list)",
        event_ids,
    )
    return {row[0]: Seen(*row) for row in rows}


def forget(transaction: Transaction, event_ids: Iterable[str]) -> None:
    """Forget calls, so that they may come again; ids that are none of calls do no harm."""
    transaction.write_many(
        "DELETE FROM calls WHERE event_id = ?", [(one,) for one in sorted(event_ids)]
    )


def trim(transaction: Transaction, before_ms: int, limit: int) -> int:
    """Forget calls that were received before a time, the oldest first; answer how many.

    Looks at the `limit` oldest by record number: none of them is old enough means that none is,
    but for repeats of failed ones, which are old when they come and go a little later."""
    rows = transaction.read(
        "SELECT event_id, received_ms FROM calls ORDER BY seq LIMIT ?", (limit,)
    )
    old = sorted((row[0],) for row in rows if row[1] < before_ms)
    transaction.write_many("DELETE FROM calls WHERE event_id = ?", old)
    return len(old)
