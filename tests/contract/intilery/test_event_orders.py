"""Timelines as properties: whatever was sent and whatever is asked, the pages together are what a
naive reading of the contract gives. Source: Intilery contract, 7.3 to 7.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.control.keys import NewKey
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.intilery.timelines import JSON, application, page, send, track, walked
from tests.contract.people import iso

USERS = ("u-1", "u-2", "u-3")
NAMES = ("Song Played", "Page", "Order #2!", "!!!")
SLUGS = {"Song Played": "song_played", "Page": "page", "Order #2!": "order_2", "!!!": "track"}
SPAN_MS = 40
EVENTS = 180


class Sent(NamedTuple):
    """One event of the model."""

    at_ms: int
    received_ms: int
    event_id: str
    user: str
    action: str


class World(NamedTuple):
    app: App
    key: NewKey
    sent: list[Sent]


@pytest.fixture(scope="module")
def world(fresh: Callable[[], Path]) -> Iterator[World]:
    """Events of three users with many equal times, received at a few moments."""
    with application(fresh()) as app:
        key = app.account()
        sent: list[Sent] = []
        for number in range(6):
            app.at(START_MS + 1_000_000 + number // 2 * 10)
            calls, facts = [], []
            for place in range(EVENTS // 6):
                mixed = (number * 31 + place * 17) % 101
                user, name = USERS[mixed % 3], NAMES[mixed % 4]
                at_ms = START_MS + mixed * 7 % SPAN_MS
                calls.append(track(user, name, at_ms, properties={"n": mixed % 5}))
                facts.append((at_ms, app.clock.now_ms(), user, SLUGS[name]))
            for id_, (at_ms, received_ms, user, action) in zip(
                send(app, key, calls), facts, strict=True
            ):
                sent.append(Sent(at_ms, received_ms, id_, user, action))
        yield World(app, key, sent)


class Asked(NamedTuple):
    """A question."""

    user: str | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    start: int | None
    end: int | None
    ascending: bool
    by_receipt: bool
    size: int
    offset: int

    @property
    def url(self) -> str:
        return f"/profiles/userId:{self.user}/events" if self.user else "/events"

    @property
    def parameters(self) -> str:
        given = {
            "include": ",".join(self.include),
            "exclude": ",".join(self.exclude),
            "start": "" if self.start is None else iso(self.base_ms + self.start),
            "end": "" if self.end is None else iso(self.base_ms + self.end),
            "sort": "asc" if self.ascending else "",
            "orderBy": "received" if self.by_receipt else "",
            "size": self.size,
            "from": self.offset or "",
        }
        return "&".join(f"{name}={value}" for name, value in given.items())

    @property
    def base_ms(self) -> int:
        return START_MS + (1_000_000 if self.by_receipt else 0)

    def answer(self, sent: list[Sent]) -> list[str]:
        """What the contract says must come, in its order."""
        chosen = []
        for one in sent:
            at_ms = one.received_ms if self.by_receipt else one.at_ms
            if (
                (self.user in (None, one.user))
                and (not self.include or one.action in self.include)
                and one.action not in self.exclude
                and (self.start is None or at_ms >= self.base_ms + self.start)
                and (self.end is None or at_ms < self.base_ms + self.end)
            ):
                chosen.append(one)
        if self.by_receipt:
            chosen.sort(key=lambda one: (one.received_ms, one.event_id))
        else:
            chosen.sort()
        if not self.ascending:
            chosen.reverse()
        return [one.event_id for one in chosen[self.offset :]]


SLUG_SETS = st.sets(st.sampled_from(sorted(SLUGS.values())), max_size=2).map(tuple)
ASKED = st.builds(
    Asked,
    user=st.sampled_from((*USERS, None)),
    include=SLUG_SETS,
    exclude=SLUG_SETS,
    start=st.none() | st.integers(-1, SPAN_MS),
    end=st.none() | st.integers(-1, SPAN_MS),
    ascending=st.booleans(),
    by_receipt=st.booleans(),
    size=st.sampled_from((7, 30, 99, 100)),
    offset=st.sampled_from((0, 0, 1, 25, 100)),
)


@given(asked=ASKED)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_pages_together_are_what_was_asked_in_order_each_event_once(
    world: World, asked: Asked
) -> None:
    found = walked(world.app, world.key, asked.url, asked.parameters)
    assert [one["eventId"] for one in found] == asked.answer(world.sent)


@given(asked=ASKED, number=st.integers(0, 4))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_search_by_properties_leaves_out_the_others_and_keeps_the_order(
    world: World, asked: Asked, number: int
) -> None:
    asked = asked._replace(offset=0)
    everything = walked(world.app, world.key, asked.url, asked.parameters)
    found = walked(world.app, world.key, asked.url, f"{asked.parameters}&properties.n={number}")
    assert found == [e for e in everything if e["rawData"]["properties"]["n"] == number]


def _everything_once(app: App, events: int) -> None:
    """V21 with so many events, a tenth of which have one time in common."""
    key = app.account()
    app.at(START_MS + 1_000_000)
    calls = [
        track("u-1", "Seen", START_MS if n % 10 == 0 else START_MS + n * 7 % 100_000)
        for n in range(events)
    ]
    ids = send(app, key, calls)
    found: list[JSON] = []
    asked = page(app, key, "/profiles/userId:u-1/events")
    while asked["data"]:
        found += asked["data"]
        asked = page(app, key, f"/profiles/userId:u-1/events?scrollId={asked['scrollId']}")
    keys = [(one["eventTime"], one["receivedTime"], one["eventId"]) for one in found]
    assert keys == sorted(keys, reverse=True)
    assert sorted(one["eventId"] for one in found) == sorted(ids)
    assert len(set(ids)) == events


def test_v21_scroll_ids_lead_through_all_events_each_once_in_order(data: Path) -> None:
    with application(data) as app:
        _everything_once(app, 2_500)


@pytest.mark.long
def test_v21_in_full_beyond_the_depth_of_from(data: Path) -> None:
    with application(data) as app:
        _everything_once(app, 25_000)
