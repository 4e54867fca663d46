"""`…/v1/profiles/{key}/events` and `…/v1/events`: the events of a customer, or of a whole account,
and what became of a single call.

Every page has a cursor that says what was asked and where the page ended; whoever sends it back
gets what comes behind, without repeating the question. Source: Intilery contract, 7 and 10.1.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal
from uuid import UUID

import msgspec

from onefold.api.context import Holder, Request, Response, Rooms, json_response
from onefold.api.cursor import dead
from onefold.api.declared import (
    DOCUMENT,
    TEXT,
    TRUTH,
    Answer,
    array,
    choice,
    path,
    query,
    record,
    whole,
)
from onefold.api.dialect import ANSWERED, PROFILE_KEY, TENANT
from onefold.api.intilery.asked import Query
from onefold.api.intilery.profiles import KEY, PROFILE_NOT_FOUND, is_of_one, key_first, key_of
from onefold.api.route import Route
from onefold.domain.calls.finding import email_key
from onefold.domain.calls.names import action_of_name
from onefold.errors import Malformed, NotFound
from onefold.lookup import customers, feeds
from onefold.lookup.call_status import Status
from onefold.lookup.customers import Key
from onefold.lookup.feeds import Item, Question
from onefold.wire import JSON, iso_millis

SIZE_MAX = 100
"""Events of a page, at most and by default. Source: Intilery contract, 7.4 (D47)."""
DEPTH_MAX = 10_000
"""How far `from` reaches. Source: Intilery contract, 7.6 (D38)."""
PROPERTIES = "properties."
"""What names of parameters begin with that ask for properties."""

_EVERYBODY = "everybody"


def get_profile_events(request: Request, rooms: Rooms) -> Response:
    """The events of a customer; by e-mail those of everybody who has the address."""
    return _answer(request, rooms, key_of(request, rooms.settings))


def get_events(request: Request, rooms: Rooms) -> Response:
    """The events of all customers of the account."""
    return _answer(request, rooms, None)


def get_event(request: Request, rooms: Rooms) -> Response:
    """What became of a call, by the event id that its sender was told; and its event, if it became
    one."""
    holder = request.held()
    event_id = _event_id(request.path_parameters["eventId"])
    with rooms.profiles.sight(holder.sandbox.id, holder.generation) as sight:
        status = rooms.call_statuses.status(sight, event_id, brands=holder.brands)
        if status is None:
            raise NotFound("CUS-1002", "No call is known that has this id", at="eventId")
        return json_response(200, _told(holder, status))


class Shown(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """One event as timelines show it. Source: Intilery contract, 7.1."""

    id: str
    event_id: str
    event_time: str
    received_time: str
    event_action: str
    client_id: str
    account_id: str
    brand_id: str
    customer_id: str
    user_id: str
    source: str
    raw_data: msgspec.Raw | dict[str, JSON]
    external_id: str | None = None
    email: JSON = None


def shown(holder: Holder, found: Item) -> Shown:
    """An event as it is shown to who may read it."""
    customer, entry = found.customer, found.entry
    at = iso_millis(entry.at_ms)
    return Shown(
        customer.id,
        found.event_id,
        at,
        at if entry.received_ms == entry.at_ms else iso_millis(entry.received_ms),
        entry.action,
        holder.client,
        holder.account,
        entry.brand,
        customer.id,
        user_id(found),
        found.source,
        found.raw,
        customer.external_id,
        found.email,
    )


def user_id(found: Item) -> str:
    """The userId of an event: that of its message, else the customer's id. Source: Intilery
    contract, 7.1 (D39)."""
    return found.customer.id if found.user_id is None else found.user_id


def question(asked: Query) -> Question:
    """What the parameters ask for. Raises Malformed ASK-1001. Source: Intilery contract, 7.4."""
    size = asked.whole("size", "limit", default=SIZE_MAX, least=1, most=SIZE_MAX)
    offset = asked.whole("from", default=0, least=0)
    if offset + size > DEPTH_MAX:
        raise Malformed(
            "ASK-1001",
            f"from and size reach {DEPTH_MAX} results at most: narrow them with start and end, or"
            " go on with the scrollId",
            at="from",
        )
    return Question(
        start_ms=asked.moment_ms("start"),
        end_ms=asked.moment_ms("end"),
        include=_actions(asked, "include"),
        exclude=_actions(asked, "exclude"),
        properties=tuple(asked.under(PROPERTIES)),
        ascending=asked.choice("sort", ("asc", "desc"), default="desc") == "asc",
        by_receipt=asked.choice("orderBy", ("event", "received"), default="event") == "received",
        size=size,
        offset=offset,
    )


_LONG = ("from=", "orderBy=", PROPERTIES)


def _is_short(request: Request) -> bool:
    """Whether a page costs no more than the events that are on it, and a merge: then handing it
    over to a thread costs as much as half of it. Decides only where the answer is made."""
    return is_of_one(request) and not any(word in request.raw_query for word in _LONG)


def _actions(asked: Query, name: str) -> tuple[str, ...]:
    """Actions as asked for, by slug or by name. Source: Intilery contract, 7.4 (D43)."""
    return tuple(sorted({action_of_name(one) for one in asked.names(name)}))


def _answer(request: Request, rooms: Rooms, key: Key | None) -> Response:
    holder = request.held()
    sandbox = holder.sandbox.id
    asked = Query(request.raw_query)
    bound = _bound(holder, key)
    cursor = asked.text("scrollId", any_case=True)
    now = question(asked) if cursor is None else _read(rooms.cursors.read(cursor, bound))
    with rooms.profiles.sight(sandbox, holder.generation) as sight:
        people = None
        if key is not None:
            people = customers.found(*sight, key)
            if not people:
                raise NotFound("CUS-1001", PROFILE_NOT_FOUND)
        page = feeds.page(*sight, people, now, brands=holder.brands)
    answer: dict[str, JSON] = {
        "scrollId": rooms.cursors.made(msgspec.to_builtins(page.following), bound),
        "data": [shown(holder, one) for one in rooms.origins.sourced(sandbox, page.items)],
    }
    if page.cut:
        answer["truncated"] = True
    return json_response(200, answer)


def _bound(holder: Holder, key: Key | None) -> list[str]:
    """What a cursor is good for: one tenant, one timeline, and keys that may see the same."""
    brands = ["*"] if holder.brands is None else sorted(holder.brands)
    whose = _EVERYBODY if key is None else _digest(key)
    return ["events", holder.sandbox.id, whose, *brands]


def _digest(key: Key) -> str:
    value = email_key(key.value) if key.kind == "email" else key.value
    return blake2b(f"{key.kind}:{value}".encode(), digest_size=16).hexdigest()


def _read(state: JSON) -> Question:
    try:
        return msgspec.convert(state, Question)
    except msgspec.ValidationError as bad:  # of a version that asked in other words
        raise dead() from bad


def _event_id(text: str) -> str:
    """Raises NotFound CUS-1002 for what can be nobody's."""
    try:
        return str(UUID(text))
    except ValueError as bad:
        raise NotFound("CUS-1002", "No call is known that has this id", at="eventId") from bad


