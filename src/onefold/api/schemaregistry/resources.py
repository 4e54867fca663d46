"""Schemas, classes, field groups, data types and behaviours: all kinds are served the same way.

Field groups are also served under their old name, mixins. Source: platform contract, 6.1 to 6.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from onefold.api import conditions
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    FILLED,
    NUMBER,
    PATCH,
    TEXT,
    Answer,
    Body,
    header,
    keyed,
    path,
    record,
)
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.api.schemaregistry import accept
from onefold.api.schemaregistry.listing import PAGES, PARAMETERS, ROOT, listing
from onefold.control import descriptors, registry, schemas, unions
from onefold.control.auditlog import Author
from onefold.control.registry import GlobalKind
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm import shown
from onefold.domain.xdm.paths import from_pointer
from onefold.domain.xdm.schema import Kind
from onefold.errors import Malformed, NotFound
from onefold.wire import JSON, decode_json

_TENANT: dict[str, Kind] = {
    "schemas": "schemas",
    "classes": "classes",
    "fieldgroups": "mixins",
    "mixins": "mixins",
    "datatypes": "datatypes",
}
_GLOBAL: dict[str, GlobalKind] = {**_TENANT, "behaviors": "behaviors"}
_ID_WORDS = ("title", "$id", "meta:altId", "version")
_DEPRECATED = "xdm:descriptorDeprecated"
_UNION = "__union"

Handler = Callable[[Request, Rooms], Response]


def list_global(kind: GlobalKind) -> Handler:
    """The standard resources of a kind."""

    def handler(request: Request, _: Rooms) -> Response:
        return _list(request, registry.standard(kind))

    return handler


def get_global(kind: GlobalKind) -> Handler:
    """One standard resource."""

    def handler(request: Request, rooms: Rooms) -> Response:
        document = registry.standard_one(kind, request.path_parameters["id"])
        return json_response(200, _shown(request, rooms, document))

    return handler


def list_tenant(kind: Kind) -> Handler:
    """The sandbox's own resources of a kind."""

    def handler(request: Request, rooms: Rooms) -> Response:
        own = schemas.listed(rooms.control, _sandbox(request), kind)
        return _list(request, [resource.document for resource in own])

    return handler


def get_tenant(kind: Kind) -> Handler:
    """One resource of the sandbox; among schemas, also a union.

    A standard one is found here too: clients that follow `$ref`s of own resources ask nowhere else.
    """

    def handler(request: Request, rooms: Rooms) -> Response:
        name = request.path_parameters["id"]
        if kind == "schemas" and name.endswith(_UNION):
            return get_union(request, rooms)
        try:
            found = registry.got(rooms.control, _sandbox(request), kind, name)
        except NotFound:
            return get_global(kind)(request, rooms)
        headers = conditions.etag(schemas.etag(found))
        return json_response(200, _shown(request, rooms, found.document), headers)

    return handler


def post(kind: Kind) -> Handler:
    """Make a resource of the kind."""

    def handler(request: Request, rooms: Rooms) -> Response:
        assert request.caller is not None
        made = registry.create(
            rooms.control,
            rooms.clock,
            rooms.ids,
            request.caller.sandbox,
            kind,
            decoded(request.body, decode_json, what="a resource"),
            author=author_of(request),
        )
        return json_response(201, made.document, conditions.etag(schemas.etag(made)))

    return handler


def change(kind: Kind, *, whole: bool) -> Handler:
    """Replace a resource (`whole`), or apply a JSON Patch to it."""
    act = registry.replace if whole else registry.patch

    def handler(request: Request, rooms: Rooms) -> Response:
        assert request.caller is not None
        sandbox = request.caller.sandbox
        changed = act(
            rooms.control,
            rooms.clock,
            sandbox,
            kind,
            request.path_parameters["id"],
            decoded(request.body, decode_json, what="a resource"),
            author=author_of(request),
            ingested=rooms.profiles.ingested(sandbox.id),
            if_match=conditions.wanted(request),
        )
        return json_response(200, changed.document, conditions.etag(schemas.etag(changed)))

    return handler


