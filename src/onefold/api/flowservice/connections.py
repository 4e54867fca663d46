"""`/data/foundation/flowservice/connections`: where records come in."""

from __future__ import annotations

from collections.abc import Sequence

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import TRUTH, Answer, path, record
from onefold.api.flowservice.kinds import READ, routes_of, sandbox_of
from onefold.api.flowservice.listing import ROOT
from onefold.api.route import Route
from onefold.control import connections, flow_resources
from onefold.control.connections import CONNECTIONS
from onefold.control.flow_specs import STREAMING, STREAMING_NAME
from onefold.domain.sandbox import Sandbox
from onefold.store.tables.flow_resources import FlowResource
from onefold.wire import JSON

EXAMPLE: JSON = {
    "name": "Till",
    "connectionSpec": {"id": STREAMING, "version": "1.0"},
    "auth": {
        "specName": STREAMING_NAME,
        "params": {"dataType": "xdm", "sourceId": "till-7", "authenticationRequired": False},
    },
}


def test_connection(request: Request, rooms: Rooms) -> Response:
    """Whether the connection's inlet takes records now."""
    found = flow_resources.got(
        rooms.control, sandbox_of(request), CONNECTIONS, request.path_parameters["id"]
    )
    return json_response(200, {"test": found.enabled})


def _shown(found: Sequence[FlowResource], sandbox: Sandbox, rooms: Rooms) -> list[JSON]:
    return [connections.document(one, sandbox, rooms.settings.base_url) for one in found]


ROUTES = (
    *routes_of(CONNECTIONS, _shown, example=EXAMPLE),
    Route(
        "GET",
        f"{ROOT}/connections/{{id}}/test",
        test_connection,
        family="flow",
        needs=READ,
        parameters=(path("id", "Id of the connection."),),
        answers={200: Answer("True unless it is disabled.", record(test=TRUTH))},
        fails="CTL-1007",
    ),
)
