"""Uploads: the files of a batch on their way from the client to the disk.

A client's path is only a name: on the disk a file is called by its hash, so that no path leads
anywhere. A file is there as a whole or not at all, and is on the disk when it is acknowledged.
Source: ingestion contract, 7.2, 7.3 and 7.8.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from onefold.config import Settings
from onefold.domain.lifecycle import BatchState
from onefold.domain.sandbox import SandboxId
from onefold.effects import Clock
from onefold.errors import Conflict, Malformed, NotFound, OverLimit, Unavailable
from onefold.store.engine import Engine, Reader
from onefold.store.places import Places
from onefold.store.tables import batch_files, batches
from onefold.store.tables.batch_files import BatchFile, Range
from onefold.store.tables.batches import Batch

FILES_MAX = 1500
"""Files of one batch."""
PATH_CHARS_MAX = 1024
DIRECTORY = "errors"
"""Of the diagnostics, in a batch's folder."""

_BAD_PATH = re.compile(r"[\x00-\x1f\x7f\\%]|(?:^|/)\.{0,2}(?:/|$)")
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})(?:/(?:(\d{1,18})|\*))?", re.ASCII)


class Folder:
    """Where the files of one batch are; it need not exist."""

    def __init__(self, places: Places, sandbox: SandboxId, batch_id: str) -> None:
        self.path = places.files(sandbox) / batch_id
        self.staged = self.path / "staged"
        """Rows that were read and converted, a JSON object a line."""
        self.errors = self.path / DIRECTORY
        """Diagnostics of rows."""

    def input(self, path: str) -> Path:
        """Where the file of this path is."""
        return self.path / hashlib.sha256(path.encode()).hexdigest()

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.path, ignore_errors=True)


class Uploads:
    """Takes files for batches that are still loading."""

    def __init__(self, *, places: Places, clock: Clock, settings: Settings) -> None:
        self._places = places
        self._clock = clock
        self._settings = settings

    def put(self, sandbox: SandboxId, batch_id: str, dataset: str, path: str, body: Path) -> None:
        """Take a whole file; it replaces the one of this path.

        body: where it is now; it is moved away. Raises NotFound BAT-1001 or CTL-1007 (the batch is
        of another dataset), Malformed BAT-1003, Conflict BAT-1002 when the batch is complete,
        OverLimit BAT-1004, Unavailable API-9002 when the disk cannot take it.
        """
        checked_path(path)
        work = self._places.work(sandbox)
        folder = Folder(self._places, sandbox, batch_id)
        file = BatchFile(path, body.stat().st_size, False, self._clock.now_ms())
        loading(work, batch_id, dataset)
        _made_durable(body)
        with work.transaction() as transaction:
            loading(transaction, batch_id, dataset)
            self._refuse_too_much(transaction, batch_id, path, file.bytes)
            folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.replace(body, folder.input(path))
            _made_durable(folder.path)
            batch_files.forget_ranges(transaction, batch_id, path)
            batch_files.put(transaction, batch_id, file)

    def initialize(self, sandbox: SandboxId, batch_id: str, dataset: str, path: str) -> None:
        """Begin a file that comes in ranges, anew when it was begun. Raises as `put`."""
        checked_path(path)
        folder = Folder(self._places, sandbox, batch_id)
        with self._places.work(sandbox).transaction() as transaction:
            loading(transaction, batch_id, dataset)
            self._refuse_too_much(transaction, batch_id, path, 0)
            folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.input(path).write_bytes(b"")
            batch_files.forget_ranges(transaction, batch_id, path)
            now_ms = self._clock.now_ms()
            batch_files.put(transaction, batch_id, BatchFile(path, 0, True, now_ms))

    def add_range(
        self, sandbox: SandboxId, batch_id: str, dataset: str, path: str, said: str, body: Path
    ) -> BatchFile:
        """Take one range of a file that was begun; answer the file with what has come of it.

        said: the Content-Range. Ranges are compared only when the file is completed. Raises as
        `put`, and Malformed CTL-1008 for a range that is none or does not fit the body, NotFound
        BAT-1006 for a file that was not begun.
        """
        part = _range(said, body.stat().st_size)
        work = self._places.work(sandbox)
        folder = Folder(self._places, sandbox, batch_id)
        loading(work, batch_id, dataset)
        self._open_file(work, batch_id, path)
        bytes_max = self._settings.batch_bytes_max
        if part.last >= bytes_max:
            raise OverLimit("BAT-1004", f"A batch has at most {bytes_max} bytes")
        _copy_at(body, folder.input(path), part.first)
        with work.transaction() as transaction:
            loading(transaction, batch_id, dataset)
            self._open_file(transaction, batch_id, path)
            batch_files.add_range(transaction, batch_id, path, part)
            ranges = batch_files.ranges(transaction, batch_id, path)
            received = sum(one.last - one.first + 1 for one in ranges)
            self._refuse_too_much(transaction, batch_id, path, received)
            file = BatchFile(path, received, True, self._clock.now_ms())
            batch_files.put(transaction, batch_id, file)
        return file

    def finish(self, sandbox: SandboxId, batch_id: str, dataset: str, path: str) -> None:
        """End a file that came in ranges; once more is the same.

        Raises as `put`, NotFound BAT-1006, Malformed BAT-1005 when ranges overlap or are missing.
        """
        folder = Folder(self._places, sandbox, batch_id)
        with self._places.work(sandbox).transaction() as transaction:
            loading(transaction, batch_id, dataset)
            file = batch_files.get(transaction, batch_id, path)
            if file is None:
                raise NotFound("BAT-1006", f"The batch has no file {path}")
            if not file.open:
                return
            size = _whole_size(batch_files.ranges(transaction, batch_id, path))
            os.truncate(folder.input(path), size)
            _made_durable(folder.input(path))
            _made_durable(folder.path)
            batch_files.forget_ranges(transaction, batch_id, path)
            batch_files.put(
                transaction, batch_id, BatchFile(path, size, False, self._clock.now_ms())
            )

    def received(self, sandbox: SandboxId, batch_id: str, dataset: str, path: str) -> BatchFile:
        """What has come of a file. Raises NotFound BAT-1001, CTL-1007, BAT-1006."""
        work = self._places.work(sandbox)
        batch_of(work, batch_id, dataset)
        file = batch_files.get(work, batch_id, path)
        if file is None:
            raise NotFound("BAT-1006", "The batch has no such file")
        return file

    def _open_file(self, reader: Reader, batch_id: str, path: str) -> None:
        file = batch_files.get(reader, batch_id, path)
        if file is None or not file.open:
            raise NotFound("BAT-1006", "No file of this path was begun with INITIALIZE")

    def _refuse_too_much(self, reader: Reader, batch_id: str, path: str, size: int) -> None:
        files, bytes_ = batch_files.totals(reader, batch_id, besides=path)
        if files >= FILES_MAX:
            raise OverLimit("BAT-1004", f"A batch has at most {FILES_MAX} files")
        bytes_max = self._settings.batch_bytes_max
        if bytes_ + size > bytes_max:
            raise OverLimit("BAT-1004", f"A batch has at most {bytes_max} bytes")


