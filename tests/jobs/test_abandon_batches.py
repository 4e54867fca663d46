"""Batches that are left alone while they take files: when they end, and what goes with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onefold.control.starter import REGISTRATIONS
from onefold.inlet.uploads import Folder
from onefold.testing.app import App
from tests.contract.asking import send
from tests.contract.imports.loading import (
    BATCHES,
    CATALOG,
    EXPORT,
    act,
    lines,
    opened,
    person,
    put,
    refused,
    shown,
)
from tests.jobs.killing import Killed, jobs_of

HOUR = 3_600_000
WEEK = 168 * HOUR
ROW = lines(person(1))


def later(app: App, ms: int) -> None:
    """Let time pass, and what is due then be done."""
    app.clock.advance(ms=ms)
    app.work()


def folder(app: App, batch: str) -> Path:
    return Folder(app.places, app.sandbox.id, batch).path


def test_a_batch_that_is_left_alone_is_abandoned_with_its_files(app: App) -> None:
    batch = opened(app)
    put(app, batch, ROW)
    later(app, WEEK)
    assert shown(app, batch)["status"] == "loading"
    assert folder(app, batch).is_dir()
    later(app, 60_000)
    told = shown(app, batch)
    assert told["status"] == "abandoned"
    assert told["completed"] == told["updated"] == app.clock.now_ms()
    assert not folder(app, batch).exists()
    listed = app.get(f"{CATALOG}?status=abandoned").json()
    assert list(listed) == [batch]


def _patched(app: App, batch: str) -> Any:
    return send(app, "PATCH", f"{CATALOG}/{batch}", {"tags": {"own": ["a"]}})


def _begun(app: App, batch: str) -> Any:
    return put(app, batch, b"", "b.json", method="POST", query="?action=INITIALIZE")


def _added(app: App, batch: str) -> Any:
    assert _begun(app, batch).is_success
    app.clock.advance(ms=WEEK)
    return put(app, batch, b"{}", "b.json", method="PATCH", content_range="bytes 0-1/2")


@pytest.mark.parametrize("change", [_patched, _begun, _added, put])
def test_a_change_begins_the_time_anew(app: App, change: Callable[..., Any]) -> None:
    batch = opened(app)
    app.clock.advance(ms=WEEK)
    given = (ROW,) if change is put else ()
    answer = change(app, batch, *given)
    assert answer.is_success, answer.text
    later(app, WEEK)
    assert shown(app, batch)["status"] == "loading"
    later(app, 60_000)
    assert shown(app, batch)["status"] == "abandoned"


def test_an_abandoned_batch_takes_nothing_more(app: App) -> None:
    batch = opened(app, externalId="mine")
    later(app, WEEK + 1)
    refused(put(app, batch, ROW), 400, "BAT-1002")
    refused(_begun(app, batch), 400, "BAT-1002")
    for action in ("COMPLETE", "ABORT", "FAIL", "REVERT"):
        refused(act(app, batch, action), 400, "BAT-1002")
    refused(send(app, "DELETE", f"{BATCHES}/{batch}"), 400, "BAT-1002")
    again = {"datasetId": app.datasets[REGISTRATIONS].id, "externalId": "mine"}
    refused(send(app, "POST", BATCHES, again), 409, "CTL-1006")
    assert shown(app, batch)["status"] == "abandoned"


def test_of_an_abandoned_batch_only_the_names_of_its_files_are_left(app: App) -> None:
    batch = opened(app)
    put(app, batch, ROW)
    later(app, WEEK + 1)
    dataset = app.datasets[REGISTRATIONS].id
    preview = app.get(f"{BATCHES}/{batch}/datasets/{dataset}/preview").json()["preview"]
    assert preview == {"columns": [], "rows": []}
    names = app.get(f"{EXPORT}/{batch}/meta?path=input_files/input_files_0.json")
    assert (names.status_code, names.json()) == (200, {"path": "a.json"})


def test_other_batches_stay_as_they_are(app: App) -> None:
    done, given_up = opened(app), opened(app)
    put(app, done, ROW)
    act(app, done)
    act(app, given_up, "ABORT")
    app.work()
    later(app, 2 * WEEK)
    assert [shown(app, one)["status"] for one in (done, given_up)] == ["success", "aborted"]


@pytest.mark.parametrize("removed", [False, True])
def test_a_process_killed_between_mark_and_removal_leaves_no_files(
    app: App, monkeypatch: pytest.MonkeyPatch, removed: bool
) -> None:
    batch = opened(app)
    put(app, batch, ROW)
    app.clock.advance(ms=WEEK + 1)
    remove = Folder.remove

    def dying(self: Folder) -> None:
        if removed:
            remove(self)
        raise Killed

    monkeypatch.setattr(Folder, "remove", dying)
    with pytest.raises(Killed):
        app.work()
    assert shown(app, batch)["status"] == "abandoned"
    assert "completed" not in shown(app, batch)
    refused(put(app, batch, ROW), 400, "BAT-1002")
    monkeypatch.setattr(Folder, "remove", remove)
    jobs_of(app).drain()
    assert not folder(app, batch).exists()
    assert shown(app, batch)["completed"] == app.clock.now_ms()


def test_a_disk_that_keeps_the_files_is_asked_again(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = opened(app)
    put(app, batch, ROW)
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "remove", lambda _: None)
        later(app, WEEK + 1)
    assert "completed" not in shown(app, batch)
    later(app, 60_000)
    assert not folder(app, batch).exists()
    assert "completed" in shown(app, batch)
