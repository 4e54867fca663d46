"""What accounts find their customers and order their timelines by: it follows from what is stored,
whatever came before the account, was undone, handed over or deleted."""

from __future__ import annotations

import json

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.calls.ids import customer_id
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.removal import Removal
from onefold.pipeline import backfill
from onefold.pipeline.backfill import DAY_MS, TRIM_EVERY_MS, Backfill
from onefold.store.engine import Engine
from onefold.store.tables import calls, customer_ids, events, feed, finders
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.people import RECORD, ecid, event, record
from tests.contract.profile.test_delete_entity import RECEIPTS, holding, places

MAIL = ("Email", "Kim@Example.org")
KEY = xids.encode(6, "kim@example.org")
BROWSER = ("ECID", ecid(1))


def store(app: App) -> Engine:
    return app.places.profile(app.sandbox.id)


def filled(app: App) -> None:
    """The first sandbox becomes an account."""
    app.account(account=app.sandbox.name)


def xid_of(app: App, code: str, value: str) -> Xid:
    namespace = app.rooms.definitions.snapshot(app.sandbox.id).namespaces.by_code(code)
    assert namespace is not None
    return xids.encode(namespace.id, value)


def counts(app: App) -> tuple[int, int, int]:
    return feed.count(store(app)), finders.count(store(app)), customer_ids.count(store(app))


def one_step(app: App) -> int:
    """A step of a process that has begun a moment ago, and is killed after it."""
    return Backfill(
        sandbox=app.sandbox,
        engine=store(app),
        definitions=app.rooms.definitions,
        clock=app.clock,
        settings=app.settings,
    ).step()


def populated(app: App) -> None:
    mail = {"address": MAIL[1]}
    app.ingest(REGISTRATIONS, record(BROWSER, MAIL, personalEmail=mail))
    app.ingest(EVENTS, *[event(f"e-{n}", BROWSER, eventType="web.seen") for n in range(5)])


def test_a_sandbox_without_account_has_none_of_it(app: App) -> None:
    populated(app)
    app.drain()
    assert counts(app) == (0, 0, 0)
    assert store(app).read("SELECT * FROM backfills") == []


def test_what_was_there_before_the_account_is_filled_in(app: App) -> None:
    populated(app)
    filled(app)
    app.drain()
    assert counts(app) == (5, 2, 2)
    owner = xids.encode(4, ecid(1))
    assert feed.actions(store(app), [owner]).keys() == {"web_seen"}
    assert finders.owners(store(app), KEY, 9) == sorted([owner, xids.encode(6, MAIL[1])])
    assert customer_ids.xid_of(store(app), customer_id(app.sandbox.id, owner)) == owner
    assert app.faults() == []


def test_a_backfill_goes_on_where_it_was_killed_while_records_come(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "STEP_ROWS", 2)
    populated(app)
    filled(app)
    steps = 0
    while one_step(app):
        steps += 1
        assert store(app).read("SELECT count(*) FROM feed")[0][0] <= 2 * steps
    assert steps >= 5
    app.ingest(EVENTS, event("e-9", ("Email", "bo@example.com"), eventType="late"))
    app.drain()
    assert feed.count(store(app)) == 6
    assert one_step(app) == 0
    assert app.faults() == []


def test_names_are_found_anew_when_other_namespaces_only_find(app: App) -> None:
    populated(app)
    filled(app)
    app.ingest(REGISTRATIONS, record(("Email", "bo@example.com"), ("Phone", "+4912345")))
    phone = xid_of(app, "Phone", "+4912345")
    assert finders.owners(store(app), phone, 9) == []
    wanted = [{"code": "Email"}, {"code": "Phone", "lookupOnly": True}]
    answer = app.request(
        "PUT",
        "/data/core/identity/settings",
        content=json.dumps({"namespaces": wanted}),
        headers={"content-type": "application/json"} | app.headers(),
    )
    assert answer.status_code == 200, answer.text
    app.drain()
    assert finders.owners(store(app), phone, 9) == [xid_of(app, "Email", "bo@example.com")]
    assert app.faults() == []


def test_customers_that_go_leave_nothing_to_be_found_by(app: App) -> None:
    """Also where a call named them by a number, or with spaces around."""
    key = app.account()
    traits = {"email": " Kim@Example.org"}
    app.calls(
        key,
        ("identify", {"userId": 4711, "anonymousId": " v-1 ", "traits": traits}),
        ("track", {"userId": 4711, "event": "Seen"}),
        ("track", {"anonymousId": "v-1", "event": "Seen"}),
        ("identify", {"userId": "u-2", "traits": traits}),
    )
    assert counts(app) == (4, 2, 3)
    headers = app.headers(x_sandbox_name=app.sandbox.name)
    answer = app.request("DELETE", f"{RECORD}&entityId=4711&entityIdNS=userId", headers=headers)
    assert answer.status_code == 202, answer.text
    app.work()
    url = f"{RECEIPTS}/{answer.headers['x-onefold-job']}"
    receipt = app.request("GET", url, headers=headers).json()
    found = places(receipt)
    assert (found["feed"], found["finders"], found["customerIds"]) == (
        (3, 3, 0),
        (1, 1, 0),
        (2, 2, 0),
    )
    assert found["journal"][0] == 4
    assert all(left == 0 for _, _, left in found.values())
    assert counts(app) == (1, 1, 1)
    assert finders.owners(store(app), KEY, 9) == [xid_of(app, "userId", "u-2")]
    gone = [xid_of(app, "userId", "4711"), xid_of(app, "anonymousId", "v-1")]
    assert holding(app, *gone, "4711", "v-1") <= {"profile.changes"}
    assert app.faults() == []


