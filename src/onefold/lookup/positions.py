"""Positions: which part of a sandbox's journal its profiles already tell of."""

from __future__ import annotations

from collections.abc import Callable

from onefold.domain.sandbox import SandboxId
from onefold.journal import Bell, Journal
from onefold.store.places import Places
from onefold.store.snapshot import Definitions
from onefold.store.tables.progress import progress

LATELY_SECONDS = 0.005
"""How old a position may be that nobody has asked for; asking costs as much as a small lookup."""


class Positions:
    """Asks journals and stores. Safe to share between threads."""

    def __init__(self, places: Places, definitions: Definitions, bell: Bell) -> None:
        self._places = places
        self._bell = bell
        self._lately: dict[SandboxId, tuple[int, float]] = {}
        definitions.when_gone(self._forget)

    def lately(self, sandbox: SandboxId, now_s: float) -> int:
        """A position that the pipeline had passed LATELY_SECONDS ago, or since: whatever is read
        after this call is of a state at least as new. now_s: of a clock that only runs forward."""
        kept = self._lately.get(sandbox)
        if kept is not None and now_s < kept[1]:
            return kept[0]
        position = self.passed(sandbox)()
        self._lately[sandbox] = (position, now_s + LATELY_SECONDS)
        return position

    def passed(self, sandbox: SandboxId) -> Callable[[], int]:
        """What tells the position that the pipeline has passed: whatever is read after a call of it
        is of a state at least as new. Cost of a call: one read by key."""
        store = self._places.profile(sandbox)
        return lambda: progress(store).position

    def end(self, sandbox: SandboxId) -> int:
        """The position of the newest append, of any process."""
        return Journal(self._places.journal(sandbox), self._bell).reached.position

    def _forget(self, sandbox: SandboxId) -> None:
        self._lately.pop(sandbox, None)
