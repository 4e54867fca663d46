"""`/v1/projects/{writeKey}/settings`: what Segment's libraries fetch before they send anything.

Source: Intilery contract, 13.8.
"""

from __future__ import annotations

from onefold.api import keys
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, TRUTH, Answer, Header, path, record
from onefold.api.route import Route
from onefold.api.segment import arriving
from onefold.errors import NotFound

_CACHED = "public, max-age=300"


def get_settings(request: Request, rooms: Rooms) -> Response:
    """The settings of a source: where its calls go."""
    write_key = request.path_parameters["writeKey"]
    holder = arriving.holder_of(write_key, rooms)
    if holder is None:
        keys.stranger(request.address, rooms)
        raise NotFound("KEY-1005")
    keys.admitted(holder, rooms, "client")
    settings = rooms.settings
    host = settings.segment_host or settings.base_url.partition("://")[2]
    return json_response(
        200,
        {
            "integrations": {"Segment.io": {"apiKey": write_key, "apiHost": f"{host}/v1"}},
            "plan": {},
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "middlewareSettings": {},
        },
        (("cache-control", _CACHED),),
    )


ROUTES = (
    Route(
        *("GET", "/v1/projects/{writeKey}/settings", get_settings),
        gate="none",
        family="segment",
        cors=True,
        parameters=(path("writeKey", "A write key."),),
        answers={
            200: Answer(
                "Where calls go.",
                record(
                    integrations=DOCUMENT,
                    plan=DOCUMENT,
                    edgeFunction=DOCUMENT,
                    analyticsNextEnabled=TRUTH,
                    middlewareSettings=DOCUMENT,
                ),
                headers={"cache-control": Header("It may be kept for five minutes.")},
            )
        },
        fails="KEY-1004 KEY-1005",
    ),
)
