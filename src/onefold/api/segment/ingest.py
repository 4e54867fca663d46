"""`/v1`: calls of servers and browsers with Segment's libraries. Source: Intilery contract, 13."""

from __future__ import annotations

import functools

from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import DOCUMENT, TEXT, Answer, Body, Schema, array
from onefold.api.dialect import BODY_BYTES_MAX
from onefold.api.intilery.write import EXAMPLES
from onefold.api.route import Handler, Route
from onefold.api.segment import arriving
from onefold.api.segment.arriving import BATCH_BYTES_MAX
from onefold.domain.calls.call import CALLS, Door, Kind

LETTERS: dict[str, Kind] = {
    "i": "identify",
    "t": "track",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
}
"""The short forms of routes, which browsers use."""

MEDIA = ("application/json", "text/plain")


def post_call(request: Request, rooms: Rooms, *, door: Door, call: Kind) -> Response:
    """Accept one call; 200 when it is on disk."""
    arriving.refuse_large_message(request)
    return arriving.one(request, rooms, door, call)


def post_batch(request: Request, rooms: Rooms, *, door: Door) -> Response:
    """Accept a batch of calls; 200 when they are on disk."""
    arriving.refuse_large(request, BATCH_BYTES_MAX, "CAL-2001")
    return arriving.many(request, rooms, door)


def post_metrics(request: Request, rooms: Rooms) -> Response:
    """Take what a library tells of itself, and keep nothing of it."""
    return arriving.discarded(request, rooms)


def message_route(path: str, handler: Handler, call: Kind, fails: str) -> Route:
    """A route that takes one message."""
    said: Schema = {"type": "object", "properties": {"writeKey": TEXT, "userId": TEXT}}
    return Route(
        *("POST", path, handler),
        gate="write-key",
        family="segment",
        body_max=BODY_BYTES_MAX,
        cors=True,
        summary=f"Accept one call, of kind {call} unless it says another.",
        takes=Body("A call.", said, MEDIA, example={"writeKey": "KEY", **EXAMPLES[call]}),
        answers={200: arriving.TAKEN},
        fails=fails,
    )


def batch_route(path: str, handler: Handler) -> Route:
    """A route that takes a batch."""
    said: Schema = {"type": "object", "properties": {"writeKey": TEXT, "batch": array(DOCUMENT)}}
    example = {"writeKey": "KEY", "batch": [{"type": "track", **EXAMPLES["track"]}]}
    return Route(
        *("POST", path, handler),
        gate="write-key",
        family="segment",
        body_max=BODY_BYTES_MAX,
        cors=True,
        summary="Accept a batch of calls.",
        takes=Body("Calls, each with its type.", said, MEDIA, example=example),
        answers={200: arriving.TAKEN},
        fails=arriving.FAILS,
    )


def metrics_route(path: str) -> Route:
    """A route for what libraries tell of themselves."""
    return Route(
        *("POST", path, post_metrics),
        gate="none",
        family="segment",
        body_max=BODY_BYTES_MAX,
        cors=True,
        takes=Body("Anything.", DOCUMENT, MEDIA),
        answers={200: Answer("Taken and thrown away.", arriving.TAKEN.of)},
        fails="API-1003 KEY-1004",
    )


def _handler(door: Door, call: Kind) -> Handler:
    return functools.partial(post_call, door=door, call=call)


_FAILS = f"{arriving.FAILS} CAL-1009"
_SEGMENT, _IMPORT = (functools.partial(post_batch, door=door) for door in ("segment", "import"))

ROUTES = (
    *(
        message_route(f"/v1/{name}", _handler("segment", call), call, _FAILS)
        for name, call in CALLS.items()
    ),
    # Short forms come from browsers: what holds of the tag's calls holds of theirs.
    *(
        message_route(f"/v1/{letter}", _handler("tag", call), call, _FAILS)
        for letter, call in LETTERS.items()
    ),
    batch_route("/v1/batch", _SEGMENT),
    batch_route("/v1/b", functools.partial(post_batch, door="tag")),
    batch_route("/v1/import", _IMPORT),
    metrics_route("/v1/m"),
)
