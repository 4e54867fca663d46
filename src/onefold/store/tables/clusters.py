"""When a cluster last changed what a merge of it answers: its members, or a fragment of one.

A row is only a number to compare: whoever keeps an answer keeps the number that was read with it,
and the answer holds for as long as the number stays. A cluster without a row answers for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction


def version(reader: Reader, cluster: Xid) -> int | None:
    """The number of the last record that changed the cluster; None when nothing is noted."""
    rows = reader.read("SELECT version FROM clusters WHERE cluster = ?", (cluster,))
    return rows[0][0] if rows else None


def change(transaction: Transaction, clusters: Iterable[Xid], to: int) -> None:
    """Note that the clusters were changed by records up to the one of this number."""
    transaction.write_many(
        "INSERT INTO clusters (cluster, version) VALUES (?, ?)"
        " ON CONFLICT (cluster) DO UPDATE SET version = excluded.version",
        [(cluster, to) for cluster in sorted(clusters)],
    )


def forget(transaction: Transaction, clusters: Iterable[Xid]) -> None:
    """Take away the rows of clusters that exist no more."""
    transaction.write_many(
        "DELETE FROM clusters WHERE cluster = ?", [(cluster,) for cluster in sorted(clusters)]
    )
