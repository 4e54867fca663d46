"""`/data/foundation/flowservice/connectionSpecs` and `flowSpecs`: what there can be."""

from __future__ import annotations

from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import path
from onefold.api.flowservice import listing
from onefold.api.flowservice.kinds import READ
from onefold.api.flowservice.listing import ROOT
from onefold.api.route import Handler, Route
from onefold.control import flow_specs


def list_connection_specs(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a form
    """What can be connected."""
    return listing.page(request, "connectionSpecs", flow_specs.CONNECTION_SPECS)


def get_connection_spec(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a form
    """One connection spec."""
    return listing.one(flow_specs.connection_spec(request.path_parameters["id"]))


def list_flow_specs(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a form
    """What a flow can do."""
    return listing.page(request, "flowSpecs", flow_specs.FLOW_SPECS)


def get_flow_spec(request: Request, rooms: Rooms) -> Response:  # noqa: ARG001 - a form
    """One flow spec."""
    return listing.one(flow_specs.flow_spec(request.path_parameters["id"]))


def _pair(name: str, lists: Handler, get: Handler) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            f"{ROOT}/{name}",
            lists,
            family="flow",
            needs=READ,
            parameters=listing.PARAMETERS,
            answers=listing.PAGE,
            fails="CTL-1008 PRO-1002",
        ),
        Route(
            "GET",
            f"{ROOT}/{name}/{{id}}",
            get,
            family="flow",
            needs=READ,
            parameters=(path("id", "Id of the spec."),),
            answers=listing.ONE,
            fails="CTL-1007",
        ),
    )


ROUTES = (
    *_pair("connectionSpecs", list_connection_specs, get_connection_spec),
    *_pair("flowSpecs", list_flow_specs, get_flow_spec),
)
