"""Token endpoints: both grants, every error, and what must never work."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from msgspec.structs import replace

from onefold.control import credentials
from onefold.control.credentials import NewCredential
from onefold.effects import SystemIds
from onefold.errors import Rejected
from onefold.store.tables import credentials as credentials_table
from onefold.store.tables.generation import change
from onefold.testing.app import ENTITIES, App

QUERY = f"{ENTITIES}?schema.name=_xdm.context.profile&entityId=nobody&entityIdNS=CRMID"
IMS = "ims-na1.adobelogin.com"


class Project:
    """A project of an installation, and its owner's way to sign."""

    def __init__(self, app: App, new: NewCredential) -> None:
        self.app = app
        self.new = new
        self.id = new.credential.client_id
        self.secret = new.client_secret

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims that Postman's collection signs."""
        claims = {
            "iss": self.new.credential.org_id,
            "sub": self.new.credential.technical_account,
            "aud": f"https://{IMS}/c/{self.id}",
            "exp": self.app.clock.now_ms() // 1000 + 87_000,
            f"https://{IMS}/s/ent_dataservices_sdk": True,
        }
        claims |= changed
        return {name: value for name, value in claims.items() if value is not None}

    def signed(self, **changed: Any) -> str:
        return jwt.encode(self.claims(**changed), self.new.private_key, algorithm="RS256")

    def exchange(self, token: str | None, **changed: str | None) -> Any:
        form = {"client_id": self.id, "client_secret": self.secret, "jwt_token": token} | changed
        data = {name: value for name, value in form.items() if value is not None}
        return self.app.request("POST", "/ims/exchange/jwt/", data=data)

    def ask(self, **changed: str | None) -> Any:
        form: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "client_id": self.id,
            "client_secret": self.secret,
            "scope": "openid,session",
        }
        data = {name: value for name, value in (form | changed).items() if value is not None}
        return self.app.request("POST", "/ims/token/v3", data=data)


@pytest.fixture(scope="module")
def shared(fresh: Callable[[], Path]) -> Iterator[Project]:
    """One application and project for all tests here: making a key pair takes long."""
    data = fresh()
    app = App(data)
    new = credentials.create(
        app.places.control(), app.clock, SystemIds(), org_id=app.org_id, name="Postman"
    )
    yield Project(app, new)
    app.close()


def test_a_jwt_is_exchanged_for_a_token_in_milliseconds(shared: Project) -> None:
    answer = shared.exchange(shared.signed())
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 86_399_999)
    assert answer.headers["cache-control"] == "no-store"
    used = shared.app.get(
        QUERY, authorization=f"Bearer {body['access_token']}", x_api_key=shared.id
    )
    assert used.json() == {"statusCode": "404"}


def test_the_form_may_be_multipart_and_the_path_without_slash(shared: Project) -> None:
    fields = {"client_id": shared.id, "client_secret": shared.secret, "jwt_token": shared.signed()}
    answer = shared.app.request(
        "POST", "/ims/exchange/jwt", files={name: (None, value) for name, value in fields.items()}
    )
    assert answer.status_code == 200
    as_files = {name: ("f.txt", value) for name, value in fields.items()}
    assert shared.app.request("POST", "/ims/exchange/jwt", files=as_files).status_code == 200


def test_the_audience_may_be_the_server_itself(shared: Project) -> None:
    for place in (f"http://127.0.0.1:8080/c/{shared.id}", f"https://localhost:8080/c/{shared.id}"):
        assert shared.exchange(shared.signed(aud=[place, "else"])).status_code == 200


def test_a_client_secret_gives_a_token_in_seconds(shared: Project) -> None:
    answer = shared.ask()
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 86_399)
    assert shared.app.rooms.tokens.verified(body["access_token"]).scopes == {"openid", "session"}


def test_without_scope_all_granted_scopes_are_given(shared: Project) -> None:
    token = shared.ask(scope=None).json()["access_token"]
    assert shared.app.rooms.tokens.verified(token).scopes == set(credentials.SCOPES)


def test_scopes_may_be_separated_by_spaces(shared: Project) -> None:
    assert shared.ask(scope="openid, AdobeID session").status_code == 200


def test_v2_takes_query_parameters(shared: Project) -> None:
    query = f"grant_type=client_credentials&client_id={shared.id}&client_secret={shared.secret}"
    assert shared.app.request("POST", f"/ims/token/v2?{query}&scope=openid").status_code == 200
    half = f"grant_type=client_credentials&client_id={shared.id}"
    mixed = shared.app.request(
        "POST", f"/ims/token/v2?{half}", data={"client_secret": shared.secret}
    )
    assert mixed.status_code == 200


def test_new_tokens_do_not_revoke_old_ones(shared: Project) -> None:
    first = shared.ask().json()["access_token"]
    shared.app.clock.advance(ms=10)
    assert shared.ask().json()["access_token"] != first
    assert shared.app.rooms.tokens.verified(first)


