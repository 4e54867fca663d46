"""From a field group to a lookup that shows what was sent; definitions come over HTTP only."""

from __future__ import annotations

import json
from typing import Any

from onefold.control import connections
from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS
from onefold.effects import SystemIds
from onefold.testing.app import CONTENT_TYPE, App
from tests.contract.people import RECORD, TIMELINE, iso
from tests.contract.schemaregistry.desk import UNION, ask, group_of, made, one, refused

DATASETS = "/data/foundation/catalog/dataSets"
MAIL = "kim@example.org"
CARD = {"type": "object", "properties": {"mail": {"type": "string"}, "level": {"type": "string"}}}


def dataset_of(app: App, group: str, class_id: str, title: str) -> tuple[str, str]:
    """A dataset for Profile of a new schema with a primary identity; answers both ids."""
    schema = made(app, "schemas", {"title": title, "allOf": [{"$ref": class_id}, {"$ref": group}]})
    descriptor = {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": schema["$id"],
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": f"/{app.tenant}/card/mail",
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        "xdm:isPrimary": True,
    }
    assert ask(app, "POST", "/tenant/descriptors", descriptor).status_code == 201
    assert ask(app, "PATCH", one("schemas", schema["$id"]) + "/", UNION).status_code == 200
    answer = app.post(
        f"{DATASETS}?requestDataSource=False",
        {
            "name": title,
            "schemaRef": {"id": schema["$id"], "contentType": CONTENT_TYPE},
            "tags": {"unifiedProfile": ["enabled: true"], "unifiedIdentity": ["enabled:true"]},
        },
    )
    assert answer.status_code == 201, answer.text
    return schema["$id"], answer.json()[0].rpartition("/")[2]


def send(app: App, inlet: str, schema: str, dataset: str, entity: Any) -> None:
    """One message, checked against its schema at once, and applied."""
    reference = {"id": schema, "contentType": CONTENT_TYPE}
    message = {
        "header": {"schemaRef": reference, "imsOrgId": app.org_id, "datasetId": dataset},
        "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
    }
    answer = app.request(
        "POST",
        f"/collection/{inlet}?syncValidation=True",
        content=json.dumps(message),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    app.drain()


def test_what_is_defined_over_http_takes_records_and_shows_them(app: App) -> None:
    group = made(app, "fieldgroups", group_of(app, card=CARD))["$id"]
    own = made(app, "fieldgroups", {**group_of(app, "Cards", card=CARD)})["$id"]
    people, people_set = dataset_of(app, group, PROFILE_CLASS, "Card holders")
    visits, visits_set = dataset_of(app, own, EVENT_CLASS, "Card visits")
    inlet = connections.create(
        app.places.control(), app.clock, SystemIds(), app.sandbox, name="Cards"
    ).inlet_id
    card = {app.tenant: {"card": {"mail": MAIL, "level": "gold"}}}
    send(app, inlet, people, people_set, card)
    send(
        app,
        inlet,
        visits,
        visits_set,
        {"_id": "visit-1", "timestamp": iso(app.clock.now_ms()), **card},
    )
    assert app.failed() == []
    shown = app.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").json()
    (profile,) = shown.values()
    assert profile["entity"][app.tenant]["card"]["level"] == "gold"
    events = app.get(f"{TIMELINE}&relatedEntityId={MAIL}&relatedEntityIdNS=email").json()
    assert [event["entityId"] for event in events["children"]] == ["visit-1"]


def test_a_schema_that_holds_records_only_grows_and_its_dataset_stays(app: App) -> None:
    group = made(app, "fieldgroups", group_of(app, card=CARD))["$id"]
    schema = made(
        app, "schemas", {"title": "Cards", "allOf": [{"$ref": PROFILE_CLASS}, {"$ref": group}]}
    )["$id"]
    answer = app.post(DATASETS, {"name": "Cards", "schemaRef": {"id": schema}})
    dataset = answer.json()[0].rpartition("/")[2]
    narrower = group_of(app, card={"type": "object", "properties": {"mail": {"type": "string"}}})
    grown = group_of(app, card=CARD, points={"type": "integer"})
    assert ask(app, "PUT", one("fieldgroups", group), narrower).status_code == 200
    assert ask(app, "PUT", one("fieldgroups", group), grown).status_code == 200
    entity = {"_id": "1", app.tenant: {"card": {"mail": MAIL}}}
    send(app, app.inlet, schema, dataset, entity)
    refused(ask(app, "PUT", one("fieldgroups", group), narrower), 400, "REG-1005-400")
    gone = app.request("DELETE", f"{DATASETS}/{dataset}", headers=app.headers())
    assert gone.status_code == 409
    assert gone.json()["type"].endswith("CAT-1001-409")
