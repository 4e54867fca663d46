"""Origins: which record made a customer known, and how it came.

Source: Intilery contract, 8 (D52).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import Fragment
from onefold.domain.sandbox import SandboxId
from onefold.journal import Bell, Journal
from onefold.lookup.feeds import OTHER_DOOR, Item
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.tables import batch_files, events, feed, sightings, superseded
from onefold.store.tables.events import StoredEvent
from onefold.store.tables.feed import Ask
from onefold.wire import decode_json

Kind = Literal["audience-csv", "api", "tag", "mobile", "import"]

FILE = "FILE"
"""The source of events that came out of files. Source: Intilery contract, 7.1 (D40)."""

_BY_DOOR: dict[str, Kind] = {"tag": "tag", "mobile": "mobile", "import": "import"}
"""The doors of calls that have a kind of their own; what came by another one came by an API."""

_TOGETHER_MAX = 50
"""Events that were received at the same time and are looked at, to find the first of them."""


class Origin(msgspec.Struct, frozen=True):
    """How a customer came. at_ms: when. filename: of a file, when its batch had only one."""

    kind: Kind
    at_ms: int
    filename: str | None = None


class Record(msgspec.Struct, frozen=True):
    """A record that told of a customer. number: in the journal. dataset: of the record. message_id:
    of a call; the id of any other event; None of what is no event."""

    number: int
    dataset: str
    received_ms: int
    message_id: str | None
    kind: Kind


def first_record(
    reader: Reader, packing: Packing, seen_ms: Mapping[Xid, int], parts: Sequence[Fragment]
) -> Record | None:
    """The first record, of those that are kept, that told of somebody; None when there is none.

    seen_ms: when each of the identities was first seen. parts: their fragments. Cost: reads the
    feed of those that were seen first, and some rows by key.
    """
    first_ms = min(seen_ms.values(), default=0)
    xids = [xid for xid, ms in seen_ms.items() if ms == first_ms]
    found: list[tuple[int, str, int]] = []
    seen = sightings.earliest(reader, xids)
    if seen is not None:
        found.append((seen.seq, seen.source, seen.received_ms))
    entries = feed.page(reader, xids, Ask(by_receipt=True, ascending=True, limit=_TOGETHER_MAX))
    for entry in entries:
        if entry.received_ms == entries[0].received_ms:
            numbered = events.having(reader, [entry.xid], entry.event_id)
            found += [(number, of, entry.received_ms) for number, _, _, of in numbered]
    for part in parts:
        if part.xid in xids:
            records = superseded.outline(reader, (part.xid, part.dataset))
            found += [(one.seq, part.dataset, one.ingested_ms) for one in records[:1]]
    return _record(reader, packing, *min(found)) if found else None


def last_record(
    reader: Reader, packing: Packing, owners: Sequence[Xid], parts: Sequence[Fragment]
) -> Record | None:
    """The last record that told of the customer of these identities and fragments; None when there
    is neither an event nor a fragment. Cost: reads the feed of the identities."""
    newest = max(parts, key=_by_number, default=None)
    entries = feed.page(reader, owners, Ask(by_receipt=True, limit=1))
    events_too = entries and (newest is None or entries[0].received_ms >= newest.ingested_ms)
    if events_too:
        key = (entries[0].xid, entries[0].event_id)
        for event in events.of_keys(reader, packing, [key]).values():
            return _of_event(event, newest.seq if newest is not None else 0)
    if newest is None:
        return None
    return _record(reader, packing, newest.seq, newest.dataset, newest.ingested_ms)


class Origins:
    """Asks stores and journals. Safe to share between threads."""

    def __init__(self, places: Places, bell: Bell) -> None:
        self._places = places
        self._bell = bell

    def origin(
        self,
        reader: Reader,
        packing: Packing,
        sandbox: SandboxId,
        seen_ms: Mapping[Xid, int],
        parts: Sequence[Fragment],
    ) -> Origin:
        """How a customer came. reader: of the sandbox's profile store. seen_ms, parts, cost: as of
        `first_record`; at least one identity."""
        at_ms = min(seen_ms.values())
        first = first_record(reader, packing, seen_ms, parts)
        if first is None:
            return Origin("api", at_ms)
        batch = self._journal(sandbox).batch_of(first.number)
        if not batch:
            return Origin(first.kind, at_ms)
        files = batch_files.listed(self._places.work(sandbox), batch)
        name = files[0].path if len(files) == 1 else None
        return Origin("audience-csv", at_ms, name)

    def sourced(self, sandbox: SandboxId, items: Sequence[Item]) -> list[Item]:
        """The events, those that came out of files with the source FILE. Cost: one read by key for
        each that is no call."""
        if all(one.source != OTHER_DOOR for one in items):
            return [*items]
        journal = self._journal(sandbox)
        return [
            replace(one, source=FILE)
            if one.source == OTHER_DOOR and journal.batch_of(one.number)
            else one
            for one in items
        ]

    def _journal(self, sandbox: SandboxId) -> Journal:
        return Journal(self._places.journal(sandbox), self._bell)


def _record(
    reader: Reader, packing: Packing, number: int, dataset: str, received_ms: int
) -> Record:
    for _, owner, event_id, _ in events.of_numbers(reader, [number]):
        for event in events.of_keys(reader, packing, [(owner, event_id)]).values():
            return _of_event(event, number)
    return Record(number, dataset, received_ms, None, "api")


def _of_event(event: StoredEvent, number: int) -> Record:
    own = decode_json(event.body).get("_onefold")
    own = own if isinstance(own, dict) else {}
    message, door = own.get("call"), own.get("door")
    said = message.get("messageId") if isinstance(message, dict) else None
    message_id = said if isinstance(said, str) else event.event_id
    kind = _BY_DOOR.get(door, "api") if isinstance(door, str) else "api"
    return Record(number, event.dataset, event.ingested_ms, message_id, kind)


def _by_number(fragment: Fragment) -> int:
    return fragment.seq
