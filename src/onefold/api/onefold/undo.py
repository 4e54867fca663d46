"""`/onefold/v1/undo`: take back one link or one record, list what is undone, and lift it again. An
extension of Onefold's own.

An undo is accepted like a record: 202 says that it is on disk, and a read that names its position
answers as if what was undone had never been.
"""

from __future__ import annotations

import msgspec

from onefold.api import paging
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, NUMBER, Answer, Body, array, query, record, whole
from onefold.api.json_body import decoded
from onefold.api.onefold.asking import (
    NUMBER_MAX,
    caller_of,
    code_of,
    dataset_json,
    identity_asked,
    identity_json,
    parameters,
    snapshot_of,
)
from onefold.api.position import WRITTEN, written
from onefold.api.route import Route
from onefold.domain.identity.identity import Xid
from onefold.domain.suppression import EVER, RECORD
from onefold.errors import Malformed
from onefold.lookup.undoing import LINK, Order, Recorded, Undone, Which
from onefold.store.snapshot import Snapshot
from onefold.wire import JSON, iso_millis

PATH = "/onefold/v1/undo"
PAGE = 100
PAGE_MAX = 1_000
REASON_MAX = 500
"""Characters."""


class _Identity(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    entity_id: str
    namespace: str = msgspec.field(default="", name="entityIdNS")


class _Link(msgspec.Struct, forbid_unknown_fields=True):
    one: _Identity = msgspec.field(name="from")
    other: _Identity = msgspec.field(name="to")


class _Record(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    entity_id: str
    namespace: str = msgspec.field(default="", name="entityIdNS")
    event_id: str = ""
    dataset_id: str = ""
    record_number: int | None = None


class _Undo(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """What an undo takes: one of the first three. Unknown members are refused, since one that is
    passed over would undo what was not meant."""

    link: _Link | None = None
    record: _Record | None = None
    record_number: int | None = None
    reason: str = ""


_decode = msgspec.json.Decoder(_Undo).decode


def post_undo(request: Request, rooms: Rooms) -> Response:
    """Undo one link or one record."""
    asked = decoded(request.body, _decode, what="an undo")
    if sum(one is not None for one in (asked.link, asked.record, asked.record_number)) != 1:
        raise Malformed("CTL-1008", "Send one of link, record and recordNumber")
    if len(asked.reason) > REASON_MAX:
        raise Malformed("CTL-1008", f"reason has at most {REASON_MAX} characters", at="reason")
    sandbox, snapshot = caller_of(request).sandbox.id, snapshot_of(request, rooms)
    if asked.link is not None:
        one, other = (_xid(snapshot, end) for end in (asked.link.one, asked.link.other))
        if one == other:
            raise Malformed("CTL-1008", "A link is between two identities", at="link")
        order = rooms.undoing.link(sandbox, one, other, reason=asked.reason)
    else:
        order = rooms.undoing.record(sandbox, _which(asked, snapshot), reason=asked.reason)
    position, _ = rooms.inlets.order(sandbox, order.removal, trace=_trace(rooms))
    return json_response(202, _ordered(order, snapshot, position), (written(position),))


def list_undone(request: Request, rooms: Rooms) -> Response:
    """A page of what is undone: links, records, and identities of deleted people."""
    given = parameters(request.raw_query, ("limit", "start"))
    limit = paging.whole(given.get("limit", ""), "limit", PAGE, least=1, most=PAGE_MAX)
    sandbox, snapshot = caller_of(request).sandbox.id, snapshot_of(request, rooms)
    page = rooms.undoing.listed(sandbox, start=given.get("start", ""), limit=limit + 1)
    following = page[limit - 1].id if len(page) > limit else None
    page = page[:limit]
    return json_response(
        200,
        {
            "undone": [_undone(one, snapshot) for one in page],
            "_page": {"limit": limit, "count": len(page), "next": following},
        },
    )


def delete_undo(request: Request, rooms: Rooms) -> Response:
    """Lift an undo."""
    sandbox, undo_id = caller_of(request).sandbox.id, request.path_parameters["id"]
    removal = rooms.undoing.lift(sandbox, undo_id)
    position, _ = rooms.inlets.order(sandbox, removal, trace=_trace(rooms))
    return json_response(202, {"id": undo_id, "position": position}, (written(position),))


def _xid(snapshot: Snapshot, named: _Identity | _Record) -> Xid:
    return identity_asked(snapshot, named.entity_id, named.namespace)[0]


def _which(asked: _Undo, snapshot: Snapshot) -> Which:
    """The record that is meant. Raises Malformed CTL-1008, and as `identity_asked` does."""
    given = asked.record
    number = asked.record_number if given is None else given.record_number
    if number is not None and not 0 < number <= NUMBER_MAX:
        raise Malformed("CTL-1008", "recordNumber is that of a record", at="recordNumber")
    if given is None:
        return Which(None, number=number)
    if given.event_id and given.dataset_id:
        raise Malformed("CTL-1008", "Send eventId or datasetId, not both", at="record")
    if not given.event_id and not given.dataset_id and number is None:
        raise Malformed("CTL-1008", "Send eventId, datasetId or recordNumber", at="record")
    return Which(_xid(snapshot, given), given.event_id, given.dataset_id, number)


def _ordered(order: Order, snapshot: Snapshot, position: int) -> dict[str, JSON]:
    said: dict[str, JSON] = {"id": order.id, "position": position}
    if order.record is not None:
        return {**said, "kind": RECORD, "record": _recorded(order.record, snapshot)}
    (pair,) = order.removal.cuts
    one, other = (identity_json(snapshot, xid) for xid in pair)
    return {
        **said,
        "kind": LINK,
        "link": {"from": one, "to": other},
        "stillOnePerson": bool(order.through),
        "through": [identity_json(snapshot, xid) for xid in order.through],
    }


def _recorded(found: Recorded, snapshot: Snapshot) -> dict[str, JSON]:
    kind = "graphOnly" if found.graph_only else "event" if found.event_id else "profileRecord"
    return {
        "kind": kind,
        "recordNumber": found.number,
        "eventId": found.event_id or None,
        **dataset_json(snapshot, found.dataset),
        "identity": identity_json(snapshot, found.owner),
    }


def _undone(one: Undone, snapshot: Snapshot) -> dict[str, JSON]:
    said = {"id": one.id, "kind": one.kind, "undoneAt": iso_millis(one.made_ms)}
    if one.pair is not None:
        ends = [identity_json(snapshot, xid) for xid in one.pair]
        return {**said, "from": ends[0], "to": ends[1], "reason": one.request}
    if one.kind == RECORD:
        return {**said, **dataset_json(snapshot, one.detail), "reason": one.request}
    namespace = code_of(snapshot, int(one.detail)) if one.detail.isdigit() else None
    until = None if one.until_ms >= EVER else iso_millis(one.until_ms)
    return {**said, "namespace": namespace, "until": until, "request": one.request}


def _trace(rooms: Rooms) -> str:
    return f"undo:{rooms.ids.hex(bytes_=8)}"


_READ, _WRITE, _DELETE = "view-profiles:read", "manage-profiles:write", "manage-profiles:delete"
_ONE = {
    "link": {
        "from": {"entityId": "kim@example.org", "entityIdNS": "Email"},
        "to": {"entityId": "+46701740650", "entityIdNS": "Phone"},
    }
}

ROUTES = (
    Route(
        *("POST", PATH, post_undo),
        family="catalog",
        needs=_WRITE,
        takes=Body("One link or one record, and perhaps a reason.", _Undo, example=_ONE),
        answers={
            202: Answer(
                "Accepted; what can lift it again.", record(position=NUMBER), headers=WRITTEN
            )
        },
        fails=(
            "API-1003 CTL-1008 INL-1017 PRO-1001 PRO-1002 PRO-1003 PRO-1004 UND-1001 UND-1002"
            " UND-1003 XID-1001"
        ),
    ),
    Route(
        *("GET", PATH, list_undone),
        family="catalog",
        needs=_READ,
        reads=True,
        parameters=(
            query("limit", "How many a page.", whole(1, PAGE_MAX, PAGE)),
            query("start", "`_page.next` of the page before."),
        ),
        answers={200: Answer("A page.", record(undone=array(DOCUMENT), _page=DOCUMENT))},
        fails="CTL-1008",
    ),
    Route(
        *("DELETE", PATH + "/{id}", delete_undo),
        family="catalog",
        needs=_DELETE,
        answers={202: Answer("Accepted.", record(position=NUMBER), headers=WRITTEN)},
        fails="INL-1017 UND-1004",
    ),
)
