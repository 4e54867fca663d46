"""Row errors of a batch: how many rows are bad for which reason, and what is told of them.

Source: ingestion contract, 7.7 and 8.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import msgspec

from onefold.inlet.uploads import DIRECTORY
from onefold.wire import JSON, encode_json

CORRUPT = "INGEST-1401-400"
MISSING = "INGEST-1555-400"
MISFIT = "XDM-2001"
NO_DIAGNOSTICS = "INGEST-1211-400"
DIAGNOSTICS = "INGEST-1212-400"

PARSING, CONVERSION = "parsing_errors_0.json", "conversion_errors_0.json"
FILES = (PARSING, CONVERSION)
"""Names of the diagnostics of a batch, as its folder and the API have them."""

KEEP_MS = 30 * 24 * 3_600_000
"""How long diagnostics are kept."""
ROWS_MAX = 10_000
"""Rows that a file of diagnostics tells of; the others are only counted."""
ROW_BYTES_MAX = 10_000

_MEANING = {
    CORRUPT: "Rows that are corrupt and cannot be read",
    MISSING: "Rows in which a required field is missing or null",
    MISFIT: "Rows that do not fit the schema of the dataset",
}


class RowErrors:
    """The bad rows of one batch. directory: where diagnostics go; None: they are not wanted."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._lines: dict[str, list[bytes]] = {name: [] for name in FILES}
        self.counts: Counter[str] = Counter()

    @property
    def bad(self) -> int:
        """How many rows are bad."""
        return self.counts.total()

    def note(self, code: str, message: str, raw: bytes, path: str) -> None:
        """Take a bad row. raw: the row; path: of its file."""
        self.counts[code] += 1
        lines = self._lines[PARSING if code == CORRUPT else CONVERSION]
        if self._directory is None or len(lines) >= ROWS_MAX:
            return
        number = code.split("-")[1]
        line = {
            "_corrupt_record": raw[:ROW_BYTES_MAX].decode("utf-8", "replace"),
            "_errors": [{"code": number, "message": message}],
            "_filename": path,
        }
        lines.append(encode_json(line) + b"\n")

    def write(self) -> None:
        """Write the diagnostics, over those of an earlier try."""
        if self._directory is None:
            return
        self._directory.mkdir(mode=0o700, exist_ok=True)
        for name, lines in self._lines.items():
            file = self._directory / name
            if lines:
                file.write_bytes(b"".join(lines))
            else:
                file.unlink(missing_ok=True)

    def told(self, *, ingested: int) -> list[dict[str, JSON]]:
        """The errors of the batch, as the API shows them. ingested: rows that were taken."""
        if not self.bad:
            return []
        diagnosed = self._directory is not None
        found: list[dict[str, JSON]] = []
        for code, rows in sorted(self.counts.items()):
            one: dict[str, JSON] = {"code": code, "description": _MEANING[code]}
            found.append({**one, "recordCount": rows} if diagnosed else one)
        if diagnosed:
            detail = f"{self.bad} errors, {ingested} rows ingested; see the diagnostics"
            found.append({"code": DIAGNOSTICS, "description": detail})
        else:
            detail = f"{self.bad} errors; diagnostics are not enabled"
            found.append({"code": NO_DIAGNOSTICS, "description": detail})
        return found


def expire_diagnostics(files: Path, *, now_ms: int) -> None:
    """Delete the diagnostics of batches that have been kept long enough.

    files: the directory of all batches' files.
    """
    for directory in files.glob(f"*/{DIRECTORY}"):
        if directory.stat().st_mtime * 1000 < now_ms - KEEP_MS:
            shutil.rmtree(directory, ignore_errors=True)


class Found(msgspec.Struct, frozen=True):
    """What reading the files of a batch has found. rows: of the files; corrupt: not in the staged
    file. too_many: of the rows, more are bad than the batch tolerates."""

    rows: int
    bad: int
    corrupt: int
    too_many: bool
    errors: list[dict[str, JSON]]
