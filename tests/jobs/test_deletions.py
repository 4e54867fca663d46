"""Jobs that delete: stopped anywhere and gone on with by another worker, they end in the same
receipt; what they find again they remove again; what they cannot remove they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain import removal
from onefold.domain.deletion import State
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.xid import encode
from onefold.domain.removal import Leaving, Removal
from onefold.errors import Unavailable
from onefold.inlet.accept import Inlets
from onefold.inlet.deletions import DELETE_DATA, DELETE_PEOPLE, GRACE_MS
from onefold.jobs import delete_people as module
from onefold.jobs.kinds import KINDS
from onefold.jobs.sweep import ROUNDS, Place, Sweep
from onefold.jobs.worker import Worker
from onefold.jobs.workshop import WAIT
from onefold.journal import Accepted, Journal
from onefold.store.tables import deletions, events, jobs
from onefold.testing.app import App
from onefold.testing.clock import START_MS, SimClock
from tests.contract.people import ecid, event, identity_map, record
from tests.contract.profile.test_delete_entity import delete, job, places, status
from tests.contract.profile.test_system_jobs import order

ADA, ONE = ("Email", "ada@example.com"), ("ECID", ecid(1))
BO = ("Email", "bo@example.com")


def _people(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA, ONE, person={"name": {"firstName": "Ada"}}))
    app.ingest(EVENTS, event("e-1", ADA), event("e-2", ONE, ADA), event("e-3", BO))
    app.ingest(REGISTRATIONS, record(BO, person={}))
    app.collect(app.message(EVENTS, {"x": 1, "identityMap": identity_map(ADA)}))
    app.drain()


def _stopped_after_each_step(app: App) -> int:
    """Do all jobs, each step by a worker of its own; answer how many steps there were."""
    ((workshop, _, _),) = app._jobs._all()
    work = app.places.work(app.sandbox.id)
    steps = 0
    while any(
        one.state in (jobs.State.QUEUED, jobs.State.RUNNING)
        for kind in (DELETE_DATA, DELETE_PEOPLE)
        for one in jobs.listed(work, kind)
    ):
        Worker(workshop, KINDS, alone=True).step()
        app.drain()
        steps += 1
        assert steps < 100
    return steps


def _ask(app: App, kind: str) -> str:
    if kind == "person":
        answer: str = delete(app, *ADA).headers["x-onefold-job"]
        return answer
    made: str = order(app, dataSetId=app.datasets[kind].id)["id"]
    return made


@pytest.mark.parametrize("kind", ["person", EVENTS, REGISTRATIONS])
def test_a_job_that_is_stopped_after_each_step_ends_in_the_same_receipt(
    app: App, kind: str, fresh: Callable[[], Path]
) -> None:
    other = App(fresh())
    try:
        receipts = []
        for one in (app, other):
            _people(one)
            asked = _ask(one, kind)
            if one is app:
                assert _stopped_after_each_step(one) > 10
            else:
                one.work()
            found = job(one, asked)
            assert found["status"] == "COMPLETED"
            receipt = found["receipt"]
            assert all(one["leftOver"] == 0 for one in receipt["places"])
            assert one.faults() == []
            receipts.append(
                {name: receipt[name] for name in receipt.keys() - {"id", "digest", "suppressions"}}
            )
        assert receipts[0] == receipts[1]
    finally:
        other.close()


def test_a_search_that_finds_something_again_removes_it_again(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still there after the order was applied: an event that the order has missed."""
    _people(app)
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    asked = delete(app, *ADA).headers["x-onefold-job"]
    store = app.places.profile(app.sandbox.id)
    kept = events.numbered(store, first=0, last=10**9, limit=10)
    app.drain()
    with store.transaction() as transaction:
        owner, event_id, number = kept[0]
        transaction.write(
            "INSERT INTO events (xid, event_id, timestamp_ms, dataset, seq, ingested_ms, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (owner, event_id, START_MS, app.datasets[EVENTS].id, number, START_MS, b"{}"),
        )
    app.work()
    receipt = job(app, asked)["receipt"]
    assert receipt["rounds"] == 2
    assert places(receipt)["events"] == (3, 3, 0)
    assert receipt["position"] == journal.end().position
    assert events.below(store, owner, 10**9) == []


def test_an_order_with_a_number_leaves_what_came_later(app: App) -> None:
    _people(app)
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    store = app.places.profile(app.sandbox.id)
    number = journal.end().records + 1
    app.at(START_MS + 1000)
    app.ingest(EVENTS, event("later", ADA, at_ms=START_MS + 1000))
    (owner, *_), *_ = [
        row for row in events.numbered(store, first=0, last=10**9, limit=9) if row[1] == "later"
    ]
    message = removal.encode(Removal(people=[Leaving(owner, number, "request")]))
    journal.append([Accepted("job", START_MS, "", "", message, removal=True)])
    app.drain()
    assert [row[1] for row in events.below(store, owner, 10**9)] == ["later"]
    assert status(app, *ADA) == 200
    assert app.faults() == []


