"""Pulse: sixteen shared bytes that tell without a query whether a database may have changed.

The bytes are two numbers in a mapped file beside the database: how many write transactions have
begun, and how many of those are over. A writer raises the first while it holds the database's
write lock and the second when it has committed or given up. Who has seen both equal, and then read
the database, need not read it again for as long as the bytes stay the same. A writer that dies in
between leaves them different: then readers ask the database every time, until the next writer.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

_BYTES = 16
_NUMBERS = struct.Struct("<QQ")


class Pulse:
    """The pulse of one database, shared by all processes that open it."""

    def __init__(self, path: Path) -> None:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(file).st_size < _BYTES:
                os.ftruncate(file, _BYTES)
            self._map = mmap.mmap(file, _BYTES)
        finally:
            os.close(file)

    def begun(self) -> int:
        """Tell that a write transaction has its lock; answer its number. Call under that lock."""
        number = _NUMBERS.unpack_from(self._map)[0] + 1
        struct.pack_into("<Q", self._map, 0, number)
        return int(number)

    def over(self, number: int) -> None:
        """Tell that the transaction of this number has ended."""
        if _NUMBERS.unpack_from(self._map)[1] < number:
            struct.pack_into("<Q", self._map, 8, number)

    def token(self) -> bytes | None:
        """The bytes, None while a writer is at work (or has died at it)."""
        token = self._map[:]
        return token if token[:8] == token[8:] else None

    def close(self) -> None:
        self._map.close()
