"""The ids under which an account knows its customers: one for every identity.

An id is a function of the sandbox and the identity; the table leads back. Which of a customer's ids
is shown is the business of whoever shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Transaction, read_among


def add(transaction: Transaction, rows: Iterable[tuple[str, Xid]]) -> None:
    """Write (id, identity); those that are there already stay."""
    transaction.write_many(
        "INSERT INTO customer_ids (id, xid) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
        sorted(rows),
    )


def xid_of(reader: Reader, customer: str) -> Xid | None:
    """The identity that has this id; None when none has."""
    rows = reader.read("SELECT xid FROM customer_ids WHERE id = ?", (customer,))
    return rows[0][0] if rows else None


def remove(transaction: Transaction, ids: Iterable[str]) -> None:
    """Take away the ids of identities that are forgotten."""
    transaction.write_many("DELETE FROM customer_ids WHERE id = ?", sorted((id_,) for id_ in ids))


def known(reader: Reader, ids: Sequence[str]) -> dict[str, Xid]:
    """The identities that have these ids; ids that none has are left out."""
    return dict(read_among(reader, "SELECT id, xid FROM customer_ids WHERE id IN (:list)", ids))


def count(reader: Reader) -> int:
    """How many rows there are. Cost: reads an index."""
    number: int = reader.read("SELECT count(*) FROM customer_ids")[0][0]
    return number
