"""The conformance vectors that no other test module holds, and that none of them is missing.

A test is of a vector when its name begins with `test_v` and the vector's number.
Source: Intilery contract, 17.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import uuid
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.control.keys import NewKey
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.intilery.timelines import JSON, application, identify, page, send
from tests.contract.people import iso

VECTORS = 40
HERE = "/track/acme/acme/ACME/v1"
MINUTE = 60_000
READS = 600
WRITES = 1_000
_numbers = itertools.count()


class Account:
    """An account, a key of it, and what the key reads."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.key: NewKey = app.account()

    def say(self, kind: str, **message: Any) -> None:
        """Send a call, a second after the one before."""
        self.app.clock.advance(ms=1_000)
        self.app.calls(self.key, (kind, message))

    def traits(self, user: str) -> JSON:
        return page(self.app, self.key, f"/profiles/userId:{user}/traits")

    def actions(self, whose: str) -> list[str]:
        """Of the events of somebody, the oldest first."""
        found = page(self.app, self.key, f"/profiles/{whose}/events?sort=asc")["data"]
        return [one["eventAction"] for one in found]


@pytest.fixture
def account(app: App) -> Account:
    return Account(app)


def test_there_is_a_test_for_every_vector() -> None:
    tests = Path(__file__).parents[2]
    found: set[int] = set()
    for part in ("contract/intilery", "contract/segment", "clients"):
        for module in (tests / part).glob("test_*.py"):
            names = re.findall(r"^def test_v(\d+)_", module.read_text(), re.MULTILINE)
            found.update(map(int, names))
    assert found == set(range(1, VECTORS + 1))


# Keys, origins, rates


def test_v10_without_a_key_that_may_read_there_it_is_a_401_or_a_403(shared: App) -> None:
    key, other = shared.account(), shared.account(account="other")
    for path, token, status in (
        (HERE, None, 401),
        (HERE, "unknown", 401),
        (HERE, f"{key.auth_token}x", 401),
        (HERE, key.write_key, 401),
        (HERE, other.auth_token, 403),
        ("/track/acme/nowhere/NOWHERE/v1", key.auth_token, 403),
        ("/track/nobody/acme/ACME/v1", key.auth_token, 403),
    ):
        headers = {} if token is None else {"auth-token": token}
        for view in (
            "profiles",
            "profiles/userId:u-1/traits",
            "profiles/u-1/meta",
            "events?size=0",
        ):
            answer = shared.request("GET", f"{path}/{view}", headers=headers)
            assert answer.status_code == status, (path, view)
            (error,) = answer.json().values()
            assert set(error) == {"code", "message"}
            assert error["code"] == "authentication_error"
            assert uuid.UUID(answer.headers["x-amzn-requestid"])


def test_v12_no_page_of_another_origin_may_read(account: Account) -> None:
    asks = {"origin": "https://shop.example", "access-control-request-method": "GET"}
    for view in ("profiles", "profiles/userId:u-1/traits", "profiles/userId:u-1/events", "events"):
        answer = account.app.request("OPTIONS", f"{HERE}/{view}", headers=asks)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.json()["error"]["code"] == "invalid_request_error"


def test_v13_of_600_reads_at_once_500_are_answered(app: App) -> None:
    key, other = app.account(), app.account()
    app.calls(other, ("identify", {"userId": "u-1"}))
    path = f"{HERE}/profiles/userId:u-1/traits"

    async def at_once() -> list[httpx.Response]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app.asgi), base_url="http://onefold.test"
        ) as client:
            asked = [client.get(path, headers={"auth-token": key.auth_token}) for _ in range(READS)]
            return await asyncio.gather(*asked)

    answers = app._runner.run(at_once())
    assert Counter(one.status_code for one in answers) == {200: 500, 429: READS - 500}
    for answer in answers:
        if answer.status_code == 429:
            assert answer.json()["error"]["code"] == "rate_limit_error"
            assert int(answer.headers["retry-after"]) >= 1
    assert app.ask(other, "/profiles/userId:u-1/traits").status_code == 200


# What is written is read


def test_v25_a_read_knows_of_every_write_that_was_applied(data: Path) -> None:
    """In one process; with processes, and half a second in between, it is a test of clients."""
    with application(data) as app:
        key = app.account()
        for start in range(0, WRITES, 100):
            users = [f"u-{number}" for number in range(start, start + 100)]
            send(app, key, [identify(user, n=user) for user in users])
            for user in users:
                found = page(app, key, f"/profiles/userId:{user}/traits")
                assert (found["externalId"], found["n"]) == (user, user)


