"""Whether the server lives, whether it is ready, and its figures; without a token."""

from __future__ import annotations

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.route import Route

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


ROUTES = (
    Route("GET", "/health/live", get_live, gate="none", family="plain", inline=lambda _: True),
    Route("GET", "/health/ready", get_ready, gate="none", family="plain"),
    Route("GET", "/metrics", get_metrics, gate="none", family="plain"),
)
