"""`/data/core/idnamespace`: the namespaces of an organisation.

Source: identity contract, 2.1 and 8.1.
"""

from __future__ import annotations

from typing import Any

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import NUMBER, TEXT, TRUTH, Answer, Body, array, path, record
from onefold.api.json_body import decoded
from onefold.api.route import Handler, Route
from onefold.control import namespaces
from onefold.domain.identity.namespace import Namespace
from onefold.errors import Malformed, NotFound
from onefold.wire import JSON

ROOT = "/data/core/idnamespace"
INTEGRATION = frozenset((13, 14, 16))
"""Standard namespaces of other products, to be looked at only. Source: identity contract, 2.2."""


class _Sent(msgspec.Struct, rename="camel"):
    name: str = ""
    code: str = ""
    id_type: str = ""
    description: str | None = None


_decode = msgspec.json.Decoder(_Sent).decode


def list_namespaces(request: Request, rooms: Rooms) -> Response:
    """All namespaces, the standard ones first: a bare list."""
    assert request.caller is not None
    found = namespaces.listed(rooms.control, request.caller.org_id)
    return json_response(200, [_json(namespace) for namespace in found])


def list_of_organisation(request: Request, rooms: Rooms) -> Response:
    """The same under its older path. Another organisation than the caller's is not there."""
    assert request.caller is not None
    if request.path_parameters["org"] != request.caller.org_id:
        raise NotFound("CTL-1007", "The organisation is not the caller's")
    return list_namespaces(request, rooms)


def post_namespace(request: Request, rooms: Rooms) -> Response:
    """Make a namespace."""
    assert request.caller is not None
    sent = decoded(request.body, _decode, what="a namespace")
    made = namespaces.create(
        rooms.control,
        rooms.clock,
        org_id=request.caller.org_id,
        code=sent.code,
        name=sent.name,
        id_type=sent.id_type,
        description=sent.description or "",
    )
    return json_response(200, _json(made))


def get_namespace(request: Request, rooms: Rooms) -> Response:
    """One namespace by its number."""
    assert request.caller is not None
    found = namespaces.got(rooms.control, request.caller.org_id, _number(request))
    return json_response(200, _json(found))


def put_namespace(request: Request, rooms: Rooms) -> Response:
    """Change name and description."""
    assert request.caller is not None
    sent = decoded(request.body, _decode, what="a namespace")
    changed = namespaces.update(
        rooms.control,
        rooms.clock,
        org_id=request.caller.org_id,
        id=_number(request),
        code=sent.code,
        name=sent.name,
        id_type=sent.id_type,
        description=sent.description,
    )
    return json_response(200, _json(changed))


def _number(request: Request) -> int:
    text = request.path_parameters["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Malformed("PRO-1002", "The id of a namespace is a number", at="id")
    return int(text)


def _json(namespace: Namespace) -> JSON:
    kind = "Integration" if namespace.id in INTEGRATION else "Standard"
    return {
        "id": namespace.id,
        "code": namespace.code,
        "name": namespace.name,
        "description": namespace.description,
        "idType": namespace.id_type,
        "status": "ACTIVE",
        "custom": namespace.custom,
        "namespaceType": "Custom" if namespace.custom else kind,
        "createTime": namespace.created_ms,
        "updateTime": namespace.updated_ms,
    }


_NAMESPACE = record(id=NUMBER, code=TEXT, name=TEXT, idType=TEXT, custom=TRUTH, status=TEXT)
_ONE = {200: Answer("The namespace.", _NAMESPACE)}
_ALL = {200: Answer("The namespaces.", array(_NAMESPACE))}
_SENT = Body(
    f"`idType` is one of {', '.join(sorted(namespaces.ID_TYPES))}.",
    _Sent,
    example={"name": "Shop account", "code": "SHOP_ACCOUNT", "idType": "CROSS_DEVICE"},
)
_ID = path("id", "Number of a namespace.")


def _route(method: str, path: str, handler: Handler, fails: str = "", **more: Any) -> Route:
    needs = "view-identity-namespaces:read"
    if method != "GET":
        needs = "manage-identity-namespaces:write"
    return Route(
        method, ROOT + path, handler, family="namespaces", needs=needs, fails=fails, **more
    )


ROUTES = (
    _route("GET", "/identities", list_namespaces, answers=_ALL),
    _route(
        "POST",
        "/identities",
        post_namespace,
        "CTL-1006 CTL-1008",
        takes=_SENT,
        answers=_ONE,
    ),
    _route(
        "GET",
        "/identities/{id}",
        get_namespace,
        "CTL-1007 PRO-1002",
        parameters=(_ID,),
        answers=_ONE,
    ),
    _route(
        "PUT",
        "/identities/{id}",
        put_namespace,
        "CTL-1007 CTL-1008 PRO-1002",
        parameters=(_ID,),
        takes=_SENT,
        answers=_ONE,
    ),
    _route(
        "GET",
        "/orgs/{org}/identities",
        list_of_organisation,
        "CTL-1007",
        parameters=(path("org", "The caller's organisation."),),
        answers=_ALL,
    ),
)
