"""Finders: whose fragments say a name that finds people and does not link them; and which
identities of the graph are found by another name than their own.

A function of the fragments, written anew whenever one is, and of the identities, written once.
Source: intilery contract, 2.11 and 11.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction, read_among

Key = tuple[Xid, str]
"""(owner, dataset) of a fragment, or (identity, GRAPH)."""

GRAPH = ""
"""In place of a dataset: what an identity is found by for what it is."""


def put(transaction: Transaction, owner: Xid, dataset: str, found: Iterable[Xid]) -> None:
    """Let an owner's fragment of a dataset say these names, and no others."""
    put_all(transaction, {(owner, dataset): found})


def put_all(transaction: Transaction, said: Mapping[Key, Iterable[Xid]]) -> None:
    """Let each of the fragments say these names, and no others."""
    transaction.write_many(
        "DELETE FROM finders WHERE owner = ? AND dataset = ?", sorted(said.keys())
    )
    transaction.write_many(
        "INSERT INTO finders (found, owner, dataset) VALUES (?, ?, ?)",
        sorted((found, *key) for key, names in said.items() for found in set(names)),
    )


def owners(reader: Reader, found: Xid, limit: int) -> list[Xid]:
    """Up to `limit` identities that a name leads to, in order, each once."""
    rows = reader.read(
        "SELECT DISTINCT owner FROM finders WHERE found = ? ORDER BY owner LIMIT ?", (found, limit)
    )
    return [row[0] for row in rows]


def of(reader: Reader, owner: Xid) -> list[tuple[str, Xid]]:
    """(dataset, name) of what an owner's fragments say, in order."""
    return reader.read(
        "SELECT dataset, found FROM finders WHERE owner = ? ORDER BY dataset, found", (owner,)
    )


def of_owners(reader: Reader, owners: Sequence[Xid]) -> list[tuple[Xid, Xid]]:
    """(name, owner) of what the fragments of these owners say."""
    return read_among(
        reader, "SELECT DISTINCT found, owner FROM finders WHERE owner IN (:list)", owners
    )


def said_by(reader: Reader, owners: Sequence[Xid]) -> dict[Key, set[Xid]]:
    """What the fragments of these owners say; those that say nothing are left out."""
    found: dict[Key, set[Xid]] = {}
    for owner, dataset, name in read_among(
        reader, "SELECT owner, dataset, found FROM finders WHERE owner IN (:list)", owners
    ):
        found.setdefault((owner, dataset), set()).add(name)
    return found


def left(reader: Reader, owner: Xid) -> int:
    """How many rows of an owner are of fragments that are not there, or of an identity that is not
    known: none, as long as all is well."""
    number: int = reader.read(
        "SELECT count(*) FROM finders WHERE owner = ? AND CASE WHEN dataset = ? THEN"
        " NOT EXISTS (SELECT 1 FROM identities WHERE identities.xid = finders.owner)"
        " ELSE NOT EXISTS (SELECT 1 FROM fragments"
        " WHERE fragments.xid = finders.owner AND fragments.dataset = finders.dataset) END",
        (owner, GRAPH),
    )[0][0]
    return number


def forget(transaction: Transaction, owners: Iterable[Xid]) -> None:
    """Delete everything that identities say which own nothing any more."""
    transaction.write_many("DELETE FROM finders WHERE owner = ?", sorted((xid,) for xid in owners))


def count(reader: Reader) -> int:
    """How many rows there are. Cost: reads an index."""
    number: int = reader.read("SELECT count(*) FROM finders")[0][0]
    return number
