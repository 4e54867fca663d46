"""The platform's gateway: each missing or wrong header has its own status and body."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control import credentials
from onefold.effects import SystemIds
from onefold.testing.app import ENTITIES, App

QUERY = f"{ENTITIES}?schema.name=_xdm.context.profile&entityId=nobody&entityIdNS=CRMID"
OTHER_ORG = "0123456789ABCDEF01234567@AdobeOrg"

CASES: list[tuple[dict[str, str | None], int, dict[str, str]]] = [
    (
        {"authorization": None},
        403,
        {"error_code": "403010", "message": "Oauth token is missing."},
    ),
    (
        {"authorization": "Bearer "},
        403,
        {"error_code": "403010", "message": "Oauth token is missing."},
    ),
    (
        {"authorization": "Bearer no.token.atall"},
        401,
        {"error_code": "401013", "message": "Oauth token is not valid"},
    ),
    (
        {"authorization": "Basic dXNlcjpwYXNz"},
        401,
        {"error_code": "401013", "message": "Oauth token is not valid"},
    ),
    ({"x_api_key": None}, 403, {"error_code": "403000", "message": "Api Key is required"}),
    ({"x_api_key": "0" * 32}, 403, {"error_code": "403003", "message": "Api Key is invalid"}),
    ({"x_gw_ims_org_id": None}, 400, {"error_code": "400003", "message": "Missing header"}),
    (
        {"x_gw_ims_org_id": "not an org"},
        403,
        {"error_code": "403027", "message": "User region is missing"},
    ),
    (
        {"x_gw_ims_org_id": OTHER_ORG},
        403,
        {"error_code": "403025", "message": "Profile is not valid"},
    ),
]


@pytest.mark.parametrize(("changed", "status", "body"), CASES)
def test_each_fault_has_its_status_and_body(
    app: App, changed: dict[str, str | None], status: int, body: dict[str, str]
) -> None:
    answer = app.get(QUERY, **changed)
    assert (answer.status_code, answer.json()) == (status, body)
    assert answer.headers["content-type"] == "application/json"


def test_the_first_fault_in_the_documented_order_is_reported(app: App) -> None:
    """All headers are wrong; taking the faults away one by one shows the order."""
    wrong: dict[str, Any] = {
        "authorization": None,
        "x_api_key": None,
        "x_gw_ims_org_id": None,
        "content_type": "text/plain",
        "x_sandbox_name": "nowhere",
    }
    seen = []
    for name in list(wrong):
        answer = app.request("POST", ENTITIES, content=b"{}", headers=app.headers(**wrong))
        seen.append(answer.status_code)
        del wrong[name]
        if name == "content_type":
            wrong["content_type"] = "application/json"
    assert seen == [403, 403, 400, 400, 404]


def test_the_scheme_is_read_in_any_case(app: App) -> None:
    assert app.get(QUERY, authorization=f"bearer {app.token}").status_code == 404


def test_a_key_of_another_project_is_not_the_tokens(app: App) -> None:
    other = credentials.create(
        app.places.control(), app.clock, SystemIds(), org_id=app.org_id, name="Other"
    )
    answer = app.get(QUERY, x_api_key=other.credential.client_id)
    assert answer.json()["error_code"] == "403003"


def test_a_body_needs_a_usable_content_type(app: App) -> None:
    for content_type in (None, "", "nonsense", "application/", "text/plain"):
        answer = app.request(
            "POST", ENTITIES, content=b"{}", headers=app.headers(content_type=content_type)
        )
        assert answer.status_code == 400
        assert answer.json() == {
            "type": "/placeholder/type/uri",
            "status": 400,
            "title": "BadRequestError",
            "detail": "A valid content-type must be specified",
        }


def test_a_request_without_body_needs_no_content_type(app: App) -> None:
    answer = app.request("POST", ENTITIES, headers=app.headers())
    assert answer.json().get("title") != "BadRequestError"


def test_vendor_types_are_usable(app: App) -> None:
    answer = app.request(
        "POST",
        ENTITIES,
        content=b"{}",
        headers=app.headers(content_type="application/vnd.adobe.xdm+json; version=1"),
    )
    assert answer.json().get("title") != "BadRequestError"


def test_without_a_sandbox_header_prod_is_meant(app: App) -> None:
    assert app.get(QUERY, x_sandbox_name=None).json() == {"statusCode": "404"}


def test_an_unknown_sandbox_is_a_404_problem(app: App) -> None:
    answer = app.get(QUERY, x_sandbox_name="nowhere")
    assert answer.status_code == 404
    assert set(answer.json()) == {"type", "title", "status", "detail"}


def test_a_token_of_a_revoked_project_is_not_valid(app: App) -> None:
    assert app.get(QUERY).status_code == 404
    credentials.revoke(app.places.control(), app.clock, org_id=app.org_id, client_id=app.client_id)
    answer = app.get(QUERY, authorization=f"Bearer {app._token[0] if app._token else ''}")
    assert answer.json()["error_code"] == "401013"


def test_an_expired_token_is_not_valid(app: App) -> None:
    token = app.token
    assert app.get(QUERY, authorization=f"Bearer {token}").status_code == 404
    app.clock.advance(ms=86_400_000 - 1)
    assert app.get(QUERY, authorization=f"Bearer {token}").status_code == 404
    app.clock.advance(ms=1)
    assert app.get(QUERY, authorization=f"Bearer {token}").status_code == 401
