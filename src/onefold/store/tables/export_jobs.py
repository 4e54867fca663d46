"""Exports of profiles: what is asked for. How far each has come is said by its row among the jobs.

An export is called off by a mark that its job looks at, and lands by another: whichever is set
first holds, so that one that was called off never lands.
"""

from __future__ import annotations

import msgspec

from onefold.store.engine import Reader, Row, Transaction
from onefold.store.tables import jobs
from onefold.store.tables.jobs import Job
from onefold.wire import JSON, decode_json, encode_json

KIND = "export_profiles"
STATUSES = ("NEW", "PROCESSING", "SUCCEEDED", "FAILED", "CANCELED")
SortKey = tuple[int, int]
"""When it was made, and its id."""
_LAST: SortKey = (1 << 62, 1 << 62)


class ExportJob(msgspec.Struct, frozen=True, kw_only=True):
    """One export. status: one of STATUSES. progress: as its job keeps it."""

    id: int
    demand: JSON
    status: str
    progress: JSON
    created_ms: int
    updated_ms: int

    @property
    def sort_key(self) -> SortKey:
        return (self.created_ms, self.id)


_SELECT = (
    "SELECT * FROM (SELECT e.id, e.demand, CASE WHEN e.canceled_ms IS NOT NULL THEN 'CANCELED'"
    "  WHEN j.state = 'done' THEN 'SUCCEEDED' WHEN j.state = 'failed' THEN 'FAILED'"
    "  WHEN j.attempts > 0 THEN 'PROCESSING' ELSE 'NEW' END AS status, j.progress,"
    "  e.created_ms, max(j.updated_ms, coalesce(e.canceled_ms, 0)) AS updated_ms"
    " FROM export_jobs AS e JOIN jobs AS j ON j.job_id = 'export_profiles:' || e.id)"
)


def add(transaction: Transaction, demand: JSON, now_ms: int) -> int:
    """Ask for an export; answer its id."""
    rows = transaction.read(
        "INSERT INTO export_jobs (demand, created_ms) VALUES (?, ?) RETURNING id",
        (encode_json(demand).decode(), now_ms),
    )
    number: int = rows[0][0]
    argument = {"export": number, **demand}
    job = Job(id=job_id(number), kind=KIND, argument=argument, created_ms=now_ms, updated_ms=now_ms)
    jobs.add(transaction, job)
    return number


def job_id(number: int) -> str:
    """The id of an export's row among the jobs."""
    return f"{KIND}:{number}"


def get(reader: Reader, number: int) -> ExportJob | None:
    """The export with this id."""
    rows = reader.read(_SELECT + " WHERE id = ?", (number,))
    return _export(rows[0]) if rows else None


def listed(reader: Reader, *, status: str, behind: SortKey | None, limit: int) -> list[ExportJob]:
    """Up to `limit` exports, the newest first, behind one of them; of a status, if it is given.
    Cost: reads as many rows as it passes over."""
    rows = reader.read(
        _SELECT + " WHERE (created_ms, id) < (?, ?) AND (? = '' OR status = ?)"
        " ORDER BY created_ms DESC, id DESC LIMIT ?",
        (*(behind or _LAST), status, status, limit),
    )
    return [_export(row) for row in rows]


def cancel(transaction: Transaction, number: int, now_ms: int) -> None:
    """Call an export off, unless it has ended or begun to land."""
    transaction.write(
        "UPDATE export_jobs SET canceled_ms = ? WHERE id = ? AND canceled_ms IS NULL"
        " AND landing_ms IS NULL AND EXISTS (SELECT 1 FROM jobs WHERE job_id = ?"
        " AND state IN ('queued', 'running'))",
        (now_ms, number, job_id(number)),
    )


def is_canceled(reader: Reader, number: int) -> bool:
    """Whether the export was called off."""
    rows = reader.read(
        "SELECT 1 FROM export_jobs WHERE id = ? AND canceled_ms IS NOT NULL", (number,)
    )
    return bool(rows)


def land(transaction: Transaction, number: int, now_ms: int) -> bool:
    """Note that an export begins to land; answer whether it may. May be done again."""
    rows = transaction.read(
        "UPDATE export_jobs SET landing_ms = coalesce(landing_ms, ?)"
        " WHERE id = ? AND canceled_ms IS NULL RETURNING 1",
        (now_ms, number),
    )
    return bool(rows)


def _export(row: Row) -> ExportJob:
    return ExportJob(
        id=row[0],
        demand=decode_json(row[1]),
        status=row[2],
        progress=decode_json(row[3]),
        created_ms=row[4],
        updated_ms=row[5],
    )
