"""`/cdp/events/segment`: what browsers and phones send. Source: Intilery contract, 12 and 17."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onefold.api.segment.ingest import LETTERS
from onefold.api.segment.tag import PATH
from onefold.domain.calls.message import MESSAGE_BYTES_MAX
from onefold.testing.app import App
from tests.contract.segment.arrivals import DONE, Source, track, user

MOBILE = f"{PATH}/mobile/batch"


@pytest.mark.parametrize("letter", LETTERS)
def test_a_call_is_taken_with_the_key_in_its_body(known: Source, letter: str) -> None:
    who = user()
    body = {
        **track(who, writeKey=known.write_key, groupId="g-1", previousId="visitor-x"),
        "type": LETTERS[letter],
    }
    known.taken(f"{PATH}/{letter}", body, "")
    (event,) = known.events(who)
    assert event["rawData"]["context"]["ip"] == "127.0.0.1"


def test_the_type_of_the_body_counts_before_the_letter_of_the_path(known: Source) -> None:
    one, other = user(), user()
    said = {"writeKey": known.write_key, "name": "Home"}
    known.taken(f"{PATH}/t", said | {"userId": one, "type": "screen"}, "")
    known.taken(f"{PATH}/s", said | {"userId": other}, "")
    actions = [known.events(who)[0]["eventAction"] for who in (one, other)]
    assert actions == ["screen", "screen"]


def test_v34_a_phone_sends_chunks_of_gzip_with_a_key_in_each_message(known: Source) -> None:
    who = user()
    batch = [track(who, writeKey=known.write_key, messageId=f"{who}-{n}") for n in range(20)]
    packed = gzip.compress(json.dumps({"batch": batch}).encode())

    async def chunks() -> Any:
        for start in range(0, len(packed), 50):
            yield packed[start : start + 50]

    answer = known.app.request(
        "POST",
        "http://onefold.test//cdp/events/segment/mobile/batch/",
        content=chunks(),
        headers={"content-type": "application/json", "content-encoding": "gzip"},
    )
    assert (answer.status_code, answer.content) == (200, DONE)
    known.app.drain()
    assert len(known.events(who)) == 20


def test_messages_of_several_keys_go_to_their_accounts(app: App) -> None:
    one, two = Source(app, "one"), Source(app, "two")
    who = user()
    batch = [track(who, writeKey=source.write_key) for source in (one, two, one)]
    one.taken(MOBILE, {"batch": [*batch, track(who)], "writeKey": two.write_key}, "")
    assert [len(source.events(who)) for source in (one, two)] == [2, 2]


def test_good_messages_are_taken_beside_one_whose_key_is_nobodys(known: Source) -> None:
    who = user()
    batch = [track(who, writeKey="nobody"), track(who, writeKey=known.write_key)]
    known.taken(MOBILE, {"batch": batch}, "")
    assert len(known.events(who)) == 1


def test_nobodys_key_is_a_401(known: Source) -> None:
    for path, body in (
        (f"{PATH}/t", track("u", writeKey="nobody")),
        (f"{PATH}/t", track("u")),
        (MOBILE, {"batch": [track("u", writeKey="nobody")]}),
        (MOBILE, {"batch": [track("u")], "writeKey": "nobody"}),
    ):
        answer = known.post(path, body, "")
        assert answer.status_code == 401
        assert answer.json()["success"] is False
        assert "nobody" not in answer.text


def test_one_bad_message_is_never_answered(source: Source) -> None:
    large = track("u", properties={"x": "y" * MESSAGE_BYTES_MAX})
    bad = [{}, 7, {"userId": "u"}, large]
    source.taken(MOBILE, {"batch": bad, "writeKey": source.write_key}, "")
    source.taken(f"{PATH}/t", {"writeKey": source.write_key}, "")
    source.taken(f"{PATH}/t", large | {"writeKey": source.write_key}, "")
    codes = ["CAL-1002", "CAL-1001", "CAL-1003", "CAL-1009", "CAL-1002", "CAL-1009"]
    assert source.faults() == codes


def test_only_what_cannot_be_read_or_is_too_large_is_refused(known: Source) -> None:
    for path in (MOBILE, f"{PATH}/t", f"{PATH}/m"):
        assert known.post(path, b"{", "").status_code == 400
        assert known.post(path, b"[]", "").status_code == 400
        answer = known.post(path, b" " * 1_048_577, "")
        assert answer.status_code == 413
        assert answer.json()["success"] is False


def test_beacons_come_as_text_and_browsers_may_ask_first(known: Source) -> None:
    who = user()
    body = track(who, writeKey=known.write_key)
    known.taken(f"{PATH}/t", body, "", content_type="text/plain;charset=UTF-8")
    assert len(known.events(who)) == 1
    asked = known.app.request("OPTIONS", f"{PATH}/t")
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert asked.headers["access-control-max-age"] == "86400"


def test_what_libraries_tell_of_themselves_is_thrown_away(known: Source) -> None:
    before = known.app.rooms.inlets.end(known.sandbox.id)
    known.taken(f"{PATH}/m", {"series": []}, "")
    assert known.app.rooms.inlets.end(known.sandbox.id) == before


def test_too_large_a_backlog_is_a_503_that_phones_repeat(data: Path) -> None:
    app = App(data, journal_backlog_max=1)
    try:
        source = Source(app)
        body = {"batch": [track("u")] * 2, "writeKey": source.write_key}
        assert source.post(MOBILE, body, "").status_code == 200
        answer = source.post(MOBILE, body, "")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    finally:
        app.close()


def _derived(client: str, account: str, brand: str) -> str:
    return base64.b64encode(f"{client}:{account}:{brand}".encode()).decode()


@pytest.fixture
def guessed(data: Path) -> Iterator[App]:
    app = App(data, derived_write_keys=1)
    yield app
    app.close()


def test_a_key_made_of_names_is_nobodys_unless_a_setting_says_so(known: Source) -> None:
    key = _derived("acme", "acme", "ACME")
    assert known.post(f"{PATH}/t", track("u", writeKey=key), "").status_code == 401


def test_a_setting_takes_keys_that_are_made_of_names(guessed: App) -> None:
    source = Source(guessed)
    source.taken(f"{PATH}/t", track("u", writeKey=_derived("ACME", "Acme", "kids")), "")
    assert [one["brandId"] for one in source.events("u")] == ["KIDS"]
    for key in (
        _derived("acme", "nowhere", "X"),
        _derived("nobody", "acme", "ACME"),
        _derived("acme", "acme", ""),
        base64.b64encode(b"acme:acme").decode(),
        base64.b64encode(b"\xff:a:B").decode(),
        "acme:acme:ACME",
    ):
        assert source.post(f"{PATH}/t", track("u", writeKey=key), "").status_code == 401
