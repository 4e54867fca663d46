"""Answers: encoded profiles that were asked for before, each with the stamp it holds for.

Nothing here grows old by the clock. A stamp names the generation of the definitions and the last
record that changed the cluster; it is read from the store at every question, and an answer is given
again only under the very same stamp. The least recently asked leave first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

Key = tuple[str, ...]
Stamp = tuple[int, int]
"""(generation of the definitions, number of the last record that changed the cluster)."""

OVERHEAD_BYTES = 520
"""What one entry costs besides its answer: key, stamp and places in tables. Measured on 100,000."""


class Answers:
    """Kept answers, of at most `bytes_max` bytes in all. Safe to share between threads."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Key, tuple[Stamp, bytes]] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, key: Key, stamp: Stamp) -> bytes | None:
        """The answer that was kept under this key, if its stamp is this one."""
        with self._turn:
            kept = self._kept.get(key)
            if kept is None or kept[0] != stamp:
                return None
            self._kept.move_to_end(key)
            return kept[1]

    def keep(self, key: Key, stamp: Stamp, answer: bytes) -> None:
        """Keep an answer in the place of any other under its key."""
        with self._turn:
            self._drop(key)
            self._kept[key] = (stamp, answer)
            self._bytes += len(answer) + OVERHEAD_BYTES
            while self._bytes > self._bytes_max:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        old = self._kept.pop(key, None)
        if old is not None:
            self._bytes -= len(old[1]) + OVERHEAD_BYTES
