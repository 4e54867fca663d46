"""The loop from journal to store, and the order of its steps.

One batch of journal rows is one transaction: what the records bring, how they ended and the offset
become durable together, so a batch that is read again after a crash finds nothing left to do.
Removals and repeats of failed records stand in the journal among the records and part a batch into
runs, each done in its turn; so does a call of which another one of its id came shortly before.

A record that raises a defect must not stop the others: the batch is undone and its records are
tried one by one, twice each; one that fails both times is parked as a failed record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set

import structlog

from onefold.config import Settings
from onefold.domain import removal
from onefold.domain.calls.call import INLET
from onefold.domain.failed_record import Fault
from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock
from onefold.errors import Unavailable
from onefold.journal import Accepted, Journal
from onefold.observe.events import place_of
from onefold.observe.metrics import Metrics
from onefold.pipeline import repeats
from onefold.pipeline.apply import apply, drop_duplicates, note_changes
from onefold.pipeline.count import counted
from onefold.pipeline.fold import fold
from onefold.pipeline.handover import Parted, give_late, parted
from onefold.pipeline.index import index
from onefold.pipeline.known_calls import judge_calls, note_calls
from onefold.pipeline.normalize import Normalizer
from onefold.pipeline.remove import remove
from onefold.pipeline.stitch import stitch
from onefold.pipeline.suppress import suppress
from onefold.pipeline.work import Normalized, Work
from onefold.store.engine import Engine, Transaction
from onefold.store.packing import Packing
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import counters, failed_records, outcomes
from onefold.store.tables.accounts import Account
from onefold.store.tables.outcomes import Outcome
from onefold.store.tables.progress import Progress, advance, progress

STEPS = (
    *(suppress, drop_duplicates, judge_calls, give_late, fold),
    *(stitch, apply, index, note_changes),
)
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
        work = Work(snapshot, self._packing)
        with self._engine.transaction() as transaction:
            for run in _runs(numbered, snapshot.account):
                work.absorb(self._attempted(transaction, run, snapshot))
            outcomes.count(transaction, work.outcomes)
            counters.add(transaction, counted(work, numbered), now_ms=self._clock.now_ms())
            advance(transaction, to)
        return work

    def _attempted(
        self, transaction: Transaction, numbered: Sequence[Numbered], snapshot: Snapshot
    ) -> Work:
        """The work of a run in one piece; in several when some of it has to stand alone, and of
        each alone when it fails."""
        try:
            with transaction.attempt():
                return self._worked(transaction, numbered, snapshot)
        except Unavailable:
            raise
        except Parted as asked:
            whole = Work(snapshot, self._packing)
            for piece in parted(numbered, asked.numbers):
                whole.absorb(self._attempted(transaction, piece, snapshot))
            return whole
        except Exception as defect:  # noqa: BLE001 - the other records must go on
            log.error("pipeline.batch_undone", records=len(numbered), **place_of(defect))
            return self._one_by_one(transaction, numbered, snapshot)

    def _worked(
        self, transaction: Transaction, numbered: Sequence[Numbered], snapshot: Snapshot
    ) -> Work:
        now_ms = self._clock.now_ms()
        work = Work(snapshot, self._packing, now_ms)
        if numbered[0][1].replays:
            numbered = repeats.drop_spent(transaction, work, numbered)
        for seq, accepted in numbered:
            if accepted.removal:
                what = removal.decode(accepted.message)
                remove(transaction, work, seq, what, at_ms=accepted.received_ms)
                work.outcomes[accepted.dataset, Outcome.APPLIED] += 1
                continue
            result = self._normalizer.normalized(seq, accepted, snapshot)
            if isinstance(result, Normalized):
                work.records.append(result)
                if result.call is not None:
                    work.calls[seq] = (result.call, accepted)
            else:
                work.fail(seq, accepted, result, now_ms=now_ms)
        for step in STEPS:
            step(transaction, work)
        self._keep_failed(transaction, work, numbered)
        return work

    def _one_by_one(
        self, transaction: Transaction, numbered: Sequence[Numbered], snapshot: Snapshot
    ) -> Work:
        whole = Work(snapshot, self._packing)
        for one in numbered:
            whole.absorb(self._tried(transaction, one, snapshot))
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
        self._keep_failed(transaction, work, [one])
        return work

    def _keep_failed(
        self, transaction: Transaction, work: Work, numbered: Sequence[Numbered]
    ) -> None:
        """Store what failed in a run, and close what the run repeated: the next one looks at it.
        Note how calls ended."""
        note_calls(transaction, work)
        if work.failed:
            failed_records.add(transaction, self._packing, work.failed)
        repeated = [one for one in numbered if one[1].replays]
        if repeated:
            repeats.close(transaction, work, repeated, now_ms=self._clock.now_ms())

    def _observe(self, work: Work, numbered: Sequence[Numbered]) -> None:
        now_ms = self._clock.now_ms()
        for outcome in Outcome:
            self._metrics.ended(
                outcome.value, sum(n for (_, end), n in work.outcomes.items() if end is outcome)
            )
        for fault in work.failed:
            self._metrics.failed(fault.fault.code)
        noted = Counter[str]()
        for (name, _, _), number in work.counted.items():
            noted[name] += number
        self._metrics.calls(
            differing=noted["duplicate_differs"],
            traits_refused=noted["refused_traits"],
            unplanned=noted["unplanned"],
        )
        self._metrics.evicted(work.evicted)
        # Repeats keep the time at which the first was received.
        appends = {accepted.received_ms for _, accepted in numbered if not accepted.replays}
        self._metrics.fresh((now_ms - received_ms) / 1000 for received_ms in appends)


def _runs(numbered: Sequence[Numbered], account: Account | None) -> Iterator[list[Numbered]]:
    """The batch in pieces of one kind: records, removals, repeats. A repeat of a record of this
    very batch, which is met when a journal is applied anew, stands alone. A call begins a new piece
    when another one of its id is in this: what it may bring depends on how that one ends."""
    first = numbered[0][0]
    run: list[Numbered] = []
    ids: set[str] = set()
    before: tuple[bool, int] | None = None
    for seq, accepted in numbered:
        kind = (accepted.removal, -1 if accepted.replays else 0)
        if accepted.replays >= first:
            kind = (False, seq)
        comes_again = (
            accepted.trace in ids and account is not None and accepted.dataset == account.calls
        )
        if run and (kind != before or comes_again):
            yield run
            run, ids = [], set()
        before = kind
        run.append((seq, accepted))
        if accepted.inlet == INLET:
            ids.add(accepted.trace)
    yield run


def _bodies(work: Work, datasets: Set[str]) -> Iterator[tuple[str, bytes]]:
    for record in work.records:
        if record.dataset not in datasets:
            continue
        if record.event is not None:
            yield record.dataset, record.event.body
        elif record.fragment is not None:
            yield record.dataset, record.fragment.body
