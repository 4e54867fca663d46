"""Failed records as batches see them: those of one batch of files, and those that came by streaming
to one dataset in one minute, which together are shown as one failed batch.

Source: ingestion contract, 8.
"""

from __future__ import annotations

from typing import NamedTuple

from onefold.store.engine import Reader, Value

MINUTE_MS = 60_000


class Minute(NamedTuple):
    """Failed records that came by streaming to a dataset in the minute that begins at `at_ms`."""

    at_ms: int
    dataset: str
    records: int


def minutes(
    reader: Reader, *, dataset: str = "", after_ms: int = -1, before_ms: int = 1 << 62, limit: int
) -> list[Minute]:
    """The newest minutes, and datasets, that begin between the bounds, which are exclusive. Only
    records that still have their message count."""
    sql = [
        "SELECT received_ms / 60000 AS minute, dataset, count(*) FROM failed_records"
        " WHERE batch = '' AND dataset <> '' AND state <> 'resolved' AND received_ms / 60000 > ?"
        " AND received_ms / 60000 < ?"
    ]
    first = after_ms // MINUTE_MS
    bound: list[Value] = [first, -(-before_ms // MINUTE_MS)]
    if dataset:
        sql.append("AND dataset = ?")
        bound.append(dataset)
    sql.append("GROUP BY minute, dataset ORDER BY minute DESC, dataset DESC LIMIT ?")
    rows = reader.read(" ".join(sql), [*bound, limit])
    return [Minute(minute * MINUTE_MS, of, records) for minute, of, records in rows]


def in_minute(reader: Reader, at_ms: int, dataset: str, *, after: int, limit: int) -> list[int]:
    """Numbers of up to `limit` failed records of a minute, behind number `after`."""
    rows = reader.read(
        "SELECT seq FROM failed_records WHERE received_ms / 60000 = ? AND dataset = ?"
        " AND batch = '' AND state <> 'resolved' AND seq > ? ORDER BY seq LIMIT ?",
        (at_ms // MINUTE_MS, dataset, after, limit),
    )
    return [row[0] for row in rows]


def numbers(reader: Reader, batch: str, *, after: int, limit: int) -> list[int]:
    """Numbers of up to `limit` failed records of a batch's files, behind number `after`."""
    rows = reader.read(
        "SELECT seq FROM failed_records WHERE batch = ? AND batch <> '' AND state <> 'resolved'"
        " AND seq > ? ORDER BY seq LIMIT ?",
        (batch, after, limit),
    )
    return [row[0] for row in rows]


def repeats(reader: Reader, batch: str) -> list[int]:
    """Numbers of the records that repeated failed ones of a batch's files."""
    rows = reader.read(
        "SELECT replayed_seq FROM failed_records WHERE batch = ? AND batch <> ''"
        " AND replayed_seq IS NOT NULL",
        (batch,),
    )
    return [row[0] for row in rows]


def count(reader: Reader, batch: str) -> int:
    """How many records of a batch's files have failed."""
    rows = reader.read(
        "SELECT count(*) FROM failed_records WHERE batch = ? AND batch <> ''", (batch,)
    )
    return int(rows[0][0])


def codes(reader: Reader, at_ms: int, dataset: str) -> dict[str, int]:
    """How many records of a minute have failed with which code."""
    rows = reader.read(
        "SELECT code, count(*) FROM failed_records WHERE received_ms / 60000 = ? AND dataset = ?"
        " AND batch = '' AND state <> 'resolved' GROUP BY code",
        (at_ms // MINUTE_MS, dataset),
    )
    return dict(rows)


def datasets_of_minute(reader: Reader, at_ms: int) -> list[str]:
    """The datasets with failed records of a minute."""
    rows = reader.read(
        "SELECT DISTINCT dataset FROM failed_records WHERE received_ms / 60000 = ? AND batch = ''"
        " AND dataset <> '' AND state <> 'resolved'",
        (at_ms // MINUTE_MS,),
    )
    return [row[0] for row in rows]
