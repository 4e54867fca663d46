"""The ZIP of an access job: JSON lines by product, for the owner's eyes, complete or absent."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from onefold.wire import JSON, encode_json

KEEP_MS = 30 * 24 * 3_600_000
"""How long what was found about a person is kept for download."""


class Archive:
    """A ZIP that appears under its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._partial = path.with_suffix(".partial")
        handle = os.open(self._partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, lines: Iterable[JSON]) -> int:
        """Write a member of JSON lines; answer how many there are. They are not held in memory."""
        count = 0
        with self._zip.open(name, "w") as member:
            for line in lines:
                member.write(encode_json(line) + b"\n")
                count += 1
        return count

    def finish(self) -> None:
        """Make the archive durable, and let it appear."""
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._path)


def expire(directory: Path, *, now_ms: int) -> None:
    """Delete archives that have been kept long enough."""
    for path in directory.glob("*.zip"):
        if path.stat().st_mtime * 1000 < now_ms - KEEP_MS:
            path.unlink(missing_ok=True)
