"""Handovers: to whom the events of an identity went when somebody else began to use it.

For telling repeats: an event that was handed over is no longer found under whom it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction, read_among


def note(transaction: Transaction, pairs: Iterable[tuple[Xid, Xid]]) -> None:
    """Note that events of an identity went to an owner."""
    transaction.write_many(
        "INSERT INTO handovers (xid, owner) VALUES (?, ?) ON CONFLICT (xid, owner) DO NOTHING",
        sorted(pairs),
    )


def of(reader: Reader, xids: Sequence[Xid]) -> list[tuple[Xid, Xid]]:
    """(identity, owner) of these identities' handovers, in order."""
    return sorted(read_among(reader, "SELECT xid, owner FROM handovers WHERE xid IN (:list)", xids))


def forget(transaction: Transaction, xids: Iterable[Xid]) -> None:
    """Take away the rows that name identities which are forgotten, as the one or the other."""
    rows = sorted((xid,) for xid in xids)
    transaction.write_many("DELETE FROM handovers WHERE xid = ?", rows)
    transaction.write_many("DELETE FROM handovers WHERE owner = ?", rows)
