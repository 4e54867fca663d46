"""The edge store of one destination: projections of people, ready to be answered.

The projector writes all of it but the wishes, which HTTP processes leave for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction, read_among


class Followed(msgspec.Struct, frozen=True):
    """number: of the last change that is in the entries. shape: of the definitions that they were
    made by; empty when nothing was ever made. walked: while the store is filled, the last cluster
    that is done (empty at first); else None."""

    number: int
    shape: str
    walked: Xid | None


class Found(msgspec.Struct, frozen=True):
    """The entries of a person. bodies: JSON by the configuration's id."""

    cluster: Xid
    refreshed_ms: int
    bodies: dict[str, bytes]


class Entry(msgspec.Struct, frozen=True):
    """All that is written of a person. bodies: (xid or empty, configuration's id, JSON)."""

    cluster: Xid
    xids: frozenset[Xid]
    bodies: tuple[tuple[str, str, bytes], ...]


class Wish(msgspec.Struct, frozen=True):
    """Somebody asked for an identity. region: empty when none was named."""

    xid: Xid
    region: str
    asked_ms: int


def followed(reader: Reader) -> Followed:
    """How far the store is."""
    return Followed(*reader.read("SELECT number, shape, walked FROM followed")[0])


def follow(transaction: Transaction, to: Followed) -> None:
    """Note how far the store is. Belongs into the transaction that holds the entries."""
    transaction.write(
        "UPDATE followed SET number = ?, shape = ?, walked = ?", (to.number, to.shape, to.walked)
    )


def found(reader: Reader, xid: Xid) -> Found | None:
    """The entries of the person who has this identity. Cost: three reads by key."""
    rows = reader.read("SELECT cluster FROM identities WHERE xid = ?", (xid,))
    if not rows:
        return None
    cluster = rows[0][0]
    made = reader.read("SELECT refreshed_ms FROM people WHERE cluster = ?", (cluster,))
    bodies = reader.read(
        "SELECT projection, body FROM entries WHERE cluster = ? AND xid IN ('', ?)", (cluster, xid)
    )
    return Found(cluster, made[0][0], dict(bodies)) if made else None


def activity(reader: Reader, xid: Xid) -> dict[str, int]:
    """When the identity was last asked for, by region."""
    rows = reader.read("SELECT region, asked_ms FROM activity WHERE xid = ?", (xid,))
    return dict(rows)


def people(reader: Reader) -> int:
    """How many people have entries. Cost: reads the row of each."""
    count: int = reader.read("SELECT COUNT(*) FROM people")[0][0]
    return count


def wish(transaction: Transaction, wishes: Iterable[Wish]) -> None:
    """Leave wishes for the projector."""
    transaction.write_many(
        "INSERT INTO wishes (xid, region, asked_ms) VALUES (?, ?, ?)"
        " ON CONFLICT (xid, region) DO UPDATE SET asked_ms = excluded.asked_ms",
        [(one.xid, one.region, one.asked_ms) for one in wishes],
    )


def wishes(reader: Reader, *, limit: int) -> list[Wish]:
    """Up to `limit` wishes."""
    rows = reader.read("SELECT xid, region, asked_ms FROM wishes LIMIT ?", (limit,))
    return [Wish(*row) for row in rows]


def granted(transaction: Transaction, done: Iterable[Wish]) -> None:
    """Take the wishes away, but for those that were made anew meanwhile."""
    transaction.write_many(
        "DELETE FROM wishes WHERE xid = ? AND region = ? AND asked_ms = ?",
        [(one.xid, one.region, one.asked_ms) for one in done],
    )


def active(reader: Reader, xids: Sequence[Xid], *, since_ms: int) -> set[Xid]:
    """Those of the identities that were asked for since then."""
    rows = read_among(
        reader,
        "SELECT DISTINCT xid FROM activity WHERE asked_ms >= ? AND xid IN (:list)",
        xids,
        since_ms,
    )
    return {row[0] for row in rows}


def active_in(reader: Reader, clusters: Sequence[Xid]) -> dict[Xid, Xid]:
    """The identities with activity that belong to these clusters, with their cluster."""
    rows = read_among(
        reader, "SELECT DISTINCT xid, cluster FROM activity WHERE cluster IN (:list)", clusters
    )
    return dict(rows)


def note_activity(transaction: Transaction, asked: Iterable[tuple[Wish, Xid]]) -> None:
    """Remember that identities were asked for, each with its cluster."""
    transaction.write_many(
        "INSERT INTO activity (xid, region, asked_ms, cluster) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (xid, region) DO UPDATE SET"
        " asked_ms = max(asked_ms, excluded.asked_ms), cluster = excluded.cluster",
        [(one.xid, one.region, one.asked_ms, cluster) for one, cluster in asked],
    )


def move_activity(transaction: Transaction, to: Iterable[tuple[Xid, Xid]]) -> None:
    """Put identities with activity into other clusters, each given as (xid, cluster)."""
    transaction.write_many(
        "UPDATE activity SET cluster = ? WHERE xid = ?", [(cluster, xid) for xid, cluster in to]
    )


