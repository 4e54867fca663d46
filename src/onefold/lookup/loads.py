"""Loads: what came into the datasets of a sandbox, and what of it failed.

Most are batches of the table. Streamed records that failed are shown as batches too: those of one
dataset and one minute are one failed batch, whose id follows from both, so that it is the same
whenever and by whomever it is asked. Source: ingestion contract, 8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from onefold.domain.failed_record import as_export_line
from onefold.domain.lifecycle import BatchState
from onefold.domain.sandbox import SandboxId
from onefold.domain.ulid import RANDOM_BYTES, time_ms, ulid
from onefold.errors import CODES
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.tables import batch_failures, batches, failed_records
from onefold.store.tables.batch_failures import MINUTE_MS, Minute
from onefold.store.tables.batches import Batch, Details, Wanted

PART_RECORDS = 200
"""Failed records of one file of an export."""


def listed(places: Places, sandbox: SandboxId, wanted: Wanted, *, limit: int) -> list[Batch]:
    """Up to `limit` batches of both sorts, the newest first."""
    found = batches.listed(places.work(sandbox), wanted, limit=limit)
    if wanted.status in ("", BatchState.FAILED):
        found += _failed(places.profile(sandbox), wanted, limit=limit)
        found.sort(key=lambda batch: batch.id, reverse=True)
    return found[:limit]


def find(places: Places, sandbox: SandboxId, batch_id: str) -> Batch | None:
    """The batch with this id, of either sort."""
    found = batches.get(places.work(sandbox), batch_id)
    if found is not None:
        return found
    minute = _minute(places.profile(sandbox), batch_id)
    return None if minute is None else _shown(places.profile(sandbox), minute)


def counts(places: Places, sandbox: SandboxId, wanted: Wanted) -> dict[str, int]:
    """How many batches are in each state; those of failed streamed records are not counted."""
    return batches.counts(places.work(sandbox), wanted)


def failed_part(places: Places, sandbox: SandboxId, batch: Batch, after: int) -> tuple[bytes, int]:
    """The failed records of a batch behind number `after`, as lines: PART_RECORDS of them at most;
    and the number of the last, 0 when there are none."""
    profile = places.profile(sandbox)
    if is_minute(batch):
        numbers = batch_failures.in_minute(
            profile, batch.created_ms, batch.dataset, after=after, limit=PART_RECORDS
        )
    else:
        numbers = batch_failures.numbers(profile, batch.id, after=after, limit=PART_RECORDS)
    if not numbers:
        return b"", 0
    records = failed_records.named(profile, Packing(profile), numbers)
    lines = [as_export_line(records[number]) + b"\n" for number in numbers if number in records]
    return b"".join(lines), numbers[-1]


def failed_parts(places: Places, sandbox: SandboxId, batch: Batch) -> Iterator[bytes]:
    """All parts of a batch's failed records, in their order."""
    after = 0
    while True:
        part, after = failed_part(places, sandbox, batch, after)
        if not after:
            return
        yield part


def is_minute(batch: Batch) -> bool:
    """Whether a batch is one of failed streamed records."""
    return batch.origin == "streaming" and batch.status is BatchState.FAILED


def _failed(reader: Reader, wanted: Wanted, *, limit: int) -> list[Batch]:
    found = batch_failures.minutes(
        reader,
        dataset=wanted.dataset,
        after_ms=wanted.after_ms,
        before_ms=wanted.before_ms,
        limit=limit,
    )
    return [_shown(reader, minute) for minute in found]


def _minute(reader: Reader, batch_id: str) -> Minute | None:
    """The minute and dataset that an id was made of."""
    at_ms = time_ms(batch_id)
    if at_ms is None or at_ms % MINUTE_MS:
        return None
    for dataset in batch_failures.datasets_of_minute(reader, at_ms):
        if _id(at_ms, dataset) == batch_id:
            records = sum(batch_failures.codes(reader, at_ms, dataset).values())
            return Minute(at_ms, dataset, records)
    return None


def _id(at_ms: int, dataset: str) -> str:
    return ulid(at_ms, hashlib.sha256(dataset.encode()).digest()[:RANDOM_BYTES].hex())


def _shown(reader: Reader, minute: Minute) -> Batch:
    codes = batch_failures.codes(reader, minute.at_ms, minute.dataset)
    id_ = _id(minute.at_ms, minute.dataset)
    end_ms = minute.at_ms + MINUTE_MS
    metrics = {
        "inputRecordCount": minute.records,
        "outputRecordCount": 0,
        "failedRecordCount": minute.records,
    }
    errors = [
        {"code": code, "description": CODES[code].meaning, "recordCount": records}
        for code, records in sorted(codes.items())
    ]
    return Batch(
        id=id_,
        dataset=minute.dataset,
        status=BatchState.FAILED,
        origin="streaming",
        external_id=id_,
        details=Details(metrics=metrics, errors=errors),
        created_ms=minute.at_ms,
        updated_ms=end_ms,
        started_ms=minute.at_ms,
        completed_ms=end_ms,
    )