def delete(kind: Kind) -> Handler:
    """Remove a resource that nothing uses."""

    def handler(request: Request, rooms: Rooms) -> Response:
        registry.delete(
            rooms.control,
            rooms.clock,
            _sandbox(request),
            kind,
            request.path_parameters["id"],
            author=author_of(request),
            if_match=conditions.wanted(request),
        )
        return Response(204)

    return handler


def list_unions(request: Request, rooms: Rooms) -> Response:
    """The unions of the sandbox."""
    return _list(request, unions.listed(rooms.control, _sandbox(request)))


def get_union(request: Request, rooms: Rooms) -> Response:
    """One union, by `$id` or `meta:altId`; resolved when the form is full."""
    words = accept.of_lookup(request.headers.get("accept", ""))
    document = unions.got(
        rooms.control, _sandbox(request), request.path_parameters["id"], full="full" in words
    )
    if "notext" in words:
        shown.without_texts(document)
    return json_response(200, document)


def get_stats(request: Request, rooms: Rooms) -> Response:
    """How many resources there are, the newest ones, and the tenant's id."""
    return json_response(200, registry.stats(rooms.control, _sandbox(request)))


def author_of(request: Request) -> Author:
    """Who makes the request, for the audit log."""
    assert request.caller is not None
    return Author(request.caller.client_id, request.request_id)


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


def _list(request: Request, documents: list[dict[str, JSON]]) -> Response:
    words = accept.of_list(request.headers.get("accept", ""))

    def form(document: JSON) -> JSON:
        if "id" in words:
            return {word: document[word] for word in _ID_WORDS}
        return document

    body = listing(documents, Parameters(request.raw_query), form, path=request.path)
    kind = request.path.rpartition("/")[2]
    if kind in _GLOBAL and f"{ROOT}/tenant/" in request.path:
        body["_links"][f"global_{kind}"] = {"href": f"{ROOT}/global/{kind}"}
    return json_response(200, body)


def _shown(request: Request, rooms: Rooms, document: dict[str, JSON]) -> JSON:
    """One resource in the form that the Accept header asks for."""
    words = accept.of_lookup(request.headers.get("accept", ""))
    if "id" in words:
        return {word: document[word] for word in _ID_WORDS}
    sandbox = _sandbox(request)
    if "full" in words:
        document = shown.resolved(document, schemas.library(rooms.control, sandbox))
    said = [
        descriptor.document
        for descriptor in descriptors.listed(rooms.control, sandbox)
        if descriptor.schema_id == document["$id"]
    ]
    if words & {"deprecated", "deprecatefield"}:
        _flag(document, said)
    if "notext" in words:
        shown.without_texts(document)
    return {**document, "meta:descriptors": said} if "desc" in words else document


def _flag(document: dict[str, JSON], said: list[JSON]) -> None:
    """Mark the fields that descriptors call deprecated."""
    for descriptor in said:
        written = descriptor.get("xdm:sourceProperty")
        if descriptor["@type"] != _DEPRECATED or not isinstance(written, str):
            continue
        try:
            path = from_pointer(written)
        except Malformed:
            continue  # kept as it was sent, and names no field
        node: JSON = document
        for step in path:
            below = node.get("properties") if isinstance(node, dict) else None
            node = below.get(step) if isinstance(below, dict) else None
        if isinstance(node, dict):
            node["meta:status"] = "deprecated"


_NEEDS = {
    "GET": "view-schemas:read",
    "POST": "manage-schemas:write",
    "PUT": "manage-schemas:write",
    "PATCH": "manage-schemas:write",
    "DELETE": "manage-schemas:delete",
}


def _route(method: str, path: str, handler: Handler, summary: str, **more: Any) -> Route:
    return Route(
        method,
        ROOT + path,
        handler,
        family="registry",
        needs=_NEEDS[method],
        summary=summary,
        **more,
    )


def _list_route(path: str, handler: Handler, summary: str) -> Route:
    return _route(
        "GET",
        path,
        handler,
        summary,
        parameters=(*PARAMETERS, accept.HEADER),
        answers=PAGES,
        fails="CTL-1008 PRO-1002 REG-1001 REG-1004",
    )


