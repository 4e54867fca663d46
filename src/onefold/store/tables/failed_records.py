"""Failed records: kept whole until somebody has seen to them."""

from __future__ import annotations

from collections.abc import Iterable

from onefold.domain.failed_record import FailedRecord, Fault
from onefold.store.engine import Reader, Transaction
from onefold.store.packing import Packing

_UNTAUGHT = ""
"""Failed messages are too few and too different for a dictionary of their dataset."""


def add(transaction: Transaction, packing: Packing, records: Iterable[FailedRecord]) -> None:
    """Store failed records; one that is stored already stays as it is."""
    transaction.write_many(
        "INSERT INTO failed_records (seq, step, code, at, detail, errors, dataset, inlet, trace,"
        " received_ms, failed_ms, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
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
                packing.pack(r.message, _UNTAUGHT),
            )
            for r in records
        ],
    )


def listed(reader: Reader, packing: Packing, *, after: int, limit: int) -> list[FailedRecord]:
    """Up to `limit` failed records in the order of the journal, behind number `after`."""
    rows = reader.read(
        "SELECT seq, step, code, detail, at, errors, dataset, inlet, trace, received_ms, failed_ms,"
        " message FROM failed_records WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, limit),
    )
    return [
        FailedRecord(
            seq,
            Fault(step, code, detail, at, errors.encode()),
            dataset,
            inlet,
            trace,
            received_ms,
            failed_ms,
            packing.unpack(message),
        )
        for (
            seq,
            step,
            code,
            detail,
            at,
            errors,
            dataset,
            inlet,
            trace,
            received_ms,
            failed_ms,
            message,
        ) in rows
    ]


def counts(reader: Reader) -> dict[str, int]:
    """How many failed records each dataset has."""
    rows = reader.read("SELECT dataset, count(*) FROM failed_records GROUP BY dataset")
    return {row[0]: row[1] for row in rows}
