"""The walk from nothing to a queried profile, over HTTP only.

Only organisation, sandbox and project are there before. Source: platform contract, 14.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from onefold.control import installation
from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS
from onefold.effects import SystemIds
from onefold.testing.app import CONTENT_TYPE, App
from onefold.testing.clock import START_MS, SimClock
from tests.contract.people import RECORD, TIMELINE, iso

JSON = dict[str, Any]
REGISTRY = "/data/foundation/schemaregistry"
FLOWS = "/data/foundation/flowservice"
STREAMING = {"id": "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "version": "1.0"}
MAIL, NUMBER = "kim@example.org", "C-7007"


class Client:
    """A client that knows what the operator told it, and what it was answered. Like the one that is
    to be served, it always sends JSON's content type and the registry's Accept."""

    def __init__(self, app: App, made: installation.Installed) -> None:
        self.app = app
        answer = app.request(
            "POST",
            "/ims/token/v3",
            data={
                "grant_type": "client_credentials",
                "client_id": made.client_id,
                "client_secret": made.client_secret,
                "scope": "openid",
            },
        )
        assert answer.status_code == 200, answer.text
        self.headers = {
            "authorization": f"Bearer {answer.json()['access_token']}",
            "x-api-key": made.client_id,
            "x-gw-ims-org-id": made.organisation.id,
            "x-sandbox-name": "prod",
            "content-type": "application/json",
            "accept": "application/json",
        }

    def call(
        self, method: str, url: str, body: Any = None, *, expect: int = 200, **headers: str
    ) -> Any:
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else json.dumps(body).encode()
        answer: httpx.Response = self.app.request(method, url, content=content, headers=sent)
        assert answer.status_code == expect, f"{method} {url}: {answer.text}"
        return answer.json()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of an installation that has nothing in it."""
    made = installation.create(
        tmp_path / "data", SimClock(START_MS), SystemIds(), org_name="Acme", furnished=False
    )
    app = App(tmp_path / "data")
    assert app.datasets == {}
    yield Client(app, made)
    app.close()


def schema_of(client: Client, tenant: str, title: str, class_id: str) -> JSON:
    """Steps 5 to 8: a field group, a schema with it, its descriptors, enabled for Profile."""
    text = {"type": "string"}
    card = {"type": "object", "properties": {"mail": text, "number": text, "level": text}}
    own = {f"_{tenant}": {"type": "object", "properties": {"card": card}}}
    group = client.call(
        "POST",
        f"{REGISTRY}/tenant/fieldgroups/",
        {
            "title": f"{title} fields",
            "type": "object",
            "meta:intendedToExtend": [class_id],
            "definitions": {"card": {"properties": own}},
            "allOf": [{"$ref": "#/definitions/card"}],
        },
        expect=201,
        accept="application/vnd.adobe.xed+json",
    )
    parts = [{"$ref": class_id}, {"$ref": group["$id"]}]
    schema: JSON = client.call(
        "POST",
        f"{REGISTRY}/tenant/schemas/",
        {"title": title, "type": "object", "allOf": parts},
        expect=201,
        accept="application/vnd.adobe.xed+json",
    )
    assert schema["meta:altId"].startswith(f"_{tenant}.")
    for field, namespace, primary in (("mail", "Email", True), ("number", "CRM", False)):
        descriptor = client.call(
            "POST",
            f"{REGISTRY}/tenant/descriptors",
            {
                "@type": "xdm:descriptorIdentity",
                "xdm:sourceSchema": schema["$id"],
                "xdm:sourceVersion": 1,
                "xdm:sourceProperty": f"/_{tenant}/card/{field}",
                "xdm:namespace": namespace,
                "xdm:property": "xdm:code",
                "xdm:isPrimary": primary,
            },
            expect=201,
        )
        assert descriptor["@id"]
    union = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
    encoded = quote(schema["$id"], safe="")
    client.call("PATCH", f"{REGISTRY}/tenant/schemas/{encoded}/", union)
    return schema


