"""Batches: loads of records into a dataset, and how far each has come."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from onefold.domain.lifecycle import BatchState
from onefold.store.engine import Reader, Row, Transaction, Value
from onefold.wire import JSON

Origin = Literal["batch", "streaming", "export"]


class Replay(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Why a batch takes the place of others, and which, by their ids."""

    reason: str
    predecessors: list[str] = []
    predecessors_by_external_id: list[str] = []


class Details(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is said of a batch and never searched for.

    input_format: `format` is json, parquet or csv, in lower case. metrics, errors: as the API shows
    them. failures_percent_max: share of bad rows up to which the batch is taken.
    """

    input_format: dict[str, JSON] = {}
    tags: dict[str, list[str]] = {}
    replay: Replay | None = None
    metrics: dict[str, int] = {}
    errors: list[dict[str, JSON]] = []
    diagnostics: bool = False
    failures_percent_max: int = 0


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One batch. id: a ULID. external_id: the client's own name, else the id. client: id of the
    project that made it; empty for the server. started_ms: when its last file was there."""

    id: str
    dataset: str
    status: BatchState = BatchState.LOADING
    origin: Origin = "batch"
    external_id: str
    client: str = ""
    details: Details = Details()
    created_ms: int
    updated_ms: int
    started_ms: int | None = None
    completed_ms: int | None = None


class Wanted(msgspec.Struct, frozen=True):
    """Which batches are asked for; empty texts ask for any. Times are exclusive bounds of
    creation."""

    dataset: str = ""
    status: str = ""
    after_ms: int = -1
    before_ms: int = 1 << 62


class Newest(msgspec.Struct, frozen=True):
    """The newest batch of a dataset, and the newest that succeeded, if any has; by id."""

    id: str
    status: BatchState
    successful: str | None


class Loaded(msgspec.Struct, frozen=True):
    """A batch whose records are in profiles and lake, and since when."""

    id: str
    at_ms: int


_SELECT = (
    "SELECT batch_id, dataset, status, origin, external_id, client, document, created_ms,"
    " updated_ms, started_ms, completed_ms FROM batches"
)
_BY_ID = _SELECT + " WHERE batch_id = ?"
_details = msgspec.json.Decoder(Details).decode
_encode = msgspec.json.Encoder().encode


_IDLE = (
    " WHERE status = ? AND updated_ms < ? AND NOT EXISTS (SELECT 1 FROM batch_files AS f"
    " WHERE f.batch_id = batches.batch_id AND f.updated_ms >= ?) ORDER BY batch_id LIMIT ?"
)
_NEWEST = " WHERE batch_id IN (SELECT max(batch_id) FROM batches GROUP BY dataset)"


def insert(transaction: Transaction, batch: Batch) -> bool:
    """Store a new batch; answer whether it is new. One with its id or external id stays as it is.

    Whoever lands streamed records gives `origin="streaming"`, `status=BatchState.SUCCESS`, the
    times of the landing, and `metrics` in the details.
    """
    rows = transaction.read(
        "INSERT INTO batches (batch_id, dataset, status, origin, external_id, client, document,"
        " created_ms, updated_ms, started_ms, completed_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1",
        (
            batch.id,
            batch.dataset,
            batch.status.value,
            batch.origin,
            batch.external_id,
            batch.client,
            _encode(batch.details).decode(),
            batch.created_ms,
            batch.updated_ms,
            batch.started_ms,
            batch.completed_ms,
        ),
    )
    return bool(rows)


def update(transaction: Transaction, batch: Batch) -> None:
    """Write what may change of a batch: status, details and times."""
    transaction.write(
        "UPDATE batches SET status = ?, document = ?, updated_ms = ?, started_ms = ?,"
        " completed_ms = ? WHERE batch_id = ?",
        (
            batch.status.value,
            _encode(batch.details).decode(),
            batch.updated_ms,
            batch.started_ms,
            batch.completed_ms,
            batch.id,
        ),
    )


def get(reader: Reader, batch_id: str) -> Batch | None:
    """The batch with this id."""
    rows = reader.read(_BY_ID, (batch_id,))
    return _batch(rows[0]) if rows else None


def by_external_id(reader: Reader, external_id: str) -> Batch | None:
    """The batch that a client named so."""
    rows = reader.read(_SELECT + " WHERE external_id = ?", (external_id,))
    return _batch(rows[0]) if rows else None


def listed(reader: Reader, wanted: Wanted, *, limit: int) -> list[Batch]:
    """Up to `limit` of the batches that are asked for, the newest first."""
    sql = [_SELECT, "WHERE created_ms > ? AND created_ms < ?"]
    bound: list[Value] = [wanted.after_ms, wanted.before_ms]
    if wanted.dataset:
        sql.append("AND dataset = ?")
        bound.append(wanted.dataset)
    if wanted.status:
        sql.append("AND status = ?")
        bound.append(wanted.status)
    sql.append("ORDER BY batch_id DESC LIMIT ?")
    return [_batch(row) for row in reader.read(" ".join(sql), [*bound, limit])]


def last(reader: Reader, dataset: str, status: BatchState | None = None) -> Batch | None:
    """The newest batch of a dataset, or the newest in this state."""
    found = listed(reader, Wanted(dataset, status.value if status else ""), limit=1)
    return found[0] if found else None


def last_of_all(reader: Reader) -> dict[str, Batch]:
    """The newest batch of every dataset."""
    rows = reader.read(_SELECT + _NEWEST)
    return {batch.dataset: batch for batch in map(_batch, rows)}


def newest(reader: Reader, datasets: Collection[str]) -> dict[str, Newest]:
    """What was loaded last into each of some datasets; those without batches are missing."""
    rows = reader.read(
        "SELECT dataset, batch_id, status, (SELECT max(batch_id) FROM batches AS b"
        "  WHERE b.dataset = batches.dataset AND b.status = ?) FROM batches"
        " WHERE batch_id IN (SELECT (SELECT max(batch_id) FROM batches WHERE dataset = d.value)"
        "  FROM json_each(?) AS d)",
        (BatchState.SUCCESS.value, _encode(list(datasets)).decode()),
    )
    return {row[0]: Newest(row[1], BatchState(row[2]), row[3]) for row in rows}


def loaded_last(reader: Reader) -> Loaded | None:
    """The batch of files that was loaded last."""
    rows = reader.read(
        "SELECT batch_id, completed_ms FROM batches WHERE status = 'success' AND origin = 'batch'"
        " AND completed_ms IS NOT NULL ORDER BY completed_ms DESC LIMIT 1"
    )
    return Loaded(*rows[0]) if rows else None


def exported(reader: Reader) -> set[str]:
    """The datasets that hold exports. Cost: reads every batch."""
    rows = reader.read(
        "SELECT DISTINCT dataset FROM batches WHERE origin = 'export' AND status <> ?",
        (BatchState.DELETED.value,),
    )
    return {row[0] for row in rows}


def counts(reader: Reader, wanted: Wanted) -> dict[str, int]:
    """How many of the batches that are asked for are in each state."""
    rows = reader.read(
        "SELECT status, count(*) FROM batches WHERE created_ms > ? AND created_ms < ?"
        " AND (? = '' OR dataset = ?) AND (? = '' OR status = ?) GROUP BY status",
        (
            wanted.after_ms,
            wanted.before_ms,
            wanted.dataset,
            wanted.dataset,
            wanted.status,
            wanted.status,
        ),
    )
    return {row[0]: row[1] for row in rows}


def idle(reader: Reader, *, before_ms: int, limit: int) -> list[Batch]:
    """Up to `limit` batches that are loading and were neither made nor changed, and got no file or
    part of one, since before_ms. Cost: reads every batch that is loading."""
    rows = reader.read(
        _SELECT + _IDLE,
        (BatchState.LOADING.value, before_ms, before_ms, limit),
    )
    return [_batch(row) for row in rows]


def unfinished(reader: Reader, status: BatchState, *, limit: int) -> list[Batch]:
    """Up to `limit` batches that have got into this state, which is a last one, and are not
    completed. Cost: reads every batch in the state."""
    rows = reader.read(
        _SELECT + " WHERE status = ? AND completed_ms IS NULL ORDER BY batch_id LIMIT ?",
        (status.value, limit),
    )
    return [_batch(row) for row in rows]


def ended(
    reader: Reader, status: BatchState, *, start_ms: int, end_ms: int
) -> list[tuple[int, str]]:
    """(when it was completed, dataset) of the batches in a state that were completed from start_ms
    up to before end_ms. Cost: reads every batch in the state."""
    rows = reader.read(
        "SELECT completed_ms, dataset FROM batches"
        " WHERE status = ? AND completed_ms >= ? AND completed_ms < ? ORDER BY batch_id",
        (status.value, start_ms, end_ms),
    )
    return [(row[0], row[1]) for row in rows]


def _batch(row: Row) -> Batch:
    return Batch(
        id=row[0],
        dataset=row[1],
        status=BatchState(row[2]),
        origin=row[3],
        external_id=row[4],
        client=row[5],
        details=_details(row[6]),
        created_ms=row[7],
        updated_ms=row[8],
        started_ms=row[9],
        completed_ms=row[10],
    )
