"""What is asked of the profile store about everybody, a page of people at a time.

Bodies are not read, only measured. Per identity and event, from memory: 1 µs for what the indexes
tell, 4 µs for what stands in the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.sample import (
    AGES,
    DAY_MS,
    SUNDAY_MS,
    WEEK_MS,
    WEEKS_MAX,
    Part,
    Size,
    Timeline,
)
from onefold.store.engine import Reader, read_among

_PARTS = "SELECT xid, dataset, 0 FROM fragments WHERE xid IN (:list)"
_MEASURED = "SELECT xid, dataset, length(body) FROM fragments WHERE xid IN (:list)"
_TOGETHER = (
    "SELECT xid, '', count(*), max(timestamp_ms) FROM events WHERE xid IN (:list) GROUP BY xid"
)
_BY_DATASET = (
    "SELECT xid, dataset, count(*), max(timestamp_ms) FROM events WHERE xid IN (:list)"
    " GROUP BY xid, dataset"
)
_SIZES = (
    "SELECT dataset, max(timestamp_ms - (timestamp_ms - ?) % ?, ?) AS week, count(*),"
    " sum(length(body)), sum(timestamp_ms >= ?), sum(timestamp_ms >= ?), sum(timestamp_ms >= ?),"
    " sum(timestamp_ms >= ?), sum(timestamp_ms >= ?), sum(timestamp_ms >= ?),"
    " sum(timestamp_ms >= ?) FROM events WHERE xid IN (:list) GROUP BY dataset, week"
)


def clusters(reader: Reader) -> int:
    """How many clusters there are. Cost: reads every identity, 0.1 µs each from memory."""
    count: int = reader.read("SELECT count(DISTINCT cluster) FROM members")[0][0]
    return count


def identities(reader: Reader) -> int:
    """How many identities there are. Cost: 3 ns for each of them."""
    count: int = reader.read("SELECT count(*) FROM identities")[0][0]
    return count


def parts(reader: Reader, xids: Sequence[Xid], *, measured: bool) -> list[Part]:
    """The fragments of these identities; with their bytes when they are to be measured."""
    rows = read_among(reader, _MEASURED if measured else _PARTS, xids)
    return [Part(*row) for row in rows]


def timelines(reader: Reader, xids: Sequence[Xid], *, by_dataset: bool) -> list[Timeline]:
    """The events of these identities, by dataset or all together."""
    rows = read_among(reader, _BY_DATASET if by_dataset else _TOGETHER, xids)
    return [Timeline(*row) for row in rows]


def sizes(reader: Reader, xids: Sequence[Xid], *, now_ms: int) -> list[Size]:
    """The events of these identities by dataset and week; a pair may stand there several times.
    Those older than WEEKS_MAX are in the oldest week."""
    oldest_ms = now_ms - (now_ms - SUNDAY_MS) % WEEK_MS - (WEEKS_MAX - 1) * WEEK_MS
    since = [now_ms - days * DAY_MS for days in AGES]
    rows = read_among(reader, _SIZES, xids, SUNDAY_MS, WEEK_MS, oldest_ms, *since)
    return [Size(row[0], row[1], row[2], row[3], row[4:]) for row in rows]
