"""What computed traits take of events, a row for each trait and event: beside the feed, whose rows
it lives and dies with (tables/feed.py). Empty where an account defines none.

A function of the events and the definitions. Source: Intilery contract, 16.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from onefold.domain.calls.computed import Group
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Row, Transaction, read_among

Key = tuple[Xid, int, int, str]
"""(owner, time, time of receipt, event id), as of the feed."""
Values = tuple[tuple[str, str], ...]
"""(id of a trait, JSON of what it took), of one event."""


def add(transaction: Transaction, found: Iterable[tuple[Key, Values]]) -> None:
    """Write what was taken of events; what is there already stays."""
    rows = sorted((*key, trait, value) for key, values in found for trait, value in values)
    if rows:
        transaction.write_many(
            "INSERT INTO taken (xid, at_ms, received_ms, event_id, trait, value)"
            " VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (xid, at_ms, received_ms, event_id, trait) DO NOTHING",
            rows,
        )


def remove(transaction: Transaction, keys: Iterable[Key]) -> None:
    """Delete what was taken of events that are gone."""
    transaction.write_many(
        "DELETE FROM taken WHERE xid = ? AND at_ms = ? AND received_ms = ? AND event_id = ?",
        sorted(keys),
    )


def forget(transaction: Transaction, owners: Iterable[Xid]) -> None:
    """Delete everything under identities that own nothing any more."""
    transaction.write_many("DELETE FROM taken WHERE xid = ?", sorted((xid,) for xid in owners))


def of_keys(reader: Reader, keys: Sequence[Key]) -> dict[Key, Values]:
    """What was taken of events, as far as anything was; by trait."""
    rows = read_among(
        reader,
        "SELECT xid, at_ms, received_ms, event_id, trait, value FROM taken"
        " WHERE (xid, at_ms, received_ms, event_id) IN (VALUES :list) ORDER BY trait",
        [part for key in keys for part in key],
        width=4,
    )
    found: dict[Key, Values] = {}
    for *parts, trait, value in rows:
        xid, at_ms, received_ms, event_id = parts
        key = (xid, at_ms, received_ms, event_id)
        found[key] = (*found.get(key, ()), (trait, value))
    return found


def groups(
    reader: Reader, owners: Sequence[Xid], traits: Collection[str]
) -> dict[str, list[Group]]:
    """The different values that traits took of the events of these owners together, by trait.

    Cost: reads every row of the owners, of whatever trait, some 1 µs each; SQLite's own grouping
    takes two or three times as long where most values differ."""
    found: dict[str, dict[str, list[int]]] = {trait: {} for trait in traits}
    for owner in dict.fromkeys(owners):
        for trait, value, at_ms in reader.read(_OF_OWNER, (owner,)):
            values = found.get(trait)
            if values is None:
                continue
            known = values.get(value)
            if known is None:
                values[value] = [1, at_ms, at_ms]
                continue
            known[0] += 1
            if at_ms > known[2]:
                known[2] = at_ms
            elif at_ms < known[1]:  # another owner's
                known[1] = at_ms
    return {
        trait: [Group(value, *told) for value, told in values.items()]
        for trait, values in found.items()
        if values
    }


def end(reader: Reader, owners: Sequence[Xid], trait: str, *, last: bool) -> Group | None:
    """What a trait took of the first or the last event of these owners together, by (time, receipt,
    event id, owner); None when it took nothing. Cost: a seek for each owner, and a look at every
    row on the way to one of this trait."""
    ends = [
        row
        for owner in dict.fromkeys(owners)
        for row in reader.read(_LAST if last else _FIRST, (owner, trait))
    ]
    if not ends:
        return None
    at_ms, *_, value = max(ends) if last else min(ends)
    return Group(value, 1, at_ms, at_ms)


def sweep(
    transaction: Transaction, stay: Collection[str], after: Row | None, limit: int
) -> list[Row]:
    """Look at up to `limit` rows, in order, and delete those of traits that do not stay. after: the
    last one that was looked at before; None at first. Answers those that were looked at now, each
    by its key."""
    rows = transaction.read(
        "SELECT xid, at_ms, received_ms, event_id, trait FROM taken"
        " WHERE (xid, at_ms, received_ms, event_id, trait) > (?, ?, ?, ?, ?)"
        " ORDER BY xid, at_ms, received_ms, event_id, trait LIMIT ?",
        (*(after or ("", 0, 0, "", "")), limit),
    )
    transaction.write_many(
        "DELETE FROM taken WHERE xid = ? AND at_ms = ? AND received_ms = ? AND event_id = ?"
        " AND trait = ?",
        [row for row in rows if row[4] not in stay],
    )
    return rows


def count(reader: Reader) -> int:
    """How many rows there are. Cost: reads them."""
    number: int = reader.read("SELECT count(*) FROM taken")[0][0]
    return number


def left(reader: Reader, owner: Xid) -> int:
    """How many rows of an owner are of events that it does not own: none, if all is well."""
    number: int = reader.read(
        "SELECT count(*) FROM taken WHERE xid = ? AND NOT EXISTS (SELECT 1 FROM events"
        " WHERE events.xid = taken.xid AND events.event_id = taken.event_id)",
        (owner,),
    )[0][0]
    return number


_OF_OWNER = (
    "SELECT trait, value, at_ms FROM taken WHERE xid = ? ORDER BY at_ms, received_ms, event_id"
)
_FIRST = (
    "SELECT at_ms, received_ms, event_id, xid, value FROM taken WHERE xid = ? AND trait = ?"
    " ORDER BY at_ms, received_ms, event_id LIMIT 1"
)
_LAST = (
    "SELECT at_ms, received_ms, event_id, xid, value FROM taken WHERE xid = ? AND trait = ?"
    " ORDER BY at_ms DESC, received_ms DESC, event_id DESC LIMIT 1"
)
