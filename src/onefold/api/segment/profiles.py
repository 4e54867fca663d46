"""`/v1/spaces/{space}/collections/{collection}/profiles/{key}/…`: the Segment Profile API.

It is read only. A space is an account. Lists come in pages: `next` of a page's cursor leads to the
one behind it.
Source: Intilery contract, 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_plus

from msgspec.structs import replace

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    NUMBER,
    TEXT,
    TRUTH,
    Answer,
    Parameter,
    array,
    choice,
    path,
    query,
    record,
    whole,
)
from onefold.api.dialect import ANSWERED, PROFILE_KEY
from onefold.api.intilery.asked import Query
from onefold.api.intilery.key import malformed, parted
from onefold.api.route import Handler, Route
from onefold.domain.calls.marks import group_of
from onefold.domain.calls.names import action_of_name, shown_name
from onefold.domain.calls.namespaces import ANONYMOUS, GROUP
from onefold.errors import NotFound
from onefold.lookup import feeds, origins, subjects
from onefold.lookup.customers import Key, KeyKind
from onefold.lookup.feeds import Item, Question
from onefold.lookup.profiles import Sight
from onefold.lookup.subjects import External, Subject
from onefold.store.snapshot import Snapshot
from onefold.wire import JSON, iso_millis

LIMIT, TRAITS_MAX, EVENTS_MAX, LINKS_MAX = 10, 200, 100, 20
"""Of a page: by default; at most of traits and external ids, of events, of links."""

AUDIENCE, COMPUTED = "audience", "computed_trait"
"""Classes of traits."""

_KINDS: dict[str, KeyKind] = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "email": "email",
    "id": "id",
}
_USERS, _ACCOUNTS = "users", "accounts"


def get_traits(request: Request, rooms: Rooms) -> Response:
    """The traits of a customer or group, a page of them by name."""
    whom, asked = _whom(request, rooms), Query(request.raw_query)
    limit = asked.whole("limit", default=LIMIT, least=1, most=TRAITS_MAX)
    wanted = asked.names("include")
    kind = asked.choice("class", (AUDIENCE, COMPUTED), default="")
    verbose = asked.flag("verbose")
    after = _after(request, rooms, asked)
    with _sight(request, rooms) as sight:
        subject = _subject(whom, sight)
    shown = _of_class(subject, kind)
    names = sorted(shown.keys() & set(wanted) if wanted else shown)
    page = _page(names, limit, after)
    answer = {
        name: _verbose(subject, name, shown[name], kind) if verbose else shown[name]
        for name in page.items
    }
    return _answered(request, rooms, "traits", answer, page)


def get_external_ids(request: Request, rooms: Rooms) -> Response:
    """The ids of a customer or group."""
    whom, asked = _whom(request, rooms), Query(request.raw_query)
    limit = asked.whole("limit", default=LIMIT, least=1, most=TRAITS_MAX)
    wanted = asked.names("include")
    asked.flag("verbose")
    after = _after(request, rooms, asked)
    with _sight(request, rooms) as sight:
        subject = _subject(whom, sight)
        types = {_type(sight.snapshot, name) for name in wanted}
        names = [one for one in subject.externals if not types or one.type in types]
        page = _page(names, limit, after)
        data = [_external_id(sight, subject, one) for one in page.items]
    return _answered(request, rooms, "data", data, page)


def get_events(request: Request, rooms: Rooms) -> Response:
    """The events of a customer, or those that are tied to a group; a page of them, the newest
    first."""
    whom, asked = _whom(request, rooms), Query(request.raw_query)
    limit = asked.whole("limit", default=LIMIT, least=1, most=EVENTS_MAX)
    question = Question(
        start_ms=asked.moment_ms("start"),
        end_ms=asked.moment_ms("end"),
        include=tuple(map(action_of_name, asked.names("include"))),
        exclude=tuple(map(action_of_name, asked.names("exclude"))),
        ascending=asked.choice("sort", ("asc", "desc"), default="desc") == "asc",
        size=limit + 1,
        after=_event_after(request, rooms, asked),
        by_name=True,
    )
    with _sight(request, rooms) as sight:
        subject = _subject(whom, sight)
        people = None if subject.customer is None else [subject.customer]
        if people is None:
            question = replace(question, group_xid=subject.owners[0])
        page = feeds.page(*sight, people, question, brands=request.held().brands, emails=False)
        snapshot = sight.snapshot
    shown = page.items[:limit]
    externals = [_named(one) for one in subject.externals]
    data = [_event(snapshot, subject, one, externals) for one in shown]
    after = page.following.after if page.cut else None
    if len(page.items) > limit:
        after = question.sort_key(shown[-1].entry)
    behind = None if after is None else list(after)
    return _answered(request, rooms, "data", data, _Page([], limit, behind))


def get_metadata(request: Request, rooms: Rooms) -> Response:
    """When a customer or group became known and was last written of, and by which messages."""
    whom = _whom(request, rooms)
    Query(request.raw_query).flag("verbose")
    with _sight(request, rooms) as sight:
        subject = _subject(whom, sight)
        reader, packing, _ = sight
        first = origins.first_record(reader, packing, subject.seen_ms, subject.fragments)
        last = origins.last_record(reader, packing, subject.owners, subject.fragments)
    answer: dict[str, JSON] = {
        "created_at": iso_millis(min(subject.seen_ms.values())),
        "updated_at": iso_millis(last.received_ms) if last is not None else None,
        "expires_at": None,
    }
    for name, one in (("first", first), ("last", last)):
        answer[f"{name}_message_id"] = one.message_id if one is not None else None
        answer[f"{name}_source_id"] = one.dataset if one is not None else None
    return json_response(200, {"metadata": answer})


def get_links(request: Request, rooms: Rooms) -> Response:
    """The groups of a customer, or the customers of a group."""
    whom, asked = _whom(request, rooms), Query(request.raw_query)
    limit = asked.whole("limit", default=LINKS_MAX, least=1, most=LINKS_MAX)
    after = _after(request, rooms, asked)
    with _sight(request, rooms) as sight:
        subject = _subject(whom, sight)
        page = _page(subjects.linked(*sight, subject), limit, after)
    data = [
        {"to_collection": names[0].collection, "external_ids": [_named(one) for one in names]}
        for names in page.items
    ]
    return _answered(request, rooms, "data", data, page)


class _Page(NamedTuple):
    """A part of a list. behind: what a cursor needs to go on; None at the end."""

    items: Sequence[Any]
    limit: int
    behind: JSON


def _page(found: Sequence[Any], limit: int, after: int) -> _Page:
    end = after + limit
    return _Page(found[after:end], limit, end if end < len(found) else None)


def _sight(request: Request, rooms: Rooms) -> AbstractContextManager[Sight]:
    holder = request.held()
    return rooms.profiles.sight(holder.sandbox.id, holder.generation)


def _whom(request: Request, rooms: Rooms) -> Key:
    """Whom the path names; a group is of another kind, in its namespace. Raises NotFound CUS-1001
    for an unknown collection, Malformed ASK-1002."""
    collection = request.path_parameters["collection"].lower()
    if collection not in (_USERS, _ACCOUNTS):
        raise NotFound("CUS-1001", "The collections are users and accounts")
    type_, value = parted(request.path)
    name = type_.lower()
    if collection == _ACCOUNTS:
        if name != "group_id":
            raise malformed("accounts are known by group_id")
        return Key("other", value, GROUP)
    kind = _KINDS.get(name)
    if kind == "anonymousId" and not rooms.settings.anonymous_reads:
        raise malformed("anonymous_id is not served")
    if kind is not None:
        return Key(kind, value)
    holder = request.held()
    snapshot = rooms.definitions.snapshot(holder.sandbox.id, holder.generation)
    namespace = subjects.namespace_of(snapshot, type_)
    if namespace is None or namespace.code == GROUP:
        raise malformed("the type is unknown")
    if namespace.code == ANONYMOUS and not rooms.settings.anonymous_reads:
        raise malformed("anonymous_id is not served")
    return Key("other", value, namespace.code)


def _subject(whom: Key, sight: Sight) -> Subject:
    """Raises NotFound CUS-1001."""
    if whom.namespace == GROUP:
        found = subjects.group(*sight, whom.value)
    else:
        found = subjects.user(*sight, whom)
    if found is None:
        raise NotFound("CUS-1001", "Profile was not found.")
    return found


def _of_class(subject: Subject, kind: str) -> dict[str, JSON]:
    """The traits of a class, of all classes by default. An audience is a trait that is true."""
    audiences: dict[str, JSON] = dict.fromkeys(subject.audiences, True)
    if kind == AUDIENCE:
        return audiences
    computed = {name: one.value for name, one in subject.computed.items()}
    if kind == COMPUTED:
        return computed
    return {**audiences, **computed, **subject.traits}


def _verbose(subject: Subject, name: str, value: JSON, kind: str) -> JSON:
    computed = subject.computed.get(name)
    if computed is not None and (kind == COMPUTED or name not in subject.traits):
        return {"value": value, "source_id": None, "updated_at": iso_millis(computed.at_ms)}
    noted = subject.noted(name)
    if noted is None:
        return {"value": value, "source_id": None, "updated_at": None}
    return {"value": value, "source_id": noted[0], "updated_at": iso_millis(noted[1])}


def _type(snapshot: Snapshot, named: str) -> str:
    """A type of external ids, by any name of it."""
    namespace = subjects.namespace_of(snapshot, named)
    return subjects.type_of(snapshot, namespace.id) if namespace is not None else named


def _named(one: External) -> JSON:
    return {"collection": one.collection, "type": one.type, "id": one.id, "encoding": "none"}


def _external_id(sight: Sight, subject: Subject, one: External) -> JSON:
    first = None
    if one.created_ms is not None:
        seen_ms = {one.xid: one.created_ms}
        first = origins.first_record(sight.reader, sight.packing, seen_ms, subject.fragments)
    return {
        "source_id": first.dataset if first is not None else None,
        "collection": one.collection,
        "id": one.id,
        "type": one.type,
        "created_at": iso_millis(one.created_ms) if one.created_ms is not None else None,
        "encoding": "none",
        "first_message_id": first.message_id if first is not None else None,
    }


def _event(snapshot: Snapshot, subject: Subject, item: Item, externals: list[JSON]) -> JSON:
    """An event as the timeline of a subject shows it."""
    entry, message = item.entry, item.message
    kind = message.get("type") or message.get("action")
    answer: dict[str, JSON] = {
        "external_ids": externals,
        "context": message.get("context") or {},
        "type": kind,
        "message_id": message.get("messageId") or item.event_id,
        "source_id": item.dataset,
        "timestamp": iso_millis(entry.at_ms),
        "properties": message.get("properties") or message.get("traits") or {},
        "event": shown_name(message, entry.action),
        "related": _group(message) if subject.customer is not None else _whose(snapshot, item),
    }
    return answer


def _group(message: dict[str, JSON]) -> JSON:
    """The group that an event of somebody is tied to."""
    told = group_of(message)
    if told is None:
        return {}
    return {_ACCOUNTS: [{"collection": _ACCOUNTS, "type": "group_id", "id": told}]}


def _whose(snapshot: Snapshot, item: Item) -> JSON:
    """Whose event it is that is tied to a group."""
    names = subjects.names_of(snapshot, item.customer)
    told = [{"collection": _USERS, "type": one.type, "id": one.id} for one in names]
    return {_USERS: told}


def _bound(request: Request) -> tuple[str, ...]:
    """What a cursor is good for: the very list that it is of."""
    holder = request.held()
    brands = "*" if holder.brands is None else ",".join(sorted(holder.brands))
    return (holder.sandbox.id, brands, request.path.partition("/collections/")[2])


def _state(request: Request, rooms: Rooms, asked: Query) -> JSON:
    cursor = asked.text("next")
    return None if cursor is None else rooms.cursors.read(cursor, _bound(request), idle_ms=None)


def _after(request: Request, rooms: Rooms, asked: Query) -> int:
    state = _state(request, rooms, asked)
    return state if isinstance(state, int) else 0


def _event_after(request: Request, rooms: Rooms, asked: Query) -> tuple[int | str, ...] | None:
    state = _state(request, rooms, asked)
    return tuple(state) if isinstance(state, list) else None


def _answered(request: Request, rooms: Rooms, name: str, answer: JSON, page: _Page) -> Response:
    """A page with the cursor behind it."""
    following = url = ""
    if page.behind is not None:
        following = rooms.cursors.made(page.behind, _bound(request))
        kept = [
            pair
            for pair in request.raw_query.split("&")
            if pair and unquote_plus(pair.partition("=")[0]) != "next"
        ]
        url = f"{request.path}?{'&'.join([*kept, f'next={quote(following)}'])}"
    cursor = {
        "url": url,
        "has_more": page.behind is not None,
        "next": following,
        "limit": page.limit,
    }
    return json_response(200, {name: answer, "cursor": cursor})


_CURSOR = record(url=TEXT, has_more=TRUTH, next=TEXT, limit=NUMBER)
_NEXT = query("next", "`next` of the cursor of the page before.")
_VERBOSE = query("verbose", "Tell more of each.", TRUTH)
_PLACES = (
    path("space", "The account."),
    path("collection", "Of whom.", choice(_USERS, _ACCOUNTS)),
    path(
        PROFILE_KEY.strip("{}"),
        "Type and id: `user_id:`, `email:`, `anonymous_id:`, `id:` or any namespace, in snake case"
        " or as its code; of accounts `group_id:`.",
        {"type": "string", "pattern": ".:.", "examples": ["user_id:u-1"]},
    ),
)


def _limit(most: int, default: int = LIMIT) -> Parameter:
    return query("limit", "How many a page.", whole(1, most, default=default))


def _route(view: str, handler: Handler, shape: dict[str, JSON], *parameters: Parameter) -> Route:
    return Route(
        "GET",
        f"/v1/spaces/{{space}}/collections/{{collection}}/profiles/{PROFILE_KEY}/{view}",
        handler,
        gate="space",
        family="intilery",
        reads=True,
        path_first=_whom,
        parameters=(*_PLACES, *parameters),
        answers={200: Answer("What was asked for.", shape, headers=ANSWERED)},
        fails="ASK-1001 ASK-1002 ASK-1003 CUS-1001",
    )


_LIST = record(data=array(DOCUMENT), cursor=_CURSOR)
ROUTES = (
    _route(
        "traits",
        get_traits,
        record(traits=DOCUMENT, cursor=_CURSOR),
        query("include", "Names with commas between: only these."),
        query("class", "Only traits of a kind.", choice(AUDIENCE, COMPUTED)),
        _VERBOSE,
        _limit(TRAITS_MAX),
        _NEXT,
    ),
    _route(
        "external_ids",
        get_external_ids,
        _LIST,
        query("include", "Types with commas between: only these."),
        _VERBOSE,
        _limit(TRAITS_MAX),
        _NEXT,
    ),
    _route(
        "events",
        get_events,
        _LIST,
        query("include", "Names of events with commas between: only these."),
        query("exclude", "Names of events with commas between: without these."),
        query("start", "The first moment, ISO 8601."),
        query("end", "Before when, ISO 8601."),
        query("sort", "Order by time.", choice("asc", "desc")),
        _limit(EVENTS_MAX),
        _NEXT,
    ),
    _route("metadata", get_metadata, record(metadata=DOCUMENT), _VERBOSE),
    _route("links", get_links, _LIST, _limit(LINKS_MAX, LINKS_MAX), _NEXT),
)
