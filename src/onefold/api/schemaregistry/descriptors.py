"""Descriptors of schemas. Source: platform contract, sections 6.2 and 6.6."""

from __future__ import annotations

from onefold.api import paging
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.api.schemaregistry import accept
from onefold.api.schemaregistry.listing import ROOT, listing
from onefold.control import descriptors
from onefold.domain.sandbox import Sandbox
from onefold.wire import JSON, decode_json

_PATH = f"{ROOT}/tenant/descriptors"


def list_descriptors(request: Request, rooms: Rooms) -> Response:
    """All descriptors: grouped by type, or one list in the v2 forms."""
    words = accept.of_descriptors(request.headers.get("accept", ""))
    parameters = Parameters(request.raw_query)
    found = [one.document for one in descriptors.listed(rooms.control, _sandbox(request))]

    def form(document: JSON) -> JSON:
        if "id" in words:
            return document["@id"]
        return f"/tenant/descriptors/{document['@id']}" if "link" in words else document

    if "v2" in words:
        page = max(len(found), 1)  # clients ask again for ever when told of a next page
        return json_response(200, listing(found, parameters, form, path=_PATH, page=page))
    wanted = paging.filters(parameters.properties)
    groups: dict[str, list[JSON]] = {}
    for document in found:
        if all(condition.matches(document) for condition in wanted):
            groups.setdefault(document["@type"], []).append(form(document))
    return json_response(200, groups)


def get_descriptor(request: Request, rooms: Rooms) -> Response:
    """One descriptor, whatever the Accept header says."""
    found = descriptors.got(rooms.control, _sandbox(request), request.path_parameters["id"])
    return json_response(200, found.document)


def post_descriptor(request: Request, rooms: Rooms) -> Response:
    """Make a descriptor."""
    sent = decoded(request.body, decode_json, what="a descriptor")
    made = descriptors.create(rooms.control, rooms.ids, _sandbox(request), sent)
    return json_response(201, made.document)


def put_descriptor(request: Request, rooms: Rooms) -> Response:
    """Replace a descriptor."""
    sent = decoded(request.body, decode_json, what="a descriptor")
    id_ = request.path_parameters["id"]
    return json_response(
        200, descriptors.replace(rooms.control, _sandbox(request), id_, sent).document
    )


def delete_descriptor(request: Request, rooms: Rooms) -> Response:
    """Forget a descriptor."""
    descriptors.delete(rooms.control, _sandbox(request), request.path_parameters["id"])
    return Response(204)


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


ROUTES = (
    Route("GET", _PATH, list_descriptors, family="registry", needs="schemas:read"),
    Route("POST", _PATH, post_descriptor, family="registry", needs="schemas:write"),
    Route("GET", _PATH + "/{id}", get_descriptor, family="registry", needs="schemas:read"),
    Route("PUT", _PATH + "/{id}", put_descriptor, family="registry", needs="schemas:write"),
    Route("DELETE", _PATH + "/{id}", delete_descriptor, family="registry", needs="schemas:write"),
)
