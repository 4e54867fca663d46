"""Laws of what is tied to groups: their timelines are a filter over all calls that are there, in
whatever order these came, whoever used whose device, and whatever was undone or deleted since."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.removal import Removal
from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.snapshot import Snapshot
from onefold.store.tables import events, feed
from tests.properties.test_deleting import PEOPLE, Pair, Spoken, definitions, spoken

__all__ = ["definitions"]
_numbers = itertools.count()

GROUPS = ("g-1", "7")
TIES: Sequence[tuple[dict[str, Any], str | None]] = (
    ({}, None),
    ({"groupId": "g-1"}, "g-1"),
    ({"groupId": 7}, "7"),
    ({"group_id": " 7 "}, "7"),
    ({"context": {"groupId": "g-1"}}, "g-1"),
    ({"groupId": "7", "context": {"groupId": "g-1"}}, "7"),
    ({"groupId": "", "context": {"groupId": "g-1"}}, "g-1"),
    ({"groupId": {"id": "g-1"}, "properties": {"groupId": "7"}}, None),
)
"""What messages say, and of which group that is."""

tied = st.tuples(spoken, st.sampled_from(TIES))


def timeline(world: Pair, engine: Engine, group: str) -> list[str]:
    """Which events a group's timeline has, in its order."""
    namespace = world.snapshot.namespaces.by_key("groupId")
    assert namespace is not None
    ask = feed.Ask(group_xid=xids.encode(namespace.id, group), ascending=True, limit=1000)
    return [one.event_id for one in feed.page(engine, None, ask)]


def undone(world: Pair, event_ids: set[str]) -> None:
    """Order that these events go, whoever owns them now."""
    rows = events.numbered(world.engine, first=0, last=10**9, limit=1000)
    account = world.snapshot.account
    assert account is not None
    records: list[tuple[Xid, str, str, int]] = [
        (owner, account.calls, event_id, number)
        for owner, event_id, number in rows
        if event_id in event_ids
    ]
    world.order(Removal(records=records))


@given(
    history=st.lists(tied, min_size=1, max_size=20),
    later=st.lists(tied, max_size=5),
    gone=st.none() | st.sampled_from(PEOPLE),
    withdrawn=st.sets(st.integers(1, 20), max_size=4),
    records_max=st.sampled_from([1, 3, 1000]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_timeline_of_a_group_is_a_filter_over_all_calls(
    tmp_path_factory: pytest.TempPathFactory,
    definitions: Callable[[], Snapshot],
    history: list[tuple[Spoken, tuple[dict[str, Any], str | None]]],
    later: list[tuple[Spoken, tuple[dict[str, Any], str | None]]],
    gone: str | None,
    withdrawn: set[int],
    records_max: int,
) -> None:
    directory = tmp_path_factory.mktemp("tied") / str(next(_numbers))
    world = Pair(directory, definitions(), records_max)
    again = opened(directory / "again.db", "profile")
    said: dict[str, tuple[str | None, int]] = {}
    """By event id: the group, and when it happened, in steps."""

    def say(calls: list[tuple[Spoken, tuple[dict[str, Any], str | None]]]) -> None:
        for call, (besides, group) in calls:
            event_id = world.say(replace(call, besides=tuple(besides.items())))
            place = len(said) + 1
            said[event_id] = (group, (place - call.late) * 1000 - place)
        world.drain()

    def expected(group: str, left_out: set[str]) -> list[str]:
        ours = [one for one, (of, _) in said.items() if of == group and one not in left_out]
        return sorted(ours, key=lambda one: said[one][1])

    try:
        say(history)
        left_out: set[str] = set()
        if gone is not None:
            names = world.model.names(gone)
            left_out |= set[str]().union(*[world.model.events.get(one, set()) for one in names])
            people = world.members(world.engine, gone)
            if people:
                world.forget(people)
                world.drain()
        for group in GROUPS:
            assert timeline(world, world.engine, group) == expected(group, left_out)

        going = {f"e-{number}" for number in withdrawn} & said.keys()
        undone(world, going)
        world.drain()
        left_out |= going
        for group in GROUPS:
            assert timeline(world, world.engine, group) == expected(group, left_out)
        assert world.found() == []

        if gone is None:
            say(later)
            for group in GROUPS:
                assert timeline(world, world.engine, group) == expected(group, left_out)
        processor = world.over(again, records_max=4)
        while processor.step():
            pass
        for group in GROUPS:
            assert timeline(world, again, group) == expected(group, left_out)
        assert world.found() == []
    finally:
        again.close()
        world.close()
