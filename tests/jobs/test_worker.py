"""Jobs: claimed one by one, gone on with after a crash, tried again, ended once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onefold.errors import Conflict, Unavailable
from onefold.jobs.kinds import Kind
from onefold.jobs.worker import BACKOFF_MS, TRIES, Worker
from onefold.jobs.workshop import WAIT, Workshop
from onefold.store.engine import Engine
from onefold.store.tables import jobs
from onefold.store.tables.jobs import Job, State
from onefold.testing.app import App
from onefold.wire import JSON


class Shop:
    """A workshop of the first sandbox of an installation, with kinds of the test's own."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.workshop = Workshop(
            sandbox=app.sandbox,
            places=app.places,
            journal=None,  # type: ignore[arg-type]  # no kind here appends
            definitions=app.rooms.definitions,
            clock=app.clock,
            ids=app.rooms.ids,
            settings=app.settings,
        )
        self.engine: Engine = app.places.work(app.sandbox.id)

    def ask(self, job_id: str, argument: JSON = None, *, kind: str = "it") -> None:
        now_ms = self.app.clock.now_ms()
        with self.engine.transaction() as transaction:
            jobs.add(
                transaction,
                Job(id=job_id, kind=kind, argument=argument, created_ms=now_ms, updated_ms=now_ms),
            )

    def worker(self, kind: Kind, *, alone: bool = True, patient: bool = False) -> Worker:
        kinds = {"it": kind, "other": kind}
        return Worker(self.workshop, kinds, alone=alone, patient=["it"] if patient else [])

    def job(self, job_id: str) -> Job:
        job = jobs.get(self.engine, job_id)
        assert job is not None
        return job


@pytest.fixture
def shop(app: App) -> Shop:
    return Shop(app)


def test_a_job_goes_on_where_a_killed_worker_left_it(shop: Shop) -> None:
    begun: list[JSON] = []

    def count(job: Job, _: Workshop) -> Iterator[JSON]:
        begun.append(job.progress)
        yield from range((job.progress or 0) + 1, 4)

    shop.ask("one")
    killed = shop.worker(count)
    assert killed.step()
    assert killed.step()
    assert shop.worker(count, alone=False).step() is False  # its lease holds
    other = shop.worker(count)
    while other.step():
        pass
    assert begun == [None, 2]
    assert (shop.job("one").state, shop.job("one").progress) == (State.DONE, 3)


def test_jobs_run_one_at_a_time_in_the_order_in_which_they_were_asked_for(shop: Shop) -> None:
    ran: list[str] = []

    def note(job: Job, _: Workshop) -> Iterator[JSON]:
        ran.append(job.id)
        yield None
        ran.append(job.id)

    for job_id in ("b", "a"):
        shop.ask(job_id)
        shop.app.clock.advance(ms=1)
    worker = shop.worker(note)
    while worker.step():
        pass
    assert ran == ["b", "b", "a", "a"]


def test_a_rejected_job_fails_with_its_code_and_keeps_its_progress(shop: Shop) -> None:
    def refuse(_: Job, __: Workshop) -> Iterator[JSON]:
        yield {"rows": 7}
        raise Conflict("CTL-1006", "it exists")

    shop.ask("one")
    worker = shop.worker(refuse)
    while worker.step():
        pass
    assert shop.job("one").state is State.FAILED
    assert shop.job("one").progress == {
        "rows": 7,
        "error": {"code": "CTL-1006", "detail": "it exists"},
    }


def test_an_unavailable_store_does_not_fail_a_job(shop: Shop) -> None:
    def passing(job: Job, _: Workshop) -> Iterator[JSON]:
        if job.attempts <= TRIES + 2:
            raise Unavailable("API-9002")
        yield "done"

    shop.ask("one")
    worker = shop.worker(passing)
    for _ in range(TRIES + 2):
        assert worker.step()
        assert shop.job("one").state is State.QUEUED
        assert worker.step() is False
        shop.app.clock.advance(ms=BACKOFF_MS)
    while worker.step():
        pass
    assert (shop.job("one").state, shop.job("one").progress) == (State.DONE, "done")


def test_a_defect_is_tried_three_times_and_shown_without_its_text(shop: Shop) -> None:
    def broken(job: Job, _: Workshop) -> Iterator[JSON]:
        if job.attempts:
            raise ValueError("ada@example.org")
        yield

    shop.ask("one")
    worker = shop.worker(broken)
    for _ in range(TRIES):
        assert worker.step()
        shop.app.clock.advance(ms=BACKOFF_MS * 100)
    assert worker.step() is False
    job = shop.job("one")
    assert (job.state, job.attempts) == (State.FAILED, TRIES)
    assert "ada" not in str(job.progress)


def test_work_is_kept_when_the_files_are_opened_again(shop: Shop, tmp_path: Path) -> None:
    shop.ask("one", {"batch": "b"})
    shop.app.places.close()
    assert jobs.get(shop.app.places.work(shop.app.sandbox.id), "one") is not None


def test_a_job_that_waits_for_others_is_no_work(shop: Shop) -> None:
    """Or the process would spin until the others are done."""
    ready: list[bool] = []

    def wait(_: Job, __: Workshop) -> Iterator[JSON]:
        while not ready:
            yield WAIT
        yield "done"

    shop.ask("one")
    worker = shop.worker(wait)
    assert worker.step() is False
    assert worker.step() is False
    ready.append(True)
    assert worker.step()
    assert shop.job("one").progress == "done"


def test_a_patient_job_lets_others_go_first_after_each_step(shop: Shop) -> None:
    """It goes on from its progress, and giving way is no failed try."""
    done: list[str] = []

    def count(job: Job, _: Workshop) -> Iterator[JSON]:
        for number in range(job.progress or 0, 3):
            done.append(f"{job.id}{number}")
            yield number + 1

    shop.ask("slow")
    worker = shop.worker(count, patient=True)
    worker.step()
    shop.ask("b", kind="other")
    shop.ask("a", kind="other")
    while worker.step():
        pass
    assert done == ["slow0", "slow1", "a0", "a1", "a2", "b0", "b1", "b2", "slow2"]
    assert shop.job("slow").state is State.DONE
    assert shop.job("slow").attempts == 1


def test_a_patient_job_that_is_alone_goes_on(shop: Shop) -> None:
    begun: list[str] = []

    def count(job: Job, _: Workshop) -> Iterator[JSON]:
        begun.append(job.id)
        yield from range(3)

    shop.ask("slow")
    shop.ask("slower")
    worker = shop.worker(count, patient=True)
    while worker.step():
        pass
    assert begun == ["slow", "slower"]


def test_a_job_whose_kind_cannot_begin_now_is_tried_again_and_not_done(shop: Shop) -> None:
    """The kind raises when it is called, before its first step."""
    failing = [True]

    def careless(_: Job, __: Workshop) -> Iterator[JSON]:
        if failing:
            raise Unavailable("API-9002")
        return iter(["did it"])

    shop.ask("one")
    worker = shop.worker(careless)
    while worker.step():
        pass
    assert shop.job("one").state is not State.DONE
    failing.clear()
    shop.app.clock.advance(ms=BACKOFF_MS)
    while worker.step():
        pass
    assert (shop.job("one").state, shop.job("one").progress) == (State.DONE, "did it")
