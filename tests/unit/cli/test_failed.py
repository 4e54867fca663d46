"""`onefold failed`: what it prints and refuses, beside a store that others use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onefold.cli import inbox
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.testing.app import App, install
from tests.contract.onefold.mending import mend, unfit, unfit_event
from tests.contract.people import ecid, record
from tests.unit.cli.running import run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("failed")
    install(data)
    return data


@pytest.fixture
def app(made: Path, tmp_path: Path) -> Iterator[App]:
    """1: failed in registrations; 2: applied; 3: failed in events."""
    app = App(Path(shutil.copytree(made, tmp_path / "data")))
    app.ingest(REGISTRATIONS, unfit(app), record(("ECID", ecid(1))))
    app.ingest(EVENTS, unfit_event(app, "e-1"))
    yield app
    app.close()


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def _failed(app: App, *arguments: object) -> int:
    return run("failed", *arguments, "--data", app.settings.data)


def test_list_shows_a_line_a_record(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert _failed(app, "list") == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split()[0] == "number"
    assert [line.split()[0] for line in lines] == ["3", "1"]
    assert EVENTS in lines[0]
    assert "REC-1001" in lines[1]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [3, 1]),
        (("--limit", 1), [3]),
        (("--dataset", EVENTS), [3]),
        (("--code", "REC-1002"), []),
        (("--code", "REC-1002", "--code", "REC-1001"), [3, 1]),
        (("--state", "replayed"), []),
        (("--state", "all"), [3, 1]),
        (("--failed-before", "2026-01-01T00:00:00Z"), []),
        (("--failed-after", "2026-01-01T00:00:00Z"), [3, 1]),
        (("--inlet", "other"), []),
        (("--batch", "other"), []),
    ],
)
def test_list_filters_as_the_api_does(
    app: App, capsys: pytest.CaptureFixture[str], options: tuple[object, ...], numbers: list[int]
) -> None:
    assert _failed(app, "list", "--json", *options) == 0
    assert [one["number"] for one in _json(capsys)] == numbers


def test_list_goes_on_over_pages(
    app: App, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "_PAGE", 1)
    assert _failed(app, "list", "--json", "--limit", 5) == 0
    assert [one["number"] for one in _json(capsys)] == [3, 1]


def test_what_a_sender_wrote_does_not_steer_the_terminal(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    app.ingest(REGISTRATIONS, record(("ECID", ecid(1)), person={"gender": "\x1b[2J[bold]"}))
    assert _failed(app, "list") == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "[bold]" in printed


def test_show_prints_the_message(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert _failed(app, "show", 1) == 0
    shown = _json(capsys)
    assert shown["message"]["body"]["xdmEntity"][app.tenant] == {"shoeSize": "41"}
    assert shown["datasetName"] == REGISTRATIONS


def test_summary_counts(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert _failed(app, "summary", "--json") == 0
    assert _json(capsys)["total"] == {"open": 2, "replayed": 0, "resolved": 0}
    assert _failed(app, "summary") == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_replay_of_all_goes_through_every_page(
    app: App, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mend(app, REGISTRATIONS)
    mend(app, EVENTS)
    monkeypatch.setattr(inbox, "REPLAYS_MAX", 1)
    assert _failed(app, "replay", "--all") == 0
    assert capsys.readouterr().out == "2 accepted again\n"
    app.drain()
    assert _failed(app, "list", "--state", "replayed", "--json") == 0
    assert [one["replay"]["outcome"] for one in _json(capsys)] == ["applied", "applied"]
    assert app.faults() == []


def test_replay_takes_filters_or_numbers(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    assert _failed(app, "replay", "--dataset", EVENTS, "--json") == 0
    assert [one["number"] for one in _json(capsys)["replayed"]] == [3]
    app.drain()
    assert _failed(app, "replay", 1, 3, 99, "--json") == 1
    told = _json(capsys)
    assert [one["number"] for one in told["replayed"]] == [1]
    assert [one["code"] for one in told["refused"]] == ["FLR-1002", "FLR-1001"]


def test_replay_of_a_number_that_is_none_says_so(
    app: App, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _failed(app, "replay", 2) == 1
    printed = capsys.readouterr()
    assert printed.out == "0 accepted again\n"
    assert "No failed record has the number 2" in printed.err


@pytest.mark.parametrize(
    "options", [(), ("--all", 1), ("--all", "--code", "REC-1001"), (1, "--code", "REC-1001")]
)
def test_replay_wants_to_know_which(app: App, options: tuple[object, ...]) -> None:
    assert _failed(app, "replay", *options) == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("list", "--state", "lost"), "--state"),
        (("list", "--failed-after", "yesterday"), "--failed-after"),
        (("list", "--sandbox", "nowhere"), "nowhere"),
        (("show", 2), "number 2"),
    ],
)
def test_wrong_options_end_in_one_line(
    app: App, capsys: pytest.CaptureFixture[str], options: tuple[object, ...], reason: str
) -> None:
    assert _failed(app, *options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("onefold: ")
    assert reason in line
