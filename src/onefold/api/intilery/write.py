"""`/track/{client}/{account}/{brand}/v1/{call}`: calls of servers, one or many a request.

A 200 says that the calls are on disk. One call with a fault is refused; of a batch, those with a
fault become failed records, as long as another one is good. Source: Intilery contract, 10.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import msgspec

from onefold.api.context import Holder, Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    FILLED,
    NUMBER,
    TEXT,
    TRUTH,
    Answer,
    Body,
    Schema,
    array,
    choice,
    record,
)
from onefold.api.dialect import BODY_BYTES_MAX, TENANT
from onefold.api.position import AS_OF, KNOWN_AS_OF, WRITTEN, written
from onefold.api.route import Route
from onefold.domain.calls.batch import Batch, batch_of, require_usable
from onefold.domain.calls.call import WORDS, Call, Kind
from onefold.errors import Malformed, Rejected
from onefold.inlet.calls import Judged, Sent
from onefold.wire import JSON

PATH = "/track/{client}/{account}/{brand}/v1"


def post_call(request: Request, rooms: Rooms, *, call: Kind) -> Response:
    """Accept one call of this kind; 200 when it is on disk."""
    holder = request.held()
    message = msgspec.Raw(request.body)
    sent = Call("write", holder.brand, "", message, call=call, ip=request.address)
    (judged,) = rooms.calls.judged([Sent(holder.sandbox.id, sent)])
    if judged.fault is not None:
        _refused(holder, request, rooms)
        raise judged.fault
    return json_response(
        200, {"success": True, "eventId": judged.event_id}, _taken([judged], request, rooms)
    )


def post_batch(request: Request, rooms: Rooms) -> Response:
    """Accept calls, each for itself; 200 when one of them is good and all are on disk."""
    holder = request.held()
    batch = batch_of(request.body)
    require_usable(batch)
    calls = rooms.calls.judged([Sent(holder.sandbox.id, sent) for sent in _items(batch, request)])
    if all(call.fault is not None for call in calls):
        _refused(holder, request, rooms, count=len(calls))
        raise _none_good(calls)
    headers = _taken(calls, request, rooms)
    answer = {
        "success": True,
        "eventId": rooms.ids.uuid(),
        "results": [_result(index, call) for index, call in enumerate(calls)],
    }
    return json_response(200, answer, headers)


def _items(batch: Batch, request: Request) -> list[Call]:
    """The calls of a batch, each with what the batch says around it."""
    brand = request.held().brand
    return [
        Call(
            "write",
            brand,
            "",
            item,
            sent_at=batch.sent_at,
            context=batch.context,
            ip=request.address,
            integrations=batch.integrations,
        )
        for item in batch.items
    ]


def _taken(calls: Sequence[Judged], request: Request, rooms: Rooms) -> tuple[tuple[str, str], ...]:
    """Have the calls accepted; answer the header that says where they stand."""
    return placed(rooms.calls.accept(calls, body_bytes=len(request.body)).values())


def _refused(holder: Holder, request: Request, rooms: Rooms, *, count: int = 1) -> None:
    rooms.calls.saw(holder.sandbox.id, refused=count, body_bytes=len(request.body))
    rooms.metrics.refused(count)


def _none_good(calls: Sequence[Judged]) -> Rejected:
    """The error of a batch without one good call. Source: Intilery contract, 10.2.5."""
    fault = calls[0].fault
    assert fault is not None
    return Malformed(
        fault.code, f"None of the {len(calls)} calls can be taken; the first: {fault.detail}"
    )


def _result(index: int, call: Judged) -> dict[str, object]:
    fault = call.fault
    if fault is None:
        return {"index": index, "eventId": call.event_id, "outcome": "accepted"}
    said = {"code": WORDS[fault.code], "message": fault.detail}
    return {"index": index, "outcome": "failed", **said}


PLACED = {**WRITTEN, **KNOWN_AS_OF}
"""Headers of an answer to a write: the same number for the reads of both kinds of doors."""


def placed(positions: Iterable[int]) -> tuple[tuple[str, str], ...]:
    """The headers that say where the calls of one request stand; none when there are none, or they
    are of several accounts, whose positions have nothing to do with each other."""
    stand = list(positions)
    return (written(stand[0]), written(stand[0], AS_OF)) if len(stand) == 1 else ()


def _call_route(call: Kind, needs: str) -> Route:
    return Route(
        *("POST", f"{PATH}/{call}", functools.partial(post_call, call=call)),
        gate="key-write",
        family="write",
        body_max=BODY_BYTES_MAX,
        summary=f"Accept one {call} call.",
        parameters=TENANT,
        takes=Body(f"A call; {needs}.", _MESSAGE, example=EXAMPLES[call]),
        answers={
            200: Answer(
                "The call is on disk.",
                record(success=TRUTH, eventId=FILLED),
                headers=PLACED,
            )
        },
        fails=f"{CALL_FAULTS} AUT-1008 INL-1017",
    )


CALL_FAULTS = (
    "CAL-1001 CAL-1002 CAL-1003 CAL-1004 CAL-1005 CAL-1006 CAL-1007 CAL-1008 CAL-1009 CAL-1010"
    " CAL-1011 CAL-1012 CAL-1015"
)
"""Why a call is refused here. Source: Intilery contract, 10.1."""

_IDS: dict[str, Schema] = {"userId": TEXT, "anonymousId": TEXT, "timestamp": TEXT}
_MESSAGE: Schema = {"type": "object", "properties": {**_IDS, "context": DOCUMENT}}
_NEEDED: dict[Kind, str] = {
    "identify": "an id, and traits that are set or, with null, removed",
    "track": "an id, and the event's name as `event`",
    "page": "an id",
    "screen": "an id",
    "group": "an id and a groupId",
    "alias": "userId and previousId",
}
EXAMPLES: dict[Kind, dict[str, JSON]] = {
    "identify": {"userId": "u-1", "traits": {"email": "kim@example.org", "plan": "gold"}},
    "track": {"userId": "u-1", "event": "Order Completed", "properties": {"total": 42.5}},
    "page": {"userId": "u-1", "name": "Basket", "properties": {"url": "https://example.org/b"}},
    "screen": {"userId": "u-1", "name": "Basket"},
    "group": {"userId": "u-1", "groupId": "g-1", "traits": {"name": "Initech"}},
    "alias": {"userId": "u-1", "previousId": "visitor-17"},
}
"""A body for each kind of call."""
_RESULT = record(index=NUMBER, outcome=choice("accepted", "failed"))

ROUTES = (
    *(_call_route(call, needs) for call, needs in _NEEDED.items()),
    Route(
        *("POST", f"{PATH}/batch", post_batch),
        gate="key-write",
        family="write",
        body_max=BODY_BYTES_MAX,
        parameters=TENANT,
        takes=Body(
            "Calls, each with its `type`, and a context for all of them.",
            record(batch=array(DOCUMENT)),
            example={"batch": [{"type": kind, **body} for kind, body in EXAMPLES.items()]},
        ),
        answers={
            200: Answer(
                "The calls are on disk; those that failed as failed records.",
                record(success=TRUTH, eventId=FILLED, results=array(_RESULT)),
                headers=PLACED,
            )
        },
        fails=f"{CALL_FAULTS} AUT-1008 CAL-2001 INL-1017",
    ),
)
