"""Tallies: what the inlets of one process saw, for observability.

Kept in memory and added to the counters in the sandbox's journal some seconds at a time (the
supervisor says when), since a commit a request would cost more than the request. A process that is
killed loses what it has not told yet: counts, never records. Source: platform contract, section 10.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from onefold.domain.sandbox import SandboxId
from onefold.effects import Clock
from onefold.errors import Unavailable
from onefold.store.places import Places
from onefold.store.snapshot import Definitions, Inlet
from onefold.store.tables import counters
from onefold.store.tables.counters import HOUR_MS, Key


class Tallies:
    """Counts of one process, by sandbox and hour. Safe to share between threads."""

    def __init__(self, places: Places, definitions: Definitions, clock: Clock) -> None:
        self._places = places
        self._definitions = definitions
        self._clock = clock
        self._turn = threading.Lock()
        self._untold: dict[tuple[SandboxId, int], Counter[Key]] = {}

    def saw(
        self, sandbox: SandboxId, inlet_id: str, *, accepted: int, refused: int, body_bytes: int
    ) -> None:
        """Messages of one request, by their end, and the bytes that it brought."""
        with self._turn:
            untold = self._of(sandbox)
            untold["accepted", inlet_id, ""] += accepted
            untold["refused", inlet_id, ""] += refused
            untold["bytes", inlet_id, ""] += body_bytes

    def invalid(self, inlet: Inlet, categories: Iterable[str]) -> None:
        """One message that synchronous validation refused."""
        with self._turn:
            untold = self._of(inlet.sandbox_id)
            untold["invalid", inlet.id, ""] += 1
            for category in categories:
                untold["category", inlet.id, category] += 1

    def tell(self) -> None:
        """Write everything down. What cannot be written now is kept; of a sandbox that is gone,
        nothing is."""
        if not self._untold:
            return
        try:
            active = {sandbox.id for sandbox in self._definitions.sandboxes()}
        except Unavailable:
            return
        with self._turn:
            untold, self._untold = self._untold, {}
        for (sandbox, hour_ms), counted in untold.items():
            if sandbox not in active:
                continue
            try:
                with self._places.journal(sandbox).transaction() as transaction:
                    counters.add(transaction, counted, now_ms=hour_ms)
            except Unavailable:
                with self._turn:
                    self._untold.setdefault((sandbox, hour_ms), Counter()).update(counted)

    def _of(self, sandbox: SandboxId) -> Counter[Key]:
        now_ms = self._clock.now_ms()
        key = (sandbox, now_ms - now_ms % HOUR_MS)
        untold = self._untold.get(key)
        if untold is None:
            untold = self._untold[key] = Counter()
        return untold
