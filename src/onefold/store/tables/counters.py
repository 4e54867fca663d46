"""Counters: what happened, hour by hour. The pipeline writes them in profile stores, inlets in
journals."""

from __future__ import annotations

from collections.abc import Mapping

from onefold.store.engine import Reader, Transaction

HOUR_MS = 3_600_000
FLOW = "flow"
"""What went through flows: the subject is a flow, the detail how records ended, or BYTES."""
BYTES = "bytes"

Key = tuple[str, str, str]
"""(metric, subject, detail): id of a dataset, an inlet or a flow; a namespace's id, a category, how
records ended, or ""."""


def add(transaction: Transaction, counted: Mapping[Key, int], *, now_ms: int) -> None:
    """Add to the counters of this hour."""
    hour_ms = now_ms - now_ms % HOUR_MS
    transaction.write_many(
        "INSERT INTO counters (metric, subject, detail, hour_ms, value) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (metric, hour_ms, subject, detail)"
        " DO UPDATE SET value = value + excluded.value",
        [(*key, hour_ms, value) for key, value in sorted(counted.items()) if value],
    )


def series(
    reader: Reader, metric: str, *, start_ms: int, end_ms: int, subject: str = ""
) -> list[tuple[int, str, str, int]]:
    """(hour, subject, detail, value) of the hours that begin from start_ms up to before end_ms; of
    one subject when it is given.

    Cost: one range of the key; a row for each subject and detail in each hour.
    """
    return reader.read(
        "SELECT hour_ms, subject, detail, value FROM counters"
        " WHERE metric = ? AND hour_ms >= ? AND hour_ms < ? AND (? = '' OR subject = ?)"
        " ORDER BY hour_ms, subject, detail",
        (metric, start_ms, end_ms, subject, subject),
    )
