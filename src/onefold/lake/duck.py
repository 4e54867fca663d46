"""DuckDB with one DuckLake attached: the one place where statements are run.

The extensions come with the installation and are loaded from its files; nothing is fetched. The
catalogue is SQLite in WAL mode, so that readers in other processes wait for nobody. A Parquet file
is on the disk before the commit that names it: DuckDB itself leaves that to the system.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from onefold.errors import Unavailable
from onefold.lake.columns import Shape
from onefold.lake.sql import Sql, statement, text

CATALOGUE = "catalog.db"
DATA = "data"
_EXTENSIONS = (
    ("duckdb_extension_ducklake", "ducklake"),
    ("duckdb_extension_sqlite_scanner", "sqlite_scanner"),
)
_THREADS = 2
_BUSY_MS = 10_000
_LOCKED = "database is locked"
_NOT_MADE = "no such table"
_PASSING = (duckdb.IOException, duckdb.TransactionException, duckdb.OutOfMemoryException)

Row = tuple[Any, ...]


class Unfit(Exception):
    """A value does not fit its column. Says nothing of the value."""


class Duck:
    """One lake, opened when first used. For writing: one thread of one process. For reading: any
    number of threads."""

    def __init__(self, directory: Path, *, memory_bytes: int, writable: bool) -> None:
        self.directory = directory
        self.writable = writable
        self._memory_bytes = memory_bytes
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._opening = threading.Lock()
        self._in_transaction = False

    @property
    def exists(self) -> bool:
        """Whether there is a catalogue, if only one that is being made."""
        return (self.directory / CATALOGUE).exists()

    def has(self, table: str) -> bool:
        """Whether a table of this name was made and committed. Asks the catalogue itself, which
        DuckDB cannot attach while it is being made. Raises Unavailable API-9002."""
        try:
            catalogue = sqlite3.connect(self.directory / CATALOGUE, timeout=_BUSY_MS / 1000)
            try:
                found = catalogue.execute(
                    "SELECT 1 FROM ducklake_table WHERE table_name = ?", (table,)
                ).fetchone()
            finally:
                catalogue.close()
        except sqlite3.OperationalError as error:
            if _NOT_MADE in str(error):
                return False
            raise Unavailable("API-9002", "The lake's catalogue is in use") from error
        return found is not None

    def run(
        self, template: str, parameters: Sequence[Any] = (), parts: dict[str, Sql] | None = None
    ) -> list[Row]:
        """Every row of the answer. parts: what stands in braces in the template. Raises Unavailable
        API-9002 when it is worth trying again."""
        with _translated():
            runner = self._runner()
            return runner.execute(statement(template, parts or {}), parameters or None).fetchall()

    def insert(self, template: str, parameters: Sequence[Any], parts: dict[str, Sql]) -> None:
        """Run a statement that makes rows of a file. Raises Unfit when a value is not of its
        column's type; the transaction is then over."""
        try:
            self.run(template, parameters, parts)
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            raise Unfit from None  # what DuckDB says of it holds the value

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block's statements become durable together, or none does."""
        before = self._files()
        self.connection()
        self._in_transaction = True
        try:
            self.run("BEGIN TRANSACTION")
            yield
            synced(self._files() - before)
            self.run("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._in_transaction = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Several queries of one moment. For one thread at a time."""
        self.connection()
        self._in_transaction = True
        try:
            self.run("BEGIN TRANSACTION")
            yield
        finally:
            self._roll_back()
            self._in_transaction = False

    def columns(self, table: Sql) -> tuple[dict[str, Sql], dict[str, Shape]]:
        """The columns of a table: name to type, and name to what is inside."""
        with _translated():
            query = statement("SELECT * FROM {table} LIMIT 0", {"table": table})
            relation = self._runner().sql(query)
            named = list(zip(relation.columns, relation.types, strict=True))
        types = {name: Sql(str(kind)) for name, kind in named}
        return types, {name: _shape(kind) for name, kind in named}

    def copy(
        self, template: str, parameters: Sequence[Any], parts: dict[str, Sql], to: Path
    ) -> None:
        """Write the rows of a query as one Parquet file. Raises Unfit as `insert`."""
        try:
            with _translated():
                relation = self._runner().sql(statement(template, parts), params=list(parameters))
                relation.write_parquet(str(to), compression="zstd")
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            raise Unfit from None

    def close(self) -> None:
        """Let go of the files; the object opens them again when it is used."""
        with self._opening:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def frugal(self) -> Iterator[None]:
        """Within it, large tables are written with as little memory as can be: by one thread, and
        in any order. A writer holds a piece of every column for each of its threads."""
        rows = self.run("SELECT current_setting('threads')")
        self.run("SET threads = 1")
        self.run("SET preserve_insertion_order = false")
        try:
            yield
        finally:
            self.run("SET preserve_insertion_order = true")
            self.run("SET threads = {threads}", (), {"threads": Sql(str(int(rows[0][0])))})

    def vacuumed(self) -> None:
        """Write the catalogue anew without what was deleted in it. Raises Unavailable API-9002
        while a reader holds it."""
        self.close()
        try:
            catalogue = sqlite3.connect(self.directory / CATALOGUE, timeout=_BUSY_MS / 1000)
            try:
                catalogue.execute("VACUUM")
                busy = catalogue.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                catalogue.close()
        except sqlite3.OperationalError as taken:
            raise Unavailable("API-9002", "The lake's catalogue is in use") from taken
        if busy:
            raise Unavailable("API-9002", "The lake's catalogue is in use")

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, opened when it is first asked for."""
        if self._connection is None:
            with self._opening:
                if self._connection is None:
                    self._connection = self._opened()
        return self._connection

    def _runner(self) -> duckdb.DuckDBPyConnection:
        """Within a transaction the connection, else one of its own: threads do not wait."""
        connection = self.connection()
        return connection if self._in_transaction else connection.cursor()

    def _opened(self) -> duckdb.DuckDBPyConnection:
        if self.writable:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.directory / DATA).mkdir(mode=0o700, exist_ok=True)
        spill = self.directory / ("spill" if self.writable else f"spill.{os.getpid()}")
        shutil.rmtree(spill, ignore_errors=True)
        connection = duckdb.connect(
            config={
                "threads": _THREADS,
                "memory_limit": f"{self._memory_bytes}B",
                "temp_directory": str(spill),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        try:
            self._attach(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        for package, name in _EXTENSIONS:
            file = resources.files(package) / "extensions" / f"v{duckdb.__version__}"
            path = text(str(file / f"{name}.duckdb_extension"))
            connection.execute(statement("LOAD {path}", {"path": path}))
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        parts = {
            "catalogue": text(f"ducklake:sqlite:{self.directory.resolve() / CATALOGUE}"),
            "data": text(f"{self.directory.resolve() / DATA}/"),
            "busy": Sql(str(_BUSY_MS)),
        }
        template = (
            "ATTACH {catalogue} AS lake (READ_ONLY, DATA_PATH {data}, OVERRIDE_DATA_PATH true,"
            " META_BUSY_TIMEOUT {busy})"
        )
        if self.writable:
            template = (
                "ATTACH {catalogue} AS lake (DATA_PATH {data}, OVERRIDE_DATA_PATH true,"
                " DATA_INLINING_ROW_LIMIT 0, META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT {busy})"
            )
        connection.execute(statement(template, parts))

    def _roll_back(self) -> None:
        try:
            self.run("ROLLBACK")
        except (Unavailable, duckdb.Error):
            self.close()  # what is not committed ends with the connection

    def _files(self) -> set[Path]:
        return set((self.directory / DATA).rglob("*.parquet"))


def synced(files: set[Path]) -> None:
    """Have new files on the disk, and the names of them."""
    for path in sorted(files | {file.parent for file in files}):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _translated() -> Iterator[None]:
    """Errors that pass as ours. DuckDB's messages hold values, so they go no further."""
    try:
        yield
    except duckdb.Error as error:
        if isinstance(error, _PASSING) or _LOCKED in str(error):
            kind = type(error).__name__
            raise Unavailable("API-9002", f"The lake cannot answer now: {kind}") from None
        raise


def _shape(kind: Any) -> Shape:
    """What is inside a type, as `columns.py` wants it."""
    if kind.id == "struct":
        return {name: _shape(inner) for name, inner in kind.children}
    if kind.id == "list":
        return {"element": _shape(kind.children[0][1])}
    if kind.id == "map":
        return {"value": _shape(kind.children[1][1])}
    return None
