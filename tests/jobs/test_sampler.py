"""When samples are taken. Source: profile contract, 8.1, "Trigger"."""

from __future__ import annotations

import json

import pytest

from onefold.control.starter import EVENTS
from onefold.jobs.sampler import AFTER_BATCH_MS, EVERY_MS, HOUR_MS
from onefold.testing.app import App
from tests.contract.asking import send
from tests.contract.imports import loading
from tests.contract.people import ecid, event, record

URL = "/data/core/ups/previewsamplestatus"
POLICIES = "/data/core/ups/config/mergePolicies"
MINUTE_MS = 60_000


def people(app: App, first: int, count: int) -> None:
    app.ingest(EVENTS, *(event(f"e-{n}", ("ECID", ecid(n))) for n in range(first, first + count)))


def pass_(app: App, ms: int) -> None:
    """Let time pass, with work every minute."""
    for _ in range(ms // MINUTE_MS):
        app.clock.advance(ms=MINUTE_MS)
        app.work()


def rows(app: App) -> int:
    return int(app.get(URL).json()["totalRows"])


@pytest.fixture
def hundred(app: App) -> App:
    """A hundred people, and a first sample of them."""
    app.work()
    people(app, 0, 100)
    pass_(app, 2 * EVERY_MS)
    assert rows(app) == 100
    return app


def test_nobody_is_not_counted(app: App) -> None:
    pass_(app, 3 * EVERY_MS)
    assert app.get(URL).json()["status"] == "TASK_NOT_STARTED"


def test_a_first_sample_is_taken_as_soon_as_there_is_somebody(app: App) -> None:
    pass_(app, 3 * EVERY_MS)
    people(app, 0, 1)
    pass_(app, 2 * EVERY_MS)
    assert rows(app) == 1


def test_after_an_hour_of_streaming_people_are_counted_anew(hundred: App) -> None:
    people(hundred, 100, 6)
    pass_(hundred, HOUR_MS - 5 * MINUTE_MS)
    assert rows(hundred) == 100
    pass_(hundred, 6 * MINUTE_MS)
    assert rows(hundred) == 106


def test_a_move_of_five_percent_is_too_little(hundred: App) -> None:
    people(hundred, 100, 5)
    pass_(hundred, 3 * HOUR_MS)
    assert rows(hundred) == 100
    people(hundred, 105, 1)
    pass_(hundred, HOUR_MS + MINUTE_MS)
    assert rows(hundred) == 106


def test_people_who_become_one_count_too(hundred: App) -> None:
    hundred.ingest(EVENTS, event("joined", *[("ECID", ecid(n)) for n in range(7)]))
    pass_(hundred, HOUR_MS + MINUTE_MS)
    assert rows(hundred) == 94


def test_another_default_policy_has_them_counted_anew(hundred: App) -> None:
    (policy,) = hundred.get(POLICIES).json()["children"]
    change = [{"op": "replace", "path": "/name", "value": "Renamed"}]
    before = hundred.get(URL).json()["lastSampledTimestamp"]
    assert send(hundred, "PATCH", f"{POLICIES}/{policy['id']}", change).status_code == 200
    pass_(hundred, HOUR_MS + MINUTE_MS)
    assert hundred.get(URL).json()["lastSampledTimestamp"] > before


def test_without_a_default_policy_nothing_is_asked_for(hundred: App) -> None:
    (policy,) = hundred.get(POLICIES).json()["children"]
    change = [{"op": "replace", "path": "/default", "value": False}]
    assert send(hundred, "PATCH", f"{POLICIES}/{policy['id']}", change).status_code == 200
    people(hundred, 100, 50)
    pass_(hundred, 2 * HOUR_MS)
    assert rows(hundred) == 100
    assert hundred.get(URL).json()["status"] == "TASK_FINISHED"


def test_within_a_quarter_of_an_hour_after_a_batch_they_are_counted_anew(hundred: App) -> None:
    assert AFTER_BATCH_MS < 10 * MINUTE_MS
    lines = [
        record(("ECID", ecid(n)), person={"name": {"firstName": "P"}}) for n in range(200, 210)
    ]
    batch = loading.opened(hundred)
    assert loading.put(hundred, batch, json.dumps(lines).encode()).status_code == 200
    assert loading.act(hundred, batch).status_code == 200
    pass_(hundred, 15 * MINUTE_MS)
    assert loading.shown(hundred, batch)["status"] == "success"
    assert rows(hundred) == 110


def test_after_a_restart_the_hour_counts_from_the_last_sample(hundred: App) -> None:
    people(hundred, 100, 10)
    again = App(hundred.settings.data, now_ms=hundred.clock.now_ms())
    try:
        again.work()
        pass_(again, HOUR_MS - 5 * MINUTE_MS)
        assert rows(again) == 100
        pass_(again, 6 * MINUTE_MS)
        assert rows(again) == 110
    finally:
        again.close()
