"""The list of all customers: a scroll over them, each once. Source: Intilery contract, 9."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.control.keys import NewKey
from onefold.lookup import scrolls as module
from onefold.lookup.scrolls import IDLE_MS, NOTED_MS, OPEN_MAX, WAITING_MAX
from onefold.store.engine import Reader
from onefold.store.tables.identities import Member
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS
from tests.contract.intilery.timelines import (
    JSON,
    application,
    identify,
    page,
    refused,
    send,
    track,
    walked,
)
from tests.contract.people import RECORD, iso


@pytest.fixture
def app(data: Path) -> Iterator[App]:
    """An account of its own for each test."""
    with application(data) as app:
        yield app


@pytest.fixture
def key(app: App) -> NewKey:
    app.at(START_MS + 1_000_000)
    return app.account()


def _people(app: App, key: NewKey, number: int) -> None:
    """Users, of whom the one with the highest number was active last."""
    send(app, key, [track(f"u-{n}", "Seen", START_MS + n * 1000) for n in range(number)])


def _next(app: App, key: NewKey, answer: JSON, name: str = "scrollId") -> JSON:
    return page(app, key, f"/profiles?{name}={quote(answer['scrollId'], safe='')}")


def _users(found: list[JSON]) -> list[str]:
    return [one.get("externalId", "") for one in found]


def _delete(app: App, user: str) -> None:
    answer = app.request(
        "DELETE", f"{RECORD}&entityId={user}&entityIdNS=userId", headers=app.headers()
    )
    assert answer.status_code == 202, answer.text
    app.drain()
    app.work()


def test_customers_come_by_activity_with_their_traits(app: App, key: NewKey) -> None:
    _people(app, key, 5)
    send(app, key, [identify("u-1", plan="gold", email="One@example.org")])
    first = page(app, key, "/profiles")
    assert _users(first["data"]) == ["u-1", "u-4", "u-3", "u-2", "u-0"]
    assert first["data"][0] == json_of(app.ask(key, "/profiles/userId:u-1/traits"))
    assert _next(app, key, first)["data"] == []


def test_an_account_without_customers_has_an_empty_page_and_a_scroll_id(
    app: App, key: NewKey
) -> None:
    first = page(app, key, "/profiles")
    assert (first["data"], bool(first["scrollId"])) == ([], True)
    assert _next(app, key, first)["data"] == []


def test_v24_each_customer_that_stays_comes_once_while_others_come_and_go(
    app: App, key: NewKey
) -> None:
    _people(app, key, 250)
    first = page(app, key, "/profiles")
    assert _users(first["data"]) == [f"u-{n}" for n in range(249, 149, -1)]
    moved = [identify(f"u-{n * 10}", seen=True) for n in range(20)]
    send(app, key, [*moved, track("new", "Seen", START_MS)])
    _delete(app, "u-77")
    second = _next(app, key, first, "scrollid")
    third = _next(app, key, second, "SCROLLID")
    last = _next(app, key, third)
    found = first["data"] + second["data"] + third["data"]
    assert _users(found) == [f"u-{n}" for n in range(249, -1, -1) if n != 77]
    assert [len(one["data"]) for one in (first, second, third, last)] == [100, 100, 49, 0]
    assert last["scrollId"]
    shown = {one["externalId"]: "seen" in one for one in second["data"] + third["data"]}
    assert shown == {f"u-{n}": n % 10 == 0 for n in range(150) if n != 77}


def test_a_customer_is_shown_as_it_is_when_its_page_is_read(app: App, key: NewKey) -> None:
    _people(app, key, 3)
    first = page(app, key, "/profiles?size=1")
    send(app, key, [identify("u-0", late=1)])
    assert _next(app, key, _next(app, key, first))["data"][0]["late"] == 1


def test_sizes_hold_for_all_pages_and_from_is_passed_over(app: App, key: NewKey) -> None:
    _people(app, key, 7)
    asked = page(app, key, "/profiles?size=3&from=5")
    sizes = []
    while asked["data"]:
        sizes.append(len(asked["data"]))
        asked = _next(app, key, asked)
    assert sizes == [3, 3, 1]
    assert len(page(app, key, "/profiles?limit=2")["data"]) == 2


@pytest.mark.parametrize(
    "asked", ["size=0", "size=101", "size=x", "known=maybe", "size=1&size=1", "scrollId=x"]
)
def test_a_parameter_that_makes_no_sense_is_refused(app: App, key: NewKey, asked: str) -> None:
    refused(app, key, f"/profiles?{asked}")


def test_a_scroll_id_repeats_its_customers(app: App, key: NewKey) -> None:
    _people(app, key, 30)
    first = page(app, key, "/profiles?size=10")
    second = _next(app, key, first)
    send(app, key, [identify("u-3"), identify("u-15")])
    assert _users(_next(app, key, first)["data"]) == _users(second["data"])
    assert len({one["externalId"] for one in walked(app, key, "/profiles", "size=10")}) == 30


def test_of_two_that_become_one_the_survivor_comes_once(app: App, key: NewKey) -> None:
    send(
        app,
        key,
        [
            track("u-1", "Seen", START_MS + 2),
            {"type": "page", "anonymousId": "a-1", "timestamp": iso(START_MS + 1)},
            track("u-2", "Seen", START_MS),
        ],
    )
    before = page(app, key, "/profiles?size=1")
    again = page(app, key, "/profiles?size=1")
    further = _next(app, key, again)
    send(app, key, [{"type": "identify", "userId": "u-2", "anonymousId": "a-1"}])
    survivor = _next(app, key, before)
    assert _users(before["data"] + survivor["data"]) == ["u-1", "u-2"]
    assert _next(app, key, survivor)["data"] == []
    assert _users(further["data"]) == [""]
    assert _next(app, key, further)["data"] == []  # it came as the visitor that it was


def test_known_leaves_out_who_has_neither_user_id_nor_address(app: App, key: NewKey) -> None:
    send(
        app,
        key,
        [
            track("u-1", "Seen", START_MS),
            {"type": "page", "anonymousId": "a-1"},
            {"type": "identify", "anonymousId": "a-2", "traits": {"email": "two@example.org"}},
            {"type": "identify", "anonymousId": "a-3", "traits": {"email": " "}},
        ],
    )
    assert len(walked(app, key, "/profiles")) == 4
    known = walked(app, key, "/profiles", "known=true&size=1")
    assert sorted(one.get("email", "") for one in known) == ["", "two@example.org"]


def test_groups_are_no_customers(app: App, key: NewKey) -> None:
    send(app, key, [{"type": "group", "userId": "u-1", "groupId": "g-1", "traits": {"a": 1}}])
    assert _users(walked(app, key, "/profiles")) == ["u-1"]


def test_a_scroll_is_open_as_long_as_it_is_used(app: App, key: NewKey) -> None:
    _people(app, key, 5)
    first = page(app, key, "/profiles?size=1")
    for _ in range(4):
        app.clock.advance(ms=IDLE_MS)
        _next(app, key, first)
    app.clock.advance(ms=IDLE_MS + 2 * NOTED_MS)
    text = refused(app, key, f"/profiles?scrollId={first['scrollId']}")
    assert text == refused(app, key, "/profiles?scrollId=x")


def test_a_scroll_is_of_no_use_altered_or_to_others(app: App, key: NewKey) -> None:
    _people(app, key, 2)
    cursor = page(app, key, "/profiles?size=1")["scrollId"]
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    same_account = app.account()
    texts = {
        refused(app, key, f"/profiles?scrollId={changed}"),
        refused(app, key, f"/events?scrollId={cursor}"),
        refused(app, same_account, f"/profiles?scrollId={cursor}"),
    }
    other = app.account(account="other")
    texts.add(refused(app, other, f"/profiles?scrollId={cursor}"))
    assert len(texts) == 1


def test_a_key_has_so_many_open_scrolls_and_loses_its_oldest(app: App, key: NewKey) -> None:
    _people(app, key, 2)
    other = app.account()
    untouched = page(app, other, "/profiles")
    opened = []
    for number in range(OPEN_MAX + 2):
        opened.append(page(app, key, "/profiles"))
        if number % 5 == 0:  # so that not all are on one listing
            send(app, key, [track("u-0", "Seen", START_MS)])
    for number, answer in enumerate(opened):
        cursor = quote(answer["scrollId"])
        status = app.ask(key, f"/profiles?scrollId={cursor}").status_code
        assert status == (400 if number < 2 else 200)
    _next(app, other, untouched)
    listings = app.places.scroll(app.sandbox.id).read("SELECT count(*) FROM listings")
    assert listings[0][0] <= 6


def test_what_is_not_used_any_more_is_removed_when_the_next_is_opened(
    app: App, key: NewKey
) -> None:
    store = app.places.scroll(app.sandbox.id)
    for _ in range(3):
        send(app, key, [track("u-0", "Seen", START_MS)])
        page(app, key, "/profiles")
    assert store.read("SELECT count(*) FROM listings") == [(3,)]
    app.clock.advance(ms=IDLE_MS + 2 * NOTED_MS)
    page(app, key, "/profiles")
    assert store.read("SELECT count(*) FROM customers") == [(1,)]
    assert store.read("SELECT count(*) FROM scrolls") == [(1,)]


def test_not_everybody_opens_a_scroll_at_once(
    app: App, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 0)
    answer = app.ask(key, "/profiles")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert json_of(answer)["error"]["code"] == "internal_server_error"


def test_those_who_wait_for_a_list_share_the_one_that_is_made_next(
    app: App, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much changes meanwhile: it is of a moment after they came."""
    _people(app, key, 3)
    began, go_on = threading.Event(), threading.Event()
    versions = iter(range(1_000))

    def members(reader: Reader) -> Iterator[list[Member]]:
        began.set()
        assert go_on.wait(10)
        return real(reader)

    real = module._members
    monkeypatch.setattr(module, "_members", members)
    monkeypatch.setattr(module, "_version", lambda _: str(next(versions)))
    generation = app.rooms.definitions.generation()

    def opened(number: int) -> str:
        if number:
            assert began.wait(10)
        return app.rooms.scrolls.opened(app.sandbox.id, "k", generation=generation)

    with ThreadPoolExecutor(WAITING_MAX) as threads:
        running = [threads.submit(opened, number) for number in range(WAITING_MAX)]
        assert began.wait(10)
        room = app.rooms.scrolls._turns[app.sandbox.id].room
        while room._value:  # until all have come
            threading.Event().wait(0.01)
        go_on.set()
        assert len({one.result() for one in running}) == WAITING_MAX
    store = app.places.scroll(app.sandbox.id)
    assert store.read("SELECT count(*) FROM listings") == [(2,)]


