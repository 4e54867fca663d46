"""How every record ended, counted by dataset; the counts balance with the journal."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from onefold.store.engine import Reader, Transaction


class Outcome(StrEnum):
    """The three ends of a record."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
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
