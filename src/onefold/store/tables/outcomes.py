"""How every record ended, counted by dataset; the counts balance with the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from onefold.store.engine import Reader, Transaction


class Outcome(StrEnum):
    """The ends of a record. Suppressed: it came again after it was undone, or names a deleted
    identity."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SUPPRESSED = "suppressed"
    FAILED = "failed"


def count(transaction: Transaction, records: Mapping[tuple[str, Outcome], int]) -> None:
    """Add to the counts of (dataset, outcome)."""
    transaction.write_many(
        "INSERT INTO outcomes (dataset, outcome, records) VALUES (?, ?, ?)"
        " ON CONFLICT (dataset, outcome) DO UPDATE SET records = records + excluded.records",
        [(dataset, outcome.value, n) for (dataset, outcome), n in records.items()],
    )


def counts(reader: Reader) -> dict[tuple[str, Outcome], int]:
    """All counts of the sandbox."""
    rows = reader.read("SELECT dataset, outcome, records FROM outcomes")
    return {(row[0], Outcome(row[1])): row[2] for row in rows}


def note_left_out(transaction: Transaction, numbers: Iterable[int]) -> None:
    """Remember by number which records were known duplicates or suppressed, for the lake to leave
    out."""
    transaction.write_many(
        "INSERT INTO left_out (seq) VALUES (?) ON CONFLICT (seq) DO NOTHING",
        [(number,) for number in numbers],
    )


def left_out(reader: Reader, *, first: int, last: int) -> set[int]:
    """The numbers of known duplicates and suppressed records from `first` to `last`."""
    rows = reader.read("SELECT seq FROM left_out WHERE seq BETWEEN ? AND ?", (first, last))
    return {row[0] for row in rows}


def forget_left_out(transaction: Transaction, *, last: int) -> None:
    """Forget those up to this number."""
    transaction.write("DELETE FROM left_out WHERE seq <= ?", (last,))
