"""`/data/core/identity/settings`: linking rules of a sandbox, and what they would do.

The paths are ours: the platform has these settings in its user interface only. Source: identity
contract, 7.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, NUMBER, TEXT, TRUTH, Answer, Body, array, record
from onefold.api.json_body import decoded
from onefold.api.route import Route
from onefold.control import identity_settings
from onefold.domain.graph.settings import IdentitySettings, checked, ordered, rules_of
from onefold.domain.graph.simulate import Change, Outcome, Size
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.identity.namespace import NamespaceBook
from onefold.domain.identity.records import LINKED_MAX
from onefold.domain.profile.event import timestamp_ms
from onefold.errors import Malformed, OverLimit
from onefold.lookup.simulation import of_events
from onefold.store.snapshot import Snapshot
from onefold.wire import JSON

PATH = "/data/core/identity/settings"
NAMESPACES_MAX = 1000
"""Namespaces that settings can name."""
EVENTS_MAX = 10_000
PAIRS_MAX = 60_000
"""Events of one simulation, and pairs of identities that they link, each event for itself: what a
crowded graph costs grows with the pairs, and these take seconds at most."""
BODY_BYTES_MAX = 8 * 1024 * 1024
"""Of a simulation."""
LARGEST_MAX = 100
LARGEST_DEFAULT = 10


class _Priority(msgspec.Struct, rename="camel"):
    code: str
    unique_per_graph: bool = False
    lookup_only: bool = False


class _Settings(msgspec.Struct):
    namespaces: list[_Priority]

    def named(self) -> list[tuple[str, bool]]:
        if len(self.namespaces) > NAMESPACES_MAX:
            raise OverLimit("CTL-1008", f"Settings name at most {NAMESPACES_MAX} namespaces")
        return [(one.code, one.unique_per_graph) for one in self.namespaces]

    def lookup_only(self) -> frozenset[str]:
        return frozenset(one.code for one in self.namespaces if one.lookup_only)


class _Identity(msgspec.Struct):
    namespace: str
    id: str


class _Event(msgspec.Struct):
    identities: list[_Identity]
    timestamp: str | None = None


class _Simulation(msgspec.Struct):
    settings: _Settings | None = None
    events: list[_Event] | None = None
    largest: int = LARGEST_DEFAULT


_decode = msgspec.json.Decoder(_Settings).decode
_decode_simulation = msgspec.json.Decoder(_Simulation).decode


def get_settings(request: Request, rooms: Rooms) -> Response:
    """The settings that are saved, with every namespace that enters graphs in its rank."""
    assert request.caller is not None
    saved = identity_settings.got(rooms.control, request.caller.sandbox)
    return json_response(200, _json(saved, _snapshot(request, rooms).namespaces))


def put_settings(request: Request, rooms: Rooms) -> Response:
    """Save settings; linking rules hold from the next record on."""
    assert request.caller is not None
    sent = decoded(request.body, _decode, what="identity settings")
    saved = identity_settings.save(
        rooms.control, request.caller.sandbox, sent.named(), sent.lookup_only()
    )
    return json_response(200, _json(saved, _snapshot(request, rooms).namespaces))


def delete_settings(request: Request, rooms: Rooms) -> Response:
    """Switch linking rules off; the graphs stay as they are."""
    assert request.caller is not None
    identity_settings.delete(rooms.control, request.caller.sandbox)
    return Response(204)


def post_simulation(request: Request, rooms: Rooms) -> Response:
    """What settings would make of the sandbox's graphs, or of some events. Changes nothing."""
    assert request.caller is not None
    sent = decoded(request.body, _decode_simulation, what="a simulation")
    if not 0 <= sent.largest <= LARGEST_MAX:
        raise Malformed("PRO-1002", f"largest is 0 to {LARGEST_MAX}", at="largest")
    snapshot = _snapshot(request, rooms)
    book = snapshot.namespaces
    if sent.settings is not None:
        settings = checked(sent.settings.named(), book, sent.settings.lookup_only())
    else:
        settings = identity_settings.got(rooms.control, request.caller.sandbox)
    rules = rules_of(settings, book)
    if sent.events is None:
        outcome = rooms.graphs.simulated(request.caller.sandbox.id, rules, largest=sent.largest)
    else:
        outcome = of_events(
            _events(sent.events, book),
            book,
            now=snapshot.rules,
            tried=rules,
            largest=sent.largest,
        )
    return json_response(
        200,
        {
            "source": "links" if sent.events is None else "events",
            "settings": _json(settings, book),
            **_outcome(outcome, book),
        },
    )


def _snapshot(request: Request, rooms: Rooms) -> Snapshot:
    assert request.caller is not None
    return rooms.definitions.snapshot(request.caller.sandbox.id)