def dataset_of(client: Client, schema: JSON) -> str:
    """Step 9: a dataset for Profile and Identity."""
    (made,) = client.call(
        "POST",
        "/data/foundation/catalog/dataSets?requestDataSource=False",
        {
            "name": schema["title"],
            "schemaRef": {"id": schema["$id"], "contentType": CONTENT_TYPE},
            "tags": {"unifiedProfile": ["enabled: true"], "unifiedIdentity": ["enabled: true"]},
        },
        expect=201,
    )
    id_: str = made.removeprefix("@/dataSets/")
    return id_


def stream_of(client: Client, dataset: str) -> tuple[str, str]:
    """Steps 10 and 11, in the client's own words and order: (inlet id, flow id)."""
    (found,) = client.call("GET", f"/data/foundation/catalog/dataSets/{dataset}").values()
    name = f"{found['name']} Stream"
    params = {"sourceId": f"base_{dataset}_17", "dataType": "xdm", "name": f"{name}_account"}
    provided = {
        "providerId": "521eee4d-8cbe-4906-bb48-fb6bd4450033",
        "description": "provided by a client",
        "connectionSpec": STREAMING,
    }
    base = flow_part(
        client,
        "connections",
        {
            "name": f"{name} Account",
            "auth": {"specName": "Streaming Connection", "params": params},
            **provided,
        },
    )
    source = flow_part(
        client,
        "sourceConnections",
        {
            "name": f"{name}_source_connection",
            "baseConnectionId": base,
            "data": {"format": "json"},
            **provided,
        },
    )
    target = target_of(client, name, dataset, found["schemaRef"]["id"])
    for kind, id_ in (("sourceConnections", source), ("targetConnections", target)):
        assert client.call("GET", f"{FLOWS}/{kind}/{id_}")["items"][0]["id"] == id_
    flow = flow_part(
        client,
        "flows",
        {
            "name": name,
            "description": "",
            "flowSpec": {"id": "d8a6f005-7eaf-4153-983e-e8574508b877", "version": "1.0"},
            "sourceConnectionIds": [source],
            "targetConnectionIds": [target],
            "transformations": [],
            "scheduleParams": {},
        },
    )
    (shown,) = client.call("GET", f"{FLOWS}/connections/{base}")["items"]
    told = shown["auth"]["params"]
    assert told["inletUrl"].endswith(f"/collection/{told['inletId']}")
    return told["inletId"], flow


def target_of(client: Client, name: str, dataset: str, schema: str) -> str:
    """The id of a new target connection; its spec is looked up by name."""
    specs = client.call("GET", f"{FLOWS}/connectionSpecs")["items"]
    (lake,) = [spec["id"] for spec in specs if spec["name"] == "datalake"]
    version = "application/vnd.adobe.xed-full+json;version=1.0"
    return flow_part(
        client,
        "targetConnections",
        {
            "name": f"{name} Data Lake Target",
            "description": "",
            "data": {"format": "json", "schema": {"id": schema, "version": version}},
            "params": {"dataSetId": dataset},
            "connectionSpec": {"id": lake, "version": "1.0"},
        },
    )


def flow_part(client: Client, kind: str, body: JSON) -> str:
    """The id of something new in the Flow Service."""
    id_: str = client.call("POST", f"{FLOWS}/{kind}", body, expect=201)["id"]
    return id_


def message_of(client: Client, schema: JSON, dataset: str, flow: str, entity: JSON) -> JSON:
    """A message of XDM."""
    reference = {"id": schema["$id"], "contentType": CONTENT_TYPE}
    return {
        "header": {
            "schemaRef": reference,
            "imsOrgId": client.headers["x-gw-ims-org-id"],
            "datasetId": dataset,
            "flowId": flow,
        },
        "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
    }


