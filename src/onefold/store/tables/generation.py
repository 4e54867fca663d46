"""The generation: one number that tells whether anything known about the definitions is stale."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from onefold.store.engine import Engine, Reader, Transaction

_CURRENT = "SELECT number FROM generation"


def current(reader: Reader) -> int:
    """The number of the last control-plane change."""
    number: int = reader.read(_CURRENT)[0][0]
    return number


@contextmanager
def change(engine: Engine) -> Iterator[Transaction]:
    """A control-plane transaction: all that is written in it appears as one new generation."""
    with engine.transaction() as transaction:
        yield transaction
        transaction.write("UPDATE generation SET number = number + 1")
