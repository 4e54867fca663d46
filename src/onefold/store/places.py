"""Where the databases of an installation are, and their engines, opened when first asked for.

DIR/control.db                          organisations, credentials, definitions
DIR/sandboxes/<sandbox id>/journal.db   accepted records
DIR/sandboxes/<sandbox id>/profile.db   links, fragments, events and what is derived from them
"""

from __future__ import annotations

import threading
from pathlib import Path

from onefold.domain.sandbox import SandboxId
from onefold.store.engine import Engine
from onefold.store.migrate import Kind, opened
from onefold.store.sqlite import SqliteEngine


class Places:
    """The engines of one data directory. Safe to share between threads, not between processes."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._engines: dict[tuple[Kind, SandboxId | None], SqliteEngine] = {}
        self._lock = threading.Lock()

    def control(self) -> Engine:
        return self._engine("control", None)

    def journal(self, sandbox: SandboxId) -> Engine:
        return self._engine("journal", sandbox)

    def profile(self, sandbox: SandboxId) -> Engine:
        return self._engine("profile", sandbox)

    def close(self) -> None:
        """Close every engine; the object can be used again and opens them anew."""
        with self._lock:
            for engine in self._engines.values():
                engine.close()
            self._engines.clear()

    def _engine(self, kind: Kind, sandbox: SandboxId | None) -> Engine:
        engine = self._engines.get((kind, sandbox))
        if engine is None:
            with self._lock:
                engine = self._engines.get((kind, sandbox))
                if engine is None:
                    directory = self.data / "sandboxes" / sandbox if sandbox else self.data
                    engine = opened(directory / f"{kind}.db", kind)
                    self._engines[kind, sandbox] = engine
        return engine
