"""Mapping sets: made, read, replaced, deleted, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.testing.app import App
from tests.contract.asking import send
from tests.contract.flowservice.desk import MAPPINGS, dataflow, mapping_of
from tests.contract.flowservice.test_resources import refused

NAMES = {"first": "person.name.firstName", "last": "person.name.lastName"}


@pytest.mark.parametrize("root", [MAPPINGS, "/data/foundation/mappingSets"])
def test_a_mapping_set_is_made_shown_replaced_and_deleted(app: App, root: str) -> None:
    made = send(app, "POST", root, mapping_of(app, REGISTRATIONS, **NAMES))
    assert made.status_code == 201, made.text
    now_ms = app.clock.now_ms()
    assert made.json() == {
        "id": made.json()["id"],
        "version": 0,
        "createdDate": now_ms,
        "modifiedDate": now_ms,
        "createdBy": app.client_id,
        "modifiedBy": app.client_id,
    }
    path = f"{root}/{made.json()['id']}"
    shown = app.get(path).json()
    schema = app.datasets[REGISTRATIONS].schema_id
    assert shown["xdmSchema"] == shown["outputSchema"]["schemaRef"]["id"] == schema
    assert shown["mappings"][0] | {"id": ""} == {
        "id": "",
        "identity": False,
        "version": 0,
        "sourceAttribute": "first",
        "destinationXdmPath": "person.name.firstName",
    }
    newer = {
        "outputSchema": {"schemaRef": {"id": schema}},
        "name": "Names",
        "mappings": [
            {"sourceType": "ATTRIBUTE", "source": "n", "destination": "person.name.firstName"}
        ],
    }
    changed = send(app, "PUT", path, newer)
    assert changed.status_code == 200, changed.text
    assert changed.json()["version"] == 1
    shown = app.get(path).json()
    assert (shown["name"], shown["mappings"][0]["sourceAttribute"]) == ("Names", "n")
    assert send(app, "DELETE", path).status_code == 204
    refused(app.get(path), 404, "CTL-1007")
    refused(send(app, "PUT", path, newer), 404, "CTL-1007")
    refused(send(app, "DELETE", path), 404, "CTL-1007")


def test_both_paths_lead_to_the_same_mapping_sets(app: App) -> None:
    other = "/data/foundation/mappingSets"
    body = mapping_of(app, REGISTRATIONS, **NAMES)
    ids = [send(app, "POST", path, body).json()["id"] for path in (MAPPINGS, other, other)]
    listed = app.get(f"{MAPPINGS}?limit=2&start=1").json()
    assert [found["id"] for found in listed["data"]] == ids[1:]
    assert listed["_page"] == {"count": 2, "start": 1, "limit": 2}
    assert app.get(f"{other}/{ids[0]}").json()["id"] == ids[0]
    refused(app.get(f"{MAPPINGS}?limit=0"), 400, "CTL-1008")


@pytest.mark.parametrize(
    ("change", "status", "code", "at"),
    [
        ({"xdmSchema": "no"}, 404, "CTL-1007", None),
        ({"xdmSchema": None}, 400, "CTL-1008", "/xdmSchema"),
        ({"outputSchema": {"schemaRef": 1}, "xdmSchema": None}, 400, "CTL-1008", "/xdmSchema"),
        ({"mappings": None}, 400, "CTL-1008", "/mappings"),
        ({"mappings": []}, 400, "CTL-1008", "/mappings"),
        ({"mappings": ["x"]}, 400, "CTL-1008", "/mappings/0"),
        ({"name": 1}, 400, "CTL-1008", "/name"),
    ],
)
def test_a_mapping_set_that_breaks_a_rule_is_refused(
    shared: App, change: Any, status: int, code: str, at: str | None
) -> None:
    body = mapping_of(shared, REGISTRATIONS, **NAMES) | change
    refused(send(shared, "POST", MAPPINGS, body), status, code, at)


@pytest.mark.parametrize(
    ("mapping", "at"),
    [
        ({"sourceAttribute": "a", "destinationXdmPath": "person.name.nick"}, "destinationXdmPath"),
        ({"sourceAttribute": "a", "destinationXdmPath": "person..name"}, "destinationXdmPath"),
        ({"sourceAttribute": "a", "destinationXdmPath": "person[0]"}, "destinationXdmPath"),
        ({"sourceAttribute": "a["}, "destinationXdmPath"),
        ({"sourceAttribute": "a[", "destinationXdmPath": "person.name"}, "sourceAttribute"),
        ({"destinationXdmPath": "person.name"}, "sourceAttribute"),
        ({"sourceType": "EXPRESSION", "source": "a", "destination": "person"}, "sourceType"),
    ],
)
def test_a_mapping_that_cannot_be_followed_is_named(shared: App, mapping: Any, at: str) -> None:
    body = mapping_of(shared, REGISTRATIONS, **NAMES)
    body["mappings"].append(mapping)
    refused(send(shared, "POST", MAPPINGS, body), 400, "CTL-1008", f"/mappings/2/{at}")


def test_a_mapping_set_in_use_stays_and_keeps_its_schema(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS, **NAMES)
    path = f"{MAPPINGS}/{flow.mapping}"
    refused(send(app, "DELETE", path), 409, "FLW-1003")
    other = mapping_of(app, EVENTS, id="_id")
    refused(send(app, "PUT", path, other), 409, "FLW-1003")
    assert send(app, "PUT", path, mapping_of(app, REGISTRATIONS, **NAMES)).status_code == 200


def test_a_body_that_is_no_object_is_refused(shared: App) -> None:
    refused(send(shared, "POST", MAPPINGS, [1]), 400, "API-1003")
