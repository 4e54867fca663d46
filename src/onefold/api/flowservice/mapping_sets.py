"""`/data/foundation/conversion/mappingSets`: how raw attributes become fields of a schema.

Served at `/data/foundation/mappingSets` too, as older clients call it. Source: ingestion contract,
1 and 4, step 5.
"""

from __future__ import annotations

from onefold.api import paging
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    NUMBER,
    TEXT,
    Answer,
    Body,
    array,
    path,
    query,
    record,
    whole,
)
from onefold.api.flowservice.kinds import DELETE, READ, WRITE, client_of, sandbox_of
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.control import mapping_sets
from onefold.wire import JSON, decode_json

PATHS = ("/data/foundation/conversion/mappingSets", "/data/foundation/mappingSets")
LIMIT = 100
LIMIT_MAX = 1000
START_MAX = 999_999_999

EXAMPLE: JSON = {
    "xdmSchema": "SCHEMA",
    "mappings": [
        {"sourceAttribute": "firstName", "destinationXdmPath": "person.name.firstName"},
    ],
}


def list_mapping_sets(request: Request, rooms: Rooms) -> Response:
    """The mapping sets, the oldest first."""
    parameters = Parameters(request.raw_query)
    limit = paging.whole(parameters.get("limit"), "limit", LIMIT, least=1, most=LIMIT_MAX)
    start = paging.whole(parameters.get("start"), "start", 0, least=0, most=START_MAX)
    sandbox = sandbox_of(request)
    found = mapping_sets.listed(rooms.control, sandbox)
    data = [mapping_sets.document(one, sandbox) for one in found[start : start + limit]]
    return json_response(
        200, {"data": data, "_page": {"count": len(data), "start": start, "limit": limit}}
    )


def post_mapping_set(request: Request, rooms: Rooms) -> Response:
    """Make a mapping set onto a schema."""
    sent = decoded(request.body, decode_json, what="a mapping set")
    made = mapping_sets.create(
        rooms.control,
        rooms.clock,
        rooms.ids,
        sandbox_of(request),
        sent,
        client_id=client_of(request),
    )
    return json_response(201, mapping_sets.answer(made))


def get_mapping_set(request: Request, rooms: Rooms) -> Response:
    """One mapping set."""
    sandbox = sandbox_of(request)
    found = mapping_sets.got(rooms.control, sandbox, request.path_parameters["id"])
    return json_response(200, mapping_sets.document(found, sandbox))


def put_mapping_set(request: Request, rooms: Rooms) -> Response:
    """Replace a mapping set; flows use the new one at once."""
    changed = mapping_sets.put(
        rooms.control,
        rooms.clock,
        rooms.ids,
        sandbox_of(request),
        request.path_parameters["id"],
        decoded(request.body, decode_json, what="a mapping set"),
        client_id=client_of(request),
    )
    return json_response(200, mapping_sets.answer(changed))


def delete_mapping_set(request: Request, rooms: Rooms) -> Response:
    """Delete a mapping set that no flow uses."""
    mapping_sets.delete(rooms.control, sandbox_of(request), request.path_parameters["id"])
    return Response(204)


_TOLD = record(
    id=TEXT,
    version=NUMBER,
    createdDate=NUMBER,
    modifiedDate=NUMBER,
    createdBy=TEXT,
    modifiedBy=TEXT,
)
_TAKES = Body("The mapping set.", DOCUMENT, example=EXAMPLE)
_AT = (path("id", "Id of the mapping set."),)
_WRONG = "API-1003 CTL-1007 CTL-1008 XDM-1003"
_PAGE = (
    query("limit", "Mapping sets of a page.", whole(1, LIMIT_MAX, LIMIT)),
    query("start", "Position of the first one.", whole(0, START_MAX, 0)),
)


def _routes(base: str) -> tuple[Route, ...]:
    one = base + "/{id}"
    listed = Answer("A page.", record(data=array(DOCUMENT), _page=DOCUMENT))
    return (
        Route(
            "GET",
            base,
            list_mapping_sets,
            family="flow",
            needs=READ,
            parameters=_PAGE,
            answers={200: listed},
            fails="CTL-1008 PRO-1002",
        ),
        _writing("POST", base, post_mapping_set, 201, _WRONG),
        Route(
            "GET",
            one,
            get_mapping_set,
            family="flow",
            needs=READ,
            parameters=_AT,
            answers={200: Answer("The mapping set.", DOCUMENT)},
            fails="CTL-1007",
        ),
        _writing("PUT", one, put_mapping_set, 200, _WRONG + " FLW-1003"),
        Route(
            "DELETE",
            one,
            delete_mapping_set,
            family="flow",
            needs=DELETE,
            parameters=_AT,
            answers={204: Answer("It is gone.", None)},
            fails="CTL-1007 FLW-1003",
        ),
    )


def _writing(method: str, path: str, handler: Handler, status: int, fails: str) -> Route:
    return Route(
        method,
        path,
        handler,
        family="flow",
        needs=WRITE,
        parameters=_AT if "{id}" in path else (),
        takes=_TAKES,
        answers={status: Answer("What was written.", _TOLD)},
        fails=fails,
    )


ROUTES = tuple(route for base in PATHS for route in _routes(base))
