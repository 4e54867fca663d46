"""Links: each stands twice, under either end, so that all links of an identity lie together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from onefold.domain.graph.links import Link
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction, read_among


def links_of(reader: Reader, xids: Sequence[Xid]) -> list[Link]:
    """Every link that has one of `xids` as its smaller end."""
    rows = read_among(
        reader,
        "SELECT xid, peer, dataset, first_ms, last_ms FROM links"
        " WHERE xid IN (:list) AND peer > xid",
        xids,
    )
    return [Link(*row) for row in rows]


def of_identity(reader: Reader, xid: Xid) -> list[Link]:
    """Every link of one identity."""
    rows = reader.read(
        "SELECT xid, peer, dataset, first_ms, last_ms FROM links WHERE xid = ?", (xid,)
    )
    return [Link(*sorted(row[:2]), *row[2:]) for row in rows]


def see(transaction: Transaction, links: Iterable[Link]) -> None:
    """Write links that were seen: first times only fall, last times only rise."""
    transaction.write_many(
        "INSERT INTO links (xid, peer, dataset, first_ms, last_ms) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (xid, peer, dataset) DO UPDATE SET"
        " first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)",
        sorted(_both_ways(links)),
    )


def remove(transaction: Transaction, pairs: Iterable[tuple[Xid, Xid]]) -> None:
    """Delete the links of these pairs, of all datasets."""
    transaction.write_many(
        "DELETE FROM links WHERE xid = ? AND peer = ?",
        [ends for a, b in pairs for ends in ((a, b), (b, a))],
    )


def every(reader: Reader, *, after: tuple[str, str, str], limit: int) -> list[Link]:
    """Up to `limit` rows in order of (xid, peer, dataset), behind `after`; both directions."""
    rows = reader.read(
        "SELECT xid, peer, dataset, first_ms, last_ms FROM links"
        " WHERE (xid, peer, dataset) > (?, ?, ?) ORDER BY xid, peer, dataset LIMIT ?",
        (*after, limit),
    )
    return [Link(*row) for row in rows]


def count(reader: Reader) -> int:
    """How many pairs are linked, whatever datasets saw them. Cost: reads the whole table once."""
    rows = reader.read(
        "SELECT count(*) FROM (SELECT DISTINCT xid, peer FROM links WHERE peer > xid)"
    )
    number: int = rows[0][0]
    return number


def _both_ways(links: Iterable[Link]) -> Iterator[tuple[str, str, str, int, int]]:
    for link in links:
        yield (link.a, link.b, link.dataset, link.first_ms, link.last_ms)
        yield (link.b, link.a, link.dataset, link.first_ms, link.last_ms)
