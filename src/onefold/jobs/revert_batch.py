"""The job that takes a batch back: what its records brought leaves the profile store and the lake,
and what they replaced stands again.

The rows are found by the numbers that the batch's records have in the journal, and undone through
the journal, so what other batches brought stays. Nothing is suppressed: a batch may be replayed.
Of a record of which nothing is kept any more (tables/superseded.py) nothing can be undone.
Source: ingestion contract, 7.4.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from onefold.domain.identity.identity import Xid
from onefold.domain.lifecycle import BatchState, batch_moved
from onefold.domain.removal import ROWS_MAX, Removal
from onefold.inlet.batches import REVERT
from onefold.inlet.uploads import Folder
from onefold.jobs.orders import applied, order
from onefold.jobs.workshop import Workshop
from onefold.store.engine import Reader
from onefold.store.tables import (
    batch_failures,
    batches,
    events,
    fragments,
    sightings,
    superseded,
)
from onefold.store.tables.batches import Batch
from onefold.store.tables.jobs import Job
from onefold.wire import JSON

SCANNED_ROWS = 20_000
"""Rows that one step looks at."""

Numbers = Sequence[tuple[int, int]]


def revert_batch(job: Job, shop: Workshop) -> Iterator[JSON]:
    """Take back the batch that the job names. Done once more it finds nothing left to do."""
    work = shop.places.work(shop.sandbox.id)
    batch = batches.get(work, job.argument["batch"])
    assert batch is not None  # batches stay for ever
    if batch.status is BatchState.DELETED:
        return
    if batch.origin != "export":  # of which the profile store knows nothing
        yield from removals(batch, shop)
    yield from applied(shop)
    shop.lake.remove_batch(batch.id)
    Folder(shop.places, shop.sandbox.id, batch.id).remove()
    status = batch_moved(batch.status, BatchState.DELETED)
    with work.transaction() as transaction:
        batches.update(transaction, replace(batch, status=status, updated_ms=shop.clock.now_ms()))


def removals(batch: Batch, shop: Workshop) -> Iterator[JSON]:
    """Have everything undone in the profile store that the batch's records brought, also those that
    failed first and were replayed, and the messages of those removed that failed."""
    profile = shop.places.profile(shop.sandbox.id)
    numbers = numbers_of(batch, shop)
    removed = 0
    for first, last in numbers:
        at = first
        while found := events.numbered(profile, first=at, last=last, limit=ROWS_MAX):
            _append(shop, batch, Removal(events=found))
            at = found[-1][2] + 1
            removed += len(found)
            yield {"removed": removed}
        at = first
        while seen := sightings.graph_only(profile, first=at, last=last, limit=ROWS_MAX):
            _append(shop, batch, Removal(sightings=seen))
            at = seen[-1][1] + 1
            removed += len(seen)
            yield {"removed": removed}
    found_records = -1
    while found_records != removed:  # records move between two tables meanwhile
        found_records = removed
        pending: list[tuple[Xid, str, int]] = []
        for page, more in _records(profile, batch):
            pending += [row for row in page if _is_among(row[2], numbers)]
            removed += _undo_records(shop, batch, pending, ROWS_MAX if more else 1)
            if len(page) > ROWS_MAX or removed > found_records:  # else it was no work
                yield {"removed": removed}
        yield from applied(shop)
    after = 0
    while failed := batch_failures.numbers(profile, batch.id, after=after, limit=ROWS_MAX):
        _append(shop, batch, Removal(failed=failed))
        after = failed[-1]
        yield {"removed": removed}


def numbers_of(batch: Batch, shop: Workshop) -> list[tuple[int, int]]:
    """(first, last) of the numbers that the records of a batch of files have in the journal, also
    of those that failed first and were replayed."""
    repeats = batch_failures.repeats(shop.places.profile(shop.sandbox.id), batch.id)
    return joined([*shop.journal.numbers(batch.id), *((seq, seq) for seq in repeats)])


def _records(profile: Reader, batch: Batch) -> Iterator[tuple[list[tuple[Xid, str, int]], bool]]:
    """(owner, dataset, record number) of all profile records of the batch's dataset, in pages, each
    with whether another one follows."""
    at = 0
    while page := fragments.every(profile, after=at, limit=SCANNED_ROWS):
        at = page[-1][0]
        yield [row[1:] for row in page if row[2] == batch.dataset], True
    at = 0
    more = True
    while more:
        earlier = superseded.every(profile, after=at, limit=SCANNED_ROWS)
        more = len(earlier) == SCANNED_ROWS
        at = earlier[-1][0] if earlier else at
        kept = [row[1:4] for row in earlier if row[2] == batch.dataset and row[4] != "gone"]
        yield kept, more


def _undo_records(
    shop: Workshop, batch: Batch, pending: list[tuple[Xid, str, int]], least: int
) -> int:
    """Undo what is pending while there are `least` rows of it; answer how many were taken."""
    taken = 0
    while len(pending) >= least:
        rows, pending[:] = pending[:ROWS_MAX], pending[ROWS_MAX:]
        _append(shop, batch, Removal(records=[(*row[:2], "", row[2]) for row in rows]))
        taken += len(rows)
    return taken


def _append(shop: Workshop, batch: Batch, what: Removal) -> None:
    order(shop, f"{REVERT}:{batch.id}", what)


def joined(numbers: Numbers) -> list[tuple[int, int]]:
    """The same numbers in as few (first, last) as possible."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(numbers):
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _is_among(number: int, numbers: Numbers) -> bool:
    index = bisect_right(numbers, (number, 1 << 62)) - 1
    return index >= 0 and numbers[index][0] <= number <= numbers[index][1]
