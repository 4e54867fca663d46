"""`/data/foundation/sandbox-management`: the sandboxes of an organisation.

These doors belong to no sandbox, so the sandbox header is not read. Source: platform contract, 4.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from onefold.api import paging
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    TEXT,
    TRUTH,
    Answer,
    Body,
    array,
    path,
    query,
    record,
    whole,
)
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.control import sandboxes
from onefold.domain.sandbox import Sandbox
from onefold.errors import Malformed
from onefold.wire import JSON, encode_json, iso_seconds

ROOT = "/data/foundation/sandbox-management"
PAGE = 50
PAGE_MAX = 1000

NUMBER_MAX = 999_999_999
"""More than PAGE_MAX may be asked for, and gets PAGE_MAX."""

_TEXTS = ("name", "title", "type", "state")
"""What filters take."""
_ORDERS = (*_TEXTS, "isDefault", "createdDate")
"""By what sandboxes can be ordered."""


class _New(msgspec.Struct):
    name: str = ""
    title: str = ""
    type: str = "development"


class _Title(msgspec.Struct):
    title: str = ""


class _Action(msgspec.Struct):
    action: str = ""


_decode_action = msgspec.json.Decoder(_Action).decode
_decode_new = msgspec.json.Decoder(_New).decode
_decode_title = msgspec.json.Decoder(_Title).decode


def list_sandboxes(request: Request, rooms: Rooms) -> Response:
    """A page of the organisation's sandboxes, the oldest first unless ordered otherwise."""
    assert request.caller is not None
    parameters = Parameters(request.raw_query)
    asked = paging.whole(parameters.get("limit"), "limit", PAGE, least=1, most=NUMBER_MAX)
    limit = min(asked, PAGE_MAX)
    offset = paging.whole(parameters.get("offset"), "offset", 0, least=0, most=NUMBER_MAX)
    known = sandboxes.listed(rooms.control, request.caller.org_id)
    found = _matching([_json(sandbox, rooms) for sandbox in known], parameters.properties)
    found = _ordered(found, parameters.get("orderBy"))
    page = found[offset : offset + limit]
    template = {"href": f"{ROOT}/sandboxes{{?limit,offset}}", "templated": True}
    return json_response(
        200,
        {
            "sandboxes": page,
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


def put_sandbox(request: Request, rooms: Rooms) -> Response:
    """Reset a sandbox: everything in it is wiped. 202; it is active again when its data is gone."""
    assert request.caller is not None
    asked = decoded(request.body, _decode_action, what="an action")
    if asked.action != "reset":
        raise Malformed("CTL-1008", 'action is "reset"', at="action")
    made = sandboxes.reset(
        rooms.control,
        rooms.clock,
        rooms.ids,
        org_id=request.caller.org_id,
        name=request.path_parameters["name"],
    )
    return json_response(202, _json(made, rooms))


def delete_sandbox(request: Request, rooms: Rooms) -> Response:
    """Delete a sandbox and everything in it. 202; it is listed until its data is gone."""
    assert request.caller is not None
    gone = sandboxes.delete(
        rooms.control,
        rooms.clock,
        rooms.ids,
        org_id=request.caller.org_id,
        name=request.path_parameters["name"],
    )
    return json_response(202, _json(gone, rooms))


def list_types(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a handler's form
    """The types that a sandbox can have."""
    return json_response(200, {"sandboxTypes": list(sandboxes.TYPES)})


def _json(sandbox: Sandbox, rooms: Rooms) -> JSON:
    said = {
        "id": sandbox.public_id,
        "name": sandbox.name,
        "title": sandbox.title,
        "state": sandbox.state.value,
        "type": sandbox.type,
        "region": rooms.settings.region.upper(),
        "isDefault": sandbox.is_default,
        "createdDate": iso_seconds(sandbox.created_ms)[:-1].replace("T", " "),
    }
    return {**said, "eTag": zlib.crc32(encode_json(said)) - 2**31}


def _matching(found: list[JSON], properties: Sequence[str]) -> list[JSON]:
    """Those that every filter lets through, each `field==value` or `field!=value`."""
    conditions = paging.filters(properties)
    for condition in conditions:
        if condition.name not in _TEXTS or condition.op not in ("==", "!="):
            raise Malformed(
                "CTL-1008", f"property is FIELD==VALUE, of {', '.join(_TEXTS)}", at="property"
            )
    return [said for said in found if all(condition.matches(said) for condition in conditions)]


def _ordered(found: list[JSON], order: str) -> list[JSON]:
    """By the fields named, comma-separated, the first one first; `-` before one turns it around."""
    by = []
    for text in order.split(",") if order else []:
        name = text.lstrip("+- ")  # a raw `+` in a query string decodes to a space
        if name not in _ORDERS:
            raise Malformed("CTL-1008", f"orderBy takes {', '.join(_ORDERS)}", at="orderBy")
        by.append((name, text.startswith("-")))
    return paging.ordered(found, by)


_SANDBOX = record(id=TEXT, name=TEXT, title=TEXT, state=TEXT, type=TEXT, isDefault=TRUTH)
_PAGE = record(sandboxes=array(_SANDBOX), _page=DOCUMENT, _links=DOCUMENT)
_TYPES = record(sandboxTypes=array(TEXT))
_NAME = path("name", "Name of a sandbox.")
_LIST: dict[str, Any] = {
    "parameters": (
        query(
            "limit",
            f"Sandboxes of a page; more than {PAGE_MAX} count as that.",
            whole(1, default=PAGE),
        ),
        query("offset", "Position of the first one.", whole(0, NUMBER_MAX, 0)),
        query("property", f"`FIELD==VALUE` or `!=`, of {', '.join(_TEXTS)}.", array(TEXT)),
        query("orderBy", f"Of {', '.join(_ORDERS)}; `-` before one turns it around."),
    ),
    "answers": {200: Answer("A page.", _PAGE)},
}


def _route(
    method: str, path: str, handler: Handler, needs: str, fails: str = "", **more: Any
) -> Route:
    return Route(
        method,
        ROOT + path,
        handler,
        gate="organisation",
        family="sandboxes",
        needs=needs,
        fails=fails,
        **more,
    )


def _one(status: int, help: str) -> dict[str, Any]:
    """What routes declare that answer one sandbox."""
    return {"parameters": (_NAME,), "answers": {status: Answer(help, _SANDBOX)}}


ROUTES = (
    _route("GET", "", list_sandboxes, "view-sandboxes:read", "CTL-1008 PRO-1002", **_LIST),
    _route(
        "GET", "/sandboxes", list_sandboxes, "view-sandboxes:read", "CTL-1008 PRO-1002", **_LIST
    ),
    _route(
        "POST",
        "/sandboxes",
        post_sandbox,
        "manage-sandboxes:write",
        "CTL-1006 CTL-1008",
        takes=Body("A sandbox.", _New, example={"name": "dev", "title": "Development"}),
        answers={202: Answer("The sandbox, which can be used at once.", _SANDBOX)},
    ),
    _route(
        "GET",
        "/sandboxes/{name}",
        get_sandbox,
        "view-sandboxes:read",
        "CTL-1007",
        **_one(200, "The sandbox."),
    ),
    _route(
        "PATCH",
        "/sandboxes/{name}",
        patch_sandbox,
        "manage-sandboxes:write",
        "CTL-1007 CTL-1008",
        takes=Body("A title.", _Title, example={"title": "Development"}),
        **_one(200, "The sandbox as it is now."),
    ),
    _route(
        "PUT",
        "/sandboxes/{name}",
        put_sandbox,
        "reset-sandboxes:write",
        "CTL-1007 CTL-1008 CTL-1010",
        takes=Body("The action.", _Action, example={"action": "reset"}),
        **_one(202, "The sandbox, which is active again when its data is gone."),
    ),
    _route(
        "DELETE",
        "/sandboxes/{name}",
        delete_sandbox,
        "manage-sandboxes:delete",
        "CTL-1007 CTL-1009 CTL-1010",
        **_one(202, "The sandbox, which is listed until its data is gone."),
    ),
    _route(
        "GET",
        "/sandboxTypes",
        list_types,
        "view-sandboxes:read",
        answers={200: Answer("The types.", _TYPES)},
    ),
)
