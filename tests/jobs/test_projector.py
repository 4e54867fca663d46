"""The projector: whatever happens, an edge store says what one filled from scratch would say."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold import server
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain import removal
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.xid import encode
from onefold.domain.profile.projection import Edge
from onefold.domain.removal import Removal
from onefold.jobs import projector as under_test
from onefold.jobs.projector import Projector
from onefold.journal import Accepted, Journal
from onefold.observe.metrics import Metrics
from onefold.store.places import Places
from onefold.store.tables import changes, edge
from onefold.store.tables.edge import Entry, Wish
from onefold.testing.app import App
from onefold.testing.faults import Crash, Fault, Faults, FaultyPlaces, Point
from tests.contract.people import ecid, event, record
from tests.contract.profile.edges import destination, first_name, projection

DAY_MS = 86_400_000


class World:
    """An installation whose projector the test runs itself."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.pipeline = server.Pipeline(
            app.settings, places=app.places, bell=app.bell, metrics=Metrics(), clock=app.clock
        )
        self.projector = self.anew()
        self.numbers = count()

    def anew(self, places: Places | None = None) -> Projector:
        """A projector that remembers nothing."""
        return Projector(
            sandbox=self.app.sandbox.id,
            places=places or self.app.places,
            definitions=self.app.rooms.definitions,
            clock=self.app.clock,
        )

    def apply(self) -> None:
        """Apply what was accepted, and project nothing."""
        while self.pipeline.round(projecting=False):
            pass

    def say(self, number: int, name: str) -> None:
        app = self.app
        app.collect(app.message(REGISTRATIONS, record(("ECID", ecid(number)), **first_name(name))))
        self.apply()

    def link(self, one: int, other: int) -> None:
        named = (("ECID", ecid(one)), ("Email", f"p{other}@example.com"))
        self.app.collect(self.app.message(EVENTS, event(f"e-{next(self.numbers)}", *named)))
        self.apply()

    def remove(self, number: int) -> None:
        """Delete an identity with its fragments."""
        app, xid = self.app, encode(4, ecid(number))
        journal = Journal(app.places.journal(app.sandbox.id), app.bell)
        store = app.places.profile(app.sandbox.id)
        rows = store.read("SELECT xid, dataset, seq FROM fragments WHERE xid = ?", (xid,))
        gone = Removal(identities=[xid], fragments=[(row[0], row[1], row[2]) for row in rows])
        message = removal.encode(gone)
        journal.append([Accepted("job", app.clock.now_ms(), "", "", message, removal=True)])
        self.apply()

    def undo(self, *records: tuple[str, str, str, int]) -> None:
        """Undo records: (owner, dataset, event id, number)."""
        app = self.app
        journal = Journal(app.places.journal(app.sandbox.id), app.bell)
        what = Removal(records=[(Xid(owner), *row) for owner, *row in records])  # type: ignore[misc]  # the others as they are
        message = removal.encode(what)
        journal.append([Accepted("undo", app.clock.now_ms(), "", "", message, removal=True)])
        self.apply()

    def do(self, kind: str, *arguments: int | str) -> None:
        """One of `actions`."""
        if kind == "step":
            self.projector.step()
        elif kind == "crash":
            self.projector = self.anew()
        else:
            getattr(self, kind)(*arguments)

    def settle(self) -> None:
        while self.projector.step():
            pass

    def entries(self, to: str) -> list[Entry]:
        store = self.app.places.edge(self.app.sandbox.id, to)
        return [entry for entry, _ in edge.every(store, after="", limit=10_000)]  # type: ignore[arg-type]  # before all

    def from_scratch(self, to: str) -> list[Entry]:
        """The entries of a store that was filled anew."""
        self.app.places.remove_edge(self.app.sandbox.id, to)
        self.projector = self.anew()
        self.settle()
        return self.entries(to)


