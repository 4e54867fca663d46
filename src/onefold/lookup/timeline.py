"""Timeline: the events of one person, of all identities, as one list in pages.

Events are never merged and never change owner; that they stand together follows from the graph at
the time of the question. Source: profile contract, 3.3.
"""

from __future__ import annotations

import msgspec

from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.project import Selector, selected
from onefold.domain.profile.property_filter import PropertyFilter
from onefold.errors import Malformed
from onefold.lookup.owner import Owner
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import events
from onefold.store.tables.events import SortKey, StoredEvent, Window
from onefold.wire import decode_json, encode_json

LIMIT_MAX = 1000
"""Events of one page, at most and by default. Source: profile contract, 3.1."""
FILTERED_STEP = 256
"""Events read at a time, at least, while a filter looks for those that fill a page."""


class TimelineQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are asked for, and how they are shown. start: the id of the first event of the
    page; at: its sort key, which wins over start."""

    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = LIMIT_MAX
    descending: bool = False
    start: str | None = None
    at: SortKey | None = None
    properties: tuple[PropertyFilter, ...] = ()
    selector: Selector | None = None


class EventItem(msgspec.Struct, frozen=True):
    """One event of a page; `entity` is JSON, cut down as asked."""

    event: StoredEvent
    entity: msgspec.Raw


class Page(msgspec.Struct, frozen=True):
    """One page, and the sort key of the first event of the next one (None: there is none)."""

    items: list[EventItem]
    next: SortKey | None


def page(
    reader: Reader,
    packing: Packing,
    snapshot: Snapshot,
    person: Owner,
    policy: MergePolicy,
    query: TimelineQuery,
) -> Page:
    """One page of the person's timeline; empty for a person without events.

    Raises Malformed PRO-1002 when `start` is no event of the person. Cost: one short index scan for
    each identity; filters read on until the page is full.
    """
    owners = [member.xid for member in person.members]
    at = query.at
    if at is None and query.start:
        at = events.find(reader, owners, query.start)
        if at is None:
            raise Malformed("PRO-1002", "start is not an event of this person", at="start")
    items: list[EventItem] = []
    filtering = _filtering(policy, query)
    step = max(query.limit, FILTERED_STEP) if filtering else query.limit
    while True:
        window = Window(query.start_ms, query.end_ms, at, query.descending)
        found = events.timeline(reader, packing, owners, window, limit=step + 1)
        for event in found[:step]:
            item = _item(event, snapshot, policy, query)
            if item is None:
                continue
            if len(items) == query.limit:
                return Page(items, event.sort_key)
            items.append(item)
        if len(found) <= step:
            return Page(items, None)
        at = found[step].sort_key
        if len(items) == query.limit and not filtering:
            return Page(items, at)


def _filtering(policy: MergePolicy, query: TimelineQuery) -> bool:
    return bool(query.properties) or policy.attribute_merge != "timestampOrdered"


def _item(
    event: StoredEvent, snapshot: Snapshot, policy: MergePolicy, query: TimelineQuery
) -> EventItem | None:
    """The event as it is shown; None when the policy or a filter leaves it out."""
    if not policy.admits_event(event.dataset, snapshot.event_datasets):
        return None
    if not query.properties and query.selector is None:
        return EventItem(event, msgspec.Raw(event.body))
    entity = decode_json(event.body)
    if not all(wanted.matches(entity) for wanted in query.properties):
        return None
    return EventItem(event, msgspec.Raw(encode_json(selected(entity, query.selector))))
