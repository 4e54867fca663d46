"""Descriptors of schemas. Source: platform contract, sections 6.2 and 6.6."""

from __future__ import annotations

from typing import Any

from onefold.api import conditions, paging
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import TEXT, Answer, Body, array, either, header, keyed, path, record
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.api.schemaregistry import accept
from onefold.api.schemaregistry.listing import PAGE_FORM, PARAMETERS, ROOT, listing
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
    return json_response(200, found.document, conditions.etag(descriptors.etag(found)))


def post_descriptor(request: Request, rooms: Rooms) -> Response:
    """Make a descriptor."""
    sent = decoded(request.body, decode_json, what="a descriptor")
    made = descriptors.create(rooms.control, rooms.ids, _sandbox(request), sent)
    return json_response(201, made.document, conditions.etag(descriptors.etag(made)))


def put_descriptor(request: Request, rooms: Rooms) -> Response:
    """Replace a descriptor."""
    sent = decoded(request.body, decode_json, what="a descriptor")
    id_ = request.path_parameters["id"]
    if_match = conditions.wanted(request)
    new = descriptors.replace(rooms.control, _sandbox(request), id_, sent, if_match=if_match)
    return json_response(200, new.document, conditions.etag(descriptors.etag(new)))


def delete_descriptor(request: Request, rooms: Rooms) -> Response:
    """Forget a descriptor."""
    id_, if_match = request.path_parameters["id"], conditions.wanted(request)
    descriptors.delete(rooms.control, _sandbox(request), id_, if_match=if_match)
    return Response(204)


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


_ID = (path("id", "`@id` of a descriptor."),)
_DESCRIPTOR = record(**{"@type": TEXT, "xdm:sourceSchema": TEXT})
_SENT = Body(
    "A descriptor. Those of identities have an effect; others are kept as they are sent.",
    _DESCRIPTOR,
    example={
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": "$SCHEMA",
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/_acme/email",
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        "xdm:isPrimary": False,
    },
)
_IF_MATCH = header("if-match", "Only if the descriptor still has this `ETag`.")
_KEPT = record(**{"@id": TEXT, "@type": TEXT})
_FAILS = "CTL-1006 CTL-1007 CTL-1008 XDM-1006"


def _route(method: str, path: str, handler: Handler, needs: str, fails: str, **more: Any) -> Route:
    return Route(method, _PATH + path, handler, family="registry", needs=needs, fails=fails, **more)


ROUTES = (
    _route(
        "GET",
        "",
        list_descriptors,
        "view-schemas:read",
        "CTL-1008 PRO-1002 REG-1003 REG-1004",
        parameters=(*PARAMETERS, accept.HEADER),
        answers={200: Answer("By type, or one list.", either(PAGE_FORM, keyed(array())))},
    ),
    _route(
        "POST",
        "",
        post_descriptor,
        "manage-schemas:write",
        _FAILS,
        takes=_SENT,
        answers={201: Answer("The descriptor with its `@id`.", _KEPT)},
    ),
    _route(
        "GET",
        "/{id}",
        get_descriptor,
        "view-schemas:read",
        "CTL-1007",
        parameters=_ID,
        answers={200: Answer("The descriptor.", _KEPT)},
    ),
    _route(
        "PUT",
        "/{id}",
        put_descriptor,
        "manage-schemas:write",
        f"{_FAILS} REG-1007",
        parameters=(*_ID, _IF_MATCH),
        takes=_SENT,
        answers={200: Answer("The descriptor as it is now.", _KEPT)},
    ),
    _route(
        "DELETE",
        "/{id}",
        delete_descriptor,
        "manage-schemas:delete",
        "CTL-1007 REG-1007",
        parameters=(*_ID, _IF_MATCH),
        answers={204: Answer("It is gone; links that it made stay.", None)},
    ),
)
