"""Connections, source and target connections, and flows: made, read, changed, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control.starter import REGISTRATIONS
from onefold.testing.app import App
from tests.contract.asking import other_organisation
from tests.contract.flowservice.desk import (
    DATA_LAKE,
    MAPPED_FLOW,
    STREAMING,
    XDM_FLOW,
    ask,
    connection_of,
    dataflow,
    flow_of,
    item,
    made,
    source_of,
    target_of,
)

RENAME = [{"op": "replace", "path": "/name", "value": "Other"}]


def refused(answer: Any, status: int, code: str, at: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["type"] == f"http://ns.adobe.com/aep/errors/{code}-{status}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    if at is not None:
        assert body["report"] == {"at": at}


def test_a_connection_shows_its_inlet(shared: App) -> None:
    id_ = made(shared, "connections", connection_of(sourceId="till-7", name="Till 7"))
    found = item(shared, "connections", id_)
    params = found["auth"]["params"]
    assert len(params["inletId"]) == 64
    assert params == {
        "sourceId": "till-7",
        "name": "Till 7",
        "dataType": "xdm",
        "authenticationRequired": False,
        "inletId": params["inletId"],
        "inletUrl": f"http://127.0.0.1:8080/collection/{params['inletId']}",
    }
    assert found["id"] == id_
    assert (found["name"], found["description"], found["state"]) == ("Till", "", "enabled")
    assert found["connectionSpec"] == STREAMING
    assert found["imsOrgId"] == shared.org_id
    assert (found["sandboxId"], found["sandboxName"]) == (shared.sandbox.public_id, "prod")
    assert found["createdClient"] == found["updatedClient"] == shared.client_id
    assert found["createdAt"] == found["updatedAt"] == shared.clock.now_ms()
    assert found["etag"] == found["version"]
    assert shared.rooms.definitions.inlet(params["inletId"]) is not None


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"name": " "}, "/name"),
        ({"name": None}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": "x" * 257}, "/name"),
        ({"description": 7}, "/description"),
        ({"state": "asleep"}, "/state"),
        ({"providerId": "other"}, "/providerId"),
        ({"connectionSpec": {"id": DATA_LAKE["id"]}}, "/connectionSpec/id"),
        ({"connectionSpec": None}, "/connectionSpec/id"),
        ({"auth": None}, "/auth/params/dataType"),
        ({"auth": []}, "/auth"),
        ({"auth": {"params": {"dataType": "csv"}}}, "/auth/params/dataType"),
        (
            {"auth": {"params": {"dataType": "xdm", "authenticationRequired": "yes"}}},
            "/auth/params/authenticationRequired",
        ),
    ],
)
def test_a_connection_that_breaks_a_rule_is_refused(shared: App, change: Any, at: str) -> None:
    refused(ask(shared, "POST", "/connections", connection_of() | change), 400, "CTL-1008", at)


@pytest.mark.parametrize("body", [[], "x", 1, None])
def test_a_body_that_is_no_object_is_refused(shared: App, body: Any) -> None:
    refused(ask(shared, "POST", "/connections", [body]), 400, "API-1003")


def test_a_flow_shows_what_it_joins(app: App) -> None:
    made_ = dataflow(app, REGISTRATIONS)
    found = item(app, "flows", made_.flow)
    assert found["flowSpec"] == {"id": XDM_FLOW, "version": "1.0"}
    assert found["sourceConnectionIds"] == [made_.source]
    assert found["targetConnectionIds"] == [made_.target]
    assert found["transformations"] == []
    assert found["scheduleParams"]["frequency"] == "minute"
    inherited = found["inheritedAttributes"]
    (source,) = inherited["sourceConnections"]
    assert (source["id"], source["connectionSpec"]) == (made_.source, STREAMING)
    assert source["baseConnection"] == {"id": made_.connection, "connectionSpec": STREAMING}
    assert inherited["targetConnections"] == [{"id": made_.target, "connectionSpec": DATA_LAKE}]
    assert found["lastOperation"]["operation"] == "create"
    assert found["state"] == "enabled"
    assert item(app, "sourceConnections", made_.source)["baseConnectionId"] == made_.connection
    target = item(app, "targetConnections", made_.target)
    assert target["params"] == {"dataSetId": app.datasets[REGISTRATIONS].id}


@pytest.mark.parametrize("kind", ["connections", "sourceConnections", "targetConnections", "flows"])
def test_every_kind_is_renamed_by_a_patch_of_its_newest_state(app: App, kind: str) -> None:
    made_ = dataflow(app, REGISTRATIONS)
    id_ = {
        "connections": made_.connection,
        "sourceConnections": made_.source,
        "targetConnections": made_.target,
        "flows": made_.flow,
    }[kind]
    etag = item(app, kind, id_)["etag"]
    answer = ask(app, "PATCH", f"/{kind}/{id_}", RENAME, if_match=etag)
    assert answer.status_code == 200, answer.text
    assert item(app, kind, id_)["name"] == "Other"
    assert item(app, kind, id_)["etag"] == answer.json()["etag"] != etag


def test_what_a_resource_refers_to_must_exist_and_agree(app: App) -> None:
    connection = made(app, "connections", connection_of())
    source = made(app, "sourceConnections", source_of(connection))
    target = made(app, "targetConnections", target_of(app, REGISTRATIONS))
    lake = target_of(app, REGISTRATIONS)
    refused(
        ask(app, "POST", "/sourceConnections", source_of("no")),
        404,
        "CTL-1007",
        "/baseConnectionId",
    )
    wrong_targets: list[tuple[Any, int, str, str]] = [
        ({"params": {"dataSetId": "no"}}, 404, "CTL-1007", "/params/dataSetId"),
        ({"params": None}, 404, "CTL-1007", "/params/dataSetId"),
        ({"data": {"schema": {"id": "other"}}}, 400, "CTL-1008", "/data/schema/id"),
        ({"connectionSpec": STREAMING}, 400, "CTL-1008", "/connectionSpec/id"),
    ]
    for change, status, code, at in wrong_targets:
        refused(ask(app, "POST", "/targetConnections", lake | change), status, code, at)
    flow = flow_of(source, target)
    mapping = {"name": "Mapping", "params": {"mappingId": "no", "mappingVersion": 0}}
    wrong_flows: list[tuple[Any, int, str, str]] = [
        ({"sourceConnectionIds": [target]}, 404, "CTL-1007", "/sourceConnectionIds/0"),
        ({"targetConnectionIds": ["no"]}, 404, "CTL-1007", "/targetConnectionIds/0"),
        ({"sourceConnectionIds": []}, 400, "CTL-1008", "/sourceConnectionIds"),
        ({"targetConnectionIds": [target, target]}, 400, "CTL-1008", "/targetConnectionIds"),
        ({"flowSpec": {"id": "other"}}, 400, "CTL-1008", "/flowSpec/id"),
        ({"flowSpec": {"id": MAPPED_FLOW}}, 400, "CTL-1008", "/flowSpec/id"),
        ({"transformations": [mapping]}, 400, "CTL-1008", "/transformations"),
        ({"transformations": [mapping, mapping]}, 400, "CTL-1008", "/transformations"),
        ({"transformations": [{"name": "Map"}]}, 400, "CTL-1008", "/transformations/0/name"),
    ]
    for change, status, code, at in wrong_flows:
        refused(ask(app, "POST", "/flows", flow | change), status, code, at)


def test_raw_data_needs_a_mapping_of_the_targets_schema(app: App) -> None:
    connection = made(app, "connections", connection_of(dataType="raw"))
    source = made(app, "sourceConnections", source_of(connection))
    target = made(app, "targetConnections", target_of(app, REGISTRATIONS))
    flow = flow_of(source, target, "x")
    refused(ask(app, "POST", "/flows", flow), 404, "CTL-1007")
    refused(
        ask(app, "POST", "/flows", flow | {"transformations": []}),
        400,
        "CTL-1008",
        "/transformations",
    )
    refused(ask(app, "POST", "/flows", flow_of(source, target)), 400, "CTL-1008", "/flowSpec/id")


# Versions


def test_a_change_needs_the_current_etag_and_gives_a_new_one(app: App) -> None:
    id_ = made(app, "connections", connection_of())
    path, etag = f"/connections/{id_}", item(app, "connections", id_)["etag"]
    refused(ask(app, "PATCH", path, RENAME), 400, "FLW-1001")
    first = ask(app, "PATCH", path, RENAME, if_match=etag)
    assert first.status_code == 200, first.text
    assert first.json() == {"id": id_, "etag": first.headers["etag"]}
    assert first.json()["etag"] != etag
    second = ask(app, "PATCH", path, RENAME, if_match=etag)
    assert second.status_code == 412
    old, new = etag.strip('"'), first.json()["etag"].strip('"')
    assert second.json() == {
        "errorMessage": f'Supplied version=["{old}"] does not match the current version on'
        f' entity=["{new}"]'
    }
    found = item(app, "connections", id_)
    assert (found["name"], found["etag"]) == ("Other", first.json()["etag"])
    for form in ("{}", 'W/"{}"', "*"):
        answer = ask(app, "PATCH", path, RENAME, if_match=form.format(new))
        assert answer.status_code == 200, answer.text
        new = answer.json()["etag"].strip('"')


def test_a_patch_changes_only_what_may_change(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS)
    for kind, id_, path, value in (
        ("connections", flow.connection, "/id", "x"),
        ("connections", flow.connection, "/createdAt", 1),
        ("connections", flow.connection, "/auth/params/dataType", "raw"),
        ("connections", flow.connection, "/auth/params/inletId", "0" * 64),
        ("connections", flow.connection, "/unknown", 1),
        ("sourceConnections", flow.source, "/baseConnectionId", "x"),
        ("flows", flow.flow, "/flowSpec/id", MAPPED_FLOW),
    ):
        operation = [{"op": "add", "path": path, "value": value}]
        answer = ask(app, "PATCH", f"/{kind}/{id_}", operation, if_match="*")
        refused(answer, 400, "CTL-1008")
    capital = [{"op": "Replace", "path": "/description", "value": "New"}]
    for kind, id_ in (("flows", flow.flow), ("targetConnections", flow.target)):
        answer = ask(app, "PATCH", f"/{kind}/{id_}", capital, if_match="*")
        assert answer.status_code == 200, answer.text
        assert item(app, kind, id_)["description"] == "New"
    required = {"op": "add", "path": "/auth/params/authenticationRequired", "value": True}
    answer = ask(app, "PATCH", f"/connections/{flow.connection}", [required], if_match="*")
    assert answer.status_code == 200, answer.text
    assert app.collect({}).status_code == 400
    sent = {"content-type": "application/json"}
    closed = app.request("POST", f"/collection/{flow.inlet}", content="{}", headers=sent)
    assert closed.status_code == 401


@pytest.mark.parametrize("body", [{}, "x", [1], [{"op": "add"}], [{"op": 1, "path": "/name"}]])
def test_what_is_no_patch_is_refused(shared: App, body: Any) -> None:
    id_ = made(shared, "connections", connection_of())
    refused(ask(shared, "PATCH", f"/connections/{id_}", body, if_match="*"), 400, "API-1003")


def test_a_patch_that_takes_everything_away_is_refused(shared: App) -> None:
    id_ = made(shared, "connections", connection_of())
    gone = [{"op": "replace", "path": "", "value": []}]
    refused(ask(shared, "PATCH", f"/connections/{id_}", gone, if_match="*"), 400, "CTL-1008")


def test_what_is_used_stays_until_its_users_are_gone(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS)
    parts = (
        ("connections", flow.connection),
        ("sourceConnections", flow.source),
        ("targetConnections", flow.target),
    )
    for kind, id_ in parts:
        refused(ask(app, "DELETE", f"/{kind}/{id_}"), 409, "FLW-1003")
    stale = ask(app, "DELETE", f"/flows/{flow.flow}", if_match='"old"')
    assert stale.status_code == 412
    for kind, id_ in (("flows", flow.flow), *reversed(parts)):
        gone = ask(app, "DELETE", f"/{kind}/{id_}")
        assert (gone.status_code, gone.content) == (204, b"")
        refused(ask(app, "GET", f"/{kind}/{id_}"), 404, "CTL-1007")
    assert app.rooms.definitions.inlet(flow.inlet) is None


def test_flows_are_enabled_and_disabled(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS).flow
    etag = item(app, "flows", flow)["etag"]
    off = ask(app, "POST", f"/flows/{flow}/action?op=disable")
    assert off.status_code == 200
    assert off.json()["etag"] != etag
    assert item(app, "flows", flow)["state"] == "disabled"
    again = ask(app, "POST", f"/flows/{flow}/action?op=disable")
    assert again.json() == off.json()
    assert ask(app, "POST", f"/flows/{flow}/action?op=enable").status_code == 200
    assert item(app, "flows", flow)["state"] == "enabled"
    refused(ask(app, "POST", f"/flows/{flow}/action?op=restart"), 400, "CTL-1008", "op")
    refused(ask(app, "POST", "/flows/no/action?op=enable"), 404, "CTL-1007")


def test_a_connection_can_be_tested(app: App) -> None:
    id_ = made(app, "connections", connection_of())
    assert ask(app, "GET", f"/connections/{id_}/test").json() == {"test": True}
    off = [{"op": "replace", "path": "/state", "value": "disabled"}]
    assert ask(app, "PATCH", f"/connections/{id_}", off, if_match="*").status_code == 200
    assert ask(app, "GET", f"/connections/{id_}/test").json() == {"test": False}
    refused(ask(app, "GET", "/connections/no/test"), 404, "CTL-1007")


def test_another_organisation_sees_nothing(app: App) -> None:
    flow = dataflow(app, REGISTRATIONS)
    headers = other_organisation(app)
    for kind, id_ in (("connections", flow.connection), ("flows", flow.flow)):
        refused(ask(app, "GET", f"/{kind}/{id_}", **headers), 404, "CTL-1007")
        assert ask(app, "GET", f"/{kind}", **headers).json()["items"] == []
