"""Landing: from the journal into the lake, behind the pipeline.

Only what the pipeline has passed is landed, since only then it is known how each record ended:
failed, suppressed and known records and removals have no place in the lake, nor have streamed
records that change single fields of a profile; what calls say has one. Records wait until there are
many or the oldest has waited for most of a minute, so that files are few; batches of files are
landed as soon as they are in the journal. The lake's own progress is committed with the records
(lake/lake.py).

Source: ingestion contract, 5, and 9 for the times that others take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import structlog
from msgspec.structs import replace

from onefold.domain.calls.call import INLET as CALLS
from onefold.domain.failed_record import Fault
from onefold.domain.lifecycle import BatchState
from onefold.domain.ulid import RANDOM_BYTES, time_ms, ulid
from onefold.errors import Rejected, Unavailable
from onefold.jobs.abandon_batches import Abandoner
from onefold.jobs.sampler import Sampler
from onefold.jobs.trim_journal import Trimmer
from onefold.jobs.workshop import WAIT, Workshop
from onefold.journal import Accepted, Chunk
from onefold.lake.lake import Landed
from onefold.lake.landing import Landing, Part
from onefold.observe.events import place_of
from onefold.pipeline.entities import Arrived, Entities
from onefold.store.engine import Engine
from onefold.store.snapshot import Snapshot
from onefold.store.tables import batches, datasets, failed_records, outcomes
from onefold.store.tables.batches import Batch, Details, Wanted
from onefold.store.tables.progress import Progress, progress
from onefold.wire import JSON, encode_json

RECORDS_DUE = 10_000
WAIT_MS = 50_000
RECORDS_MAX = 20_000
"""Of one landing."""

LANDINGS_BETWEEN_TIDYING = 100
BACKOFF_MS = 5_000
TABLE_TAG = "adobe/pqs/table"
_BATCHES_MAX = 100
_MARKS = frozenset(("_stamp", "_first"))
"""Of the records of calls, for the pipeline."""

log = structlog.get_logger()


class Lander:
    """Lands the records of one sandbox."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._profile: Engine = shop.places.profile(shop.sandbox.id)
        self._work: Engine = shop.places.work(shop.sandbox.id)
        self._entities = Entities(judged=True)
        self._trimmer = Trimmer(shop)
        self._abandoner = Abandoner(shop)
        self._sampler = Sampler(shop)
        self._landings = 0
        self._not_before_ms = 0
        self._is_published = False

    def step(self) -> bool:
        """Land if it is time, else trim the journal, else abandon batches, else have profiles
        sampled; answer whether there was anything to do.

        Raises Unavailable when the store cannot answer now; a defect is logged, and the landing
        tried again later.
        """
        try:
            if self._is_due():
                return self.land()
            return self._trimmer.step() or self._abandoner.step() or self._sampler.step()
        except Unavailable:
            raise
        except Exception as defect:  # noqa: BLE001 - the other jobs must go on
            log.error("lake.landing_undone", **place_of(defect))
            self._not_before_ms = self._shop.clock.now_ms() + BACKOFF_MS
            return False

    def land(self) -> bool:
        """Land what the pipeline has passed, RECORDS_MAX or so at a time; answer whether there was
        anything. Raises Unavailable."""
        shop = self._shop
        if not self._is_published:
            self._publish()
        reached, done = progress(self._profile), shop.lake.progress()
        if reached.position <= done.position:
            return False
        read = shop.journal.read(done.position, records_max=RECORDS_MAX)
        chunks = [chunk for chunk in read if chunk.position <= reached.position]
        to = Progress(chunks[-1].position, chunks[-1].first + len(chunks[-1].records) - 1)
        parts, passed = self._sorted(chunks, first=chunks[0].first, last=to.records)
        self._is_published = False
        shop.lake.land(parts, to, passed)
        self._publish()
        self._forget(first=chunks[0].first, last=to.records)
        self._landings += 1
        if self._landings % LANDINGS_BETWEEN_TIDYING == 0:
            shop.lake.tidy()
        return True

    def _is_due(self) -> bool:
        now_ms = self._shop.clock.now_ms()
        if now_ms < self._not_before_ms:
            return False
        reached, done = progress(self._profile), self._shop.lake.progress()
        if reached.position <= done.position:
            return not self._is_published and self._publish()
        if reached.records - done.records >= RECORDS_DUE:
            return True
        oldest_ms = self._shop.journal.received_ms(done.position)
        if oldest_ms is not None and oldest_ms + WAIT_MS <= now_ms:
            return True
        return self._is_batch_waiting(done.position, reached.position)

    def _is_batch_waiting(self, done: int, reached: int) -> bool:
        """Whether the last row of a batch of files has been passed, and is not in the lake."""
        for state in (BatchState.STAGED, BatchState.PROCESSING):
            wanted = Wanted(status=state.value)
            for batch in batches.listed(self._work, wanted, limit=_BATCHES_MAX):
                if done < self._shop.journal.marked(batch.id)[1] <= reached:
                    return True
        return False

    def _sorted(
        self, chunks: Sequence[Chunk], *, first: int, last: int
    ) -> tuple[list[Part], Counter[str]]:
        """The parts to land, and how many applied records of each dataset have no place there."""
        left_out = failed_records.numbers(self._profile, first=first, last=last)
        left_out |= outcomes.left_out(self._profile, first=first, last=last)
        snapshot = self._shop.definitions.snapshot(self._shop.sandbox.id)
        passed: Counter[str] = Counter()
        found: dict[tuple[str, str, bool], list[Landing]] = {}
        for chunk in chunks:
            for seq, accepted in enumerate(chunk.records, chunk.first):
                if seq in left_out:
                    continue
                arrived = self._arrived(accepted, snapshot)
                if arrived is None:
                    passed[accepted.dataset] += 1
                    continue
                is_checked = (
                    arrived.operation == "create"
                    and accepted.inlet != CALLS
                    and not arrived.dataset.validation_disabled
                )
                found.setdefault((accepted.dataset, accepted.batch, is_checked), []).append(
                    Landing(seq, accepted.trace, accepted.received_ms, encode_json(arrived.entity))
                )
        return list(self._parts(found, snapshot)), passed

    def _arrived(self, accepted: Accepted, snapshot: Snapshot) -> Arrived | None:
        """What belongs into the lake of a record; None: nothing. Partial records do only when they
        stood in a file: of streamed ones the lake would hold rows that say half."""
        if accepted.removal:
            return None
        try:
            arrived = self._entities.entity_of(accepted, snapshot)
        except Rejected:
            return None  # its dataset or flow has changed since it was applied
        if isinstance(arrived, Fault):
            return None
        if arrived.operation == "stamp":
            entity = {name: arrived.entity[name] for name in arrived.entity if name not in _MARKS}
            return replace(arrived, entity=entity)
        return arrived if arrived.operation == "create" or accepted.batch else None

    def _parts(
        self, found: dict[tuple[str, str, bool], list[Landing]], snapshot: Snapshot
    ) -> Iterator[Part]:
        shop = self._shop
        own: dict[str, str] = {}
        for (dataset, batch, is_checked), records in sorted(found.items()):
            known = snapshot.datasets[dataset]
            if not batch and dataset not in own:
                own[dataset] = ulid(shop.clock.now_ms(), shop.ids.hex(bytes_=RANDOM_BYTES))
            yield Part(
                dataset=dataset,
                table=self._table(dataset) or known.name,
                root=snapshot.schemas[known.schema_id].root,
                is_checked=is_checked,
                batch=batch or own[dataset],
                streaming=not batch,
                records=records,
            )

    def _table(self, dataset: str) -> str:
        stored = datasets.by_id(self._shop.places.control(), self._shop.sandbox.id, dataset)
        return next(iter(stored.tags.get(TABLE_TAG, ())), "") if stored is not None else ""

    def _publish(self) -> bool:
        """Have the streamed records of the last landing stand in the catalogue as batches. What a
        crash prevented is done before anything else is landed."""
        shop = self._shop
        position = shop.lake.progress().position
        streamed: dict[str, list[Landed]] = {}
        for one in shop.lake.landed(position=position) if position else ():
            if one.streaming:
                streamed.setdefault(one.batch, []).append(one)
        if streamed:
            with self._work.transaction() as transaction:
                for landed in streamed.values():
                    batches.insert(transaction, _batch(landed))
        self._is_published = True
        return False

    def _forget(self, *, first: int, last: int) -> None:
        if outcomes.left_out(self._profile, first=first, last=last):
            with self._profile.transaction() as transaction:
                outcomes.forget_left_out(transaction, last=last)


def landed(shop: Workshop) -> Iterator[JSON]:
    """Steps until the lake holds everything that the journal holds now; for jobs that ask or change
    the lake."""
    lander = Lander(shop)
    end = shop.journal.end().position
    while shop.lake.progress().position < end:
        if not lander.land():
            yield WAIT  # the pipeline has not passed it yet


def _batch(landed: Sequence[Landed]) -> Batch:
    """What the catalogue says of records that were streamed and landed together."""
    one = landed[0]
    at_ms = time_ms(one.batch) or one.last_ms
    records = sum(part.records for part in landed)
    return Batch(
        id=one.batch,
        dataset=one.dataset,
        status=BatchState.SUCCESS,
        origin="streaming",
        external_id=one.batch,
        details=Details(
            metrics={
                "inputRecordCount": records,
                "outputRecordCount": records,
                "failedRecordCount": 0,
            }
        ),
        created_ms=min(at_ms, min(part.first_ms for part in landed)),
        updated_ms=at_ms,
        started_ms=at_ms,
        completed_ms=at_ms,
    )
