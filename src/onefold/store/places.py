"""Where the databases of an installation are, and their engines, opened when first asked for.

DIR/control.db                          organisations, credentials, definitions
DIR/sandboxes/<sandbox id>/journal.db   accepted records
DIR/sandboxes/<sandbox id>/profile.db   links, fragments, events and what is derived from them
DIR/sandboxes/<sandbox id>/work.db      batches of files and jobs
DIR/sandboxes/<sandbox id>/edge/        projections, a database for each destination
DIR/sandboxes/<sandbox id>/scroll.db    scrolls over all customers that are open now
DIR/sandboxes/<sandbox id>/files/       what was uploaded for batches
DIR/sandboxes/<sandbox id>/exports/     what privacy jobs found about people
DIR/sandboxes/<sandbox id>/lake/        Parquet files and their catalogue
DIR/run/                                what only matters while the server runs
"""

from __future__ import annotations

import threading
from pathlib import Path

from onefold.domain.sandbox import SandboxId
from onefold.store.engine import Engine
from onefold.store.migrate import Kind, opened
from onefold.store.sqlite import SqliteEngine

SPOOL = Path("run", "spool")
"""Below the data directory: files on their way in. Emptied when the server starts."""


class Places:
    """The engines of one data directory. Safe to share between threads, not between processes."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._engines: dict[tuple[Kind, SandboxId | None, str], SqliteEngine] = {}
        self._lock = threading.Lock()

    def control(self) -> Engine:
        return self._engine("control", None)

    def journal(self, sandbox: SandboxId) -> Engine:
        return self._engine("journal", sandbox)

    def profile(self, sandbox: SandboxId) -> Engine:
        return self._engine("profile", sandbox)

    def work(self, sandbox: SandboxId) -> Engine:
        return self._engine("work", sandbox)

    def scroll(self, sandbox: SandboxId) -> Engine:
        """The scrolls over all customers of an account; made when absent."""
        return self._engine("scroll", sandbox)

    def edge(self, sandbox: SandboxId, destination_id: str) -> Engine:
        """The edge store of a projection destination, made when absent."""
        return self._engine("edge", sandbox, destination_id)

    def edges(self, sandbox: SandboxId) -> list[str]:
        """The destinations that have an edge store."""
        directory = self.data / "sandboxes" / sandbox / "edge"
        return [path.stem for path in directory.glob("*.db")]

    def remove_edge(self, sandbox: SandboxId, destination_id: str) -> None:
        """Delete the edge store of a destination. Processes that have it open keep an unnamed file
        until they let go of it."""
        self.forget_edge(sandbox, destination_id)
        directory = self.data / "sandboxes" / sandbox / "edge"
        for ending in ("db-wal", "db-shm", "db"):  # what is left is removed another time
            (directory / f"{destination_id}.{ending}").unlink(missing_ok=True)

    def forget_edge(self, sandbox: SandboxId, destination_id: str) -> None:
        """Let go of the engine of a destination's edge store, as `forget` does."""
        with self._lock:
            self._engines.pop(("edge", sandbox, destination_id), None)

    def files(self, sandbox: SandboxId) -> Path:
        """The directory of a sandbox's uploaded files; may not exist yet."""
        return self.data / "sandboxes" / sandbox / "files"

    def lake(self, sandbox: SandboxId) -> Path:
        """The directory of a sandbox's lake; may not exist yet."""
        return self.data / "sandboxes" / sandbox / "lake"

    def forget(self, sandbox: SandboxId) -> None:
        """Let go of the engines of a sandbox that is no more. They are not closed, since a thread
        may be at work with one: their connections close with the last that holds them."""
        with self._lock:
            for key in [key for key in self._engines if key[1] == sandbox]:
                del self._engines[key]

    def store(self, sandbox: SandboxId) -> Path:
        """The directory with everything of a sandbox; may not exist."""
        return self.data / "sandboxes" / sandbox

    def exports(self, sandbox: SandboxId) -> Path:
        """The directory of what privacy jobs found; may not exist yet."""
        return self.data / "sandboxes" / sandbox / "exports"

    def close(self) -> None:
        """Close every engine; the object can be used again and opens them anew."""
        with self._lock:
            for engine in self._engines.values():
                engine.close()
            self._engines.clear()

    def _engine(self, kind: Kind, sandbox: SandboxId | None, name: str = "") -> Engine:
        engine = self._engines.get((kind, sandbox, name))
        if engine is None:
            with self._lock:
                engine = self._engines.get((kind, sandbox, name))
                if engine is None:
                    directory = self.data / "sandboxes" / sandbox if sandbox else self.data
                    file = directory / kind / f"{name}.db" if name else directory / f"{kind}.db"
                    engine = self._engines[kind, sandbox, name] = opened(file, kind)
        return engine
