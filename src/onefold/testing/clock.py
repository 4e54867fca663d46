"""Time and identifiers of a simulation: they move only when told, and a seed decides them."""

from __future__ import annotations

import uuid
from random import Random

START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z, when every simulated world begins."""


class SimClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms
        self._start_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return (self._now_ms - self._start_ms) / 1000

    def advance(self, *, ms: int) -> None:
        """Let time pass."""
        self._now_ms += ms


class SimIds:
    """Identifiers that follow from a seed. Not safe for secrets."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def hex(self, *, bytes_: int) -> str:
        return self._random.randbytes(bytes_).hex()

    def uuid(self) -> str:
        return str(uuid.UUID(bytes=self._random.randbytes(16), version=4))
