"""The feed of an account: what its timelines are ordered and filtered by, a row for every event.

A function of the events; their bodies stay there. Source: intilery contract, 7.4 and 8.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader, Row, Transaction, Value, read_among
from onefold.store.tables import taken
from onefold.store.tables.taken import Values

Key = tuple[Xid, int, int, str]
"""(owner, time, time of receipt, event id)."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event. action: its slug. active: whether somebody was there when it happened. group_xid:
    of the group that it is tied to, if any. taken: what computed traits take of it, which is kept
    beside it (tables/taken.py); only `of_keys` reads that."""

    xid: Xid
    at_ms: int
    received_ms: int
    event_id: str
    action: str
    brand: str
    active: bool
    group_xid: Xid | None = None
    taken: Values = ()

    @property
    def key(self) -> Key:
        return self.xid, self.at_ms, self.received_ms, self.event_id

    def sort_key(self, *, by_receipt: bool = False) -> tuple[int | str, ...]:
        """Where it stands in a timeline, without ties: by (time, receipt, event id, owner), or by
        (receipt, event id, owner)."""
        if by_receipt:
            return self.received_ms, self.event_id, self.xid
        return self.at_ms, self.received_ms, self.event_id, self.xid


class Ask(msgspec.Struct, frozen=True):
    """Which entries are asked for.

    start_ms inclusive, end_ms exclusive: of the time of receipt when by_receipt, which is then also
    what orders. include: only these actions, when there are any; exclude: without these, whatever
    include says. brands: only these; None means all. group_xid: only what is tied to this group, if
    any. after: only what comes behind this sort key.
    offset: how many of the rest to pass over; limit: how many to answer at most.
    """

    start_ms: int | None = None
    end_ms: int | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    brands: Collection[str] | None = None
    group_xid: Xid | None = None
    ascending: bool = False
    by_receipt: bool = False
    after: tuple[int | str, ...] | None = None
    offset: int = 0
    limit: int = 100


def add(transaction: Transaction, entries: Iterable[Entry]) -> None:
    """Write entries, with what was taken of them; those that are there already stay."""
    entries = sorted(entries, key=_by_key)
    transaction.write_many(
        "INSERT INTO feed (xid, at_ms, received_ms, event_id, action, brand, active, group_xid)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (xid, at_ms, received_ms, event_id) DO NOTHING",
        [(*e.key, e.action, e.brand, int(e.active), e.group_xid) for e in entries],
    )
    taken.add(transaction, [(e.key, e.taken) for e in entries if e.taken])


def remove(transaction: Transaction, keys: Iterable[Key]) -> None:
    """Delete the entries of events that are gone."""
    keys = sorted(keys)
    transaction.write_many(
        "DELETE FROM feed WHERE xid = ? AND at_ms = ? AND received_ms = ? AND event_id = ?", keys
    )
    taken.remove(transaction, keys)


def of_keys(reader: Reader, keys: Sequence[Key]) -> list[Entry]:
    """Those of the entries that there are, with what was taken of them."""
    rows = read_among(
        reader,
        "SELECT xid, at_ms, received_ms, event_id, action, brand, active, group_xid FROM feed"
        " WHERE (xid, at_ms, received_ms, event_id) IN (VALUES :list)",
        [part for key in keys for part in key],
        width=4,
    )
    found = taken.of_keys(reader, keys)
    if not found:
        return [_entry(row) for row in rows]
    entries = map(_entry, rows)
    return [msgspec.structs.replace(one, taken=found.get(one.key, ())) for one in entries]


def page(reader: Reader, owners: Sequence[Xid] | None, ask: Ask) -> list[Entry]:
    """A page of the timeline of these owners together; None means of everybody.

    Cost: of each owner `offset + limit` entries are read, and those in between that the filters
    leave out; with `include` only those of its actions. Ordered by receipt, an owner's entries are
    all read; of everybody there is an index for both orders, of everybody in a group for that by
    time.
    """
    rows: list[Entry] = []
    wanted = sorted(set(ask.include) - set(ask.exclude))
    if (ask.include and not wanted) or (ask.brands is not None and not ask.brands):
        return []
    if owners is None:
        return [_entry(row) for row in _read(reader, None, None, wanted, ask)]
    for owner in dict.fromkeys(owners):
        for action in wanted or (None,):
            rows.extend(_entry(row) for row in _read(reader, owner, action, (), ask))
    rows.sort(key=lambda e: e.sort_key(by_receipt=ask.by_receipt), reverse=not ask.ascending)
    return rows[ask.offset : ask.offset + ask.limit]


def actions(reader: Reader, owners: Sequence[Xid]) -> dict[str, tuple[Entry, Entry]]:
    """The first and the last event of every action of these owners together, by action.

    Cost: some 15 µs for each action of each owner, however many events there are."""
    found: dict[str, tuple[Entry, Entry]] = {}
    for owner in dict.fromkeys(owners):
        for (action,) in reader.read(_ACTIONS, (owner,)):
            first, last = (_entry(reader.read(sql, (owner, action))[0]) for sql in (_FIRST, _LAST))
            if action in found:
                first = min(first, found[action][0], key=Entry.sort_key)
                last = max(last, found[action][1], key=Entry.sort_key)
            found[action] = (first, last)
    return found


def last_active(reader: Reader, owners: Sequence[Xid]) -> int | None:
    """When these owners were last active: the greatest time of their active events, none later than
    its receipt; None when they have none. Cost: some 10 µs an owner.

    Source: intilery contract, 8, lastActivityTime."""
    latest: int | None = None
    for owner in dict.fromkeys(owners):
        rows = reader.read(
            "SELECT at_ms, received_ms FROM feed WHERE xid = ? AND active = 1"
            " ORDER BY at_ms DESC LIMIT 1",
            (owner,),
        )
        if not rows:
            continue
        at_ms, received_ms = rows[0]
        if received_ms < at_ms:  # a clock that ran ahead; perhaps another one did less so
            received_ms = reader.read(
                "SELECT max(min(at_ms, received_ms)) FROM feed"
                " WHERE xid = ? AND active = 1 AND at_ms >= ?",
                (owner, received_ms),
            )[0][0]
        latest = max(min(at_ms, received_ms), latest if latest is not None else -(2**63))
    return latest


def activity_of(reader: Reader, owners: Sequence[Xid]) -> dict[Xid, int]:
    """When these identities, all of which are known, were last active (`last_active`); those
    without active events are left out. Cost: some 2 µs each, however many events there are."""
    rows = read_among(
        reader,
        "SELECT feed.xid, at_ms, received_ms FROM identities AS one JOIN feed ON feed.xid = one.xid"
        " AND (at_ms, received_ms, event_id) = (SELECT at_ms, received_ms, event_id FROM feed"
        " WHERE xid = one.xid AND active = 1"
        " ORDER BY at_ms DESC, received_ms DESC, event_id DESC LIMIT 1)"
        " WHERE one.xid IN (:list)",
        owners,
    )
    found: dict[Xid, int] = {}
    for xid, at_ms, received_ms in rows:
        # Of a clock that ran ahead the last event need not be the one that counts.
        active_ms = at_ms if at_ms <= received_ms else last_active(reader, [xid])
        if active_ms is not None:
            found[xid] = active_ms
    return found


def left(reader: Reader, owner: Xid) -> int:
    """How many entries of an owner, and values taken, are of events that it does not own: none, as
    long as all is well."""
    number: int = reader.read(
        "SELECT count(*) FROM feed WHERE xid = ? AND NOT EXISTS (SELECT 1 FROM events"
        " WHERE events.xid = feed.xid AND events.event_id = feed.event_id)",
        (owner,),
    )[0][0]
    return number + taken.left(reader, owner)


def forget(transaction: Transaction, owners: Iterable[Xid]) -> None:
    """Delete everything under identities that own nothing any more."""
    owners = sorted(owners)
    transaction.write_many("DELETE FROM feed WHERE xid = ?", [(xid,) for xid in owners])
    taken.forget(transaction, owners)


def count(reader: Reader) -> int:
    """How many entries there are. Cost: reads an index."""
    number: int = reader.read("SELECT count(*) FROM feed")[0][0]
    return number


_ACTIONS = (
    "WITH RECURSIVE found (action) AS (SELECT min(action) FROM feed WHERE xid = ?1"
    " UNION ALL SELECT (SELECT min(action) FROM feed WHERE xid = ?1 AND action > found.action)"
    " FROM found WHERE action IS NOT NULL) SELECT action FROM found WHERE action IS NOT NULL"
)
_FIRST = (
    "SELECT xid, at_ms, received_ms, event_id, action, brand, active, group_xid FROM feed"
    " INDEXED BY feed_by_action"
    " WHERE xid = ? AND action = ?"
    " ORDER BY at_ms, received_ms, event_id LIMIT 1"
)
_LAST = (
    "SELECT xid, at_ms, received_ms, event_id, action, brand, active, group_xid FROM feed"
    " INDEXED BY feed_by_action"
    " WHERE xid = ? AND action = ?"
    " ORDER BY at_ms DESC, received_ms DESC, event_id DESC LIMIT 1"
)


_SORTED = {
    (True, True): "ORDER BY received_ms, event_id, xid",
    (True, False): "ORDER BY received_ms DESC, event_id DESC, xid DESC",
    (False, True): "ORDER BY at_ms, received_ms, event_id, xid",
    (False, False): "ORDER BY at_ms DESC, received_ms DESC, event_id DESC, xid DESC",
}
_BEHIND = {
    (True, True): "AND (received_ms, event_id, xid) > (?, ?, ?)",
    (True, False): "AND (received_ms, event_id, xid) < (?, ?, ?)",
    (False, True): "AND (at_ms, received_ms, event_id, xid) > (?, ?, ?, ?)",
    (False, False): "AND (at_ms, received_ms, event_id, xid) < (?, ?, ?, ?)",
}
"""By (by receipt, ascending)."""


def _read(
    reader: Reader, owner: Xid | None, action: str | None, among: Sequence[str], ask: Ask
) -> list[Row]:
    """The rows of one owner (of everybody when None) and one action (of any when None; of those in
    `among` when it names some). Of an owner those before the page, too."""
    sql = ["SELECT xid, at_ms, received_ms, event_id, action, brand, active, group_xid FROM feed"]
    bound: list[Value] = []
    # A plus keeps a condition out of the choice of an index: the order decides that. But of one
    # action no order is worth reading all the others.
    if owner is not None and action is not None:
        sql.append("INDEXED BY feed_by_action")
    elif owner is None and ask.group_xid is not None:
        sql.append("INDEXED BY feed_by_group")
    sql.append("WHERE true")
    if owner is not None:
        sql.append("AND xid = ?")
        bound.append(owner)
    if action is not None:
        sql.append("AND action = ?")
        bound.append(action)
    if ask.group_xid is not None:
        sql.append("AND group_xid = ?" if owner is None else "AND +group_xid = ?")
        bound.append(ask.group_xid)
    if among:
        sql.append(f"AND +action IN ({_places(among)})")
        bound.extend(among)
    elif ask.exclude and action is None:
        sql.append(f"AND +action NOT IN ({_places(ask.exclude)})")
        bound.extend(ask.exclude)
    if ask.brands is not None:
        sql.append(f"AND brand IN ({_places(ask.brands)})")
        bound.extend(sorted(ask.brands))
    _bound_time(sql, bound, ask)
    sql.append(_SORTED[ask.by_receipt, ask.ascending])
    sql.append("LIMIT ? OFFSET ?")
    passed = 0 if owner is not None else ask.offset
    bound += [ask.offset + ask.limit - passed, passed]
    return reader.read(" ".join(sql), bound)


def _bound_time(sql: list[str], bound: list[Value], ask: Ask) -> None:
    """The window and the place in it. A bound that the place makes needless is left out, since an
    index is entered by one of them only."""
    at_ms, start_ms, end_ms = None, ask.start_ms, ask.end_ms
    if ask.after is not None:
        at_ms = int(ask.after[0])
        sql.append(_BEHIND[ask.by_receipt, ask.ascending])
        bound += ask.after
    if start_ms is not None and (at_ms is None or not ask.ascending or at_ms < start_ms):
        sql.append("AND received_ms >= ?" if ask.by_receipt else "AND at_ms >= ?")
        bound.append(start_ms)
    if end_ms is not None and (at_ms is None or ask.ascending or at_ms >= end_ms):
        sql.append("AND received_ms < ?" if ask.by_receipt else "AND at_ms < ?")
        bound.append(end_ms)


def _places(values: Collection[str]) -> str:
    return ",".join("?" * len(values))


def _entry(row: Row) -> Entry:
    xid, at_ms, received_ms, event_id, action, brand, active, group_xid = row
    return Entry(xid, at_ms, received_ms, event_id, action, brand, bool(active), group_xid)


def _by_key(entry: Entry) -> Key:
    return entry.key
