"""`/v1`: what Segment's libraries send. Source: Intilery contract, 13 and 17."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from onefold.api.segment.arriving import BATCH_BYTES_MAX
from onefold.api.segment.ingest import LETTERS
from onefold.control import keys
from onefold.domain.calls.call import CALLS
from onefold.domain.calls.message import MESSAGE_BYTES_MAX
from onefold.journal import Journal
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from onefold.wire import iso_millis
from tests.contract.segment.arrivals import DONE, Source, track, user

NEEDED: dict[str, dict[str, Any]] = {
    "track": {"event": "Song Played"},
    "group": {"groupId": "g-1"},
    "alias": {"previousId": "visitor-x"},
}
BATCHES = ("/v1/batch", "/v1/import", "/v1/b")


@pytest.mark.parametrize(("path", "kind"), [(kind, kind) for kind in CALLS] + list(LETTERS.items()))
def test_a_call_is_taken_and_stands_in_the_timeline(known: Source, path: str, kind: str) -> None:
    who = user()
    known.taken(f"/v1/{path}", {"userId": who, **NEEDED.get(kind, {})})
    action = "song_played" if kind == "track" else kind
    assert [one["eventAction"] for one in known.events(who)] == [action]


@pytest.mark.parametrize("path", BATCHES)
def test_a_batch_is_taken_and_stands_in_timelines(known: Source, path: str) -> None:
    one, other = user(), user()
    batch = [track(one), track(other), {"type": "identify", "userId": one, "traits": {"a": 1}}]
    known.taken(path, {"batch": batch, "sentAt": iso_millis(START_MS)})
    actions = {event["eventAction"] for event in known.events(one)}
    assert actions == {"song_played", "identify"}
    assert len(known.events(other)) == 1


def test_an_answer_says_where_the_calls_stand(known: Source) -> None:
    answer = known.post("/v1/batch", {"batch": [track(user())]})
    end = known.app.rooms.inlets.end(known.sandbox.id)
    assert answer.headers["x-onefold-position"] == str(end.position)
    assert answer.headers["request-id"] == answer.headers["x-amzn-requestid"]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_body_of_a_batch_may_be_compressed(known: Source) -> None:
    who = user()
    packed = gzip.compress(json.dumps({"batch": [track(who)]}).encode())
    known.taken("/v1/batch", packed, content_encoding="gzip")
    assert len(known.events(who)) == 1


def test_identify_may_say_its_traits_in_the_context(known: Source) -> None:
    who = user()
    said = {"type": "identify", "userId": who, "context": {"traits": {"plan": "gold"}}}
    known.taken("/v1/batch", {"batch": [said, track(who, context={"traits": {"plan": "x"}})]})
    traits = known.app.ask(known.key, f"/profiles/userId:{who}/traits").json()
    assert traits["plan"] == "gold"
    assert known.events(who)[-1]["rawData"]["context"] == {"traits": {"plan": "gold"}}


def test_text_is_read_as_json(known: Source) -> None:
    who = user()
    known.taken("/v1/t", track(who, writeKey=known.write_key), "", content_type="text/plain")
    assert len(known.events(who)) == 1


def test_a_call_of_a_browser_gets_the_address_of_its_connection(known: Source) -> None:
    who = user()
    known.taken("/v1/t", track(who))
    known.taken("/v1/track", track(who))
    contexts = [one["rawData"].get("context") for one in known.events(who)]
    assert contexts.count({"ip": "127.0.0.1"}) == 1
    assert contexts.count(None) == 1


# Whose key it is


def test_the_key_of_the_message_counts_before_that_of_the_batch_and_of_the_header(
    app: App,
) -> None:
    one, two, three = (Source(app, name) for name in ("one", "two", "three"))
    who = user()
    batch = [track(who, writeKey=one.write_key), track(who), track(who, writeKey=one.write_key)]
    one.taken("/v1/batch", {"batch": batch, "writeKey": two.write_key}, three.write_key)
    assert [len(source.events(who)) for source in (one, two, three)] == [2, 1, 0]
    one.taken("/v1/track", track(who, writeKey=two.write_key), three.write_key)
    assert [len(source.events(who)) for source in (one, two, three)] == [2, 2, 0]
    one.taken("/v1/track", track(who), three.write_key)
    assert [len(source.events(who)) for source in (one, two, three)] == [2, 2, 1]


def test_calls_of_several_accounts_have_no_common_position(app: App) -> None:
    one, two = (Source(app, name) for name in ("one", "two"))
    batch = [track(user(), writeKey=source.write_key) for source in (one, two)]
    answer = one.post("/v1/batch", {"batch": batch}, "")
    assert answer.content == DONE
    assert "x-onefold-position" not in answer.headers


def test_the_user_of_a_basic_header_may_stand_without_its_colon(known: Source) -> None:
    who = user()
    bare = base64.b64encode(known.write_key.encode()).decode()
    known.taken("/v1/track", track(who), "", authorization=f"Basic {bare}")
    assert len(known.events(who)) == 1


def test_a_token_of_the_platform_goes_together_with_a_key_in_the_body(known: Source) -> None:
    who = user()
    token = known.app.headers()["authorization"]
    said = {"batch": [track(who)]}
    known.taken("/v1/batch", said | {"writeKey": known.write_key}, "", authorization=token)
    assert len(known.events(who)) == 1
    assert known.post("/v1/batch", said, "", authorization=token).status_code == 401


@pytest.mark.parametrize("key", ["", "nobody", "0123456789abcdef-x"])
def test_no_key_or_nobodys_is_a_401(known: Source, key: str) -> None:
    for path, body in (("/v1/track", track("u")), ("/v1/batch", {"batch": [track("u")]})):
        answer = known.post(path, body, key)
        assert answer.status_code == 401
        said = answer.json()
        assert set(said) == {"success", "code", "message"}
        assert (said["success"], said["code"]) == (False, "invalid_write_key")


def test_the_auth_token_is_no_write_key(known: Source) -> None:
    assert known.post("/v1/track", track("u"), known.key.auth_token).status_code == 401


def test_a_revoked_key_is_a_401(app: App) -> None:
    source = Source(app)
    keys.revoke(app.places.control(), app.clock, source.key.key.key_id)
    assert source.post("/v1/track", track("u")).status_code == 401


def test_good_keys_are_served_beside_a_bad_one(source: Source) -> None:
    who = user()
    source.taken("/v1/batch", {"batch": [track(who, writeKey="nobody"), track(who)]})
    assert len(source.events(who)) == 1


@pytest.fixture
def lenient(data: Path) -> Iterator[App]:
    app = App(data, lenient_write_keys=1)
    yield app
    app.close()


def test_a_setting_answers_nobodys_key_as_segment_does(lenient: App) -> None:
    source = Source(lenient)
    before = lenient.rooms.inlets.end(source.sandbox.id)
    source.taken("/v1/track", track("u"), "nobody")
    assert lenient.rooms.inlets.end(source.sandbox.id) == before


def test_too_many_requests_of_one_key_are_a_429(data: Path) -> None:
    app = App(data, segment_rate_per_second=1, segment_rate_burst=2)
    try:
        source, other = Source(app), Source(app, "other")
        answers = [source.post("/v1/track", track("u")) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        assert answers[-1].json()["code"] == "rate_limit_error"
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert answers[-1].headers["x-ratelimit-reset"]
        assert other.post("/v1/track", track("u")).status_code == 200
    finally:
        app.close()


def test_strangers_have_a_limit_of_their_own(data: Path) -> None:
    app = App(data, rate_per_second=1, rate_burst=2)
    try:
        source = Source(app)
        for body in (b"{", track("u")):
            answers = [source.post("/v1/track", body, "nobody") for _ in range(3)]
            assert answers[-1].status_code == 429
        assert source.post("/v1/track", track("u")).status_code == 200
    finally:
        app.close()


# What is too large, or wrong


def _batch_of(size: int, **around: Any) -> bytes:
    """A batch of so many bytes, of messages that are not too large."""
    item = track("u-large", properties={"x": "y" * 20_000})
    count = (size - 1_000) // len(json.dumps(item))
    body = {"batch": [item] * count, "padding": "", **around}
    missing = size - len(json.dumps(body))
    body["padding"] = "z" * missing
    made = json.dumps(body).encode()
    assert len(made) == size
    return made


def test_v36_a_batch_of_499_kb_is_taken_and_one_of_501_is_not(source: Source) -> None:
    source.taken("/v1/batch", _batch_of(499_000))
    before = source.app.rooms.inlets.end(source.sandbox.id)
    for path in BATCHES:
        assert source.post(path, _batch_of(BATCH_BYTES_MAX)).status_code == 200
    for size in (BATCH_BYTES_MAX + 1, 513_024):
        answer = source.post("/v1/batch", _batch_of(size))
        assert answer.status_code == 400
        assert answer.json()["success"] is False
        assert answer.json()["code"] == "invalid_request_error"
    assert source.app.rooms.inlets.end(source.sandbox.id).position == before.position + 3


def test_v36_an_item_of_33_kb_fails_alone(source: Source) -> None:
    who = user()
    large = track(who, properties={"x": "y" * MESSAGE_BYTES_MAX})
    source.taken("/v1/batch", {"batch": [large, track(who)]})
    assert len(source.events(who)) == 1
    assert source.faults() == ["CAL-1009"]


def test_a_message_of_its_own_that_is_too_large_is_a_400(known: Source) -> None:
    large = track("u", properties={"x": "y" * MESSAGE_BYTES_MAX})
    for path in ("/v1/track", "/v1/t"):
        answer = known.post(path, large)
        assert answer.status_code == 400
        assert answer.json()["message"]


def test_a_body_beyond_a_mebibyte_is_a_413(known: Source) -> None:
    answer = known.post("/v1/batch", b"[" + b" " * 1_048_576)
    assert answer.status_code == 413
    assert answer.json()["success"] is False


def test_2501_messages_are_a_400_and_none_is_taken(known: Source) -> None:
    before = known.app.rooms.inlets.end(known.sandbox.id)
    answer = known.post("/v1/batch", {"batch": [{"type": "page", "userId": "u"}] * 2501})
    assert answer.status_code == 400
    assert known.app.rooms.inlets.end(known.sandbox.id) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b'{"batch":[NaN]}'])
@pytest.mark.parametrize("path", ["/v1/track", "/v1/i", "/v1/batch", "/v1/import"])
def test_a_body_that_cannot_be_read_is_a_400(known: Source, path: str, body: bytes) -> None:
    answer = known.post(path, body)
    assert answer.status_code == 400
    said = answer.json()
    assert set(said) == {"success", "code", "message"}
    assert (said["success"], said["code"]) == (False, "invalid_request_error")


@pytest.mark.parametrize("batch", [{}, {"batch": 7}, {"batch": None}])
def test_a_body_without_a_batch_is_a_400(known: Source, batch: Any) -> None:
    assert known.post("/v1/batch", batch).status_code == 400


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"event": "x"}, "CAL-1002"),
        ({"userId": "u"}, "CAL-1003"),
        ({"userId": "u", "type": "group"}, "CAL-1004"),
        ({"userId": "u", "type": "group", "groupId": "g" * 501}, "CAL-1004"),
        ({"userId": {}, "event": "x"}, "CAL-1005"),
        ({"userId": "u", "event": "x", "properties": []}, "CAL-1005"),
        ({"userId": "u", "event": "x", "messageId": "m" * 101}, "CAL-1008"),
        ({"userId": "u", "type": "identify", "traits": dict.fromkeys("ab", 1)}, None),
        ({"userId": "u", "event": "x", "properties": {str(n): 1 for n in range(301)}}, "CAL-1007"),
        ({"userId": "u", "event": "x", "timestamp": "yesterday"}, None),
        ({"userId": "u", "event": "send_sms"}, "CAL-1012"),
        ([], "CAL-1001"),
        (7, "CAL-1001"),
    ],
)
def test_a_message_with_a_fault_becomes_a_failed_record(
    source: Source, message: Any, code: str | None
) -> None:
    source.taken("/v1/batch", {"batch": [message]})
    assert source.faults() == ([] if code is None else [code])
    if isinstance(message, dict):
        source.taken("/v1/track", message)
        assert source.faults() == ([] if code is None else [code, code])
    assert source.app.faults() == []


def test_a_message_id_that_is_sent_again_is_one_event_across_doors(known: Source) -> None:
    who = user()
    call = track(who, messageId=f"m-{who}")
    known.taken("/v1/batch", {"batch": [call, call]})
    known.taken("/v1/t", call)
    known.taken("/cdp/events/segment/t", call | {"writeKey": known.write_key})
    written = known.app.call(known.key, "track", call)
    (event,) = known.events(who)
    assert written.json()["eventId"] == event["eventId"]


def test_v33_clocks_that_are_wrong_are_corrected(source: Source) -> None:
    at_ms = START_MS + 86_400_000
    app, who = source.app, user()
    app.at(at_ms + 2 * 3_600_000 + 7_000)
    said = {
        "batch": [track(who, timestamp=iso_millis(at_ms))],
        "sentAt": iso_millis(at_ms + 5_000),
    }
    source.taken("/v1/batch", said)
    assert source.events(who)[0]["eventTime"] == iso_millis(at_ms + 2 * 3_600_000 + 2_000)
    imported = user()
    said["batch"] = [track(imported, timestamp=iso_millis(at_ms))]
    source.taken("/v1/import", said)
    assert source.events(imported)[0]["eventTime"] == iso_millis(at_ms)


# Around it


def test_browsers_of_any_origin_may_ask(known: Source) -> None:
    for path in ("/v1/t", "/v1/batch", "/v1/projects/x/settings", "/v1/m"):
        answer = known.app.request("OPTIONS", path)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "content-type" in answer.headers["access-control-allow-headers"]


def test_what_libraries_tell_of_themselves_is_thrown_away(known: Source) -> None:
    before = known.app.rooms.inlets.end(known.sandbox.id)
    known.taken("/v1/m", {"series": [{"type": "Counter"}]}, "")
    assert known.post("/v1/m", b"{", "").status_code == 400
    assert known.app.rooms.inlets.end(known.sandbox.id) == before


def test_the_settings_of_a_source_tell_where_its_calls_go(known: Source) -> None:
    answer = known.app.request("GET", f"/v1/projects/{known.write_key}/settings")
    assert answer.status_code == 200
    said = answer.json()
    place = {"apiKey": known.write_key, "apiHost": "127.0.0.1:8080/v1"}
    assert said.pop("integrations") == {"Segment.io": place}
    assert said == {
        "plan": {},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
    }
    assert answer.headers.get_list("cache-control") == ["public, max-age=300"]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_settings_of_nobodys_key_are_a_404(known: Source) -> None:
    answer = known.app.request("GET", "/v1/projects/nobody/settings")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_v40_no_write_key_is_answered_logged_or_kept(source: Source) -> None:
    key = source.write_key
    # Names may be spelled with escapes, too.
    escaped = json.dumps({"batch": [track("u-1", WKEY=key), {"WKEY": key}]})
    with capture_logs() as logs:
        answers = [
            source.post("/v1/track", track("u-1", writeKey=key), ""),
            source.post("/v1/batch", {"batch": [{"writeKey": key}, 7], "writeKey": key}),
            source.post("/v1/batch", escaped.replace("WKEY", "write\\u004bey").encode(), ""),
            source.post("/v1/track", {"writeKey": f"{key}x"}),
            source.post("/v1/batch", {"writeKey": key}),
        ]
        source.app.drain()
    assert [one.status_code for one in answers] == [200, 200, 200, 401, 400]
    assert all(key not in one.text for one in answers)
    assert key not in json.dumps(logs, default=str)
    journal = Journal(source.app.places.journal(source.sandbox.id), source.app.bell)
    kept = [one.message for c in journal.read(0, records_max=100) for one in c.records]
    assert len(kept) == 5
    assert all(key.encode() not in one for one in kept)
    assert all(key.encode() not in one.message for one in source.app.failed())