def test_from_nothing_to_a_queried_profile(client: Client) -> None:
    del client.headers["x-sandbox-name"]
    classes = client.call(
        "GET",
        f"{REGISTRY}/global/classes",
        accept="application/vnd.adobe.xed-id+json",
    )["results"]
    assert {PROFILE_CLASS, EVENT_CLASS} <= {found["$id"] for found in classes}
    client.headers["x-sandbox-name"] = "prod"
    tenant = client.call("GET", f"{REGISTRY}/stats/")["tenantId"]
    codes = {one["code"] for one in client.call("GET", "/data/core/idnamespace/identities")}
    assert {"Email", "ECID"} <= codes
    client.call(
        "POST",
        "/data/core/idnamespace/identities",
        {"name": "Customer number", "code": "CRM", "idType": "CROSS_DEVICE", "description": ""},
    )
    people = schema_of(client, tenant, "Card holders", PROFILE_CLASS)
    visits = schema_of(client, tenant, "Card visits", EVENT_CLASS)
    people_set, visits_set = dataset_of(client, people), dataset_of(client, visits)
    people_inlet, people_flow = stream_of(client, people_set)
    visits_inlet, visits_flow = stream_of(client, visits_set)
    card = {f"_{tenant}": {"card": {"mail": MAIL, "number": NUMBER, "level": "gold"}}}
    record = message_of(client, people, people_set, people_flow, card)
    taken = client.call(
        "POST",
        f"/collection/{people_inlet}?syncValidation=True",
        record,
        x_adobe_flow_id=people_flow,
    )
    assert taken["syncValidation"] == {"status": "pass"}
    at = iso(client.app.clock.now_ms())
    visit = {"_id": "visit-1", "timestamp": at, "eventType": "visit", **card}
    many = {"messages": [message_of(client, visits, visits_set, visits_flow, visit)]}
    (one,) = client.call(
        "POST",
        f"/collection/batch/{visits_inlet}?syncValidation=True",
        many,
        expect=207,
        x_adobe_flow_id=visits_flow,
    )["responses"]
    assert list(one) == ["xactionId"]
    client.app.drain()
    _load(client, visits_set, {**visit, "_id": "visit-2"})
    _look(client, tenant)


def _load(client: Client, dataset: str, visit: dict[str, Any]) -> None:
    """Step 12b: the same kind of record, in a file."""
    imports = "/data/foundation/import/batches"
    opened = client.call(
        "POST",
        imports,
        {"datasetId": dataset, "inputFormat": {"format": "json", "isMultiLineJson": False}},
        expect=201,
    )
    batch = opened["id"]
    answer = client.app.request(
        "PUT",
        f"{imports}/{batch}/datasets/{dataset}/files/visits.json",
        content=json.dumps([visit]),
        headers={**client.app.headers(), "content-type": "application/octet-stream"},
    )
    assert (answer.status_code, answer.content) == (200, b"")
    answer = client.app.request(
        "POST", f"{imports}/{batch}?action=COMPLETE", headers=client.app.headers()
    )
    assert answer.status_code == 200
    client.app.work()
    told = client.call("GET", f"/data/foundation/catalog/batches/{batch}")[batch]
    assert (told["status"], told["metrics"]["outputRecordCount"]) == ("success", 1)


def _look(client: Client, tenant: str) -> None:
    """Steps 13 to 16."""
    policies = client.call("GET", "/data/core/ups/config/mergePolicies?limit=100")["children"]
    assert [policy["default"] for policy in policies] == [True]
    accept = "application/vnd.adobe.xdm+json"
    found = client.call("GET", f"{RECORD}&entityId={MAIL}&entityIdNS=email", accept=accept)
    (profile,) = found.values()
    assert profile["entity"][f"_{tenant}"]["card"]["level"] == "gold"
    by_number = client.call("GET", f"{RECORD}&entityId={NUMBER}&entityIdNS=CRM", accept=accept)
    assert [one["entity"] for one in by_number.values()] == [profile["entity"]]
    events = client.call(
        "GET", f"{TIMELINE}&relatedEntityId={MAIL}&relatedEntityIdNS=email", accept=accept
    )
    assert {event["entityId"] for event in events["children"]} == {"visit-1", "visit-2"}
    graph = client.call(
        "POST",
        "/data/core/identity/v2/graph",
        {
            "composite_xid": [{"ns": "Email", "id": MAIL}],
            "projection_type": "set",
            "aam_properties": {"return_data_sources": False},
            "require_edge_meta_data": False,
        },
        x_uis_cst_ctx="stub",
    )
    (known,) = graph["graphs"]
    assert {one["id"] for one in known["members"]} == {MAIL, NUMBER}
