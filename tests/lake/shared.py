"""Lakes for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onefold.domain.xdm.types import Field, XdmType
from onefold.lake.lake import Lake
from onefold.lake.landing import Landing, Part
from onefold.store.tables.progress import Progress
from onefold.wire import encode_json

MEMORY_BYTES = 512_000_000
NOW_MS = 1_767_225_600_123
DATASET = "a" * 24


def thing(closed: bool = True, **properties: Field) -> Field:
    """An object."""
    return Field(XdmType.OBJECT, properties=properties, closed=closed)


def lake_at(directory: Path) -> Lake:
    """A lake for writing."""
    return Lake(directory / "lake", memory_bytes=MEMORY_BYTES)


def part(
    root: Field,
    entities: Sequence[Any],
    *,
    first: int = 1,
    dataset: str = DATASET,
    batch: str = "B",
    is_checked: bool = True,
) -> Part:
    """Records of one dataset and batch, numbered from `first`."""
    records = [
        Landing(first + n, f"trace-{first + n}", NOW_MS, encode_json(entity))
        for n, entity in enumerate(entities)
    ]
    return Part(
        dataset=dataset,
        table=f"t_{dataset}",
        root=root,
        is_checked=is_checked,
        batch=batch,
        streaming=False,
        records=records,
    )


def land(lake: Lake, *parts: Part) -> None:
    """Land parts, at the next position."""
    done = lake.progress()
    count = sum(len(part.records) for part in parts)
    lake.land(parts, Progress(done.position + 1, done.records + count), {})


def rows(lake: Lake, root: Field, dataset: str = DATASET) -> list[dict[str, Any]]:
    """All entities of a dataset, the first one first."""
    return lake.rows(dataset, root, limit=1_000_000)[::-1]


def holding(directory: Path, value: str) -> list[str]:
    """Files that hold a text, or that cannot hide it by compression: names only."""
    needle = value.encode()
    return [
        str(file.relative_to(directory))
        for file in directory.rglob("*")
        if file.is_file() and needle in file.read_bytes()
    ]
