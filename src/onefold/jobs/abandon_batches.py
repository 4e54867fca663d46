"""Abandoning: batches that were begun and then left alone end after some days, and their files with
them.

A batch is marked before its files are removed, so that no client finds it open without them, and is
completed after, so that whoever goes on after a crash knows which files are still to go.
"""

from __future__ import annotations

from msgspec.structs import replace

from onefold.domain.lifecycle import BatchState, batch_moved
from onefold.inlet.uploads import Folder
from onefold.jobs.workshop import Workshop
from onefold.store.engine import Engine
from onefold.store.tables import batches

EVERY_MS = 60_000
HOUR_MS = 3_600_000
BATCHES_MAX = 100
"""Of one step."""


class Abandoner:
    """Ends what was left alone in one sandbox."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._work: Engine = shop.places.work(shop.sandbox.id)
        self._due_ms = 0

    def step(self) -> bool:
        """End some of the batches that are due; answer whether there were any. Raises Unavailable
        when the store cannot answer now."""
        now_ms = self._shop.clock.now_ms()
        if now_ms < self._due_ms:
            return False
        if self._mark(now_ms) + self._remove(now_ms):
            return True
        self._due_ms = now_ms + EVERY_MS
        return False

    def _mark(self, now_ms: int) -> int:
        """Close batches to their clients. Whether they are still idle is asked in the transaction
        that closes them: one that takes a file is not."""
        before_ms = now_ms - self._shop.settings.batch_loading_hours * HOUR_MS
        if not batches.idle(self._work, before_ms=before_ms, limit=1):
            return 0
        with self._work.transaction() as transaction:
            found = batches.idle(transaction, before_ms=before_ms, limit=BATCHES_MAX)
            for batch in found:
                status = batch_moved(batch.status, BatchState.ABANDONED)
                batches.update(transaction, replace(batch, status=status, updated_ms=now_ms))
        return len(found)

    def _remove(self, now_ms: int) -> int:
        """Remove the files of batches that are closed; answer of how many they are gone. A disk
        that does not let go of them is asked again later."""
        removed = 0
        for closed in batches.unfinished(self._work, BatchState.ABANDONED, limit=BATCHES_MAX):
            folder = Folder(self._shop.places, self._shop.sandbox.id, closed.id)
            folder.remove()
            if folder.path.exists():
                continue
            with self._work.transaction() as transaction:
                batch = batches.get(transaction, closed.id)
                assert batch is not None  # batches are never deleted
                batches.update(transaction, replace(batch, completed_ms=now_ms))
            removed += 1
        return removed
