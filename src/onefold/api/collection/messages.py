"""`POST /collection/{id}` and `POST /collection/batch/{id}`."""

from __future__ import annotations

from typing import Any

from onefold.api.collection.door import body_of, entered, validation_asked
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.problem import collection_reason
from onefold.api.route import Route
from onefold.errors import PlatformError


def post_message(request: Request, rooms: Rooms) -> Response:
    """Accept one message; 200 when it is durable."""
    inlet = entered(request, rooms)
    asked = validation_asked(request)
    receipt = rooms.inlets.accept_one(
        inlet, body_of(request), validate=asked is not None and asked[1]
    )
    answer: dict[str, Any] = {
        "inletId": inlet.id,
        "xactionId": receipt.trace,
        "receivedTimeMs": receipt.received_ms,
    }
    if asked is not None:
        name, validated = asked
        answer[name] = {"status": "pass"} if validated else {"skipped": True}
    return json_response(200, answer)


def post_batch(request: Request, rooms: Rooms) -> Response:
    """Accept many messages, each for itself; 207 when those without a fault are durable."""
    inlet = entered(request, rooms)
    receipt = rooms.inlets.accept_many(inlet, body_of(request))
    return json_response(
        207,
        {
            "inletId": inlet.id,
            "batchId": receipt.batch_id,
            "receivedTimeMs": receipt.received_ms,
            "responses": [
                {"statusCode": 400, "message": collection_reason(result, inlet.id, inlet.org_id)}
                if isinstance(result, PlatformError)
                else {"xactionId": result}
                for result in receipt.results
            ],
        },
    )


ROUTES = (
    Route("POST", "/collection/batch/{id}", post_batch, gate="none", family="collection"),
    Route("POST", "/collection/{id}", post_message, gate="none", family="collection"),
    Route(
        "POST",
        "/data/foundation/import/collection/batch/{id}",
        post_batch,
        gate="none",
        family="collection",
    ),
    Route(
        "POST",
        "/data/foundation/import/collection/{id}",
        post_message,
        gate="none",
        family="collection",
    ),
)