def test_an_event_that_was_handed_over_is_known_when_it_comes_again(app: App) -> None:
    """Nor does an order miss it that named its owner of before."""
    filled(app)
    key = app.account(account=app.sandbox.name)
    visitor = ("anonymousId", "v-1")
    seen = event("e-1", visitor, eventType="seen")
    app.calls(key, ("identify", {"userId": "u-1", "anonymousId": "v-1"}))
    app.ingest(EVENTS, seen, event("e-2", visitor))
    app.calls(key, ("identify", {"userId": "u-2", "anonymousId": "v-1"}))
    app.ingest(EVENTS, seen, event("e-3", visitor))
    ours, kims = xid_of(app, *visitor), xid_of(app, "userId", "u-1")
    assert [one.event_id for one in events.kept_of(store(app), ours)] == ["e-3"]
    kept = events.kept_of(store(app), kims)
    assert {"e-1", "e-2"} < {one.event_id for one in kept}
    number = next(one.seq for one in kept if one.event_id == "e-1")
    order = Removal(records=[(ours, app.datasets[EVENTS].id, "e-1", number)])
    app.rooms.inlets.order(app.sandbox.id, order, trace="order")
    app.drain()
    assert "e-1" not in {one.event_id for one in events.kept_of(store(app), kims)}
    assert app.faults() == []


def test_a_handover_takes_traits_along_with_what_is_kept_of_them(app: App) -> None:
    """So the call that said them can be undone still, and the name they were found by goes."""
    key = app.account()
    app.calls(
        key,
        ("identify", {"anonymousId": "v-1", "traits": {"email": "kim@example.org", "a": 1}}),
        ("identify", {"userId": "u-1", "anonymousId": "v-1", "traits": {"a": 2}}),
        ("identify", {"userId": "u-2", "anonymousId": "v-1", "traits": {"b": 1}}),
    )
    kims = xid_of(app, "userId", "u-1")
    assert finders.owners(store(app), KEY, 9) == [kims]
    account = app.rooms.definitions.snapshot(app.sandbox.id).account
    assert account is not None
    numbers = store(app).read("SELECT min(seq) FROM superseded WHERE xid = ?", (kims,))
    order = Removal(records=[(kims, account.traits, "", numbers[0][0])])
    app.rooms.inlets.order(app.sandbox.id, order, trace="order")
    app.drain()
    assert finders.count(store(app)) == 0
    assert app.faults() == []


def test_several_devices_of_a_batch_change_hands_in_their_order(app: App) -> None:
    key = app.account()
    for _ in range(3):
        for user in ("u-1", "u-2"):
            app.call(key, "identify", {"userId": user, "anonymousId": "v-1"})
            app.call(key, "track", {"anonymousId": "v-1", "event": f"by {user}"})
    app.drain()
    for user in ("u-1", "u-2"):
        owners = [xid_of(app, "userId", user)]
        if user == "u-2":
            owners.append(xid_of(app, "anonymousId", "v-1"))
        found = feed.page(store(app), owners, feed.Ask())
        assert [one.action for one in found].count(f"by_{user.replace('-', '_')}") == 3
        assert len(found) == 6
    assert app.faults() == []


def test_calls_are_forgotten_after_some_days(app: App) -> None:
    key = app.account()
    first = app.call(key, "track", {"userId": "u", "event": "a", "messageId": "m"}).json()
    app.drain()
    assert calls.of(store(app), [first["eventId"]])
    app.at(START_MS + 7 * DAY_MS + TRIM_EVERY_MS + 1)
    app.drain()
    assert calls.of(store(app), [first["eventId"]]) == {}
    assert feed.count(store(app)) == 1


def test_groups_events_are_filled_in(app: App) -> None:
    key = app.account()
    app.calls(
        key,
        ("track", {"userId": "u-1", "event": "Paid", "groupId": "g-1"}),
        ("track", {"userId": "u-1", "event": "Seen"}),
    )
    before = store(app).read("SELECT * FROM feed")
    with store(app).transaction() as transaction:
        transaction.write("DELETE FROM feed")
        transaction.write("DELETE FROM backfills")
    while one_step(app):
        pass
    ask = feed.Ask(group_xid=xid_of(app, "groupId", "g-1"))
    assert [one.action for one in feed.page(store(app), None, ask)] == ["paid"]
    assert store(app).read("SELECT * FROM feed") == before
    assert app.faults() == []


@pytest.mark.parametrize("wrong", ["x", None])
def test_the_doctor_finds_a_wrong_group(app: App, wrong: str | None) -> None:
    key = app.account()
    app.calls(key, ("track", {"userId": "u-1", "event": "Paid", "groupId": "g-1"}))
    assert app.faults() == []
    with store(app).transaction() as transaction:
        transaction.write("UPDATE feed SET group_xid = ?", (wrong,))
    assert [one.check for one in app.faults()] == ["the feed follows from the events"]


def test_the_doctor_finds_what_does_not_follow(app: App) -> None:
    key = app.account()
    app.calls(key, ("identify", {"userId": "u-1", "traits": {"email": "kim@example.org"}}))
    assert app.faults() == []
    damage = (
        ("the feed follows from the events", "DELETE FROM feed"),
        ("names lead to whose fragments say them", "UPDATE finders SET found = 'x'"),
        ("customer ids are those of the identities", "UPDATE customer_ids SET id = 'x'"),
    )
    for number, (check, sql) in enumerate(damage, 1):
        with store(app).transaction() as transaction:
            transaction.write(sql)
        found = [one.check for one in app.faults()]
        assert len(found) == number
        assert check in found
