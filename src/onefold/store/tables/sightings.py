"""Sightings: which identities a record named. Links follow from them, and so does whether an
identity is known.

The whole of a sighting stands under the record's owner; the other identities have a row that says
whose it is. So each is found under every name, and its names are written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from onefold.domain.graph.links import Sighting
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Row, Transaction, Value, read_among

Key = tuple[Xid, int]
"""(owner, record number)."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """The identities of one record.

    seq: its number. owner: its primary identity. dataset: the one for which its links count; at_ms:
    the time that they have. linked: those that link each other, others: those that do not; the
    owner is among either, or in neither when a dataset that feeds only the graph does not link it.
    source: the record's own dataset. graph_only: neither event nor fragment came of the record.
    """

    seq: int
    owner: Xid
    dataset: str
    at_ms: int
    received_ms: int
    linked: tuple[Xid, ...]
    others: tuple[Xid, ...] = ()
    source: str = ""
    graph_only: bool = False

    @property
    def named(self) -> tuple[Xid, ...]:
        """All identities that the record named."""
        return self.linked + self.others

    @property
    def sighting(self) -> Sighting:
        """What of it links."""
        return Sighting(self.linked, self.dataset, self.at_ms)

    @property
    def key(self) -> Key:
        return self.owner, self.seq


def of(reader: Reader, xids: Sequence[Xid]) -> list[Seen]:
    """The sightings of these identities, each once, by record number.

    Cost: some 5 µs a sighting; `count` tells how many come.
    """
    rows = read_among(reader, "SELECT xid, seq, owner FROM sightings WHERE xid IN (:list)", xids)
    return under(reader, {(owner or xid, seq) for xid, seq, owner in rows})


def under(reader: Reader, keys: Iterable[Key]) -> list[Seen]:
    """Those of the sightings that there are, by record number. keys: (owner, record number)."""
    rows = read_among(
        reader,
        "SELECT xid, seq, dataset, source, graph_only, at_ms, received_ms, named"
        " FROM sightings WHERE owner = '' AND (xid, seq) IN (VALUES :list)",
        [part for key in sorted(keys) for part in key],
        width=2,
    )
    return sorted(map(_seen, rows), key=_number)


def shared(reader: Reader, one: Xid, other: Xid) -> list[Seen]:
    """The sightings that name both of two identities, by record number.

    Cost: 1 µs for each sighting of `one`: give the one with fewer first.
    """
    rows = reader.read(
        "SELECT mine.xid, mine.seq, mine.owner FROM sightings AS mine"
        " WHERE mine.xid = ? AND EXISTS (SELECT 1 FROM sightings AS theirs"
        " WHERE theirs.xid = ? AND theirs.seq = mine.seq)",
        (one, other),
    )
    return under(reader, {(owner or xid, seq) for xid, seq, owner in rows})


def count(reader: Reader, xids: Sequence[Xid], *, limit: int) -> int:
    """How many sightings these identities have, each counted for each of them; when they have
    more than `limit`, some number beyond it."""
    rows = read_among(
        reader,
        "SELECT count(*) FROM (SELECT 1 FROM sightings WHERE ?1 > 0 AND xid IN (:list) LIMIT ?1)",
        xids,
        limit + 1,
    )
    return sum(row[0] for row in rows)


def first(reader: Reader, xids: Sequence[Xid]) -> dict[Xid, tuple[int, int]]:
    """(record number, time of receipt) of the first sighting that names each identity; the others
    are left out."""
    rows = read_among(
        reader,
        "SELECT xid, min(seq), owner FROM sightings"
        " WHERE xid IN (:list) AND (owner <> '' OR instr(named, '.') > 0) GROUP BY xid",
        xids,
    )
    named = {(owner or xid, seq): xid for xid, seq, owner in rows}
    received = {seen.key: seen.received_ms for seen in under(reader, named)}
    return {xid: (seq, received[owner or xid, seq]) for xid, seq, owner in rows}


def earliest(reader: Reader, xids: Sequence[Xid]) -> Seen | None:
    """The first sighting of any of these identities; None when they have none.

    Cost: one seek for each identity, however many sightings it has."""
    keys: list[tuple[int, Xid]] = []
    for xid in xids:
        rows = reader.read(
            "SELECT seq, owner FROM sightings WHERE xid = ? ORDER BY seq LIMIT 1", (xid,)
        )
        keys += [(seq, owner or xid) for seq, owner in rows]
    if not keys:
        return None
    number, owner = min(keys)
    return next(iter(under(reader, [(owner, number)])), None)


def of_source(reader: Reader, owner: Xid, source: str, *, last: int) -> list[Seen]:
    """The sightings of an owner's records of one dataset, up to the record number `last`."""
    rows = reader.read(
        "SELECT xid, seq, dataset, source, graph_only, at_ms, received_ms, named"
        " FROM sightings WHERE xid = ? AND seq <= ? AND owner = ''"
        " AND ? = CASE source WHEN '' THEN dataset ELSE source END",
        (owner, last, source),
    )
    return sorted(map(_seen, rows), key=_number)


