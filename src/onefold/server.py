"""The composition root: settings in, rooms out. Only here are things wired.

Four kinds of processes come out of it (see supervisor.py): HTTP workers with the ASGI application,
one pipeline that applies what the workers accepted, one that does jobs and lands the lake, and
whatever opens the rooms for one command.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import structlog

from onefold.api.app import Asgi, application
from onefold.api.context import Rooms
from onefold.api.cursor import Cursors
from onefold.api.described import Described
from onefold.api.intilery.subscriptions import Subscriptions
from onefold.api.limiter import Limiter
from onefold.api.routes import ROUTES
from onefold.api.streams import Streams
from onefold.config import Settings
from onefold.control import installation
from onefold.control.discarded import Sweeper
from onefold.control.sealing import Seal
from onefold.control.tokens import Tokens
from onefold.domain.sandbox import SandboxId
from onefold.effects import Clock, Ids, SystemClock, SystemIds
from onefold.errors import NotFound, Unavailable
from onefold.inlet.accept import Inlets
from onefold.inlet.batches import Batches
from onefold.inlet.calls import Calls
from onefold.inlet.deletions import Deletions
from onefold.inlet.inbox import Inbox
from onefold.inlet.regulations import Regulations
from onefold.inlet.uploads import Uploads
from onefold.jobs.kinds import KINDS, PATIENT
from onefold.jobs.land_dataset import Lander
from onefold.jobs.projector import Projector
from onefold.jobs.worker import Worker
from onefold.jobs.workshop import Workshop
from onefold.journal import Bell, Journal
from onefold.lake.exports import Lakes
from onefold.lookup.activity import Activity
from onefold.lookup.backlog import Backlogs
from onefold.lookup.call_status import CallStatuses
from onefold.lookup.changes import Changes
from onefold.lookup.edges import Edges
from onefold.lookup.graph import Graphs
from onefold.lookup.measurements import Measurements
from onefold.lookup.origins import Origins
from onefold.lookup.positions import Positions
from onefold.lookup.profiles import Profiles
from onefold.lookup.scrolls import Scrolls
from onefold.lookup.undoing import Undoing
from onefold.observe.metrics import Metrics
from onefold.pipeline.backfill import Backfill
from onefold.pipeline.processor import Processor
from onefold.store.places import SPOOL, Places
from onefold.store.snapshot import Definitions

IDLE_SECONDS = 1.0
"""How long the pipeline waits for the bell before it looks by itself."""

JOBS_IDLE_SECONDS = 1.0
"""How often idle jobs look for something to do."""

RETRY_SECONDS = 0.5
"""How long the pipeline waits when the store could not take a batch."""

log = structlog.get_logger()


def rooms(
    settings: Settings,
    *,
    places: Places,
    bell: Bell,
    origin: int,
    metrics: Metrics,
    clock: Clock | None = None,
    ids: Ids | None = None,
    limiter: Limiter | None = None,
) -> Rooms:
    """Everything that one HTTP process needs. `origin` tells processes apart in traces. limiter:
    the one of all HTTP processes of the server; without it one of its own."""
    clock, ids = clock or SystemClock(), ids or SystemIds()
    definitions = Definitions(places.control(), fills_names=bool(settings.filled_names))
    definitions.when_gone(places.forget)
    lakes = Lakes(places, memory_bytes=settings.lake_memory_bytes)
    definitions.when_gone(lakes.forget)
    inlets = _inlets(settings, places, definitions, bell, clock, metrics, origin)
    profiles = _profiles(settings, places, definitions, clock)
    signing = installation.signing_key(settings.data)
    return Rooms(
        settings=settings,
        clock=clock,
        ids=ids,
        control=places.control(),
        places=places,
        definitions=definitions,
        tokens=Tokens(definitions=definitions, key=signing, clock=clock, settings=settings),
        inlets=inlets,
        calls=_calls(settings, inlets, definitions, clock, ids),
        inbox=Inbox(places, inlets),
        deletions=Deletions(
            places=places, definitions=definitions, inlets=inlets, clock=clock, ids=ids
        ),
        regulations=Regulations(
            places=places, definitions=definitions, inlets=inlets, clock=clock, ids=ids
        ),
        profiles=profiles,
        edges=Edges(places, definitions, clock, bell),
        graphs=Graphs(places),
        positions=Positions(places, definitions, bell),
        undoing=Undoing(places),
        changes=Changes(places),
        streams=Streams(settings.change_streams_max),
        measurements=Measurements(places, definitions, clock),
        metrics=metrics,
        backlogs=Backlogs(places, definitions, clock, bell),
        batches=Batches(places=places, definitions=definitions, clock=clock, ids=ids),
        uploads=Uploads(places=places, clock=clock, settings=settings),
        lakes=lakes,
        described=Described(ROUTES, settings),
        limiter=limiter or Limiter(),
        cursors=Cursors(Seal(installation.derived_key(signing, "cursors")), clock),
        scrolls=Scrolls(places, definitions, profiles, clock, ids),
        call_statuses=CallStatuses(places, bell),
        origins=Origins(places, bell),
        subscriptions=_subscriptions(settings),
    )


def _calls(
    settings: Settings, inlets: Inlets, definitions: Definitions, clock: Clock, ids: Ids
) -> Calls:
    return Calls(
        inlets=inlets,
        definitions=definitions,
        clock=clock,
        ids=ids,
        context_traits=bool(settings.context_traits),
    )


def _inlets(
    settings: Settings,
    places: Places,
    definitions: Definitions,
    bell: Bell,
    clock: Clock,
    metrics: Metrics,
    origin: int,
) -> Inlets:
    return Inlets(
        places=places,
        definitions=definitions,
        bell=bell,
        clock=clock,
        settings=settings,
        metrics=metrics,
        origin=origin,
    )


def _profiles(
    settings: Settings, places: Places, definitions: Definitions, clock: Clock
) -> Profiles:
    return Profiles(
        places,
        definitions,
        answers_bytes_max=settings.answers_bytes_max,
        activity=Activity(settings.edge_region, clock) if settings.edge_region else None,
    )


def _subscriptions(settings: Settings) -> Subscriptions:
    key = installation.derived_key(installation.signing_key(settings.data), "subscription ids")
    return Subscriptions(key, signed=bool(settings.signed_subscriptions))


def asgi(given: Rooms) -> Asgi:
    """The ASGI application over the rooms, with every route."""
    return application(given, ROUTES)


class Pipeline:
    """The processors of all sandboxes, in turns. Sandboxes that appear are picked up."""

    def __init__(
        self,
        settings: Settings,
        *,
        places: Places,
        bell: Bell,
        metrics: Metrics,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._places = places
        self._bell = bell
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._definitions = Definitions(places.control())
        self._definitions.when_gone(self._part)
        self._sweeper = Sweeper(places, self._clock)
        self._processors: dict[SandboxId, tuple[Processor, Backfill, Projector]] = {}

    def round(self, *, projecting: bool = True) -> int:
        """One batch of every sandbox, and, when asked for, a step of its backfill and of its
        projections; answer how many records, rows and entries of the edge were taken.

        A store that cannot answer does not keep the other sandboxes waiting; its Unavailable is
        raised when no sandbox had anything else to do.
        """
        taken = 0
        passing: Unavailable | None = None
        for processor, backfill, projector in self._all():
            others = (backfill.step, projector.step) if projecting else ()
            for step in (processor.step, *others):
                try:
                    taken += step()
                except Unavailable as unavailable:
                    passing = unavailable
                except NotFound as gone:
                    if gone.code != "AUT-1008":
                        raise
                    # Its sandbox was reset a moment ago: there is nothing left to apply.
        if passing is not None and not taken:
            raise passing
        return taken

    def drain(self) -> None:
        """Apply everything that the journals hold now, and project what follows from it."""
        while self.round():
            pass

    def run(self, stopping: Callable[[], bool]) -> None:
        """Apply records as they are accepted, until told to stop; then what is left."""
        while not stopping():
            try:
                if not self.round():
                    self._bell.wait(IDLE_SECONDS)
            except Unavailable as passing:
                log.warning("pipeline.store_unavailable", code=passing.code)
                self._bell.wait(RETRY_SECONDS)
        while self.round(projecting=False):  # the edge catches up after the next start
            pass

    def _part(self, sandbox: SandboxId) -> None:
        self._processors.pop(sandbox, None)
        self._places.forget(sandbox)

    def _all(self) -> list[tuple[Processor, Backfill, Projector]]:
        """The processors of all active sandboxes, and who goes with them. Stores that were
        discarded are removed first, when nothing here has them open any more."""
        self._definitions.installation()
        for left in self._sweeper.sweep(self._definitions.generation()):
            log.error("pipeline.store_not_removed", store=left.id, sandbox=left.name)
        for sandbox in self._definitions.sandboxes():
            if sandbox.id not in self._processors:
                processor = Processor(
                    sandbox=sandbox,
                    journal=Journal(self._places.journal(sandbox.id), self._bell),
                    engine=self._places.profile(sandbox.id),
                    definitions=self._definitions,
                    clock=self._clock,
                    settings=self._settings,
                    metrics=self._metrics,
                )
                projector = Projector(
                    sandbox=sandbox.id,
                    places=self._places,
                    definitions=self._definitions,
                    clock=self._clock,
                )
                backfill = Backfill(
                    sandbox=sandbox,
                    engine=self._places.profile(sandbox.id),
                    definitions=self._definitions,
                    clock=self._clock,
                    settings=self._settings,
                )
                self._processors[sandbox.id] = (processor, backfill, projector)
        return list(self._processors.values())


class Jobs:
    """The jobs of all sandboxes, in turns, a step each, and the landing of their lakes. Sandboxes
    that appear are picked up.

    bell: rung when a job has appended to a journal.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        places: Places,
        bell: Bell,
        clock: Clock | None = None,
        ids: Ids | None = None,
    ) -> None:
        self._settings = settings
        self._places = places
        self._bell = bell
        self._clock = clock or SystemClock()
        self._ids = ids or SystemIds()
        self._definitions = Definitions(places.control())
        self._definitions.when_gone(self._part)
        self._workers: dict[SandboxId, tuple[Workshop, Worker, Lander]] = {}

    def round(self) -> int:
        """One step in every sandbox; answer how many were done.

        A store that cannot answer does not keep the other sandboxes waiting; its Unavailable is
        raised when no sandbox had anything else to do.
        """
        done = 0
        passing: Unavailable | None = None
        for _, worker, lander in self._all():
            for step in (worker.step, lander.step):
                try:
                    done += step()
                except Unavailable as unavailable:
                    passing = unavailable
        if passing is not None and not done:
            raise passing
        return done

    def land(self) -> None:
        """Land everything that the pipelines have passed, whether it is time or not."""
        for _, _, lander in self._all():
            while lander.land():
                pass

    def close(self) -> None:
        """Let go of the lakes."""
        for workshop, _, _ in self._workers.values():
            workshop.lake.close()

    def drain(self) -> None:
        """Do everything that is due now."""
        while self.round():
            pass

    def run(self, stopping: Callable[[], bool], wait: Callable[[float], None]) -> None:
        """Do jobs as they fall due, until told to stop. wait: sleeps for so many seconds."""
        while not stopping():
            try:
                if not self.round():
                    wait(JOBS_IDLE_SECONDS)
            except Unavailable as passing:
                log.warning("jobs.store_unavailable", code=passing.code)
                wait(RETRY_SECONDS)

    def _part(self, sandbox: SandboxId) -> None:
        gone = self._workers.pop(sandbox, None)
        if gone is not None:
            gone[0].lake.close()
        self._places.forget(sandbox)

    def _all(self) -> list[tuple[Workshop, Worker, Lander]]:
        for sandbox in self._definitions.sandboxes():
            if sandbox.id not in self._workers:
                workshop = Workshop(
                    sandbox=sandbox,
                    places=self._places,
                    journal=Journal(self._places.journal(sandbox.id), self._bell),
                    definitions=self._definitions,
                    clock=self._clock,
                    ids=self._ids,
                    settings=self._settings,
                )
                worker = Worker(workshop, KINDS, alone=True, patient=PATIENT)
                self._workers[sandbox.id] = (workshop, worker, Lander(workshop))
        return list(self._workers.values())


def prepared(data: Path) -> None:
    """Open every database of the installation once, so that faults show before serving begins.

    Raises NotFound CTL-1002, Conflict CTL-1003. Leaves nothing open.
    """
    installation.require(data)
    shutil.rmtree(data / SPOOL, ignore_errors=True)
    places = Places(data)
    try:
        for sandbox in Definitions(places.control()).sandboxes():
            places.journal(sandbox.id)
            places.profile(sandbox.id)
            places.work(sandbox.id)
    finally:
        places.close()
