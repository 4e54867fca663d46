"""The log of one sandbox: ordered, durable, appended by inlets and read by the pipeline.

`append` returns when the records are on disk. Threads that append at the same time share one
commit: the first of them leads and writes everything that is queued; the others wait, and one of
those that came during the commit leads the next. The reader's offset is not kept here: it is
committed by the reader together with what it made of the records.
"""

from __future__ import annotations

import os
import select
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import zstandard

from onefold.store.engine import Engine

ZSTD_LEVEL = 1
CHUNKS_TRIMMED_MAX = 200
CHUNKS_ERASED_MAX = 200

_LAST = "SELECT position, records_end FROM journal ORDER BY position DESC LIMIT 1"


class Accepted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record as the inlet accepted it, or one removal (domain/removal.py), which takes its
    place in the same order.

    trace: the xactionId that the sender got. inlet: where it came in; empty for records of files.
    dataset: what the header named. message: the whole message as JSON bytes, as it was sent (Smile
    is turned into JSON before). batch: the id of the batch whose file it stood in. replays: the
    number of the failed record that it repeats. removal: the message is a Removal.
    """

    trace: str
    received_ms: int
    inlet: str
    dataset: str
    message: bytes
    batch: str = ""
    replays: int = 0
    removal: bool = False


class Chunk(msgspec.Struct, frozen=True):
    """One append as the reader gets it. `first` is the number of its first record in the journal,
    counted from 1 and never used twice."""

    position: int
    first: int
    records: list[Accepted]


class Mark(msgspec.Struct, frozen=True):
    """How far the files of a batch were taken into the journal, in rows. It becomes durable with
    the append that it belongs to, so that whoever goes on after a crash repeats none."""

    batch: str
    rows_done: int


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
    """One append on its way. `told` is held until it is written, refused, or to lead a commit."""

    def __init__(self, records: int, received_ms: int, body: bytes, mark: Mark | None) -> None:
        self.records = records
        self.received_ms = received_ms
        self.body = body
        self.mark = mark
        self.position = 0
        self.error: BaseException | None = None
        self.leads = False
        self.told = threading.Lock()
        self.told.acquire()


class Journal:
    """The journal of one sandbox on one engine."""

    def __init__(self, engine: Engine, bell: Bell) -> None:
        self._engine = engine
        self._bell = bell
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[Accepted]).decode
        self._queue: list[_Append] = []
        self._queue_lock = threading.Lock()
        self._committing = False
        self._local = threading.local()
        self.reached = self.end()
        """How far the journal reached at the last append of this object."""

    def append(
        self,
        records: Sequence[Accepted],
        mark: Mark | None = None,
        *,
        appended_ms: int | None = None,
    ) -> int:
        """Make the records durable, in their order and together; answer their position.

        mark: becomes durable with them. appended_ms: now, when they are repeats, which keep the
        time at which they were first received. Raises Unavailable when nothing was written. Cost:
        a share of one fsync.
        """
        append = _Append(
            len(records),
            records[0].received_ms if appended_ms is None else appended_ms,
            self._compressed(self._encode(records)),
            mark,
        )
        with self._queue_lock:
            self._queue.append(append)
            append.leads = not self._committing
            self._committing = True
        if not append.leads:
            append.told.acquire()
        if append.leads:
            self._lead()
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
                chunks.append(Chunk(position, end - in_row + 1, self._unpacked(body)))
                count += in_row
                after = position
            if len(rows) < 16:
                break
        return chunks

    def end(self) -> End:
        """How far the journal reaches now."""
        rows = self._engine.read(_LAST)
        return End(*rows[0]) if rows else End(0, 0)

    def received_ms(self, after: int) -> int | None:
        """When the oldest chunk behind position `after` was received; None when there is none."""
        rows = self._engine.read(
            "SELECT received_ms FROM journal WHERE position > ? ORDER BY position LIMIT 1", (after,)
        )
        return rows[0][0] if rows else None

    def marked(self, batch: str) -> tuple[int, int]:
        """(rows of the batch that the journal has, position of the last one); zeros at first."""
        rows = self._engine.read(
            "SELECT rows_done, position FROM batch_chunks WHERE batch = ?"
            " ORDER BY rows_done DESC LIMIT 1",
            (batch,),
        )
        return rows[0] if rows else (0, 0)

    def numbers(self, batch: str) -> list[tuple[int, int]]:
        """The (first, last) record numbers of each append of the batch, in their order."""
        return self._engine.read(
            "SELECT first, last FROM batch_chunks WHERE batch = ? ORDER BY rows_done", (batch,)
        )

    def batch_of(self, number: int) -> str:
        """The id of the batch whose files had the record of this number; empty when none had."""
        rows = self._engine.read(
            "SELECT batch, last FROM batch_chunks WHERE first <= ? ORDER BY first DESC LIMIT 1",
            (number,),
        )
        return rows[0][0] if rows and number <= rows[0][1] else ""

    def trim(self, to: int, *, received_before_ms: int) -> int:
        """Delete what every reader has passed: appends up to position `to` that were received
        before a time; answer how many records went. Their numbers per dataset stay in `trimmed`.

        One call takes CHUNKS_TRIMMED_MAX appends at most, so that no append waits long. The last
        append always stays: the numbers of later records follow from it.
        """
        with self._engine.transaction() as transaction:
            rows = transaction.read(
                "SELECT position, body FROM journal WHERE position <= ? AND received_ms < ?"
                " AND position < (SELECT max(position) FROM journal) ORDER BY position LIMIT ?",
                (to, received_before_ms, CHUNKS_TRIMMED_MAX),
            )
            gone: Counter[str] = Counter()
            for _, body in rows:
                gone.update(record.dataset for record in self._unpacked(body))
            transaction.write_many(
                "INSERT INTO trimmed (dataset, records) VALUES (?, ?)"
                " ON CONFLICT (dataset) DO UPDATE SET records = records + excluded.records",
                sorted(gone.items()),
            )
            transaction.write_many(
                "DELETE FROM journal WHERE position = ?", [(position,) for position, _ in rows]
            )
        return gone.total()

    def trimmed(self) -> Counter[str]:
        """How many records of each dataset were deleted by `trim`."""
        return Counter(dict(self._engine.read("SELECT dataset, records FROM trimmed")))

    def erase(
        self, kept: Callable[[int, Accepted], Accepted], *, after: int, to: int
    ) -> tuple[int, int]:
        """Have nothing but what `kept` says left of each record, in some appends behind position
        `after`, up to `to`; answer (position reached, records changed).

        For personal data that has to go. All readers must have passed `to`. kept: is given the
        record's number and the record, and answers that very record when all of it may stay;
        numbers, traces and datasets have to. Cost: reads what it passes; CHUNKS_ERASED_MAX appends
        a call.
        """
        rows = self._engine.read(
            "SELECT position, records, records_end, body FROM journal"
            " WHERE position > ? AND position <= ? ORDER BY position LIMIT ?",
            (after, to, CHUNKS_ERASED_MAX),
        )
        erased = 0
        changed: list[tuple[bytes, int]] = []
        for position, in_row, end, body in rows:
            records = self._unpacked(body)
            left = [kept(seq, one) for seq, one in enumerate(records, end - in_row + 1)]
            hits = sum(one is not record for one, record in zip(left, records, strict=True))
            if hits:
                erased += hits
                changed.append((self._compressed(self._encode(left)), position))
        if changed:
            with self._engine.transaction() as transaction:
                transaction.write_many("UPDATE journal SET body = ? WHERE position = ?", changed)
        return (rows[-1][0] if rows else to), erased

    def _unpacked(self, body: bytes) -> list[Accepted]:
        return self._decode(zstandard.ZstdDecompressor().decompress(body))

    def _lead(self) -> None:
        """Commit everything that is queued, tell those who wait, and hand the lead on."""
        with self._queue_lock:
            queue, self._queue = self._queue, []
        try:
            self._commit(queue)
        except BaseException as error:  # noqa: BLE001 - every waiting thread must hear of it
            for append in queue:
                append.error = error
        with self._queue_lock:
            if self._queue:
                self._queue[0].leads = True
                self._queue[0].told.release()
            else:
                self._committing = False
        for append in queue:
            if not append.leads:
                append.told.release()

    def _commit(self, queue: Sequence[_Append]) -> None:
        positions = []
        with self._engine.transaction() as transaction:
            rows = transaction.read(_LAST)
            end = rows[0][1] if rows else 0
            for append in queue:
                end += append.records
                rows = transaction.read(
                    "INSERT INTO journal (records, records_end, received_ms, body)"
                    " VALUES (?, ?, ?, ?) RETURNING position",
                    (append.records, end, append.received_ms, append.body),
                )
                positions.append(rows[0][0])
                if append.mark is not None:
                    transaction.write(
                        "INSERT INTO batch_chunks (batch, rows_done, position, first, last)"
                        " VALUES (?, ?, ?, ?, ?)",
                        (
                            append.mark.batch,
                            append.mark.rows_done,
                            positions[-1],
                            end - append.records + 1,
                            end,
                        ),
                    )
        for append, position in zip(queue, positions, strict=True):
            append.position = position
        self.reached = End(positions[-1], end)

    def _compressed(self, body: bytes) -> bytes:
        compressor: zstandard.ZstdCompressor | None = getattr(self._local, "compressor", None)
        if compressor is None:
            compressor = self._local.compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        return compressor.compress(body)
