"""The protocol between the tables and a database engine. Fewer than ten verbs, so that another
engine can be tried.

Rules for statements, so that they still hold on a sharded engine: equality (or a short list) on the
partition key, that key inside every unique constraint, no join across keys, no lock across keys.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Value = str | int | float | bytes | None
Row = tuple[Any, ...]  # the driver's rows; each table module turns them into domain values


class Reader(Protocol):
    """Something that answers queries."""

    def read(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Every row of the answer. Parameters are bound, never printed into the SQL."""
        ...


class Transaction(Reader, Protocol):
    """One open write transaction: all of its writes become durable together, or none does."""

    def write(self, sql: str, parameters: Sequence[Value] = ()) -> None: ...

    def write_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """The same statement for each row of parameters."""
        ...

    def attempt(self) -> AbstractContextManager[None]:
        """A part of the transaction that is undone alone when its block raises."""
        ...


class Engine(Reader, Protocol):
    """One database. Reads see the last commit; one write transaction is open at a time."""

    def reading(self) -> AbstractContextManager[Reader]:
        """Several reads of one and the same state, however long the block lasts."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Commits at the end of the block, rolls back when it raises. Durable once it returns."""
        ...

    def version(self) -> bytes | None:
        """A token that stays the same for as long as nobody, in any process, commits; None when
        that cannot be told without a query. To be asked before the query whose answer is kept."""
        ...

    def close(self) -> None: ...


LIST_MAX = 512
"""Values that one IN list is given at most; longer lists are asked in several statements."""


def read_among(
    reader: Reader, sql: str, values: Sequence[Value], *before: Value, width: int = 1
) -> list[Row]:
    """Every row of a query about a list of values, which stands in the SQL as `:list`.

    before: parameters that precede the list. width: how many values make one element, for lists of
    tuples. The list's length is rounded up to a power of two by repeating the last element, so that
    few different statements exist and each is prepared once.
    """
    count = len(values) // width
    if count > LIST_MAX:
        half = count // 2 * width
        return [
            *read_among(reader, sql, values[:half], *before, width=width),
            *read_among(reader, sql, values[half:], *before, width=width),
        ]
    if not count:
        return []
    rounded = 1 << (count - 1).bit_length()
    bound = [*before, *values]
    if rounded > count:
        bound += list(values[-width:]) * (rounded - count)
    return reader.read(_filled(sql, rounded, width), bound)


@functools.lru_cache(maxsize=1024)
def _filled(sql: str, count: int, width: int) -> str:
    """The statement with places for `count` elements; few exist, and making one costs more than
    running it."""
    one = "?" if width == 1 else f"({','.join('?' * width)})"
    return sql.replace(":list", ",".join([one] * count))
