"""The loop from journal to store, and the order of its steps.

One batch of journal rows is one transaction: what the records bring, how they ended and the offset
become durable together, so a batch that is read again after a crash finds nothing left to do.

A record that raises a defect must not stop the others: the batch is undone and its records are
tried one by one, twice each; one that fails both times is parked as a failed record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import structlog

from onefold.config import Settings
from onefold.domain.failed_record import Fault
from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock
from onefold.errors import Unavailable
from onefold.journal import Accepted, Journal
from onefold.observe.events import place_of
from onefold.observe.metrics import Metrics
from onefold.pipeline.apply import apply, drop_duplicates, note_changes
from onefold.pipeline.normalize import Normalizer
from onefold.pipeline.stitch import stitch
from onefold.pipeline.work import Normalized, Work
from onefold.store.engine import Engine, Transaction
from onefold.store.packing import Packing
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import failed_records, outcomes
from onefold.store.tables.outcomes import Outcome
from onefold.store.tables.progress import Progress, advance, progress

STEPS = (drop_duplicates, stitch, apply, note_changes)
"""What happens to normalized records, in this order, inside one transaction."""

TRIES = 2

log = structlog.get_logger()

Numbered = tuple[int, Accepted]


class Processor:
    """The pipeline of one sandbox: the only writer of its profile data."""

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        journal: Journal,
        engine: Engine,
        definitions: Definitions,
        clock: Clock,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self._sandbox = sandbox
        self._journal = journal
        self._engine = engine
        self._definitions = definitions
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._normalizer = Normalizer(settings)
        self._packing = Packing(engine)

    def step(self) -> int:
        """Take the next batch from the journal and commit it; answer its number of records, 0 when
        the journal is done. Raises Unavailable when the store cannot take it now: try again."""
        done = progress(self._engine)
        chunks = self._journal.read(done.position, records_max=self._settings.batch_records_max)
        if not chunks:
            return 0
        numbered = [
            (chunk.first + index, accepted)
            for chunk in chunks
            for index, accepted in enumerate(chunk.records)
        ]
        snapshot = self._definitions.snapshot(self._sandbox.id)
        to = Progress(chunks[-1].position, done.records + len(numbered))
        work = self._committed(numbered, snapshot, to)
        untaught = self._packing.untaught({record.dataset for record in work.records})
        if untaught:
            self._packing.learn(_bodies(work, untaught))
        self._observe(work, numbered)
        return len(numbered)

    def _committed(self, numbered: Sequence[Numbered], snapshot: Snapshot, to: Progress) -> Work:
        with self._engine.transaction() as transaction:
            try:
                with transaction.attempt():
                    work = self._worked(transaction, numbered, snapshot)
            except Unavailable:
                raise
            except Exception as defect:  # noqa: BLE001 - the other records must go on
                log.error("pipeline.batch_undone", records=len(numbered), **place_of(defect))
                work = self._one_by_one(transaction, numbered, snapshot)
            failed_records.add(transaction, self._packing, work.failed)
            outcomes.count(transaction, work.outcomes)
            advance(transaction, to)
        return work

    def _worked(
        self, transaction: Transaction, numbered: Sequence[Numbered], snapshot: Snapshot
    ) -> Work:
        work = Work(snapshot, self._packing)
        now_ms = self._clock.now_ms()
        for seq, accepted in numbered:
            result = self._normalizer.normalized(seq, accepted, snapshot)
            if isinstance(result, Normalized):
                work.records.append(result)
            else:
                work.fail(seq, accepted, result, now_ms=now_ms)
        for step in STEPS:
            step(transaction, work)
        return work

    def _one_by_one(
        self, transaction: Transaction, numbered: Sequence[Numbered], snapshot: Snapshot
    ) -> Work:
        whole = Work(snapshot, self._packing)
        for one in numbered:
            work = self._tried(transaction, one, snapshot)
            whole.failed += work.failed
            whole.outcomes += work.outcomes
            whole.evicted += work.evicted
        return whole

    def _tried(self, transaction: Transaction, one: Numbered, snapshot: Snapshot) -> Work:
        for attempt in range(TRIES):
            try:
                with transaction.attempt():
                    return self._worked(transaction, [one], snapshot)
            except Unavailable:
                raise
            except Exception as defect:  # noqa: BLE001 - the record is parked
                seq, accepted = one
                log.error("pipeline.record_defect", seq=seq, attempt=attempt, **place_of(defect))
                kind = type(defect).__name__
        work = Work(snapshot, self._packing)
        fault = Fault("processor", "REC-9001", f"The record raised {kind} {TRIES} times")
        work.fail(seq, accepted, fault, now_ms=self._clock.now_ms())
        return work

    def _observe(self, work: Work, numbered: Sequence[Numbered]) -> None:
        now_ms = self._clock.now_ms()
        for outcome in Outcome:
            self._metrics.ended(
                outcome.value, sum(n for (_, end), n in work.outcomes.items() if end is outcome)
            )
        for fault in work.failed:
            self._metrics.failed(fault.fault.code)
        self._metrics.evicted(work.evicted)
        appends = {accepted.received_ms for _, accepted in numbered}
        self._metrics.fresh((now_ms - received_ms) / 1000 for received_ms in appends)


def _bodies(work: Work, datasets: Set[str]) -> Iterator[tuple[str, bytes]]:
    for record in work.records:
        if record.dataset not in datasets:
            continue
        if record.event is not None:
            yield record.dataset, record.event.body
        elif record.fragment is not None:
            yield record.dataset, record.fragment.body