def forget_activity(transaction: Transaction, xids: Iterable[Xid]) -> None:
    """Forget that the identities were ever asked for."""
    rows = [(xid,) for xid in xids]
    transaction.write_many("DELETE FROM activity WHERE xid = ?", rows)
    transaction.write_many("DELETE FROM wishes WHERE xid = ?", rows)


def members(reader: Reader, clusters: Sequence[Xid]) -> dict[Xid, set[Xid]]:
    """The identities that stand under each of the clusters here."""
    held: dict[Xid, set[Xid]] = {}
    for cluster, xid in read_among(
        reader, "SELECT cluster, xid FROM identities WHERE cluster IN (:list)", clusters
    ):
        held.setdefault(cluster, set()).add(xid)
    return held


def between(reader: Reader, after: Xid, last: Xid | None) -> list[Xid]:
    """The clusters that have entries, behind `after` up to `last`; None: all that follow."""
    if last is None:
        rows = reader.read("SELECT cluster FROM people WHERE cluster > ?", (after,))
    else:
        rows = reader.read(
            "SELECT cluster FROM people WHERE cluster > ? AND cluster <= ?", (after, last)
        )
    return [row[0] for row in rows]


def replace(transaction: Transaction, entries: Sequence[Entry], *, now_ms: int) -> None:
    """Write the people's entries in the place of what was there of them."""
    held = members(transaction, [one.cluster for one in entries])
    _drop(transaction, {c: held[c] - one.xids for one in entries if (c := one.cluster) in held})
    transaction.write_many(
        "INSERT INTO identities (xid, cluster) VALUES (?, ?)"
        " ON CONFLICT (xid) DO UPDATE SET cluster = excluded.cluster",
        sorted(
            (xid, one.cluster) for one in entries for xid in one.xids - held.get(one.cluster, set())
        ),
    )
    transaction.write_many(
        "INSERT INTO people (cluster, refreshed_ms) VALUES (?, ?)"
        " ON CONFLICT (cluster) DO UPDATE SET refreshed_ms = excluded.refreshed_ms",
        [(one.cluster, now_ms) for one in entries],
    )
    transaction.write_many(
        "DELETE FROM entries WHERE cluster = ?", [(one.cluster,) for one in entries]
    )
    transaction.write_many(
        "INSERT INTO entries (cluster, xid, projection, body) VALUES (?, ?, ?, ?)",
        [(one.cluster, *body) for one in entries for body in one.bodies],
    )


def remove(transaction: Transaction, clusters: Sequence[Xid]) -> None:
    """Take away everything that stands under the clusters, but for their activity."""
    _drop(transaction, members(transaction, clusters))
    rows = [(cluster,) for cluster in clusters]
    transaction.write_many("DELETE FROM people WHERE cluster = ?", rows)
    transaction.write_many("DELETE FROM entries WHERE cluster = ?", rows)


def expired(reader: Reader, *, before_ms: int, limit: int) -> list[Xid]:
    """Up to `limit` clusters whose entries were made before then."""
    rows = reader.read(
        "SELECT cluster FROM people WHERE refreshed_ms < ? LIMIT ?", (before_ms, limit)
    )
    return [row[0] for row in rows]


def forget_old_activity(transaction: Transaction, *, before_ms: int) -> None:
    """Forget whoever was not asked for since then."""
    transaction.write("DELETE FROM activity WHERE asked_ms < ?", (before_ms,))


def clear(transaction: Transaction) -> None:
    """Take away everything about people."""
    transaction.write("DELETE FROM identities")
    transaction.write("DELETE FROM people")
    transaction.write("DELETE FROM entries")
    transaction.write("DELETE FROM activity")


def every(reader: Reader, *, after: Xid, limit: int) -> list[tuple[Entry, int]]:
    """Up to `limit` people with entries, by cluster, behind `after`, each with when they were
    made. For comparisons."""
    rows = reader.read(
        "SELECT cluster, refreshed_ms FROM people WHERE cluster > ? ORDER BY cluster LIMIT ?",
        (after, limit),
    )
    names = [row[0] for row in rows]
    held = members(reader, names)
    bodies: dict[Xid, list[tuple[str, str, bytes]]] = {}
    for cluster, xid, projection, body in read_among(
        reader,
        "SELECT cluster, xid, projection, body FROM entries WHERE cluster IN (:list)",
        names,
    ):
        bodies.setdefault(cluster, []).append((xid, projection, body))
    return [
        (
            Entry(
                cluster, frozenset(held.get(cluster, ())), tuple(sorted(bodies.get(cluster, ())))
            ),
            refreshed_ms,
        )
        for cluster, refreshed_ms in rows
    ]


def _drop(transaction: Transaction, leaving: Mapping[Xid, Set[Xid]]) -> None:
    """Take identities from under clusters; those that stand under another one by now stay."""
    transaction.write_many(
        "DELETE FROM identities WHERE xid = ? AND cluster = ?",
        [(xid, cluster) for cluster, xids in leaving.items() for xid in sorted(xids)],
    )
