"""What both collection endpoints do before they accept: find the inlet, judge the caller, read the
body's form. Source: ingestion contract, 2.1, 2.4 and 4.2.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from onefold.api.context import Request, Rooms
from onefold.errors import Forbidden, Malformed, Rejected
from onefold.inlet.accept import json_body
from onefold.store.snapshot import Inlet

FLOW_NAME = "x-adobe-flow-id"
VALIDATION_NAMES = ("syncValidation", "synchronousValidation")


def entered(request: Request, rooms: Rooms) -> Inlet:
    """The inlet of the path, if the caller may use it. Raises NotFound INL-1008, Rejected INL-1012
    to INL-1015."""
    inlet = rooms.inlets.inlet(request.path_parameters["id"])
    if inlet.authentication_required:
        _authenticate(request, rooms, inlet)
    named = request.headers.get("x-sandbox-name")
    if named:
        sandbox = rooms.definitions.sandbox(inlet.org_id, named)
        if sandbox is None or sandbox.id != inlet.sandbox_id:
            raise Malformed("INL-1012", "Message is for another sandbox than the inlet's")
    return inlet


def body_of(request: Request) -> bytes:
    """The body as JSON, whatever form it came in. Raises Malformed INL-1010 or INL-1001, OverLimit
    SML-1002."""
    try:
        return json_body(request.body, request.headers.get("content-type", ""))
    except Rejected as bad:
        if bad.code == "SML-1001":
            raise Malformed("INL-1001", f"Message has unknown xdm format ({bad.detail})") from bad
        raise


def validation_asked(request: Request) -> tuple[str, bool] | None:
    """The name of the validation parameter and its value, None when it is absent."""
    for name, value in parse_qsl(request.raw_query, keep_blank_values=True):
        if name in VALIDATION_NAMES:
            return name, value.strip().lower() == "true"
    return None


def flow_asked(request: Request) -> str:
    """The id of the flow that the records take, of a header or the query; empty when none is
    named."""
    named = request.headers.get(FLOW_NAME, "")
    if named or FLOW_NAME not in request.raw_query:
        return named
    return dict(parse_qsl(request.raw_query)).get(FLOW_NAME, "")


def _authenticate(request: Request, rooms: Rooms, inlet: Inlet) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Forbidden("INL-1013", "Ims service token is empty")
    try:
        principal = rooms.tokens.verified(token.strip())
    except Rejected as bad:
        raise Forbidden("INL-1014", "Ims service token is invalid or expired") from bad
    if principal.org_id != inlet.org_id:
        raise Forbidden("INL-1015", "Ims service token is of another organisation")
