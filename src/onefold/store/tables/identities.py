"""Identities and the members of clusters: two directions of one fact, always written together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction, read_among


class Member(msgspec.Struct, frozen=True, gc=False):
    """One identity of a cluster. first_seen_ms: when the record that introduced it arrived."""

    cluster: Xid
    xid: Xid
    namespace_id: int
    value: str
    first_seen_ms: int


def cluster_of(reader: Reader, xid: Xid) -> Xid | None:
    """The cluster of one identity, None when it was never seen."""
    rows = reader.read("SELECT cluster FROM identities WHERE xid = ?", (xid,))
    return rows[0][0] if rows else None


def clusters_of(reader: Reader, xids: Sequence[Xid]) -> dict[Xid, Xid]:
    """The cluster of each identity that is known; the others are left out."""
    rows = read_among(reader, "SELECT xid, cluster FROM identities WHERE xid IN (:list)", xids)
    return dict(rows)


def members(reader: Reader, cluster: Xid) -> list[Member]:
    """All members of one cluster."""
    rows = reader.read(
        "SELECT cluster, xid, namespace_id, value, first_seen_ms FROM members WHERE cluster = ?",
        (cluster,),
    )
    return [Member(*row) for row in rows]


def members_of(reader: Reader, clusters: Sequence[Xid]) -> list[Member]:
    """All members of the clusters."""
    rows = read_among(
        reader,
        "SELECT cluster, xid, namespace_id, value, first_seen_ms FROM members"
        " WHERE cluster IN (:list)",
        clusters,
    )
    return [Member(*row) for row in rows]


def add(transaction: Transaction, members: Iterable[Member]) -> None:
    """Identities seen for the first time."""
    rows = sorted((m.cluster, m.xid, m.namespace_id, m.value, m.first_seen_ms) for m in members)
    transaction.write_many(
        "INSERT INTO identities (xid, cluster) VALUES (?, ?)",
        sorted((row[1], row[0]) for row in rows),
    )
    _insert_members(transaction, rows)


def move(transaction: Transaction, members: Sequence[Member], to: Mapping[Xid, Xid]) -> None:
    """Put each member into the cluster that `to` names for its xid."""
    transaction.write_many(
        "DELETE FROM members WHERE cluster = ? AND xid = ?", [(m.cluster, m.xid) for m in members]
    )
    _insert_members(
        transaction,
        [(to[m.xid], m.xid, m.namespace_id, m.value, m.first_seen_ms) for m in members],
    )
    transaction.write_many(
        "UPDATE identities SET cluster = ? WHERE xid = ?", [(to[m.xid], m.xid) for m in members]
    )


def date(transaction: Transaction, members: Iterable[Member]) -> None:
    """Write the times at which members were first seen, as they stand in them."""
    transaction.write_many(
        "UPDATE members SET first_seen_ms = ? WHERE cluster = ? AND xid = ?",
        [(m.first_seen_ms, m.cluster, m.xid) for m in members],
    )


def forget(transaction: Transaction, members: Sequence[tuple[Xid, Xid]]) -> None:
    """Forget identities, each given as (cluster, xid)."""
    transaction.write_many("DELETE FROM members WHERE cluster = ? AND xid = ?", members)
    transaction.write_many("DELETE FROM identities WHERE xid = ?", [(xid,) for _, xid in members])


def by_namespace(reader: Reader) -> list[tuple[int, int]]:
    """(namespace id, identities) of every namespace. Cost: reads every identity."""
    rows = reader.read(
        "SELECT namespace_id, COUNT(*) FROM members GROUP BY namespace_id ORDER BY namespace_id"
    )
    return [(row[0], row[1]) for row in rows]


def by_size(reader: Reader) -> list[tuple[int, int]]:
    """(identities of a cluster, clusters of that size). Cost: reads every identity."""
    rows = reader.read(
        "SELECT size, COUNT(*) FROM (SELECT COUNT(*) AS size FROM members GROUP BY cluster)"
        " GROUP BY size ORDER BY size"
    )
    return [(row[0], row[1]) for row in rows]


def every(reader: Reader, *, after: str, limit: int) -> list[tuple[Xid, Xid]]:
    """(xid, cluster) of up to `limit` identities in order of xid, behind `after`."""
    rows = reader.read(
        "SELECT xid, cluster FROM identities WHERE xid > ? ORDER BY xid LIMIT ?", (after, limit)
    )
    return [(row[0], row[1]) for row in rows]


def clusters_behind(reader: Reader, after: Xid, *, limit: int) -> list[Xid]:
    """The names of up to `limit` clusters, in order, behind `after`."""
    rows = reader.read(
        "SELECT DISTINCT cluster FROM members WHERE cluster > ? ORDER BY cluster LIMIT ?",
        (after, limit),
    )
    return [row[0] for row in rows]


def every_member(reader: Reader, *, after: tuple[str, str], limit: int) -> list[Member]:
    """Up to `limit` members in order of (cluster, xid), behind `after`."""
    rows = reader.read(
        "SELECT cluster, xid, namespace_id, value, first_seen_ms FROM members"
        " WHERE (cluster, xid) > (?, ?) ORDER BY cluster, xid LIMIT ?",
        (*after, limit),
    )
    return [Member(*row) for row in rows]


def every_namespace(
    reader: Reader, *, after: tuple[str, str], limit: int
) -> list[tuple[Xid, Xid, int]]:
    """(cluster, xid, namespace id) of up to `limit` members in order of (cluster, xid), behind
    `after`: what can be read fastest of all members."""
    rows = reader.read(
        "SELECT cluster, xid, namespace_id FROM members"
        " WHERE (cluster, xid) > (?, ?) ORDER BY cluster, xid LIMIT ?",
        (*after, limit),
    )
    return cast(list[tuple[Xid, Xid, int]], rows)


def _insert_members(transaction: Transaction, rows: Sequence[Sequence[str | int]]) -> None:
    transaction.write_many(
        "INSERT INTO members (cluster, xid, namespace_id, value, first_seen_ms)"
        " VALUES (?, ?, ?, ?, ?)",
        rows,
    )
