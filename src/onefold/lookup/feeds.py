"""Feeds: the events of some customers, or of all of an account, as one timeline in pages.

What is asked for is found and ordered in the feed, a table of small rows; the events themselves are
read by key, and only those that are answered. A page says where the next one begins by the sort key
of its last event, so that an event that comes late takes its place and none is told twice.
Source: Intilery contract, 7.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from onefold.domain.calls.ids import record_event_id
from onefold.domain.calls.marks import message_in
from onefold.domain.calls.names import PAGES, action_of_name, shown_name
from onefold.domain.calls.namespaces import ANONYMOUS, USER
from onefold.domain.calls.properties import value_at
from onefold.domain.identity.identity import Xid
from onefold.domain.sandbox import SandboxId
from onefold.lookup import customers
from onefold.lookup.customers import Customer
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import events, feed, identities, suppressions
from onefold.store.tables.events import StoredEvent
from onefold.store.tables.feed import Ask, Entry
from onefold.wire import JSON, decode_json, iso_millis

LOOKED_MAX = 20_000
"""Events that one page passes over when it is asked for some by their properties."""
STEP = 256
"""Events looked at together, at least, while some are left out."""

OTHER_DOOR = "ADOBE_API"
"""The source of events that did not come as calls; which of them came out of files, the journal
knows (origins.py). Source: Intilery contract, 7.1 (D40)."""

_NOT_PROPERTIES = frozenset(("_id", "timestamp", "eventType", "identityMap"))


class Question(msgspec.Struct, frozen=True, array_like=True):
    """Which events are asked for, and where a page begins.

    start_ms inclusive, end_ms exclusive; of the receipt when by_receipt. include, exclude: actions.
    properties: (dotted path, text), all of which must be so. offset: events to pass over. after:
    the sort key that the page comes behind. group_xid: only events that are tied to this group.
    by_name: page and screen calls are meant by the names that they have, not by their actions.
    """

    start_ms: int | None = None
    end_ms: int | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    ascending: bool = False
    by_receipt: bool = False
    size: int = 100
    offset: int = 0
    after: tuple[int | str, ...] | None = None
    group_xid: Xid | None = None
    by_name: bool = False

    @property
    def looks_at_pages(self) -> bool:
        """Whether page and screen calls have to be read to know which of them are asked for."""
        return self.by_name and bool(self.include or self.exclude)

    def sort_key(self, entry: Entry) -> tuple[int | str, ...]:
        """Where an event stands in the timeline that is asked for."""
        return entry.sort_key(by_receipt=self.by_receipt)


class Item(msgspec.Struct, frozen=True):
    """One event of a page. number, dataset: of its record. email: of the customer, now; None when
    it was not asked for. event_id: as it is shown, unique in the account. user_id: as its message
    says it. raw: the message."""

    entry: Entry
    number: int
    dataset: str
    customer: Customer
    email: JSON
    event_id: str
    source: str
    user_id: str | None
    raw: msgspec.Raw | dict[str, JSON]

    @property
    def message(self) -> dict[str, JSON]:
        """`raw`, taken apart."""
        return decode_json(self.raw) if isinstance(self.raw, msgspec.Raw) else self.raw


class Page(msgspec.Struct, frozen=True):
    """Some events. following: the question for what comes behind them. cut: there may be more,
    though the page is not full."""

    items: list[Item]
    following: Question
    cut: bool = False


def page(
    reader: Reader,
    packing: Packing,
    snapshot: Snapshot,
    people: Sequence[Customer] | None,
    question: Question,
    *,
    brands: Collection[str] | None,
    emails: bool = True,
) -> Page:
    """A page of the timeline of some customers; None means all that there are. brands: nothing else
    is told; None means all. emails: whether the page tells those of the customers.

    Suppressed customers are left out. Cost: of each identity `offset + size` rows of the feed, and
    a read by key and, with emails, a merge for each customer that is told of; with properties every
    event that is looked at is read, and every page and screen call when some are asked for by name.
    """
    owners = None
    whose = _Whose(reader, packing, snapshot, people, emails=emails)
    if people is not None:
        owners = [xid for one in people for xid in one.owners]
    feed_tells = not question.properties and not question.looks_at_pages
    if feed_tells and (people is not None or not suppressions.any(reader)):
        found = feed.page(reader, owners, _ask(question, brands, question.size))
        items = _items(reader, packing, whose, found)
        if len(items) == len(found):
            return Page(items, _behind(question, found[-1] if found else None))
    return _searched(reader, packing, whose, owners, question, brands)


def raw_data(entity: dict[str, Any], entry: Entry) -> dict[str, JSON]:
    """The message of an event: as it was sent, or what a call would have to say to become it.

    Source: Intilery contract, 7.2; the form of events of other doors is ours."""
    sent = message_in(entity)
    if sent is not None:
        return sent
    made: dict[str, JSON] = {}
    named = entity.get("identityMap")
    for code in (USER, ANONYMOUS):
        value = _first_id(named.get(code)) if isinstance(named, dict) else None
        if value is not None:
            made[code] = value
    return made | {
        "action": "track",
        "event": entity.get("eventType") or "event",
        "properties": {k: v for k, v in entity.items() if k not in _NOT_PROPERTIES},
        "timestamp": iso_millis(entry.at_ms),
        "messageId": entity.get("_id", entry.event_id),
    }


def event_id_of(entity: dict[str, Any], event: StoredEvent, sandbox: SandboxId) -> str:
    """The id under which an event is shown: of a call that which its sender was told, else one of
    ours, since those of other doors are unique among the events of one identity only. entity: the
    event's body. Source: Intilery contract, 7.1 and 7.5."""
    if message_in(entity) is not None:
        return event.event_id
    return record_event_id(sandbox, event.seq)


