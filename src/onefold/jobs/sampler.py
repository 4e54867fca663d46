"""Sampling: when people are counted anew.

A sample is asked for when there is none, when the default merge policy is another one, and when the
number of people has moved by more than 5 % since the last one. That is looked at once an hour, and
within minutes after a batch of files was loaded. Source: profile contract, 8.1, "Trigger".
"""

from __future__ import annotations

from onefold.control import preview_samples
from onefold.domain.profile.sample import has_moved
from onefold.jobs.workshop import Workshop
from onefold.store.tables.jobs import State
from onefold.store.tables.progress import progress

EVERY_MS = 60_000
AFTER_BATCH_MS = 300_000
"""Between two looks, when a batch was loaded after the first."""
HOUR_MS = 3_600_000


class Sampler:
    """Asks for samples of one sandbox."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._work = shop.places.work(shop.sandbox.id)
        self._due_ms = shop.clock.now_ms() + EVERY_MS
        self._looked_ms = 0
        self._position = -1

    def step(self) -> bool:
        """Ask for a sample if it is time; answer whether one was asked for. Raises Unavailable when
        the store cannot answer now."""
        now_ms = self._shop.clock.now_ms()
        if now_ms < self._due_ms:
            return False
        self._due_ms = now_ms + EVERY_MS
        if not self._is_due(now_ms):
            return False
        preview_samples.ask(self._work, self._shop.clock, self._shop.ids)
        return True

    def _is_due(self, now_ms: int) -> bool:
        shop = self._shop
        policy = shop.definitions.snapshot(shop.sandbox.id).default_policy
        sample, job, loaded = preview_samples.state(self._work)
        if policy is None or preview_samples.is_under_way(job):
            return False
        known_ms = max(
            self._looked_ms, sample.started_ms if sample else 0, job.created_ms if job else 0
        )
        is_new_batch = loaded is not None and loaded.at_ms >= known_ms
        wait_ms = AFTER_BATCH_MS if is_new_batch or known_ms == 0 else HOUR_MS
        if known_ms and now_ms < known_ms + wait_ms:
            return False
        if sample is not None:
            self._looked_ms = now_ms
            if sample.policy != (policy.id, policy.version):
                return True
        store = shop.places.profile(shop.sandbox.id)
        position = progress(store).position
        has_failed = job is not None and job.state is State.FAILED
        if position == self._position and not has_failed:
            return False  # nothing was applied since the last look
        self._position = position
        people = preview_samples.population(store, policy)
        return has_moved(people, sample.population if sample is not None else 0)
