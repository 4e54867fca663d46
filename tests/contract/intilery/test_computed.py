"""Computed traits: what is defined of an account is read with the traits of its customers. Source:
Intilery contract, 6 and 16.1."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control import accounts
from onefold.control.keys import NewKey
from onefold.control.starter import EVENTS
from onefold.domain.calls.namespaces import USER
from onefold.domain.identity import xid as xids
from onefold.domain.removal import Removal
from onefold.store.tables import taken
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.people import ecid, event, iso
from tests.contract.profile.test_delete_entity import holding

JSON = Any
SECOND = 1_000
ORDERS = {"name": "orders", "kind": "event_counter", "events": ["Order Completed"]}
SPENT = ORDERS | {"name": "spent", "kind": "sum", "property": "cart.total"}
FAVOURITE = ORDERS | {"name": "favourite", "kind": "most_frequent", "property": "products"}
PAGE = {"name": "lastPage", "kind": "last", "events": ["Page"], "property": "url"}
EVERY = [ORDERS, SPENT, FAVOURITE, PAGE]


class Shop:
    """An application with an account, its definitions, and a key for it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.key: NewKey = app.account(rate=1_000_000, burst=1_000_000)

    def define(self, *computed: JSON) -> None:
        control = self.app.places.control()
        accounts.set_rules(control, client="acme", account="acme", computed=list(computed))

    def ordered(self, user: str, total: JSON, *products: str, ago: int = 0, **said: JSON) -> None:
        properties = {"cart": {"total": total}, "products": list(products)}
        body = {"userId": user, "event": "Order Completed", "properties": properties}
        body["timestamp"] = iso(START_MS - ago * SECOND)
        self.app.calls(self.key, ("track", body | said))

    def read(self, view: str, key: str = "userId:u-1") -> JSON:
        answer = self.app.ask(self.key, f"/profiles/{key}/{view}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def computed(self, key: str = "userId:u-1") -> JSON:
        return self.read("traits", key).get("computed")


@pytest.fixture
def shop(app: App) -> Shop:
    return Shop(app)


def test_every_read_of_a_customer_shows_computed_traits(shop: Shop) -> None:
    shop.define(*EVERY)
    address = ("identify", {"userId": "u-1", "traits": {"email": "kim@example.org"}})
    shop.app.calls(shop.key, address)
    assert shop.computed() is None
    shop.ordered("u-1", 10, "tea", "pot")
    shop.ordered("u-1", 2.5, "tea")
    shop.app.calls(shop.key, ("page", {"userId": "u-1", "properties": {"url": "/pots"}}))
    shop.ordered("u-2", 1)
    expected = {"orders": 2, "spent": 12.5, "favourite": "tea", "lastPage": "/pots"}
    for view in ("traits", "meta", "audiences"):
        assert shop.read(view)["computed"] == expected
        assert shop.read(view, "email:kim%40example.org")["data"][0]["computed"] == expected
    listed = shop.app.ask(shop.key, "/profiles").json()["data"]
    assert {one["externalId"]: one["computed"] for one in listed} == {
        "u-1": expected,
        "u-2": {"orders": 1, "spent": 1},
    }


def test_a_kept_answer_ends_with_an_event_that_counts(shop: Shop) -> None:
    shop.define(ORDERS)
    shop.app.calls(shop.key, ("identify", {"userId": "u-1", "traits": {"a": 1}}))
    for number in (1, 2, 3):
        shop.ordered("u-1", 1)
        for _ in range(2):
            assert shop.computed() == {"orders": number}


def test_a_kept_answer_ends_when_an_event_is_undone(shop: Shop) -> None:
    shop.define(ORDERS)
    shop.app.calls(shop.key, ("identify", {"userId": "u-1", "traits": {"a": 1}}))
    shop.ordered("u-1", 1)
    shop.ordered("u-1", 2)
    assert shop.computed() == {"orders": 2}
    store = shop.app.places.profile(shop.app.sandbox.id)
    (row,) = store.read("SELECT xid, dataset, event_id, seq FROM events ORDER BY seq DESC LIMIT 1")
    shop.app.rooms.inlets.order(shop.app.sandbox.id, Removal(records=[row]), trace="order")
    shop.app.drain()
    assert shop.computed() == {"orders": 1}
    assert shop.app.faults() == []


def test_definitions_are_of_the_events_before_them_too(shop: Shop) -> None:
    """What is too new to know all events is not told, and what was told goes on."""
    shop.app.calls(shop.key, ("identify", {"userId": "u-1", "traits": {"a": 1}}))
    shop.ordered("u-1", 10)
    shop.define(ORDERS)
    assert shop.computed() is None
    shop.app.drain()
    assert shop.computed() == {"orders": 1}
    shop.define(ORDERS | {"name": "renamed"}, SPENT)
    assert shop.computed() == {"renamed": 1}
    shop.ordered("u-1", 5)
    assert shop.computed() == {"renamed": 2, "spent": 15}
    shop.define()
    assert shop.computed() is None
    shop.app.drain()
    assert taken.count(shop.app.places.profile(shop.app.sandbox.id)) == 0
    assert shop.app.faults() == []


def test_a_definition_that_was_away_misses_nothing(shop: Shop) -> None:
    """Though the backfill never saw that it was gone."""
    shop.define(ORDERS)
    shop.ordered("u-1", 1)
    shop.define()
    body = {"userId": "u-1", "event": "Order Completed"}
    assert shop.app.call(shop.key, "track", body).status_code == 200
    assert shop.app._pipeline.round(projecting=False) == 1  # a batch, and nothing between batches
    shop.define(ORDERS)
    shop.app.drain()
    assert shop.computed() == {"orders": 2}
    assert shop.app.faults() == []


def test_only_track_and_page_calls_count(shop: Shop) -> None:
    shop.app.account(account=shop.app.sandbox.name)
    counter = {"name": "n", "kind": "event_counter", "events": ["page", "web.seen"]}
    shop.define(counter)
    shop.app.calls(
        shop.key,
        ("page", {"userId": "u-1"}),
        ("screen", {"userId": "u-1", "name": "page"}),
        ("track", {"userId": "u-1", "event": "Web Seen"}),
    )
    assert shop.computed() == {"n": 2}


def test_events_of_adobes_door_do_not_count(app: App) -> None:
    key = app.account(account=app.sandbox.name)
    counter = {"name": "n", "kind": "event_counter", "events": ["web.seen"]}
    client = "acme"
    accounts.set_rules(
        app.places.control(), client=client, account=app.sandbox.name, computed=[counter]
    )
    app.ingest(EVENTS, event("e-1", ("ECID", ecid(1)), eventType="web.seen"))
    (found,) = app.ask(key, "/profiles").json()["data"]
    assert "computed" not in found
    assert app.faults() == []


def test_a_late_event_takes_its_place(shop: Shop) -> None:
    shop.define(PAGE, PAGE | {"name": "firstPage", "kind": "first"})
    for ago, url in ((50, "/b"), (10, "/c"), (90, "/a"), (20, "/d")):
        said = {"properties": {"url": url}, "timestamp": iso(START_MS - ago * SECOND)}
        shop.app.calls(shop.key, ("page", {"userId": "u-1", **said}))
    assert shop.computed() == {"firstPage": "/a", "lastPage": "/c"}


def test_a_device_that_changes_hands_leaves_what_was_counted(shop: Shop) -> None:
    shop.define(ORDERS)

    def at_device(number: int, **said: JSON) -> None:
        body = {"anonymousId": "d-1", "event": "Order Completed", **said}
        shop.app.calls(shop.key, *[("track", body)] * number)

    at_device(2)
    shop.app.calls(shop.key, ("identify", {"userId": "u-1", "anonymousId": "d-1"}))
    assert shop.computed() == {"orders": 2}
    shop.app.calls(shop.key, ("identify", {"userId": "u-2", "anonymousId": "d-1"}))
    at_device(1)
    assert (shop.computed(), shop.computed("userId:u-2")) == ({"orders": 2}, {"orders": 1})
    assert shop.app.faults() == []


def test_who_is_joined_is_counted_together(shop: Shop) -> None:
    control = shop.app.places.control()
    accounts.set_rules(control, client="acme", account="acme", merges_users=True)
    shop.define(ORDERS, SPENT)
    shop.ordered("u-1", 1)
    shop.ordered("u-2", 2)
    shop.app.calls(shop.key, ("alias", {"userId": "u-1", "previousId": "u-2"}))
    for key in ("userId:u-1", "userId:u-2"):
        assert shop.computed(key) == {"orders": 2, "spent": 3}


def test_the_segment_profile_api_tells_them_as_a_class(shop: Shop) -> None:
    shop.define(ORDERS, SPENT, ORDERS | {"name": "plan", "kind": "first", "property": "products"})
    shop.ordered("u-1", 3, "tea", ago=60)
    shop.ordered("u-1", 4, "pot", ago=30)
    shop.app.calls(shop.key, ("identify", {"userId": "u-1", "traits": {"plan": "pro"}}))

    def found(query: str) -> JSON:
        url = f"/collections/users/profiles/user_id:u-1/traits{query}"
        return shop.app.space(shop.key, url).json()["traits"]

    assert found("") == {"orders": 2, "plan": "pro", "spent": 7}
    assert found("?class=computed_trait") == {"orders": 2, "plan": ["tea"], "spent": 7}
    told = found("?class=computed_trait&verbose=true")
    assert told == {
        "orders": {"value": 2, "source_id": None, "updated_at": iso(START_MS - 30 * SECOND)},
        "plan": {"value": ["tea"], "source_id": None, "updated_at": iso(START_MS - 60 * SECOND)},
        "spent": {"value": 7, "source_id": None, "updated_at": iso(START_MS - 30 * SECOND)},
    }
    whole = found("?verbose=true")
    assert whole["orders"] == told["orders"]
    assert (whole["plan"]["value"], whole["plan"]["source_id"] is None) == ("pro", False)


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM taken", "UPDATE taken SET value = '7'", "UPDATE taken SET event_id = 'x'"],
)
def test_the_doctor_finds_what_does_not_follow(shop: Shop, damage: str) -> None:
    shop.define(SPENT)
    shop.ordered("u-1", 1)
    assert shop.app.faults() == []
    with shop.app.places.profile(shop.app.sandbox.id).transaction() as transaction:
        transaction.write(damage)
    checks = [one.check for one in shop.app.faults()]
    assert checks == ["computed traits follow from the events"]


def test_who_is_deleted_leaves_nothing_that_was_taken(shop: Shop) -> None:
    shop.define(*EVERY)
    shop.ordered("u-1", 1, "tea")
    shop.ordered("u-2", 1)
    headers = shop.app.headers(x_sandbox_name=shop.app.sandbox.name)
    url = "/data/core/ups/access/entities?schema.name=_xdm.context.profile"
    answer = shop.app.request("DELETE", f"{url}&entityId=u-1&entityIdNS=userId", headers=headers)
    assert answer.status_code == 202, answer.text
    shop.app.work()
    store = shop.app.places.profile(shop.app.sandbox.id)
    assert {row[0] for row in store.read("SELECT value FROM taken")} == {"null", "1", "[]"}
    assert shop.computed("userId:u-2") == {"orders": 1, "spent": 1}
    namespace = shop.app.rooms.definitions.snapshot(shop.app.sandbox.id).namespaces.by_code(USER)
    assert namespace is not None
    gone = xids.encode(namespace.id, "u-1")
    assert holding(shop.app, gone, "u-1", "tea") <= {"profile.changes"}
    assert shop.app.faults() == []
