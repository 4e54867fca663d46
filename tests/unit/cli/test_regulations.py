"""regulation: what the commands print, order and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onefold.effects import SystemClock
from onefold.testing.app import App
from tests.unit.cli.running import run

ACCOUNT = ("--client", "acme", "--account", "acme")


def asked(capsys: pytest.CaptureFixture[str], data: Path, command: str, *more: object) -> Any:
    capsys.readouterr()
    assert run("regulation", command, "--data", data, *ACCOUNT, *more) == 0
    return json.loads(capsys.readouterr().out)


def test_an_order_of_the_command_line_is_carried_out_by_the_server(
    app: App, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = app.account()
    app.calls(key, ("identify", {"userId": "u-1"}), ("identify", {"userId": "ü 2"}))
    users = tmp_path / "users.txt"
    users.write_text("\ufeffü 2\n\nu-3\r\nu-1\n", encoding="utf-8")
    more = ("--kind", "SUPPRESS_WITH_DELETE", "--user-id", "u-1", "--file", users)
    made = asked(capsys, data, "create", *more)
    assert (made["kind"], made["users"]) == ("SUPPRESS_WITH_DELETE", 3)
    before = asked(capsys, data, "show", made["id"])
    assert before["state"] == "processing"
    app.at(SystemClock().now_ms() + 1000)  # the command has no other clock
    app.drain()
    app.work()
    for user in ("u-1", "%C3%BC%202"):
        assert app.ask(key, f"/profiles/userId:{user}/traits").status_code == 404
    shown = asked(capsys, data, "show", made["id"])
    assert (shown["state"], shown["submittedBy"]) == ("completed", None)
    assert [one["state"] for one in shown["people"]] == ["completed"] * 3
    assert not any(user in json.dumps(shown, ensure_ascii=False) for user in ("u-1", "ü 2"))
    (listed,) = asked(capsys, data, "list")["regulations"]
    assert listed == {name: value for name, value in shown.items() if name != "people"}


def test_what_the_commands_refuse(
    app: App, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app.account()
    binary = tmp_path / "users.bin"
    binary.write_bytes(b"\xff\xfe")
    for more in (
        ("--kind", "FORGET", "--user-id", "u-1"),
        ("--kind", "ACCESS"),
        ("--kind", "ACCESS", "--user-id", " "),
        ("--kind", "ACCESS", "--user-id", "\udcff"),
        ("--kind", "ACCESS", "--file", tmp_path / "none"),
        ("--kind", "ACCESS", "--file", binary),
        ("--kind", "DELETE_ONLY", "--user-id", "u-1"),
    ):
        assert run("regulation", "create", "--data", data, *ACCOUNT, *more) == 1
        assert capsys.readouterr().err.startswith("onefold: ")
    other = ("--client", "acme", "--account", "other", "--kind", "ACCESS", "--user-id", "u-1")
    assert run("regulation", "create", "--data", data, *other) == 1
    assert run("regulation", "show", "none", "--data", data, *ACCOUNT) == 1
    assert asked(capsys, data, "list") == {"regulations": []}
