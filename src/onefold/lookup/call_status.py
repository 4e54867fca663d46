"""Status of a call: what became of it, by the event id that its sender was told.

A call is applied, failed, or still on its way between the journal and the profiles. What is known
of it is forgotten after some days; then nobody can say any more that there was such a call.
Source: Intilery contract, 10.1 (D32).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from onefold.domain.calls import call as calls_of
from onefold.domain.calls.call import INLET, WORDS
from onefold.domain.failed_record import FailedRecord
from onefold.domain.sandbox import SandboxId
from onefold.errors import CODES, Malformed, Unavailable
from onefold.journal import Accepted, Bell, Journal
from onefold.lookup import feeds
from onefold.lookup.feeds import Item
from onefold.lookup.profiles import Sight
from onefold.store.engine import Reader
from onefold.store.places import Places
from onefold.store.tables import calls, events, failed_records
from onefold.store.tables.calls import Seen
from onefold.store.tables.progress import progress

RECORDS_OF_CALL = 3
"""Records of one call in the journal, at most; they stand together."""
LOOKED_MAX = 100_000
"""Records that are waiting to be applied, which one question looks through."""
_STEP = 2_000
_SUPPRESSED = "CAL-1014"


class Status(msgspec.Struct, frozen=True):
    """What became of a call. code, message: why it failed, in the dialect's words. item: its event,
    if there is one to be told of."""

    event_id: str
    state: Literal["applied", "pending", "failed"]
    received_ms: int
    code: str = ""
    message: str = ""
    item: Item | None = None


class CallStatuses:
    """Asks stores and journals. Safe to share between threads."""

    def __init__(self, places: Places, bell: Bell) -> None:
        self._places = places
        self._bell = bell

    def status(
        self, sight: Sight, event_id: str, *, brands: Collection[str] | None
    ) -> Status | None:
        """What became of a call; None when no call of these brands is known to have this id.
        brands: None means all.

        Raises Unavailable API-9002 when too many records wait to be applied to look through them.
        Cost: some reads by key; of a call that was not applied yet, those that wait are read.
        """
        reader, _, snapshot = sight
        seen = calls.of(reader, [event_id]).get(event_id)
        if seen is None:
            waiting = self._waiting(reader, snapshot.sandbox.id, event_id)
            if waiting is None or not _is_of(waiting.message, brands):
                return None
            return Status(event_id, "pending", waiting.received_ms)
        if seen.state == "applied":
            item = _item(sight, seen)
            if item is not None and brands is not None and item.entry.brand not in brands:
                return None
            return Status(event_id, "applied", seen.received_ms, item=item)
        failed = _failed(sight, seen)
        if failed is not None and failed.message and not _is_of(failed.message, brands):
            return None
        code = failed.fault.code if failed is not None else _SUPPRESSED
        detail = failed.fault.detail if failed is not None else ""
        return Status(
            event_id,
            "failed",
            seen.received_ms,
            WORDS.get(code, code),
            detail or CODES[code].meaning,
        )

    def _waiting(self, reader: Reader, sandbox: SandboxId, event_id: str) -> Accepted | None:
        """The first record of a call among those that are not applied yet."""
        journal = Journal(self._places.journal(sandbox), self._bell)
        position = progress(reader).position
        looked = 0
        while chunks := journal.read(position, records_max=_STEP):
            for chunk in chunks:
                for record in chunk.records:
                    if record.trace == event_id and record.inlet == INLET:
                        return record
                looked += len(chunk.records)
            if looked >= LOOKED_MAX:
                raise Unavailable("API-9002", "Too many calls wait; what becomes of them is open")
            position = chunks[-1].position
        return None


def _item(sight: Sight, seen: Seen) -> Item | None:
    for _, xid, event_id, _ in events.of_numbers(sight.reader, _numbers(seen)):
        if event_id == seen.event_id:
            return feeds.item_of(*sight, xid, event_id)
    return None


def _failed(sight: Sight, seen: Seen) -> FailedRecord | None:
    """The first of the call's records that failed."""
    found = failed_records.named(sight.reader, sight.packing, _numbers(seen))
    for number in sorted(found):
        if found[number].trace == seen.event_id:
            return found[number]
    return None


def _numbers(seen: Seen) -> list[int]:
    return list(range(seen.seq, seen.seq + RECORDS_OF_CALL))


def _is_of(message: bytes, brands: Collection[str] | None) -> bool:
    """Whether a call came through one of the brands."""
    if brands is None:
        return True
    try:
        return calls_of.decode(message).brand in brands
    except Malformed:
        return False
