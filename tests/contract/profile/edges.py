"""What the tests of projections share: destinations, projections, and asking the edge."""

from __future__ import annotations

import json
from typing import Any

import httpx

from onefold.testing.app import App
from tests.contract.people import JSON

DESTINATIONS = "/data/core/ups/config/destinations"
PROJECTIONS = "/data/core/ups/config/projections"
PROFILE = "?schemaName=_xdm.context.profile"
DESTINATION_TYPE = "application/vnd.adobe.platform.projectionDestination+json; version=1"
PROJECTION_TYPE = "application/vnd.adobe.platform.projectionConfig+json; version=1"


def send(app: App, method: str, url: str, body: Any, **headers: str | None) -> httpx.Response:
    """One request with the content type of what its path is about."""
    kind = DESTINATION_TYPE if url.startswith(DESTINATIONS) else PROJECTION_TYPE
    sent = {"content-type": kind} | app.headers(**headers)
    return app.request(method, url, content=json.dumps(body), headers=sent)


def destination(app: App, **changed: Any) -> JSON:
    """A destination; proactive unless told otherwise."""
    body = {"type": "EDGE", "dataCenters": ["OR2"], "replicationPolicy": "PROACTIVE", **changed}
    answer = send(app, "POST", DESTINATIONS, body)
    assert answer.status_code == 200, answer.text
    made: JSON = answer.json()
    return made


def projection(app: App, destination_id: str, **changed: Any) -> JSON:
    """A projection of first names; taken in by the pipeline."""
    body = {"selector": "person.name.firstName", "destinationId": destination_id, **changed}
    answer = send(app, "POST", PROJECTIONS + PROFILE, body)
    assert answer.status_code == 200, answer.text
    app.drain()
    made: JSON = answer.json()
    return made


def ask(
    app: App, destination_id: str, entity_id: str, namespace: str = "Email", **more: str
) -> httpx.Response:
    """What the edge says of an identity."""
    parameters = {"entityId": entity_id, "entityIdNS": namespace, **more}
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return app.get(f"/onefold/v1/edge/{destination_id}?{query}")


def fulfilled(app: App) -> None:
    """Have the wishes written and granted."""
    app.rooms.edges.settle()
    app.drain()


def first_name(name: str) -> JSON:
    return {"person": {"name": {"firstName": name}}}
