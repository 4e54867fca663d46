"""What became of a call, by the event id that its sender was told. Source: Intilery contract, 10.1
(D32).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onefold.control.keys import NewKey
from onefold.domain.identity import xid as xids
from onefold.domain.suppression import IDENTITY, Keys, Suppression
from onefold.store.tables import suppressions
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS
from tests.contract.intilery.timelines import JSON, application, page, refused, send, track
from tests.contract.people import iso


@pytest.fixture
def app(data: Path) -> Iterator[App]:
    """An account of its own for each test."""
    with application(data) as app:
        yield app


@pytest.fixture
def key(app: App) -> NewKey:
    return app.account()


def _accepted(app: App, key: NewKey, kind: str, body: JSON) -> str:
    answer = app.call(key, kind, body)
    assert answer.status_code == 200, answer.text
    return str(json_of(answer)["eventId"])


def _status(app: App, key: NewKey, event_id: str) -> JSON:
    return page(app, key, f"/events/{event_id}")


def _suppress(app: App, user: str) -> None:
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    namespace = snapshot.namespaces.by_key("userId")
    assert namespace is not None
    name = Keys(app.sandbox.id).identity(xids.encode(namespace.id, user))
    with app.places.profile(app.sandbox.id).transaction() as transaction:
        suppressions.add(transaction, [Suppression(name, IDENTITY)], made_ms=app.clock.now_ms())


def test_a_call_is_pending_until_it_is_applied(app: App, key: NewKey) -> None:
    event_id = _accepted(app, key, "track", {"userId": "u-1", "event": "Seen"})
    pending = {"eventId": event_id, "status": "pending", "receivedTime": iso(START_MS)}
    assert _status(app, key, event_id) == pending
    app.drain()
    [shown] = page(app, key, "/profiles/userId:u-1/events")["data"]
    assert _status(app, key, event_id) == pending | {"status": "applied", "event": shown}
    assert _status(app, key, event_id.upper())["eventId"] == event_id
    assert app.ask(key, f"/events/{event_id}/").status_code == 200


@pytest.mark.parametrize("kind", ["identify", "page", "screen", "group", "alias"])
def test_every_kind_of_call_has_a_status_and_is_an_event(app: App, key: NewKey, kind: str) -> None:
    body: JSON = {"userId": "u-1", "groupId": "g-1", "previousId": "a-1", "traits": {"a": 1}}
    event_id = _accepted(app, key, kind, body)
    app.drain()
    found = _status(app, key, event_id)
    assert found["status"] == "applied"
    assert found["event"]["eventAction"] == kind
    assert found["event"]["eventId"] == event_id


def test_a_repeated_message_has_the_status_of_the_first_one(app: App, key: NewKey) -> None:
    body: JSON = {"userId": "u-1", "event": "Seen", "messageId": "m-1"}
    first = _accepted(app, key, "track", body)
    app.drain()
    assert _accepted(app, key, "track", body) == first
    app.drain()
    assert _status(app, key, first)["status"] == "applied"
    assert len(page(app, key, "/profiles/userId:u-1/events")["data"]) == 1


def test_a_failed_call_says_why_in_the_dialects_words(app: App, key: NewKey) -> None:
    _accepted(app, key, "identify", {"userId": "u-1"})
    _accepted(app, key, "identify", {"userId": "u-2"})
    app.drain()
    event_id = _accepted(app, key, "alias", {"userId": "u-1", "previousId": "u-2"})
    app.drain()
    found = _status(app, key, event_id)
    assert (found["status"], found["code"]) == ("failed", "alias_of_two_users")
    assert found["message"]
    assert "event" not in found


def test_what_only_the_pipeline_can_refuse_has_a_word_too(data: Path) -> None:
    """No code of ours: callers of the dialect know words."""
    app = App(data, record_bytes_max=2_000)
    try:
        key = app.account()
        large = {"userId": "u-1", "traits": {"x": "y" * 3_000}}
        faults = [
            (_accepted(app, key, "identify", large), "record_too_large"),
            (_accepted(app, key, "track", {"userId": "null", "event": "x"}), "unusable_id"),
        ]
        app.drain()
        for event_id, word in faults:
            found = _status(app, key, event_id)
            assert (found["status"], found["code"]) == ("failed", word)
        # The event of a call whose traits do not fit is kept.
        shown = page(app, key, "/profiles/userId:u-1/events")["data"]
        assert [one["eventId"] for one in shown] == [faults[0][0]]
    finally:
        app.close()


def test_a_call_that_raises_defects_has_a_word(
    app: App, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    event_id = _accepted(app, key, "track", {"userId": "u-1", "event": "Seen"})
    monkeypatch.setattr("onefold.pipeline.entities.Entities.entity_of", broken)
    app.drain()
    found = _status(app, key, event_id)
    assert (found["status"], found["code"]) == ("failed", "internal_server_error")


def test_a_failed_item_of_a_batch_has_a_status(app: App, key: NewKey) -> None:
    items = [{"userId": "u-1", "event": "Seen"}, {"event": "Seen"}]
    answer = app.call(key, "batch", {"batch": items})
    results = json_of(answer)["results"]
    app.drain()
    assert _status(app, key, results[0]["eventId"])["status"] == "applied"
    if "eventId" in results[1]:
        found = _status(app, key, results[1]["eventId"])
        assert (found["status"], found["code"]) == ("failed", results[1]["code"])


def test_v39_a_call_of_somebody_suppressed_fails_without_content(app: App, key: NewKey) -> None:
    before = _accepted(app, key, "track", {"userId": "u-1", "event": "Seen"})
    app.drain()
    _suppress(app, "u-1")
    event_id = _accepted(app, key, "track", {"userId": "u-1", "event": "Seen"})
    app.drain()
    found = _status(app, key, event_id)
    assert (found["status"], found["code"]) == ("failed", "suppressed")
    assert "u-1" not in str(found)
    assert app.ask(key, "/profiles/userId:u-1/events").status_code == 404
    assert "event" not in _status(app, key, before)


def test_the_accounts_timeline_leaves_out_the_suppressed_and_stays_full(
    app: App, key: NewKey
) -> None:
    send(app, key, [track(f"u-{n % 3}", "Seen", START_MS - n) for n in range(30)])
    _suppress(app, "u-1")
    whole = page(app, key, "/events")["data"]
    assert [one["externalId"] for one in whole] == ["u-0", "u-2"] * 10
    assert page(app, key, "/events?from=3&size=5")["data"] == whole[3:8]
    first = page(app, key, "/events?size=15")
    rest = page(app, key, f"/events?scrollId={first['scrollId']}")
    assert first["data"] + rest["data"] == whole
    assert page(app, key, "/events?from=25")["data"] == []


@pytest.mark.parametrize(
    "event_id", ["7d7c2d2c-0000-4000-8000-000000000000", "x", "%00", "7d7c", "é"]
)
def test_an_id_that_nobody_was_told_is_not_found(app: App, key: NewKey, event_id: str) -> None:
    answer = app.ask(key, f"/events/{event_id}")
    assert answer.status_code == 404
    assert json_of(answer)["error"]["code"] == "not_found"


def test_another_account_knows_nothing_of_it(app: App, key: NewKey) -> None:
    event_id = _accepted(app, key, "track", {"userId": "u-1", "event": "Seen"})
    app.drain()
    other = app.account(account="other")
    assert app.ask(other, f"/events/{event_id}").status_code == 404


def test_a_key_of_one_brand_is_told_of_the_calls_of_that_brand(app: App, key: NewKey) -> None:
    red = app.account(brand="RED")
    body: JSON = {"userId": "u-1", "event": "Seen", "previousId": "u-2"}
    _accepted(app, key, "identify", {"userId": "u-2"})
    app.drain()
    applied = _accepted(app, key, "track", body)
    failed = _accepted(app, key, "alias", body)
    app.drain()
    pending = _accepted(app, key, "track", body)
    tenant = app.tenant_path
    for event_id in (applied, failed, pending):
        assert app.ask(key, f"/events/{event_id}").status_code == 200
        app.tenant_path = "/track/acme/acme/RED/v1"
        assert app.ask(red, f"/events/{event_id}").status_code == 404
        app.tenant_path = tenant
    app.tenant_path = "/track/acme/acme/RED/v1"
    own = _accepted(app, red, "track", body)
    assert _status(app, red, own)["status"] == "pending"
    app.drain()
    assert _status(app, red, own)["event"]["brandId"] == "RED"


def test_when_too_much_waits_nothing_is_said(
    app: App, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_id = _accepted(app, key, "track", {"userId": "u-1", "event": "Seen"})
    monkeypatch.setattr("onefold.lookup.call_status.LOOKED_MAX", 1)
    unknown = app.ask(key, "/events/7d7c2d2c-0000-4000-8000-000000000000")
    assert unknown.status_code == 503
    assert unknown.headers["retry-after"]
    assert _status(app, key, event_id)["status"] == "pending"


def test_the_message_itself_is_never_a_question(app: App, key: NewKey) -> None:
    """A path behind an event id is no route."""
    event_id = _accepted(app, key, "track", {"userId": "u-1", "event": "Seen"})
    assert app.ask(key, f"/events/{event_id}/more").status_code == 404
    refused(app, key, "/events?size=0")
