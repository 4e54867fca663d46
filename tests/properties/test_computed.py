"""The law of computed traits: they are what a plain look at a customer's events says, whatever was
sent, in whatever order, undone, deleted, handed over or merged, and whenever they were defined."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from onefold import config
from onefold.domain.calls.computed import KINDS, ComputedTrait, checked
from onefold.domain.identity.identity import Xid
from onefold.lookup.computed import of_owners
from onefold.pipeline import backfill
from onefold.pipeline.backfill import Backfill
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import backfills, events, identities
from onefold.testing.app import App
from onefold.testing.clock import START_MS, SimClock
from tests.properties import test_handover
from tests.properties.test_handover import Calling, Leaves, Spoken, adobe, faults, filled, spoken
from tests.properties.undoing import Definitions_, Said

_numbers = itertools.count()

JSON = Any


def defined(name: str, kind: str, **said: JSON) -> JSON:
    if kind != "event_counter":
        said = {"property": "n"} | said
    return {"name": name, "kind": kind, "events": ["Step 0", "Step 1", "page"]} | said


BIG = [{"property": "n", "operator": "greater", "value": 1}]
EVERY = [defined(kind, kind) for kind in sorted(KINDS)]
EVERY += [defined(f"tags {kind}", kind, property="tags") for kind in ("most_frequent", "last")]
EVERY += [defined("tags", "unique_list", property="tags", events=["Step 1"])]
SETS: tuple[list[JSON], ...] = (
    EVERY,
    [],
    [*EVERY[:4], defined("big", "event_counter", conditions=BIG)],
    [one | {"name": f"other {one['name']}"} for one in EVERY[2:]],
    [defined("small", "sum", events=["Step 0"])],
)


@dataclass(frozen=True)
class Undone:
    """An order to undo a record: which one, counted round and round."""

    number: int


@dataclass(frozen=True)
class Defined:
    """The account's computed traits are said anew."""

    number: int


@dataclass(frozen=True)
class Applied:
    """What was sent is applied, and some steps of the backfill are done."""

    steps: int


happenings = st.one_of(
    spoken(),
    spoken(),
    spoken().map(lambda one: Spoken("track", one.user, one.visitor, one.at, (), one.number, "")),
    spoken().map(lambda one: Spoken("track", one.user, one.visitor, one.at, (), one.number, "")),
    adobe,
    st.builds(Leaves, st.sampled_from(test_handover.USERS + test_handover.VISITORS)),
    st.builds(Undone, st.integers(0, 50)),
    st.builds(Defined, st.integers(0, len(SETS) - 1)),
    st.builds(Applied, st.integers(0, 4)),
)


class Defining(Calling):
    """A world of which the account's definitions change."""

    def live(self, one: Any) -> None:
        if isinstance(one, Undone):
            self.take_back(one.number)
        elif isinstance(one, Defined):
            self.define(SETS[one.number])
        elif isinstance(one, Applied):
            self.drain()
            self.fill(one.steps)
            assert_told(self)
        else:
            self.tell(one)

    def define(self, said: list[JSON]) -> None:
        """As `control.accounts.set_rules` does. What was sent before is applied, or not."""
        account = self.snapshot.account
        assert account is not None
        number = account.computed_number + 1
        traits = checked(said, account.computed, number)
        account = replace(account, computed=traits, computed_number=number)
        self.snapshot = replace(self.snapshot, account=account)
        self.processor = self.over(self.engine, records_max=100)

    def take_back(self, number: int) -> None:
        self.drain()
        every = [
            (seq, one)
            for chunk in self.journal.read(0, records_max=1000)
            for seq, one in enumerate(chunk.records, chunk.first)
            if not one.removal
        ]
        if every:
            brought = self.normalized(*every[number % len(every)])
            if brought is not None and brought.owner is not None:
                self.order(self.undo(brought))

    def fill(self, steps: int) -> None:
        for _ in range(steps):
            Backfill(
                sandbox=self.snapshot.sandbox,
                engine=self.engine,
                definitions=Definitions_(self.snapshot),  # type: ignore[arg-type]
                clock=SimClock(START_MS),
                settings=config.settings(self.settings.data, environment={}),
            ).step()

    def happened(self, owners: list[Xid]) -> list[tuple[int, int, str, Xid, str, JSON]]:
        """(time, receipt, event id, owner, action, properties) of the calls of identities."""
        packing = Packing(self.engine)
        keys = [(xid, one.event_id) for xid in owners for one in events.kept_of(self.engine, xid)]
        found = []
        for one in events.of_keys(self.engine, packing, keys).values():
            entity = json.loads(one.body)
            call = entity.get("_onefold", {}).get("call")
            if call is not None:
                when = (one.timestamp_ms, one.ingested_ms, one.event_id, one.xid)
                found.append((*when, entity["eventType"], call.get("properties") or {}))
        return sorted(found)


