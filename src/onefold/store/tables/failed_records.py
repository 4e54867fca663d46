"""Failed records: kept whole until somebody has seen to them, and counted for ever."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from onefold.domain.failed_record import FailedRecord, Fault, Repeat, State
from onefold.store.engine import Reader, Row, Transaction, Value, read_among
from onefold.store.packing import Packing

_UNTAUGHT = ""
"""Failed messages are too few and too different for a dictionary of their dataset."""

_HEADS = (
    "SELECT seq, step, code, detail, at, errors, dataset, inlet, trace, received_ms, failed_ms,"
    " batch, replays, removal, state, replayed_seq, replayed_ms, replayed_as FROM failed_records"
)
_WHOLE = (
    "SELECT seq, step, code, detail, at, errors, dataset, inlet, trace, received_ms, failed_ms,"
    " batch, replays, removal, state, replayed_seq, replayed_ms, replayed_as, message"
    " FROM failed_records"
)
_COUNT = "SELECT count(*) FROM failed_records"


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which failed records are meant; what is not given does not count.

    Times are epoch milliseconds: at or after `…_after_ms`, and before `…_before_ms`.
    """

    codes: tuple[str, ...] = ()
    dataset: str = ""
    inlet: str = ""
    batch: str = ""
    state: State | None = None
    received_after_ms: int | None = None
    received_before_ms: int | None = None
    failed_after_ms: int | None = None
    failed_before_ms: int | None = None


class Tally(NamedTuple):
    """How many records of one dataset failed with one code and are in one state, and when the
    first and the last of them failed."""

    dataset: str
    code: str
    state: State
    records: int
    first_ms: int
    last_ms: int


def add(transaction: Transaction, packing: Packing, records: Iterable[FailedRecord]) -> None:
    """Store failed records; one that is stored already stays as it is."""
    transaction.write_many(
        "INSERT INTO failed_records (seq, step, code, at, detail, errors, dataset, inlet, trace,"
        " received_ms, failed_ms, batch, replays, removal, state, message)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (seq) DO NOTHING",
        [
            (
                r.seq,
                r.fault.step,
                r.fault.code,
                r.fault.at,
                r.fault.detail,
                r.fault.errors.decode(),
                r.dataset,
                r.inlet,
                r.trace,
                r.received_ms,
                r.failed_ms,
                r.batch,
                r.replays,
                r.removal,
                r.state.value,
                packing.pack(r.message, _UNTAUGHT),
            )
            for r in records
        ],
    )


def close(transaction: Transaction, repeats: Iterable[tuple[int, Repeat]]) -> None:
    """Note of open failed records, by number, how they were repeated."""
    transaction.write_many(
        "UPDATE failed_records SET state = 'replayed', replayed_seq = ?, replayed_ms = ?,"
        " replayed_as = ? WHERE seq = ? AND state = 'open'",
        [(repeat.seq, repeat.at_ms, repeat.outcome, number) for number, repeat in repeats],
    )


def numbers(reader: Reader, *, first: int, last: int) -> set[int]:
    """The numbers of failed records from `first` to `last`, whatever became of them since."""
    rows = reader.read("SELECT seq FROM failed_records WHERE seq BETWEEN ? AND ?", (first, last))
    return {row[0] for row in rows}


def blank(transaction: Transaction, numbers: Iterable[int]) -> None:
    """Take the message and what was said of it out of failed records; they still count. Those that
    are open are resolved by it."""
    transaction.write_many(
        "UPDATE failed_records SET message = x'', detail = '', errors = '[]', at = NULL,"
        " state = CASE state WHEN 'open' THEN 'resolved' ELSE state END WHERE seq = ?",
        [(number,) for number in sorted(numbers)],
    )


