"""The registry's procedures: sample data, export and import, the audit log.

Source: platform contract, section 6.3.
"""

from __future__ import annotations

from typing import Any

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, Answer, Body, array, path
from onefold.api.json_body import decoded
from onefold.api.route import Handler, Route
from onefold.api.schemaregistry.listing import ROOT
from onefold.api.schemaregistry.resources import author_of
from onefold.control import auditlog, transfer
from onefold.domain.sandbox import Sandbox
from onefold.wire import decode_json


def get_sample(request: Request, rooms: Rooms) -> Response:
    """A record that fits a resource."""
    id_ = request.path_parameters["id"]
    return json_response(200, transfer.sample_of(rooms.control, _sandbox(request), id_))


def get_export(request: Request, rooms: Rooms) -> Response:
    """A resource with everything that it needs, as an import takes it."""
    id_ = request.path_parameters["id"]
    return json_response(200, transfer.exported(rooms.control, _sandbox(request), id_))


def post_import(request: Request, rooms: Rooms) -> Response:
    """Make the resources of an export."""
    made = transfer.imported(
        rooms.control,
        rooms.clock,
        rooms.ids,
        _sandbox(request),
        decoded(request.body, decode_json, what="an export"),
        author=author_of(request),
    )
    return json_response(200, made)


def get_audit_log(request: Request, rooms: Rooms) -> Response:
    """What was changed in a resource, the latest first."""
    id_ = request.path_parameters["id"]
    return json_response(200, auditlog.of_resource(rooms.control, _sandbox(request), id_))


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


def _route(method: str, path: str, handler: Handler, fails: str, **more: Any) -> Route:
    needs = "view-schemas:read" if method == "GET" else "manage-schemas:write"
    path = f"{ROOT}/rpc{path}"
    return Route(method, path, handler, family="registry", needs=needs, fails=fails, **more)


_ID = (path("id", "`$id`, percent-encoded, or `meta:altId` of a resource."),)
_IMPORTS: dict[str, Any] = {
    "takes": Body("What an export gave: resources, in any order.", array(DOCUMENT)),
    "answers": {200: Answer("The resources as they are here.", array(DOCUMENT))},
}
_REFUSED = "CTL-1006 CTL-1008 XDM-1001 XDM-1002 XDM-1003 XDM-1004 XDM-1005"

ROUTES = (
    _route(
        "GET",
        "/sampledata/{id}",
        get_sample,
        "CTL-1007 REG-1008 XDM-1005",
        parameters=_ID,
        answers={200: Answer("A record.", DOCUMENT)},
    ),
    _route(
        "GET",
        "/export/{id}",
        get_export,
        "CTL-1007",
        parameters=_ID,
        answers={200: Answer("Each resource after those that it needs.", array(DOCUMENT))},
    ),
    _route("POST", "/import", post_import, _REFUSED, **_IMPORTS),
    # The usual Python client sends its imports here.
    _route("POST", "/export", post_import, _REFUSED, **_IMPORTS),
    _route(
        "GET",
        "/auditlog/{id}",
        get_audit_log,
        "CTL-1007",
        parameters=_ID,
        answers={200: Answer("Changes, the latest first.", array(DOCUMENT))},
    ),
)
