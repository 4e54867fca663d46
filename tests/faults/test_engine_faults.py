"""A short story is told again and again; each time a later call of a database fails, once or for
good. Afterwards nothing that was acknowledged is lost, and nothing was applied twice; what was
undone, cut and deleted is gone, and the edge says the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from onefold.domain.identity.identity import Xid
from onefold.errors import Conflict, NotFound, Unavailable
from onefold.lookup.owner import Asked
from onefold.lookup.timeline import TimelineQuery
from onefold.lookup.undoing import Which
from onefold.testing.faults import Crash, Fault, unavailable
from tests.simulation import auditor
from tests.simulation.faults import Content
from tests.simulation.model import Model, xid_of
from tests.simulation.run import root
from tests.simulation.workload import GOOD, POISON, Draft, batch_body, iso
from tests.simulation.world import Place, World

CALLS_MAX = 1000
ECID = "1" * 38
EMAIL = "ada@example.com"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with root() as directory:
        made = World(Path(directory), seed=1, batch_records_max=500)
        yield made
        made.close()


class Story:
    """Two batches, two rounds of the pipeline and a lookup, then an undo, a cut and the deletion of
    a person, on empty stores; each round projects to the edge."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.place = world.places_of_senders[0]
        self.acknowledged: set[int] = set()
        self._numbers = count(1)
        world.places.close()
        shutil.rmtree(world.data / "sandboxes", ignore_errors=True)
        world.crash()
        self._content = world.faults.arm(Content().fault())

    def tell(self, *, failing: Fault) -> bool:
        """Everything once, and what fails again if the fault is not for good. Answer whether the
        fault was met; end with what was left undone being done."""
        self.world.faults.arm(failing)
        tries = 1 if failing.times is None else 2
        undone = [step for step in self._steps() if not any(self._done(step) for _ in range(tries))]
        self.world.faults.disarm(failing)
        self.world.crash()
        for step in undone:
            step()
        self.world.pipeline.drain()
        self.world.faults.disarm(self._content)
        return failing.struck > 0

    def _steps(self) -> list[Callable[[], None]]:
        first, second = batches(self.place, self.world.clock.now_ms())
        return [
            lambda: self._send(first),
            self._round,
            lambda: self._send(second),
            self._round,
            self._ask,
            self._undo_and_cut,
            self._round,
            self._delete,
            self._round,
        ]

    def _done(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except Unavailable:
            return False
        except Crash:
            self.world.crash()
            return False
        return True

    def _send(self, drafts: list[Draft]) -> None:
        numbers = [next(self._numbers) for _ in drafts]
        inlet = self.world.inlets.inlet(self.place.inlet_id)
        receipt = self.world.inlets.accept_many(inlet, batch_body(drafts, numbers))
        assert all(isinstance(result, str) for result in receipt.results)
        self.acknowledged.update(numbers)

    def _round(self) -> None:
        self.world.pipeline.round()

    def _ask(self) -> None:
        sandbox = self.place.sandbox.id
        self.world.profiles.entity(sandbox, Asked(EMAIL, "Email"))
        self.world.profiles.events(sandbox, Asked(ECID, "ECID"), TimelineQuery())

    def _undo_and_cut(self) -> None:
        """As one append each; what was done at the first try is refused at the second."""
        world, sandbox = self.world, self.place.sandbox.id
        ends = xid_of("CRMID", "7"), xid_of("Email", EMAIL)
        for order in (
            lambda: world.undoing.record(sandbox, Which(Xid(ends[1]), dataset=self._records)),
            lambda: world.undoing.link(sandbox, Xid(min(ends)), Xid(max(ends))),
        ):
            with suppress(NotFound, Conflict):
                world.inlets.order(sandbox, order().removal, trace="undo")

    def _delete(self) -> None:
        sandbox = self.place.sandbox
        person = self.world.profiles.owner(sandbox.id, Asked(ECID, "ECID"))
        whom = [(one.xid, one.namespace_id, one.value) for one in person.members]
        if whom:
            self.world.deletions.person(sandbox, whom)

    @property
    def _records(self) -> str:
        return self.place.registrations[0]


def batches(place: Place, now_ms: int) -> tuple[list[Draft], list[Draft]]:
    """Two events, a record, a failing one and a poisoned one; duplicates in the second batch."""

    def event(name: str, *cards: tuple[str, str], fate: str = GOOD) -> Draft:
        entity = {"_id": name, "timestamp": iso(now_ms), "identityMap": mapped(*cards)}
        return Draft(place, place.events, entity, fate)

    record = {"identityMap": mapped(("Email", EMAIL), ("CRMID", "7")), "testProfile": True}
    seen = event("event-1", ("ECID", ECID))
    return (
        [seen, Draft(place, place.registrations, record), event("e", ("No", "x"), fate="REC-1003")],
        [
            seen,
            event("event-2", ("ECID", ECID), ("CRMID", "7")),
            event("poison-1", ("ECID", ECID), ("Phone", "+1"), fate=POISON),
        ],
    )


def mapped(*cards: tuple[str, str]) -> dict[str, list[dict[str, object]]]:
    """An identityMap whose first card is the primary one."""
    return {code: [{"id": id_, "primary": n == 0}] for n, (code, id_) in enumerate(cards)}


def checked(story: Story) -> None:
    """Nothing acknowledged is lost, nothing stands twice, the store follows from the journal."""
    for place in story.world.places_of_senders:
        model = Model(place)
        sendings = auditor.fed(story.world, model)
        numbers = [number for number, _ in sendings if number]
        assert len(numbers) == len(set(numbers))
        if place is story.place:
            assert story.acknowledged <= set(numbers)
            assert model.outcomes.total() == len(sendings)
            assert model.deleted
            assert model.events == {}
        auditor.audited(story.world, model)


@pytest.mark.parametrize(
    ("error", "times", "stride"),
    [
        pytest.param(unavailable, 1, 2, id="unavailable once"),
        pytest.param(unavailable, None, 5, id="unavailable for good"),
        pytest.param(Crash, 1, 1, id="crash"),
    ],
)
def test_nothing_is_lost_or_doubled_whichever_call_of_a_database_fails(world, error, times, stride):
    """stride: of so many calls one fails in turn: what there is to find shows at each of several
    calls."""
    for number in range(0, CALLS_MAX, stride):
        print(f"call {number + 1} fails")
        story = Story(world)
        met = story.tell(failing=Fault(error, skip=number, times=times))
        checked(story)
        if not met:
            assert number > 80
            return
    pytest.fail(f"the story has more than {CALLS_MAX} calls")