def test_v26_a_trait_is_replaced_whole_and_null_removes_it(account: Account) -> None:
    account.say("identify", userId="u-1", traits={"a": 1, "o": {"x": 1, "y": 2}})
    account.say("identify", userId="u-1", traits={"o": {"x": 3}})
    assert account.traits("u-1")["a"] == 1
    account.say("identify", userId="u-1", traits={"a": None})
    found = account.traits("u-1")
    assert found == {"id": found["id"], "externalId": "u-1", "o": {"x": 3}}


def test_v27_the_newer_timestamp_wins_whatever_comes_first(account: Account) -> None:
    newer, older = iso(START_MS - MINUTE), iso(START_MS - 2 * MINUTE)
    account.say("identify", userId="u-1", traits={"plan": "new"}, timestamp=newer)
    account.say("identify", userId="u-1", traits={"plan": "old", "city": "Oslo"}, timestamp=older)
    found = account.traits("u-1")
    assert (found["plan"], found["city"]) == ("new", "Oslo")


class Word(NamedTuple):
    """What one identify call says, at which door, and whether it is applied before the next one."""

    traits: dict[str, Any]
    door: str
    applied: bool


_words = st.lists(
    st.builds(
        Word,
        st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 3), max_size=2),
        st.sampled_from(("identify", "batch", "library")),
        st.booleans(),
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=15, deadline=None)
@given(_words, st.randoms(use_true_random=False))
def test_v27_every_order_of_delivery_gives_the_same_traits(
    shared: App, words: list[Word], random: Random
) -> None:
    """Some are sent twice, too."""
    key = shared.account(rate=1_000_000, burst=1_000_000)
    user = f"order-{next(_numbers)}"
    expected: dict[str, Any] = {}
    calls = []
    for number, word in enumerate(words):
        expected |= word.traits
        at_ms = START_MS - MINUTE + number
        call = {"userId": user, "traits": word.traits, "timestamp": iso(at_ms)}
        calls.append((word, call | {"messageId": f"{user}-{number}"}))
    calls += random.sample(calls, len(calls) // 2)
    random.shuffle(calls)
    for word, call in calls:
        if word.door == "library":
            answer = shared.segment("/v1/identify", call, user=key.write_key or "")
        elif word.door == "batch":
            answer = shared.call(key, "batch", {"batch": [{"type": "identify", **call}]})
        else:
            answer = shared.call(key, "identify", call)
        assert answer.status_code == 200, answer.text
        if word.applied:
            shared.drain()
    shared.drain()
    found = page(shared, key, f"/profiles/userId:{user}/traits")
    known = {name: value for name, value in expected.items() if value is not None}
    assert found == {"id": found["id"], "externalId": user, **known}
    events = page(shared, key, f"/profiles/userId:{user}/events")["data"]
    assert len(events) == len(words)


# Who is who


def test_v29_what_a_visitor_did_is_in_the_timeline_of_the_customer(account: Account) -> None:
    account.say("page", anonymousId="a-1", name="Home")
    account.say("page", anonymousId="a-1", name="Basket")
    account.say("identify", userId="u-1", anonymousId="a-1")
    assert account.actions("userId:u-1") == ["page", "page", "identify"]
    assert account.actions("anonymousId:a-1") == ["page", "page", "identify"]
    found = page(account.app, account.key, "/profiles/userId:u-1/events?sort=asc")["data"]
    assert [one["rawData"].get("name") for one in found] == ["Home", "Basket", None]
    assert {one["externalId"] for one in found} == {"u-1"}


def test_v30_a_device_that_is_handed_on_joins_nobody(account: Account) -> None:
    account.say("page", anonymousId="a-1")
    account.say("identify", userId="u-1", anonymousId="a-1", traits={"name": "K"})
    account.say("track", userId="u-1", anonymousId="a-1", event="First")
    account.say("identify", userId="u-2", anonymousId="a-1", traits={"name": "L"})
    account.say("track", anonymousId="a-1", event="Second")
    account.say("track", userId="u-1", event="Third")
    kim, lee = account.traits("u-1"), account.traits("u-2")
    assert (kim["name"], lee["name"]) == ("K", "L")
    assert kim["id"] != lee["id"]
    assert account.actions("userId:u-1") == ["page", "identify", "first", "third"]
    assert account.actions("userId:u-2") == ["identify", "second"]
    assert account.actions("anonymousId:a-1") == ["identify", "second"]
    assert account.app.faults() == []


# Names


def test_v37_names_of_events_become_actions(account: Account) -> None:
    for name in ("Order #2!", "ÉtaT", "!!!"):
        account.say("track", userId="u-1", event=name)
    account.say("identify", userId="u-1")
    assert account.actions("userId:u-1") == ["order_2", "état", "track", "identify"]
    for blank in ("", "  ", "\t\n", None):
        answer = account.app.call(account.key, "track", {"userId": "u-1", "event": blank})
        assert answer.status_code == 400
        assert answer.json()["success"] is False
