"""The world: one installation with two organisations, and the process that serves it.

The process can be thrown away at any point. It then goes on from a copy of its files as they lie on
the disk at that moment, which is what a killed process leaves behind. Only the definitions, which
never change here, are compiled once for all of its lives.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from onefold.config import Settings
from onefold.control import datasets, identity_settings, projections, sandboxes, starter
from onefold.control.projections import ConfigurationChanges, DestinationChanges
from onefold.domain.profile.projection import SCHEMA_NAME, TTL_MAX
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.schema import PROFILE_UNION
from onefold.inlet.accept import Inlets
from onefold.inlet.deletions import Deletions
from onefold.journal import Accepted, Journal
from onefold.lookup.profiles import Profiles
from onefold.lookup.undoing import Undoing
from onefold.observe.metrics import Metrics
from onefold.server import Jobs, Pipeline
from onefold.store.engine import Engine
from onefold.store.places import Places
from onefold.store.snapshot import Definitions
from onefold.store.tables import organisations
from onefold.store.tables.generation import change
from onefold.store.tables.organisations import Organisation
from onefold.testing.clock import SimClock, SimIds
from onefold.testing.faults import Faults, FaultyPlaces
from tests.simulation import rules

NAMESPACE_IDS = {
    "ECID": 4,
    "Email": 6,
    "Phone": 7,
    "AAID": 10,
    "IDFA": 20915,
    "CRMID": 77386,
    "LoyaltyId": 11443272,
}
TENANTS = ("acme", "globex")
SELECTORS = {
    "names": "person.name.firstName,testProfile",
    "places": "homeAddress(city,primary),organizations,identityMap",
}
"""What goes to the edge, by the name of the projection."""
PROJECTED = {
    "names": ("person.name.firstName", "testProfile"),
    "places": ("homeAddress.city", "homeAddress.primary", "organizations", "identityMap"),
}
"""The same as paths."""
EXPORTED = "Exported people"
_KEPT_FILES = ("*.db", "*.db-wal", "*.parquet", "*.json")


ANSWERS_BYTES_MAX = 20_000
"""Few enough that kept answers also have to leave."""


class SilentBell:
    """Nobody waits in the simulation: the rounds of the pipeline are steps of the run."""

    def ring(self) -> None: ...

    def wait(self, seconds: float) -> None: ...


class Place(NamedTuple):
    """One sandbox as its senders know it. Datasets are (dataset id, schema id). ruled: with linking
    rules. edge: the destination to which everybody is projected; projections: (id, name) of each.
    union: the dataset into which people are exported."""

    sandbox: Sandbox
    tenant: str
    inlet_id: str
    registrations: tuple[str, str]
    logins: tuple[str, str]
    events: tuple[str, str]
    ruled: bool = False
    edge: str = ""
    projections: tuple[tuple[str, str], ...] = ()
    union: str = ""

    @property
    def datasets(self) -> tuple[str, ...]:
        """The ids of all datasets."""
        return self.registrations[0], self.logins[0], self.events[0]


class World:
    """The running process and everything that outlives it: files, clock, faults."""

    def __init__(
        self, root: Path, *, seed: int, batch_records_max: int, ruled: bool = False
    ) -> None:
        """ruled: the first place has linking rules."""
        self.clock = SimClock()
        self.faults = Faults()
        self._root = root
        self.ids = SimIds(seed)
        self._batch_records_max = batch_records_max
        self._lives = 0
        self._control = Places(root / "control")
        self.definitions = Definitions(self._control.control())
        self._open(root / "life-0")
        self.places_of_senders = [
            self._made(tenant, ruled=ruled and tenant == TENANTS[0]) for tenant in TENANTS
        ]

    def crash(self) -> None:
        """The process dies; another one opens what it has left."""
        self._lives += 1
        dead = self.data
        image = copied(dead, self._root / f"life-{self._lives}")
        self.jobs.close()
        self.places.close()
        shutil.rmtree(dead)
        self._open(image)

    @property
    def control(self) -> Engine:
        """The definitions, which no fault hits."""
        return self._control.control()

    def close(self) -> None:
        self.jobs.close()
        self.places.close()
        self._control.close()

    def records(self, place: Place) -> list[tuple[int, Accepted]]:
        """Everything that the place's journal holds, with record numbers."""
        return journal_records(self.places.journal(place.sandbox.id))

    def _open(self, data: Path) -> None:
        """What server.py wires, with the simulation's clock and databases."""
        self.data = data
        self.places = FaultyPlaces(data, self.faults)
        self.inlets = Inlets(
            places=self.places,
            definitions=self.definitions,
            bell=SilentBell(),
            clock=self.clock,
            settings=Settings(data=data),
            metrics=Metrics(),
            origin=self._lives,
        )
        self.pipeline = pipeline_of(
            self.places, self.definitions, self.clock, records_max=self._batch_records_max
        )
        self.jobs = jobs_of(self.places, self.definitions, self.clock, self.ids)
        self.undoing = Undoing(self.places)
        self.deletions = Deletions(
            places=self.places,
            definitions=self.definitions,
            inlets=self.inlets,
            clock=self.clock,
            ids=self.ids,
        )
        self.profiles = Profiles(self.places, self.definitions, answers_bytes_max=ANSWERS_BYTES_MAX)

    def _made(self, tenant: str, *, ruled: bool) -> Place:
        control = self._control.control()
        org_id = f"{self.ids.hex(bytes_=12).upper()}@AdobeOrg"
        with change(control) as transaction:
            organisations.insert(
                transaction, Organisation(org_id, tenant, tenant, self.clock.now_ms())
            )
        sandbox = sandboxes.create(
            control, self.clock, self.ids, org_id=org_id, name="prod", title="Prod"
        )
        made = starter.furnish(
            control,
            self.clock,
            self.ids,
            sandbox,
            namespace_ids={code: NAMESPACE_IDS[code] for code in ("CRMID", "LoyaltyId")},
        )
        if ruled:
            named = [(code, code in rules.UNIQUE) for code in rules.CODES]
            identity_settings.save(control, sandbox, named)
        to, projected = self._projected(sandbox)
        union = datasets.create(
            control,
            self.clock,
            self.ids,
            sandbox,
            name=EXPORTED,
            schema_id=PROFILE_UNION,
            details={"fileDescription": {"persisted": True}},
        )
        return Place(
            sandbox,
            tenant,
            made.inlet_id,
            made.datasets[starter.REGISTRATIONS],
            made.datasets[starter.LOGINS],
            made.datasets[starter.EVENTS],
            ruled,
            to,
            projected,
            union.id,
        )

    def _projected(self, sandbox: Sandbox) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Have everybody projected to a destination, in two ways."""
        control = self._control.control()
        to = projections.create_destination(
            control,
            self.ids,
            sandbox,
            DestinationChanges(
                type="EDGE", data_centers=("OR2",), ttl=TTL_MAX, replication="PROACTIVE"
            ),
        ).id
        made = [
            projections.create_configuration(
                control,
                self.ids,
                sandbox,
                SCHEMA_NAME,
                ConfigurationChanges(selector=selector, destination_id=to, name=name),
            )
            for name, selector in SELECTORS.items()
        ]
        return to, tuple([(one.id, one.name) for one in made])


def pipeline_of(
    places: Places, definitions: Definitions, clock: SimClock, *, records_max: int
) -> Pipeline:
    """The pipeline over some databases, with definitions that are compiled already."""
    settings = Settings(data=places.data, batch_records_max=records_max)
    pipeline = Pipeline(settings, places=places, bell=SilentBell(), metrics=Metrics(), clock=clock)
    pipeline._definitions = definitions
    return pipeline


def jobs_of(places: Places, definitions: Definitions, clock: SimClock, ids: SimIds) -> Jobs:
    """The jobs over some databases, with definitions that are compiled already."""
    settings = Settings(data=places.data)
    jobs = Jobs(settings, places=places, bell=SilentBell(), clock=clock, ids=ids)
    jobs._definitions = definitions
    return jobs


def copied(data: Path, to: Path) -> Path:
    """Copy databases and the lake as they lie on the disk now, what is still in the logs too."""
    for pattern in _KEPT_FILES:
        for file in sorted(data.rglob(pattern)):
            target = to / file.relative_to(data)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return to


def journal_records(engine: Engine) -> list[tuple[int, Accepted]]:
    """Every record of a journal, in its order."""
    journal = Journal(engine, SilentBell())
    records: list[tuple[int, Accepted]] = []
    position = 0
    while chunks := journal.read(position, records_max=1000):
        for chunk in chunks:
            records.extend(enumerate(chunk.records, chunk.first))
        position = chunks[-1].position
    return records
