"""`/data/core/ups/config/destinations`: where projections go.

Source: profile contract, 6.1.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from onefold.api.conditions import etag
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import Answer, Body, array, header, path, record
from onefold.api.json_body import decoded
from onefold.api.profile.projection_json import (
    DESTINATIONS,
    HREF,
    LINKS,
    PLAIN,
    destination_json,
    expected,
    href,
    require_type,
    sandbox_of,
    single,
    vendor_type,
)
from onefold.api.route import Handler, Route
from onefold.control import projections
from onefold.control.projections import DestinationChanges
from onefold.domain.profile.projection import Destination

TYPE = "projectionDestination"


class _ProjectionDestination(msgspec.Struct, rename="camel"):
    type: str
    data_centers: list[str] | None = None
    ttl: int | str | UnsetType = UNSET
    replication_policy: str | UnsetType = UNSET
    topic: str = ""
    current_version: int | str | None = None

    def changes(self) -> DestinationChanges:
        return DestinationChanges(
            type=self.type,
            data_centers=self.data_centers,
            ttl=self.ttl,
            replication=self.replication_policy,
            topic=self.topic,
        )


_decode = msgspec.json.Decoder(_ProjectionDestination).decode


def list_destinations(request: Request, rooms: Rooms) -> Response:
    """Every destination of the sandbox, in the order of creation."""
    known = projections.destinations(rooms.control, sandbox_of(request))
    items = [
        {"_links": {"self": href(f"{DESTINATIONS}/{one.id}")}, **destination_json(one)}
        for one in known
    ]
    return json_response(
        200,
        {
            "_links": {"self": href(DESTINATIONS)},
            "_embedded": {"projectionDestinations": items},
        },
    )


def post_destination(request: Request, rooms: Rooms) -> Response:
    """Make a destination."""
    require_type(request, rooms, TYPE)
    given = decoded(request.body, _decode, what="a projection destination")
    made = projections.create_destination(
        rooms.control, rooms.ids, sandbox_of(request), given.changes()
    )
    return _shown(made)


def get_destination(request: Request, rooms: Rooms) -> Response:
    """One destination, and how far its edge store is."""
    sandbox = sandbox_of(request)
    known = projections.destination_of(rooms.control, sandbox, request.path_parameters["id"])
    state = rooms.edges.state(sandbox.id, known.id)
    said = {"status": state.status, "people": state.people}
    return json_response(200, {**single(known), "onefold:state": said}, etag(str(known.version)))


def put_destination(request: Request, rooms: Rooms) -> Response:
    """Put another definition in the place of a destination, under its id."""
    require_type(request, rooms, TYPE)
    given = decoded(request.body, _decode, what="a projection destination")
    changed = projections.update_destination(
        rooms.control,
        sandbox_of(request),
        request.path_parameters["id"],
        given.changes(),
        expected(request, given.current_version),
    )
    rooms.edges.begin()
    return _shown(changed)


def delete_destination(request: Request, rooms: Rooms) -> Response:
    """Delete a destination that no projection uses; what was projected goes from its edge."""
    projections.delete_destination(
        rooms.control, sandbox_of(request), request.path_parameters["id"], expected(request)
    )
    rooms.edges.begin()
    return Response(204)


def _shown(destination: Destination) -> Response:
    return json_response(200, single(destination), etag(str(destination.version)))


_SINGLE = record(self=HREF, **PLAIN)
_ONE = {200: Answer("The destination.", _SINGLE)}
_LIST = {
    200: Answer(
        "The destinations.",
        record(
            _links=LINKS,
            _embedded=record(projectionDestinations=array(record(_links=LINKS, **PLAIN))),
        ),
    )
}
_SENT = Body(
    "A destination. `ttl` and `replicationPolicy` may be left out.",
    _ProjectionDestination,
    media=(f"{vendor_type(TYPE)}; version=1",),
    example={
        "type": "EDGE",
        "dataCenters": ["OR2", "IRL1"],
        "ttl": 3600,
        "replicationPolicy": "PROACTIVE",
    },
)
_ID = path("id", "Id of a destination.")
IF_MATCH = header("if-match", "The `ETag` of what is to be changed.")


def _route(method: str, path: str, handler: Handler, action: str, fails: str, **more: Any) -> Route:
    needs = {"read": "view-profiles:read"}.get(action, f"manage-profiles:{action}")
    return Route(
        method,
        DESTINATIONS + path,
        handler,
        family="projections",
        needs=needs,
        fails=fails,
        **more,
    )


ROUTES = (
    _route("GET", "", list_destinations, "read", "", answers=_LIST),
    _route(
        "POST",
        "",
        post_destination,
        "write",
        "PRJ-1003 PRJ-1004 PRJ-1009",
        takes=_SENT,
        answers=_ONE,
    ),
    _route("GET", "/{id}", get_destination, "read", "PRJ-1001", parameters=(_ID,), answers=_ONE),
    _route(
        "PUT",
        "/{id}",
        put_destination,
        "write",
        "PRJ-1001 PRJ-1003 PRJ-1004 PRJ-1005 PRJ-1006",
        parameters=(_ID, IF_MATCH),
        takes=_SENT,
        answers=_ONE,
    ),
    _route(
        "DELETE",
        "/{id}",
        delete_destination,
        "delete",
        "PRJ-1001 PRJ-1006 PRJ-1008",
        parameters=(_ID, IF_MATCH),
        answers={204: Answer("It is gone.", None)},
    ),
)