def _one_route(path: str, handler: Handler, summary: str) -> Route:
    return _route(
        "GET",
        path,
        handler,
        summary,
        parameters=(_ID, accept.HEADER),
        answers={200: Answer("The resource, in the form that `Accept` asks for.", _RESOURCE)},
        fails=f"{_COMPOSING} CTL-1007 REG-1002 REG-1004",
    )


def _own_routes(name: str, kind: Kind) -> Iterator[Route]:
    """What there is of the sandbox's own resources of a kind."""
    words, one = _WORDS[name], f"/tenant/{name}/{{id}}"
    yield _list_route(f"/tenant/{name}", list_tenant(kind), f"Own {words}.")
    yield _route(
        "POST",
        f"/tenant/{name}",
        post(kind),
        f"Make one of the {words}.",
        takes=_DOCUMENT,
        answers={201: Answer("The resource, with what the registry assigns.", _RESOURCE)},
        fails=f"{_COMPOSING} CTL-1006 CTL-1008",
    )
    yield _one_route(one, get_tenant(kind), f"One of the own {words}, or a standard one.")
    yield _route(
        "PUT",
        one,
        change(kind, whole=True),
        f"Replace one of the own {words}.",
        parameters=(_ID, _IF_MATCH),
        takes=_DOCUMENT,
        answers={200: Answer("The resource as it is now.", _RESOURCE)},
        fails=_CHANGING,
    )
    yield _route(
        "PATCH",
        one,
        change(kind, whole=False),
        f"Change one of the own {words}.",
        parameters=(_ID, _IF_MATCH),
        takes=Body("A JSON Patch.", PATCH, example=_ENABLE),
        answers={200: Answer("The resource as it is now.", _RESOURCE)},
        fails=_CHANGING,
    )
    yield _route(
        "DELETE",
        one,
        delete(kind),
        f"Remove one of the own {words} that nothing uses.",
        parameters=(_ID, _IF_MATCH),
        answers={204: Answer("It is gone.", None)},
        fails="CTL-1007 REG-1006 REG-1007",
    )


_WORDS = {
    "schemas": "schemas",
    "classes": "classes",
    "fieldgroups": "field groups",
    "mixins": "field groups, by their old name",
    "datatypes": "data types",
    "behaviors": "behaviours",
}
_ID = path("id", "A `$id`, percent-encoded, or a `meta:altId`.")
_IF_MATCH = header("if-match", "Only if the resource still has this `ETag`.")
_RESOURCE = {**DOCUMENT, "required": ["title", "$id", "meta:altId", "version"]}
_DOCUMENT = Body(
    "A JSON Schema document; what the registry assigns is passed over.",
    record(title=FILLED),
    example={
        "title": "Visits",
        "type": "object",
        "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/experienceevent"}],
    },
)
_ENABLE = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
_COMPOSING = "XDM-1001 XDM-1002 XDM-1003 XDM-1004 XDM-1005"
_CHANGING = f"{_COMPOSING} CTL-1006 CTL-1007 CTL-1008 REG-1005 REG-1007 XDM-1006"
_STATS = record(imsOrg=TEXT, tenantId=TEXT, counts=keyed(NUMBER), classUsage=keyed())

ROUTES = (
    _route(
        "GET",
        "/stats",
        get_stats,
        "How many resources there are, the newest ones, and the tenant's id.",
        answers={200: Answer("The figures.", _STATS)},
        fails="",
    ),
    *(
        route
        for name, kind in _GLOBAL.items()
        for route in (
            _list_route(f"/global/{name}", list_global(kind), f"Standard {_WORDS[name]}."),
            _one_route(
                f"/global/{name}/{{id}}", get_global(kind), f"One of the standard {_WORDS[name]}."
            ),
        )
    ),
    *(route for name, kind in _TENANT.items() for route in _own_routes(name, kind)),
    _list_route("/tenant/unions", list_unions, "The unions of the sandbox."),
    _one_route("/tenant/unions/{id}", get_union, "One union."),
)
