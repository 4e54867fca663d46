"""Compression dictionaries, some kilobytes for a dataset each; written once, never changed."""

from __future__ import annotations

from onefold.store.engine import Engine, Reader

ID_FIRST = 32_768
"""Smaller numbers are kept for public dictionaries by zstd's format."""


def latest(reader: Reader) -> dict[str, tuple[int, bytes]]:
    """The newest dictionary of every dataset that has one: (id, body)."""
    rows = reader.read("SELECT dataset, id, body FROM dictionaries ORDER BY id")
    return {row[0]: (row[1], row[2]) for row in rows}


def body_of(reader: Reader, dictionary_id: int) -> bytes:
    """The dictionary with this id, which must exist."""
    rows = reader.read("SELECT body FROM dictionaries WHERE id = ?", (dictionary_id,))
    return bytes(rows[0][0])


def next_id(reader: Reader) -> int:
    """The id that the next dictionary gets."""
    rows = reader.read("SELECT max(id) FROM dictionaries")
    return ID_FIRST if rows[0][0] is None else int(rows[0][0]) + 1


def add(engine: Engine, dictionary_id: int, dataset: str, body: bytes) -> None:
    """Keep a dictionary."""
    with engine.transaction() as transaction:
        transaction.write(
            "INSERT INTO dictionaries (id, dataset, body) VALUES (?, ?, ?)",
            (dictionary_id, dataset, body),
        )
