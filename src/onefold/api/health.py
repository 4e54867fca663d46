"""Whether the server lives, whether it is ready, and its figures; without a token."""

from __future__ import annotations

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, TEXT, Answer, choice, keyed, record
from onefold.api.route import Handler, Route

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def get_live(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a handler's signature
    """200 as long as the process answers at all."""
    return json_response(200, {"status": "live"})


def get_ready(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a handler's signature
    """200 with figures when requests can be answered, else 503."""
    ready, figures = rooms.ready()
    return json_response(200 if ready else 503, figures)


def get_metrics(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a handler's signature
    """All metrics in Prometheus' text format."""
    return Response(200, rooms.exposition(), media_type=METRICS_TYPE)


_READY = record(status=choice("ready"), backlog=keyed(DOCUMENT))
_UNREADY = record(status=choice("unavailable"), code=TEXT)


def _route(path: str, handler: Handler, answers: dict[int, Answer]) -> Route:
    return Route("GET", path, handler, gate="none", family="plain", answers=answers, fails="")


ROUTES = (
    _route(
        "/health/live", get_live, {200: Answer("It lives.", record(status=choice("live")))}
    )._replace(inline=lambda _: True),
    _route(
        "/health/ready",
        get_ready,
        {
            200: Answer("Ready; records that wait in each sandbox, and for how long.", _READY),
            503: Answer("The store cannot be read now.", _UNREADY),
        },
    ),
    _route("/metrics", get_metrics, {200: Answer("The metrics.", TEXT, METRICS_TYPE)}),
)
