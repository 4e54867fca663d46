"""Backfills: how far a derived table is filled for what was stored before it was kept."""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from onefold.store.engine import Reader, Transaction
from onefold.store.tables.accounts import Account

FEED, FINDERS, CUSTOMER_IDS = "feed", "finders", "customerIds"
TAKEN, SWEPT = "taken", "swept"
"""What computed traits take of events, and that nothing is left of traits that are no more."""

_TRAIT, _BEHIND = "taken ", "taken!"
"""Before the id of a trait, in the name of a part; and behind all such names."""


class Filled(msgspec.Struct, frozen=True):
    """How far one part has come. basis: what it is filled by; when that is another now, it begins
    anew. cursor: behind it goes on, empty at first."""

    basis: str
    cursor: str = ""
    done: bool = False


def bases(account: Account, lookup_only: Set[int]) -> Mapping[str, str]:
    """By what each part is filled now, by its name: the dataset of the account's calls, as another
    account has another one; for names also which namespaces only find, for what computed traits
    take their definitions."""
    finding = " ".join([account.calls, *map(str, sorted(lookup_only))])
    taking = " ".join([account.calls, *sorted({one.id for one in account.computed})])
    return {
        **dict.fromkeys((FEED, CUSTOMER_IDS), account.calls),
        FINDERS: finding,
        **dict.fromkeys((TAKEN, SWEPT), taking),
    }


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


def whole(reader: Reader, account: Account) -> set[str]:
    """The ids of the computed traits for which everything is taken. Once it is, it stays so, since
    an id is of one definition for as long as that stands."""
    rows = reader.read(
        "SELECT substr(part, ?) FROM backfills"
        " WHERE part > ? AND part < ? AND basis = ? AND done = 1",
        (len(_TRAIT) + 1, _TRAIT, _BEHIND, account.calls),
    )
    return {row[0] for row in rows}


def note_whole(transaction: Transaction, account: Account) -> None:
    """Note that everything is taken for the computed traits of an account, and forget what there
    was of others."""
    transaction.write("DELETE FROM backfills WHERE part > ? AND part < ?", (_TRAIT, _BEHIND))
    for one in account.computed:
        put(transaction, _TRAIT + one.id, Filled(account.calls, done=True))


def put(transaction: Transaction, part: str, filled: Filled) -> None:
    """Note how far a part has come. Belongs into the transaction that holds its work."""
    transaction.write(
        "INSERT INTO backfills (part, basis, cursor, done) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (part) DO UPDATE SET basis = excluded.basis, cursor = excluded.cursor,"
        " done = excluded.done",
        (part, filled.basis, filled.cursor, int(filled.done)),
    )
