"""Schemas, classes, field groups, data types and behaviours: all kinds are served the same way.

Field groups are also served under their old name, mixins. Source: platform contract, 6.1 to 6.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.api.schemaregistry import accept
from onefold.api.schemaregistry.listing import ROOT, listing
from onefold.control import descriptors, registry, schemas, unions
from onefold.control.registry import GlobalKind
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm import shown
from onefold.domain.xdm.paths import from_pointer
from onefold.domain.xdm.schema import Kind
from onefold.errors import Malformed
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
    """One resource of the sandbox; among schemas, also a union."""

    def handler(request: Request, rooms: Rooms) -> Response:
        name = request.path_parameters["id"]
        if kind == "schemas" and name.endswith(_UNION):
            return get_union(request, rooms)
        found = registry.got(rooms.control, _sandbox(request), kind, name)
        return json_response(200, _shown(request, rooms, found.document))

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
            client_id=request.caller.client_id,
        )
        return json_response(201, made.document)

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
            client_id=request.caller.client_id,
            ingested=rooms.profiles.ingested(sandbox.id),
        )
        return json_response(200, changed.document)

    return handler


def delete(kind: Kind) -> Handler:
    """Remove a resource that nothing uses."""

    def handler(request: Request, rooms: Rooms) -> Response:
        registry.delete(rooms.control, _sandbox(request), kind, request.path_parameters["id"])
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


def _route(method: str, path: str, handler: Handler) -> Route:
    needs = "schemas:read" if method == "GET" else "schemas:write"
    return Route(method, ROOT + path, handler, family="registry", needs=needs)


def _routes(globals_: Mapping[str, GlobalKind], tenant: Mapping[str, Kind]) -> tuple[Route, ...]:
    found = [_route("GET", "/stats", get_stats)]
    for name, kind in globals_.items():
        found.append(_route("GET", f"/global/{name}", list_global(kind)))
        found.append(_route("GET", f"/global/{name}/{{id}}", get_global(kind)))
    for name, own in tenant.items():
        one = f"/tenant/{name}/{{id}}"
        found.append(_route("GET", f"/tenant/{name}", list_tenant(own)))
        found.append(_route("POST", f"/tenant/{name}", post(own)))
        found.append(_route("GET", one, get_tenant(own)))
        found.append(_route("PUT", one, change(own, whole=True)))
        found.append(_route("PATCH", one, change(own, whole=False)))
        found.append(_route("DELETE", one, delete(own)))
    found.append(_route("GET", "/tenant/unions", list_unions))
    found.append(_route("GET", "/tenant/unions/{id}", get_union))
    return tuple(found)


ROUTES = _routes(_GLOBAL, _TENANT)