def listed(reader: Reader, packing: Packing, *, after: int, limit: int) -> list[FailedRecord]:
    """Up to `limit` failed records in the order of the journal, behind number `after`."""
    rows = reader.read(_WHOLE + " WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    return [_record(row, _unpacked(packing, row[-1])) for row in rows]


def named(reader: Reader, packing: Packing, numbers: Sequence[int]) -> dict[int, FailedRecord]:
    """Those of the numbers that are failed records, with their messages."""
    rows = read_among(reader, _WHOLE + " WHERE seq IN (:list)", numbers)
    return {row[0]: _record(row, _unpacked(packing, row[-1])) for row in rows}


def matching(
    reader: Reader, which: Filter, *, start: int | None, limit: int, newest_first: bool
) -> list[FailedRecord]:
    """Up to `limit` failed records by number, without their messages, which may be large.

    start: the last number of the page before; records that fail meanwhile have higher ones, so a
    walk meets each record once. Cost: an index has code, dataset, batch, state and times; inlets
    are looked for among what these leave.
    """
    where = _where(which)
    if start is not None:
        where.add("seq < ?" if newest_first else "seq > ?", start)
    order = " ORDER BY seq DESC LIMIT ?" if newest_first else " ORDER BY seq LIMIT ?"
    rows = reader.read(_HEADS + where.text + order, [*where.parameters, limit])
    return [_record(row, b"") for row in rows]


def count(reader: Reader, which: Filter, *, after: int) -> int:
    """How many failed records there are behind number `after`."""
    where = _where(which)
    where.add("seq > ?", after)
    rows = reader.read(_COUNT + where.text, where.parameters)
    return int(rows[0][0])


def tallies(reader: Reader) -> list[Tally]:
    """How many there are of each dataset, code and state, in this order."""
    rows = reader.read(
        "SELECT dataset, code, state, count(*), min(failed_ms), max(failed_ms)"
        " FROM failed_records GROUP BY dataset, code, state ORDER BY dataset, code, state"
    )
    return [Tally(row[0], row[1], State(row[2]), *row[3:]) for row in rows]


def states(reader: Reader, numbers: Sequence[int]) -> dict[int, State]:
    """The states of those of the numbers that are failed records."""
    rows = read_among(reader, "SELECT seq, state FROM failed_records WHERE seq IN (:list)", numbers)
    return {row[0]: State(row[1]) for row in rows}


def repeats(reader: Reader) -> list[tuple[int, int]]:
    """(number of the repeat, number of the failed record) of every replayed one."""
    return reader.read("SELECT replayed_seq, seq FROM failed_records WHERE state = 'replayed'")


def counts(reader: Reader) -> dict[str, int]:
    """How many failed records each dataset has."""
    rows = reader.read("SELECT dataset, count(*) FROM failed_records GROUP BY dataset")
    return {row[0]: row[1] for row in rows}


@dataclass(slots=True)
class _Where:
    """Conditions, each a text of this module, and the values that they bind."""

    conditions: list[str]
    parameters: list[Value]

    def add(self, condition: str, *values: Value) -> None:
        self.conditions.append(condition)
        self.parameters += values

    @property
    def text(self) -> str:
        return " WHERE " + " AND ".join(self.conditions) if self.conditions else ""


_OF_STATE = {state: f"state = '{state.value}'" for state in State}
"""Not bound: an index of the open ones alone serves only a statement that says so."""


_NEVER_MS = 1 << 62


def _where(which: Filter) -> _Where:
    where = _Where([], [])
    if which.codes:
        places = ", ".join("?" * len(which.codes))
        where.add(f"code IN ({places})", *which.codes)
    if which.state is not None:
        where.add(_OF_STATE[which.state])
    for condition, text in (
        ("dataset = ?", which.dataset),
        ("inlet = ?", which.inlet),
        ("batch = ? AND batch <> ''", which.batch),
    ):
        if text:
            where.add(condition, text)
    for condition, after, before in (
        ("received_ms >= ? AND received_ms < ?", which.received_after_ms, which.received_before_ms),
        ("failed_ms >= ? AND failed_ms < ?", which.failed_after_ms, which.failed_before_ms),
    ):
        if after is not None or before is not None:
            # Both ends, always: of half a range SQLite thinks that no index is worth it.
            where.add(condition, after or 0, _NEVER_MS if before is None else before)
    return where


def _record(row: Row, message: bytes) -> FailedRecord:
    seq, step, code, detail, at, errors, dataset, inlet, trace, received_ms, failed_ms = row[:11]
    batch, replays, removal, state, replayed_seq, replayed_ms, replayed_as = row[11:18]
    return FailedRecord(
        seq,
        Fault(step, code, detail, at, errors.encode()),
        dataset,
        inlet,
        trace,
        received_ms,
        failed_ms,
        message,
        batch,
        replays,
        State(state),
        Repeat(replayed_seq, replayed_ms, replayed_as) if replayed_seq is not None else None,
        bool(removal),
    )


def _unpacked(packing: Packing, message: bytes) -> bytes:
    return packing.unpack(message) if message else b""
