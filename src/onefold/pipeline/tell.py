"""Tell: write down what happened to people, for those who follow the changes."""

from __future__ import annotations

from collections.abc import Mapping, Set

from onefold.domain.graph.regrouping import happenings
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Transaction
from onefold.store.tables import changes


def tell(
    transaction: Transaction,
    seq: int,
    at_ms: int,
    before: Mapping[Xid, Xid],
    after: Mapping[Xid, Xid],
    changed: Set[Xid],
) -> None:
    """Write what happened into the log of changes, in the transaction that makes it so.

    seq: the last record, or the order, that brought it about; at_ms: when that arrived. before,
    after: the cluster of each identity that may have moved; new ones are absent before, forgotten
    ones absent after; those that stayed where they were may be left out, or not. changed: clusters
    of which a fragment was written or removed; names that exist no more do no harm if their
    identity is in `before`. Writes and reads nothing when nothing happened.
    """
    if before or after or changed:
        changes.add(transaction, happenings(before, after, changed), seq=seq, at_ms=at_ms)
