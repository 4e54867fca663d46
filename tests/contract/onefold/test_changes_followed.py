"""Whoever follows the changes knows who there is, whatever has happened to them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.graph.regrouping import Kind
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.xid import encode
from onefold.domain.removal import Removal
from onefold.lookup.changes import Log
from onefold.store.tables import events, fragments, identities
from onefold.store.tables.clusters import version
from onefold.testing.app import App
from tests.contract.people import ecid, event, record
from tests.jobs.test_removal import _remove

PEOPLE = 8
"""Few, so that they meet."""

numbers = st.integers(1, PEOPLE)
groups = st.lists(numbers, min_size=1, max_size=3, unique=True)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("events"), st.lists(groups, min_size=1, max_size=4)),
        st.tuples(st.just("records"), st.lists(groups, min_size=1, max_size=4)),
        st.tuples(st.just("forget"), st.lists(numbers, min_size=1, max_size=3)),
        st.tuples(st.just("cut"), st.lists(numbers, min_size=2, max_size=2, unique=True)),
        st.tuples(st.just("mend"), st.lists(numbers, min_size=2, max_size=2, unique=True)),
    ),
    max_size=6,
)


class Follower:
    """Reads the log and does as the how-to says. people: the clusters that there are by it, each
    with the number that tells when it last changed."""

    def __init__(self, app: App) -> None:
        self._store = app.places.profile(app.sandbox.id)
        self._upto = 0
        self.people: dict[Xid, int | None] = {}
        self.kinds: set[Kind] = set()

    def catch_up(self) -> None:
        page = Log(self._store).page(self._upto, limit=10_000)
        self._upto = page.upto
        for change in page.changes:
            self.kinds.add(change.kind)
            dropped = change.others if change.kind is Kind.JOINED else (change.cluster,)
            for name in dropped:
                self.people.pop(name, None)
            if change.kind is not Kind.DELETED:
                read = change.others if change.kind is Kind.SPLIT else (change.cluster,)
                self.people |= {name: version(self._store, name) for name in read}

    def there(self) -> dict[Xid, int | None]:
        """The same, read from the store."""
        names = {name for _, name in identities.every(self._store, after="", limit=1_000)}
        return {name: version(self._store, name) for name in names}


@pytest.fixture(scope="module")
def follower(shared: App) -> Follower:
    return Follower(shared)


def named(group: list[int]) -> list[tuple[str, str]]:
    return [("ECID", ecid(number)) for number in group]


def xid(number: int) -> Xid:
    return encode(4, ecid(number))


def do(app: App, step: tuple[str, list[Any]]) -> None:
    kind, given = step
    if kind == "events":
        when = app.clock.now_ms()
        entities = [event(f"e-{when}-{n}", *named(group)) for n, group in enumerate(given)]
        app.ingest(EVENTS, *entities)
    elif kind == "records":
        app.ingest(REGISTRATIONS, *(record(*named(group)) for group in given))
    elif kind == "forget":
        store = app.places.profile(app.sandbox.id)
        said = [row[1:] for row in fragments.every(store, after=0, limit=1_000)]
        happened = events.numbered(store, first=0, last=1_000_000, limit=1_000)
        xids = [xid(number) for number in given]
        what = Removal(
            events=[row for row in happened if row[0] in xids],
            fragments=[row for row in said if row[0] in xids],
            identities=xids,
        )
        _remove(app, what)
    else:
        a, b = sorted(map(xid, given))
        _remove(app, Removal(cuts=[(a, b)]) if kind == "cut" else Removal(mends=[(a, b)]))


@given(steps)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_log_tells_of_everybody(
    shared: App, follower: Follower, steps: list[tuple[str, list[Any]]]
) -> None:
    for step in steps:
        shared.clock.advance(ms=1)
        do(shared, step)
        follower.catch_up()
        assert follower.people == follower.there(), step


def test_a_life_in_all_kinds_of_changes(shared: App, follower: Follower) -> None:
    story = (
        ("records", [[101], [102]]),
        ("records", [[101]]),
        ("records", [[101, 102]]),
        ("cut", [101, 102]),
        ("forget", [101, 102]),
    )
    for step in story:
        do(shared, step)
        follower.catch_up()
        assert follower.people == follower.there(), step
    assert follower.kinds == set(Kind)
