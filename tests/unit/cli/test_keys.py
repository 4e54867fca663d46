"""key and account: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.running import printed, run


def create(data: Path, *more: object) -> int:
    return run("key", "create", "--data", data, "--client", "acme", "--account", "shop", *more)


def test_a_key_is_printed_as_one_json_object(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("key", "create", "--data", installed, "--client", "ACME", "--account", "Shop") == 0
    out = capsys.readouterr().out
    made = json.loads(out)
    assert made["auth_token"].startswith(made["key_id"])
    assert made["write_key"].startswith(made["key_id"])
    said = ("client", "account", "brand", "every_brand", "reads", "writes", "sandbox")
    assert [made[word] for word in said] == ["acme", "shop", "SHOP", True, True, True, "shop"]
    assert made["org_id"].endswith("@AdobeOrg")


def test_a_key_reads_and_writes_unless_one_is_named(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options, acts in (
        (("--read",), (True, False)),
        (("--write",), (False, True)),
        (("--read", "--write"), (True, True)),
    ):
        assert create(installed, *options) == 0
        made = printed(capsys)
        assert (made["reads"], made["writes"]) == acts
        assert (made["write_key"] is not None) is acts[1]


def test_brand_limits_and_end_are_as_said(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--name", "Reports", "--rate", "5", "--burst", "9")
    assert create(installed, "--brand", "kids", "--expires", "2999-01-31", *more) == 0
    made = printed(capsys)
    assert (made["brand"], made["every_brand"]) == ("KIDS", False)
    assert made["expires"] == "2999-01-31T00:00:00Z"
    assert (made["name"], made["rate"], made["burst"]) == ("Reports", 5, 9)


def test_a_key_of_every_account_has_no_write_key(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(installed) == 0
    capsys.readouterr()
    assert run("key", "create", "--data", installed, "--client", "acme", "--account", "*") == 0
    made = printed(capsys)
    assert (made["write_key"], made["sandbox"]) == (None, None)
    assert (made["account"], made["brand"]) == ("*", "*")


def test_a_list_shows_every_key_and_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    assert run("init", "--data", data) == 0
    capsys.readouterr()
    assert run("key", "list", "--data", data) == 0
    assert printed(capsys) == {"keys": []}
    made = []
    for _ in range(2):
        assert create(data) == 0
        made.append(printed(capsys))
    assert run("key", "revoke", made[0]["key_id"], "--data", data) == 0
    assert printed(capsys) == {"key_id": made[0]["key_id"], "state": "revoked"}
    assert run("key", "list", "--data", data, "--json") == 0
    out = capsys.readouterr().out
    states = {key["key_id"]: key["state"] for key in json.loads(out)["keys"]}
    assert states == {made[0]["key_id"]: "revoked", made[1]["key_id"]: "live"}
    for key in made:
        for secret in ("auth_token", "write_key"):
            assert key[secret].partition("-")[2] not in out


def test_a_list_is_a_table_on_a_terminal(
    installed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert create(installed) == 0
    made = printed(capsys)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run("key", "list", "--data", installed) == 0
    out = capsys.readouterr().out
    assert made["key_id"] in out
    assert "live" in out
    assert not out.startswith("{")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--brand", "a b"), "The name of a brand has letters, digits and hyphens"),
        (("--expires", "soon"), "A key expires at a date like 2030-01-31"),
        (("--expires", "2030-02-31"), "A key expires at a date like 2030-01-31"),
        (("--expires", "2001-01-31"), "A key expires in the future"),
        (("--name", "x" * 65), "A key's name has at most 64 characters"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    installed: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    fault: str,
) -> None:
    assert create(installed, *arguments) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert fault in written.err
    assert written.err.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ("key", "list"),
        ("key", "revoke", "0"),
        ("key", "create", "--client", "a", "--account", "b"),
        ("account", "show", "--client", "a", "--account", "b"),
        ("account", "set", "--client", "a", "--account", "b", "--strict"),
    ],
)
def test_a_directory_without_an_installation_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert run(*command, "--data", tmp_path / "none") == 1
    assert "holds no installation" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_names_of_nothing_are_refused(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, fault in (
        (("key", "revoke", "nobody"), "No key has the id nobody"),
        (("account", "show", "--client", "acme", "--account", "none"), "acme has no account none"),
        (("account", "show", "--client", "none", "--account", "none"), "No client has the name"),
    ):
        assert create(installed) == 0
        assert run(*command, "--data", installed) == 1
        assert fault in capsys.readouterr().err


def test_an_account_is_shown_and_said_anew(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(installed) == 0
    where = ("--data", installed, "--client", "Acme", "--account", "SHOP")
    plan = tmp_path / "plan.json"
    plan.write_text('{"events":["Order Completed"],"traits":["plan"]}')
    assert run("account", "set", *where, "--protect", "vip", "--protect", "credit") == 0
    assert run("account", "set", *where, "--strict", "--plan", plan) == 0
    capsys.readouterr()
    assert run("account", "show", *where) == 0
    shown = printed(capsys)
    assert (shown["client"], shown["account"], shown["brand"]) == ("acme", "shop", "SHOP")
    assert set(shown["datasets"]) == {"calls", "traits", "groups"}
    assert (shown["protected"], shown["strict"]) == (["credit", "vip"], True)
    assert shown["plan"] == {"events": ["order_completed"], "traits": ["plan"]}
    assert shown["merges_users"] is False
    assert run("account", "set", *where, "--protect-nothing", "--open", "--merge-users") == 0
    shown = printed(capsys)
    assert (shown["protected"], shown["strict"], shown["merges_users"]) == ([], False, True)
    assert run("account", "set", *where, "--keep-users") == 0
    assert printed(capsys)["merges_users"] is False
    assert shown["plan"]["traits"] == ["plan"]


@pytest.mark.parametrize("content", ["", "[]", '{"events":"a"}', '{"event":[]}', "\udcff"])
def test_a_file_that_is_no_plan_is_refused(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    assert create(installed) == 0
    capsys.readouterr()
    plan = tmp_path / "plan.json"
    plan.write_bytes(content.encode(errors="surrogateescape"))
    where = ("--data", installed, "--client", "acme", "--account", "shop")
    assert run("account", "set", *where, "--plan", plan) == 1
    assert "is not a plan like" in capsys.readouterr().err
    assert run("account", "set", *where, "--plan", tmp_path / "none") == 1
    assert run("account", "set", *where, "--protect", "a", "--protect-nothing") == 2


def test_computed_traits_are_said_and_shown(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(installed) == 0
    where = ("--data", installed, "--client", "acme", "--account", "shop")
    file = tmp_path / "computed.json"
    said: list[dict[str, Any]] = [
        {"name": "orders", "kind": "event_counter", "events": ["Order Completed"]},
        {
            "name": "spent",
            "kind": "sum",
            "events": ["Order Completed"],
            "property": "total",
            "conditions": [{"property": "total", "operator": "greater", "value": 1}],
        },
    ]
    file.write_text(json.dumps(said))
    capsys.readouterr()
    assert run("account", "set", *where, "--computed", file) == 0
    shown = printed(capsys)["computed"]
    assert shown == [one | {"events": ["order_completed"]} for one in said]
    file.write_text(json.dumps(shown))
    assert run("account", "set", *where, "--computed", file) == 0
    assert printed(capsys)["computed"] == shown
    assert run("account", "set", *where, "--strict") == 0
    assert printed(capsys)["computed"] == shown
    file.write_text("[]")
    assert run("account", "set", *where, "--computed", file) == 0
    assert printed(capsys)["computed"] == []
    assert run("account", "show", *where) == 0
    assert printed(capsys)["computed"] == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is not a JSON list of computed traits"),
        ("{}", "is not a JSON list of computed traits"),
        ("[" * 100_000, "is not a JSON list of computed traits"),
        ("\udcff", "is not a JSON list of computed traits"),
        ('[{"name":"n","kind":"event_counter","events":["page"],"window":7}]', "windowed"),
        ('[{"name":"n","kind":"median","events":["page"]}]', "The kinds are event_counter"),
    ],
)
def test_a_file_that_says_no_computed_traits_is_refused(
    installed: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    says: str,
) -> None:
    assert create(installed) == 0
    capsys.readouterr()
    file = tmp_path / "computed.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    where = ("--data", installed, "--client", "acme", "--account", "shop")
    assert run("account", "set", *where, "--computed", file) == 1
    assert says in " ".join(capsys.readouterr().err.split())
    assert run("account", "set", *where, "--computed", tmp_path / "none") == 1
