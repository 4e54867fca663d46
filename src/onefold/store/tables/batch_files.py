"""Files of batches: which paths a client has sent, and the ranges of those that come in pieces."""

from __future__ import annotations

import msgspec

from onefold.store.engine import Reader, Transaction


class BatchFile(msgspec.Struct, frozen=True):
    """One file. open: it comes in ranges, and more may come."""

    path: str
    bytes: int
    open: bool
    updated_ms: int


class Range(msgspec.Struct, frozen=True, order=True):
    """Bytes `first` to `last`, both inclusive, of a file of `total` bytes (0: not said)."""

    first: int
    last: int
    total: int = 0


def put(transaction: Transaction, batch_id: str, file: BatchFile) -> None:
    """Write a file's row; the one of its path is replaced."""
    transaction.write(
        "INSERT INTO batch_files (batch_id, path, bytes, is_open, updated_ms)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (batch_id, path) DO UPDATE SET"
        " bytes = excluded.bytes, is_open = excluded.is_open, updated_ms = excluded.updated_ms",
        (batch_id, file.path, file.bytes, file.open, file.updated_ms),
    )


def get(reader: Reader, batch_id: str, path: str) -> BatchFile | None:
    """The file of this path."""
    rows = reader.read(
        "SELECT path, bytes, is_open, updated_ms FROM batch_files WHERE batch_id = ? AND path = ?",
        (batch_id, path),
    )
    return BatchFile(rows[0][0], rows[0][1], bool(rows[0][2]), rows[0][3]) if rows else None


def listed(reader: Reader, batch_id: str) -> list[BatchFile]:
    """All files of a batch, by path."""
    rows = reader.read(
        "SELECT path, bytes, is_open, updated_ms FROM batch_files WHERE batch_id = ? ORDER BY path",
        (batch_id,),
    )
    return [BatchFile(row[0], row[1], bool(row[2]), row[3]) for row in rows]


def totals(reader: Reader, batch_id: str, *, besides: str) -> tuple[int, int]:
    """(number, bytes) of a batch's files, without the one of the path `besides`."""
    rows = reader.read(
        "SELECT count(*), sum(bytes) FROM batch_files WHERE batch_id = ? AND path <> ?",
        (batch_id, besides),
    )
    return rows[0][0], rows[0][1] or 0


def add_range(transaction: Transaction, batch_id: str, path: str, part: Range) -> None:
    """Note that a range has come; once more is the same."""
    transaction.write(
        "INSERT INTO batch_ranges (batch_id, path, first, last, total) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (batch_id, path, first, last) DO UPDATE SET total = excluded.total",
        (batch_id, path, part.first, part.last, part.total),
    )


def ranges(reader: Reader, batch_id: str, path: str) -> list[Range]:
    """The ranges of a file that have come, in order."""
    rows = reader.read(
        "SELECT first, last, total FROM batch_ranges WHERE batch_id = ? AND path = ?"
        " ORDER BY first, last",
        (batch_id, path),
    )
    return [Range(*row) for row in rows]


def forget_ranges(transaction: Transaction, batch_id: str, path: str) -> None:
    """Forget which ranges of a file have come."""
    transaction.write("DELETE FROM batch_ranges WHERE batch_id = ? AND path = ?", (batch_id, path))
