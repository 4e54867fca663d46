"""Samples, export and import, the audit log, and pages that are followed by `start` alone."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS
from onefold.testing.app import App
from tests.contract.asking import OTHER_ORG, other_organisation
from tests.contract.schemaregistry.desk import (
    FULL,
    JSON,
    REGISTRY,
    UNION,
    ask,
    group_of,
    made,
    one,
    refused,
    schema_of,
)

TEXT = {"type": "string"}
SANDBOXES = "/data/foundation/sandbox-management/sandboxes"


def rpc(name: str, id_: str) -> str:
    return f"/rpc/{name}/{quote(id_, safe='')}"


def elsewhere(app: App, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """A call to the registry with other headers."""
    sent = {"content-type": "application/json"} | app.headers(**headers)
    content = None if body is None else json.dumps(body)
    return app.request(method, REGISTRY + path, content=content, headers=sent)


def kit(app: App) -> tuple[JSON, JSON, JSON]:
    """A data type, a group that uses it, and a schema of the group and of that type again."""
    point = made(
        app,
        "datatypes",
        {"title": "Point", "type": "object", "properties": {"x": {"type": "number"}}},
    )
    group = made(app, "fieldgroups", group_of(app, "Places", at={"$ref": point["$id"]}, who=TEXT))
    schema = made(app, "schemas", schema_of(group["$id"], title="Walkers"))
    return point, group, schema


# Samples


def test_samples_fit_their_schemas_and_are_taken_by_an_inlet(app: App) -> None:
    for name, dataset in app.datasets.items():
        sample = ask(app, "GET", rpc("sampledata", dataset.schema_id)).json()
        found = app.rooms.definitions.snapshot(app.sandbox.id).schemas[dataset.schema_id]
        assert found.compiled.violations(sample) == []
        answer = app.collect(app.message(name, sample), "?syncValidation=true")
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("id_", [PROFILE_CLASS, EVENT_CLASS, "_xdm.context.profile-person-details"])
def test_standard_resources_have_samples(shared: App, id_: str) -> None:
    sample = ask(shared, "GET", rpc("sampledata", id_)).json()
    assert isinstance(sample, dict)
    assert sample


def test_a_sample_follows_limits(app: App) -> None:
    fields: dict[str, JSON] = {
        "code": {"type": "string", "pattern": "^[A-Z]{3}-(0|[1-9][0-9]*)$"},
        "long": {"type": "string", "minLength": 40},
        "few": {"type": "integer", "minimum": 7, "maximum": 7},
        "one": {"type": "string", "enum": ["b"]},
        "never": {"type": "integer", "minimum": 2, "maximum": 1},
    }
    group = made(app, "fieldgroups", group_of(app, **fields))
    own = ask(app, "GET", rpc("sampledata", group["$id"])).json()[app.tenant]
    assert own["few"] == 7
    assert own["one"] == "b"
    assert len(own["long"]) == 40
    assert own["code"].startswith("AAA-")
    assert "never" not in own


def test_a_schema_that_no_record_fits_has_no_sample(app: App) -> None:
    document = group_of(app, odd={"type": "integer", "minimum": 2, "maximum": 1})
    document["definitions"]["card"]["properties"][app.tenant]["required"] = ["odd"]
    document["definitions"]["card"]["required"] = [app.tenant]
    group = made(app, "fieldgroups", document)
    body = refused(ask(app, "GET", rpc("sampledata", group["$id"])), 400, "REG-1008-400")
    assert f"/{app.tenant}/odd" in body["detail"]


@pytest.mark.parametrize("name", ["sampledata", "export", "auditlog"])
def test_what_does_not_exist_has_none_of_it(shared: App, name: str) -> None:
    for id_ in ("odd", "_acme.schemas.0", "https://ns.adobe.com/acme/schemas/0"):
        refused(ask(shared, "GET", rpc(name, id_)), 404, "XDM-1012-404")


# Export and import


def test_an_export_holds_what_a_schema_needs_in_the_order_of_need(app: App) -> None:
    point, group, schema = kit(app)
    for name in (schema["$id"], schema["meta:altId"]):
        sent = ask(app, "GET", rpc("export", name)).json()
        assert [one["$id"] for one in sent] == [point["$id"], group["$id"], schema["$id"]]
    refused(ask(app, "GET", rpc("export", PROFILE_CLASS)), 404, "XDM-1012-404")


@pytest.mark.parametrize("path", ["/rpc/import", "/rpc/export/"])
def test_an_import_keeps_ids_within_an_organisation_and_can_be_repeated(
    app: App, path: str
) -> None:
    *_, schema = kit(app)
    ask(app, "PATCH", one("schemas", schema["$id"]), UNION)
    sent = ask(app, "GET", rpc("export", schema["$id"])).json()
    app.post(SANDBOXES, {"name": "copy", "title": "C", "type": "development"})
    app.drain()
    first = elsewhere(app, "POST", path, list(reversed(sent)), x_sandbox_name="copy")
    assert first.status_code == 200, first.text
    assert [one["$id"] for one in first.json()] == [one["$id"] for one in sent]
    again = elsewhere(app, "POST", path, sent, x_sandbox_name="copy")
    assert again.json() == first.json()
    for word, expected in ((FULL, "properties"), ("application/json", "allOf")):
        there = elsewhere(
            app, "GET", one("schemas", schema["$id"]), x_sandbox_name="copy", accept=word
        ).json()
        here = ask(app, "GET", one("schemas", schema["$id"]), accept=word).json()
        assert there[expected] == here[expected]
        assert there["meta:immutableTags"] == ["union"]
    back = elsewhere(app, "GET", rpc("export", schema["$id"]), x_sandbox_name="copy").json()
    strip = ("meta:registryMetadata", "meta:sandboxId", "meta:sandboxType", "version")
    for left, right in zip(sent, back, strict=True):
        assert {k: v for k, v in left.items() if k not in strip} == {
            k: v for k, v in right.items() if k not in strip
        }


def test_an_import_exchanges_the_tenant_between_organisations(app: App) -> None:
    *_, schema = kit(app)
    sent = ask(app, "GET", rpc("export", schema["$id"])).json()
    headers = other_organisation(app)
    answer = elsewhere(app, "POST", "/rpc/import", sent, **headers)
    assert answer.status_code == 200, answer.text
    id_ = schema["$id"].replace(f"/{app.tenant[1:]}/", "/other/")
    assert answer.json()[-1]["$id"] == id_
    assert answer.json()[-1]["imsOrg"] == OTHER_ORG
    sample = elsewhere(app, "GET", rpc("sampledata", id_), **headers).json()
    assert {"at", "who"} <= set(sample["_other"])
    assert app.tenant not in json.dumps(answer.json())


def test_an_import_is_made_as_a_whole_or_not_at_all(app: App) -> None:
    point, group, schema = kit(app)
    sent = ask(app, "GET", rpc("export", schema["$id"])).json()
    before = ask(app, "GET", "/stats").json()
    other = {**sent[0], "title": "Other", "properties": {"y": TEXT}}
    fresh = {**sent[0], "$id": sent[0]["$id"][:-4] + "0000", "title": "Fresh"}
    loop = {**fresh, "properties": {"me": {"$ref": fresh["$id"]}}}
    cases: list[tuple[Any, int, str]] = [
        ([], 400, "API-1003-400"),
        ("x", 400, "API-1003-400"),
        ([1], 400, "API-1003-400"),
        ([{}], 400, "CTL-1008-400"),
        ([{**fresh, "$id": PROFILE_CLASS}], 400, "CTL-1008-400"),
        ([{**fresh, "meta:resourceType": "schemas"}], 400, "CTL-1008-400"),
        ([fresh, other], 409, "CTL-1006-409"),
        ([{**fresh, "title": "Point"}], 409, "CTL-1006-409"),
        ([fresh, {**schema, "$id": schema["$id"][:-4] + "0000"}], 409, "CTL-1006-409"),
        ([loop], 400, "XDM-1002-400"),
        ([fresh] * 301, 400, "XDM-1003-400"),
    ]
    for body, status, kind in cases:
        refused(ask(app, "POST", "/rpc/import", body), status, kind)
    assert ask(app, "GET", "/stats").json() == before
    app.post(SANDBOXES, {"name": "copy", "title": "C", "type": "development"})
    app.drain()
    lacking = elsewhere(app, "POST", "/rpc/import", [group, schema], x_sandbox_name="copy")
    refused(lacking, 404, "XDM-1001-404")
    assert point["title"] == "Point"


# The audit log


def test_every_change_is_in_the_audit_log(app: App) -> None:
    _, group, schema = kit(app)
    path = one("schemas", schema["$id"])
    app.clock.advance(ms=60_000)
    changed = ask(app, "PATCH", path, [{"op": "add", "path": "/description", "value": "Who walk"}])
    other = ask(app, "PUT", path, schema_of(title="Runners"))
    assert (changed.status_code, other.status_code) == (200, 200)
    assert ask(app, "DELETE", path).status_code == 204
    log = ask(app, "GET", rpc("auditlog", schema["$id"])).json()
    assert [entry["action"] for entry in log] == ["delete", "update", "update", "create"]
    assert [entry["version"] for entry in log] == ["1.2", "1.2", "1.1", "1.0"]
    entry = log[2]
    assert entry["requestId"] == changed.headers["x-request-id"]
    assert entry["clientId"] == app.client_id
    assert entry["auditTrails"] == [
        {
            "id": schema["$id"],
            "xdmType": "schemas",
            "action": "add",
            "path": "/description",
            "value": "Who walk",
        }
    ]
    steps = {(trail["action"], trail["path"]) for trail in log[1]["auditTrails"]}
    assert steps >= {("replace", "/title"), ("replace", "/allOf"), ("remove", "/description")}
    assert ask(app, "GET", rpc("auditlog", PROFILE_CLASS)).json() == []
    assert len(ask(app, "GET", rpc("auditlog", group["meta:altId"])).json()) == 1


def test_a_refused_change_leaves_no_trace_and_old_ones_are_forgotten(app: App) -> None:
    point, *_ = kit(app)
    path = one("datatypes", point["$id"])
    refused(ask(app, "PATCH", path, [{"op": "remove", "path": "/title"}]), 400, "CTL-1008-400")
    assert len(ask(app, "GET", rpc("auditlog", point["$id"])).json()) == 1
    for turn in range(101):
        value = [{"op": "add", "path": "/description", "value": str(turn)}]
        assert ask(app, "PATCH", path, value).status_code == 200
    log = ask(app, "GET", rpc("auditlog", point["$id"])).json()
    assert len(log) == 100
    assert {entry["action"] for entry in log} == {"update"}


# Pages


def test_start_alone_continues_the_question(shared: App) -> None:
    query = "?orderby=-title&limit=4&property=title~e"
    whole = ask(shared, "GET", "/global/datatypes?orderby=-title&property=title~e").json()
    body = ask(shared, "GET", f"/global/datatypes{query}").json()
    titles = [found["title"] for found in body["results"]]
    while body["_page"]["next"] is not None:
        assert len(body["results"]) == 4
        start = quote(body["_page"]["next"], safe="")
        body = ask(shared, "GET", f"/global/datatypes?start={start}").json()
        assert body["_page"]["orderby"] == "-title"
        titles += [found["title"] for found in body["results"]]
    assert titles == [found["title"] for found in whole["results"]]
    for odd in ("after-", "after-x", "after-WzEsMl0", "after-Wy0xLCJ0aXRsZSIsIiIsW11d"):
        refused(ask(shared, "GET", f"/global/datatypes?start={odd}"), 400, "CTL-1008-400")


def test_an_id_that_comes_back_with_other_content_is_compiled_anew(app: App) -> None:
    """Both are version 1.0 of one id, and no snapshot lies between them."""
    _, group, schema = kit(app)
    sent = ask(app, "GET", rpc("export", schema["$id"])).json()
    own = f"definitions.card.properties.{app.tenant}.properties".split(".")

    def fields() -> set[str]:
        root = app.rooms.definitions.snapshot(app.sandbox.id).schemas[schema["$id"]].root
        return set(root.properties[app.tenant].properties)

    assert fields() == {"at", "who"}
    assert ask(app, "DELETE", one("schemas", schema["$id"])).status_code == 204
    assert ask(app, "DELETE", one("fieldgroups", group["$id"])).status_code == 204
    place: Any = sent[1]
    for step in own:
        place = place[step]
    place["new"] = place.pop("who")
    assert ask(app, "POST", "/rpc/import", sent).status_code == 200
    assert fields() == {"at", "new"}
