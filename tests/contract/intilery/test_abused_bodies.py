"""Bodies that nobody should send to the doors of calls, and what is answered: a documented 4xx, or
200 and a failed record; never a 5xx, and nothing is half recorded.

Source: Intilery contract, 4.12, 10, 12.5 and 13.2.
"""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest

from onefold.domain.calls.call import CALLS
from onefold.domain.calls.message import DEPTH_MAX, MESSAGE_BYTES_MAX
from tests.contract.intilery.bytes_sent import (
    GOOD,
    SPACE_VIEWS,
    VIEWS,
    HeaderBytes,
    Target,
)


def _of(properties: bytes) -> bytes:
    return b'{"userId":"odd","event":"x","properties":%b}' % properties


BROKEN = {
    "empty": b"",
    "null": b"null",
    "text": b'"x"',
    "number": b"7",
    "array": b"[]",
    "cut": b'{"userId":"odd","event":"x"',
    "trailing": GOOD + b",",
    "two": GOOD + GOOD,
    "comment": b'{"userId":"odd",/*x*/"event":"x"}',
    "utf-16": GOOD.decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "invalid utf-8": b'{"userId":"odd\xff","event":"x"}',
    "overlong utf-8": b'{"userId":"odd\xc0\xae","event":"x"}',
    "surrogate in utf-8": b'{"userId":"odd\xed\xa0\x80","event":"x"}',
    "raw control character": b'{"userId":"odd\x00","event":"x"}',
    "not a number": _of(b'{"n":NaN}'),
    "infinity": _of(b'{"n":-Infinity}'),
    "too large a number": _of(b'{"n":1e999}'),
    "10,000 arrays": _of(b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    "10,000 objects": _of(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "too deep": _of(b'{"a":' * DEPTH_MAX + b"1" + b"}" * DEPTH_MAX),
    "too long": _of(b'{"a":"' + b"x" * MESSAGE_BYTES_MAX + b'"}'),
    "two thousand members": json.dumps({f"key{n}": n for n in range(3_000)}).encode(),
    "an odd id": b'{"userId":{"a":1},"event":"x"}',
    "a true id": b'{"userId":true,"event":"x"}',
    "an id of 600 digits": b'{"userId":' + b"9" * 600 + b',"event":"x"}',
    "an id that is too long": b'{"userId":"' + b"x" * 513 + b'","event":"x"}',
    "no id": b'{"event":"x"}',
    "blank ids": '{"userId":"\u3000","anonymousId":"\\t","event":"x"}'.encode(),
    "an odd context": b'{"userId":"odd","event":"x","context":[]}',
    "an odd messageId": b'{"userId":"odd","event":"x","messageId":{}}',
}
"""What no door takes as a call of any kind."""
UNREADABLE = {
    *("empty", "cut", "trailing", "two", "comment", "utf-16", "byte order mark", "not a number"),
    *("invalid utf-8", "overlong utf-8", "surrogate in utf-8", "raw control character"),
    "infinity",
}
"""Those of them that are no JSON."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_call_is_refused_and_nothing_is_recorded(target: Target, name: str) -> None:
    body = BROKEN[name]
    before = target.accepted()
    for kind in (*CALLS, "batch"):
        answer = target.write(kind, body)
        assert answer.status == 400, kind
        said = answer.said
        assert set(said) == {"success", "message", "code"}
        assert (said["success"], said["code"]) == (False, "invalid_request_error")
    assert target.write("batch", b'{"batch":[%b]}' % body).status == 400
    assert target.accepted() == before


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_call_of_a_library_is_refused_or_fails(target: Target, name: str) -> None:
    """A 400, or a failed record without anything else of it."""
    body = BROKEN[name]
    app = target.app
    app.drain()
    for path in ("/v1/track", "/v1/i", "/v1/g", "/v1/a", "/cdp/events/segment/t"):
        accepted, failed = target.accepted(), len(app.failed())
        answer = target.library(path, body)
        app.drain()
        if answer.status == 200:
            assert answer.body == b'{"success":true}'
            assert len(app.failed()) - failed == target.accepted() - accepted == 1
        else:
            assert (answer.status, answer.said["success"]) == (400, False)
            assert target.accepted() == accepted
    assert target.read(b"/profiles/userId:odd/traits").status == 404


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_item_takes_no_other_with_it(target: Target, name: str) -> None:
    """It fails alone, unless the body of all cannot be read for it."""
    body, app = BROKEN[name], target.app
    app.drain()
    batch = b'{"batch":[%b,{"type":"track","userId":"other","event":"ok"}]}' % body
    for path in ("", "/v1/batch", "/v1/import", "/cdp/events/segment/mobile/batch"):
        accepted, failed = target.accepted(), len(app.failed())
        answer = target.library(path, batch) if path else target.write("batch", batch)
        app.drain()
        if name in UNREADABLE:
            assert (answer.status, answer.said["success"]) == (400, False)
            assert (target.accepted(), len(app.failed())) == (accepted, failed)
            continue
        assert answer.status == 200
        assert (target.accepted() - accepted, len(app.failed()) - failed) == (2, 1)
        if not path:
            outcomes = [one["outcome"] for one in answer.said["results"]]
            assert outcomes == ["failed", "accepted"]


ODD: dict[str, dict[str, Any]] = {
    "names of the platform": {
        "_id": "e",
        "_onefold": 1,
        "_stamp": [1],
        "_stamps": {},
        "_first": ["x"],
        "identityMap": {"ECID": [{"id": "1"}]},
    },
    "properties of the platform": {"properties": {"_onefold": {"traits": {"a": 1}}, "_id": 1}},
    "empty names": {"": 1, "properties": {"": {"": ""}}},
    "control characters": {"userId": "odd\x01\x7f\u2028", "event": "\x00\r\nx"},
    "a nul": {"userId": "odd\0", "anonymousId": "a\0b"},
    "a large integer": {"properties": {"n": 10**3_000, "m": -(2**63) - 1, "o": 2**64}},
    "an id of digits": {"userId": 10**300},
    "odd parts of the context": {
        "context": {
            "active": "no",
            "direct": 1,
            "campaign": [1],
            "ip": {"a": 1},
            "page": 7,
            "library": 7,
            "groupId": {},
        }
    },
    "odd types": {"type": ["track"], "action": {"a": 1}},
    "an odd push registration": {"deviceId": "d\0", "fcmToken": {"a": 1}, "deviceType": [1]},
    "odd times": {"originalTimestamp": {"a": 1}, "sentAt": [1], "receivedAt": 7, "version": {}},
    "an odd campaign": {"context": {"campaign": {"_stamps": 1, "": "\0"}}},
    "invisible names": {"userId": "\u200b", "event": "\u200b"},
    "the longest ids": {"userId": "x" * 512, "anonymousId": "\u00fc" * 256},
    "a deep object": {"properties": json.loads('{"a":' * 98 + "1" + "}" * 98)},
    "odd traits": {
        "traits": {
            "_stamps": {"t:a": [1]},
            "t:plan": 1,
            "__proto__": 1,
            "a.b": 3,
            "a/b": 4,
            "identityMap": {"Email": [{"id": "x"}]},
            "email": ["x"],
            "firstName": {"a": 1},
            "birthday": "no",
            "phone": 7,
            "id": "stolen",
            "externalId": "stolen",
            "computed": {"a": 1},
            "audiences": ["x"],
            "marketingPreferences": 7,
            "_onefold": {"traits": {}},
        }
    },
    "an endless email": {"traits": {"email": "x" * 5_000}},
    "an email of control characters": {"traits": {"email": "\x00\r\n"}},
}
"""What is odd, and none of our business."""


@pytest.mark.parametrize("name", ODD)
def test_an_odd_call_is_applied_and_read_at_every_door(target: Target, name: str) -> None:
    app = target.app
    app.drain()
    failed = len(app.failed())
    call = {"userId": "odd-1", "groupId": "g", "previousId": "p", **ODD[name]}
    for kind in CALLS:
        event = {"event": kind} if kind in ("identify", "page") else {"event": "x"}
        body = json.dumps(event | call | (event if kind in ("identify", "page") else {})).encode()
        answer = target.write(kind, body)
        assert answer.status == 200, answer.body
        assert target.library(f"/v1/{kind}", body).body == b'{"success":true}'
        assert target.library(f"/cdp/events/segment/{kind[0]}", body).status == 200
    app.drain()
    assert app.failed()[failed:] == []
    who = str(call["userId"]).strip()
    quoted = "".join(f"%{byte:02X}" for byte in who.encode()).encode()
    for view in VIEWS:
        answer = target.read(b"/profiles/userId:%b/%b" % (quoted, view.encode()))
        assert answer.status == 200, view
        if view == "traits":
            assert answer.said["externalId"] == who
            assert len(answer.said["id"]) == 36
    for view in SPACE_VIEWS:
        assert target.space(b"/user_id:%b/%b" % (quoted, view.encode())).status == 200
    assert target.read(b"/profiles").status == target.read(b"/events").status == 200


HALVES = (
    b'{"userId":"halves","event":"x","properties":{"cut":"\\ud83d"}}',
    b'{"userId":"halves","event":"y\\ude00","properties":{"\\ud800":1}}',
)


@pytest.mark.parametrize("half", HALVES)
def test_half_a_character_spoils_no_batch(target: Target, half: bytes) -> None:
    """Libraries that cut a text in the middle of a character send such; UTF-8 has none."""
    batch = b'{"batch":[%b,{"type":"page","userId":"halves"}],"sentAt":"2026-01-01"}' % half
    for path in ("", "/v1/batch", "/v1/import", "/cdp/events/segment/mobile/batch"):
        answer = target.library(path, batch) if path else target.write("batch", batch)
        assert answer.status == 200
    target.app.drain()
    found = target.read(b"/profiles/userId:halves/events", b"exclude=page").said["data"]
    assert "\ufffd" in json.dumps(found[0]["rawData"], ensure_ascii=False)
    assert target.write("track", half).status == 400


def test_of_a_name_that_stands_twice_the_last_one_counts(target: Target) -> None:
    body = b'{"userId":"twice-1","userId":"twice-2","event":"a","event":"b"}'
    assert target.write("track", body).status == 200
    target.app.drain()
    assert target.read(b"/profiles/userId:twice-1/events").status == 404
    (found,) = target.read(b"/profiles/userId:twice-2/events").said["data"]
    assert found["eventAction"] == "b"
    assert target.write("track", b'{"userId":"u","userId":[],"event":"a"}').status == 400


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        *((b"gzip", b"\x1f\x8b"), (b"gzip", gzip.compress(GOOD)[:-4]), (b"gzip", GOOD)),
        *((b"gzip", gzip.compress(gzip.compress(GOOD))), (b"gzip", gzip.compress(GOOD) + b"junk")),
        *(
            (b"deflate", b"\x78\x9c"),
            (b"deflate", gzip.compress(GOOD)),
            (b"br", GOOD),
            (b"gzip", b""),
        ),
        *(
            (b"gzip, gzip", gzip.compress(gzip.compress(GOOD))),
            (b"\xff", GOOD),
            (b"x" * 9_000, GOOD),
        ),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_a_400(
    target: Target, coding: bytes, body: bytes
) -> None:
    before = target.accepted()
    header: HeaderBytes = (b"content-encoding", coding)
    assert target.write("track", body, header).status == 400
    assert target.library("/v1/track", body, header).status == 400
    assert target.library("/cdp/events/segment/mobile/batch", body, header).status == 400
    assert target.accepted() == before


def test_a_body_of_very_many_streams_is_soon_unpacked(target: Target) -> None:
    empty, header = gzip.compress(b""), (b"content-encoding", b"gzip")
    body = empty * 50_000 + gzip.compress(GOOD)
    started = time.perf_counter()
    assert target.write("track", body, header).status == 200
    assert target.library("/v1/track", body + empty, header).status == 200
    assert target.library("/v1/track", body + empty[:-1], header).status == 400
    assert time.perf_counter() - started < 2