def _events(
    sent: Sequence[_Event], book: NamespaceBook
) -> list[tuple[int, list[tuple[Xid, Identity]]]]:
    """The events with their times; one without a time happens just after the one before it."""
    sizes = [len(event.identities) for event in sent]
    if len(sent) > EVENTS_MAX or sum(size * (size - 1) // 2 for size in sizes) > PAIRS_MAX:
        raise OverLimit(
            "PRO-1002",
            f"A simulation takes {EVENTS_MAX} events and {PAIRS_MAX} pairs of identities",
            at="/events",
        )
    events = []
    at_ms = 0
    for number, event in enumerate(sent):
        at = f"/events/{number}"
        if len(event.identities) > LINKED_MAX:
            raise OverLimit(
                "PRO-1002", f"An event links {LINKED_MAX} identities at most", at=f"{at}/identities"
            )
        stamp = at_ms + 1 if event.timestamp is None else timestamp_ms(event.timestamp)
        if stamp is None:
            raise Malformed("PRO-1002", "The timestamp is no date-time", at=f"{at}/timestamp")
        at_ms = stamp
        named = [
            _identity(one, book, f"{at}/identities/{place}")
            for place, one in enumerate(event.identities)
        ]
        events.append((at_ms, named))
    return events


def _identity(sent: _Identity, book: NamespaceBook, at: str) -> tuple[Xid, Identity]:
    """Any value that has an XID will do: the rules of a namespace's values play no part."""
    namespace = book.by_key(sent.namespace) or book.by_code(sent.namespace)
    if namespace is None:
        raise Malformed("PRO-1003", f"No namespace is {sent.namespace[:64]}", at=at)
    try:
        return xids.encode(namespace.id, sent.id), Identity(namespace.id, sent.id)
    except Malformed as bad:
        raise Malformed("PRO-1002", f"The id cannot be: {bad.detail}", at=at) from bad


def _json(settings: IdentitySettings, book: NamespaceBook) -> JSON:
    return {
        "namespaces": [
            {
                "priority": rank,
                "code": namespace.code,
                "id": namespace.id,
                "idType": namespace.id_type,
                "uniquePerGraph": namespace.id in settings.unique,
                "lookupOnly": namespace.id in settings.lookup_only,
            }
            for rank, namespace in enumerate(ordered(settings, book), 1)
        ]
    }


def _outcome(outcome: Outcome, book: NamespaceBook) -> dict[str, JSON]:
    return {
        "before": _size(outcome.before),
        "after": _size(outcome.after),
        "eventsRefused": outcome.refused,
        "clustersSplit": outcome.split,
        "clustersJoined": outcome.joined,
        "clustersOverLimit": outcome.over_limit,
        "linksRemoved": outcome.links_removed,
        "largestChanges": [_change(change, book) for change in outcome.changes],
    }


def _size(size: Size) -> JSON:
    return {"identities": size.identities, "links": size.links, "clusters": size.clusters}


def _change(change: Change, book: NamespaceBook) -> JSON:
    def shown(members: Sequence[Xid]) -> list[JSON]:
        return [_named(xids.decode(xid), book) for xid in members]

    return {"members": shown(change.members), "parts": [shown(part) for part in change.parts]}


def _named(identity: Identity, book: NamespaceBook) -> JSON:
    namespace = book.by_id(identity.namespace_id)
    code = namespace.code if namespace is not None else str(identity.namespace_id)
    return {"namespace": code, "id": identity.value}


_NAMESPACE = record(
    priority=NUMBER, code=TEXT, id=NUMBER, idType=TEXT, uniquePerGraph=TRUTH, lookupOnly=TRUTH
)
_SETTINGS = record(namespaces=array(_NAMESPACE))
_EXAMPLE = {"namespaces": [{"code": "Email", "uniquePerGraph": True}, {"code": "ECID"}]}
_SIZE = record(identities=NUMBER, links=NUMBER, clusters=NUMBER)
_OUTCOME = record(
    source=TEXT,
    settings=_SETTINGS,
    before=_SIZE,
    after=_SIZE,
    eventsRefused=NUMBER,
    clustersSplit=NUMBER,
    clustersJoined=NUMBER,
    clustersOverLimit=NUMBER,
    linksRemoved=NUMBER,
    largestChanges=array(DOCUMENT),
)


def _route(method: str, needs: str, **more: Any) -> Route:
    return Route(method, family="identity", needs=needs, **{"path": PATH, **more})


ROUTES = (
    _route(
        "GET",
        "view-identity-settings:read",
        handler=get_settings,
        answers={200: Answer("The settings.", _SETTINGS)},
        fails="CTL-1007",
    ),
    _route(
        "PUT",
        "edit-identity-settings:write",
        handler=put_settings,
        takes=Body("Namespaces, the highest priority first.", _Settings, example=_EXAMPLE),
        answers={200: Answer("The settings.", _SETTINGS)},
        fails="CTL-1008",
    ),
    _route(
        "DELETE",
        "edit-identity-settings:delete",
        handler=delete_settings,
        answers={204: Answer("Linking rules are off.", None)},
        fails="CTL-1007",
    ),
    _route(
        "POST",
        "view-identity-settings:read",
        path=f"{PATH}/simulation",
        handler=post_simulation,
        body_max=BODY_BYTES_MAX,
        takes=Body(
            "`settings` as for PUT, else those that are saved; `events`, else the sandbox's graphs;"
            " `largest`: how many changes are shown.",
            _Simulation,
            example={"settings": _EXAMPLE},
        ),
        answers={200: Answer("What would change.", _OUTCOME)},
        fails="CTL-1007 CTL-1008 PRO-1002 PRO-1003",
    ),
)
