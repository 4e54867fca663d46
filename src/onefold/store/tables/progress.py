"""How far a consumer of the journal has come; committed with what it made of the records."""

from __future__ import annotations

import msgspec

from onefold.store.engine import Reader, Transaction

PIPELINE = "pipeline"


class Progress(msgspec.Struct, frozen=True):
    """position: of the last journal row that is done; records: how many records up to it."""

    position: int
    records: int


def progress(reader: Reader, consumer: str = PIPELINE) -> Progress:
    """Where the consumer stands."""
    rows = reader.read("SELECT position, records FROM progress WHERE consumer = ?", (consumer,))
    return Progress(*rows[0])


def advance(transaction: Transaction, to: Progress, consumer: str = PIPELINE) -> None:
    """Move the consumer on. Belongs into the transaction that holds its work."""
    transaction.write(
        "UPDATE progress SET position = ?, records = ? WHERE consumer = ?",
        (to.position, to.records, consumer),
    )
