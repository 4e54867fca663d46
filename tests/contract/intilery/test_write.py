"""The write door: one call, or a batch of them, of a server with an API key.

Source: Intilery contract, 4.14, 10, 16.5 and 17.
"""

from __future__ import annotations

import gzip
import itertools
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from onefold.control.keys import NewKey
from onefold.domain.calls.call import CALLS
from onefold.domain.calls.message import MESSAGE_BYTES_MAX
from onefold.inlet.calls import CONTEXTS_BYTES_MAX
from onefold.journal import Journal
from onefold.testing.app import App
from onefold.wire import iso_millis

BODY_BYTES_MAX = 1_048_576
ONE_OF_EACH: dict[str, dict[str, Any]] = {
    "identify": {"userId": "u-1", "traits": {"plan": "gold"}},
    "track": {"userId": "u-1", "event": "Song Played"},
    "page": {"userId": "u-1", "name": "Home"},
    "screen": {"userId": "u-1", "name": "Home"},
    "group": {"userId": "u-1", "groupId": "g-1"},
    "alias": {"userId": "u-1", "previousId": "visitor-1"},
}
_users = itertools.count()


class Account:
    """An account with a key of it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.key: NewKey = app.account()

    def call(self, kind: str, body: Any, **headers: str) -> httpx.Response:
        return self.app.call(self.key, kind, body, **headers)

    def refused(self, kind: str, body: Any) -> str:
        """The message of a 400, after which nothing is recorded."""
        before = self.app.rooms.inlets.end(self.app.sandbox.id)
        answer = self.call(kind, body)
        assert answer.status_code == 400, answer.text
        said = answer.json()
        assert said.pop("success") is False
        assert said.pop("code") == "invalid_request_error"
        assert self.app.rooms.inlets.end(self.app.sandbox.id) == before
        message: str = said.pop("message")
        assert said == {}
        return message

    def events(self, user: str) -> list[dict[str, Any]]:
        self.app.drain()
        answer = self.app.ask(self.key, f"/profiles/userId:{user}/events")
        found: list[dict[str, Any]] = answer.json().get("data", [])
        return found


@pytest.fixture
def account(app: App) -> Account:
    return Account(app)


@pytest.fixture(scope="module")
def shared_account(shared: App) -> Account:
    return Account(shared)


def user() -> str:
    """A user that no other test knows."""
    return f"user-{next(_users)}"


@pytest.mark.parametrize("kind", CALLS)
def test_a_call_is_answered_its_event_id_and_stands_in_the_timeline(
    shared_account: Account, kind: str
) -> None:
    who = user()
    answer = shared_account.call(kind, ONE_OF_EACH[kind] | {"userId": who})
    assert answer.status_code == 200
    said = answer.json()
    assert set(said) == {"success", "eventId"}
    assert said["success"] is True
    assert uuid.UUID(said["eventId"])
    assert [one["eventId"] for one in shared_account.events(who)] == [said["eventId"]]


def test_an_answer_says_where_the_call_stands(shared_account: Account) -> None:
    answer = shared_account.call("track", ONE_OF_EACH["track"])
    end = shared_account.app.rooms.inlets.end(shared_account.app.sandbox.id)
    assert answer.headers["x-onefold-position"] == str(end.position)
    assert answer.headers["x-profile-as-of"] == str(end.position)


def test_one_append_takes_all_of_a_batch(shared_account: Account) -> None:
    sandbox = shared_account.app.sandbox.id
    before = shared_account.app.rooms.inlets.end(sandbox)
    batch = [{"type": kind, **body} for kind, body in ONE_OF_EACH.items()]
    assert shared_account.call("batch", {"batch": batch}).status_code == 200
    after = shared_account.app.rooms.inlets.end(sandbox)
    assert after.position == before.position + 1
    # Six events; what identify says of the person, and group of the person and of the group.
    assert after.records == before.records + 9


def test_v11_without_a_key_that_may_write_there_it_is_a_403(shared: App) -> None:
    key = shared.account()
    other = shared.account(account="other")
    reader = shared.account(writes=False)
    unknown = "/track/acme/nowhere/NOWHERE/v1/track"
    shared.tenant_path = "/track/acme/acme/ACME/v1"
    call = ONE_OF_EACH["track"]
    strangers = [shared.call(None, "track", call), shared.call(None, "track", call, auth_token="x")]
    lacking = [
        shared.call(other, "track", call),
        shared.call(reader, "track", call),
        shared.request("POST", unknown, json=call, headers={"auth-token": key.auth_token}),
    ]
    for answer in (*strangers, *lacking):
        assert answer.status_code == 403
        said = answer.json()
        assert said["success"] is False
        assert said["code"] == "authentication_error"
        assert said["message"]
        assert uuid.UUID(answer.headers["x-amzn-requestid"])


def test_v14_a_body_of_a_mebibyte_is_read_and_one_byte_more_is_not(
    shared_account: Account,
) -> None:
    def sized(count: int) -> httpx.Response:
        frame = json.dumps({"batch": [{"userId": "u-1", "event": "x"}], "x": ""})
        body = frame[:-2] + "y" * (count - len(frame)) + frame[-2:]
        return shared_account.app.request(
            "POST",
            f"{shared_account.app.tenant_path}/batch",
            content=body,
            headers={"auth-token": shared_account.key.auth_token},
        )

    assert sized(BODY_BYTES_MAX).status_code == 200
    answer = sized(BODY_BYTES_MAX + 1)
    assert answer.status_code == 413
    assert answer.json()["code"] == "invalid_request_error"


def test_v14_a_small_body_that_unpacks_to_a_gigabyte_is_a_413(shared_account: Account) -> None:
    bomb = gzip.compress(b"[" + b" " * (64 << 20), 9)
    answer = shared_account.app.request(
        "POST",
        f"{shared_account.app.tenant_path}/track",
        content=bomb,
        headers={"auth-token": shared_account.key.auth_token, "content-encoding": "gzip"},
    )
    assert answer.status_code == 413
    assert answer.json()["success"] is False


def test_a_compressed_call_is_taken(shared_account: Account) -> None:
    who = user()
    answer = shared_account.app.request(
        "POST",
        f"{shared_account.app.tenant_path}/track",
        content=gzip.compress(json.dumps({"userId": who, "event": "Zipped"}).encode()),
        headers={"auth-token": shared_account.key.auth_token, "content-encoding": "gzip"},
    )
    assert answer.status_code == 200
    assert [one["eventAction"] for one in shared_account.events(who)] == ["zipped"]


def test_another_content_type_is_a_400(shared_account: Account) -> None:
    call = ONE_OF_EACH["track"]
    assert shared_account.call("track", call, content_type="text/plain").status_code == 400
    utf8 = "application/json; charset=utf-8"
    assert shared_account.call("track", call, content_type=utf8).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"\xff", b'{"userId":"u"} x'])
def test_a_body_that_is_no_object_is_a_400(shared_account: Account, body: bytes) -> None:
    for kind in ("track", "batch"):
        answer = shared_account.app.request(
            "POST",
            f"{shared_account.app.tenant_path}/{kind}",
            content=body,
            headers={"auth-token": shared_account.key.auth_token},
        )
        assert answer.status_code == 400, (kind, body)
        assert answer.json()["success"] is False


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("track", {"userId": None}),
        ("track", {"userId": "  "}),
        ("track", {"userId": ["u-1"]}),
        ("track", {"userId": 1.5}),
        ("track", {"userId": "u" * 513}),
        ("track", {"event": None}),
        ("track", {"event": " "}),
        ("track", {"event": 7}),
        ("track", {"properties": []}),
        ("track", {"properties": {str(n): n for n in range(301)}}),
        ("track", {"context": "x"}),
        ("track", {"timestamp": "yesterday"}),
        ("track", {"messageId": "m" * 101}),
        ("track", {"properties": {"x": "y" * MESSAGE_BYTES_MAX}}),
        ("track", {"event": "send_email"}),
        ("track", {"event": "Start_Journey", "properties": {"stepIdToTrigger": 1}}),
        ("identify", {"traits": "x"}),
        ("identify", {"event": "page"}),
        ("page", {"event": "Home"}),
        ("group", {"groupId": ""}),
        ("alias", {"previousId": None}),
    ],
)
def test_a_call_with_a_fault_is_refused(
    shared_account: Account, kind: str, change: dict[str, Any]
) -> None:
    assert shared_account.refused(kind, ONE_OF_EACH[kind] | change)


def test_both_ids_missing_is_answered_the_documented_message(shared_account: Account) -> None:
    assert shared_account.refused("track", {"event": "x"}) == "userId must not be empty"


def test_the_route_decides_what_a_call_is(shared_account: Account) -> None:
    who = user()
    shared_account.call("screen", {"userId": who, "event": "Opened", "type": "track"})
    (event,) = shared_account.events(who)
    assert event["eventAction"] == "screen"
    assert event["rawData"]["event"] == "Opened"


def test_v28_a_message_id_that_is_sent_again_is_one_event(shared_account: Account) -> None:
    who = user()
    call = {"userId": who, "event": "Paid", "messageId": f"m-{who}"}
    first, again = (shared_account.call("track", call).json() for _ in range(2))
    in_batch = shared_account.call("batch", {"batch": [call, call]}).json()
    assert first == again
    assert {one["eventId"] for one in in_batch["results"]} == {first["eventId"]}
    assert len(shared_account.events(who)) == 1


def test_calls_without_a_message_id_are_distinct(shared_account: Account) -> None:
    who = user()
    first, second = (
        shared_account.call("track", {"userId": who, "event": "Paid"}).json()["eventId"]
        for _ in range(2)
    )
    assert first != second
    assert len(shared_account.events(who)) == 2


def test_v31_items_of_a_batch_say_what_they_are_in_several_ways(account: Account) -> None:
    items = [
        {"userId": "u-1", "event": "identify"},
        {"userId": "u-1", "event": "Song Played"},
        {"userId": "u-1", "type": "page"},
        {},
    ]
    answer = account.call("batch", {"batch": items})
    assert answer.status_code == 200
    said = answer.json()
    assert set(said) == {"success", "eventId", "results"}
    assert uuid.UUID(said["eventId"])
    results = said["results"]
    assert [one["index"] for one in results] == [0, 1, 2, 3]
    assert [one["outcome"] for one in results] == ["accepted"] * 3 + ["failed"]
    assert set(results[0]) == {"index", "eventId", "outcome"}
    assert results[3] == {
        "index": 3,
        "outcome": "failed",
        "code": "no_user_anon_id",
        "message": "userId must not be empty",
    }
    actions = {one["eventId"]: one["eventAction"] for one in account.events("u-1")}
    ids = [one["eventId"] for one in results[:3]]
    assert [actions[id_] for id_ in ids] == ["identify", "song_played", "page"]
    (failed,) = account.app.failed()
    assert failed.fault.code == "CAL-1002"
    assert account.app.faults() == []


def test_v32_timestamps_are_read_in_many_forms(shared_account: Account) -> None:
    forms = {
        "2015-2-02T00:30:08.276Z": 1422837008276,
        "2015-02-02 00:30": 1422837000000,
        1422837008276: 1422837008276,
    }
    for said, at_ms in forms.items():
        who = user()
        answer = shared_account.call("track", {"userId": who, "event": "x", "timestamp": said})
        assert answer.status_code == 200
        (event,) = shared_account.events(who)
        assert event["eventTime"] == iso_millis(at_ms)


def test_calls_of_one_moment_count_in_the_order_of_the_batch(shared_account: Account) -> None:
    who = user()
    batch = [{"event": "identify", "userId": who, "traits": {"n": n}} for n in range(300)]
    said = shared_account.call("batch", {"batch": batch}).json()
    sent = [one["eventId"] for one in said["results"]]
    newest = [one["eventId"] for one in shared_account.events(who)]
    assert newest == sent[: -len(newest) - 1 : -1]
    traits = shared_account.app.ask(shared_account.key, f"/profiles/userId:{who}/traits").json()
    assert traits["n"] == 299


def test_the_context_of_a_batch_lies_below_that_of_its_items(shared_account: Account) -> None:
    who = user()
    item = {"userId": who, "event": "x", "context": {"ip": "192.0.2.1"}}
    context = {"ip": "192.0.2.9", "locale": "sv-SE"}
    shared_account.call("batch", {"batch": [item], "context": context})
    (event,) = shared_account.events(who)
    assert event["rawData"]["context"] == {"ip": "192.0.2.1", "locale": "sv-SE"}


@pytest.mark.parametrize(
    "batch",
    [
        {},
        {"batch": []},
        {"batch": {}},
        {"batch": None},
        {"batch": [{}, {"userId": "u-1"}, 7]},
        {"batch": [{"userId": "u-1", "event": "x"}], "context": []},
        {"batch": [{"userId": "u-1", "event": "x"}] * 2501},
    ],
)
def test_a_batch_without_one_good_call_is_refused(shared_account: Account, batch: Any) -> None:
    assert shared_account.refused("batch", batch)


def test_a_batch_of_the_most_calls_is_taken(account: Account) -> None:
    answer = account.call("batch", {"batch": [{"userId": "u-1", "event": "x"}] * 2500})
    assert [one["outcome"] for one in answer.json()["results"]] == ["accepted"] * 2500


def test_a_large_context_of_many_calls_is_refused(shared_account: Account) -> None:
    context = {"x": "y" * 30_000}
    calls = [{"userId": "u-1", "event": "x"}] * (CONTEXTS_BYTES_MAX // 30_000 + 1)
    assert "context" in shared_account.refused("batch", {"batch": calls, "context": context})


def test_a_call_of_a_batch_that_is_too_large_fails_alone(account: Account) -> None:
    large = {"userId": "u-1", "event": "x", "properties": {"x": "y" * MESSAGE_BYTES_MAX}}
    said = account.call("batch", {"batch": [large, ONE_OF_EACH["track"]]}).json()
    assert [one["outcome"] for one in said["results"]] == ["failed", "accepted"]
    assert said["results"][0]["code"] == "message_too_large"
    account.app.drain()
    assert [one.fault.code for one in account.app.failed()] == ["CAL-1009"]


@pytest.fixture
def slow(data: Path) -> Iterator[App]:
    app = App(data, rate_per_second=1, rate_burst=2)
    yield app
    app.close()


def test_too_many_requests_are_a_429(slow: App) -> None:
    account = Account(slow)
    answers = [account.call("track", ONE_OF_EACH["track"]) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    said = answers[-1].json()
    assert said["success"] is False
    assert said["code"] == "rate_limit_error"
    assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.fixture
def behind(data: Path) -> Iterator[App]:
    app = App(data, journal_backlog_max=1)
    yield app
    app.close()


def test_too_large_a_backlog_is_a_503(behind: App) -> None:
    account = Account(behind)
    answers = [account.call("track", ONE_OF_EACH["track"]) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 503]
    assert answers[-1].json()["success"] is False
    assert answers[-1].headers["retry-after"]


def test_another_method_is_a_405(shared_account: Account) -> None:
    app = shared_account.app
    for method in ("GET", "OPTIONS"):
        answer = app.request(method, f"{app.tenant_path}/track")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_v40_no_key_is_answered_logged_or_kept(account: Account) -> None:
    secrets = (account.key.auth_token, account.key.write_key or "")
    assert all(secrets)
    told = {"writeKey": account.key.write_key, "auth-token": account.key.auth_token}
    good = ONE_OF_EACH["track"] | told
    with capture_logs() as logs:
        answers = [
            account.call("track", good),
            account.call("track", told),
            account.call("batch", {"batch": [good, told], **told}),
        ]
        account.app.drain()
    read = account.app.ask(account.key, "/profiles/userId:u-1/events").text
    journal = Journal(account.app.places.journal(account.app.sandbox.id), account.app.bell)
    chunks = journal.read(0, records_max=100)
    kept = b"".join(one.message for chunk in chunks for one in chunk.records)
    assert b"Song Played" in kept
    for secret in secrets:
        assert all(secret not in answer.text for answer in answers)
        assert secret not in json.dumps(logs, default=str)
        assert secret not in read
        assert secret.encode() not in kept


def test_calls_are_counted_as_one_inlet(account: Account) -> None:
    account.call("track", ONE_OF_EACH["track"])
    account.call("track", {})
    account.app.rooms.inlets.tallies.tell()
    rows = account.app.places.journal(account.app.sandbox.id).read(
        "SELECT metric, sum(value) FROM counters WHERE subject = 'calls' GROUP BY metric"
    )
    counted: dict[str, int] = dict(rows)
    assert (counted["accepted"], counted["refused"]) == (1, 1)
    assert counted["bytes"] > 0
