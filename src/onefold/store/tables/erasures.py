"""Erasures: how many rows of a deleted person were removed, by request and place; written with the
removal itself, so that a receipt can tell what was done and not what was meant to be done. Also the
records of the person that do not name them, which nobody else could find where they were sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from onefold.store.engine import Reader, Transaction, read_among


def add(transaction: Transaction, removed: Mapping[tuple[str, str], int]) -> None:
    """Count rows of (request, place)."""
    transaction.write_many(
        "INSERT INTO erasures (request, place, removed) VALUES (?, ?, ?)"
        " ON CONFLICT (request, place) DO UPDATE SET removed = removed + excluded.removed",
        [(*key, number) for key, number in sorted(removed.items()) if number],
    )


def of(reader: Reader, requests: Sequence[str]) -> dict[tuple[str, str], int]:
    """What was counted for these requests, by (request, place)."""
    rows = read_among(
        reader,
        "SELECT request, place, removed FROM erasures WHERE request IN (:list)",
        requests,
    )
    return {(row[0], row[1]): row[2] for row in rows}


def note(transaction: Transaction, rows: Iterable[tuple[str, int, str]]) -> None:
    """Note (request, number of a record, id of the call that it is of or empty)."""
    transaction.write_many(
        "INSERT INTO erased_records (request, seq, call) VALUES (?, ?, ?)"
        " ON CONFLICT (request, seq) DO NOTHING",
        sorted(rows),
    )


def records_of(reader: Reader, requests: Sequence[str]) -> list[tuple[str, int, str]]:
    """(request, number of a record, id of its call or empty) of what was noted."""
    rows = read_among(
        reader, "SELECT request, seq, call FROM erased_records WHERE request IN (:list)", requests
    )
    return [(row[0], row[1], row[2]) for row in rows]
