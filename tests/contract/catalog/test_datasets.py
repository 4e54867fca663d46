"""Datasets over HTTP: every operation with its status, list parameters, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.testing.app import App
from tests.contract.asking import send

PATH = "/data/foundation/catalog/dataSets"


def schema_of(app: App) -> str:
    return app.datasets["Customer registrations"].schema_id


def body_of(app: App, name: str = "Cards", **more: Any) -> dict[str, Any]:
    reference = {"id": schema_of(app), "contentType": "application/vnd.adobe.xed+json;version=1"}
    return {"name": name, "schemaRef": reference, **more}


def made(app: App, name: str = "Cards", **more: Any) -> str:
    answer = send(app, "POST", PATH, body_of(app, name, **more))
    assert answer.status_code == 201, answer.text
    (reference,) = answer.json()
    id_: str = reference.removeprefix("@/dataSets/")
    assert answer.headers["location"] == f"{PATH}/{id_}"
    return id_


def shown(app: App, id_: str) -> dict[str, Any]:
    answer = app.get(f"{PATH}/{id_}")
    assert answer.status_code == 200
    ((key, dataset),) = answer.json().items()
    assert key == id_
    found: dict[str, Any] = dataset
    return found


def refused(answer: Any, status: int, code: str) -> None:
    body = answer.json()
    assert answer.status_code == status, answer.text
    assert set(body) == {"type", "title", "status", "detail"}
    assert body["status"] == status
    assert body["type"] == f"http://ns.adobe.com/aep/errors/{code}-{status}"


def test_a_dataset_is_shown_with_what_is_true(app: App) -> None:
    tags = {"unifiedProfile": ["enabled: true"], "own": [" a "]}
    id_ = made(app, "My Cards!", description="All of them", tags=tags, fileDescription={})
    assert len(id_) == 24
    view_id = shown(app, id_)["viewId"]
    assert len(view_id) == 24
    user = app.rooms.definitions.installation().credentials[app.client_id].technical_account
    assert shown(app, id_) == {
        "name": "My Cards!",
        "description": "All of them",
        "imsOrg": app.org_id,
        "sandboxId": app.sandbox.id,
        "tags": {
            "adobe/pqs/table": ["my_cards"],
            "unifiedProfile": ["enabled:true"],
            "own": ["a"],
        },
        "version": "1.0.0",
        "created": app.clock.now_ms(),
        "updated": app.clock.now_ms(),
        "createdClient": app.client_id,
        "createdUser": user,
        "updatedUser": user,
        "viewId": view_id,
        "files": f"@/dataSets/{id_}/views/{view_id}/files",
        "schemaRef": {
            "id": schema_of(app),
            "contentType": "application/vnd.adobe.xed+json;version=1",
        },
        "enableErrorDiagnostics": False,
        "fileDescription": {},
        "classification": {"dataBehavior": "record", "managedBy": "CUSTOMER"},
    }
    brief = app.get(f"{PATH}/{id_}?properties=name,odd").json()
    assert brief == {id_: {"name": "My Cards!"}}


def test_a_patch_is_read_by_its_shape(app: App) -> None:
    id_ = made(app, tags={"own": ["a"]})
    app.clock.advance(ms=5)
    partial = {"description": "New", "tags": {"unifiedProfile": ["enabled:true"]}}
    for content_type in ("application/json", "application/json-patch+json"):
        answer = send(app, "PATCH", f"{PATH}/{id_}", partial, content_type=content_type)
        assert answer.status_code == 200
        assert answer.json() == [f"@/dataSets/{id_}"]
    dataset = shown(app, id_)
    assert dataset["description"] == "New"
    assert set(dataset["tags"]) == {"adobe/pqs/table", "own", "unifiedProfile"}
    assert dataset["updated"] == dataset["created"] + 5
    patch = [
        {"op": "add", "path": "/tags/acp_validationContext", "value": ["disabled"]},
        {"op": "remove", "path": "/tags/own"},
        {"op": "replace", "path": "/name", "value": "Club cards"},
    ]
    assert send(app, "PATCH", f"{PATH}/{id_}", patch).status_code == 200
    dataset = shown(app, id_)
    assert dataset["name"] == "Club cards"
    assert set(dataset["tags"]) == {"adobe/pqs/table", "unifiedProfile", "acp_validationContext"}
    assert dataset["tags"]["adobe/pqs/table"] == ["cards"]


def test_a_put_replaces_and_a_delete_removes(app: App) -> None:
    id_ = made(app, description="Old", tags={"own": ["a"]})
    assert send(app, "PUT", f"{PATH}/{id_}", body_of(app, "New")).json() == [f"@/dataSets/{id_}"]
    dataset = shown(app, id_)
    assert (dataset["name"], dataset["description"]) == ("New", "")
    assert set(dataset["tags"]) == {"adobe/pqs/table"}
    assert send(app, "DELETE", f"{PATH}/{id_}").json() == [f"@/dataSets/{id_}"]
    for method, body in (("GET", None), ("DELETE", None), ("PUT", body_of(app)), ("PATCH", {})):
        refused(send(app, method, f"{PATH}/{id_}", body), 404, "CTL-1007")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name=Customer events", ["Customer events"]),
        ("property=name==Customer events", ["Customer events"]),
        ("property=name~^Customer app", ["Customer app logins"]),
        ("limit=1", ["Customer app logins"]),
        ("limit=1&start=1", ["Customer events"]),
        ("orderBy=desc:name&limit=2", ["Customer registrations", "Customer events"]),
        ("orderBy=asc:created|desc:name&limit=1", ["Customer registrations"]),
        ("tags=unifiedProfile:enabled:true,adobe/pqs/table:*events", ["Customer events"]),
        ("tags=adobe/pqs/table:c*app*s", ["Customer app logins"]),
        ("tags=adobe/pqs/table:c*x*s", []),
        ("tags=adobe/pqs/table:customer_events*events", []),
        ("tags=odd:*", []),
        ("createdAfter=99999999999999", []),
        ("createdBefore=1", []),
        ("updatedAfter=1&updatedBefore=99999999999999&limit=1", ["Customer app logins"]),
        ("updatedAfter=99999999999999", []),
        ("version=1.0.0&limit=1", ["Customer app logins"]),
        ("createdClient=nobody", []),
        ("requestDataSource=False&limit=1", ["Customer app logins"]),
        ("property=name~^Customer e,created>1", ["Customer events"]),
        ("property=state", []),
        ("property=created>1&property=description&name=Customer events", ["Customer events"]),
    ],
)
def test_lists(shared: App, query: str, names: list[str]) -> None:
    order = "" if "orderBy" in query else "&orderBy=name"
    answer = shared.get(f"{PATH}?{query}{order}")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [dataset["name"] for dataset in found.values()] == names
    assert all(dataset["tags"]["adobe/pqs/table"] for dataset in found.values())


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=x", "start=-1", "tags=own", "orderBy=up:name"),
        *("property=a=b", "property=name~(a%2B)%2B", "updatedAfter=x", "createdBefore=-1"),
    ],
)
def test_a_wrong_list_parameter_is_refused(shared: App, query: str) -> None:
    refused(shared.get(f"{PATH}?{query}"), 400, "CTL-1008")


def test_datasets_that_are_refused(app: App) -> None:
    before = app.get(PATH).json()
    cases: list[tuple[Any, int, str]] = [
        ([], 400, "API-1003"),
        ({"name": "A"}, 400, "CTL-1008"),
        (body_of(app, " "), 400, "CTL-1008"),
        ({**body_of(app), "name": 1}, 400, "CTL-1008"),
        (body_of(app, description=1), 400, "CTL-1008"),
        (body_of(app, tags=[]), 400, "CTL-1008"),
        (body_of(app, tags={"own": "a"}), 400, "CTL-1008"),
        (body_of(app, tags={"own": 1}), 400, "CTL-1008"),
        (body_of(app, "n" * 257), 400, "CTL-1008"),
        (body_of(app, fileDescription=[]), 400, "CTL-1008"),
        (body_of(app, enableErrorDiagnostics="yes"), 400, "CTL-1008"),
        (body_of(app, extensions={"x": "y" * 30_000}), 400, "CTL-1008"),
        (body_of(app, schemaRef={"id": schema_of(app), "contentType": "text"}), 400, "CTL-1008"),
        (body_of(app, schemaRef={"id": schema_of(app), "contentType": 1}), 400, "CTL-1008"),
        (body_of(app, schemaRef={"id": "odd"}), 404, "CTL-1007"),
        (body_of(app, "Customer events"), 409, "CTL-1006"),
    ]
    for body, status, code in cases:
        refused(send(app, "POST", PATH, body), status, code)
    assert app.get(PATH).json() == before


def test_changes_that_are_refused(app: App) -> None:
    id_ = made(app)
    before = shown(app, id_)
    cases: list[tuple[str, Any, int, str]] = [
        ("PATCH", "x", 400, "API-1003"),
        ("PATCH", [{"op": "remove", "path": "/odd"}], 400, "CTL-1008"),
        ("PATCH", {"name": "Customer events"}, 409, "CTL-1006"),
        ("PATCH", {"name": ""}, 400, "CTL-1008"),
        ("PATCH", {"schemaRef": {"id": "odd"}}, 400, "CTL-1008"),
        ("PUT", {"name": "A"}, 400, "CTL-1008"),
        ("PUT", [], 400, "API-1003"),
    ]
    for method, body, status, code in cases:
        refused(send(app, method, f"{PATH}/{id_}", body), status, code)
    assert shown(app, id_) == before


def test_a_merge_reaches_every_level_and_null_removes(app: App) -> None:
    id_ = made(app, tags={"own": ["a"]}, fileDescription={"format": "json", "persisted": True})
    path = f"/data/foundation/catalog/v2/dataSets/{id_}"
    change = {
        "description": "Merged",
        "tags": {"own": None, "unifiedProfile": ["enabled:true"]},
        "extensions": {"adobe_lakeHouse": {"rowExpiration": {"ttlValue": "P3M"}}},
        "fileDescription": {"format": "parquet"},
    }
    answer = send(app, "PATCH", path, change)
    assert (answer.status_code, answer.json()) == (200, [f"@/dataSets/{id_}"])
    dataset = shown(app, id_)
    assert dataset["description"] == "Merged"
    assert set(dataset["tags"]) == {"adobe/pqs/table", "unifiedProfile"}
    assert dataset["extensions"] == change["extensions"]
    assert dataset["fileDescription"] == {"format": "parquet", "persisted": True}
    assert dataset["version"] == "1.0.1"
    cases: list[tuple[Any, int, str]] = [
        (1, 400, "API-1003"),
        ({"name": None}, 400, "CTL-1008"),
        ({"schemaRef": {"id": "odd"}}, 400, "CTL-1008"),
        ({"tags": {"own": {"a": 1}}}, 400, "CTL-1008"),
        ({"name": "Customer events"}, 409, "CTL-1006"),
        ({"extensions": nested(300)}, 400, "XDM-1003"),
    ]
    for body, status, code in cases:
        refused(send(app, "PATCH", path, body), status, code)
    refused(send(app, "PATCH", path[:-1] + "x", change), 404, "CTL-1007")
    assert shown(app, id_) == dataset


def nested(levels: int) -> dict[str, Any]:
    node: dict[str, Any] = {}
    for _ in range(levels):
        node = {"in": node}
    return node


def test_tags_are_set_by_a_post_and_listed_by_namespace(app: App) -> None:
    id_ = made(app, tags={"own/a": ["1"]})
    for body in (
        {"tags": {"unifiedProfile": ["enabled: true"]}},
        {"unifiedIdentity": ["enabled:true"]},
    ):
        answer = send(app, "POST", f"{PATH}/{id_}", body)
        assert (answer.status_code, answer.json()) == (200, [f"@/dataSets/{id_}"])
    tags = shown(app, id_)["tags"]
    assert set(tags) == {"adobe/pqs/table", "own/a", "unifiedProfile", "unifiedIdentity"}
    assert tags["unifiedProfile"] == ["enabled:true"]
    odds: list[Any] = [[], 1, {"tags": []}, {"tags": {"own": 1}}]
    for odd in odds:
        assert send(app, "POST", f"{PATH}/{id_}", odd).status_code == 400
    refused(send(app, "POST", f"{PATH}/odd", {"own": ["a"]}), 404, "CTL-1007")
    root = "/data/foundation/catalog"
    assert app.get(f"{root}/tags/own").json() == {"own/a": ["1"]}
    assert "cards" in app.get(f"{root}/tags/adobe").json()["adobe/pqs/table"]
    assert app.get(f"{root}/tags/odd").json() == {}
    assert app.get(f"{root}/").json()["dataSets"]["count"] == len(app.get(PATH).json())


def test_a_dataset_has_one_view(app: App) -> None:
    id_ = made(app)
    view_id = shown(app, id_)["viewId"]
    views = app.get(f"{PATH}/{id_}/views").json()
    assert list(views) == [view_id]
    assert views[view_id]["dataSetId"] == id_
    assert app.get(f"{PATH}/{id_}/views/{view_id}").json() == views
    assert app.get(f"{PATH}/{id_}/views/{view_id}/files").json() == {}
    for path in ("odd/views", f"odd/views/{view_id}", f"{id_}/views/odd", f"{id_}/views/odd/files"):
        refused(app.get(f"{PATH}/{path}"), 404, "CTL-1007")


def test_an_etag_that_has_passed_is_refused(app: App) -> None:
    id_ = made(app)
    path = f"{PATH}/{id_}"
    etag = app.get(path).headers["etag"]
    same = app.get(path, if_none_match=etag)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == etag
    changed = send(app, "PATCH", path, {"description": "New"}, if_match=etag)
    assert changed.status_code == 200
    assert changed.headers["etag"] == app.get(path).headers["etag"] != etag
    assert app.get(path, if_none_match=etag).status_code == 200
    before = shown(app, id_)
    v2 = f"/data/foundation/catalog/v2/dataSets/{id_}"
    for method, where, body in (
        ("PATCH", path, {"description": "Late"}),
        ("PATCH", v2, {"description": "Late"}),
        ("POST", path, {"own": ["late"]}),
        ("PUT", path, body_of(app, "Late")),
        ("DELETE", path, None),
    ):
        refused(send(app, method, where, body, if_match=etag), 412, "CAT-1002")
    assert shown(app, id_) == before
    assert send(app, "DELETE", path, if_match=changed.headers["etag"]).status_code == 200