def plain(trait: ComputedTrait, happened: list[tuple[int, int, str, Xid, str, JSON]]) -> JSON:
    """What a trait is, by going through all events."""
    of_it = [one for one in happened if one[4] in trait.events]
    if trait.conditions:  # BIG, the only one here
        of_it = [one for one in of_it if isinstance(one[5]["n"], int | float) and one[5]["n"] > 1]
    if trait.kind == "event_counter":
        return len(of_it) or None
    said = [(one[0], one[5][trait.property]) for one in of_it if one[5][trait.property] is not None]
    values = [value for _, value in said]
    if trait.kind in ("first", "last"):
        return values[0 if trait.kind == "first" else -1] if values else None
    if trait.kind in ("sum", "average", "minimum", "maximum"):
        numbers = [one for one in values if isinstance(one, int | float)]
        return figure(trait.kind, numbers) if numbers else None
    each = [(at, one) for at, value in said for one in (value if type(value) is list else [value])]
    texts = {json.dumps(one): one for _, one in each}
    if trait.kind == "most_frequent":
        counts = Counter(json.dumps(one) for _, one in each)
        often = [texts[text] for text, n in counts.items() if n == max(counts.values()) and n > 1]
        return min(
            often, key=lambda one: one if type(one) is str else json.dumps(one), default=None
        )
    if trait.kind == "unique_list_count":
        return len(texts) or None
    each.sort(key=lambda one: (one[0], one[1] if type(one[1]) is str else json.dumps(one[1])))
    return list({json.dumps(one): one for _, one in each}.values()) or None


def figure(kind: str, numbers: list[int | float]) -> int | float:
    if kind in ("minimum", "maximum"):
        return min(numbers) if kind == "minimum" else max(numbers)
    exact = Fraction(sum(map(Fraction, numbers)))
    if kind == "average":
        exact /= len(numbers)
    whole = all(type(one) is int for one in numbers) and exact.denominator == 1
    return int(exact) if whole else float(exact)


def assert_told(world: Defining) -> None:
    """Of every customer, each trait that is told is what its events say; all are when the backfill
    is done."""
    account = world.snapshot.account
    assert account is not None
    whole = backfills.whole(world.engine, account)
    clusters = {cluster for _, cluster in identities.every(world.engine, after="", limit=1000)}
    for cluster in sorted(clusters):
        owners = [one.xid for one in identities.members(world.engine, cluster)]
        found = of_owners(world.engine, world.snapshot, owners)
        happened = world.happened(owners)
        expected = {
            one.name: value
            for one in account.computed
            if one.id in whole and (value := plain(one, happened)) is not None
        }
        assert {name: one.value for name, one in found.items()} == expected
        assert {name: type(one.value) for name, one in found.items()} == {
            name: type(value) for name, value in expected.items()
        }


@given(st.lists(happenings, min_size=12, max_size=40), st.booleans(), st.integers(1, 9))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_computed_traits_are_what_the_events_say(
    tmp_path_factory: pytest.TempPathFactory,
    definitions: Callable[[bool], Snapshot],
    monkeypatch: pytest.MonkeyPatch,
    history: list[Spoken | Said | Leaves | Undone | Defined | Applied],
    merges: bool,
    step_rows: int,
) -> None:
    """Also while the backfill is on its way."""
    monkeypatch.setattr(backfill, "STEP_ROWS", step_rows)
    directory = tmp_path_factory.mktemp("worlds") / str(next(_numbers))
    world = Defining(directory, definitions(merges))
    try:
        world.define(EVERY)
        for one in history:
            world.live(one)
        world.drain()
        filled(world.engine, world.snapshot)
        account = world.snapshot.account
        assert account is not None
        assert backfills.whole(world.engine, account) == {one.id for one in account.computed}
        assert_told(world)
        assert faults(world) == []
    finally:
        world.close()


@pytest.fixture(scope="module")
def definitions(shared: App) -> Callable[[bool], Snapshot]:
    """As of the laws of handing over."""
    return test_handover.account_of(shared)
