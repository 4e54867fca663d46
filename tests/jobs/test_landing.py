"""Landing: when records come into the lake, which do, and that each does once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from onefold.jobs import land_dataset
from onefold.jobs.land_dataset import WAIT_MS, landed
from onefold.jobs.workshop import WAIT
from onefold.lake.duck import Duck
from onefold.lake.lake import Lake
from onefold.store.tables import batches, outcomes
from onefold.store.tables.batches import Batch, Wanted
from onefold.testing.app import App
from onefold.testing.faults import Crash, unavailable

ECID = "1" * 38
EVENTS = "Customer events"
CALLS_MAX = 100


def event(number: int) -> dict[str, Any]:
    return {
        "_id": f"event-{number}",
        "timestamp": "2025-12-31T10:00:00Z",
        "identityMap": {"ECID": [{"id": ECID, "primary": True}]},
    }


def lake_of(app: App) -> Lake:
    return app.rooms.lakes.of(app.sandbox.id)


def ids(app: App, dataset: str = EVENTS) -> list[str]:
    """The events of a dataset in the lake, the first one first."""
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    found = snapshot.datasets[app.datasets[dataset].id]
    root = snapshot.schemas[found.schema_id].root
    rows = lake_of(app).rows(found.id, root, limit=100_000)
    return [row.get("_id", "") for row in rows[::-1]]


def streamed(app: App) -> list[Batch]:
    work = app.places.work(app.sandbox.id)
    return [b for b in batches.listed(work, Wanted(), limit=100) if b.origin == "streaming"]


def test_records_are_landed_within_a_minute(app: App) -> None:
    app.ingest(EVENTS, event(1))
    app.clock.advance(ms=WAIT_MS - 1)
    app.ingest(EVENTS, event(2))
    app.work()
    assert not lake_of(app).exists
    app.clock.advance(ms=1)
    app.work()
    assert ids(app) == ["event-1", "event-2"]
    assert WAIT_MS < 60_000


def test_many_records_are_landed_at_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(land_dataset, "RECORDS_DUE", 3)
    app.ingest(EVENTS, event(1), event(2))
    app.work()
    assert not lake_of(app).exists
    app.ingest(EVENTS, event(3))
    app.work()
    assert len(ids(app)) == 3


def test_a_large_backlog_is_landed_in_portions(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(land_dataset, "RECORDS_MAX", 2)
    for number in range(5):
        app.ingest(EVENTS, event(number))
    app.land()
    assert ids(app) == [f"event-{n}" for n in range(5)]
    assert len(streamed(app)) == 3
    assert app.faults() == []


def test_nothing_is_landed_before_the_pipeline_has_passed_it(app: App) -> None:
    assert app.collect(app.message(EVENTS, event(1))).status_code == 200
    app.clock.advance(ms=WAIT_MS)
    app.land()
    assert not lake_of(app).exists
    steps = landed(app._jobs._all()[0][0])
    assert next(steps) is WAIT
    app.drain()
    assert list(steps) == []
    assert ids(app) == ["event-1"]


def test_failed_and_known_records_are_left_out(app: App) -> None:
    app.ingest(EVENTS, event(1), {**event(2), "identityMap": {"No": [{"id": "x"}]}}, event(1))
    app.ingest(EVENTS, event(1), event(3))
    store = app.places.profile(app.sandbox.id)
    assert outcomes.left_out(store, first=1, last=100) == {3, 4}
    assert app.faults() == []
    app.land()
    assert ids(app) == ["event-1", "event-3"]
    assert outcomes.left_out(store, first=1, last=100) == set()
    assert app.faults() == []


def test_a_landing_of_nothing_moves_on(app: App) -> None:
    app.ingest(EVENTS, {**event(2), "identityMap": {"No": [{"id": "x"}]}})
    app.land()
    assert lake_of(app).progress().records == 1
    assert streamed(app) == []


def test_streamed_partial_records_are_left_out(app: App) -> None:
    """They would be rows that say half."""
    record = {"identityMap": {"Email": [{"id": "ada@example.com", "primary": True}]}}
    app.ingest("Customer registrations", record)
    message = app.message("Customer registrations", record, operations={"data": "merge"})
    assert app.collect(message).status_code == 200
    app.drain()
    app.land()
    assert len(ids(app, "Customer registrations")) == 1
    assert app.faults() == []


def test_streamed_records_are_a_batch_of_each_landing_and_dataset(app: App) -> None:
    app.ingest(EVENTS, event(1), event(2))
    app.ingest(
        "Customer registrations",
        {"identityMap": {"Email": [{"id": "ada@example.com", "primary": True}]}},
    )
    app.land()
    found = {batch.dataset: batch for batch in streamed(app)}
    assert len(found) == 2
    mine = found[app.datasets[EVENTS].id]
    assert mine.status.value == "success"
    assert mine.details.metrics["outputRecordCount"] == 2
    shown = app.get(f"/data/foundation/catalog/batches/{mine.id}").json()
    assert shown[mine.id]["status"] == "success"


def test_columns_of_the_lake_say_where_a_row_comes_from(app: App) -> None:
    answer = app.collect(app.message(EVENTS, event(1)))
    app.drain()
    app.land()
    table = lake_of(app).tables()[app.datasets[EVENTS].id]
    assert table == "customer_events"
    rows = lake_of(app).run(
        "SELECT _seq, _trace, _batch_id, epoch_ms(_received_at), _record"
        " FROM lake.main.customer_events"
    )
    trace = answer.json()["xactionId"]
    assert rows == [(1, trace, streamed(app)[0].id, app.clock.now_ms(), None)]


def test_sandboxes_have_lakes_of_their_own(app: App) -> None:
    other = app.post(
        "/data/foundation/sandbox-management/sandboxes",
        {"name": "other", "title": "Other", "type": "development"},
    )
    assert other.status_code == 202, other.text
    app.ingest(EVENTS, event(1))
    app.land()
    known = app.rooms.definitions.sandboxes()
    assert len(known) == 2
    written = [sandbox.id for sandbox in known if app.rooms.lakes.of(sandbox.id).exists]
    assert written == [app.sandbox.id]


@pytest.fixture
def fed(data: Path) -> Path:
    """An installation with records of two datasets that are applied and not landed."""
    app = App(data)
    app.ingest(EVENTS, event(1), event(2), {**event(3), "identityMap": {"No": [{"id": "x"}]}})
    app.ingest(
        "Customer registrations",
        {"identityMap": {"Email": [{"id": "ada@example.com", "primary": True}]}},
    )
    app.ingest(EVENTS, event(1), event(4))
    app.close()
    return data


@pytest.mark.parametrize(
    ("error", "stride"),
    [
        pytest.param(Crash, 4, id="crash"),
        pytest.param(unavailable, 6, id="unavailable"),
        pytest.param(Crash, 1, id="crash anywhere", marks=pytest.mark.long),
        pytest.param(unavailable, 1, id="unavailable anywhere", marks=pytest.mark.long),
    ],
)
def test_each_record_is_landed_once_whichever_statement_fails(
    fed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any, stride: int
) -> None:
    """A statement is a call of DuckDB. Each is met by a long run; some, by every run."""
    for number in range(0, CALLS_MAX, stride):
        data = tmp_path / f"{error.__name__}-{number}"
        shutil.copytree(fed, data)
        if landed_once(data, monkeypatch, error, number):
            shutil.rmtree(data)
            continue
        assert number > 15
        return
    pytest.fail(f"a landing has more than {CALLS_MAX} statements")


def landed_once(data: Path, monkeypatch: pytest.MonkeyPatch, error: Any, number: int) -> bool:
    """Land with a failure at the statement of this number, and again; answer whether it failed."""
    app = App(data)
    left = [number]
    run = Duck.run

    def failing(duck: Duck, template: str, *given: Any, **named: Any) -> Any:
        if template != "ROLLBACK":
            if not left[0]:
                left[0] -= 1
                raise error()
            left[0] -= 1
        return run(duck, template, *given, **named)

    met = False
    with monkeypatch.context() as patched:
        patched.setattr(Duck, "run", failing)
        try:
            app.land()
        except (Crash, type(unavailable())):
            met = True
    if error is Crash:
        app.close()
        app = App(data)
    app.land()
    assert ids(app) == ["event-1", "event-2", "event-4"]
    assert len(ids(app, "Customer registrations")) == 1
    assert sorted(b.details.metrics["outputRecordCount"] for b in streamed(app)) == [1, 3]
    assert {one.batch for one in lake_of(app).landed()} == {b.id for b in streamed(app)}
    assert app.faults() == []
    files = list((lake_of(app).directory / "data").rglob("*.parquet"))
    assert len(files) == 2
    app.close()
    return met


@pytest.mark.parametrize("name", ["insert", "forget_left_out"])
def test_what_follows_a_landing_is_made_up_for(
    fed: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise Crash

    app = App(fed)
    with monkeypatch.context() as patched:
        patched.setattr(batches if name == "insert" else outcomes, name, crash)
        with pytest.raises(Crash):
            app.land()
    app.close()
    app = App(fed)
    app.work()
    assert len(streamed(app)) == 2
    app.ingest(EVENTS, event(5), event(5))
    app.land()
    store = app.places.profile(app.sandbox.id)
    assert outcomes.left_out(store, first=1, last=100) == set()
    assert app.faults() == []
    app.close()


def test_a_lake_that_cannot_take_records_does_not_stop_the_jobs(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError(json.dumps(event(1)))

    app.ingest(EVENTS, event(1))
    app.clock.advance(ms=WAIT_MS)
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "land", broken)
        app.work()
    app.work()
    assert not lake_of(app).exists
    app.clock.advance(ms=land_dataset.BACKOFF_MS)
    app.work()
    assert ids(app) == ["event-1"]