@pytest.fixture
def world(app: App) -> World:
    return World(app)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps so small that everything takes several."""
    for name in ("CHANGES_MAX", "WISHES_MAX", "WALKED_MAX"):
        monkeypatch.setattr(under_test, name, 2)


people = st.integers(1, 5)
actions = st.one_of(
    st.tuples(st.just("say"), people, st.sampled_from(("Ada", "Bo"))),
    st.tuples(st.just("link"), people, people),
    st.tuples(st.just("remove"), people),
    st.tuples(st.sampled_from(("step", "crash", "settle"))),
)


@pytest.mark.usefixtures("small_steps")
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(actions, min_size=1, max_size=12))
def test_following_the_changes_ends_where_filling_from_scratch_does(
    world: World, done: list[tuple[str, int, int | str]]
) -> None:
    """The examples follow one another in one world."""
    if not world.app.rooms.definitions.snapshot(world.app.sandbox.id).edges:
        projection(world.app, destination(world.app)["id"], selector="person,identityMap")
    (to,) = world.app.rooms.definitions.snapshot(world.app.sandbox.id).edges
    for action in done:
        world.do(*action)
    world.settle()
    followed = world.entries(to)
    assert followed == world.from_scratch(to)


@pytest.mark.usefixtures("small_steps")
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(actions | st.tuples(st.just("ask"), people), min_size=1, max_size=12))
def test_a_reactive_edge_has_what_a_proactive_one_has_of_those_who_were_asked_for(
    world: World, done: list[tuple[str, int, int | str]]
) -> None:
    """Whoever joins, splits and leaves meanwhile. The examples follow one another in one world."""
    if not world.app.rooms.definitions.snapshot(world.app.sandbox.id).edges:
        for policy in ("PROACTIVE", "REACTIVE"):
            projection(world.app, destination(world.app, replicationPolicy=policy)["id"])
    of_all, of_asked = world.app.rooms.definitions.snapshot(world.app.sandbox.id).edges
    store = world.app.places.edge(world.app.sandbox.id, of_asked)
    for kind, *arguments in done:
        if kind == "ask":
            xid = encode(4, ecid(int(arguments[0])))
            with store.transaction() as transaction:
                edge.wish(transaction, [Wish(xid, "", world.app.clock.now_ms())])
        else:
            world.do(kind, *arguments)
    world.settle()
    active = {row[0] for row in store.read("SELECT xid FROM activity")}
    everybody = world.entries(of_all)
    assert active <= {xid for entry in everybody for xid in entry.xids}
    assert [(one.xids, [body for _, _, body in one.bodies]) for one in world.entries(of_asked)] == [
        (one.xids, [body for _, _, body in one.bodies]) for one in everybody if one.xids & active
    ]


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("point", [Point.READ, Point.WRITE, Point.COMMIT, Point.COMMITTED])
def test_a_crash_anywhere_loses_and_doubles_nothing(world: World, point: Point) -> None:
    to = destination(world.app)["id"]
    projection(world.app, to)
    for number in range(1, 5):
        world.say(number, "Ada")
    faults = Faults()
    struck = 1
    for skip in range(0, 1000, 3):
        if not struck:
            break
        world.say(skip % 4 + 1, f"N{skip}")
        world.link(skip % 4 + 1, skip % 3)
        places = FaultyPlaces(world.app.settings.data, faults)
        fault = faults.arm(
            Fault(Crash, lambda c: c.database == "edge" and c.point is point, skip=skip)
        )
        doomed = world.anew(places)
        try:
            while doomed.step():
                pass
        except Crash:
            pass
        faults.disarm(fault)
        places.close()
        struck = fault.struck
        world.projector = world.anew()
        world.settle()
    assert not struck
    assert world.entries(to) == world.from_scratch(to)


@pytest.mark.usefixtures("small_steps")
def test_changes_behind_and_before_the_walk_are_not_missed(world: World) -> None:
    for number in range(1, 8):
        world.say(number, "Ada")
    to = destination(world.app)["id"]
    projection(world.app, to)  # the application's own projector fills it; begin again
    world.app.places.remove_edge(world.app.sandbox.id, to)
    for number in range(1, 8):
        world.projector.step()
        world.say(number, "Bo")
        world.link(number, 1)
    world.settle()
    followed = world.entries(to)
    assert len(followed) == 1
    assert followed == world.from_scratch(to)


def test_a_store_that_lost_the_thread_is_emptied_and_filled(world: World) -> None:
    to = destination(world.app)["id"]
    projection(world.app, to)
    world.say(1, "Ada")
    world.say(2, "Bo")
    world.settle()
    world.remove(1)
    profile = world.app.places.profile(world.app.sandbox.id)
    _, newest = changes.bounds(profile)
    world.say(2, "Cy")
    with profile.transaction() as transaction:
        transaction.write("DELETE FROM changes WHERE number <= ?", (newest,))
    world.projector = world.anew()
    world.settle()
    (entry,) = world.entries(to)
    assert [body for _, _, body in entry.bodies] == [b'{"person":{"name":{"firstName":"Cy"}}}']


def test_a_store_that_is_ahead_of_the_profiles_is_filled_anew(world: World) -> None:
    """As after an older profile store was put back."""
    to = destination(world.app)["id"]
    projection(world.app, to)
    world.say(1, "Ada")
    world.settle()
    profile = world.app.places.profile(world.app.sandbox.id)
    with profile.transaction() as transaction:
        transaction.write("DELETE FROM changes")
    store = world.app.places.edge(world.app.sandbox.id, to)
    with store.transaction() as transaction:
        transaction.write("UPDATE identities SET cluster = 'of another time'")
    world.settle()
    assert world.entries(to) == world.from_scratch(to) != []


def test_a_person_too_large_for_lookups_is_not_projected(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = destination(world.app)["id"]
    projection(world.app, to)
    world.say(1, "Ada")
    world.link(1, 1)
    monkeypatch.setattr("onefold.lookup.owner.CLUSTER_LIMIT", 1)
    world.settle()
    (entry,) = world.entries(to)
    assert entry.bodies == ()


def test_a_defect_at_one_destination_does_not_stop_the_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = destination(world.app)["id"], destination(world.app)["id"]
    projection(world.app, broken, name="broken")
    projection(world.app, sound, name="sound")
    real = Projector._advanced

    def advanced(self: Projector, to: Edge, snapshot: object) -> int:
        if to.destination.id == broken:
            raise ValueError("a defect")
        return real(self, to, snapshot)  # type: ignore[arg-type]

    monkeypatch.setattr(Projector, "_advanced", advanced)
    world.say(1, "Ada")
    world.settle()
    assert (len(world.entries(broken)), len(world.entries(sound))) == (0, 1)
    monkeypatch.setattr(Projector, "_advanced", real)
    world.settle()
    assert world.entries(broken) == []  # not tried again at once
    world.app.clock.advance(ms=under_test.BACKOFF_MS)
    world.settle()
    assert len(world.entries(broken)) == 1


def test_the_doctor_finds_entries_that_are_not_what_they_should_be(world: World) -> None:
    app, to = world.app, destination(world.app)["id"]
    projection(app, to)
    world.say(1, "Ada")

    def found() -> list[tuple[int, int]]:
        snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
        every = under_test.examined(app.places, snapshot, app.clock.now_ms())
        return [(one.looked_at, one.differences) for one in every]

    assert found() == [(0, 0)]  # it is behind: nothing can be compared
    world.settle()
    assert found() == [(1, 0)]
    store = app.places.edge(app.sandbox.id, to)
    with store.transaction() as transaction:
        transaction.write("UPDATE entries SET body = '{}'")
    assert found() == [(1, 1)]


def test_a_wish_made_anew_meanwhile_stays(app: App) -> None:
    store = app.places.edge(app.sandbox.id, "to")
    with store.transaction() as transaction:
        edge.wish(transaction, [Wish("x", "", 2)])  # type: ignore[arg-type]  # any text will do
        edge.granted(transaction, [Wish("x", "", 1)])  # type: ignore[arg-type]
    assert len(edge.wishes(store, limit=10)) == 1


def test_reactive_fill_takes_those_who_were_asked_for(world: World) -> None:
    to = destination(world.app, replicationPolicy="REACTIVE")["id"]
    made = projection(world.app, to)
    for number in (1, 2, 3):
        world.say(number, "Ada")
    store = world.app.places.edge(world.app.sandbox.id, to)
    with store.transaction() as transaction:
        xid = encode(4, ecid(2))
        edge.wish(transaction, [Wish(xid, "", world.app.clock.now_ms())])
    world.settle()
    assert [entry.xids for entry in world.entries(to)] == [{xid}]
    with store.transaction() as transaction:
        transaction.write("UPDATE followed SET shape = 'another'")
    world.settle()
    assert [entry.xids for entry in world.entries(to)] == [{xid}]
    assert world.entries(to)[0].bodies[0][1] == made["id"]


def test_nothing_is_opened_while_nothing_is_projected(world: World) -> None:
    destination(world.app)
    world.say(1, "Ada")
    assert world.projector.step() == 0
    assert world.app.places.edges(world.app.sandbox.id) == []
    assert not (Path(world.app.places.store(world.app.sandbox.id)) / "edge").exists()


def test_an_undo_after_which_an_identity_was_first_seen_later_shows_on_the_edge(
    world: World,
) -> None:
    """Identities stand in the order in which they were first seen."""
    to = destination(world.app)["id"]
    projection(world.app, to, selector="identityMap")
    first = ("ECID", ecid(2))
    world.app.collect(world.app.message(EVENTS, event("alone", first)))
    world.app.clock.advance(ms=1_000)
    world.app.collect(world.app.message(EVENTS, event("both", ("ECID", ecid(1)), first)))
    world.app.clock.advance(ms=1_000)
    world.apply()
    world.settle()
    before = world.entries(to)
    world.undo((encode(4, ecid(2)), world.app.datasets[EVENTS].id, "alone", 1))
    world.settle()
    found = world.entries(to)
    assert found != before
    assert found == world.from_scratch(to)
