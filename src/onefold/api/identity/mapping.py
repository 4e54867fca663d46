"""`/data/core/identity/mapping` and `.../mappings`: what a person is called in another namespace.

Source: identity contract, 8.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, NUMBER, Answer, Body, array, query, record
from onefold.api.identity.clusters import NAMED_IN_QUERY, Question, is_stitched, one_asked
from onefold.api.identity.named import Form, Named, book_of, in_form, xid_of
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.domain.identity.namespace import Namespace, NamespaceBook
from onefold.errors import Malformed
from onefold.lookup.graph import Graph
from onefold.wire import JSON


class _Question(Question, rename={"target": "targetNs"}):
    target: str | int | None = None


_decode = msgspec.json.Decoder(_Question).decode


def get_mapping(request: Request, rooms: Rooms) -> Response:
    """What one identity is called in another namespace."""
    parameters = Parameters(request.raw_query)
    return _answered(
        [one_asked(parameters)],
        parameters.get("targetNs"),
        parameters.get("graph-type"),
        request,
        rooms,
    )


def post_mappings(request: Request, rooms: Rooms) -> Response:
    """What each of many identities is called in another namespace."""
    question = decoded(request.body, _decode, what="a question about mappings")
    target = "" if question.target is None else str(question.target)
    return _answered(question.named(), target, question.graph_type or "", request, rooms)


def _answered(
    asked: Sequence[Named], target: str, graph_type: str, request: Request, rooms: Rooms
) -> Response:
    """One entry an identity that can be; 204 when none of them has anything in the namespace."""
    assert request.caller is not None
    stitched = is_stitched(graph_type)
    book = book_of(request, rooms)
    namespace = _target(target, book)
    pairs = [(named, xid_of(named, book)) for named in asked]
    known = [xid for _, xid in pairs if xid is not None]
    graphs = rooms.graphs.around(
        request.caller.sandbox.id, known if stitched else [], with_edges=True
    )
    entries: list[JSON] = []
    found = False
    for named, xid in pairs:
        if xid is None:
            continue
        mapping = _mapping(graphs.get(xid), namespace, named.form, book)
        found = found or bool(mapping)
        composite = {} if named.form == "xid" else {"compositeXid": named.json()}
        entries.append({"xid": xid, **composite, "mapping": mapping, "regions": []})
    if not found:
        return Response(204)
    answer = {
        "version": 1,
        "mappings": entries,
        "unprocessedXids": [n.json() for n, xid in pairs if xid is None and n.form == "xid"],
        "unprocessedNids": [n.json() for n, xid in pairs if xid is None and n.form != "xid"],
    }
    return json_response(200, answer)


def _target(text: str, book: NamespaceBook) -> Namespace:
    """The namespace asked for, by code or number."""
    if not text:
        raise Malformed("PRO-1001", "Missing required query parameter - targetNs", at="targetNs")
    namespace = book.by_key(text) or book.by_code(text)
    if namespace is None:
        raise Malformed("PRO-1003", f"No namespace is {text[:64]}", at="targetNs")
    return namespace


def _mapping(
    graph: Graph | None, namespace: Namespace, form: Form, book: NamespaceBook
) -> list[JSON]:
    """The members of the graph in the namespace, the one last seen with another one first."""
    if graph is None:
        return []
    name = "xid" if form == "xid" else "compositeXid"
    updated_ms = graph.updated_ms()
    members = [member for member in graph.members if member.namespace_id == namespace.id]
    return [
        {name: in_form(member, form, book), "lastAssociationTime": updated_ms[member.xid]}
        for member in sorted(members, key=lambda m: (-updated_ms[m.xid], m.xid))
    ]


_MAPPINGS = {
    200: Answer(
        "An entry an identity, in the order asked.",
        record(version=NUMBER, mappings=array(DOCUMENT)),
    ),
    204: Answer("None of the identities has one in the namespace.", None),
}
_FAILS = "PRO-1001 PRO-1002 PRO-1003"
_BODY = Body(
    "Identities in one of three lists, as for members, and `targetNs`.",
    _Question,
    example={"compositeXids": [{"nsid": 6, "id": "kim@example.org"}], "targetNs": "ECID"},
)


def _posted(path: str) -> Route:
    return Route(
        "POST",
        path,
        post_mappings,
        family="clusters",
        needs="view-identity-graph:read",
        reads=True,
        takes=_BODY,
        answers=_MAPPINGS,
        fails=_FAILS,
    )


ROUTES = (
    Route(
        "GET",
        "/data/core/identity/mapping",
        get_mapping,
        family="clusters",
        needs="view-identity-graph:read",
        reads=True,
        parameters=(
            *NAMED_IN_QUERY,
            query("targetNs", "Code or number of a namespace.", required=True),
        ),
        answers=_MAPPINGS,
        fails=f"{_FAILS} API-1003",
    ),
    _posted("/data/core/identity/mappings"),
    _posted("/data/core/identity/mapping"),
)
