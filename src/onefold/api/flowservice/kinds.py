"""The routes that every kind of the Flow Service has: create, list, get, change, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, Answer, Body, array, header, path, record
from onefold.api.declared import TEXT as TEXT_SCHEMA
from onefold.api.flowservice import listing
from onefold.api.flowservice.listing import ROOT
from onefold.api.json_body import decoded
from onefold.api.route import Handler, Route
from onefold.control import flow_resources
from onefold.control.flow_resources import Rules
from onefold.domain.sandbox import Sandbox
from onefold.store.tables.flow_resources import FlowResource
from onefold.wire import JSON, decode_json

Shown = Callable[[Sequence[FlowResource], Sandbox, Rooms], list[JSON]]
"""How resources of a kind are shown, in their order."""

READ, WRITE, DELETE = "view-sources:read", "manage-sources:write", "manage-sources:delete"
VERSIONED = record(id=TEXT_SCHEMA, etag=TEXT_SCHEMA)
_WRONG = "API-1003 CTL-1007 CTL-1008 XDM-1003"
_IF_MATCH = "The etag that the change is made from; `*` is any."


def sandbox_of(request: Request) -> Sandbox:
    """The caller's sandbox."""
    assert request.caller is not None
    return request.caller.sandbox


def client_of(request: Request) -> str:
    """The caller's client id."""
    assert request.caller is not None
    return request.caller.client_id


def versioned(status: int, resource: FlowResource) -> Response:
    """The answer to a change: id and new etag."""
    etag = flow_resources.etag(resource)
    return json_response(status, {"id": resource.id, "etag": etag}, (("etag", etag),))


def routes_of(rules: Rules, shown: Shown, *, example: JSON) -> tuple[Route, ...]:
    """The routes of a kind. example: of a body that makes one."""
    kind = _Kind(rules, shown)
    return (*_collection(kind, example), *_single(kind))


class _Kind(NamedTuple):
    """The handlers of one kind."""

    rules: Rules
    shown: Shown

    def lists(self, request: Request, rooms: Rooms) -> Response:
        sandbox = sandbox_of(request)
        found = flow_resources.listed(rooms.control, sandbox, self.rules)
        return listing.page(request, self.rules.kind, self.shown(found, sandbox, rooms))

    def create(self, request: Request, rooms: Rooms) -> Response:
        sent = decoded(request.body, decode_json, what=f"a {self.rules.noun}")
        made = flow_resources.create(
            rooms.control,
            rooms.clock,
            rooms.ids,
            sandbox_of(request),
            self.rules,
            sent,
            client_id=client_of(request),
        )
        return versioned(201, made)

    def get(self, request: Request, rooms: Rooms) -> Response:
        sandbox, id_ = sandbox_of(request), request.path_parameters["id"]
        found = flow_resources.got(rooms.control, sandbox, self.rules, id_)
        return listing.one(self.shown([found], sandbox, rooms)[0])

    def change(self, request: Request, rooms: Rooms) -> Response:
        changed = flow_resources.patch(
            rooms.control,
            rooms.clock,
            rooms.ids,
            sandbox_of(request),
            self.rules,
            request.path_parameters["id"],
            decoded(request.body, decode_json, what="a JSON Patch"),
            if_match=request.headers.get("if-match", ""),
            client_id=client_of(request),
        )
        return versioned(200, changed)

    def delete(self, request: Request, rooms: Rooms) -> Response:
        flow_resources.delete(
            rooms.control,
            sandbox_of(request),
            self.rules,
            request.path_parameters["id"],
            if_match=request.headers.get("if-match", ""),
        )
        return Response(204)


def _collection(kind: _Kind, example: JSON) -> tuple[Route, ...]:
    base, noun = f"{ROOT}/{kind.rules.kind}", kind.rules.noun
    return (
        Route(
            "GET",
            base,
            kind.lists,
            family="flow",
            needs=READ,
            summary=f"The {noun}s, the oldest first unless ordered otherwise.",
            parameters=listing.PARAMETERS,
            answers=listing.PAGE,
            fails="CTL-1008 PRO-1002",
        ),
        Route(
            "POST",
            base,
            kind.create,
            family="flow",
            needs=WRITE,
            summary=f"Make a {noun}.",
            takes=Body(f"The {noun}.", DOCUMENT, example=example),
            answers={201: Answer("Id and etag.", VERSIONED)},
            fails=_WRONG,
        ),
    )


def _single(kind: _Kind) -> tuple[Route, ...]:
    one, noun = f"{ROOT}/{kind.rules.kind}/{{id}}", kind.rules.noun
    at, if_match = path("id", f"Id of the {noun}."), header("if-match", _IF_MATCH)
    return (
        Route(
            "GET",
            one,
            kind.get,
            family="flow",
            needs=READ,
            summary=f"One {noun}.",
            parameters=(at,),
            answers=listing.ONE,
            fails="CTL-1007",
        ),
        Route(
            "PATCH",
            one,
            kind.change,
            family="flow",
            needs=WRITE,
            summary=f"Change a {noun}, made from the version that If-Match names.",
            parameters=(at, if_match._replace(required=True)),
            takes=Body("A JSON Patch of the item as it is shown.", array(DOCUMENT)),
            answers={200: Answer("Id and the new etag.", VERSIONED)},
            fails=f"{_WRONG} FLW-1001 FLW-1002",
        ),
        Route(
            "DELETE",
            one,
            kind.delete,
            family="flow",
            needs=DELETE,
            summary=f"Delete a {noun} that nothing refers to.",
            parameters=(at, if_match),
            answers={204: Answer("It is gone.", None)},
            fails="CTL-1007 FLW-1002 FLW-1003",
        ),
    )


def read_only(name: str, lists: Handler, get: Handler) -> tuple[Route, ...]:
    """The routes of a kind that is listed and looked up, and never changed by a caller."""
    return (
        Route(
            "GET",
            f"{ROOT}/{name}",
            lists,
            family="flow",
            needs=READ,
            parameters=listing.PARAMETERS,
            answers=listing.PAGE,
            fails="CTL-1008 PRO-1002",
        ),
        Route(
            "GET",
            f"{ROOT}/{name}/{{id}}",
            get,
            family="flow",
            needs=READ,
            parameters=(path("id", "Id of what is looked up."),),
            answers=listing.ONE,
            fails="CTL-1007",
        ),
    )
