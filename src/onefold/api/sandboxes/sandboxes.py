"""`/data/foundation/sandbox-management`: the sandboxes of an organisation.

These doors belong to no sandbox, so the sandbox header is not read. Source: platform contract, 4.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.control import sandboxes
from onefold.domain.sandbox import Sandbox
from onefold.errors import Malformed
from onefold.wire import JSON, encode_json, iso_seconds

ROOT = "/data/foundation/sandbox-management"
PAGE = 50
PAGE_MAX = 1000

_FIELDS: dict[str, Callable[[Sandbox], str | int]] = {
    "name": lambda sandbox: sandbox.name,
    "title": lambda sandbox: sandbox.title,
    "type": lambda sandbox: sandbox.type,
    "state": lambda _: "active",
    "isDefault": lambda sandbox: sandbox.is_default,
    "createdDate": lambda sandbox: sandbox.created_ms,
}
"""By what sandboxes can be ordered; filters take those whose value is a text."""
_TEXTS = ("name", "title", "type", "state")


class _New(msgspec.Struct):
    name: str = ""
    title: str = ""
    type: str = "development"


class _Title(msgspec.Struct):
    title: str = ""


_decode_new = msgspec.json.Decoder(_New).decode
_decode_title = msgspec.json.Decoder(_Title).decode


def list_sandboxes(request: Request, rooms: Rooms) -> Response:
    """A page of the organisation's sandboxes, the oldest first unless ordered otherwise."""
    assert request.caller is not None
    parameters = Parameters(request.raw_query)
    limit = min(_whole(parameters, "limit", PAGE, least=1), PAGE_MAX)
    offset = _whole(parameters, "offset", 0, least=0)
    found = sandboxes.listed(rooms.control, request.caller.org_id)
    found = _ordered(_matching(found, parameters.properties), parameters.get("orderBy"))
    page = found[offset : offset + limit]
    template = {"href": f"{ROOT}/sandboxes{{?limit,offset}}", "templated": True}
    return json_response(
        200,
        {
            "sandboxes": [_json(sandbox, rooms) for sandbox in page],
            "_page": {"limit": limit, "count": len(page)},
            "_links": {"page": template},
        },
    )


def get_sandbox(request: Request, rooms: Rooms) -> Response:
    """One sandbox by its name."""
    assert request.caller is not None
    name = request.path_parameters["name"]
    found = sandboxes.got(rooms.control, request.caller.org_id, name)
    return json_response(200, _json(found, rooms))


def post_sandbox(request: Request, rooms: Rooms) -> Response:
    """Make a sandbox. It can be used at once, though the documented answer says `creating`."""
    assert request.caller is not None
    new = decoded(request.body, _decode_new, what="a sandbox")
    made = sandboxes.create(
        rooms.control,
        rooms.clock,
        rooms.ids,
        org_id=request.caller.org_id,
        name=new.name,
        title=new.title,
        type=new.type,
    )
    return json_response(202, {**_json(made, rooms), "state": "creating"})


def patch_sandbox(request: Request, rooms: Rooms) -> Response:
    """Change the title."""
    assert request.caller is not None
    title = decoded(request.body, _decode_title, what="a sandbox").title
    name = request.path_parameters["name"]
    renamed = sandboxes.rename(rooms.control, org_id=request.caller.org_id, name=name, title=title)
    return json_response(200, _json(renamed, rooms))


def list_types(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a handler's form
    """The types that a sandbox can have."""
    return json_response(200, {"sandboxTypes": list(sandboxes.TYPES)})


def _json(sandbox: Sandbox, rooms: Rooms) -> JSON:
    said = {
        "id": sandbox.id,
        "name": sandbox.name,
        "title": sandbox.title,
        "state": "active",
        "type": sandbox.type,
        "region": rooms.settings.region.upper(),
        "isDefault": sandbox.is_default,
        "createdDate": iso_seconds(sandbox.created_ms)[:-1].replace("T", " "),
    }
    return {**said, "eTag": zlib.crc32(encode_json(said)) - 2**31}


def _matching(found: list[Sandbox], properties: Sequence[str]) -> list[Sandbox]:
    """Those that every filter lets through, each `field==value` or `field!=value`."""
    for text in properties:
        operator = "==" if "==" in text else "!="
        name, told, wanted = text.partition(operator)
        if not told or name not in _TEXTS:
            raise Malformed(
                "PRO-1002", f"property is FIELD==VALUE, of {', '.join(_TEXTS)}", at="property"
            )
        field = _FIELDS[name]
        found = [s for s in found if (field(s) == wanted) == (operator == "==")]
    return found


def _ordered(found: list[Sandbox], order: str) -> list[Sandbox]:
    """By the fields named, comma-separated, the first one first; `-` before one turns it around."""
    for text in reversed(order.split(",") if order else []):
        name = text.lstrip("+- ")  # a raw `+` in a query string decodes to a space
        if name not in _FIELDS:
            raise Malformed("PRO-1002", f"orderBy takes {', '.join(_FIELDS)}", at="orderBy")
        found = sorted(found, key=_FIELDS[name], reverse=text.startswith("-"))
    return found


def _whole(parameters: Parameters, name: str, default: int, *, least: int) -> int:
    text = parameters.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) < least:
        raise Malformed("PRO-1002", f"{name} must be a whole number from {least}", at=name)
    return int(text)


def _route(method: str, path: str, handler: Callable[[Request, Rooms], Response]) -> Route:
    return Route(method, ROOT + path, handler, gate="organisation", family="sandboxes")


ROUTES = (
    _route("GET", "", list_sandboxes),
    _route("GET", "/sandboxes", list_sandboxes),
    _route("POST", "/sandboxes", post_sandbox),
    _route("GET", "/sandboxes/{name}", get_sandbox),
    _route("PATCH", "/sandboxes/{name}", patch_sandbox),
    _route("GET", "/sandboxTypes", list_types),
)
