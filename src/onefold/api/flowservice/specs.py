"""`/data/foundation/flowservice/connectionSpecs` and `flowSpecs`: what there can be."""

from __future__ import annotations

from onefold.api.context import Request, Response, Rooms
from onefold.api.flowservice import listing
from onefold.api.flowservice.kinds import read_only
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


ROUTES = (
    *read_only("connectionSpecs", list_connection_specs, get_connection_spec),
    *read_only("flowSpecs", list_flow_specs, get_flow_spec),
)
