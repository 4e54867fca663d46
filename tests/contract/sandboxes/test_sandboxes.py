"""Sandboxes over HTTP. Source: platform contract, 4."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.testing.app import App
from tests.contract.asking import other_organisation, send
from tests.contract.people import RECORD, record, second_sandbox

URL = "/data/foundation/sandbox-management"
SANDBOXES = f"{URL}/sandboxes"
JSON = dict[str, Any]


def names(app: App, query: str = "") -> list[str]:
    answer = app.get(f"{SANDBOXES}{query}")
    assert answer.status_code == 200, answer.text
    return [sandbox["name"] for sandbox in answer.json()["sandboxes"]]


def make(app: App, **fields: Any) -> JSON:
    answer = app.post(SANDBOXES, {"title": "T", "type": "development"} | fields)
    assert answer.status_code == 202, answer.text
    made: JSON = answer.json()
    return made


def test_list_has_the_documented_envelope(app: App) -> None:
    body = app.get(SANDBOXES).json()
    (prod,) = body.pop("sandboxes")
    assert body == {
        "_page": {"limit": 50, "count": 1},
        "_links": {"page": {"href": f"{SANDBOXES}{{?limit,offset}}", "templated": True}},
    }
    assert isinstance(prod.pop("eTag"), int)
    assert prod == {
        "id": app.sandbox.id,
        "name": "prod",
        "title": "Prod",
        "state": "active",
        "type": "production",
        "region": "VA7",
        "isDefault": True,
        "createdDate": prod["createdDate"],
    }
    assert len(prod["createdDate"]) == len("2020-12-10 18:31:03")


def test_root_is_the_same_list(app: App) -> None:
    assert app.get(f"{URL}/").json() == app.get(SANDBOXES).json()


@pytest.mark.parametrize("name", [None, "nowhere", "PROD"])
def test_sandbox_header_is_not_read(app: App, name: str | None) -> None:
    assert app.get(SANDBOXES, x_sandbox_name=name).status_code == 200


def test_token_and_organisation_are_checked_all_the_same(app: App) -> None:
    assert app.get(SANDBOXES, authorization=None).json()["error_code"] == "403010"
    assert app.get(SANDBOXES, x_gw_ims_org_id=None).json()["error_code"] == "400003"


def test_one_sandbox_and_a_slash(app: App) -> None:
    listed = app.get(SANDBOXES).json()["sandboxes"][0]
    assert app.get(f"{SANDBOXES}/prod").json() == listed
    assert app.get(f"{SANDBOXES}/prod/").json() == listed


def test_unknown_sandbox_is_a_404(app: App) -> None:
    for answer in (
        app.get(f"{SANDBOXES}/nowhere"),
        send(app, "PATCH", f"{SANDBOXES}/nowhere", {"title": "T"}),
    ):
        assert answer.status_code == 404
        assert answer.json() == {
            "type": "http://ns.adobe.com/aep/errors/CTL-1007-404",
            "title": "The thing named does not exist",
            "status": 404,
            "detail": "No sandbox has the name nowhere",
            "report": {"at": "name"},
        }


def test_types(app: App) -> None:
    answer = app.get(f"{URL}/sandboxTypes")
    assert answer.json() == {"sandboxTypes": ["production", "development"]}


def test_pages_filters_and_orders(app: App) -> None:
    for name in ("b", "c", "a"):
        make(app, name=name, title="Odd" if name == "c" else "Even")
        app.clock.advance(ms=1000)
    assert names(app, "?orderBy=name") == ["a", "b", "c", "prod"]
    assert names(app, "?orderBy=-name") == ["prod", "c", "b", "a"]
    assert names(app, "?orderBy=type,-createdDate") == ["a", "c", "b", "prod"]
    assert names(app, "?orderBy=+name&limit=2&offset=1") == ["b", "c"]
    assert names(app, "?limit=2&offset=9") == []
    assert names(app, "?property=name==c") == ["c"]
    assert names(app, "?property=title==Even&property=name!=a") == ["b"]
    assert names(app, "?property=state==creating") == []
    assert names(app, "?unknown=1&limit=1&offset=3&orderBy=name") == ["prod"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "offset=-1", "property=id==x", "property=name", "orderBy=id"]
)
def test_wrong_parameters_are_a_400(app: App, query: str) -> None:
    answer = app.get(f"{SANDBOXES}?{query}")
    assert answer.status_code == 400
    assert answer.json().keys() == {"type", "title", "status", "detail", "report"}


def test_new_sandbox_is_used_at_once(app: App) -> None:
    made = make(app, name="dev-1", title="Dev", unknown={"x": 1})
    assert (made["name"], made["title"], made["state"]) == ("dev-1", "Dev", "creating")
    assert app.get(f"{SANDBOXES}/dev-1").json()["state"] == "active"
    policies = app.get("/data/core/ups/config/mergePolicies", x_sandbox_name="dev-1").json()
    (policy,) = policies["children"]
    assert (policy["default"], policy["sandbox"]["sandboxName"]) == (True, "dev-1")
    unknown = app.get(f"{RECORD}&entityId=a@b.c&entityIdNS=email", x_sandbox_name="dev-1")
    assert unknown.json() == {"statusCode": "404"}


def test_what_one_sandbox_holds_another_does_not(app: App) -> None:
    sandbox, message, inlet = second_sandbox(app)
    message["body"]["xdmEntity"] = record(("Email", "ada@example.com"))
    sent = app.request("POST", f"/collection/{inlet}", json=message)
    assert sent.status_code == 200, sent.text
    app.drain()
    url = f"{RECORD}&entityId=ada@example.com&entityIdNS=email"
    assert app.get(url, x_sandbox_name=sandbox.name).status_code == 200
    assert app.get(url).status_code == 404


def test_second_sandbox_of_a_name_is_a_409(app: App) -> None:
    answer = app.post(SANDBOXES, {"name": "prod", "title": "P", "type": "development"})
    assert answer.status_code == 409
    assert answer.json()["type"] == "http://ns.adobe.com/aep/errors/CTL-1006-409"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "Dev"},
        {"name": "a b"},
        {"name": "x" * 257},
        {"name": "dev", "type": "toy"},
        {"name": "dev", "title": "x" * 257},
        {"name": 1},
        [],
        None,
    ],
)
def test_bad_sandboxes_are_a_400(app: App, body: Any) -> None:
    answer = send(app, "POST", SANDBOXES, body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["status"] == 400
    assert names(app) == ["prod"]


def test_title_can_change(app: App) -> None:
    before = app.get(f"{SANDBOXES}/prod").json()
    answer = send(app, "PATCH", f"{SANDBOXES}/prod", {"title": "Live", "name": "ignored"})
    assert (answer.status_code, answer.json()["title"]) == (200, "Live")
    after = app.get(f"{SANDBOXES}/prod").json()
    assert after == answer.json()
    assert after["eTag"] != before["eTag"]


@pytest.mark.parametrize("body", [{}, {"title": " "}, {"title": "x" * 257}, {"title": 1}, None])
def test_bad_titles_are_a_400(app: App, body: Any) -> None:
    assert send(app, "PATCH", f"{SANDBOXES}/prod", body).status_code == 400


def test_organisations_do_not_see_each_other(app: App) -> None:
    theirs = other_organisation(app)
    make(app, name="dev")
    (other,) = app.get(SANDBOXES, **theirs).json()["sandboxes"]
    assert other["id"] != app.sandbox.id
    assert app.get(f"{SANDBOXES}/dev", **theirs).status_code == 404
    assert names(app, "?orderBy=name") == ["dev", "prod"]
