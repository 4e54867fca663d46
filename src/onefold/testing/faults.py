"""Faults: real databases that fail where and when a test says.

`FaultyEngine` stands before an engine and asks `Faults` at every call whether it is to fail. Below
it is the real SQLite file, so what a failed call leaves behind is what the real store leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from onefold.domain.sandbox import SandboxId
from onefold.errors import Unavailable
from onefold.store.engine import Engine, Reader, Row, Transaction, Value
from onefold.store.places import Places


class Crash(BaseException):
    """The process ends at this very point. No door of the product catches it; whoever raised it
    throws the process's state away and opens the files anew."""


class Point(StrEnum):
    """What an engine is asked to do. COMMIT is before it happens, COMMITTED is after: the work is
    durable and nobody has been told."""

    READ = "read"
    BEGIN = "begin"
    WRITE = "write"
    COMMIT = "before commit"
    COMMITTED = "after commit"


class Call(NamedTuple):
    """One call. database: journal, profile, work, scroll or edge. rows: parameters, a row each."""

    database: str
    point: Point
    sql: str = ""
    rows: Sequence[Sequence[Value]] = ()


def unavailable() -> Unavailable:
    """What the store raises when it cannot answer now."""
    return Unavailable("API-9002", "The store cannot answer now: simulated")


def anywhere(_call: Call) -> bool:
    """Every call."""
    return True


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong. skip: matching calls that pass first; times: how many fail then,
    None for all; struck: how many have failed."""

    error: Callable[[], BaseException]
    where: Callable[[Call], bool] = anywhere
    skip: int = 0
    times: int | None = 1
    struck: int = 0

    def strikes(self, call: Call) -> bool:
        """Whether this call fails by this fault; counts it."""
        if self.struck == self.times or not self.where(call):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        return True


class Faults:
    """What goes wrong in one world. calls: how many calls have been made so far."""

    def __init__(self) -> None:
        self.calls = 0
        self._faults: list[Fault] = []

    def arm(self, fault: Fault) -> Fault:
        """Let the fault happen from now on."""
        self._faults.append(fault)
        return fault

    def disarm(self, fault: Fault) -> None:
        """Let it not happen any more."""
        self._faults = [known for known in self._faults if known is not fault]

    def restore(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    def on(self, call: Call) -> None:
        """Raise what is due at this call."""
        self.calls += 1
        for fault in self._faults:
            if fault.strikes(call):
                raise fault.error()


class FaultyEngine:
    """`Engine` over another one, whose calls fail as `faults` says."""

    def __init__(self, engine: Engine, faults: Faults, database: str) -> None:
        self._engine = engine
        self._faults = faults
        self._database = database

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        self._faults.on(Call(self._database, Point.READ, sql, [parameters]))
        return self._engine.read(sql, parameters)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        with self._engine.reading() as reader:
            yield _FaultyReader(reader, self._faults, self._database)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self._faults.on(Call(self._database, Point.BEGIN))
        with self._engine.transaction() as transaction:
            yield _FaultyTransaction(transaction, self._faults, self._database)
            self._faults.on(Call(self._database, Point.COMMIT))
        self._faults.on(Call(self._database, Point.COMMITTED))

    def version(self) -> bytes | None:
        return self._engine.version()

    def close(self) -> None:
        self._engine.close()


class _FaultyReader:
    def __init__(self, reader: Reader, faults: Faults, database: str) -> None:
        self._reader = reader
        self._faults = faults
        self._database = database

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        self._faults.on(Call(self._database, Point.READ, sql, [parameters]))
        return self._reader.read(sql, parameters)


class _FaultyTransaction(_FaultyReader):
    def __init__(self, transaction: Transaction, faults: Faults, database: str) -> None:
        super().__init__(transaction, faults, database)
        self._transaction = transaction

    def write(self, sql: str, parameters: Sequence[Value] = ()) -> None:
        self._faults.on(Call(self._database, Point.WRITE, sql, [parameters]))
        self._transaction.write(sql, parameters)

    def write_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        every = list(rows)
        self._faults.on(Call(self._database, Point.WRITE, sql, every))
        self._transaction.write_many(sql, every)

    def attempt(self) -> AbstractContextManager[None]:
        return self._transaction.attempt()


class FaultyPlaces(Places):
    """The databases of an installation; all but the control store fail as `faults` says."""

    def __init__(self, data: Path, faults: Faults) -> None:
        super().__init__(data)
        self._faults = faults

    def journal(self, sandbox: SandboxId) -> Engine:
        return FaultyEngine(super().journal(sandbox), self._faults, "journal")

    def profile(self, sandbox: SandboxId) -> Engine:
        return FaultyEngine(super().profile(sandbox), self._faults, "profile")

    def work(self, sandbox: SandboxId) -> Engine:
        return FaultyEngine(super().work(sandbox), self._faults, "work")

    def scroll(self, sandbox: SandboxId) -> Engine:
        return FaultyEngine(super().scroll(sandbox), self._faults, "scroll")

    def edge(self, sandbox: SandboxId, destination_id: str) -> Engine:
        return FaultyEngine(super().edge(sandbox, destination_id), self._faults, "edge")
