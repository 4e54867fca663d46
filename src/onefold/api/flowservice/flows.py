"""`/data/foundation/flowservice/flows`: from an inlet to a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import Answer, choice, path, query
from onefold.api.flowservice.kinds import (
    VERSIONED,
    WRITE,
    client_of,
    routes_of,
    sandbox_of,
    versioned,
)
from onefold.api.flowservice.listing import ROOT
from onefold.api.flowservice.runs import last_runs
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.control import flow_resources, flows
from onefold.control.flow_specs import XDM_FLOW
from onefold.control.flows import FLOWS
from onefold.domain.sandbox import Sandbox
from onefold.errors import Malformed
from onefold.store.tables import flow_resources as stored
from onefold.store.tables.flow_resources import FlowResource
from onefold.wire import JSON

EXAMPLE: JSON = {
    "name": "Till to registrations",
    "flowSpec": {"id": XDM_FLOW, "version": "1.0"},
    "sourceConnectionIds": ["SOURCE"],
    "targetConnectionIds": ["TARGET"],
}
_ACTIONS = {"enable": True, "disable": False}


def act_on_flow(request: Request, rooms: Rooms) -> Response:
    """Enable or disable a flow."""
    action = Parameters(request.raw_query).get("op")
    if action not in _ACTIONS:
        raise Malformed("CTL-1008", "op is enable or disable", at="op")
    changed = flow_resources.switch(
        rooms.control,
        rooms.clock,
        rooms.ids,
        sandbox_of(request),
        FLOWS,
        request.path_parameters["id"],
        enabled=_ACTIONS[action],
        client_id=client_of(request),
    )
    return versioned(200, changed)


def _shown(found: Sequence[FlowResource], sandbox: Sandbox, rooms: Rooms) -> list[JSON]:
    others = {other.id: other for other in stored.of_sandbox(rooms.control, sandbox.id)}
    last = last_runs(rooms, sandbox, flow_id=found[0].id if len(found) == 1 else "")
    return [
        {
            **flows.document(one, sandbox, others),
            **({"lastRunDetails": last[one.id]} if one.id in last else {}),
        }
        for one in found
    ]


ROUTES = (
    *routes_of(FLOWS, _shown, example=EXAMPLE),
    Route(
        "POST",
        f"{ROOT}/flows/{{id}}/action",
        act_on_flow,
        family="flow",
        needs=WRITE,
        parameters=(
            path("id", "Id of the flow."),
            query("op", "What to do.", choice(*_ACTIONS), required=True),
        ),
        answers={200: Answer("Id and the etag.", VERSIONED)},
        fails="CTL-1007 CTL-1008 PRO-1002",
    ),
)
