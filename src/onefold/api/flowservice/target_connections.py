"""`/data/foundation/flowservice/targetConnections`: the dataset that a flow writes to."""

from __future__ import annotations

from onefold.api.flowservice.kinds import routes_of
from onefold.api.flowservice.source_connections import shown
from onefold.control.flow_specs import DATA_LAKE
from onefold.control.flows import TARGETS
from onefold.wire import JSON

EXAMPLE: JSON = {
    "name": "Registrations",
    "data": {
        "schema": {"id": "SCHEMA", "version": "application/vnd.adobe.xed-full+json;version=1.0"}
    },
    "params": {"dataSetId": "DATASET"},
    "connectionSpec": {"id": DATA_LAKE, "version": "1.0"},
}

ROUTES = routes_of(TARGETS, shown, example=EXAMPLE)
