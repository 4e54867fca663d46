"""The composition root: settings in, rooms out. Only here are things wired.

Three kinds of processes come out of it (see supervisor.py): HTTP workers with the ASGI application,
one pipeline that applies what the workers accepted, and whatever opens the rooms for one command.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from onefold.api.app import Application, application
from onefold.api.context import Rooms
from onefold.api.routes import ROUTES
from onefold.config import Settings
from onefold.control import installation
from onefold.control.tokens import Tokens
from onefold.domain.sandbox import SandboxId
from onefold.effects import Clock, Ids, SystemClock, SystemIds
from onefold.errors import Unavailable
from onefold.inlet.accept import Inlets
from onefold.journal import Bell, Journal
from onefold.lookup.backlog import Backlogs
from onefold.lookup.graph import Graphs
from onefold.lookup.profiles import Profiles
from onefold.observe.metrics import Metrics
from onefold.pipeline.processor import Processor
from onefold.store.places import Places
from onefold.store.snapshot import Definitions

IDLE_SECONDS = 1.0
"""How long the pipeline waits for the bell before it looks by itself."""

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
) -> Rooms:
    """Everything that one HTTP process needs. `origin` tells processes apart in traces."""
    clock = clock or SystemClock()
    definitions = Definitions(places.control())
    return Rooms(
        settings=settings,
        clock=clock,
        ids=ids or SystemIds(),
        control=places.control(),
        definitions=definitions,
        tokens=Tokens(
            definitions=definitions,
            key=installation.signing_key(settings.data),
            clock=clock,
            settings=settings,
        ),
        inlets=Inlets(
            places=places,
            definitions=definitions,
            bell=bell,
            clock=clock,
            settings=settings,
            metrics=metrics,
            origin=origin,
        ),
        profiles=Profiles(places, definitions, answers_bytes_max=settings.answers_bytes_max),
        graphs=Graphs(places),
        metrics=metrics,
        backlogs=Backlogs(places, definitions, clock, bell),
    )


def asgi(given: Rooms) -> Application:
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
        self._processors: dict[SandboxId, Processor] = {}

    def round(self) -> int:
        """One batch of every sandbox; answer how many records were taken.

        A store that cannot answer does not keep the other sandboxes waiting; its Unavailable is
        raised when no sandbox had anything else to do.
        """
        taken = 0
        passing: Unavailable | None = None
        for processor in self._all():
            try:
                taken += processor.step()
            except Unavailable as unavailable:
                passing = unavailable
        if passing is not None and not taken:
            raise passing
        return taken

    def drain(self) -> None:
        """Apply everything that the journals hold now."""
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
        self.drain()

    def _all(self) -> list[Processor]:
        for sandbox in self._definitions.sandboxes():
            if sandbox.id not in self._processors:
                self._processors[sandbox.id] = Processor(
                    sandbox=sandbox,
                    journal=Journal(self._places.journal(sandbox.id), self._bell),
                    engine=self._places.profile(sandbox.id),
                    definitions=self._definitions,
                    clock=self._clock,
                    settings=self._settings,
                    metrics=self._metrics,
                )
        return list(self._processors.values())


def prepared(data: Path) -> None:
    """Open every database of the installation once, so that faults show before serving begins.

    Raises NotFound CTL-1002, Conflict CTL-1003. Leaves nothing open.
    """
    installation.require(data)
    places = Places(data)
    try:
        for sandbox in Definitions(places.control()).sandboxes():
            places.journal(sandbox.id)
            places.profile(sandbox.id)
    finally:
        places.close()
