"""`/data/foundation/flowservice/sourceConnections`: what a flow takes from a connection."""

from __future__ import annotations

from collections.abc import Sequence

from onefold.api.context import Rooms
from onefold.api.flowservice.kinds import routes_of
from onefold.control import flow_resources
from onefold.control.flow_specs import STREAMING
from onefold.control.flows import SOURCES
from onefold.domain.sandbox import Sandbox
from onefold.store.tables.flow_resources import FlowResource
from onefold.wire import JSON

EXAMPLE: JSON = {
    "name": "Till records",
    "baseConnectionId": "CONNECTION",
    "connectionSpec": {"id": STREAMING, "version": "1.0"},
}


def shown(found: Sequence[FlowResource], sandbox: Sandbox, _: Rooms) -> list[JSON]:
    """Resources that depend on no others, as they are shown."""
    return [flow_resources.shown(one, sandbox) for one in found]


ROUTES = routes_of(SOURCES, shown, example=EXAMPLE)
