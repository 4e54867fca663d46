"""The loop over the jobs of one sandbox: claim, do a step, hold, end.

One job of a sandbox runs at a time, in the order in which they fell due; patient ones come last,
and let others go first between their steps. The row is the truth: a job belongs to its worker for
as long as its lease, which every step renews, and what was done is kept as the job's progress, so
another worker goes on where this one was killed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import structlog

from onefold.errors import PlatformError, Rejected, Unavailable
from onefold.jobs.kinds import Kind
from onefold.jobs.workshop import WAIT, Workshop
from onefold.observe.events import place_of
from onefold.store.engine import Engine
from onefold.store.tables import jobs
from onefold.store.tables.jobs import Job, State
from onefold.wire import JSON

LEASE_MS = 60_000
TRIES = 3
BACKOFF_MS = 2_000
"""After the first failed try; twice as long after each further one."""

log = structlog.get_logger()


class Worker:
    """Runs the jobs of one sandbox, a step at a time.

    alone: no other process runs jobs of this sandbox, so what is marked as running was left behind
    by one that has died, and is taken over at once. patient: kinds that give way to others after
    each step.
    """

    def __init__(
        self,
        workshop: Workshop,
        kinds: Mapping[str, Kind],
        *,
        alone: bool,
        patient: Collection[str] = (),
    ) -> None:
        self._workshop = workshop
        self._kinds = kinds
        self._patient = patient
        self._engine: Engine = workshop.places.work(workshop.sandbox.id)
        self._job: Job | None = None
        self._steps: Iterator[JSON] = iter(())
        self._progress: JSON = None
        self._held_ms = 0
        if alone:
            with self._engine.transaction() as transaction:
                jobs.release(transaction)

    def step(self) -> bool:
        """Do one step of a job; answer whether there was one, and it did more than wait.

        Raises Unavailable when the store cannot take what was done; the job goes on with the next
        call.
        """
        if self._job is None and not self._claimed():
            return False
        job = self._job
        assert job is not None
        try:
            step = next(self._steps)
        except StopIteration:
            self._end(job, State.DONE)
        except Rejected as rejected:
            self._fail(job, rejected)
        except Unavailable as passing:
            log.warning("jobs.unavailable", job=job.id, work=job.kind, code=passing.code)
            self._put_back(job, BACKOFF_MS)
        except Exception as defect:  # noqa: BLE001 - the other jobs must go on
            log.error("jobs.defect", job=job.id, work=job.kind, **place_of(defect))
            if job.attempts >= TRIES:
                self._fail(job, PlatformError("API-9001"))
            else:
                self._put_back(job, BACKOFF_MS << job.attempts)
        else:
            if step is not WAIT:
                self._progress = step
            elif self._workshop.clock.now_ms() - self._held_ms < LEASE_MS // 2:
                return False
            self._hold(job)
            if job.kind in self._patient:
                self._give_way(job)
        return True

    def _hold(self, job: Job) -> None:
        """Keep the progress, and the job for another lease."""
        now_ms = self._workshop.clock.now_ms()
        self._held_ms = now_ms
        with self._engine.transaction() as transaction:
            jobs.hold(transaction, job.id, self._progress, now_ms=now_ms, until=now_ms + LEASE_MS)

    def _claimed(self) -> bool:
        now_ms = self._workshop.clock.now_ms()
        job = jobs.claim(
            self._engine, now_ms=now_ms, lease_ms=now_ms + LEASE_MS, last=self._patient
        )
        if job is None:
            return False
        self._job = job
        self._held_ms = now_ms
        self._progress = job.progress
        self._steps = self._begun(job)
        return True

    def _begun(self, job: Job) -> Iterator[JSON]:
        """The steps of a job. What its kind raises before the first of them is raised by that."""
        yield from self._kinds[job.kind](job, self._workshop)

    def _give_way(self, job: Job) -> None:
        """Let the other jobs that are due go first."""
        now_ms = self._workshop.clock.now_ms()
        if jobs.is_due(self._engine, now_ms=now_ms, besides=self._patient):
            with self._engine.transaction() as transaction:
                jobs.give_way(transaction, job.id, now_ms)
            self._job = None

    def _fail(self, job: Job, error: PlatformError) -> None:
        kept = self._progress if isinstance(self._progress, dict) else {}
        self._progress = {**kept, "error": {"code": error.code, "detail": error.detail}}
        self._end(job, State.FAILED)

    def _end(self, job: Job, state: State) -> None:
        with self._engine.transaction() as transaction:
            jobs.end(transaction, job.id, state, self._progress, self._workshop.clock.now_ms())
        self._job = None

    def _put_back(self, job: Job, wait_ms: int) -> None:
        now_ms = self._workshop.clock.now_ms()
        with self._engine.transaction() as transaction:
            jobs.put_back(transaction, job.id, due_ms=now_ms + wait_ms, now_ms=now_ms)
        self._job = None
