"""Batches of which one part is odd: the rest of them is taken all the same.

Source: Intilery contract, 10.2.5, 12.5, 13.4 and 13.6.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from onefold.domain.calls.ids import event_id
from onefold.domain.failed_record import State
from onefold.domain.identity import xid as xids
from onefold.journal import Journal
from onefold.store.packing import Packing
from onefold.store.tables import events
from onefold.testing.app import App
from onefold.wire import decode_json
from tests.contract.segment.arrivals import DONE, Source, track, user

LIBRARIES = ("/v1/batch", "/v1/import", "/v1/b", "/cdp/events/segment/mobile/batch")
WHO = "odd-user"
ODD = {
    "a number out of range": b'{"type":"track","event":"x","n":1e400,%b}',
    "an integer out of range": b'{"type":"track","event":"x","n":' + b"9" * 5_000 + b",%b}",
    "nested deeply": b'{"type":"track","event":"x","n":' + b"[" * 2_500 + b"]" * 2_500 + b",%b}",
    "objects, nested deeply": b'{"n":' + b'{"a":' * 2_500 + b"1" + b"}" * 2_500 + b",%b}",
}


def odd(name: str, **more: Any) -> bytes:
    """A call that cannot be decoded."""
    return ODD[name] % json.dumps({"userId": WHO, **more}).encode()[1:-1]


def batch(*items: bytes | dict[str, Any], **around: Any) -> bytes:
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in items]
    return b'{"batch":[%b],%b' % (b",".join(parts), json.dumps({"x": 1, **around}).encode()[1:])


def kept(source: Source) -> bytes:
    """All that the journal has."""
    journal = Journal(source.app.places.journal(source.sandbox.id), source.app.bell)
    chunks = journal.read(0, records_max=1_000)
    return b"".join(one.message for chunk in chunks for one in chunk.records)


@pytest.mark.parametrize("name", ODD)
def test_a_call_that_cannot_be_decoded_fails_alone_and_can_be_replayed(
    source: Source, name: str
) -> None:
    who, app = user(), source.app
    for path in LIBRARIES:
        body = batch(odd(name), track(who), writeKey=source.write_key)
        source.taken(path, body, "")
    answer = app.call(source.key, "batch", json.loads(batch(track(who))))
    assert answer.status_code == 200
    app.drain()
    assert len(source.events(who)) == len(LIBRARIES) + 1
    assert source.faults() == ["CAL-1001"] * len(LIBRARIES)
    assert source.write_key.encode() not in kept(source)
    for one in app.failed():
        shown = app.get(f"/onefold/v1/failed-records/{one.seq}").json()["message"]
        assert WHO in shown
        path = f"/onefold/v1/failed-records/{one.seq}/replay"
        assert app.post(path, None).status_code == 202
    app.drain()
    again = [one for one in app.failed() if one.state is State.OPEN]
    assert [one.fault.code for one in again] == ["CAL-1001"] * len(LIBRARIES)
    assert app.faults() == []


@pytest.mark.parametrize("name", ODD)
def test_the_write_door_says_which_call_of_a_batch_cannot_be_decoded(
    source: Source, name: str
) -> None:
    app, headers = source.app, {"auth-token": source.key.auth_token}
    url = f"{app.tenant_path}/batch"
    answer = app.request("POST", url, content=batch(odd(name), track("u")), headers=headers)
    assert answer.status_code == 200
    failed, accepted = answer.json()["results"]
    assert (failed["outcome"], failed["code"]) == ("failed", "invalid_message")
    assert accepted["outcome"] == "accepted"
    before = app.rooms.inlets.end(source.sandbox.id)
    assert app.request("POST", url, content=batch(odd(name)), headers=headers).status_code == 400
    assert app.rooms.inlets.end(source.sandbox.id) == before


@pytest.mark.parametrize("name", ODD)
def test_a_call_that_cannot_be_decoded_goes_by_its_own_key_and_message_id(
    app: App, name: str
) -> None:
    one, other = Source(app, "one"), Source(app, "other")
    call = odd(name, writeKey=one.write_key, messageId="m-1")
    other.taken("/v1/batch", batch(call, track(WHO)))
    assert (one.faults(), other.faults()) == (["CAL-1001"], [])
    assert one.write_key.encode() not in kept(one)
    id_ = event_id(one.sandbox.id, "m-1")
    app.sandbox, app.tenant_path = one.sandbox, "/track/acme/one/ONE/v1"
    for key in (one.key, app.account(account="one", brand="ONE")):
        said = app.ask(key, f"/events/{id_}").json()
        assert (said["status"], said["code"]) == ("failed", "invalid_message")


@pytest.mark.parametrize("name", ODD)
def test_what_a_person_demands_reaches_calls_that_cannot_be_decoded(
    source: Source, name: str
) -> None:
    app = source.app
    call = odd(name, userId=" 17 " if "deeply" in name else 17)
    source.taken("/v1/batch", batch(call, track("17"), track("other")))
    for kind in ("ACCESS", "SUPPRESS_WITH_DELETE"):
        answer = app.post("/onefold/v1/regulations", {"kind": kind, "userIds": ["17"]})
        app.drain()
        app.work()
        if kind == "ACCESS":
            told = app.get(f"/onefold/v1/regulations/{answer.json()['id']}").json()
            url = told["people"][0]["downloadUrl"].removeprefix(app.settings.base_url)
            with zipfile.ZipFile(io.BytesIO(app.get(url).content)) as archive:
                (line,) = archive.read("profile/failed.jsonl").splitlines()
            assert "17" in json.loads(line)["message"]
    (failed,) = app.failed()
    assert failed.message == b""
    assert ODD[name][:40] not in kept(source)
    assert len(source.events("other")) == 1


@pytest.mark.parametrize("path", LIBRARIES)
def test_an_item_that_is_no_json_spoils_the_body(known: Source, path: str) -> None:
    before = known.app.rooms.inlets.end(known.sandbox.id)
    for item in (b'{"a":1e400,}', b"NaN", b"[1e400", b'{"a":"\\x"}', b"{'a':1}"):
        answer = known.post(path, batch(track("u"), odd("nested deeply"), item))
        assert answer.status_code == 400
        assert answer.json()["code"] == "invalid_request_error"
    assert known.app.rooms.inlets.end(known.sandbox.id) == before


@pytest.mark.parametrize("path", LIBRARIES)
def test_no_calls_are_taken_and_nothing_is_recorded(known: Source, path: str) -> None:
    before = known.app.rooms.inlets.end(known.sandbox.id)
    answer = known.post(path, {"batch": []})
    assert (answer.status_code, answer.content) == (200, DONE)
    assert "x-onefold-position" not in answer.headers
    assert known.post(path, {"batch": [], "writeKey": known.write_key}, "").content == DONE
    bodies: list[dict[str, Any]] = [{"batch": []}, {"batch": [], "writeKey": "nobody"}]
    for body in bodies:
        answer = known.post(path, body, "")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_write_key")
    assert known.app.rooms.inlets.end(known.sandbox.id) == before


@pytest.mark.parametrize("context", [[], "x", 7, True])
def test_a_context_of_a_batch_that_is_no_object_is_ignored_and_told(
    source: Source, context: Any
) -> None:
    who = user()
    for path in LIBRARIES:
        own = track(who, context={"locale": "sv-SE"})
        source.taken(path, {"batch": [own, track(who)], "context": context})
    found = source.events(who)
    assert len(found) == 2 * len(LIBRARIES)
    assert source.faults() == []
    assert warnings(source, who) == [["context"]] * len(found)
    refused = source.app.call(source.key, "batch", {"batch": [track(who)], "context": context})
    assert refused.status_code == 400


def warnings(source: Source, who: str) -> list[list[str]]:
    """What the events of a user say of what was put right."""
    store = source.app.places.profile(source.sandbox.id)
    namespace = source.app.rooms.definitions.snapshot(source.sandbox.id).namespaces.by_code(
        "userId"
    )
    assert namespace is not None
    owner = xids.encode(namespace.id, who)
    rows = events.of_owner(store, Packing(store), owner, after="", limit=100)
    return [decode_json(event.body)["_onefold"]["warnings"] for _, _, event in rows]


@pytest.mark.parametrize("path", LIBRARIES)
def test_integrations_of_a_batch_go_into_messages_without_their_own(
    known: Source, path: str
) -> None:
    who = user()
    items = [track(who), track(who, integrations={"All": True}), track(who, integrations=None)]
    known.taken(path, {"batch": items, "integrations": {"All": False}})
    found = [one["rawData"]["integrations"] for one in known.events(who)]
    assert sorted(found, key=str) == [{"All": False}, {"All": False}, {"All": True}]
    known.taken(path, {"batch": [track(other := user())], "integrations": ["All"]})
    assert "integrations" not in known.events(other)[0]["rawData"]


def test_large_integrations_of_many_calls_are_refused(known: Source) -> None:
    body = {"batch": [track("u")] * 500, "integrations": {"x": "y" * 30_000}}
    answer = known.post("/v1/batch", body)
    assert answer.status_code == 400


@pytest.mark.parametrize("path", LIBRARIES)
def test_an_original_timestamp_stands_in_for_one_that_cannot_be_read(
    known: Source, path: str
) -> None:
    who = user()
    said = {"timestamp": "soon", "originalTimestamp": "2020-02-02T02:02:02Z"}
    known.taken(path, {"batch": [track(who, **said)]})
    (event,) = known.events(who)
    assert event["eventTime"] == "2020-02-02T02:02:02.000Z"
    assert event["rawData"]["timestamp"] == event["eventTime"]
    assert event["rawData"]["originalTimestamp"] == "2020-02-02T02:02:02Z"
