"""What Adobe's own SDK for Node asks of the Profile API: each of its operations that is served here
is called, and answers are read as the SDK reads them. Source: profile contract, 3, 4, 6, 7 and 9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from onefold.api.routes import ROUTES
from tests.clients.scripts import installed
from tests.clients.sdk import NODE_MAJOR_MIN, Sdk
from tests.clients.sending import send
from tests.clients.walk import until
from tests.crash.serving import Server

EMAIL, ECID = "kim+1@example.org", "12507560687324495704459439363261812234"
XID = "A28iM3aJBJRbEQpOnUh5HOM9"
PROFILE = "_xdm.context.profile"
KIM = {"schema.name": PROFILE, "entityId": EMAIL, "entityIdNS": "email"}
INSTANCE = {"x-profile-instance-id": "ups"}
GATEWAY = {"x-gw-ims-authorization": "Bearer x"}
POLICY = {
    "name": "Latest",
    "schema": {"name": PROFILE},
    "identityGraph": {"type": "pdg"},
    "attributeMerge": {"type": "timestampOrdered"},
}


@pytest.fixture
def sdk(server: Server) -> Iterator[Sdk]:
    with Sdk(server, installed(NODE_MAJOR_MIN)) as sdk:
        yield sdk


def served() -> set[tuple[str, str]]:
    """Method and path of the routes, with nameless places."""
    return {(route.method, _nameless(route.path)) for route in ROUTES}


def _nameless(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_every_operation_that_is_served_answers(sdk: Sdk, server: Server) -> None:
    there = {
        name
        for name, (method, path) in sdk.operations.items()
        if (method, _nameless(f"/data/core/ups{path}")) in served()
    }
    assert {"getAccessEntities", "postAccessEntities", "listDeleteRequests"} <= set(sdk.operations)
    _ingest(server)
    _entities(sdk)
    _policies(sdk)
    if "postScanJobRoute" in there:
        _export_jobs(sdk, server)
    if "createProjectionDestination" in there:
        _projections(sdk)
    if "deleteAccessEntities" in there:
        _deletion(sdk)
    if "createDeleteRequest" in there:
        _system_jobs(sdk, server)
    assert there - sdk.called == set()


def _entities(sdk: Sdk) -> None:
    found = until(lambda: sdk.call("getProfile", KIM).body)
    (envelope,) = found.values()
    until(lambda: len(sdk.ok("getAccessEntities", KIM | {"entityIdNS": "Email"})) == 1)
    assert envelope["entity"]["person"] == {"name": {"firstName": "Kim"}}
    assert XID in envelope["identityGraph"]
    missing = sdk.call("getAccessEntities", KIM | {"entityId": "nobody"})
    assert "404" in missing.error
    assert "400" in sdk.call("getAccessEntities", {"schema.name": PROFILE}).error

    ecid = {"relatedEntityId": ECID, "relatedEntityIdNS": "ecid"}
    page = until(lambda: _full(sdk.ok("getExperienceEvents", ecid | {"limit": 2}), 2))
    assert [child["entityId"] for child in page["children"]] == ["v0", "v1"]
    later = {"startTime": page["children"][-1]["timestamp"] + 1}  # it does not know `start`
    rest = sdk.ok("getExperienceEvents", ecid | later)
    assert [child["entityId"] for child in rest["children"]] == ["v2"]
    asked = {
        "schema.name": "_xdm.context.experienceevent",
        "relatedSchema.name": PROFILE,
        "relatedEntityId": XID,
        "fields": "eventType",
        "orderby": "-timestamp",
        "startTime": 1,
        "limit": 1,
    }
    (child,) = sdk.ok("getAccessEntities", asked)["children"]
    assert (child["entityId"], child["entity"]) == ("v2", {"eventType": "view"})

    bulk = {"schema": {"name": PROFILE}, "identities": [{"entityId": XID}]}
    assert list(sdk.ok("postAccessEntities", body=bulk)) == [XID]


def _full(page: dict[str, Any], count: int) -> dict[str, Any] | None:
    return page if page["_page"]["count"] == count and page["_page"]["next"] else None


def _policies(sdk: Sdk) -> None:
    listed = sdk.ok("getConfigMergePolicies", {"limit": 100, "orderBy": "name"})
    assert [one["default"] for one in listed["children"]] == [True]
    made = sdk.ok("postConfigMergePolicies", INSTANCE, POLICY)
    one = {"mergePolicyId": made["id"]}
    assert sdk.ok("getConfigMergePoliciesMergePolicyId", one)["name"] == "Latest"
    renamed = POLICY | {"name": "Newest"}
    changed = sdk.ok("putConfigMergePoliciesMergePolicyId", one | INSTANCE, renamed)
    assert (changed["name"], changed["version"]) == ("Newest", 2)
    patch = [{"op": "add", "path": "/identityGraph.type", "value": "none"}]
    changed = sdk.ok("patchConfigMergePoliciesMergePolicyId", one | INSTANCE, patch)
    assert changed["identityGraph"] == {"type": "none"}
    (alone,) = sdk.ok("getProfile", KIM | one).values()
    assert len(alone["identityGraph"]) == 1
    assert sdk.call("deleteConfigMergePoliciesMergePolicyId", one).status == 200
    assert "404" in sdk.call("getConfigMergePoliciesMergePolicyId", one).error


def _projections(sdk: Sdk) -> None:
    kind = {"type": "EDGE", "dataCenters": ["OR1"], "ttl": 3600, "replicationPolicy": "REACTIVE"}
    made = sdk.ok("createProjectionDestination", GATEWAY, kind)
    destination = {"destinationId": made["id"]}
    listed = sdk.ok("listProjectionDestinations")["_embedded"]["projectionDestinations"]
    assert [one["id"] for one in listed] == [made["id"]]
    again = kind | {"currentVersion": made["version"], "dataCenters": ["OR1", "VA5"]}
    changed = sdk.ok("putProjectionDestination", destination | GATEWAY, again)
    assert changed["version"] == made["version"] + 1
    assert sdk.ok("getProjectionDestination", destination | GATEWAY)["dataCenters"] == [
        "OR1",
        "VA5",
    ]

    wanted = {"selector": "person.name", "name": "Names", "destinationId": made["id"]}
    configured = sdk.ok("createProjectionConfiguration", GATEWAY | {"schemaName": PROFILE}, wanted)
    projection = {"projectionid": configured["id"]}
    listed = sdk.ok("listProjectionConfigurations", GATEWAY | {"schemaName": PROFILE})
    assert [one["id"] for one in listed["_embedded"]["projectionConfigs"]] == [configured["id"]]
    assert sdk.ok("getProjectionConfiguration", projection | GATEWAY)["selector"] == "person.name"
    wider = wanted | {"selector": "person", "currentVersion": configured["version"]}
    changed = sdk.ok("updateProjectionConfiguration", projection | GATEWAY, wider)
    assert changed["selector"] == "person"
    assert sdk.call("deleteProjectionConfiguration", projection | GATEWAY).status == 204
    assert sdk.call("deleteProjectionDestination", destination | GATEWAY).status == 204
    assert "404" in sdk.call("getProjectionDestination", destination | GATEWAY).error


def _export_jobs(sdk: Sdk, server: Server) -> None:
    asked = {
        "schema": {"name": PROFILE},
        "destination": {"datasetId": _union_dataset(server), "segmentPerBatch": False},
    }
    made = sdk.ok("postScanJobRoute", INSTANCE, asked)
    assert (made["status"], type(made["id"])) == ("NEW", int)
    one = {"exportJobId": made["id"]}
    until(lambda: sdk.ok("getScanJobRoute", one)["status"] == "SUCCEEDED")
    assert [job["id"] for job in sdk.ok("getScanJobsRoute", {"limit": 10})["records"]] == [
        made["id"]
    ]
    assert sdk.call("cancelScanJobRoute", one).status in (200, 204)


def _deletion(sdk: Sdk) -> None:
    bob = {"schema.name": PROFILE, "entityId": "bob@example.org", "entityIdNS": "email"}
    until(lambda: sdk.call("getAccessEntities", bob).body)
    assert sdk.call("deleteAccessEntities", bob).status == 202
    until(lambda: "404" in sdk.call("getAccessEntities", bob).error)


def _system_jobs(sdk: Sdk, server: Server) -> None:
    dataset = server.facts["datasets"]["Customer events"]["id"]
    made = sdk.ok("createDeleteRequest", body={"dataSetId": dataset})
    one = {"ID": made["id"]}
    done = until(lambda: _completed(sdk.ok("viewDeleteRequest", one)))
    assert done["dataSetId"] == dataset
    assert made["id"] in {job["id"] for job in sdk.ok("listDeleteRequests")["children"]}
    assert sdk.call("deleteDeleteRequest", one).status == 200
    assert "404" in sdk.call("viewDeleteRequest", one).error


def _completed(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["status"] == "COMPLETED" else None


def _ingest(server: Server) -> None:
    """Kim with a record and three events, and Bob."""
    kim = {"ECID": [{"id": ECID, "primary": True}], "Email": [{"id": EMAIL}]}
    bob = {"Email": [{"id": "bob@example.org", "primary": True}]}
    send(server, "Customer registrations", {"identityMap": bob})
    named = {"identityMap": kim, "person": {"name": {"firstName": "Kim"}}}
    send(server, "Customer registrations", named)
    for number in range(3):
        stamp = f"2026-01-0{number + 1}T10:00:00Z"
        visit = {"_id": f"v{number}", "timestamp": stamp, "eventType": "view", "identityMap": kim}
        send(server, "Customer events", visit)


def _union_dataset(server: Server) -> str:
    """A dataset of the union schema, which exports go into."""
    body = {
        "name": "Exports",
        "schemaRef": {
            "id": "https://ns.adobe.com/xdm/context/profile__union",
            "contentType": "application/vnd.adobe.xed+json;version=1",
        },
        "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
    }
    url = f"{server.url}/data/foundation/catalog/dataSets"
    answer = httpx.post(url, json=body, headers=server.headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()[0]).removeprefix("@/dataSets/")
