"""`POST /data/core/identity/v2/graph`: who is linked with whom. Source: identity contract, 8.3.

Every identity asked for has its entry, in the order asked, even where several share a graph. One
that is alone or was never seen has an entry without members, since it has no graph. One that cannot
be (unknown namespace, no XID) is listed as unprocessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import DOCUMENT, TEXT, Answer, Body, array, record
from onefold.api.identity.named import NAMED_MAX, Form, Named, book_of, in_form, named_list, xid_of
from onefold.api.json_body import decoded
from onefold.api.route import Route
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import NamespaceBook
from onefold.errors import Malformed, OverLimit
from onefold.lookup.graph import Edge, Graph
from onefold.wire import JSON, encode_json

ALGORITHM = "STITCH_ALL"
ALGORITHM_OF_RULES = "STITCH_LINKING_RULES"
"""What `algo_type` says while identity settings are saved. Source: identity contract, 8.3."""
EDGES_MAX = 100_000
"""Edges of one answer, some 30 MB; 80 full graphs of 50 identities have fewer."""
MEDIA_TYPE = "application/json;version=2.2.1;charset=utf-8"
PROJECTIONS = ("set", "graph")


class _Question(msgspec.Struct):
    """composite_xid: the same as composite_xids, as a client spells it; it may be a single one."""

    composite_xids: list[Any] | None = None
    composite_xid: list[Any] | dict[str, Any] | None = None
    xids: list[Any] | None = None
    projection_type: str = ""
    require_edge_meta_data: bool | None = None

    def named(self) -> list[Named]:
        """The identities asked for. Raises Malformed PRO-1001 when there is none."""
        alike = self.composite_xid
        composites = self.composite_xids or ([alike] if isinstance(alike, dict) else alike)
        named = named_list(composites or self.xids, as_xids=not composites)
        if not named:
            raise Malformed("PRO-1001", "Missing required query parameter - xids or compositeXids")
        return named


_decode = msgspec.json.Decoder(_Question).decode


def post_graph(request: Request, rooms: Rooms) -> Response:
    """The members of the graphs around identities, or their vertices and edges."""
    assert request.caller is not None
    question = decoded(request.body, _decode, what="a question about graphs")
    projection = question.projection_type
    if projection not in PROJECTIONS:
        raise Malformed("PRO-1002", "projection_type must be set or graph", at="projection_type")
    book = book_of(request, rooms)
    asked = [(named, xid_of(named, book)) for named in question.named()]
    xids = [xid for _, xid in asked if xid is not None]
    graphs = rooms.graphs.around(request.caller.sandbox.id, xids, with_edges=projection == "graph")
    if sum(len(graphs[xid].edges) for xid in xids if xid in graphs) > EDGES_MAX:
        raise OverLimit("PRO-1002", f"There is a limit of {EDGES_MAX} edges in a single call")
    with_sources = bool(question.require_edge_meta_data)
    return Response(
        200,
        encode_json(
            _answer(asked, graphs, projection, book, with_sources)
            | {"algo_type": algorithm_of(request, rooms)}
        ),
        (),
        MEDIA_TYPE,
    )


def algorithm_of(request: Request, rooms: Rooms) -> str:
    """How graphs of the caller's sandbox are formed."""
    assert request.caller is not None
    snapshot = rooms.definitions.snapshot(request.caller.sandbox.id, request.caller.generation)
    return ALGORITHM if snapshot.rules is None else ALGORITHM_OF_RULES


def _answer(
    asked: Sequence[tuple[Named, Xid | None]],
    graphs: dict[Xid, Graph],
    projection: str,
    book: NamespaceBook,
    with_sources: bool,
) -> dict[str, JSON]:
    name = "xid" if asked[0][0].form == "xid" else "composite_xid"
    entries: list[JSON] = []
    for named, xid in asked:
        if xid is None:
            continue
        graph = graphs.get(xid)
        if projection == "set":
            members = graph.members if graph is not None else ()
            part: JSON = {"members": [in_form(member, named.form, book) for member in members]}
        else:
            part = _drawn(graph, name, named.form, book, with_sources)
        entries.append({name: named.json(), **part})
    return {
        "version": "2.0",
        "graphs": entries,
        f"unprocessed_{name}s": [named.json() for named, xid in asked if xid is None],
    }


def _drawn(
    graph: Graph | None, name: str, form: Form, book: NamespaceBook, with_sources: bool
) -> JSON:
    """Vertices and edges. A vertex was updated when it was last seen with another one."""
    if graph is None:
        return {"vertices": [], "edges": []}
    updated_ms = graph.updated_ms()
    vertices = [
        {name: in_form(member, form, book), "last_updated_ts": updated_ms[member.xid]}
        for member in graph.members
    ]
    edges = [_edge(edge, name, form, book, with_sources) for edge in graph.edges]
    return {"vertices": vertices, "edges": edges}


def _edge(edge: Edge, name: str, form: Form, book: NamespaceBook, with_sources: bool) -> JSON:
    said = {
        f"{name}_pair": [in_form(edge.a, form, book), in_form(edge.b, form, book)],
        "first_established_ts": edge.first_ms,
        "last_established_ts": edge.last_ms,
    }
    if with_sources:
        said |= {"dataset_ids": list(edge.datasets), "batch_ids": []}
    return said


_GRAPHS = record(version=TEXT, graphs=array(DOCUMENT), algo_type=TEXT)

ROUTES = (
    Route(
        "POST",
        "/data/core/identity/v2/graph",
        post_graph,
        family="identity",
        needs="view-identity-graph:read",
        reads=True,
        takes=Body(
            f"At most {NAMED_MAX} identities, as XIDs or as namespace (`ns`, `namespace` or `nsid`)"
            " and `id`; `projection_type` is `set` or `graph`.",
            _Question,
            example={
                "composite_xids": [{"ns": "Email", "id": "kim@example.org"}],
                "projection_type": "graph",
            },
        ),
        answers={200: Answer("An entry an identity, in the order asked.", _GRAPHS, MEDIA_TYPE)},
        fails="PRO-1001 PRO-1002",
    ),
)
