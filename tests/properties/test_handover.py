"""Laws of handing over: a batch ends where its records would have ended one at a time, and what
follows from a store follows from it after whatever was sent, undone or deleted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from onefold import config, doctor
from onefold.control import accounts
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.calls.call import CALLS, INLET, Call, encode, records, understood
from onefold.domain.calls.computed import checked
from onefold.domain.calls.ids import event_id
from onefold.domain.identity import xid as xids
from onefold.domain.removal import Leaving, Removal
from onefold.effects import SystemIds
from onefold.errors import Rejected
from onefold.journal import Accepted
from onefold.pipeline.backfill import Backfill
from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.testing.app import App
from onefold.testing.clock import START_MS, SimClock
from tests.properties.undoing import Definitions_, Said, World, everything, furnished, said

_numbers = itertools.count()

USERS, VISITORS = ("u1", "u2", "u3"), ("v1", "v2")
NUMBERS, TAGS = (1, 2.5, "x", 0.1, 1, 2**60, None), ["b", "a", "c"]
COMPUTED = checked(
    [
        {"name": "steps", "kind": "event_counter", "events": ["Step 0", "page"]},
        {"name": "last", "kind": "last", "events": ["Step 0", "Step 1"], "property": "n"},
    ]
)


@dataclass(frozen=True)
class Spoken:
    """One call. user, visitor: None for calls without one; not both None. number: from 4 on it has
    a messageId, which other calls have, too."""

    kind: str
    user: str | None
    visitor: str | None
    at: int
    traits: tuple[tuple[str, Any], ...]
    number: int
    previous: str


@dataclass(frozen=True)
class Leaves:
    """An order to delete what is under one name."""

    name: str


def spoken() -> st.SearchStrategy[Spoken]:
    whom = st.tuples(st.sampled_from([None, *USERS]), st.sampled_from([None, *VISITORS]))
    return st.builds(
        lambda kind, whom, *rest: Spoken(kind, *whom, *rest),
        st.sampled_from([*CALLS, "identify", "identify", "track"]),
        whom.filter(any),
        st.integers(0, 5),
        st.dictionaries(
            st.sampled_from(["plan", "email", "city"]),
            st.sampled_from([None, "A@example.com", "b@example.com ", 1]),
            max_size=2,
        ).map(lambda traits: tuple(sorted(traits.items()))),
        st.integers(0, 6),
        st.sampled_from([*VISITORS, *USERS]),
    )


@pytest.fixture(scope="module")
def definitions(shared: App) -> Callable[[bool], Snapshot]:
    return account_of(shared)


def account_of(shared: App) -> Callable[[bool], Snapshot]:
    """The sandbox of the starting set, with its datasets and inlets, as an account with computed
    traits, which merges users or does not. A function, since values are printed."""
    furnished(shared)
    control = shared.places.control()
    accounts.create(control, shared.clock, SystemIds(), client="acme", account=shared.sandbox.name)
    found = shared.rooms.definitions.snapshot(shared.sandbox.id)
    assert found.account is not None
    assert found.rules is not None
    assert found.rules.hands_over
    account = replace(found.account, computed=COMPUTED)
    found = replace(found, account=account)
    merging = replace(found, account=replace(account, merges_users=True))
    return lambda merges: merging if merges else found


class Calling(World):
    """A world in which calls are sent, too."""

    def call(self, one: Spoken) -> None:
        """Append the records of a call, as the inlet would have accepted it next."""
        message: dict[str, Any] = {"timestamp": f"2025-12-{one.at + 1:02d}T00:00:00Z"}
        if one.user is not None:
            message["userId"] = one.user
        if one.visitor is not None:
            message["anonymousId"] = one.visitor
        if one.number > 3:
            message["messageId"] = f"m{one.number}"
        if one.kind in ("identify", "group"):
            message["traits"] = dict(one.traits)
        if one.kind == "track":
            message["event"] = f"Step {one.at % 2}"
        if one.kind in ("track", "page", "screen"):
            message["properties"] = {"n": NUMBERS[one.number], "tags": TAGS[: one.at % 3]}
        if one.kind == "group":
            message["groupId"] = f"g{one.at % 2}"
        if one.kind == "alias":
            message["previousId"] = one.previous
        if one.at == 3:
            message["context"] = {"campaign": {"name": f"c{one.number}"}}
        received_ms = START_MS + self.sent // 2
        name = message.get("messageId") or f"n{self.sent}"
        call = Call(
            "write",
            "PROD",
            event_id(self.snapshot.sandbox.id, name),
            msgspec.Raw(json.dumps(message).encode()),
            one.kind,
        )
        account = self.snapshot.account
        assert account is not None
        try:
            kinds = records(understood(call, received_ms))
        except Rejected:  # it is a failed record then, as at the inlet
            kinds = ["calls"]
        of = {"calls": account.calls, "traits": account.traits, "groups": account.groups}
        self.journal.append(
            [Accepted(call.event_id, received_ms, INLET, of[kind], encode(call)) for kind in kinds]
        )
        self.sent += len(kinds)

    def tell(self, one: Spoken | Said | Leaves) -> None:
        if isinstance(one, Spoken):
            self.call(one)
        elif isinstance(one, Said):
            self.send(one)
        else:
            namespace = self.snapshot.namespaces.by_key(
                "userId" if one.name in USERS else "anonymousId"
            )
            assert namespace is not None
            xid = xids.encode(namespace.id, one.name)
            self.order(Removal(people=[Leaving(xid, 0, "request")]))


def filled(engine: Engine, snapshot: Snapshot) -> None:
    """Do the backfill."""
    backfill = Backfill(
        sandbox=snapshot.sandbox,
        engine=engine,
        definitions=Definitions_(snapshot),  # type: ignore[arg-type]
        clock=SimClock(START_MS),
        settings=config.settings(Path("unused"), environment={}),
    )
    while backfill.step():
        pass


def faults(world: World) -> list[doctor.Finding]:
    snapshot = world.snapshot
    with world.engine.reading() as reader:
        found = list(doctor.account_examined(reader, Packing(world.engine), snapshot))
        assert len(found) == 4
        found += doctor.examined(
            reader,
            world.journal,
            business=snapshot.business_datasets(),
            limit=snapshot.cluster_limit,
        )
    return [one for one in found if not one.clean]


adobe = said().filter(lambda one: one.dataset in (EVENTS, REGISTRATIONS))
happenings = st.one_of(
    spoken(),
    spoken(),
    spoken(),
    spoken(),
    adobe,
    st.builds(Leaves, st.sampled_from(USERS + VISITORS)),
)


@given(st.lists(happenings, max_size=25), st.integers(1, 30), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_however_a_journal_is_batched_the_store_is_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    definitions: Callable[[bool], Snapshot],
    history: list[Spoken | Said | Leaves],
    records_max: int,
    merges: bool,
) -> None:
    directory = tmp_path_factory.mktemp("worlds") / str(next(_numbers))
    snapshot = definitions(merges)
    world = Calling(directory, snapshot, records_max=1000)
    again = opened(directory / "again.db", "profile")
    alone = opened(directory / "alone.db", "profile")
    try:
        for one in history:
            world.tell(one)
        world.drain()
        expected = everything(world.engine)
        for engine, number in ((alone, 1), (again, records_max)):
            processor = world.over(engine, records_max=number)
            while processor.step():
                pass
            for table, rows in everything(engine).items():
                assert rows == expected[table], (table, number)
        filled(world.engine, snapshot)
        assert everything(world.engine) == expected
        assert faults(world) == []
    finally:
        again.close()
        alone.close()
        world.close()


@given(st.lists(happenings, max_size=20), st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_backfill_makes_what_would_have_been_indexed(
    tmp_path_factory: pytest.TempPathFactory,
    definitions: Callable[[bool], Snapshot],
    history: list[Spoken | Said | Leaves],
    merges: bool,
) -> None:
    """Also after it was cut short, whatever came in between."""
    snapshot = definitions(merges)
    world = Calling(tmp_path_factory.mktemp("worlds") / str(next(_numbers)), snapshot)
    try:
        for one in history:
            world.tell(one)
        world.drain()
        expected = everything(world.engine)
        with world.engine.transaction() as transaction:
            transaction.write("DELETE FROM feed")
            transaction.write("DELETE FROM taken")
            transaction.write("DELETE FROM finders")
            transaction.write("DELETE FROM customer_ids")
        filled(world.engine, snapshot)
        assert everything(world.engine) == expected
    finally:
        world.close()
