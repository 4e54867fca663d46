"""Trimming: what pipeline and lake have passed leaves the journal after some days.

Until then it is there for whoever wants to look at what was sent; profiles and lake do not need it.
"""

from __future__ import annotations

from onefold.jobs.workshop import Workshop
from onefold.store.tables.progress import progress

EVERY_MS = 60_000
HOUR_MS = 3_600_000


class Trimmer:
    """Trims the journal of one sandbox."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._due_ms = 0

    def step(self) -> bool:
        """Delete some of what is old enough; answer whether there was anything. Raises Unavailable
        when the store cannot answer now."""
        shop = self._shop
        now_ms = shop.clock.now_ms()
        if now_ms < self._due_ms:
            return False
        profile = shop.places.profile(shop.sandbox.id)
        passed = min(progress(profile).position, shop.lake.progress().position)
        before_ms = now_ms - shop.settings.journal_keep_hours * HOUR_MS
        if shop.journal.trim(passed, received_before_ms=before_ms):
            return True
        self._due_ms = now_ms + EVERY_MS
        return False
