"""Deletions from profiles: what was asked for, how far it has come, and the receipts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from onefold.domain.deletion import Deletion, Kind, Person, State
from onefold.store.engine import Reader, Row, Transaction

_SELECT = (
    "SELECT deletion_id, kind, state, dataset, batch, person, job, position, number, records,"
    " started_ms, receipt, dismissed, created_ms, updated_ms FROM deletions"
)
_decode = msgspec.json.Decoder(Person).decode
_encode = msgspec.json.Encoder().encode

ORDERS: Mapping[str, str] = {
    "id": "deletion_id",
    "created": "created_ms",
    "updated": "updated_ms",
    "status": "state",
    "kind": "kind",
    "dataset": "dataset",
    "batch": "batch",
}
"""By what the list can be ordered: names for callers, and columns."""

_BY = {
    (name, descending): f" ORDER BY {column}{' DESC' if descending else ''}, created_ms,"
    " deletion_id LIMIT ? OFFSET ?"
    for name, column in ORDERS.items()
    for descending in (False, True)
}


def add(transaction: Transaction, deletion: Deletion) -> None:
    """Store a new request."""
    transaction.write(
        "INSERT INTO deletions (deletion_id, kind, state, dataset, batch, person, job, position,"
        " number, records, started_ms, receipt, dismissed, created_ms, updated_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (deletion.id, *_values(deletion), deletion.created_ms, deletion.updated_ms),
    )


def update(transaction: Transaction, deletion: Deletion) -> None:
    """Write what may change of a request: everything but what it asks for. Whether it was dismissed
    meanwhile stays."""
    transaction.write(
        "UPDATE deletions SET state = ?, person = ?, job = ?, position = ?, number = ?,"
        " records = ?, started_ms = ?, receipt = ?, updated_ms = ? WHERE deletion_id = ?",
        (
            deletion.state.value,
            _encode(deletion.person).decode(),
            deletion.job,
            deletion.position,
            deletion.number,
            deletion.records,
            deletion.started_ms,
            deletion.receipt,
            deletion.updated_ms,
            deletion.id,
        ),
    )


def get(reader: Reader, deletion_id: str) -> Deletion | None:
    """The request with this id, dismissed or not."""
    rows = reader.read(_SELECT + " WHERE deletion_id = ?", (deletion_id,))
    return _deletion(rows[0]) if rows else None


def listed(
    reader: Reader, *, order: str, descending: bool, offset: int, limit: int
) -> list[Deletion]:
    """A page of the requests that were not dismissed. order: one of ORDERS; equal ones in the order
    of creation."""
    rows = reader.read(_SELECT + " WHERE dismissed = 0" + _BY[order, descending], (limit, offset))
    return [_deletion(row) for row in rows]


def count(reader: Reader) -> int:
    """How many were not dismissed."""
    rows = reader.read("SELECT count(*) FROM deletions WHERE dismissed = 0")
    return int(rows[0][0])


def is_open(reader: Reader, *, kind: Kind, dataset: str, batch: str) -> bool:
    """Whether the same is being deleted."""
    rows = reader.read(
        "SELECT 1 FROM deletions WHERE kind = ? AND dataset = ? AND batch = ?"
        " AND state IN ('new', 'processing')",
        (kind.value, dataset, batch),
    )
    return bool(rows)


def untaken(reader: Reader, *, made_ms: int, limit: int) -> list[Deletion]:
    """Up to `limit` people whose deletion no job has taken up, the oldest first; those of which it
    is not known whether their first part was ordered only when they were made by `made_ms`."""
    rows = reader.read(
        _SELECT + " WHERE kind = 'person' AND job = '' AND state IN ('new', 'processing')"
        " AND (number > 0 OR created_ms <= ?) ORDER BY created_ms, deletion_id LIMIT ?",
        (made_ms, limit),
    )
    return [_deletion(row) for row in rows]


def taken(reader: Reader, job: str) -> list[Deletion]:
    """The open requests that a job has taken up, the oldest first."""
    rows = reader.read(
        _SELECT + " WHERE job = ? AND state IN ('new', 'processing')"
        " ORDER BY created_ms, deletion_id",
        (job,),
    )
    return [_deletion(row) for row in rows]


def remove(transaction: Transaction, deletion_id: str) -> None:
    """Forget a request of which nothing was done."""
    transaction.write("DELETE FROM deletions WHERE deletion_id = ?", (deletion_id,))


def dismiss(transaction: Transaction, deletion_id: str) -> None:
    """Do not list a request any more; its receipt stays."""
    transaction.write("UPDATE deletions SET dismissed = 1 WHERE deletion_id = ?", (deletion_id,))


def _values(deletion: Deletion) -> tuple[str | int | None, ...]:
    return (
        deletion.kind.value,
        deletion.state.value,
        deletion.dataset,
        deletion.batch,
        _encode(deletion.person).decode(),
        deletion.job,
        deletion.position,
        deletion.number,
        deletion.records,
        deletion.started_ms,
        deletion.receipt,
        int(deletion.dismissed),
    )


def _deletion(row: Row) -> Deletion:
    return Deletion(
        id=row[0],
        kind=Kind(row[1]),
        state=State(row[2]),
        dataset=row[3],
        batch=row[4],
        person=_decode(row[5]),
        job=row[6],
        position=row[7],
        number=row[8],
        records=row[9],
        started_ms=row[10],
        receipt=row[11],
        dismissed=bool(row[12]),
        created_ms=row[13],
        updated_ms=row[14],
    )
