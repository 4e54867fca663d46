"""The job that deletes what a dataset has brought, or the events of a batch.

Everything is found by number: what stood in the journal when it was asked for goes, what comes
later stays. A dataset leaves the profile store, with the links that only it made, the failed
records, the lake and the journal. Of a batch the events leave the profile store, and nothing else
goes. Source: profile contract, 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from onefold.domain.deletion import REQUEST_TYPES, Deletion, Kind, State
from onefold.domain.failed_record import State as FailedState
from onefold.domain.graph.links import Link
from onefold.domain.identity.identity import Xid
from onefold.domain.removal import ROWS_MAX, Removal
from onefold.jobs.land_dataset import landed
from onefold.jobs.orders import applied, order
from onefold.jobs.receipts import sealed
from onefold.jobs.revert_batch import joined, numbers_of
from onefold.jobs.sweep import Place, Sweep, waited
from onefold.jobs.workshop import Workshop
from onefold.journal import Accepted
from onefold.store.engine import Engine
from onefold.store.tables import (
    batches,
    deletions,
    events,
    failed_records,
    fragments,
    links,
    sightings,
    superseded,
)
from onefold.store.tables.failed_records import Filter
from onefold.store.tables.jobs import Job
from onefold.store.tables.sightings import Key
from onefold.wire import JSON, iso_millis

SCANNED_ROWS = 20_000
"""Rows, or numbers of records, that one step looks at."""
SCANNED_LINKS = 2_000
PAGE_RECORDS = 2_000

T = TypeVar("T")

EVENTS = {"events": "by record number and dataset"}
FRAGMENTS = {"fragments": "every one, with what they superseded, by dataset"}
SIGHTINGS = {"sightings": "every one, by dataset"}
LINKS = {"links": "every one of the dataset that no other record supports"}
FAILED = {"failedRecords": "by dataset"}
LAKE = {"lake": "the dataset's table, by record number"}
JOURNAL = {"journal": "every message, by dataset"}


def delete_data(job: Job, shop: Workshop) -> Iterator[JSON]:
    """Delete what the request says, with a receipt; nothing when it was cancelled."""
    work = shop.places.work(shop.sandbox.id)
    asked = _begun(job, shop, work)
    if asked is None:
        return
    yield from landed(shop) if asked.kind is Kind.BATCH else applied(shop, asked.position)
    sweep = Sweep(shop.clock, job.progress)
    places = _Places(asked, shop, sweep).all()
    for step in sweep.steps(places):
        yield waited(step, sweep.kept())
    _finish(asked, shop, sweep, places)
    yield sweep.kept()


def _begun(job: Job, shop: Workshop, work: Engine) -> Deletion | None:
    """The request, from now on being processed; None when there is nothing left to do."""
    now_ms = shop.clock.now_ms()
    with work.transaction() as transaction:
        asked = deletions.get(transaction, job.id)
        if asked is None or asked.state not in (State.NEW, State.PROCESSING):
            return None
        if asked.state is State.NEW:
            asked = replace(asked, state=State.PROCESSING, started_ms=now_ms, updated_ms=now_ms)
            deletions.update(transaction, asked)
    return asked


def _finish(asked: Deletion, shop: Workshop, sweep: Sweep, places: Sequence[Place]) -> None:
    now_ms = shop.clock.now_ms()
    named = {"datasetId": asked.dataset, "batchId": asked.batch}
    receipt = {
        "id": asked.id,
        "requestType": REQUEST_TYPES[asked.kind],
        "subject": {name: value for name, value in named.items() if value},
        "requestedAt": iso_millis(asked.created_ms),
        "completedAt": iso_millis(now_ms),
        "position": max(asked.position, sweep.position),
        "rounds": sweep.round,
        "places": sweep.told(asked.id, places),
        "suppressions": [],
    }
    done = replace(
        asked,
        state=State.ERROR if sweep.left_over(asked.id) else State.COMPLETED,
        records=sweep.removed(asked.id),
        receipt=sealed(receipt),
        updated_ms=now_ms,
    )
    with shop.places.work(shop.sandbox.id).transaction() as transaction:
        deletions.update(transaction, done)


class _Places:
    """Where the data lies. Most places are walked through twice, in pages: to count what is there,
    and to remove it."""

    def __init__(self, asked: Deletion, shop: Workshop, sweep: Sweep) -> None:
        self._asked = asked
        self._shop = shop
        self._sweep = sweep
        self._profile: Engine = shop.places.profile(shop.sandbox.id)

    def all(self) -> list[Place]:
        """The places, in the order in which they are done."""
        of_events = self._walked(EVENTS, self._events, lambda rows: Removal(events=rows))
        if self._asked.kind is Kind.BATCH:
            return [of_events]
        return [
            of_events,
            self._walked(FRAGMENTS, self._fragments, lambda rows: Removal(fragments=rows)),
            self._walked(SIGHTINGS, self._sightings, lambda rows: Removal(sightings=rows)),
            self._walked(LINKS, self._links, lambda _: Removal()),
            self._walked(FAILED, self._failed, lambda rows: Removal(failed=rows)),
            Place(LAKE, self._search_lake, self._clear_lake),
            Place(JOURNAL, self._search_journal, self._clear_journal),
        ]

    def _walked(
        self,
        names: Mapping[str, str],
        pages: Callable[[], Iterator[list[T]]],
        removal: Callable[[list[T]], Removal],
    ) -> Place:
        """A place that is gone through by `pages`, which move the sweep's cursor."""
        (name,) = names

        def search() -> Iterator[JSON]:
            for rows in pages():
                self._sweep.found(self._asked.id, name, len(rows))
                yield None

        def clear() -> Iterator[JSON]:
            for rows in pages():
                for start in range(0, len(rows), ROWS_MAX):
                    what = removal(rows[start : start + ROWS_MAX])
                    position = order(self._shop, self._asked.id, what)
                    self._sweep.position = max(position, self._sweep.position)
                yield None
            yield from applied(self._shop, self._sweep.position)

        return Place(names, search, clear)

    def _events(self) -> Iterator[list[tuple[Xid, str, int]]]:
        sweep = self._sweep
        for first, last in self._ranges():
            at = max(first, sweep.cursor + 1)
            while at <= last:
                to = min(at + SCANNED_ROWS - 1, last)
                rows = events.of_dataset(self._profile, self._asked.dataset, first=at, last=to)
                sweep.cursor = to
                yield rows
                at = to + 1

    def _ranges(self) -> Sequence[tuple[int, int]]:
        """(first, last) of the numbers that records have which are meant."""
        last = self._asked.number - 1
        if self._asked.kind is Kind.DATASET:
            return [(1, last)]
        batch = batches.get(self._shop.places.work(self._shop.sandbox.id), self._asked.batch)
        assert batch is not None  # batches stay for ever
        if batch.origin == "streaming":
            numbers = self._shop.lake.numbers(batch.id, batch.dataset)
            return joined([(number, number) for number in numbers])
        return numbers_of(batch, self._shop)

    def _fragments(self) -> Iterator[list[tuple[Xid, str, int]]]:
        """First those that stand, then those that they superseded: the cursor says which, and where
        among them."""
        sweep, profile = self._sweep, self._profile
        table, at = sweep.cursor or (0, 0)
        if table == 0:
            while standing := fragments.every(profile, after=at, limit=SCANNED_ROWS):
                at = standing[-1][0]
                sweep.cursor = [0, at]
                yield self._meant([(row[1], row[2], row[3]) for row in standing])
            at = 0
        while earlier := superseded.every(profile, after=at, limit=SCANNED_ROWS):
            at = earlier[-1][0]
            sweep.cursor = [1, at]
            yield self._meant([(row[1], row[2], row[3]) for row in earlier])

    def _meant(self, rows: Sequence[tuple[Xid, str, int]]) -> list[tuple[Xid, str, int]]:
        asked = self._asked
        return [row for row in rows if row[1] == asked.dataset and row[2] < asked.number]

    def _sightings(self) -> Iterator[list[Key]]:
        sweep, asked = self._sweep, self._asked
        while page := sightings.every(
            self._profile, after=tuple(sweep.cursor or ("", 0)), limit=SCANNED_ROWS
        ):
            sweep.cursor = page[-1].key
            yield [
                one.key for one in page if one.source == asked.dataset and one.seq < asked.number
            ]

    def _links(self) -> Iterator[list[Link]]:
        """Links that go with their records; of each pair one of its two rows."""
        sweep, asked = self._sweep, self._asked
        while page := links.every(
            self._profile, after=tuple(sweep.cursor or ("", "", "")), limit=SCANNED_LINKS
        ):
            sweep.cursor = (page[-1].a, page[-1].b, page[-1].dataset)
            yield [
                one
                for one in page
                if one.dataset == asked.dataset
                and one.a < one.b
                and all(
                    seen.dataset != asked.dataset
                    or (seen.source == asked.dataset and seen.seq < asked.number)
                    for seen in sightings.shared(self._profile, one.a, one.b)
                )
            ]

    def _failed(self) -> Iterator[list[int]]:
        sweep, asked = self._sweep, self._asked
        which = Filter(dataset=asked.dataset)
        while page := failed_records.matching(
            self._profile, which, start=sweep.cursor, limit=PAGE_RECORDS, newest_first=False
        ):
            sweep.cursor = page[-1].seq
            yield [
                one.seq
                for one in page
                if one.state is not FailedState.RESOLVED
                and one.seq < asked.number
                and not one.removal
            ]

    def _search_lake(self) -> Iterator[JSON]:
        asked, lake = self._asked, self._shop.lake
        yield from landed(self._shop)
        rows = lake.count_below(asked.dataset, below=asked.number)
        self._sweep.found(asked.id, "lake", rows)

    def _clear_lake(self) -> Iterator[JSON]:
        self._shop.lake.remove_dataset(self._asked.dataset, below=self._asked.number)
        yield from ()

    def _search_journal(self) -> Iterator[JSON]:
        sweep, asked = self._sweep, self._asked
        while sweep.cursor < asked.position:
            chunks = self._shop.journal.read(sweep.cursor, records_max=PAGE_RECORDS)
            for chunk in chunks:
                records = enumerate(chunk.records, chunk.first)
                meant = sum(self._is_meant(seq, record) for seq, record in records)
                sweep.found(asked.id, "journal", meant)
            sweep.cursor = chunks[-1].position if chunks else asked.position
            yield None

    def _clear_journal(self) -> Iterator[JSON]:
        """Both readers have passed it by now."""
        sweep, to = self._sweep, self._asked.position
        while sweep.cursor < to:
            sweep.cursor, _ = self._shop.journal.erase(self._erased, after=sweep.cursor, to=to)
            yield None

    def _is_meant(self, number: int, record: Accepted) -> bool:
        return (
            record.dataset == self._asked.dataset
            and number < self._asked.number
            and not record.removal
            and record.message != b""
        )

    def _erased(self, number: int, record: Accepted) -> Accepted:
        return replace(record, message=b"") if self._is_meant(number, record) else record
