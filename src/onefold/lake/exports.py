"""Batches as Parquet files, for those who fetch them over HTTP.

The lake's own files hold records of many batches, since small ones are merged. So the file of a
batch is made when it is first asked for, and kept beside the lake for the next question. Its place
is named by how many records were ever removed: after a removal nothing made before is given again,
and the removal itself deletes it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from onefold.domain.sandbox import SandboxId
from onefold.errors import NotFound, Unavailable
from onefold.lake.lake import EXPORTS, Lake
from onefold.lake.sql import place
from onefold.store.places import Places

FILES_MAX = 100
"""Files that are kept for the next question; those that were asked for least recently leave."""

_TRIES = 3


class Exported(msgspec.Struct, frozen=True):
    """The one file of a batch. id: names it for ever. records, bytes: what is in it now. created:
    when the last of its records was received."""

    id: str
    dataset: str
    batch: str
    name: str
    path: Path
    records: int
    bytes: int
    created_ms: int


class Exports:
    """The files of one sandbox's batches. lake: for reading. Safe to share between threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def of_batch(self, batch: str) -> list[Exported]:
        """The files of a batch, one for each dataset that it has records of; none when nothing of
        it is in the lake. Raises Unavailable API-9002."""
        datasets = sorted({one.dataset for one in self._lake.landed(batch=batch)})
        made = [self._of(dataset, batch) for dataset in datasets]
        return [file for file in made if file is not None]

    def file(self, file_id: str) -> Exported:
        """The file with this id. Raises NotFound DAT-1001."""
        dataset, _, batch = file_id.partition("-")
        found = self._of(dataset, batch) if batch else None
        if found is None:
            raise NotFound("DAT-1001", "No file has this id")
        return found

    def of_batches(self, dataset: str, batches: Sequence[str]) -> list[Exported]:
        """The files of some batches of a dataset, in their order."""
        made = [self._of(dataset, batch) for batch in batches]
        return [file for file in made if file is not None]

    def _of(self, dataset: str, batch: str) -> Exported | None:
        for _ in range(_TRIES):
            landed = [one for one in self._lake.landed(batch=batch) if one.dataset == dataset]
            records = sum(one.records - one.removed for one in landed)
            table = self._lake.tables().get(dataset)
            if not records or table is None:
                return None
            removed = self._removed()
            file_id = f"{dataset}-{batch}"
            path = self._lake.directory / EXPORTS / str(removed) / f"{file_id}-{records}.parquet"
            if not path.exists():
                self._make(table, batch, path)
                if self._removed() != removed:
                    path.unlink(missing_ok=True)  # it may hold what was being removed
                    continue
            return Exported(
                id=file_id,
                dataset=dataset,
                batch=batch,
                name=f"part-00000-{batch}.parquet",
                path=path,
                records=records,
                bytes=path.stat().st_size,
                created_ms=max(one.last_ms for one in landed),
            )
        raise Unavailable("API-9002", "The lake is being changed")

    def _removed(self) -> int:
        rows = self._lake.run("SELECT coalesce(sum(removed), 0)::BIGINT FROM lake.onefold.landed")
        return int(rows[0][0])

    def _make(self, table: str, batch: str, path: Path) -> None:
        path.parent.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            self._lake.duck.copy(
                "SELECT * FROM {table} WHERE _batch_id = ? ORDER BY _seq",
                (batch,),
                {"table": place(table)},
                partial,
            )
            os.replace(partial, path)
        except FileNotFoundError as gone:
            raise Unavailable("API-9002", "The lake is being changed") from gone
        finally:
            partial.unlink(missing_ok=True)
        kept = sorted(path.parent.glob("*.parquet"), key=lambda file: file.stat().st_mtime_ns)
        for file in kept[:-FILES_MAX]:
            file.unlink(missing_ok=True)


class Lakes:
    """The lakes of all sandboxes, for reading; each opened when it is first asked for."""

    def __init__(self, places: Places, *, memory_bytes: int) -> None:
        self._places = places
        self._memory_bytes = memory_bytes
        self._lakes: dict[SandboxId, Lake] = {}
        self._lock = threading.Lock()

    def of(self, sandbox: SandboxId) -> Lake:
        """The lake of a sandbox."""
        with self._lock:
            lake = self._lakes.get(sandbox)
            if lake is None:
                lake = Lake(
                    self._places.lake(sandbox), memory_bytes=self._memory_bytes, writable=False
                )
                self._lakes[sandbox] = lake
        return lake

    def exports(self, sandbox: SandboxId) -> Exports:
        """The files of a sandbox's batches."""
        return Exports(self.of(sandbox))

    def forget(self, sandbox: SandboxId) -> None:
        """Let go of the lake of a sandbox that is no more; whoever reads it now reads on."""
        with self._lock:
            self._lakes.pop(sandbox, None)

    def close(self) -> None:
        """Let go of all lakes; the object can be used again."""
        with self._lock:
            for lake in self._lakes.values():
                lake.close()
            self._lakes.clear()
