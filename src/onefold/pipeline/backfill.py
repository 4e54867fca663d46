"""Backfill: what accounts find and order by, for what a sandbox had before it was an account; what
computed traits take of events that came before they were defined; and the memory of calls, which
fades.

Small steps between the batches of the pipeline, each one transaction that also holds how far it has
come. New records are indexed as they come, whether the backfill is done or not, and whatever is
there already is written the same way again, so a step can be cut short anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from onefold.config import Settings
from onefold.domain.calls.computed import ComputedTrait
from onefold.domain.calls.marks import Mark, mark_of
from onefold.domain.identity import xid as xids
from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock
from onefold.pipeline.index import graph_names, ids_of, names_in
from onefold.store.engine import Engine, Transaction
from onefold.store.packing import Packing
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import (
    backfills,
    calls,
    customer_ids,
    events,
    feed,
    finders,
    fragments,
    identities,
    taken,
)
from onefold.store.tables.backfills import Filled
from onefold.store.tables.feed import Entry
from onefold.wire import decode_json, encode_json

STEP_ROWS = 500
TRIM_EVERY_MS = 60_000
"""How often the oldest calls are looked at when none of them was old."""
DAY_MS = 86_400_000
_END = 2**63 - 1


class Backfill:
    """The backfill of one sandbox."""

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        engine: Engine,
        definitions: Definitions,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._sandbox = sandbox
        self._engine = engine
        self._definitions = definitions
        self._clock = clock
        self._kept_ms = max(1, settings.call_ids_days) * DAY_MS
        self._packing: Packing | None = None
        self._done = ""
        self._trim_at_ms = 0

    def step(self) -> int:
        """Fill in the next rows, and forget calls that are old; answer how many rows were done.

        Costs a look at the snapshot where there is no account, or nothing to do. Raises Unavailable
        when the store cannot take it now: try again."""
        snapshot = self._definitions.snapshot(self._sandbox.id)
        if snapshot.account is None:
            return 0
        return self._filled(snapshot) + self._trimmed()

    def _filled(self, snapshot: Snapshot) -> int:
        assert snapshot.account is not None
        bases = backfills.bases(snapshot.account, snapshot.lookup_only)
        whole = " ".join(bases.values())
        if whole == self._done:
            return 0
        known = backfills.of(self._engine)
        for part, fill in _PARTS.items():
            at = known.get(part)
            if at is None or at.basis != bases[part]:
                at = Filled(bases[part])
            if at.done:
                continue
            self._packing = self._packing or Packing(self._engine)
            with self._engine.transaction() as transaction:
                number, cursor = fill(transaction, self._packing, snapshot, at.cursor)
                # What is done keeps no cursor: it may be somebody who is deleted later.
                to = (
                    Filled(at.basis, cursor) if number == STEP_ROWS else Filled(at.basis, done=True)
                )
                backfills.put(transaction, part, to)
            return max(1, number)
        self._done, self._packing = whole, None
        return 0

    def _trimmed(self) -> int:
        now_ms = self._clock.now_ms()
        if now_ms < self._trim_at_ms:
            return 0
        with self._engine.transaction() as transaction:
            number = calls.trim(transaction, now_ms - self._kept_ms, STEP_ROWS)
        if not number:
            self._trim_at_ms = now_ms + TRIM_EVERY_MS
        return number


def _feed(
    transaction: Transaction, packing: Packing, snapshot: Snapshot, cursor: str
) -> tuple[int, str]:
    """Events in the order in which they came, whoever owns them now. Which of them came in files is
    not known any more: all count as activity."""
    number, cursor, marked = _marked(transaction, packing, snapshot, cursor, ())
    feed.add(transaction, [_entry(key, mark) for key, mark in marked])
    return number, cursor


def _taken(
    transaction: Transaction, packing: Packing, snapshot: Snapshot, cursor: str
) -> tuple[int, str]:
    """The same events again for the computed traits that are new; the others need nothing."""
    account = snapshot.account
    assert account is not None
    whole = backfills.whole(transaction, account)
    new = [one for one in account.computed if one.id not in whole]
    number, cursor, marked = (
        _marked(transaction, packing, snapshot, cursor, new) if new else (0, "", [])
    )
    taken.add(transaction, [(key, mark.taken) for key, mark in marked])
    if number < STEP_ROWS:
        backfills.note_whole(transaction, account)
    return number, cursor


def _swept(
    transaction: Transaction, _: Packing, snapshot: Snapshot, cursor: str
) -> tuple[int, str]:
    """What was taken for traits that are no more."""
    assert snapshot.account is not None
    stay = {one.id for one in snapshot.account.computed}
    after = tuple(decode_json(cursor)) if cursor else None
    found = taken.sweep(transaction, stay, after, STEP_ROWS)
    return len(found), encode_json(found[-1]).decode() if found else ""


def _entry(key: feed.Key, mark: Mark) -> Entry:
    return Entry(*key, mark.action, mark.brand, mark.active, mark.group)


def _marked(
    transaction: Transaction,
    packing: Packing,
    snapshot: Snapshot,
    cursor: str,
    computed: Sequence[ComputedTrait],
) -> tuple[int, str, list[tuple[feed.Key, Mark]]]:
    """(how many events come next, the cursor behind them, each with its mark)."""
    found = events.numbered(transaction, first=int(cursor or 0) + 1, last=_END, limit=STEP_ROWS)
    stored = events.of_keys(transaction, packing, [row[:2] for row in found])
    account = snapshot.account
    assert account is not None
    marked = [
        (
            (one.xid, one.timestamp_ms, one.ingested_ms, one.event_id),
            mark_of(decode_json(one.body), account.brand, snapshot.namespaces, computed),
        )
        for one in stored.values()
    ]
    return len(found), str(found[-1][2]) if found else "", marked


def _finders(
    transaction: Transaction, packing: Packing, snapshot: Snapshot, cursor: str
) -> tuple[int, str]:
    """Fragments by row; those that are written meanwhile are indexed then."""
    found = fragments.bodies(transaction, packing, after=int(cursor or 0), limit=STEP_ROWS)
    business = snapshot.business_datasets()
    finders.put_all(
        transaction,
        {
            (owner, dataset): set() if dataset in business else names_in(snapshot, body)
            for _, owner, dataset, body in found
        },
    )
    return len(found), str(found[-1][0]) if found else ""


def _identities(
    transaction: Transaction, _: Packing, snapshot: Snapshot, cursor: str
) -> tuple[int, str]:
    """Of identities what they are known and found by."""
    found = [xid for xid, _ in identities.every(transaction, after=cursor, limit=STEP_ROWS)]
    customer_ids.add(transaction, ids_of(snapshot, found))
    finders.put_all(transaction, graph_names(snapshot, {xid: xids.decode(xid) for xid in found}))
    return len(found), found[-1] if found else ""


_PARTS: Mapping[str, Callable[[Transaction, Packing, Snapshot, str], tuple[int, str]]] = {
    backfills.CUSTOMER_IDS: _identities,
    backfills.FINDERS: _finders,
    backfills.FEED: _feed,
    # Behind the feed, beside whose rows these are.
    backfills.TAKEN: _taken,
    backfills.SWEPT: _swept,
}
