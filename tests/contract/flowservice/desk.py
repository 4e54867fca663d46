"""How the tests of the Flow Service ask, and what they build."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx

from onefold.testing.app import App
from tests.contract.asking import send

JSON = dict[str, Any]

ROOT = "/data/foundation/flowservice"
MAPPINGS = "/data/foundation/conversion/mappingSets"
STREAMING = {"id": "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "version": "1.0"}
DATA_LAKE = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c", "version": "1.0"}
XDM_FLOW = "d8a6f005-7eaf-4153-983e-e8574508b877"
MAPPED_FLOW = "c1a19761-d2c7-4702-b9fa-fe91f0613e81"


class Dataflow(NamedTuple):
    """What one flow is made of, by id."""

    inlet: str
    connection: str
    source: str
    target: str
    flow: str
    mapping: str


def ask(
    app: App, method: str, path: str, body: Any = None, **headers: str | None
) -> httpx.Response:
    """One call to the Flow Service."""
    return send(app, method, ROOT + path, body, **headers)


def made(app: App, kind: str, body: JSON) -> str:
    """The id of a new resource."""
    answer = ask(app, "POST", f"/{kind}", body)
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"id": answer.json()["id"], "etag": answer.headers["etag"]}
    found: str = answer.json()["id"]
    return found


def item(app: App, kind: str, id_: str) -> Any:
    """The one item that a lookup answers."""
    answer = app.get(f"{ROOT}/{kind}/{id_}")
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["items"]
    return found


def connection_of(name: str = "Till", /, **params: Any) -> JSON:
    """The document of a connection."""
    return {
        "name": name,
        "connectionSpec": STREAMING,
        "auth": {"specName": "Streaming Connection", "params": {"dataType": "xdm", **params}},
    }


def source_of(connection: str) -> JSON:
    """The document of a source connection."""
    return {"name": "Records", "baseConnectionId": connection, "connectionSpec": STREAMING}


def target_of(app: App, dataset: str) -> JSON:
    """The document of a target connection to the dataset of this name."""
    found = app.datasets[dataset]
    version = "application/vnd.adobe.xed-full+json;version=1.0"
    return {
        "name": "Lake",
        "data": {"format": "json", "schema": {"id": found.schema_id, "version": version}},
        "params": {"dataSetId": found.id},
        "connectionSpec": DATA_LAKE,
    }


def mapping_of(app: App, dataset: str, **fields: str) -> JSON:
    """The document of a mapping set: `name_of_attribute="destination"`."""
    return {
        "version": 0,
        "xdmSchema": app.datasets[dataset].schema_id,
        "xdmVersion": "1.0",
        "mappings": [
            {
                "sourceAttribute": source.replace("__", "."),
                "destinationXdmPath": destination.replace("TENANT", app.tenant),
                "identity": False,
                "version": 0,
            }
            for source, destination in fields.items()
        ],
    }


def flow_of(source: str, target: str, mapping: str = "") -> JSON:
    """The document of a flow; with a mapping when one is given."""
    params = {"mappingId": mapping, "mappingVersion": 0}
    return {
        "name": "Till to lake",
        "flowSpec": {"id": MAPPED_FLOW if mapping else XDM_FLOW, "version": "1.0"},
        "sourceConnectionIds": [source],
        "targetConnectionIds": [target],
        "transformations": [{"name": "Mapping", "params": params}] if mapping else [],
        "scheduleParams": {"startTime": 1, "frequency": "minute", "interval": "15"},
    }


def dataflow(app: App, dataset: str, **fields: str) -> Dataflow:
    """A whole flow into the dataset of this name: of raw data with this mapping, else of XDM."""
    connection = made(app, "connections", connection_of(dataType="raw" if fields else "xdm"))
    source = made(app, "sourceConnections", source_of(connection))
    target = made(app, "targetConnections", target_of(app, dataset))
    mapping = ""
    if fields:
        answer = send(app, "POST", MAPPINGS, mapping_of(app, dataset, **fields))
        assert answer.status_code == 201, answer.text
        mapping = answer.json()["id"]
    flow = made(app, "flows", flow_of(source, target, mapping))
    inlet = item(app, "connections", connection)["auth"]["params"]["inletId"]
    return Dataflow(inlet, connection, source, target, flow, mapping)
