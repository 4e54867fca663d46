"""Marketing preferences of one customer, by subscription id. Source: Intilery contract, 16.4."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.people import iso

PATH = "/cdp/marketing-preferences"
CHANNELS = ["email", "sms", "whatsapp", "facebook", "push"]


class Page:
    """The page of one customer's preferences."""

    def __init__(self, app: App, user: str = "u-1") -> None:
        self.app = app
        self.user = user
        self.key = app.account()
        app.calls(self.key, ("identify", {"userId": user}))
        meta = app.ask(self.key, f"/profiles/userId:{user}/meta").json()
        self.id, self.customer = meta["_subscriptionId"], meta["id"]

    def get(self, id_: str | None = None) -> httpx.Response:
        return self.app.request("GET", self._url(id_))

    def post(self, body: Any, query: str = "", id_: str | None = None) -> httpx.Response:
        answer = self.app.request("POST", self._url(id_) + query, json=body)
        self.app.drain()
        return answer

    def set(self, query: str = "", **body: Any) -> dict[str, Any]:
        """Change preferences, and read what they are now."""
        answer = self.post(body, query)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        assert self.get().json() == said
        return said

    def trait(self) -> Any:
        answer = self.app.ask(self.key, f"/profiles/userId:{self.user}/traits")
        return answer.json().get("marketingPreferences")

    def events(self) -> list[dict[str, Any]]:
        answer = self.app.ask(self.key, f"/profiles/userId:{self.user}/events?include=unsubscribed")
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def _url(self, id_: str | None) -> str:
        return f"{PATH}/{quote(self.id if id_ is None else id_, safe='')}"


@pytest.fixture
def allowed(data: Path) -> Iterator[App]:
    app = App(data, marketing_preferences=1)
    yield app
    app.close()


@pytest.fixture
def page(allowed: App) -> Page:
    return Page(allowed)


def on(listed: list[dict[str, Any]], name: str = "channel") -> list[str]:
    return [one[name] for one in listed if one["subscribed"]]


def test_without_the_setting_there_is_no_such_route(app: App) -> None:
    page = Page(app)
    assert page.get().status_code == 404
    answer = page.post({})
    assert answer.status_code == 404
    assert answer.json()["success"] is False


def test_nothing_is_subscribed_at_first(page: Page) -> None:
    said = page.get().json()
    assert [one["channel"] for one in said["channels"]] == CHANNELS
    assert on(said["channels"]) == []
    assert said["categories"] == []
    assert said["customerId"] == page.customer
    assert said["unsubscribeAll"] is False
    assert "writeKey" not in said
    assert page.trait() is None


def test_channels_are_merged_by_name(page: Page) -> None:
    page.set(channels=[{"channel": "Email", "subscribed": True}])
    said = page.set(channels=[{"channel": "sms", "subscribed": True}])
    assert on(said["channels"]) == ["email", "sms"]
    said = page.set(channels=[{"channel": "email", "subscribed": False}])
    assert on(said["channels"]) == ["sms"]
    assert [one["channel"] for one in page.trait()["channels"]] == CHANNELS


def test_categories_are_found_with_spaces_and_underscores(page: Page) -> None:
    said = page.set(categories=[{"category": "special offers", "subscribed": True}])
    (category,) = said["categories"]
    assert (category["category"], category["name"]) == ("special offers", "special_offers")
    said = page.set(categories=[{"category": "Special_Offers", "subscribed": False}])
    assert on(said["categories"], "category") == []
    said = page.set(categories=[{"name": "special_offers", "subscribed": True}])
    assert on(said["categories"], "category") == ["special offers"]


def test_changes_that_come_before_the_last_one_is_applied_are_all_kept(page: Page) -> None:
    """Channels are merged by name, not replaced: whatever was known when a change came."""
    for name in ("email", "sms", "push"):
        change = {"channels": [{"channel": name, "subscribed": True}]}
        answer = page.app.request("POST", page._url(None), json=change)
        assert answer.status_code == 200, answer.text
    page.app.drain()
    assert on(page.get().json()["channels"], "channel") == ["email", "sms", "push"]
    assert page.app.faults() == []


def test_a_change_counts_against_an_identify_by_their_times(page: Page) -> None:
    """Contract 11.7: an identify replaces the whole, a change one choice; the later one counts."""
    page.set(channels=[{"channel": "sms", "subscribed": True}])
    whole = {"channels": [{"channel": "email", "subscribed": True}]}
    call = {"userId": page.user, "traits": {"marketingPreferences": whole}}
    page.app.at(START_MS + 1000)
    page.app.calls(page.key, ("identify", {**call, "timestamp": iso(START_MS - 1000)}))
    assert on(page.get().json()["channels"], "channel") == ["email", "sms"]
    page.app.at(START_MS + 2000)
    page.app.calls(page.key, ("identify", call))
    assert page.trait() == whole
    page.set(channels=[{"channel": "push", "subscribed": True}])
    assert on(page.get().json()["channels"], "channel") == ["email", "push"]


