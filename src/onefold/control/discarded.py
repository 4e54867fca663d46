"""Discarded stores: what a reset or deleted sandbox has left on the disk, and its removal.

The transaction that resets or deletes a sandbox writes down the store that it leaves behind; the
pipeline removes the directory afterwards, and a pipeline that was killed in between does so at its
next start. Processes that still have the files open keep them, unnamed, until they notice that the
sandbox is gone; a request that was on its way in one of them may make the directory anew. So a
store is looked at again before it is forgotten.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from onefold.control import sandboxes
from onefold.effects import Clock
from onefold.store.places import Places
from onefold.store.tables import sandboxes as rows
from onefold.store.tables.generation import change
from onefold.store.tables.sandboxes import Discarded

LATE_MS = 120_000
"""How long after a reset a request that began before it may still write."""
RETRY_MS = 30_000
"""How long to wait after a directory could not be removed."""
_LEAVING = ".discarded-"


class Sweeper:
    """Removes discarded stores; for the one process that writes to stores."""

    def __init__(self, places: Places, clock: Clock) -> None:
        self._places = places
        self._clock = clock
        self._seen = -1
        self._due_ms: int | None = None

    def sweep(self, generation: int) -> list[Discarded]:
        """Remove what was discarded up to this generation; answer what could not be removed.

        Costs nothing while the generation stays and nothing is due.
        """
        now_ms = self._clock.now_ms()
        due = self._due_ms is not None and now_ms >= self._due_ms
        if generation == self._seen and not due:
            return []
        self._seen, self._due_ms = generation, None
        failed = []
        for store in rows.discarded(self._places.control()):
            again_ms = store.discarded_ms + LATE_MS
            if not self._removed(store):
                failed.append(store)
                again_ms = now_ms + RETRY_MS
            elif now_ms > again_ms:
                with change(self._places.control()) as transaction:
                    rows.forget_discarded(transaction, store)
                continue
            self._due_ms = min(self._due_ms or again_ms, again_ms + 1)
        return failed

    def _removed(self, store: Discarded) -> bool:
        directory = self._places.store(store.id)
        try:
            _remove(directory)
        except OSError:
            sandboxes.settle(self._places.control(), store, removed=False)
            return False
        if not store.removed:
            sandboxes.settle(self._places.control(), store, removed=True)
        return True


def _remove(directory: Path) -> None:
    """Take the directory out of the way in one step, then remove it piece by piece: whoever comes
    late cannot write into what is being removed."""
    leaving = directory.with_name(_LEAVING + directory.name)
    if leaving.exists():
        shutil.rmtree(leaving)
    if directory.exists():
        directory.rename(leaving)
        shutil.rmtree(leaving)
