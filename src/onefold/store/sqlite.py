"""The embedded engine: one SQLite file in WAL mode, one writer at a time, many readers.

Durability: `synchronous=FULL`, so a transaction that has returned survives `kill -9` and power
loss. Every thread reads through its own connection; writers of this process take turns on one
connection, writers of other processes wait for SQLite's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import apsw

from onefold.errors import Unavailable
from onefold.store.checkpoints import Checkpoints
from onefold.store.engine import Reader, Row, Transaction, Value
from onefold.store.pulse import Pulse

BUSY_TIMEOUT_MS = 10_000
READER_CACHE_KIB = 16 * 1024
WRITER_CACHE_KIB = 256 * 1024
"""Upper bounds; what is not used is not taken. Readers read through the mapped file."""
MMAP_BYTES = 1 << 30
WAL_AUTOCHECKPOINT_PAGES = 4_000

_PASSING = (apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.IOError, apsw.CantOpenError)


class SqliteEngine:
    """`Engine` on one file. Cheap to open; close it to release its connections.

    page_bytes: of a file that is made now. pulse: where its commits are told to all processes;
    without one, `version` is None. checkpoints: how its log is moved; SQLite's own way without.
    writer_cache_kib: what the writer may keep of it in memory.
    """

    def __init__(
        self,
        path: Path,
        *,
        page_bytes: int = 4096,
        pulse: Pulse | None = None,
        checkpoints: Checkpoints | None = None,
        writer_cache_kib: int = WRITER_CACHE_KIB,
    ) -> None:
        self._path = path
        self._page_bytes = page_bytes
        self._pulse = pulse
        self._checkpoints = checkpoints
        self._writer = self._connect(writer_cache_kib)
        if checkpoints is not None:
            self._writer.set_wal_hook(checkpoints.after_commit)
        self._writer_turn = threading.Lock()
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        try:
            return self._reader().execute(sql, parameters).fetchall()
        except _PASSING as error:
            raise _unavailable(error) from error

    def reading(self) -> AbstractContextManager[Reader]:
        return _Reading(self._reader())

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._writer_turn:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                number = self._pulse.begun() if self._pulse is not None else 0
                try:
                    yield _SqliteTransaction(self._writer)
                    self._writer.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise
                finally:
                    if self._pulse is not None:
                        self._pulse.over(number)
            except _PASSING as error:
                raise _unavailable(error) from error

    def version(self) -> bytes | None:
        return self._pulse.token() if self._pulse is not None else None

    def close(self) -> None:
        if self._pulse is not None:
            self._pulse.close()
        if self._checkpoints is not None:
            self._checkpoints.close()
        for connection in (*self._readers, self._writer):
            connection.close()

    def _reader(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect(READER_CACHE_KIB)
            self._readers.append(connection)
        return connection

    def _connect(self, cache_kib: int) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        for pragma in (
            f"page_size={self._page_bytes}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",
            f"cache_size=-{cache_kib}",
            f"mmap_size={MMAP_BYTES}",
            f"wal_autocheckpoint={WAL_AUTOCHECKPOINT_PAGES}",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        return connection


class _Reading:
    """One read transaction; a class because lookups open one each."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Reader:
        self._connection.execute("BEGIN")
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._connection.execute("COMMIT")

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except _PASSING as error:
            raise _unavailable(error) from error


class _SqliteTransaction:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except _PASSING as error:
            raise _unavailable(error) from error

    def write(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        try:
            self._connection.execute(sql, parameters).fetchall()
        except _PASSING as error:
            raise _unavailable(error) from error

    def write_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        try:
            self._connection.executemany(sql, rows).fetchall()
        except _PASSING as error:
            raise _unavailable(error) from error

    @contextmanager
    def attempt(self) -> Iterator[None]:
        self._connection.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException as error:
            if not self._connection.in_transaction:
                # SQLite may undo everything by itself, such as when the disk is full.
                raise _unavailable(error) from error
            self._connection.execute("ROLLBACK TO attempt; RELEASE attempt")
            raise
        self._connection.execute("RELEASE attempt")


def _unavailable(error: BaseException) -> Unavailable:
    """The driver's error of a passing state; all other errors of it are defects of ours."""
    return Unavailable("API-9002", f"The store cannot answer now: {error}")
