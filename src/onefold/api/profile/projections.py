"""`/data/core/ups/config/projections`: what of every person goes to a destination.

Source: profile contract, 6.2.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from onefold.api.conditions import etag
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    NUMBER,
    TEXT,
    Answer,
    Body,
    array,
    choice,
    path,
    query,
    record,
)
from onefold.api.json_body import decoded
from onefold.api.profile.destinations import IF_MATCH
from onefold.api.profile.projection_json import (
    DESTINATIONS,
    HREF,
    LINKS,
    PLAIN,
    PROJECTIONS,
    expected,
    href,
    require_type,
    sandbox_of,
    single,
    vendor_type,
)
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.control import projections
from onefold.control.projections import ConfigurationChanges
from onefold.domain.profile.projection import SCHEMA_NAME, Configuration, Destination
from onefold.errors import Malformed
from onefold.wire import JSON

TYPE = "projectionConfig"


class _ProjectionConfig(msgspec.Struct, rename="camel"):
    selector: str
    destination_id: str
    name: str | UnsetType = UNSET
    merge_policy_id: str | UnsetType | None = UNSET
    current_version: int | str | None = None

    def changes(self) -> ConfigurationChanges:
        return ConfigurationChanges(
            selector=self.selector,
            destination_id=self.destination_id,
            name=self.name,
            merge_policy_id="" if self.merge_policy_id is None else self.merge_policy_id,
        )


_decode = msgspec.json.Decoder(_ProjectionConfig).decode


def list_projections(request: Request, rooms: Rooms) -> Response:
    """Every projection of the sandbox, or those of a class, or the one of a name there."""
    sandbox = sandbox_of(request)
    parameters = Parameters(request.raw_query)
    schema_name, name = parameters.get("schemaName").lower(), parameters.get("name")
    if name and not schema_name:
        raise Malformed("PRJ-1003", "name goes with schemaName", at="schemaName")
    targets = {one.id: one for one in projections.destinations(rooms.control, sandbox)}
    items = [
        _json(one, targets[one.destination_id])
        for one in projections.configurations(rooms.control, sandbox)
        if schema_name in ("", one.schema_name) and name in ("", one.name)
        if one.destination_id in targets  # else it was deleted between the two reads
    ]
    return json_response(
        200, {"_links": {"self": href(PROJECTIONS)}, "_embedded": {"projectionConfigs": items}}
    )


def post_projection(request: Request, rooms: Rooms) -> Response:
    """Make a projection."""
    require_type(request, rooms, TYPE)
    schema_name = Parameters(request.raw_query).get("schemaName")
    if not schema_name:
        raise Malformed("PRJ-1003", "The parameter schemaName is missing", at="schemaName")
    given = decoded(request.body, _decode, what="a projection")
    made = projections.create_configuration(
        rooms.control, rooms.ids, sandbox_of(request), schema_name, given.changes()
    )
    rooms.edges.begin()
    return _shown(request, rooms, made)


def get_projection(request: Request, rooms: Rooms) -> Response:
    """One projection."""
    known = projections.configuration_of(
        rooms.control, sandbox_of(request), request.path_parameters["id"]
    )
    return _shown(request, rooms, known)


def put_projection(request: Request, rooms: Rooms) -> Response:
    """Put another definition in the place of a projection, under its id."""
    require_type(request, rooms, TYPE)
    given = decoded(request.body, _decode, what="a projection")
    changed = projections.update_configuration(
        rooms.control,
        sandbox_of(request),
        request.path_parameters["id"],
        given.changes(),
        expected(request, given.current_version),
    )
    rooms.edges.begin()
    return _shown(request, rooms, changed)


def delete_projection(request: Request, rooms: Rooms) -> Response:
    """Delete a projection; what it projected goes from the edge."""
    projections.delete_configuration(
        rooms.control, sandbox_of(request), request.path_parameters["id"], expected(request)
    )
    rooms.edges.begin()
    return Response(204)


def _shown(request: Request, rooms: Rooms, one: Configuration) -> Response:
    target = projections.destination_of(rooms.control, sandbox_of(request), one.destination_id)
    return json_response(200, _json(one, target), etag(str(one.version)))


def _json(one: Configuration, target: Destination) -> JSON:
    said: dict[str, JSON] = {
        "_links": {
            "destination": href(f"{DESTINATIONS}/{target.id}"),
            "self": href(f"{PROJECTIONS}/{one.id}"),
        },
        "_embedded": {"destination": single(target)},
        "selector": one.selector,
        "version": one.version,
        "id": one.id,
        "schemaName": one.schema_name,
        "name": one.name,
        "destinationId": one.destination_id,
    }
    if one.merge_policy_id:
        said["mergePolicyId"] = one.merge_policy_id
    return said


_PROJECTION = record(
    _links=record(destination=HREF, self=HREF),
    _embedded=record(destination=record(self=HREF, **PLAIN)),
    selector=TEXT,
    version=NUMBER,
    id=TEXT,
    schemaName=TEXT,
    name=TEXT,
    destinationId=TEXT,
)
_ONE = {200: Answer("The projection.", _PROJECTION)}
_LIST = {
    200: Answer(
        "The projections.",
        record(_links=LINKS, _embedded=record(projectionConfigs=array(_PROJECTION))),
    )
}
_SENT = Body(
    "A projection. Without `mergePolicyId` the policy counts that is active on the edge.",
    _ProjectionConfig,
    media=(f"{vendor_type(TYPE)}; version=1",),
    example={
        "name": "greeting",
        "selector": "person(name.firstName,birthYear),identityMap",
        "destinationId": "$DESTINATION",
    },
)
_ID = path("id", "Id of a projection.")
_OF = {**choice(SCHEMA_NAME), "examples": [SCHEMA_NAME]}


def _route(method: str, path: str, handler: Handler, action: str, fails: str, **more: Any) -> Route:
    needs = {"read": "view-profiles:read"}.get(action, f"manage-profiles:{action}")
    return Route(
        method,
        PROJECTIONS + path,
        handler,
        family="projections",
        needs=needs,
        fails=fails,
        **more,
    )


ROUTES = (
    _route(
        "GET",
        "",
        list_projections,
        "read",
        "PRJ-1003 PRO-1002",
        parameters=(
            query("schemaName", "Those of this class."),
            query("name", "The one of this name; goes with `schemaName`."),
        ),
        answers=_LIST,
    ),
    _route(
        "POST",
        "",
        post_projection,
        "write",
        "PRJ-1001 PRJ-1003 PRJ-1004 PRJ-1007 PRJ-1009 PRO-1002 PRO-1005",
        parameters=(query("schemaName", "The class that is projected.", _OF, required=True),),
        takes=_SENT,
        answers=_ONE,
    ),
    _route(
        "GET",
        "/{id}",
        get_projection,
        "read",
        "PRJ-1001 PRJ-1002",
        parameters=(_ID,),
        answers=_ONE,
    ),
    _route(
        "PUT",
        "/{id}",
        put_projection,
        "write",
        "PRJ-1001 PRJ-1002 PRJ-1003 PRJ-1004 PRJ-1005 PRJ-1006 PRJ-1007 PRO-1005",
        parameters=(_ID, IF_MATCH),
        takes=_SENT,
        answers=_ONE,
    ),
    _route(
        "DELETE",
        "/{id}",
        delete_projection,
        "delete",
        "PRJ-1002 PRJ-1006",
        parameters=(_ID, IF_MATCH),
        answers={204: Answer("It is gone.", None)},
    ),
)
