"""Laws of deleting one of two people who share devices: what a plain model says is the other's
reads exactly as before, in the store and after the journal was applied anew."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold import doctor
from onefold.control import accounts
from onefold.domain import removal, suppression
from onefold.domain.calls.call import INLET, Call, encode, records, understood
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.stamped import folded
from onefold.domain.removal import Leaving, Removal
from onefold.domain.suppression import Keys
from onefold.effects import SystemIds
from onefold.jobs.told import told
from onefold.jobs.whose import Whose
from onefold.journal import Accepted
from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.packing import Packing
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import calls, erasures, events, feed, fragments, identities
from onefold.store.tables.identities import Member
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.properties.undoing import World
from tests.simulation.callers import Model

_numbers = itertools.count()

PEOPLE, DEVICES = ("u1", "u2"), ("d1", "d2")
REQUEST = "request"


@dataclass(frozen=True)
class Spoken:
    """One call. late: how many steps before its turn it happened. traits: None for a track call.
    besides: what else its message says."""

    user: str | None
    device: str | None
    late: int
    traits: tuple[tuple[str, int | None], ...] | None
    besides: tuple[tuple[str, Any], ...] = ()


whom = st.tuples(st.sampled_from([None, *PEOPLE]), st.sampled_from([None, *DEVICES])).filter(any)
words = st.dictionaries(st.sampled_from("ab"), st.sampled_from([None, 1, 2]), max_size=2)
spoken = st.builds(
    lambda whom, late, traits: Spoken(whom[0], whom[1], late, traits),
    whom,
    st.sampled_from([0, 0, 0, 1, 3, 9]),
    st.one_of(st.none(), words.map(lambda said: tuple(sorted(said.items())))),
)


@pytest.fixture(scope="module")
def definitions(shared: App) -> Callable[[], Snapshot]:
    """The definitions of an account. A function, since values are printed."""
    control = shared.places.control()
    _, sandbox = accounts.create(control, shared.clock, SystemIds(), client="acme", account="pairs")
    snapshot = Definitions(control).snapshot(sandbox.id)
    assert snapshot.rules is not None
    assert snapshot.rules.hands_over
    return lambda: snapshot


class Pair(World):
    """One journal and store; the model hears what is sent."""

    def __init__(self, directory: Path, snapshot: Snapshot, records_max: int) -> None:
        super().__init__(directory, snapshot, records_max=records_max)
        self.model = Model()
        self._said = 0

    def say(self, one: Spoken) -> str:
        """Send a call; no two are of one moment. Answers its event id."""
        self._said += 1
        number, account = self._said, self.snapshot.account
        assert account is not None
        at_ms = START_MS - 100_000 + (number - one.late) * 1000 - number
        received_ms = START_MS + number
        message: dict[str, Any] = {"timestamp": at_ms, **dict(one.besides)}
        message |= {"userId": one.user} if one.user is not None else {}
        message |= {"anonymousId": one.device} if one.device is not None else {}
        message |= {"event": "Seen"} if one.traits is None else {"traits": dict(one.traits)}
        event_id, raw = f"e-{number}", msgspec.Raw(json.dumps(message).encode())
        call = Call("import", "PAIRS", event_id, raw, "track" if one.traits is None else "identify")
        of = {"calls": account.calls, "traits": account.traits, "groups": account.groups}
        kinds = records(understood(call, received_ms))
        body = encode(call)
        self.journal.append(
            [Accepted(event_id, received_ms, INLET, of[kind], body) for kind in kinds]
        )
        self.model.hear(event_id, message, at_ms, received_ms)
        return event_id

    def xid(self, name: str) -> Xid:
        namespace = self.snapshot.namespaces.by_key("userId" if name in PEOPLE else "anonymousId")
        assert namespace is not None
        return xids.encode(namespace.id, name)

    def members(self, engine: Engine, name: str) -> list[Member]:
        cluster = identities.cluster_of(engine, self.xid(name))
        return [] if cluster is None else identities.members(engine, cluster)

    def reads(self, engine: Engine, name: str) -> Any:
        """The timeline and the traits of somebody."""
        owners = sorted(one.xid for one in self.members(engine, name))
        page = feed.page(engine, owners, feed.Ask(limit=1000))
        packing = Packing(engine)
        stored = events.of_keys(engine, packing, [(one.xid, one.event_id) for one in page])
        said = folded(fragments.fragments_of(engine, packing, owners))
        return (
            [(one.event_id, one.at_ms, one.action) for one in page],
            {one.event_id: one.body for one in stored.values()},
            [one.attributes["_onefold"].get("traits") or {} for one in said],
        )

    def kept(self) -> Iterator[tuple[int, Accepted]]:
        for chunk in self.journal.read(0, records_max=10_000):
            yield from enumerate(chunk.records, chunk.first)

    def forget(self, people: list[Member]) -> int:
        """Order the deletion; answer the number of its order."""
        keys, below = Keys(self.snapshot.sandbox.id), 1 + sum(1 for _ in self.kept())
        until_ms = START_MS + 10**6
        self.order(
            Removal(
                people=[Leaving(one.xid, 0, REQUEST) for one in people],
                suppress=[
                    suppression.of_identity(keys, one.xid, until_ms=until_ms) for one in people
                ],
            )
        )
        return below

    def erase(self, whose: Whose, below: int) -> None:
        """Take out of the journal what is theirs, and whom the order names."""

        def kept(number: int, one: Accepted) -> Accepted:
            if one.removal:
                return msgspec.structs.replace(one, message=removal.encode(Removal()))
            is_theirs = number < below and whose.of_message(one, number)
            return msgspec.structs.replace(one, message=b"") if is_theirs else one

        self.journal.erase(kept, after=0, to=10**9)

    def whose(self, people: list[Member], below: int) -> Whose:
        whom = {one.xid: (REQUEST, xids.decode(one.xid)) for one in people}
        return Whose(
            self.engine,
            self.snapshot,
            whom,
            below={REQUEST: below},
            tells=told([one.value for one in people]),
            unnamed=erasures.records_of(self.engine, [REQUEST]),
        )

    def found(self) -> list[doctor.Finding]:
        """What the doctor finds wrong."""
        limit = self.snapshot.cluster_limit
        with self.engine.reading() as reader:
            every = [
                *doctor.examined(reader, self.journal, limit=limit),
                *doctor.account_examined(reader, Packing(self.engine), self.snapshot),
            ]
        return [one for one in every if not one.clean]


@given(
    history=st.lists(spoken, min_size=1, max_size=20),
    later=st.lists(spoken, max_size=5),
    gone=st.sampled_from(PEOPLE),
    records_max=st.sampled_from([1, 3, 1000]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_the_others_reads_as_before(
    tmp_path_factory: pytest.TempPathFactory,
    definitions: Callable[[], Snapshot],
    history: list[Spoken],
    later: list[Spoken],
    gone: str,
    records_max: int,
) -> None:
    """Nothing that was theirs is left in either, and what comes late is kept out by whose it is."""
    directory = tmp_path_factory.mktemp("pairs") / str(next(_numbers))
    world = Pair(directory, definitions(), records_max)
    again = opened(directory / "again.db", "profile")
    (left,) = set(PEOPLE) - {gone}
    try:
        sent = [world.say(one) for one in history]
        world.drain()
        before, people = world.reads(world.engine, left), world.members(world.engine, gone)
        names = world.model.names(gone)
        theirs = set[str]().union(*[world.model.events.get(one, set()) for one in names])
        below = world.forget(people)
        world.drain()
        assert world.reads(world.engine, left) == before
        assert world.members(world.engine, gone) == []
        stored = {row[1] for row in events.numbered(world.engine, first=0, last=10**9, limit=1000)}
        assert stored == set(sent) - theirs
        assert world.found() == []

        whose = world.whose(people, below)
        sides: dict[bool, set[str]] = {True: set(), False: set()}
        for number, one in world.kept():
            if number < below:
                sides[bool(whose.of_message(one, number))].add(one.trace)
        assert sides == {True: theirs, False: set(sent) - theirs}
        world.erase(whose, below)
        processor = world.over(again, records_max=records_max)
        while processor.step():
            pass
        assert world.reads(again, left) == before
        assert world.members(again, gone) == []

        late = {world.say(one): one for one in later}
        world.drain()
        states = {name: one.state for name, one in calls.of(world.engine, sorted(late)).items()}
        known = {one.value for one in people}
        for name, call in late.items():
            is_kept_out = (call.user or call.device) in known
            assert states[name] == ("suppressed" if is_kept_out else "applied"), call
        assert world.found() == []
    finally:
        again.close()
        world.close()
