"""A database that may not grow any more, as on a full disk. SQLite then undoes the whole
transaction by itself, in the middle of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from onefold.errors import Unavailable
from onefold.store.engine import Engine
from tests.simulation import auditor
from tests.simulation.model import Model
from tests.simulation.run import root
from tests.simulation.workload import Draft, batch_body, iso
from tests.simulation.world import Place, World

EVENTS = 40
CACHE_PAGES = 2
"""So few that SQLite writes pages before the commit, and cannot undo a single statement."""


@pytest.fixture
def world() -> Iterator[World]:
    with root() as directory:
        made = World(Path(directory), seed=1, batch_records_max=500)
        yield made
        made.close()


def test_a_batch_that_does_not_fit_the_disk_is_applied_as_a_whole_when_there_is_room(world):
    place = world.places_of_senders[0]
    world.pipeline.drain()  # the edge is begun
    drafts = large_events(place, world.clock.now_ms())
    inlet = world.inlets.inlet(place.inlet_id)
    world.inlets.accept_many(inlet, batch_body(drafts, range(EVENTS)))
    engine = world.places.profile(place.sandbox.id)
    before = auditor.dump(engine)
    bounded(engine, pages_more=5)
    for _ in range(2):
        with pytest.raises(Unavailable):
            world.pipeline.round()
        assert auditor.dump(engine) == before
    bounded(engine, pages_more=1_000_000)
    world.pipeline.drain()
    model = Model(place)
    assert len(auditor.fed(world, model)) == EVENTS
    auditor.audited(world, model)


def bounded(engine: Engine, *, pages_more: int) -> None:
    """Let the database grow by so many pages and no more."""
    with engine.transaction() as transaction:
        pages = transaction.read("PRAGMA page_count")[0][0]
        transaction.write(f"PRAGMA max_page_count={pages + pages_more}")
        transaction.write(f"PRAGMA cache_size={CACHE_PAGES}")


def large_events(place: Place, now_ms: int) -> list[Draft]:
    """Events whose bodies do not shrink."""
    random = Random(1)
    return [
        Draft(
            place,
            place.events,
            {
                "_id": f"event-{number}",
                "timestamp": iso(now_ms),
                "producedBy": random.randbytes(3000).hex(),
                "identityMap": {"CRMID": [{"id": str(number % 7), "primary": True}]},
            },
        )
        for number in range(EVENTS)
    ]