def refusal(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error", "error_description"}
    return answer.status_code, body["error"]


def test_who_asks_is_checked(shared: Project) -> None:
    token = shared.signed()
    assert refusal(shared.exchange(token, client_id="0" * 32)) == (400, "invalid_client")
    assert refusal(shared.exchange(token, client_secret="wrong")) == (401, "invalid_client")
    assert refusal(shared.exchange(token, client_id=None)) == (400, "bad_request")
    assert refusal(shared.exchange(token, client_secret=None)) == (400, "bad_request")
    assert refusal(shared.ask(client_id="0" * 32)) == (400, "invalid_client")
    assert refusal(shared.ask(client_secret="é\udcff".encode("utf-8", "replace").decode())) == (
        401,
        "invalid_client",
    )


def test_the_form_is_checked(shared: Project) -> None:
    assert refusal(shared.ask(grant_type=None)) == (400, "bad_request")
    assert refusal(shared.ask(grant_type="password")) == (400, "unsupported_grant_type")
    assert refusal(shared.ask(scope="openid,all_the_world")) == (400, "invalid_scope")

    def post(content: bytes, content_type: str) -> Any:
        return shared.app.request(
            "POST", "/ims/token/v3", content=content, headers={"content-type": content_type}
        )

    form = "application/x-www-form-urlencoded"
    assert refusal(post(b"{}", "application/json")) == (400, "bad_request")
    assert refusal(post(b"a=1&" * 60, form)) == (400, "bad_request")
    assert refusal(post(b"\xff=1", form)) == (400, "bad_request")
    assert refusal(post(b"--x\r\nrubbish", "multipart/form-data; boundary=x")) == (
        400,
        "bad_request",
    )
    assert refusal(post(b"", "multipart/form-data")) == (400, "bad_request")
    assert refusal(post(b"a=" + b"1" * 70_000, form)) == (413, "bad_request")


def test_what_the_jwt_claims_is_checked(shared: Project) -> None:
    now_s = shared.app.clock.now_ms() // 1000
    for changed in (
        {"exp": None},
        {"exp": now_s},
        {"exp": str(now_s + 100)},
        {"exp": now_s + 100.5},
        {"exp": True},
        {"iss": "0" * 24 + "@AdobeOrg"},
        {"sub": "someone@techacct.adobe.com"},
        {"nbf": now_s + 3600},
        {"nbf": "soon"},
    ):
        assert refusal(shared.exchange(shared.signed(**changed))) == (400, "invalid_token"), changed


def test_the_audience_is_this_server_and_client(shared: Project) -> None:
    for place in (
        None,
        7,
        f"https://{IMS}/c/{'0' * 32}",
        f"https://elsewhere.example/c/{shared.id}",
        f"https://{IMS}.elsewhere.example/c/{shared.id}",
        f"ftp://{IMS}/c/{shared.id}",
        f"{IMS}/c/{shared.id}",
        f"https://{IMS}/x/c/{shared.id}",
    ):
        answer = shared.exchange(shared.signed(aud=place))
        assert refusal(answer) == (400, "invalid_client"), place


def test_metascopes_must_be_granted(shared: Project) -> None:
    own = f"https://{IMS}/s/ent_dataservices_sdk"
    for changed in (
        {own: None},
        {own: "true"},
        {own: None, "https://elsewhere.example/s/ent_dataservices_sdk": True},
        {f"https://{IMS}/s/ent_everything_sdk": True},
    ):
        assert refusal(shared.exchange(shared.signed(**changed))) == (400, "invalid_scope"), changed


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_only_the_projects_own_rs256_signature_counts(shared: Project) -> None:
    claims = shared.claims()
    other = credentials.create(
        shared.app.places.control(),
        shared.app.clock,
        SystemIds(),
        org_id=shared.app.org_id,
        name="Other",
    )
    unsigned = f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims)}."
    # The classic confusion: the public key as the secret of an HMAC.
    head = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims)}"
    public = shared.new.credential.certificate.encode()
    digest = hmac.digest(public, head.encode(), "sha256")
    hmac_signed = f"{head}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
    for token in (
        None,
        "",
        "a.b.c",
        "x" * 10_000,
        unsigned,
        hmac_signed,
        jwt.encode(claims, other.private_key, algorithm="RS256"),
        jwt.encode(claims, shared.new.private_key, algorithm="RS512"),
        shared.signed()[:-3],
    ):
        assert refusal(shared.exchange(token)) == (400, "invalid_token"), token


def test_a_project_without_certificate_may_not_exchange_jwts(shared: Project) -> None:
    plain = replace(shared.new.credential, client_id="f" * 32, certificate="")
    with change(shared.app.places.control()) as transaction:
        credentials_table.insert(transaction, plain)
    answer = shared.exchange(shared.signed(), client_id="f" * 32)
    assert refusal(answer) == (401, "invalid_client")


def test_a_clients_jwt_is_no_access_token(shared: Project) -> None:
    tokens = shared.app.rooms.tokens
    claims = shared.claims(
        type="access_token",
        client_id=shared.id,
        org=shared.app.org_id,
        scope="openid",
        created_at=str(shared.app.clock.now_ms()),
        expires_in="86400000",
    )
    own = jwt.encode(claims, shared.new.private_key, algorithm="RS256")
    for token in (own, shared.signed(), "", "x" * 10_000):
        with pytest.raises(Rejected, match="AUT-1002"):
            tokens.verified(token)


def test_a_token_ends_with_its_credential(app: App) -> None:
    token = app.token
    tokens = app.rooms.tokens
    assert tokens.verified(token).client_id == app.client_id
    with change(app.places.control()):
        pass  # a new generation alone changes nothing
    assert tokens.verified(token).client_id == app.client_id
    credentials.revoke(app.places.control(), app.clock, org_id=app.org_id, client_id=app.client_id)
    with pytest.raises(Rejected, match="AUT-1002"):
        tokens.verified(token)
    with pytest.raises(Rejected, match="AUT-2001"):
        tokens.issued(app.client_id)


def test_remembered_tokens_are_bounded(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onefold.control.tokens.REMEMBERED_MAX", 2)
    tokens = app.rooms.tokens
    issued = []
    for _ in range(4):
        app.clock.advance(ms=1)
        issued.append(tokens.issued(app.client_id))
    for token in (*issued, *issued):
        assert tokens.verified(token).org_id == app.org_id
    assert len(tokens._remembered) == 2