def item_of(
    reader: Reader, packing: Packing, snapshot: Snapshot, xid: Xid, event_id: str
) -> Item | None:
    """One event by its key; None when it is gone or its customer is not to be told of."""
    event = events.of_keys(reader, packing, [(xid, event_id)]).get((xid, event_id))
    if event is None:
        return None
    key = (xid, event.timestamp_ms, event.ingested_ms, event_id)
    found = feed.of_keys(reader, [key])
    items = _items(reader, packing, _Whose(reader, packing, snapshot, None), found)
    return items[0] if items else None


def _searched(
    reader: Reader,
    packing: Packing,
    whose: _Whose,
    owners: list[Xid] | None,
    question: Question,
    brands: Collection[str] | None,
) -> Page:
    """A page when some events are left out that the feed cannot tell."""
    items: list[Item] = []
    looked, passing, at = 0, question.offset, question
    step = max(question.size, STEP)
    while looked < LOOKED_MAX:
        found = feed.page(reader, owners, _ask(at, brands, step, offset=0))
        looked += len(found)
        kept = whose.told(found)
        if question.looks_at_pages:
            kept = _by_names(reader, packing, kept, question)
        if question.properties:
            kept = _having(reader, packing, kept, question.properties)
        passed, passing = kept[:passing], max(passing - len(kept), 0)
        chosen = kept[len(passed) :][: question.size - len(items)]
        items += _items(reader, packing, whose, chosen)
        if len(items) == question.size:
            return Page(items, _behind(question, chosen[-1]))
        if len(found) < step:
            last = found[-1] if found else None
            return Page(items, at if passing else _behind(at, last), cut=False)
        at = _behind(question, found[-1], offset=passing)
    return Page(items, at, cut=True)


def _ask(
    question: Question, brands: Collection[str] | None, limit: int, *, offset: int | None = None
) -> Ask:
    include, exclude = question.include, question.exclude
    if question.looks_at_pages:
        include = (*include, *PAGES) if include else ()
        exclude = tuple(one for one in exclude if one not in PAGES)
    return Ask(
        start_ms=question.start_ms,
        end_ms=question.end_ms,
        include=include,
        exclude=exclude,
        brands=brands,
        ascending=question.ascending,
        by_receipt=question.by_receipt,
        group_xid=question.group_xid,
        after=question.after,
        offset=question.offset if offset is None else offset,
        limit=limit,
    )


def _behind(question: Question, last: Entry | None, *, offset: int = 0) -> Question:
    """The question for what comes behind an event; the same one when there was none."""
    if last is None:
        return question
    return msgspec.structs.replace(question, offset=offset, after=question.sort_key(last))


def _by_names(
    reader: Reader, packing: Packing, found: Sequence[Entry], question: Question
) -> list[Entry]:
    """Those of the events that are asked for by the names that they are shown by. Of all but page
    and screen calls the feed has told."""
    keys = [(one.xid, one.event_id) for one in found if one.action in PAGES]
    stored = events.of_keys(reader, packing, keys) if keys else {}
    kept = []
    for one in found:
        event = stored.get((one.xid, one.event_id))
        if event is not None:
            message = raw_data(decode_json(event.body), one)
            name = action_of_name(shown_name(message, one.action))
            if name in question.exclude or (question.include and name not in question.include):
                continue
        kept.append(one)
    return kept


