"""`/data/core/identity/cluster/history` and `.../clusters/history`: which clusters identities were
in, and since when. Source: identity contract, 8.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, NUMBER, Answer, Body, array, query, record, whole
from onefold.api.identity.clusters import NAMED_IN_QUERY, Question, is_stitched, one_asked
from onefold.api.identity.named import Named, book_of, xid_of
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.errors import Malformed
from onefold.lookup.graph import Stay
from onefold.store.tables.cluster_history import KEPT_MS
from onefold.wire import JSON

_TIME_DIGITS_MAX = 15


class _Question(Question):
    timestamp: int | None = None


_decode = msgspec.json.Decoder(_Question).decode


def get_history(request: Request, rooms: Rooms) -> Response:
    """The clusters that one identity was in."""
    parameters = Parameters(request.raw_query)
    is_stitched(parameters.get("graph-type"))
    timestamp = parameters.get("timestamp")
    if timestamp and not (
        timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _TIME_DIGITS_MAX
    ):
        raise Malformed("PRO-1002", "The timestamp is a number of milliseconds", at="timestamp")
    since_ms = int(timestamp) if timestamp else None
    return _answered([one_asked(parameters)], since_ms, request, rooms)


def post_history(request: Request, rooms: Rooms) -> Response:
    """The clusters that each of many identities was in."""
    question = decoded(request.body, _decode, what="a question about clusters")
    is_stitched(question.graph_type or "")
    return _answered(question.named(), question.timestamp, request, rooms)


def _answered(
    asked: Sequence[Named], since_ms: int | None, request: Request, rooms: Rooms
) -> Response:
    """One entry an identity that can be; its history is empty if nothing is known of it."""
    assert request.caller is not None
    now_ms = rooms.clock.now_ms()
    since_ms = now_ms - KEPT_MS if since_ms is None else since_ms
    if not now_ms - KEPT_MS <= since_ms <= now_ms:
        raise Malformed("PRO-1002", "Timestamp should be within last 180 days", at="timestamp")
    book = book_of(request, rooms)
    pairs = [(named, xid_of(named, book)) for named in asked]
    known = [xid for _, xid in pairs if xid is not None]
    histories = rooms.graphs.histories(request.caller.sandbox.id, known, since_ms=since_ms)
    answer = {
        "version": 1,
        "xidsClusterHistory": [
            _entry(xid, histories.get(xid, [])) for _, xid in pairs if xid is not None
        ],
        "unprocessedXids": [n.json() for n, xid in pairs if xid is None and n.form == "xid"],
        "unprocessedNids": [n.json() for n, xid in pairs if xid is None and n.form != "xid"],
    }
    return json_response(200, answer)


def _entry(xid: Xid, stays: Sequence[Stay]) -> JSON:
    identity = xids.decode(xid)
    return {
        "xid": xid,
        "compositeXid": {"nsid": identity.namespace_id, "id": identity.value},
        "clusterHistory": [
            {"clusterId": stay.cluster, "cRecordedTS": str(stay.since_ms)} for stay in stays
        ],
    }


_HISTORY = {
    200: Answer(
        "An entry an identity, in the order asked; times are epoch milliseconds, as text.",
        record(version=NUMBER, xidsClusterHistory=array(DOCUMENT)),
    )
}
_FAILS = "PRO-1001 PRO-1002"

ROUTES = (
    Route(
        "GET",
        "/data/core/identity/cluster/history",
        get_history,
        family="clusters",
        needs="view-identity-graph:read",
        reads=True,
        parameters=(
            *NAMED_IN_QUERY,
            query("timestamp", "Only clusters since this time, epoch ms.", whole(0)),
        ),
        answers=_HISTORY,
        fails=f"{_FAILS} API-1003",
    ),
    Route(
        "POST",
        "/data/core/identity/clusters/history",
        post_history,
        family="clusters",
        needs="view-identity-graph:read",
        reads=True,
        takes=Body(
            "Identities in one of three lists, as for members, and `timestamp`.",
            _Question,
            example={"compositeXids": [{"nsid": 6, "id": "kim@example.org"}]},
        ),
        answers=_HISTORY,
        fails=_FAILS,
    ),
)