def test_everything_is_turned_off_with_a_reason(page: Page) -> None:
    page.set(
        channels=[{"channel": "email", "subscribed": True}],
        categories=[{"category": "news", "subscribed": True}],
    )
    said = page.set(
        "?assetId=CAMPAIGN",
        channels=[],
        categories=[],
        unsubscribeAll=True,
        unsubscribeReason="Too many",
    )
    assert on(said["channels"]) + on(said["categories"], "category") == []
    assert said["unsubscribeAll"] is True
    assert page.trait()["unsubscribeReason"] == "Too many"
    (event,) = page.events()
    assert event["rawData"]["properties"] == {"assetId": "CAMPAIGN", "reason": "Too many"}
    assert event["source"] == "PREFERENCES"
    said = page.set(channels=[{"channel": "sms", "subscribed": True}])
    assert said["unsubscribeAll"] is False
    assert "unsubscribeReason" not in page.trait()


def test_turning_one_thing_off_is_an_event_and_turning_it_on_is_none(page: Page) -> None:
    page.set(channels=[{"channel": "email", "subscribed": True}])
    page.set(channels=[{"channel": "push", "subscribed": False}])
    assert page.events() == []
    page.set(channels=[{"channel": "email", "subscribed": False}])
    assert len(page.events()) == 1


def test_a_change_says_where_it_stands(page: Page) -> None:
    answer = page.post({"channels": [{"channel": "sms", "subscribed": True}]})
    end = page.app.rooms.inlets.end(page.app.sandbox.id)
    assert answer.headers["x-onefold-position"] == str(end.position)


def test_what_identify_says_is_shown(page: Page) -> None:
    told = {"channels": [{"channel": "sms", "subscribed": True}], "x": 1}
    said = ("identify", {"userId": page.user, "traits": {"marketingPreferences": told}})
    page.app.calls(page.key, said)
    assert on(page.get().json()["channels"]) == ["sms"]
    odd_ones: tuple[Any, ...] = ("x", [], {"channels": 7}, {"channels": [7, {"channel": "sms"}]})
    for odd in odd_ones:
        said = ("identify", {"userId": page.user, "traits": {"marketingPreferences": odd}})
        page.app.clock.advance(ms=1000)
        page.app.calls(page.key, said)
        assert on(page.get().json()["channels"]) == []


def test_a_visitor_has_preferences_too(page: Page) -> None:
    page.app.calls(page.key, ("identify", {"anonymousId": "v-1"}))
    meta = page.app.ask(page.key, "/profiles/anonymousId:v-1/meta").json()
    body = {"channels": [{"channel": "push", "subscribed": True}]}
    assert page.post(body, id_=meta["_subscriptionId"]).status_code == 200
    assert on(page.get(meta["_subscriptionId"]).json()["channels"]) == ["push"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        7,
        {"channels": 7},
        {"channels": [{"channel": "email"}]},
        {"channels": [{"channel": "email", "subscribed": "yes"}]},
        {"channels": [{"channel": " ", "subscribed": True}]},
        {"channels": [{"channel": "c" * 501, "subscribed": True}]},
        {"categories": [{"subscribed": True}]},
        {"categories": [{"category": f"c{n}", "subscribed": True} for n in range(101)]},
        {"unsubscribeAll": "yes"},
        {"unsubscribeAll": True, "unsubscribeReason": "r" * 501},
    ],
)
def test_a_change_of_another_form_is_a_400(page: Page, body: Any) -> None:
    answer = page.post(body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["success"] is False
    assert page.trait() is None


@pytest.mark.parametrize(
    "id_",
    [
        "x",
        "%00",
        "00000000-0000-0000-0000-000000000000",
        base64.b64encode(b"acme:acme:00000000-0000-0000-0000-000000000000").decode(),
        base64.b64encode(b"acme:other:00000000-0000-0000-0000-000000000000").decode(),
    ],
)
def test_an_id_that_stands_for_nobody_is_a_404(page: Page, id_: str) -> None:
    assert page.get(id_).status_code == 404
    assert page.post({}, id_=id_).status_code == 404


def test_the_bare_id_of_a_customer_will_do_while_there_is_one_account(page: Page) -> None:
    assert page.get(page.customer).json() == page.get().json()
    page.app.account(account="other")
    assert page.get(page.customer).status_code == 404
    assert page.get().status_code == 200


def test_a_signed_id_can_be_required(data: Path) -> None:
    app = App(data, marketing_preferences=1, signed_subscriptions=1)
    try:
        page = Page(app)
        assert page.get().status_code == 200
        unsigned = base64.b64encode(f"acme:acme:{page.customer}".encode()).decode()
        assert page.get(unsigned).status_code == 404
        assert page.get(page.customer).status_code == 404
    finally:
        app.close()


def test_the_write_key_is_told_only_where_it_can_be_guessed(data: Path) -> None:
    app = App(data, marketing_preferences=1, derived_write_keys=1)
    try:
        said = Page(app).get().json()
        assert base64.b64decode(said["writeKey"]) == b"acme:acme:ACME"
    finally:
        app.close()


def test_guessing_ids_is_limited(data: Path) -> None:
    app = App(data, marketing_preferences=1, rate_per_second=1, rate_burst=2)
    try:
        answers = [app.request("GET", f"{PATH}/{n}") for n in range(3)]
        assert [one.status_code for one in answers] == [404, 404, 429]
    finally:
        app.close()


def test_pages_of_any_origin_may_ask(page: Page) -> None:
    answer = page.app.request("OPTIONS", f"{PATH}/x")
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS, POST"
    assert page.get().headers["access-control-allow-origin"] == "*"
