"""Which clusters identities were in before. One row is one departure: a cluster, and when it was
left.

A new identity's first cluster and the one that it is in now are not written here: they follow from
the identity itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction, read_among
from onefold.store.tables.identities import Member

KEPT_MS = 180 * 24 * 3_600_000
"""How long a departure is kept. Source: identity contract, section 6 and 8.5."""


class Departure(msgspec.Struct, frozen=True, gc=False):
    """An identity left a cluster."""

    xid: Xid
    left_ms: int
    cluster: Xid


def note(transaction: Transaction, members: Sequence[Member], *, at_ms: int) -> None:
    """Note that members leave the clusters that they name.

    Of several departures of one identity at one time the first is kept, since what lay between
    lasted no time. Departures older than KEPT_MS are forgotten when their identity moves again, but
    for the last of them: it says since when the identity was where it was then.
    """
    transaction.write_many(
        "INSERT INTO cluster_history (xid, left_ms, cluster) VALUES (?, ?, ?)"
        " ON CONFLICT (xid, left_ms) DO NOTHING",
        sorted((member.xid, at_ms, member.cluster) for member in members),
    )
    kept_from_ms = at_ms - KEPT_MS
    old = read_among(
        transaction,
        "SELECT DISTINCT xid FROM cluster_history WHERE left_ms < ? AND xid IN (:list)",
        [member.xid for member in members],
        kept_from_ms,
    )
    transaction.write_many(
        "DELETE FROM cluster_history WHERE xid = ?1 AND left_ms <"
        " (SELECT max(left_ms) FROM cluster_history WHERE xid = ?1 AND left_ms < ?2)",
        [(xid, kept_from_ms) for (xid,) in old],
    )


def forget(transaction: Transaction, xids: Iterable[Xid]) -> None:
    """Forget everything about identities."""
    transaction.write_many("DELETE FROM cluster_history WHERE xid = ?", [(xid,) for xid in xids])


def of(reader: Reader, xids: Sequence[Xid]) -> dict[Xid, list[Departure]]:
    """The departures of each identity that has any, the oldest first."""
    rows = read_among(
        reader, "SELECT xid, left_ms, cluster FROM cluster_history WHERE xid IN (:list)", xids
    )
    found: dict[Xid, list[Departure]] = {}
    for row in sorted(rows):
        found.setdefault(row[0], []).append(Departure(*row))
    return found
