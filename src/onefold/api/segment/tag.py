"""`/cdp/events/segment`: calls of the browser tag and of the libraries for phones.

Source: Intilery contract, 12.
"""

from __future__ import annotations

import functools

from onefold.api.context import Request, Response, Rooms
from onefold.api.segment import arriving
from onefold.api.segment.ingest import LETTERS, batch_route, message_route, metrics_route
from onefold.domain.calls.call import Kind

PATH = "/cdp/events/segment"


def post_call(request: Request, rooms: Rooms, *, call: Kind) -> Response:
    """Accept one call of a browser; 200 when it is on disk."""
    return arriving.one(request, rooms, "tag", call)


def post_mobile_batch(request: Request, rooms: Rooms) -> Response:
    """Accept a batch of calls of a phone; 200 when they are on disk."""
    return arriving.many(request, rooms, "mobile")


ROUTES = (
    *(
        message_route(
            f"{PATH}/{letter}", functools.partial(post_call, call=call), call, arriving.FAILS
        )
        for letter, call in LETTERS.items()
    ),
    metrics_route(f"{PATH}/m"),
    batch_route(f"{PATH}/mobile/batch", post_mobile_batch),
)
