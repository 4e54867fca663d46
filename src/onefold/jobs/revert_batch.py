"""The job that takes a batch back: what its records brought leaves the profile store and the lake.

The rows are found by the numbers that the batch's records have in the journal, and removed through
the journal, so what other batches brought later stays. Source: ingestion contract, 7.4.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from onefold.domain import removal
from onefold.domain.identity.identity import Xid
from onefold.domain.lifecycle import BatchState, batch_moved
from onefold.domain.removal import ROWS_MAX, Removal
from onefold.inlet.batches import REVERT
from onefold.inlet.uploads import Folder
from onefold.jobs.workshop import WAIT, Workshop
from onefold.journal import Accepted
from onefold.store.tables import batch_failures, batches, events, fragments
from onefold.store.tables.batches import Batch
from onefold.store.tables.jobs import Job
from onefold.store.tables.progress import progress
from onefold.wire import JSON

SCANNED_ROWS = 20_000
"""Fragments that one step looks at."""

Numbers = Sequence[tuple[int, int]]


def revert_batch(job: Job, shop: Workshop) -> Iterator[JSON]:
    """Take back the batch that the job names. Done once more it finds nothing left to do."""
    work = shop.places.work(shop.sandbox.id)
    batch = batches.get(work, job.argument["batch"])
    assert batch is not None  # batches stay for ever
    if batch.status is BatchState.DELETED:
        return
    yield from removals(batch, shop)
    profile = shop.places.profile(shop.sandbox.id)
    end = shop.journal.end().position
    while progress(profile).position < end:
        yield WAIT
    shop.lake.remove_batch(batch.id)
    Folder(shop.places, shop.sandbox.id, batch.id).remove()
    status = batch_moved(batch.status, BatchState.DELETED)
    with work.transaction() as transaction:
        batches.update(transaction, replace(batch, status=status, updated_ms=shop.clock.now_ms()))


def removals(batch: Batch, shop: Workshop) -> Iterator[JSON]:
    """Append the removal of everything in the profile store that the batch's records brought, also
    those that failed first and were replayed, and of the messages of those that failed."""
    profile = shop.places.profile(shop.sandbox.id)
    repeats = batch_failures.repeats(profile, batch.id)
    numbers = _joined([*shop.journal.numbers(batch.id), *((seq, seq) for seq in repeats)])
    removed = 0
    for first, last in numbers:
        while found := events.numbered(profile, first=first, last=last, limit=ROWS_MAX):
            _append(shop, batch, Removal(events=found))
            first = found[-1][2] + 1
            removed += len(found)
            yield {"removed": removed}
    at = 0
    pending: list[tuple[Xid, str, int]] = []
    while page := fragments.every(profile, after=at, limit=SCANNED_ROWS):
        at = page[-1][0]
        pending += [
            (owner, dataset, seq)
            for _, owner, dataset, seq in page
            if dataset == batch.dataset and _is_among(seq, numbers)
        ]
        removed += _append_fragments(shop, batch, pending, ROWS_MAX)
        yield {"removed": removed}
    removed += _append_fragments(shop, batch, pending, 1)
    after = 0
    while failed := batch_failures.numbers(profile, batch.id, after=after, limit=ROWS_MAX):
        _append(shop, batch, Removal(failed=failed))
        after = failed[-1]
        yield {"removed": removed}


def _append_fragments(
    shop: Workshop, batch: Batch, pending: list[tuple[Xid, str, int]], least: int
) -> int:
    """Append what is pending while there are `least` rows of it; answer how many were taken."""
    taken = 0
    while len(pending) >= least:
        rows, pending[:] = pending[:ROWS_MAX], pending[ROWS_MAX:]
        _append(shop, batch, Removal(fragments=rows))
        taken += len(rows)
    return taken


def _append(shop: Workshop, batch: Batch, what: Removal) -> None:
    now_ms = shop.clock.now_ms()
    message = removal.encode(what)
    trace = f"{REVERT}:{batch.id}"
    shop.journal.append([Accepted(trace, now_ms, "", "", message, removal=True)])


def _joined(numbers: Numbers) -> list[tuple[int, int]]:
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
