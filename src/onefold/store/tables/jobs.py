"""Jobs: rows that say what is to be done, by whom it is being done, and how far it has come."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

import msgspec

from onefold.store.engine import Engine, Reader, Row, Transaction
from onefold.wire import JSON, decode_json, encode_json


class State(Enum):
    """queued → running → done or failed; running → queued when a try did not get through."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job. argument, progress: JSON values of its kind. attempts: tries begun so far."""

    id: str
    kind: str
    state: State = State.QUEUED
    argument: JSON = None
    progress: JSON = None
    attempts: int = 0
    created_ms: int
    updated_ms: int


_SELECT = (
    "SELECT job_id, kind, state, argument, progress, attempts, created_ms, updated_ms FROM jobs"
)


def add(transaction: Transaction, job: Job) -> None:
    """Ask for a job; one with the same id stays as it is."""
    transaction.write(
        "INSERT INTO jobs (job_id, kind, state, argument, progress, attempts, due_ms, lease_ms,"
        " created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)"
        " ON CONFLICT (job_id) DO NOTHING",
        (
            job.id,
            job.kind,
            job.state.value,
            encode_json(job.argument).decode(),
            encode_json(job.progress).decode(),
            job.attempts,
            job.created_ms,
            job.created_ms,
            job.updated_ms,
        ),
    )


def have(transaction: Transaction, job: Job, *, due_ms: int) -> None:
    """Ask for a job of this kind, due at `due_ms`, unless one is queued already: that one is then
    due at that time at the latest."""
    queued = transaction.read(
        "UPDATE jobs SET due_ms = min(due_ms, ?) WHERE state = 'queued' AND kind = ? RETURNING 1",
        (due_ms, job.kind),
    )
    if not queued:
        add(transaction, job)
        transaction.write("UPDATE jobs SET due_ms = ? WHERE job_id = ?", (due_ms, job.id))


def get(reader: Reader, job_id: str) -> Job | None:
    """The job with this id."""
    rows = reader.read(_SELECT + " WHERE job_id = ?", (job_id,))
    return _job(rows[0]) if rows else None


def listed(reader: Reader, kind: str) -> list[Job]:
    """All jobs of a kind, the newest first."""
    rows = reader.read(_SELECT + " WHERE kind = ? ORDER BY created_ms DESC, job_id", (kind,))
    return [_job(row) for row in rows]


def newest(reader: Reader, kind: str) -> Job | None:
    """The job of a kind that was asked for last."""
    rows = reader.read(
        _SELECT + " WHERE kind = ? ORDER BY created_ms DESC, job_id LIMIT 1", (kind,)
    )
    return _job(rows[0]) if rows else None


def forget_ended(transaction: Transaction, kind: str) -> None:
    """Let go of the jobs of a kind that have ended."""
    transaction.write("DELETE FROM jobs WHERE kind = ? AND state IN ('done', 'failed')", (kind,))


def claim(engine: Engine, *, now_ms: int, lease_ms: int, last: Collection[str] = ()) -> Job | None:
    """Take the job that has waited longest, or one whose lease has run out; None when none is due.

    It is then running, one attempt more, until `lease_ms` (an epoch time) at least. last: kinds
    that are only taken when nothing else is due.
    """
    due = engine.read(
        "SELECT job_id FROM jobs WHERE state IN ('queued', 'running')"
        " AND due_ms <= ? AND lease_ms < ? LIMIT 1",
        (now_ms, now_ms),
    )
    if not due:
        return None
    with engine.transaction() as transaction:
        rows = transaction.read(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, lease_ms = ?,"
            " updated_ms = ? WHERE job_id = (SELECT job_id FROM jobs"
            " WHERE state IN ('queued', 'running') AND due_ms <= ? AND lease_ms < ?"
            " ORDER BY kind IN (SELECT value FROM json_each(?)), due_ms, created_ms, job_id"
            " LIMIT 1) RETURNING job_id, kind, state, argument, progress, attempts, created_ms,"
            " updated_ms",
            (lease_ms, now_ms, now_ms, now_ms, encode_json(sorted(last)).decode()),
        )
    return _job(rows[0]) if rows else None


def is_due(reader: Reader, *, now_ms: int, besides: Collection[str]) -> bool:
    """Whether a job waits that is of none of these kinds."""
    rows = reader.read(
        "SELECT 1 FROM jobs WHERE state IN ('queued', 'running') AND due_ms <= ? AND lease_ms < ?"
        " AND kind NOT IN (SELECT value FROM json_each(?)) LIMIT 1",
        (now_ms, now_ms, encode_json(sorted(besides)).decode()),
    )
    return bool(rows)


def give_way(transaction: Transaction, job_id: str, now_ms: int) -> None:
    """Have a running job wait; this try does not count."""
    transaction.write(
        "UPDATE jobs SET state = 'queued', lease_ms = 0, attempts = attempts - 1, updated_ms = ?"
        " WHERE job_id = ?",
        (now_ms, job_id),
    )


def hold(transaction: Transaction, job_id: str, progress: JSON, *, now_ms: int, until: int) -> None:
    """Note how far a running job has come, and keep it until the epoch time `until`."""
    transaction.write(
        "UPDATE jobs SET progress = ?, lease_ms = ?, updated_ms = ? WHERE job_id = ?",
        (encode_json(progress).decode(), until, now_ms, job_id),
    )


def end(transaction: Transaction, job_id: str, state: State, progress: JSON, now_ms: int) -> None:
    """End a job as done or failed."""
    transaction.write(
        "UPDATE jobs SET state = ?, progress = ?, lease_ms = 0, updated_ms = ? WHERE job_id = ?",
        (state.value, encode_json(progress).decode(), now_ms, job_id),
    )


def put_back(transaction: Transaction, job_id: str, *, due_ms: int, now_ms: int) -> None:
    """Have a running job tried again, not before `due_ms`."""
    transaction.write(
        "UPDATE jobs SET state = 'queued', lease_ms = 0, due_ms = ?, updated_ms = ?"
        " WHERE job_id = ?",
        (due_ms, now_ms, job_id),
    )


def release(transaction: Transaction) -> None:
    """End all leases: for a process that knows that no other one runs jobs here."""
    transaction.write("UPDATE jobs SET lease_ms = 0 WHERE state = 'running'")


def _job(row: Row) -> Job:
    return Job(
        id=row[0],
        kind=row[1],
        state=State(row[2]),
        argument=decode_json(row[3]),
        progress=decode_json(row[4]),
        attempts=row[5],
        created_ms=row[6],
        updated_ms=row[7],
    )
