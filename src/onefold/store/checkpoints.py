"""Checkpoints beside the writer: moving the write-ahead log into the database without a stall.

Rows of people lie all over a large store, so every batch touches pages that no other batch touched
lately, and each of them is written twice: to the log, and at a checkpoint to its place. SQLite's
own checkpoint runs inside a commit and after few pages, so that hardly any page is saved and the
writer stands still meanwhile; with a million events stored that was more than half of its time.
Here the log grows until many of its pages are of the same places, and a thread of its own moves
them. What was added meanwhile, little, is moved in a second step that keeps the writer waiting, so
that the log begins anew instead of growing for ever.
"""

from __future__ import annotations

import threading
from pathlib import Path

import apsw

PAGES = 32_000
"""Pages in the log at which it is moved: 64 MiB at 2 KiB each."""

PAGES_MAX = 4 * PAGES
"""Pages at which the writer moves them itself, because nobody else could."""

RESTART_WAIT_MS = 200
"""How long the second step waits for its turn between two commits, and for readers to leave."""


class Checkpoints:
    """The checkpoints of one database, for the process that writes to it."""

    def __init__(self, path: Path, *, pages: int = PAGES, pages_max: int = PAGES_MAX) -> None:
        self._path = path
        self._pages = pages
        self._pages_max = pages_max
        self._mover: threading.Thread | None = None

    def after_commit(self, writer: apsw.Connection, _: str, pages: int) -> int:
        """SQLite's hook: the log has this many pages now."""
        if pages >= self._pages_max:
            writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        elif pages >= self._pages and (self._mover is None or not self._mover.is_alive()):
            self._mover = threading.Thread(target=self._move, name="checkpoint", daemon=True)
            self._mover.start()
        return apsw.SQLITE_OK

    def close(self) -> None:
        """Wait until nothing is on its way."""
        if self._mover is not None:
            self._mover.join()

    def _move(self) -> None:
        try:
            connection = apsw.Connection(str(self._path))
        except apsw.CantOpenError:
            return  # the sandbox was reset, and its store is gone
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            connection.set_busy_timeout(RESTART_WAIT_MS)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        except (apsw.BusyError, apsw.LockedError):
            return  # somebody reads what lies in the log; the next commit tries again
        finally:
            connection.close()
