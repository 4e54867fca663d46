"""Scrolls over all customers of an account: who there was when one was opened, in which order.

A listing is written once, a piece at a time, and then only read; several scrolls may share it. Its
rows name customers by ids, which say nothing of a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from onefold.store.engine import Reader, Transaction, read_among

REMOVED_MAX = 10_000
"""Rows of a listing that are removed in one go, so that nobody waits long for the file."""


_FIRST = (
    "SELECT rank, id FROM customers INDEXED BY customers_in_order"
    " WHERE listing = ? AND known >= ? ORDER BY rank, id LIMIT ?"
)
_FURTHER = (
    "SELECT rank, id FROM customers INDEXED BY customers_in_order"
    " WHERE listing = ? AND (rank, id) > (?, ?) AND known >= ? ORDER BY rank, id LIMIT ?"
)


class Place(msgspec.Struct, frozen=True, order=True, gc=False):
    """Where a customer stands in a listing: by rank, then by id."""

    rank: int
    id: str


class Scroll(msgspec.Struct, frozen=True):
    """An open scroll. key_id: of the API key that opened it. used_ms: when it was last used, as far
    as that was noted."""

    scroll: str
    key_id: str
    listing: int
    used_ms: int


def begin(transaction: Transaction, *, now_ms: int) -> int:
    """A new listing, which nobody finds yet; answer its number."""
    rows = transaction.read(
        "INSERT INTO listings (version, used_ms) VALUES ('', ?) RETURNING listing", (now_ms,)
    )
    number: int = rows[0][0]
    return number


def add(
    transaction: Transaction,
    listing: int,
    customers: Iterable[tuple[Place, bool]],
    *,
    now_ms: int,
) -> None:
    """Write some customers of a listing that is being made, each with whether it is known."""
    transaction.write_many(
        "INSERT INTO customers (listing, id, rank, known) VALUES (?, ?, ?, ?)",
        sorted((listing, _bytes(at.id), at.rank, int(known)) for at, known in customers),
    )
    transaction.write("UPDATE listings SET used_ms = ? WHERE listing = ?", (now_ms, listing))


def complete(transaction: Transaction, listing: int, version: str) -> None:
    """Say that a listing is whole. version: of what it was made of, not empty."""
    transaction.write("UPDATE listings SET version = ? WHERE listing = ?", (version, listing))


def listing_of(reader: Reader, version: str) -> int | None:
    """A whole listing that was made of this version; None when there is none."""
    rows = reader.read("SELECT listing FROM listings WHERE version = ? LIMIT 1", (version,))
    return rows[0][0] if rows else None


def open_(transaction: Transaction, scroll: Scroll, *, most: int) -> None:
    """Open a scroll, and close the key's oldest ones, so that it has `most` at most."""
    transaction.write(
        "DELETE FROM scrolls WHERE number IN (SELECT number FROM scrolls WHERE key_id = ?"
        " ORDER BY number DESC LIMIT -1 OFFSET ?)",
        (scroll.key_id, most - 1),
    )
    transaction.write(
        "INSERT INTO scrolls (scroll, key_id, listing, used_ms) VALUES (?, ?, ?, ?)",
        (scroll.scroll, scroll.key_id, scroll.listing, scroll.used_ms),
    )


def of_id(reader: Reader, scroll: str) -> Scroll | None:
    """An open scroll; None when there is none of this id."""
    rows = reader.read(
        "SELECT scroll, key_id, listing, used_ms FROM scrolls WHERE scroll = ?", (scroll,)
    )
    return Scroll(*rows[0]) if rows else None


def use(transaction: Transaction, scroll: str, *, now_ms: int) -> None:
    """Note that a scroll was used."""
    transaction.write("UPDATE scrolls SET used_ms = ? WHERE scroll = ?", (now_ms, scroll))


def customers(
    reader: Reader, listing: int, *, after: Place | None, known: bool, limit: int
) -> list[Place]:
    """Up to `limit` customers of a listing in its order, behind a place; only known ones if so."""
    if after is None:
        rows = reader.read(_FIRST, (listing, int(known), limit))
    else:
        rows = reader.read(_FURTHER, (listing, after.rank, _bytes(after.id), int(known), limit))
    return [Place(rank, str(UUID(bytes=id_))) for rank, id_ in rows]


def places(reader: Reader, listing: int, ids: Sequence[str], *, known: bool) -> list[Place]:
    """Where those of the customers stand that are in a listing; only known ones if so."""
    rows = read_among(
        reader,
        "SELECT rank, id FROM customers WHERE listing = ? AND known >= ? AND id IN (:list)",
        [_bytes(id_) for id_ in ids],
        listing,
        int(known),
    )
    return [Place(rank, str(UUID(bytes=id_))) for rank, id_ in rows]


def close(transaction: Transaction, *, unused_since_ms: int) -> None:
    """Close the scrolls that were not used since then."""
    transaction.write("DELETE FROM scrolls WHERE used_ms < ?", (unused_since_ms,))


def left(reader: Reader, *, unused_since_ms: int) -> int | None:
    """A listing that no scroll needs: one that none is on, or that nobody went on making since
    then. None when there is none."""
    rows = reader.read(
        "SELECT listing FROM listings WHERE (version <> '' OR used_ms < ?) AND listing NOT IN"
        " (SELECT listing FROM scrolls) ORDER BY listing LIMIT 1",
        (unused_since_ms,),
    )
    return rows[0][0] if rows else None


def remove(transaction: Transaction, listing: int) -> None:
    """Remove up to REMOVED_MAX customers of a listing, and when none is left, the listing. From the
    first call on nobody finds it."""
    transaction.write(
        "DELETE FROM customers WHERE listing = ? AND id IN"
        " (SELECT id FROM customers WHERE listing = ? LIMIT ?)",
        (listing, listing, REMOVED_MAX),
    )
    rest = transaction.read("SELECT 1 FROM customers WHERE listing = ? LIMIT 1", (listing,))
    if rest:
        transaction.write(
            "UPDATE listings SET version = '', used_ms = 0 WHERE listing = ?", (listing,)
        )
    else:
        transaction.write("DELETE FROM listings WHERE listing = ?", (listing,))


def _bytes(id_: str) -> bytes:
    """The 16 bytes of an id: what UUID() does, in a tenth of the time."""
    return bytes.fromhex(id_.replace("-", ""))
