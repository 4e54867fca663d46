"""`/data/foundation/flowservice/runs`: executions of flows by a schedule.

Flows of streamed records have no schedule and make none, so the list is empty.
"""

from __future__ import annotations

from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import path
from onefold.api.flowservice import listing
from onefold.api.flowservice.kinds import READ
from onefold.api.flowservice.listing import ROOT
from onefold.api.route import Route
from onefold.errors import NotFound


def list_runs(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a handler's form
    """The runs: none, as long as every flow streams."""
    return listing.page(request, "runs", [])


def get_run(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a handler's form
    """One run; there are none."""
    raise NotFound("CTL-1007", f"No run has the id {request.path_parameters['id'][:256]}")


ROUTES = (
    Route(
        "GET",
        f"{ROOT}/runs",
        list_runs,
        family="flow",
        needs=READ,
        parameters=listing.PARAMETERS,
        answers=listing.PAGE,
        fails="CTL-1008 PRO-1002",
    ),
    Route(
        "GET",
        f"{ROOT}/runs/{{id}}",
        get_run,
        family="flow",
        needs=READ,
        parameters=(path("id", "Id of the run."),),
        answers=listing.ONE,
        fails="CTL-1007",
    ),
)
