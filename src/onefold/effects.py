"""Clock, Ids: the only way to time and new ids. Passed by hand, so that simulation can seed
them.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Protocol

_POOL_BYTES = 1024


class Clock(Protocol):
    """The time of day and a stopwatch."""

    def now_ms(self) -> int:
        """UTC epoch milliseconds."""
        ...

    def monotonic_s(self) -> float:
        """Seconds of a stopwatch that never goes back."""
        ...


class Ids(Protocol):
    """New identifiers that nobody else has."""

    def hex(self, *, bytes_: int) -> str:
        """Lower-case hexadecimal digits of `bytes_` random bytes."""
        ...

    def uuid(self) -> str:
        """A random UUID as text."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()


class SystemIds:
    """Identifiers from the operating system's randomness; safe for secrets.

    Randomness is fetched some kilobytes at a time, for each thread. Make the object in the process
    that uses it: after a fork, parent and child would give the same.
    """

    def __init__(self) -> None:
        self._local = threading.local()

    def hex(self, *, bytes_: int) -> str:
        pool: str = getattr(self._local, "pool", "")
        if len(pool) < 2 * bytes_:
            pool = os.urandom(max(_POOL_BYTES, bytes_)).hex()
        self._local.pool = pool[2 * bytes_ :]
        return pool[: 2 * bytes_]

    def uuid(self) -> str:
        # As uuid.uuid4 writes it, at half of its cost: every answer of some doors has one.
        digits = self.hex(bytes_=16)
        variant = "89ab"[int(digits[16], 16) & 3]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )
