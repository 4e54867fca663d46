"""Handovers: to whom the events of an identity went when somebody else began to use it, and when.

For telling repeats, since an event that was handed over is no longer found under whom it names, and
for what comes late.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction, read_among


def note(transaction: Transaction, rows: Iterable[tuple[Xid, int, Xid]]) -> None:
    """Note of an identity until when (epoch ms) it was an owner's, and that its events went there.

    rows: (identity, until when, owner)."""
    transaction.write_many(
        "INSERT INTO handovers (xid, until_ms, owner) VALUES (?, ?, ?)"
        " ON CONFLICT (xid, until_ms, owner) DO NOTHING",
        sorted(rows),
    )


def of(reader: Reader, xids: Sequence[Xid]) -> list[tuple[Xid, int, Xid]]:
    """(identity, until when, owner) of these identities' handovers, in order."""
    return sorted(
        read_among(reader, "SELECT xid, until_ms, owner FROM handovers WHERE xid IN (:list)", xids)
    )


def owners(reader: Reader, xids: Sequence[Xid]) -> dict[Xid, list[Xid]]:
    """To whom events of these identities went, each owner once."""
    found: dict[Xid, dict[Xid, None]] = {}
    for xid, _, owner in of(reader, xids):
        found.setdefault(xid, {})[owner] = None
    return {xid: list(some) for xid, some in found.items()}


def forget(transaction: Transaction, xids: Iterable[Xid]) -> None:
    """Take away the rows that name identities which are forgotten, as the one or the other."""
    rows = sorted((xid,) for xid in xids)
    transaction.write_many("DELETE FROM handovers WHERE xid = ?", rows)
    transaction.write_many("DELETE FROM handovers WHERE owner = ?", rows)
