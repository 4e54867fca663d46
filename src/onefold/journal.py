"""The log of one sandbox: ordered, durable, appended by inlets and read by the pipeline.

`append` returns when the records are on disk. Threads that append at the same time share one
commit: the first to get its turn writes everything that has queued up meanwhile, and the others
find their records written when their turn comes. The reader's offset is not kept here: it is
committed by the reader together with what it made of the records.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Sequence
from typing import Protocol

import msgspec
import zstandard

from onefold.store.engine import Engine

ZSTD_LEVEL = 1


class Accepted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record as the inlet accepted it.

    trace: the xactionId that the sender got. dataset: what the header named. message: the whole
    message as JSON bytes, as it was sent (Smile is turned into JSON before).
    """

    trace: str
    received_ms: int
    inlet: str
    dataset: str
    message: bytes


class Chunk(msgspec.Struct, frozen=True):
    """One append as the reader gets it. `first` is the number of its first record in the journal,
    counted from 1 and never used twice."""

    position: int
    first: int
    records: list[Accepted]


class End(msgspec.Struct, frozen=True):
    """How long the journal is: its last position and the number of records up to it."""

    position: int
    records: int


class Bell(Protocol):
    """How appenders wake the reader, within and across processes."""

    def ring(self) -> None: ...

    def wait(self, seconds: float) -> None:
        """Return at the next ring, or at one not yet waited for; at latest after `seconds`."""
        ...


class PipeBell:
    """A bell over a pipe; both ends may be inherited by other processes."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def ring(self) -> None:
        try:
            os.write(self._write, b"\0")
        except BlockingIOError:
            return  # full of rings nobody has waited for: one more says nothing new

    def wait(self, seconds: float) -> None:
        ready, _, _ = select.select([self._read], [], [], seconds)
        if ready:
            os.read(self._read, 65_536)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


class _Append:
    def __init__(self, records: int, received_ms: int, body: bytes) -> None:
        self.records = records
        self.received_ms = received_ms
        self.body = body
        self.position = 0
        self.error: BaseException | None = None


class Journal:
    """The journal of one sandbox on one engine."""

    def __init__(self, engine: Engine, bell: Bell) -> None:
        self._engine = engine
        self._bell = bell
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[Accepted]).decode
        self._queue: list[_Append] = []
        self._queue_lock = threading.Lock()
        self._turn = threading.Lock()
        self._local = threading.local()

    def append(self, records: Sequence[Accepted]) -> int:
        """Make the records durable, in their order and together; answer their position.

        Raises Unavailable when nothing was written. Cost: a share of one fsync.
        """
        append = _Append(
            len(records), records[0].received_ms, self._compressed(self._encode(records))
        )
        with self._queue_lock:
            self._queue.append(append)
        with self._turn:
            if not append.position and append.error is None:
                self._commit_queue()
        if append.error is not None:
            raise append.error
        self._bell.ring()
        return append.position

    def read(self, after: int, *, records_max: int) -> list[Chunk]:
        """The chunks behind position `after`, oldest first, of about `records_max` records."""
        chunks: list[Chunk] = []
        count = 0
        while count < records_max:
            rows = self._engine.read(
                "SELECT position, records, records_end, body FROM journal"
                " WHERE position > ? ORDER BY position LIMIT 16",
                (after,),
            )
            for position, in_row, end, body in rows:
                if chunks and count + in_row > records_max:
                    return chunks
                unpacked = self._decode(zstandard.ZstdDecompressor().decompress(body))
                chunks.append(Chunk(position, end - in_row + 1, unpacked))
                count += in_row
                after = position
            if len(rows) < 16:
                break
        return chunks

    def end(self) -> End:
        """How far the journal reaches now."""
        rows = self._engine.read(
            "SELECT position, records_end FROM journal ORDER BY position DESC LIMIT 1"
        )
        if not rows:
            return End(0, 0)
        return End(rows[0][0], rows[0][1])

    def received_ms(self, after: int) -> int | None:
        """When the oldest chunk behind position `after` was received; None when there is none."""
        rows = self._engine.read(
            "SELECT received_ms FROM journal WHERE position > ? ORDER BY position LIMIT 1", (after,)
        )
        return rows[0][0] if rows else None

    def _commit_queue(self) -> None:
        with self._queue_lock:
            queue, self._queue = self._queue, []
        try:
            with self._engine.transaction() as transaction:
                rows = transaction.read(
                    "SELECT records_end FROM journal ORDER BY position DESC LIMIT 1"
                )
                end = rows[0][0] if rows else 0
                positions = []
                for append in queue:
                    end += append.records
                    rows = transaction.read(
                        "INSERT INTO journal (records, records_end, received_ms, body)"
                        " VALUES (?, ?, ?, ?) RETURNING position",
                        (append.records, end, append.received_ms, append.body),
                    )
                    positions.append(rows[0][0])
        except BaseException as error:  # noqa: BLE001 - every waiting thread must hear of it
            for append in queue:
                append.error = error
            return
        for append, position in zip(queue, positions, strict=True):
            append.position = position

    def _compressed(self, body: bytes) -> bytes:
        compressor: zstandard.ZstdCompressor | None = getattr(self._local, "compressor", None)
        if compressor is None:
            compressor = self._local.compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        return compressor.compress(body)
