"""`POST /collection/{id}` and `POST /collection/batch/{id}`."""

from __future__ import annotations

from typing import Any

from onefold.api.collection.door import (
    FLOW_NAME,
    VALIDATION_NAMES,
    body_of,
    entered,
    flow_asked,
    validation_asked,
)
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    JSON_TYPE,
    NUMBER,
    TEXT,
    TRUTH,
    Answer,
    Body,
    array,
    either,
    header,
    path,
    query,
    record,
)
from onefold.api.position import WRITTEN, written
from onefold.api.problem import collection_reason, status_of
from onefold.api.route import Handler, Route
from onefold.errors import PlatformError
from onefold.inlet.accept import SMILE


def post_message(request: Request, rooms: Rooms) -> Response:
    """Accept one message; 200 when it is durable."""
    inlet = entered(request, rooms)
    asked = validation_asked(request)
    receipt = rooms.inlets.accept_one(
        inlet,
        body_of(request),
        validate=asked is not None and asked[1],
        flow_id=flow_asked(request),
    )
    answer: dict[str, Any] = {
        "inletId": inlet.id,
        "xactionId": receipt.trace,
        "receivedTimeMs": receipt.received_ms,
    }
    if asked is not None:
        name, validated = asked
        answer[name] = {"status": "pass"} if validated else {"skipped": True}
    return json_response(200, answer, (written(receipt.position),))


def post_batch(request: Request, rooms: Rooms) -> Response:
    """Accept many messages, each for itself; 207 when those without a fault are durable."""
    inlet = entered(request, rooms)
    receipt = rooms.inlets.accept_many(inlet, body_of(request), flow_id=flow_asked(request))
    return json_response(
        207,
        {
            "inletId": inlet.id,
            "batchId": receipt.batch_id,
            "receivedTimeMs": receipt.received_ms,
            "responses": [
                {
                    "statusCode": status_of(result),
                    "message": collection_reason(result, inlet.id, inlet.org_id),
                }
                if isinstance(result, PlatformError)
                else {"xactionId": result}
                for result in receipt.results
            ],
        },
        (written(receipt.position),) if receipt.position else (),
    )


_MESSAGE = record(
    header=record(schemaRef=record(id=TEXT, contentType=TEXT), datasetId=TEXT),
    body=record(xdmEntity=DOCUMENT),
)
_SENT = either(_MESSAGE, DOCUMENT)
_TAKEN = record(inletId=TEXT, xactionId=TEXT, receivedTimeMs=NUMBER)
_ALL_TAKEN = record(inletId=TEXT, batchId=TEXT, receivedTimeMs=NUMBER, responses=array(DOCUMENT))
_MEDIA = (JSON_TYPE, SMILE)
_ID = path("id", "Id of an inlet.")
_SANDBOX = header("x-sandbox-name", "Not needed; if it is sent, it is the inlet's sandbox.")
_FLOW = (
    header(FLOW_NAME, "The flow that raw data takes; needed there."),
    query(FLOW_NAME, "Instead of the header."),
)
_FAILS = (
    "INL-1001 INL-1008 INL-1009 INL-1010 INL-1012 INL-1013 INL-1014 INL-1015 INL-1017 INL-1018"
    " INL-1019 INL-1020 SML-1002"
)


def _single(path: str) -> Route:
    return _route(path, post_message)._replace(
        parameters=(
            _ID,
            *(
                query(name, "Check the entity against its schema before the answer.", TRUTH)
                for name in VALIDATION_NAMES
            ),
            _SANDBOX,
            *_FLOW,
        ),
        takes=Body("A message; at inlets of raw data, any object.", _SENT, _MEDIA),
        answers={200: Answer("The record is on disk.", _TAKEN, headers=WRITTEN)},
        fails=f"{_FAILS} INL-1002 INL-1003 INL-1004 INL-1005 INL-1006 INL-1007 INL-1011",
    )


def _many(path: str) -> Route:
    return _route(path, post_batch)._replace(
        parameters=(_ID, _SANDBOX, *_FLOW),
        takes=Body("Messages.", record(messages=array(_SENT)), _MEDIA),
        answers={
            207: Answer(
                "An entry a message; those without a fault are on disk.",
                _ALL_TAKEN,
                headers=WRITTEN,
            )
        },
        fails=_FAILS,
    )


def _route(path: str, handler: Handler) -> Route:
    return Route("POST", path, handler, gate="none", family="collection")


ROUTES = (
    _many("/collection/batch/{id}"),
    _single("/collection/{id}"),
    _many("/data/foundation/import/collection/batch/{id}"),
    _single("/data/foundation/import/collection/{id}"),
)
