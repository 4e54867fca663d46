"""Backfills: how far a derived table is filled for what was stored before it was kept."""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from onefold.store.engine import Reader, Transaction
from onefold.store.tables.accounts import Account

FEED, FINDERS, CUSTOMER_IDS = "feed", "finders", "customerIds"


class Filled(msgspec.Struct, frozen=True):
    """How far one part has come. basis: what it is filled by; when that is another now, it begins
    anew. cursor: behind it goes on, empty at first."""

    basis: str
    cursor: str = ""
    done: bool = False


def bases(account: Account, lookup_only: Set[int]) -> Mapping[str, str]:
    """By what each part is filled now, by its name: the dataset of the account's calls, as another
    account has another one, and for names also which namespaces only find."""
    finding = " ".join([account.calls, *map(str, sorted(lookup_only))])
    return {FEED: account.calls, FINDERS: finding, CUSTOMER_IDS: account.calls}


def is_done(reader: Reader, account: Account, lookup_only: Set[int]) -> bool:
    """Whether every part is filled."""
    known = of(reader)
    return all(
        part in known and known[part].done and known[part].basis == basis
        for part, basis in bases(account, lookup_only).items()
    )


def of(reader: Reader) -> dict[str, Filled]:
    """All parts that have begun, by name."""
    rows = reader.read("SELECT part, basis, cursor, done FROM backfills")
    return {part: Filled(basis, cursor, bool(done)) for part, basis, cursor, done in rows}


def put(transaction: Transaction, part: str, filled: Filled) -> None:
    """Note how far a part has come. Belongs into the transaction that holds its work."""
    transaction.write(
        "INSERT INTO backfills (part, basis, cursor, done) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (part) DO UPDATE SET basis = excluded.basis, cursor = excluded.cursor,"
        " done = excluded.done",
        (part, filled.basis, filled.cursor, int(filled.done)),
    )
