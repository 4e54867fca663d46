"""Backlog: how far the pipeline is behind the journal, sandbox by sandbox."""

from __future__ import annotations

import msgspec

from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock
from onefold.journal import Bell, Journal
from onefold.store.places import Places
from onefold.store.snapshot import Definitions
from onefold.store.tables.progress import progress


class Backlog(msgspec.Struct, frozen=True):
    """Accepted records that are not applied yet, and the age of the oldest of them."""

    sandbox: Sandbox
    records: int
    age_seconds: float


class Backlogs:
    """Asks the journals and the stores of all sandboxes."""

    def __init__(self, places: Places, definitions: Definitions, clock: Clock, bell: Bell) -> None:
        self._places = places
        self._definitions = definitions
        self._clock = clock
        self._bell = bell

    def now(self) -> list[Backlog]:
        """The backlog of every sandbox. Raises Unavailable when a store does not answer."""
        return [self._of(sandbox) for sandbox in self._definitions.sandboxes()]

    def _of(self, sandbox: Sandbox) -> Backlog:
        journal = Journal(self._places.journal(sandbox.id), self._bell)
        done = progress(self._places.profile(sandbox.id))
        records = journal.end().records - done.records
        oldest_ms = journal.received_ms(done.position) if records else None
        age_ms = self._clock.now_ms() - oldest_ms if oldest_ms is not None else 0
        return Backlog(sandbox, records, max(age_ms, 0) / 1000)
