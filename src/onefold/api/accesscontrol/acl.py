"""`/data/foundation/access-control/acl`: which permissions there are, and which the caller has.

Every project may ask for its own, so neither call needs a permission. Source: platform contract,
section 11.
"""

from __future__ import annotations

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import TEXT, Answer, Body, array, choice, keyed, record
from onefold.api.json_body import decoded
from onefold.api.route import Route
from onefold.domain import permissions
from onefold.domain.permissions import ALL, PERMISSIONS
from onefold.errors import Malformed
from onefold.wire import JSON

ROOT = "/data/foundation/access-control/acl"
ASKED_MAX = 500
_PERMISSION = "/permissions/"
_RESOURCE_TYPE = "/resource-types/"
_decode_names = msgspec.json.Decoder(list[str]).decode


def get_reference(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a handler's form
    """Every permission with the resource types it is about, and every resource type."""
    return json_response(
        200,
        {
            "permissions": {
                name: {kind: list(permission.actions) for kind in permission.resource_types}
                for name, permission in PERMISSIONS.items()
            },
            "resource-types": {
                kind: permissions.actions(permissions.EVERY_NEED, kind)
                for permission in PERMISSIONS.values()
                for kind in permission.resource_types
            },
        },
    )


def post_effective_policies(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - same
    """What the caller may do, of what is asked for, in the sandbox of the request."""
    assert request.caller is not None
    asked = decoded(request.body, _decode_names, what="an array of names")
    if len(asked) > ASKED_MAX:
        raise Malformed("CTL-1008", f"At most {ASKED_MAX} names in one request")
    held = request.caller.permissions
    found = {name: _actions(name, held) for name in asked}
    policies: dict[str, JSON] = {name: may for name, may in found.items() if may}
    return json_response(200, {"policies": policies})


def _actions(name: str, held: frozenset[str]) -> list[str]:
    if name.startswith(_PERMISSION):
        known = name.removeprefix(_PERMISSION)
        if known in PERMISSIONS:
            return [action for action in ALL if f"{known}:{action}" in held]
    elif name.startswith(_RESOURCE_TYPE):
        kind = name.removeprefix(_RESOURCE_TYPE)
        if any(kind in permission.resource_types for permission in PERMISSIONS.values()):
            return permissions.actions(held, kind)
    raise Malformed("CTL-1008", f"{name!r} is no permission and no resource type")


_ACTIONS = array(choice(*ALL))

ROUTES = (
    Route(
        "GET",
        f"{ROOT}/reference",
        get_reference,
        gate="organisation",
        family="sandboxes",
        answers={
            200: Answer(
                "Actions by resource type, and those by permission.",
                record(permissions=keyed(keyed(_ACTIONS)), **{"resource-types": keyed(_ACTIONS)}),
            )
        },
        fails="",
    ),
    Route(
        "POST",
        f"{ROOT}/effective-policies",
        post_effective_policies,
        family="sandboxes",
        takes=Body(
            f"Up to {ASKED_MAX} names: `/permissions/NAME` or `/resource-types/NAME`.",
            array(TEXT),
            example=["/permissions/manage-datasets", "/resource-types/schemas"],
        ),
        answers={200: Answer("Actions by name.", record(policies=keyed(_ACTIONS)))},
        fails="CTL-1008",
    ),
)
