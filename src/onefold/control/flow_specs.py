"""What connections and flows can be of: the specs that the Flow Service lists.

Ids and names are the published ones; clients have them built in. Source: ingestion contract, 4;
platform contract, 9.
"""

from __future__ import annotations

from onefold.errors import NotFound
from onefold.wire import JSON

STREAMING = "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb"
STREAMING_NAME = "Streaming Connection"
STREAMING_PROVIDER = "521eee4d-8cbe-4906-bb48-fb6bd4450033"
DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
PROFILE_STORE = "8a9c3494-9708-43d7-ae3f-cda01e5030e1"
XDM_FLOW = "d8a6f005-7eaf-4153-983e-e8574508b877"
MAPPED_FLOW = "c1a19761-d2c7-4702-b9fa-fe91f0613e81"
VERSION = "1.0"

_PARAMS: dict[str, JSON] = {
    "sourceId": {"type": "string", "description": "Where records come from; default: the name"},
    "name": {"type": "string"},
    "dataType": {"type": "string", "enum": ["xdm", "raw"]},
    "authenticationRequired": {"type": "boolean", "default": False},
}
CONNECTION_SPECS: tuple[dict[str, JSON], ...] = (
    {
        "id": STREAMING,
        "name": STREAMING_NAME,
        "providerId": STREAMING_PROVIDER,
        "version": VERSION,
        "authSpec": [
            {
                "name": STREAMING_NAME,
                "type": STREAMING_NAME,
                "spec": {"type": "object", "properties": _PARAMS, "required": ["dataType"]},
            }
        ],
        "attributes": {"isSource": True},
    },
    {
        "id": DATA_LAKE,
        "name": "datalake",
        "version": VERSION,
        "attributes": {"isDestination": True},
    },
    {
        "id": PROFILE_STORE,
        "name": "profile-store",
        "version": VERSION,
        "attributes": {"isDestination": True},
    },
)
"""What can be connected. Records go to datasets, which the spec of the data lake stands for; the
profile store takes them from there by the datasets' tags, so it is listed for clients that look for
it, and nothing is connected to it by hand."""

FLOW_SPECS: tuple[dict[str, JSON], ...] = (
    {
        "id": XDM_FLOW,
        "name": "Streaming without transformation",
        "version": VERSION,
        "sourceConnectionSpecIds": [STREAMING],
        "targetConnectionSpecIds": [DATA_LAKE],
    },
    {
        "id": MAPPED_FLOW,
        "name": "Streaming with transformation",
        "version": VERSION,
        "sourceConnectionSpecIds": [STREAMING],
        "targetConnectionSpecIds": [DATA_LAKE],
        "transformationSpecs": [
            {
                "name": "Mapping",
                "spec": {
                    "type": "object",
                    "properties": {
                        "mappingId": {"type": "string"},
                        "mappingVersion": {"type": "integer"},
                    },
                    "required": ["mappingId"],
                },
            }
        ],
    },
)


def connection_spec(spec_id: str) -> dict[str, JSON]:
    """The connection spec of this id. Raises NotFound CTL-1007."""
    return _found(CONNECTION_SPECS, spec_id, "connection spec")


def flow_spec(spec_id: str) -> dict[str, JSON]:
    """The flow spec of this id. Raises NotFound CTL-1007."""
    return _found(FLOW_SPECS, spec_id, "flow spec")


def _found(specs: tuple[dict[str, JSON], ...], spec_id: str, noun: str) -> dict[str, JSON]:
    for spec in specs:
        if spec["id"] == spec_id:
            return spec
    raise NotFound("CTL-1007", f"No {noun} has the id {spec_id[:256]}")