def test_the_file_of_scrolls_goes_with_the_sandbox_and_names_nobody(app: App, key: NewKey) -> None:
    send(app, key, [track("somebody-special", "Seen", START_MS)])
    before = page(app, key, "/profiles")
    file = app.places.store(app.sandbox.id) / "scroll.db"
    written = b"".join(one.read_bytes() for one in file.parent.glob("scroll.db*"))
    assert b"special" not in written
    url = f"/data/foundation/sandbox-management/sandboxes/{app.sandbox.name}"
    answer = app.request(
        "PUT", url, json={"action": "reset"}, headers=app.headers(content_type="application/json")
    )
    assert answer.status_code in (200, 202), answer.text
    app.drain()
    app.work()
    assert not file.exists()
    app.account()  # what was reset is no account until somebody asks for one
    refused(app, key, f"/profiles?scrollId={before['scrollId']}")


class Life:
    """What the naive model knows: who there is, each by the users and visitors that are the same
    customer."""

    def __init__(self) -> None:
        self._with: dict[str, frozenset[str]] = {}

    def see(self, name: str) -> None:
        self._with.setdefault(name, frozenset((name,)))

    def join(self, one: str, other: str) -> None:
        together = self._with[one] | self._with[other]
        self._with |= dict.fromkeys(together, together)

    def knows(self, name: str) -> bool:
        return name in self._with

    def is_alone(self, name: str) -> bool:
        return len(self._with[name]) == 1

    def customers(self) -> set[frozenset[str]]:
        return set(self._with.values())


