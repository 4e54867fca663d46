"""How many requests a key may make: token buckets that all HTTP workers share.

A bucket is one number, the time until which its tokens are spent ("theoretical arrival time" of the
generic cell rate algorithm). One that lies in the past means a full bucket, so a bucket that nobody
has drawn from for a while needs no memory. The numbers are in memory that the workers share because
their parent mapped it before it forked them. A draw holds a lock of the operating system on the
bytes of its set: should a worker be killed meanwhile, the system lets go of it. Writing one number
is one store to memory, so nothing half-written is left behind either.

Source: Intilery contract, 4.12.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
import threading
import weakref
from typing import NamedTuple

SETS = 8192
"""A bucket may be in one of the places of its set; a power of two."""
PLACES = 8
"""Of a set. When all are taken by buckets that are not full, the fullest makes room."""

_SET_NUMBERS = 2 * PLACES
_SECOND_NS = 1_000_000_000


class Taken(NamedTuple):
    """What came of asking a bucket for a token.

    limit: of tokens. remaining: tokens that are left. retry_after_s, reset_s: seconds until there
    is a token, and until the bucket is full, both rounded up.
    """

    allowed: bool
    limit: int
    remaining: int
    retry_after_s: int
    reset_s: int


class Limiter:
    """Buckets by name. Safe to share between threads, and with processes that are forked off later;
    to be made before they are, and never to be given to a process that is not."""

    def __init__(self) -> None:
        size = SETS * _SET_NUMBERS * 8
        with tempfile.TemporaryFile() as file:  # of no name: nobody else can open it
            file.truncate(size)
            self._file = os.dup(file.fileno())
        # Of each set: the names of its buckets, hashed, and then their times in nanoseconds.
        self._numbers = memoryview(mmap.mmap(self._file, size)).cast("q")
        # The lock below is one of the process: it does not tell threads apart.
        self._turn = threading.Lock()
        weakref.finalize(self, os.close, self._file)

    def take(self, bucket: bytes, rate: int, burst: int, now_s: float) -> Taken:
        """Take a token, if there is one.

        rate: tokens that are added in a second, at least 1. burst: tokens of a full bucket, at
        least 1. now_s: of a clock that only runs forward, the same one for all processes.
        """
        # The hash is seeded in the parent and the same in its children: nobody outside can choose
        # names that meet in one set.
        name = hash(bucket) or 1
        number = name % SETS
        with self._turn:
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, number)
            try:
                return self._taken(name, number, rate, burst, int(now_s * _SECOND_NS))
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)

    def _taken(self, name: int, number: int, rate: int, burst: int, now: int) -> Taken:
        first = number * _SET_NUMBERS
        times = first + PLACES
        names = self._numbers[first:times].tolist()
        interval = _SECOND_NS // rate
        depth = interval * burst
        if name in names:
            place = names.index(name)
            spent = max(self._numbers[times + place], now)
            if spent > now + depth:  # the rate was another one a moment ago
                spent = self._numbers[times + place] = now + depth
        else:
            ends = self._numbers[times : times + PLACES].tolist()
            place = ends.index(min(ends))
            spent = now
        after = spent + interval
        if after - now > depth:
            return Taken(False, burst, 0, _seconds(after - now - depth), _seconds(spent - now))
        self._numbers[first + place] = name
        self._numbers[times + place] = after
        return Taken(True, burst, (depth - (after - now)) // interval, 0, _seconds(after - now))


def _seconds(nanoseconds: int) -> int:
    return -(-nanoseconds // _SECOND_NS)