def batch_of(reader: Reader, batch_id: str, dataset: str) -> Batch:
    """The batch, which must be of the dataset. Raises NotFound BAT-1001, CTL-1007."""
    batch = batches.get(reader, batch_id)
    if batch is None:
        raise NotFound("BAT-1001", "No batch has this id")
    if batch.dataset != dataset:
        raise NotFound("CTL-1007", "The batch is not of this dataset", at="datasetId")
    return batch


def loading(reader: Reader, batch_id: str, dataset: str) -> Batch:
    """The batch, which must still take files. Raises also Conflict BAT-1002."""
    batch = batch_of(reader, batch_id, dataset)
    if batch.status is not BatchState.LOADING:
        raise Conflict("BAT-1002", f"The batch is {batch.status} and takes no more files")
    return batch


def checked_path(path: str) -> None:
    """Raise Malformed BAT-1003 unless the path is names with single slashes between: no `.` or
    `..`, no backslash, no control character and nothing that is percent-encoded twice."""
    if not 0 < len(path) <= PATH_CHARS_MAX:
        raise Malformed("BAT-1003", f"A path has 1 to {PATH_CHARS_MAX} characters")
    if _BAD_PATH.search(path):
        raise Malformed("BAT-1003", "A path is made of plain names with single slashes between")


def files_of(work: Engine, batch_id: str) -> list[BatchFile]:
    """The files of a batch that are complete, by path."""
    return [file for file in batch_files.listed(work, batch_id) if not file.open]


def _range(said: str, size: int) -> Range:
    found = _RANGE.fullmatch(said.strip())
    if found is None:
        raise Malformed("CTL-1008", "Content-Range is `bytes FIRST-LAST/TOTAL`", at="Content-Range")
    part = Range(int(found[1]), int(found[2]), int(found[3] or 0))
    if part.last - part.first + 1 != size or (part.total and part.last >= part.total):
        raise Malformed(
            "CTL-1008", f"Content-Range does not fit a body of {size} bytes", at="Content-Range"
        )
    return part


def _whole_size(ranges: list[Range]) -> int:
    """The size of the file that the ranges make. Raises Malformed BAT-1005."""
    end = 0
    for part in ranges:
        if part.first != end:
            fault = "overlap" if part.first < end else "leave a gap"
            raise Malformed("BAT-1005", f"The ranges {fault} at byte {min(part.first, end)}")
        end = part.last + 1
    totals = {part.total for part in ranges if part.total}
    if not ranges or totals - {end}:
        raise Malformed("BAT-1005", f"The ranges end at byte {end}, before the file does")
    return end


def _copy_at(source: Path, target: Path, offset: int) -> None:
    """Write a file into another one from an offset on, durably."""
    try:
        with source.open("rb") as reading, target.open("r+b") as writing:
            writing.seek(offset)
            shutil.copyfileobj(reading, writing, 1 << 20)
            writing.flush()
            os.fsync(writing.fileno())
    except FileNotFoundError as gone:
        raise NotFound("BAT-1006", "The file is gone: the batch was aborted") from gone
    except OSError as full:
        raise Unavailable("API-9002", f"The disk cannot take the file: {full.strerror}") from full


def _made_durable(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
