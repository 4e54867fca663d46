"""Counts of synchronous validations, a row an inlet and minute; shared by all workers."""

from __future__ import annotations

from onefold.store.engine import Engine


def counted(engine: Engine, inlet: str, *, minute: int) -> int:
    """Count one more request of `inlet` in `minute` (epoch minutes); answer its number there."""
    with engine.transaction() as transaction:
        transaction.write("DELETE FROM sync_validations WHERE minute < ?", (minute,))
        rows = transaction.read(
            "INSERT INTO sync_validations (inlet, minute, requests) VALUES (?, ?, 1)"
            " ON CONFLICT (inlet, minute) DO UPDATE SET requests = requests + 1"
            " RETURNING requests",
            (inlet, minute),
        )
    return int(rows[0][0])