def test_a_deletion_whose_order_could_not_be_appended_was_not_asked_for(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    _people(app)

    def refused(*_: Any, **__: Any) -> tuple[int, int]:
        raise Unavailable("INL-1017", retry_after_seconds=5)

    monkeypatch.setattr(Inlets, "order", refused)
    answer = delete(app, *ADA)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.undo()
    app.at(START_MS + 2 * GRACE_MS)
    app.work()
    assert status(app, *ADA) == 200
    assert deletions.count(app.places.work(app.sandbox.id)) == 0


def test_a_deletion_whose_order_may_stand_is_done_by_the_job(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal could not say whether it has taken the order."""
    _people(app)
    real = Inlets.order

    def taken(*given: Any, **named: Any) -> tuple[int, int]:
        real(*given, **named)
        raise Unavailable("API-9002")

    monkeypatch.setattr(Inlets, "order", taken)
    assert delete(app, *ADA).status_code == 503
    monkeypatch.undo()
    app.at(START_MS + 2 * GRACE_MS)
    app.work()
    assert status(app, *ADA) == 404
    (found,) = app.get("/data/core/ups/system/jobs").json()["children"]
    assert found["status"] == "COMPLETED"
    assert _named_in_orders(app) == set()


def test_orders_that_name_a_deleted_person_name_nobody_afterwards(app: App) -> None:
    _people(app)
    ada, one, bo = [encode(namespace, name[1]) for namespace, name in ((6, ADA), (4, ONE), (6, BO))]
    rows = [(one, app.datasets[EVENTS].id, "e-2", 3), (bo, app.datasets[EVENTS].id, "e-3", 4)]
    for what in (Removal(records=rows), Removal(cuts=[(ada, one)]), Removal(mends=[(ada, bo)])):
        app.rooms.inlets.order(app.sandbox.id, what, trace="undo")
    app.drain()
    delete(app, *ADA)
    delete(app, *ONE)
    app.work()
    assert _named_in_orders(app) == {bo}


def _named_in_orders(app: App) -> set[Xid]:
    """Whom the orders in the journal name."""
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    found: set[Xid] = set()
    for chunk in journal.read(0, records_max=1000):
        for accepted in chunk.records:
            if accepted.removal:
                what = removal.decode(accepted.message)
                found.update(*what.cuts, *what.mends)
                found.update(row[0] for row in what.records)
                found.update(leaving.xid for leaving in what.people)
    return found


def _asked_in_vain(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for Ada's deletion; the process dies before the order, and before the answer."""

    class Died(BaseException):
        pass

    def died(*_: Any, **__: Any) -> tuple[int, int]:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(Inlets, "order", died)
        with pytest.raises(Died):
            delete(app, *ADA)


def test_a_deletion_whose_process_died_before_it_was_answered_is_done_by_the_job(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request stands, and whether its first part was ordered is not known."""
    _people(app)
    _asked_in_vain(app, monkeypatch)
    app.work()
    assert status(app, *ADA) == 200
    app.at(START_MS + GRACE_MS)
    app.work()
    assert status(app, *ADA) == 404
    (found,) = app.get("/data/core/ups/system/jobs").json()["children"]
    assert found["status"] == "COMPLETED"


def test_a_deletion_that_waits_for_its_grace_is_not_forgotten_by_a_job_that_others_called_earlier(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    _people(app)
    _asked_in_vain(app, monkeypatch)
    assert delete(app, *BO).status_code == 202
    app.work()
    assert status(app, *BO) == 404
    assert status(app, *ADA) == 200
    app.at(START_MS + GRACE_MS)
    app.work()
    assert status(app, *ADA) == 404


def test_an_order_that_is_given_again_names_nobody_when_the_person_was_asked_for_twice(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    _people(app)
    _asked_in_vain(app, monkeypatch)
    app.at(START_MS + GRACE_MS)
    assert delete(app, *ADA).status_code == 202
    app.work()
    assert status(app, *ADA) == 404
    assert _named_in_orders(app) == set()


def test_who_asks_while_a_job_waits_to_go_on_is_deleted_too(app: App) -> None:
    _people(app)
    assert delete(app, *ADA).status_code == 202
    app.drain()
    work = app.places.work(app.sandbox.id)
    ((workshop, _, _),) = app._jobs._all()
    Worker(workshop, KINDS, alone=True).step()
    (begun,) = jobs.listed(work, DELETE_PEOPLE)
    with work.transaction() as transaction:
        jobs.give_way(transaction, begun.id, app.clock.now_ms())
    assert delete(app, *BO).status_code == 202
    app.work()
    found = deletions.listed(work, order="created", descending=False, offset=0, limit=9)
    assert [one.state for one in found] == [State.COMPLETED] * 2


def test_more_people_than_one_job_takes_are_deleted_by_the_next(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PEOPLE_MAX", 2)
    names = [("Email", f"p{number}@example.com") for number in range(5)]
    app.ingest(REGISTRATIONS, *[record(one, person={}) for one in names])
    for one in names:
        assert delete(app, *one).status_code == 202
    app.work()
    work = app.places.work(app.sandbox.id)
    found = deletions.listed(work, order="created", descending=False, offset=0, limit=9)
    assert [one.state for one in found] == [State.COMPLETED] * 5
    assert len({one.job for one in found}) == 3
    assert all(one.person.whom == [] for one in found)


def test_a_deletion_whose_job_failed_is_told_as_an_error(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    _people(app)

    def broken(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(module._Places, "_search_failed", broken)
    asked = delete(app, *ADA).headers["x-onefold-job"]
    for minute in range(5):
        app.at(START_MS + minute * 60_000)
        app.work()
    assert job(app, asked)["status"] == "ERROR"
    work = app.places.work(app.sandbox.id)
    assert {one.state for one in jobs.listed(work, "delete_people")} == {jobs.State.FAILED}


def test_what_is_found_after_the_last_round_is_left_over() -> None:
    found: list[int] = []

    def search() -> Any:
        found.append(sweep.round)
        sweep.found("one", "place", 2)
        yield WAIT

    sweep = Sweep(SimClock(START_MS), None)
    all_places = [Place({"place": "how"}, search, lambda: iter(()))]
    list(sweep.steps(all_places))
    assert found == list(range(1, ROUNDS + 2))
    (told,) = sweep.told("one", all_places)
    assert (told["found"], told["removed"], told["leftOver"]) == (8, 6, 2)
    assert (sweep.left_over("one"), sweep.removed("one")) == (2, 6)
