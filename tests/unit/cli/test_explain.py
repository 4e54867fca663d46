"""`onefold explain`: what it says in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.store.tables import superseded
from onefold.testing.app import App, install
from onefold.testing.clock import START_MS
from tests.contract.people import ecid, event, record
from tests.unit.cli.running import run

ADA, CARD, PHONE = ("Email", "ada@example.com"), ("CRMID", "7"), ("ECID", ecid(1))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """1 to 3: Ada, whose phone is hers by way of a card; 4: Bo."""
    data = tmp_path_factory.mktemp("explain")
    install(data)
    app = App(data)
    app.ingest(REGISTRATIONS, record(ADA, CARD, person={"name": {"firstName": "Ada"}}))
    app.clock.advance(ms=1000)
    app.ingest(LOGINS, record(ADA, person={"name": {"firstName": "A\x1b[2Jda"}}))
    app.ingest(EVENTS, event("e1", PHONE, CARD, at_ms=START_MS))
    app.ingest(REGISTRATIONS, record(("Email", "bo@example.com")))
    yield app
    app.close()


def explain(app: App, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run("explain", *arguments, "--data", app.settings.data) == 0
    return capsys.readouterr().out


def test_a_profile_is_told_with_who_won_and_who_lost(app, capsys):
    printed = explain(app, capsys, "profile", "CRMID:7")
    first, *lines = printed.splitlines()
    assert first.startswith('CRMID:7: 3 identities, merged by "Default Timebased" (the newest')
    at = next(i for i, line in enumerate(lines) if "person.name.firstName" in line)
    assert "A\ufffd[2Jda" in lines[at]
    assert "from record 2 of Customer app logins, of Email:ada@example.com" in lines[at + 1]
    assert lines[at + 1].endswith("it is newer")
    assert "not Ada of record 1 of Customer registrations" in lines[at + 2]
    assert "\x1b" not in printed


def test_fields_and_json_are_those_of_the_api(app, capsys):
    found = json.loads(
        explain(app, capsys, "profile", "CRMID:7", "--fields", "person.name", "--json")
    )
    assert [leaf["path"] for leaf in found["leaves"]] == ["person.name.firstName"]
    found = json.loads(explain(app, capsys, "link", "CRMID:7", "Email:ada@example.com", "--json"))
    assert found["onePerson"] is True


def test_a_chain_is_told_link_by_link(app, capsys):
    printed = explain(app, capsys, "link", "Email:ada@example.com", f"ECID:{ecid(1)}")
    assert [line[:30].split(",")[0].strip() for line in printed.splitlines()] == [
        "Email:ada@example.com and ECID",
        "Email:ada@example.com",
        "│ linked by 1 record",
        "│   record 1 of Customer regi",
        "CRMID:7",
        "│ linked by 1 record",
        "│   record 3 of Customer even",
        f"ECID:{ecid(1)}"[:30],
    ]
    assert "are one person" in printed


def test_two_people_are_told_what_keeps_them_apart(app, capsys):
    printed = explain(app, capsys, "link", "Email:ada@example.com", "Email:bo@example.com")
    assert printed.endswith("no record, nor any chain of records, names both\n")
    printed = explain(app, capsys, "link", "Email:ada@example.com", "Email:cy@example.com")
    assert printed.endswith("nothing is known of Email:cy@example.com\n")


@pytest.mark.parametrize("identity", ["Email:nobody@example.com", "Nowhere:1", "no xid"])
def test_who_is_not_known_is_an_error_on_one_line(app: App, capsys, identity: str, tmp_path: Path):
    assert run("explain", "profile", identity, "--data", app.settings.data) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("onefold: ")


def test_a_call_is_told_by_its_number_while_its_record_is_kept(tmp_path, capsys, monkeypatch):
    install(tmp_path)
    app = App(tmp_path)
    app.calls(app.account(), ("identify", {"userId": "u-1", "traits": {"firstName": "Kim"}}))
    asked = ("profile", "userId:u-1", "--fields", "person", "--sandbox", "acme")
    assert "from record 2 of Traits, of userId:u-1" in explain(app, capsys, *asked)
    monkeypatch.setattr(superseded, "KEPT_ROWS", 1)
    for number in range(3):
        app.calls(
            app.account(account="acme"), ("identify", {"userId": "u-1", "traits": {"n": number}})
        )
    printed = explain(app, capsys, *asked)
    assert "Kim" in printed
    assert re.search(r"from call \S+, which is not kept, of Traits, of userId:u-1", printed)
    app.close()