def _told(holder: Holder, status: Status) -> dict[str, JSON]:
    told: dict[str, JSON] = {
        "eventId": status.event_id,
        "status": status.state,
        "receivedTime": iso_millis(status.received_ms),
    }
    if status.state == "failed":
        told |= {"code": status.code, "message": status.message}
    if status.item is not None:
        told["event"] = shown(holder, status.item)
    return told


PARAMETERS = (
    query("include", "Actions, with commas between: only these. By slug or by name."),
    query("exclude", "Actions, with commas between: without these, whatever `include` says."),
    query("start", "ISO 8601: events at or after it."),
    query("end", "ISO 8601: events before it."),
    query("sort", "`asc` or `desc`, by time.", choice("asc", "desc")),
    query("from", "Events to pass over; with `size` 10,000 at most.", whole(0, DEPTH_MAX, 0)),
    query("size", "Events of a page.", whole(1, SIZE_MAX, SIZE_MAX)),
    query("limit", "The same as `size`, which wins.", whole(1, SIZE_MAX)),
    query(
        "orderBy",
        "`received`: start, end and sort are of the receipt.",
        choice("event", "received"),
    ),
    query("properties.NAME", "Only events whose property, by a dotted path, says this text."),
    query("scrollId", "Of the page before; other parameters are passed over then."),
)
_ITEM = record(
    id=TEXT,
    eventId=TEXT,
    eventTime=TEXT,
    receivedTime=TEXT,
    eventAction=TEXT,
    clientId=TEXT,
    accountId=TEXT,
    brandId=TEXT,
    customerId=TEXT,
    userId=TEXT,
    source=TEXT,
    rawData=DOCUMENT,
)
_PAGE = record(scrollId=TEXT, data=array(_ITEM))
_PAGE["properties"]["truncated"] = TRUTH
_STATUS = record(eventId=TEXT, status=choice("applied", "pending", "failed"), receivedTime=TEXT)
_BASE = "/track/{client}/{account}/{brand}/v1"
_GATE: Literal["key-read"] = "key-read"

ROUTES = (
    Route(
        *("GET", f"{_BASE}/profiles/{PROFILE_KEY}/events", get_profile_events),
        gate=_GATE,
        family="intilery",
        inline=_is_short,
        reads=True,
        path_first=key_first,
        parameters=(*TENANT, KEY, *PARAMETERS),
        answers={200: Answer("A page of the timeline.", _PAGE, headers=ANSWERED)},
        fails="ASK-1001 ASK-1002 ASK-1003 CUS-1001",
    ),
    Route(
        *("GET", f"{_BASE}/events", get_events),
        gate=_GATE,
        family="intilery",
        reads=True,
        parameters=(*TENANT, *PARAMETERS),
        answers={200: Answer("A page of the timeline.", _PAGE, headers=ANSWERED)},
        fails="ASK-1001 ASK-1003",
    ),
    Route(
        *("GET", f"{_BASE}/events/{{eventId}}", get_event),
        gate=_GATE,
        family="intilery",
        reads=True,
        parameters=(*TENANT, path("eventId", "As the call was answered.")),
        answers={200: Answer("What became of it.", _STATUS, headers=ANSWERED)},
        fails="CUS-1002",
    ),
)
