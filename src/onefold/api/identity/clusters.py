"""`/data/core/identity/cluster/members` and `.../clusters/members`: the older form of graphs.

Source: identity contract, 8.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.identity.graph import ALGORITHM
from onefold.api.identity.named import Named, book_of, composite, in_form, named_list, xid_of
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.errors import Malformed
from onefold.wire import JSON

_STITCHED = {
    "none": False,
    "": True,
    "private graph": True,
    "private": True,
    "pdg": True,
    "coop": True,
    "psr": True,
}
"""Whether a graph type links identities at all; there is one graph, the private one."""


class _Question(
    msgspec.Struct,
    rename={
        "composites": "compositeXids",
        "with_codes": "compositeXidsWithNamespace",
        "graph_type": "graph-type",
    },
):
    xids: list[Any] | None = None
    composites: list[Any] | None = None
    with_codes: list[Any] | None = None
    graph_type: str | None = None


_decode = msgspec.json.Decoder(_Question).decode


def get_members(request: Request, rooms: Rooms) -> Response:
    """The identities that are linked with one."""
    parameters = Parameters(request.raw_query)
    if xid := parameters.get("xid"):
        named = Named("xid", xid)
    elif any(parameters.get(name) for name in ("id", "ns", "namespace", "nsid")):
        code = parameters.get("namespace") or parameters.get("ns")
        named = composite({"ns": code, "nsid": parameters.get("nsid"), "id": parameters.get("id")})
    else:
        raise Malformed("PRO-1001", "Missing required query parameter - xid or (nsid,id)")
    return _answered([named], parameters.get("graph-type"), request, rooms)


def post_members(request: Request, rooms: Rooms) -> Response:
    """The identities that are linked with each of many; the first list that is there counts."""
    question = decoded(request.body, _decode, what="a question about clusters")
    items = question.xids or question.composites or question.with_codes
    named = named_list(items, as_xids=bool(question.xids))
    if not named:
        raise Malformed("PRO-1001", "Missing required query parameter - xids or compositeXids")
    return _answered(named, question.graph_type or "", request, rooms)


def _answered(asked: Sequence[Named], graph_type: str, request: Request, rooms: Rooms) -> Response:
    """One entry an identity, without members when it has no graph, or none is wanted."""
    assert request.caller is not None
    is_stitched = _STITCHED.get(graph_type.lower())
    if is_stitched is None:
        raise Malformed(
            "PRO-1002",
            f"The graph-type {graph_type} specified is invalid. Please provide a valid graph-type",
            at="graph-type",
        )
    book = book_of(request, rooms)
    pairs = [(named, xid_of(named, book)) for named in asked]
    xids = [xid for _, xid in pairs if xid is not None]
    graphs = rooms.graphs.around(request.caller.sandbox.id, xids if is_stitched else [])
    name = "xid" if asked[0].form == "xid" else "compositeXid"
    clusters: list[JSON] = []
    for named, xid in pairs:
        if xid is not None:
            members = graphs[xid].members if xid in graphs else ()
            shown = [in_form(member, named.form, book) for member in members]
            clusters.append({name: named.json(), "members": shown})
    answer = {
        "version": "1.1.0",
        "clusters": clusters,
        "unprocessedRecords": [named.json() for named, xid in pairs if xid is None],
        "algo_type": ALGORITHM,
    }
    return json_response(200, answer)


ROUTES = (
    Route("GET", "/data/core/identity/cluster/members", get_members, family="clusters"),
    Route("POST", "/data/core/identity/clusters/members", post_members, family="clusters"),
)
