"""`GET /data/core/identity/identity`: the XID of an identity. Source: identity contract, 8.2."""

from __future__ import annotations

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import TEXT, Answer, query, record
from onefold.api.identity.named import Named, book_of, xid_of
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.errors import Malformed


def get_xid(request: Request, rooms: Rooms) -> Response:
    """The XID of a namespace (by code, else by number) and an id; nothing is stored."""
    parameters = Parameters(request.raw_query)
    id_, code, number = (parameters.get(name) for name in ("id", "namespace", "nsid"))
    for name, value in (("namespace", code or number), ("id", id_)):
        if not value:
            raise Malformed("PRO-1001", f"Missing required query parameter - {name}", at=name)
    named = Named("ns", id_, code) if code else Named("nsid", id_, number)
    xid = xid_of(named, book_of(request, rooms))
    if xid is None:
        raise Malformed(
            "PRO-1003",
            f"The provided namespace={code or number} and id={id_} is invalid."
            " Name a known namespace and an id of 1 to 1024 characters.",
        )
    return json_response(200, {"xid": xid}, (("cache-control", "no-cache"),))


ROUTES = (
    Route(
        "GET",
        "/data/core/identity/identity",
        get_xid,
        family="identity",
        needs="view-identity-graph:read",
        parameters=(
            query("namespace", "Code of a namespace, in any case."),
            query("nsid", "Its number instead."),
            query("id", "The id, of 1 to 1024 characters.", required=True),
        ),
        answers={200: Answer("The XID.", record(xid=TEXT))},
        fails="PRO-1001 PRO-1002 PRO-1003",
    ),
)