USERS = 6
STEPS = st.lists(
    st.tuples(st.sampled_from(["see", "join", "page"]), st.integers(0, 5), st.integers(0, 5)),
    max_size=20,
)


@pytest.fixture(scope="module")
def scrolled(fresh: Callable[[], Path]) -> Iterator[tuple[App, NewKey]]:
    """One account for all examples."""
    with application(fresh()) as app:
        yield app, app.account()


@given(first=st.integers(2, 12), steps=STEPS, size=st.integers(1, 4), known=st.booleans())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_everybody_who_stays_comes_exactly_once_whoever_joins_whom(
    scrolled: tuple[App, NewKey],
    first: int,
    steps: list[tuple[str, int, int]],
    size: int,
    known: bool,
) -> None:
    """Visitors come, and become users, while pages are read. Each example has names of its own, and
    leaves the others' customers alone."""
    app, key = scrolled
    app.clock.advance(ms=1)
    run = app.clock.now_ms()
    names = [f"u{run}-{n}" for n in range(USERS)] + [f"a{run}-{n}" for n in range(USERS)]
    life = Life()

    def see(name: str) -> None:
        life.see(name)
        who = "userId" if name.startswith("u") else "anonymousId"
        send(app, key, [{"type": "identify", who: name, "traits": {name: True}}])

    for name in names[USERS - first // 2 :][:first]:
        see(name)
    listed = {one for one in life.customers() if not known or _has_user(one)}
    answer = page(app, key, f"/profiles?size={size}&known={str(known).lower()}")
    found: list[JSON] = list(answer["data"])
    for what, one, other in steps:
        users = [name for name in names[:USERS] if life.knows(name)]
        visitors = [n for n in names[USERS:] if life.knows(n) and life.is_alone(n)]
        if what == "see":
            see(names[one + other])
        elif what == "page":
            answer = _next(app, key, answer)
            found += answer["data"]
        elif users and visitors:
            user, visitor = users[one % len(users)], visitors[other % len(visitors)]
            send(app, key, [{"type": "identify", "userId": user, "anonymousId": visitor}])
            life.join(user, visitor)
    while answer["data"]:
        answer = _next(app, key, answer)
        found += answer["data"]
    told = [here for one in found if (here := frozenset(one.keys() & set(names)))]
    for customer in listed:
        assert sum(customer <= one for one in told) <= 1, "told twice"
    for here in told:
        assert any(customer <= here for customer in listed), "came later"
    for customer in life.customers():
        was_there = any(one <= customer for one in listed)
        assert any(one <= customer for one in told) == was_there, "left out"


def _has_user(customer: frozenset[str]) -> bool:
    return any(name.startswith("u") for name in customer)
