"""`/data/core/identity/cluster/members` and `.../clusters/members`: the older form of graphs.

Source: identity contract, 8.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, TEXT, Answer, Body, array, query, record
from onefold.api.identity.graph import algorithm_of
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


class Question(
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

    def named(self) -> list[Named]:
        """The identities asked for; the first list that is there counts. Raises Malformed PRO-1001
        when there is none."""
        items = self.xids or self.composites or self.with_codes
        named = named_list(items, as_xids=bool(self.xids))
        if not named:
            raise Malformed("PRO-1001", "Missing required query parameter - xids or compositeXids")
        return named


_decode = msgspec.json.Decoder(Question).decode


def get_members(request: Request, rooms: Rooms) -> Response:
    """The identities that are linked with one."""
    parameters = Parameters(request.raw_query)
    return _answered([one_asked(parameters)], parameters.get("graph-type"), request, rooms)


def one_asked(parameters: Parameters) -> Named:
    """The identity that a query names. Raises Malformed PRO-1001 when it names none."""
    if xid := parameters.get("xid"):
        return Named("xid", xid)
    if any(parameters.get(name) for name in ("id", "ns", "namespace", "nsid")):
        code = parameters.get("namespace") or parameters.get("ns")
        return composite({"ns": code, "nsid": parameters.get("nsid"), "id": parameters.get("id")})
    raise Malformed("PRO-1001", "Missing required query parameter - xid or (nsid,id)")


def post_members(request: Request, rooms: Rooms) -> Response:
    """The identities that are linked with each of many; the first list that is there counts."""
    question = decoded(request.body, _decode, what="a question about clusters")
    return _answered(question.named(), question.graph_type or "", request, rooms)


def is_stitched(graph_type: str) -> bool:
    """Whether a graph type links identities. Raises Malformed PRO-1002 for an unknown one."""
    stitched = _STITCHED.get(graph_type.lower())
    if stitched is None:
        raise Malformed(
            "PRO-1002",
            f"The graph-type {graph_type} specified is invalid. Please provide a valid graph-type",
            at="graph-type",
        )
    return stitched


def _answered(asked: Sequence[Named], graph_type: str, request: Request, rooms: Rooms) -> Response:
    """One entry an identity, without members when it has no graph, or none is wanted."""
    assert request.caller is not None
    stitched = is_stitched(graph_type)
    book = book_of(request, rooms)
    pairs = [(named, xid_of(named, book)) for named in asked]
    xids = [xid for _, xid in pairs if xid is not None]
    graphs = rooms.graphs.around(request.caller.sandbox.id, xids if stitched else [])
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
        "algo_type": algorithm_of(request, rooms),
    }
    return json_response(200, answer)


_CLUSTERS = {
    200: Answer(
        "A cluster an identity, in the order asked.",
        record(version=TEXT, clusters=array(DOCUMENT), unprocessedRecords=array()),
    )
}
_FAILS = "PRO-1001 PRO-1002"
NAMED_IN_QUERY = (
    query("xid", "An XID, or else a namespace and an id."),
    query("namespace", "Code of a namespace; also as `ns`."),
    query("nsid", "Its number instead."),
    query("id", "An id of the namespace."),
    query("graph-type", "`private graph`, or `none` for an identity alone."),
)
"""How one identity is named in a query."""

ROUTES = (
    Route(
        "GET",
        "/data/core/identity/cluster/members",
        get_members,
        family="clusters",
        needs="view-identity-graph:read",
        reads=True,
        parameters=NAMED_IN_QUERY,
        answers=_CLUSTERS,
        fails=f"{_FAILS} API-1003",
    ),
    Route(
        "POST",
        "/data/core/identity/clusters/members",
        post_members,
        family="clusters",
        needs="view-identity-graph:read",
        reads=True,
        takes=Body(
            "Identities in one of three lists, as XIDs, or as namespace and id.",
            Question,
            example={"compositeXids": [{"nsid": 6, "id": "kim@example.org"}]},
        ),
        answers=_CLUSTERS,
        fails=_FAILS,
    ),
)
