"""Namespaces over HTTP. Source: identity contract, 2.1, 2.2 and 8.1."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control.starter import REGISTRATIONS
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.asking import OTHER_ORG, other_organisation, send
from tests.contract.people import RECORD, iso, record

URL = "/data/core/idnamespace/identities"
CARD = {"name": "Card", "code": "Card", "idType": "Cross_device", "description": "A card"}
JSON = dict[str, Any]


def made(app: App, **fields: Any) -> JSON:
    answer = app.post(URL, CARD | fields)
    assert answer.status_code == 200, answer.text
    namespace: JSON = answer.json()
    return namespace


def problem(status: int, detail: str, now_ms: int) -> JSON:
    return {
        "timestamp": iso(now_ms),
        "type": "http://ns.adobe.com/adobecloud/problem/namespacevalidation",
        "status": status,
        "error": "INVALID_REQUEST_PARAMS",
        "title": "Namespace Validation",
        "description": detail,
        "report": {"code": "INVALID_REQUEST_PARAMS", "message": detail},
    }


def test_list_is_bare_and_begins_with_the_standard_ones(app: App) -> None:
    listed = app.get(URL).json()
    assert [(n["id"], n["code"]) for n in listed[:3]] == [(0, "CORE"), (4, "ECID"), (6, "Email")]
    assert {n["code"] for n in listed if n["custom"]} == {"CRMID", "LoyaltyId"}
    kinds = {n["code"]: n["namespaceType"] for n in listed}
    assert (kinds["ECID"], kinds["AAMTraits"], kinds["CRMID"]) == (
        "Standard",
        "Integration",
        "Custom",
    )


def test_older_path_is_the_same_list_of_the_own_organisation(app: App) -> None:
    url = "/data/core/idnamespace/orgs/{}/identities"
    assert app.get(url.format(app.org_id)).json() == app.get(URL).json()
    answer = app.get(url.format(OTHER_ORG))
    assert (answer.status_code, answer.json()["error"]) == (404, "INVALID_REQUEST_PARAMS")


def test_new_namespace_is_known_at_once(app: App) -> None:
    namespace = made(app, unknown=1)
    assert namespace == {
        "id": namespace["id"],
        "code": "Card",
        "name": "Card",
        "description": "A card",
        "idType": "Cross_device",
        "status": "ACTIVE",
        "custom": True,
        "namespaceType": "Custom",
        "createTime": START_MS,
        "updateTime": START_MS,
    }
    assert namespace["id"] >= 10_000_000
    assert app.get(f"{URL}/{namespace['id']}").json() == namespace
    assert app.get(f"{URL}/").json()[-1] == namespace
    app.ingest(REGISTRATIONS, record(("Card", "c-1"), person={"gender": "female"}))
    assert app.get(f"{RECORD}&entityId=c-1&entityIdNS=card").status_code == 200


def test_codes_may_have_underscores(app: App) -> None:
    assert made(app, code="b2b_account", idType="B2B_ACCOUNT")["code"] == "b2b_account"


@pytest.mark.parametrize("code", ["Card", "card", "ECID", "email"])
def test_codes_that_are_taken_are_a_409(app: App, code: str) -> None:
    made(app)
    answer = app.post(URL, CARD | {"code": code})
    assert answer.status_code == 409
    assert answer.json() == problem(409, f"A namespace {code} exists", app.clock.now_ms())


@pytest.mark.parametrize(
    "body",
    [
        CARD | {"code": "a b"},
        CARD | {"code": ""},
        CARD | {"name": " "},
        CARD | {"idType": "ANIMAL"},
        CARD | {"name": 1},
        {"code": "Card"},
        [],
        "text",
        None,
    ],
)
def test_bad_namespaces_are_a_400(app: App, body: Any) -> None:
    before = app.get(URL).json()
    answer = send(app, "POST", URL, body)
    assert answer.status_code == 400
    assert answer.json() == problem(400, answer.json()["description"], app.clock.now_ms())
    assert app.get(URL).json() == before


@pytest.mark.parametrize(("id_", "status"), [("5", 404), ("9" * 10, 404), ("x", 400), ("-4", 400)])
def test_unknown_ids(app: App, id_: str, status: int) -> None:
    for answer in (app.get(f"{URL}/{id_}"), send(app, "PUT", f"{URL}/{id_}", CARD)):
        assert answer.status_code == status
        assert answer.json()["status"] == status


def test_name_and_description_can_change(app: App) -> None:
    namespace = made(app)
    url = f"{URL}/{namespace['id']}"
    app.clock.advance(ms=5)
    answer = send(app, "PUT", url, CARD | {"name": "Key", "idType": "CROSS_DEVICE"})
    assert answer.status_code == 200
    assert answer.json() == namespace | {"name": "Key", "updateTime": START_MS + 5}
    body = {"name": "Key", "code": "Card", "idType": "Cross_device"}
    assert send(app, "PUT", url, body).json()["description"] == "A card"
    assert send(app, "PUT", url, body | {"description": ""}).json()["description"] == ""
    assert app.get(url).json()["name"] == "Key"


@pytest.mark.parametrize("wrong", [{"code": "card"}, {"idType": "EMAIL"}])
def test_code_and_type_cannot_change(app: App, wrong: JSON) -> None:
    namespace = made(app)
    answer = send(app, "PUT", f"{URL}/{namespace['id']}", CARD | wrong)
    assert answer.status_code == 400
    assert answer.json()["description"] == "code and idType are non editable fields"


def test_what_cannot_be_changed_is_a_400(app: App) -> None:
    namespace = made(app)
    assert send(app, "PUT", f"{URL}/{namespace['id']}", CARD | {"name": ""}).status_code == 400
    ecid = {"name": "Mine", "code": "ECID", "idType": "COOKIE"}
    assert send(app, "PUT", f"{URL}/4", ecid).status_code == 400
    assert app.get(f"{URL}/4").json()["name"] == "ECID"


def test_organisations_do_not_see_each_other(app: App) -> None:
    theirs = other_organisation(app)
    namespace = made(app)
    assert app.get(f"{URL}/{namespace['id']}", **theirs).status_code == 404
    assert not [n for n in app.get(URL, **theirs).json() if n["custom"]]
    assert send(app, "POST", URL, CARD, **theirs).json()["code"] == "Card"


def test_gateway_comes_first(app: App) -> None:
    assert app.get(URL, authorization=None).json()["error_code"] == "403010"
    assert app.get(URL, x_sandbox_name="nowhere").status_code == 404