def graph_only(reader: Reader, *, first: int, last: int, limit: int) -> list[Key]:
    """(owner, record number) of up to `limit` records that feed only the graph, with numbers from
    `first` to `last`, by number."""
    return reader.read(
        "SELECT xid, seq FROM sightings WHERE graph_only = 1 AND owner = ''"
        " AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
        (first, last, limit),
    )


def every(reader: Reader, *, after: tuple[str, int], limit: int) -> list[Seen]:
    """Up to `limit` sightings in order of (owner, record number), behind `after`."""
    rows = reader.read(
        "SELECT xid, seq, dataset, source, graph_only, at_ms, received_ms, named"
        " FROM sightings WHERE (xid, seq) > (?, ?) AND owner = ''"
        " ORDER BY xid, seq LIMIT ?",
        (*after, limit),
    )
    return [_seen(row) for row in rows]


def add(transaction: Transaction, seen: Iterable[Seen]) -> None:
    """Write sightings. In the order of the key, so that a batch goes through the table once."""
    transaction.write_many(
        "INSERT INTO sightings (xid, seq, owner, dataset, source, graph_only, at_ms, received_ms,"
        " named) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (xid, seq) DO NOTHING",
        sorted(row for one in seen for row in _rows(one)),
    )


def remove(transaction: Transaction, seen: Iterable[Seen]) -> None:
    """Delete sightings, under all of their names."""
    transaction.write_many(
        "DELETE FROM sightings WHERE xid = ? AND seq = ?",
        sorted((xid, one.seq) for one in seen for xid in {one.owner, *one.named}),
    )


def _rows(seen: Seen) -> Iterator[tuple[Value, ...]]:
    owner, seq = seen.owner, seen.seq
    named = " ".join(
        [
            *["." if xid == owner else xid for xid in seen.linked],
            *["-." if xid == owner else f"-{xid}" for xid in seen.others],
        ]
    )
    source = "" if seen.source == seen.dataset else seen.source
    yield (
        owner,
        seq,
        "",
        seen.dataset,
        source,
        int(seen.graph_only),
        seen.at_ms,
        seen.received_ms,
        named,
    )
    for xid in {*seen.linked, *seen.others}:
        if xid != owner:
            yield (xid, seq, owner, "", "", 0, 0, 0, "")


def _seen(row: Row) -> Seen:
    owner, seq, dataset, source, graph_only, at_ms, received_ms, named = row
    linked: list[Xid] = []
    others: list[Xid] = []
    for name in named.split():
        kind, xid = (others, name[1:]) if name[0] == "-" else (linked, name)
        kind.append(owner if xid == "." else Xid(xid))
    return Seen(
        seq,
        owner,
        dataset,
        at_ms,
        received_ms,
        tuple(linked),
        tuple(others),
        source or dataset,
        bool(graph_only),
    )


def _number(seen: Seen) -> int:
    return seen.seq
