"""Brings a database file to the schema that this version of the code knows.

`schema/<name>.sql` is the whole schema as it is now. The version stands in SQLite's user_version; a
file of a newer version is refused, never touched.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Literal

from onefold.errors import Conflict
from onefold.store.checkpoints import Checkpoints
from onefold.store.engine import Engine
from onefold.store.pulse import Pulse
from onefold.store.sqlite import WRITER_CACHE_KIB, SqliteEngine

Kind = Literal["control", "journal", "profile", "work", "edge", "scroll"]
SCHEMA_VERSION = 1
_PAGE_BYTES: dict[Kind, int] = {"profile": 2048}
"""A small change of a profile store touches pages all over it, and each is written twice, whole."""
_WRITER_CACHE_KIB: dict[Kind, int] = {"scroll": 16 * 1024}
"""Every process may write scrolls, of which each is read and written once, from end to end."""


def opened(path: Path, kind: Kind) -> SqliteEngine:
    """The engine of the file at `path`, made when absent. Raises Conflict CTL-1003 when newer."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pulse = Pulse(path.with_suffix(".pulse")) if kind == "control" else None
    checkpoints = Checkpoints(path) if kind == "profile" else None
    engine = SqliteEngine(
        path,
        page_bytes=_PAGE_BYTES.get(kind, 4096),
        pulse=pulse,
        checkpoints=checkpoints,
        writer_cache_kib=_WRITER_CACHE_KIB.get(kind, WRITER_CACHE_KIB),
    )
    try:
        _prepare(engine, kind, path)
    except BaseException:
        engine.close()
        raise
    return engine


def _prepare(engine: Engine, kind: Kind, path: Path) -> None:
    version = _version(engine)
    if version > SCHEMA_VERSION:
        raise Conflict(
            "CTL-1003",
            f"{path} has schema version {version}; this Onefold knows up to {SCHEMA_VERSION}",
        )
    if version == SCHEMA_VERSION:
        return
    script = resources.files("onefold.store").joinpath(f"schema/{kind}.sql").read_text()
    with engine.transaction() as transaction:
        if transaction.read("PRAGMA user_version")[0][0] == SCHEMA_VERSION:
            return  # another process was quicker
        transaction.write(script)
        transaction.write(f"PRAGMA user_version={SCHEMA_VERSION}")


def _version(engine: Engine) -> int:
    return int(engine.read("PRAGMA user_version")[0][0])
