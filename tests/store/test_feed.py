"""The feed: pages, first and last of every action, and last activity are those of a plain list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Engine, Row, Value
from onefold.store.migrate import opened
from onefold.store.tables import feed, identities
from onefold.store.tables.feed import Ask, Entry
from onefold.store.tables.identities import Member

OWNERS = [Xid(one) for one in "abc"]
ACTIONS = ["page", "identify", "order_2"]
BRANDS = ["ACME", "BETA"]
GROUPS = [Xid("g"), Xid("h")]

entries = st.lists(
    st.builds(
        Entry,
        st.sampled_from(OWNERS),
        st.integers(0, 5),
        st.integers(0, 5),
        st.sampled_from("pqrstu"),
        st.sampled_from(ACTIONS),
        st.sampled_from(BRANDS),
        st.booleans(),
        st.none() | st.sampled_from(GROUPS),
    ),
    max_size=30,
    unique_by=lambda one: (one.xid, one.event_id),
)
times = st.none() | st.integers(0, 6)
asks = st.builds(
    Ask,
    start_ms=times,
    end_ms=times,
    include=st.lists(st.sampled_from(ACTIONS), max_size=2).map(tuple),
    exclude=st.lists(st.sampled_from(ACTIONS), max_size=2).map(tuple),
    brands=st.none() | st.frozensets(st.sampled_from(BRANDS)),
    group_xid=st.none() | st.sampled_from(GROUPS),
    ascending=st.booleans(),
    by_receipt=st.booleans(),
    offset=st.integers(0, 4),
    limit=st.integers(1, 5),
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = opened(tmp_path_factory.mktemp("feed") / "profile.db", "profile")
    with engine.transaction() as transaction:
        identities.add(transaction, [Member(one, one, 1, one, 0) for one in OWNERS])
    return engine


def filled(engine: Engine, some: list[Entry]) -> None:
    with engine.transaction() as transaction:
        transaction.write("DELETE FROM feed")
        feed.add(transaction, some)
        feed.add(transaction, some[:3])  # again, which changes nothing


def wanted(one: Entry, owners: list[Xid] | None, ask: Ask) -> bool:
    time = one.received_ms if ask.by_receipt else one.at_ms
    return (
        (owners is None or one.xid in owners)
        and (ask.start_ms is None or time >= ask.start_ms)
        and (ask.end_ms is None or time < ask.end_ms)
        and (not ask.include or one.action in ask.include)
        and one.action not in ask.exclude
        and (ask.brands is None or one.brand in ask.brands)
        and (ask.group_xid is None or one.group_xid == ask.group_xid)
    )


@given(entries, asks, st.none() | st.lists(st.sampled_from(OWNERS), max_size=4), st.integers(0, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_page_is_that_part_of_the_list(
    stored: Engine, some: list[Entry], ask: Ask, owners: list[Xid] | None, place: int
) -> None:
    filled(stored, some)
    whole = sorted(
        (one for one in some if wanted(one, owners, ask)),
        key=lambda one: one.sort_key(by_receipt=ask.by_receipt),
        reverse=not ask.ascending,
    )
    assert feed.page(stored, owners, ask) == whole[ask.offset : ask.offset + ask.limit]
    if place < len(whole):
        after = whole[place].sort_key(by_receipt=ask.by_receipt)
        behind = Ask(**{**{f: getattr(ask, f) for f in ask.__struct_fields__}, "after": after})
        expected = whole[place + 1 :][ask.offset : ask.offset + ask.limit]
        assert feed.page(stored, owners, behind) == expected


@given(entries, st.lists(st.sampled_from(OWNERS), max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_first_last_and_activity_are_those_of_the_list(
    stored: Engine, some: list[Entry], owners: list[Xid]
) -> None:
    filled(stored, some)
    ours = sorted((one for one in some if one.xid in owners), key=Entry.sort_key)
    assert feed.actions(stored, owners) == {
        action: (of[0], of[-1])
        for action in ACTIONS
        if (of := [one for one in ours if one.action == action])
    }
    active = [min(one.at_ms, one.received_ms) for one in ours if one.active]
    assert feed.last_active(stored, owners) == max(active, default=None)
    assert feed.activity_of(stored, owners) == {
        owner: max(min(one.at_ms, one.received_ms) for one in theirs)
        for owner in owners
        if (theirs := [one for one in ours if one.active and one.xid == owner])
    }


def test_entries_that_are_gone_are_not_found(engine: Engine) -> None:
    kept = Entry(OWNERS[0], 1, 2, "p", "page", "ACME", True)
    gone = Entry(OWNERS[0], 1, 2, "q", "page", "ACME", True)
    filled(engine, [kept, gone])
    with engine.transaction() as transaction:
        feed.remove(transaction, [gone.key, (OWNERS[1], 1, 2, "p")])
    assert feed.page(engine, None, Ask()) == [kept]
    assert feed.of_keys(engine, [kept.key, gone.key]) == [kept]
    assert (feed.count(engine), feed.left(engine, OWNERS[0])) == (1, 1)
    with engine.transaction() as transaction:
        feed.forget(transaction, OWNERS)
    assert feed.count(engine) == 0


def test_pages_enter_an_index_where_they_begin(tmp_path: Path) -> None:
    """However far into a timeline, and whatever it is filtered by, nothing before is read."""
    engine = opened(tmp_path / "profile.db", "profile")
    plans: list[str] = []

    class Explained:
        def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
            plans.extend(row[3] for row in engine.read(f"EXPLAIN QUERY PLAN {sql}", parameters))
            return []

    for ascending in (True, False):
        for owners in (None, OWNERS[:1]):
            after = (5, 5, "p", "a")
            ask = Ask(start_ms=1, end_ms=9, exclude=("page",), ascending=ascending, after=after)
            feed.page(Explained(), owners, ask)
        ask = Ask(
            group_xid=GROUPS[0], include=("page",), ascending=ascending, after=(5, 5, "p", "a")
        )
        feed.page(Explained(), None, ask)
        assert plans[-1].startswith("SEARCH feed USING INDEX feed_by_group (group_xid=? AND")
        feed.page(Explained(), OWNERS[:1], Ask(include=("page",), ascending=ascending, start_ms=1))
        feed.page(Explained(), None, Ask(by_receipt=True, ascending=ascending, after=(5, "p", "a")))
    engine.close()
    assert all(plan.startswith("SEARCH feed USING") for plan in plans), plans


def test_of_one_action_no_other_event_is_read(stored: Engine) -> None:
    """A customer may have very many actions, and very many events of others."""
    filled(
        stored, [Entry(OWNERS[0], n, n, f"e-{n}", f"action_{n}", "ACME", True) for n in range(9)]
    )
    plans: list[str] = []

    class Explained:
        def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
            found = stored.read(f"EXPLAIN QUERY PLAN {sql}", parameters)
            plans.extend(row[3] for row in found if " feed " in row[3])
            return stored.read(sql, parameters)

    assert len(feed.actions(Explained(), OWNERS)) == 9
    for by_receipt in (False, True):
        ask = Ask(include=("action_3", "action_5"), by_receipt=by_receipt, start_ms=1)
        assert len(feed.page(Explained(), OWNERS, ask)) == 2
    assert plans
    assert all("INDEX feed_by_action (xid=?" in plan for plan in plans), plans