def _having(
    reader: Reader,
    packing: Packing,
    found: Sequence[Entry],
    properties: Sequence[tuple[str, str]],
) -> list[Entry]:
    """Those of the events whose properties are so."""
    stored = events.of_keys(reader, packing, [(one.xid, one.event_id) for one in found])
    kept = []
    for one in found:
        event = stored.get((one.xid, one.event_id))
        if event is None:
            continue
        said = raw_data(decode_json(event.body), one).get("properties")
        if all(text in _texts(said, name) for name, text in properties):
            kept.append(one)
    return kept


def _texts(properties: JSON, name: str) -> Iterable[str]:
    """What a property says, as text: a name that may hold dots, or a path. Of a list, each element.
    Source: Intilery contract, 7.5 (D48)."""
    value = value_at(properties, name, default=[])
    return [_text(one) for one in (value if isinstance(value, list) else [value])]


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class _Told(NamedTuple):
    customer: Customer
    email: JSON


class _Whose:
    """Whose events are told of: the customers of identities, each looked up once."""

    def __init__(
        self,
        reader: Reader,
        packing: Packing,
        snapshot: Snapshot,
        people: Sequence[Customer] | None,
        *,
        emails: bool = True,
    ) -> None:
        """people: all that there are to be told of; None when they have to be looked up."""
        self._sight = (reader, packing, snapshot)
        self._emails = emails
        self._looks_up = people is None
        self._of: dict[Xid, Customer | None] = {
            xid: one for one in people or () for xid in one.owners
        }
        self._told: dict[Xid, _Told] = {}

    @property
    def sandbox(self) -> SandboxId:
        """Where they are."""
        return self._sight[2].sandbox.id

    def told(self, found: Iterable[Entry]) -> list[Entry]:
        """Those of the events whose customers are told of."""
        every = list(found)
        self._look_up({one.xid for one in every} - self._of.keys())
        return [one for one in every if self._of.get(one.xid) is not None]

    def of(self, xid: Xid) -> _Told:
        """The customer of an identity that is told of."""
        customer = self._of[xid]
        assert customer is not None
        told = self._told.get(customer.cluster)
        if told is None:
            told = self._told[customer.cluster] = _Told(customer, self._email(customer))
        return told

    def _email(self, customer: Customer) -> JSON:
        if not self._emails:
            return None
        known = customers.known(*self._sight, customer, computed=False)
        return customers.shown(customer, known).get("email")

    def _look_up(self, xids: Collection[Xid]) -> None:
        if not self._looks_up or not xids:
            return
        reader, _, snapshot = self._sight
        cluster_of = identities.clusters_of(reader, sorted(xids))
        found = customers.customers_of(reader, snapshot, sorted(set(cluster_of.values())))
        customer_in = {one.cluster: one for one in found}
        for xid in xids:
            self._of[xid] = customer_in.get(cluster_of.get(xid, xid))


def _items(reader: Reader, packing: Packing, whose: _Whose, found: Sequence[Entry]) -> list[Item]:
    """The events whose customers are told of, as far as they are still there."""
    kept = whose.told(found)
    stored = events.of_keys(reader, packing, [(one.xid, one.event_id) for one in kept])
    items = []
    for one in kept:
        event = stored.get((one.xid, one.event_id))
        if event is not None:
            customer, email = whose.of(one.xid)
            said = _said(event, one, whose.sandbox)
            items.append(Item(one, event.seq, event.dataset, customer, email, *said))
    return items


class _Call(msgspec.Struct):
    call: msgspec.Raw
    source: str


class _Called(msgspec.Struct):
    own: _Call = msgspec.field(name="_onefold")


class _Named(msgspec.Struct):
    user_id: str | None = msgspec.field(name="userId", default=None)


_decode_called = msgspec.json.Decoder(_Called).decode
_decode_named = msgspec.json.Decoder(_Named).decode


def _said(
    event: StoredEvent, entry: Entry, sandbox: SandboxId
) -> tuple[str, str, str | None, msgspec.Raw | dict[str, JSON]]:
    """(id, source, userId of the message, the message) of an event. That of a call is handed on as
    it is stored, without being taken apart."""
    try:
        own = _decode_called(event.body).own
        return event.event_id, own.source, _decode_named(own.call).user_id, own.call
    except msgspec.ValidationError:
        entity = decode_json(event.body)
        raw = raw_data(entity, entry)
        user_id = raw.get("userId")
        user_id = user_id if isinstance(user_id, str) else None
        return event_id_of(entity, event, sandbox), OTHER_DOOR, user_id, raw


def _first_id(entries: JSON) -> str | None:
    if isinstance(entries, list) and entries and isinstance(entries[0], dict):
        value = entries[0].get("id")
        return value if isinstance(value, str) else None
    return None
