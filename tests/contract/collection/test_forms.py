"""Forms and limits of a request to an inlet, and inlets that need a token. Source: ingestion
contract, 2.1, 2.4 and 10.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from onefold.control import credentials
from onefold.effects import SystemIds
from onefold.store.tables import organisations
from onefold.store.tables.generation import change
from onefold.store.tables.organisations import Organisation
from onefold.testing.app import App
from onefold.testing.smile_encoder import encode as smile
from tests.contract.collection.ada import INLET_TYPE, ada_message, ada_profile, refused

JSON = dict[str, Any]
AUTH_TYPE = "https://ns.adobe.com/adobecloud/problem/data-collection-service-authorization"
SMILE = "application/x-jackson-smile"


# Forms of the body


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "json", "", None])
def test_content_type_must_be_json_or_smile(shared: App, media_type: str | None) -> None:
    headers = {} if media_type is None else {"content-type": media_type}
    content = json.dumps(ada_message(shared)).encode()
    answer = shared.request("POST", f"/collection/{shared.inlet}", content=content, headers=headers)
    refused(shared, answer, 415, "Content-Type must be")


@pytest.mark.parametrize("query", ["", "?syncValidation=true"])
@pytest.mark.parametrize("short", [False, True])
def test_smile_is_accepted(shared: App, query: str, short: bool) -> None:
    message = ada_message(shared, organizations=["one", "one", "é" * 40], testProfile=True)
    content = smile(message, share_names=short, share_values=short, end_mark=short)
    answer = shared.request(
        "POST",
        f"/collection/{shared.inlet}{query}",
        content=content,
        headers={"content-type": SMILE},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert ada_profile(shared)["entity"]["organizations"] == ["one", "one", "é" * 40]


def test_smile_that_is_broken_is_a_400_wherever_it_breaks_off(shared: App) -> None:
    whole = smile(ada_message(shared))
    broken = [whole[:end] for end in range(0, len(whole), 7)]
    broken += [b"", b":)\n", b"{}", whole + b"x", b":)\n\x11" + whole[4:], b":)\n\x01\x05"]
    for content in broken:
        answer = shared.request(
            "POST",
            f"/collection/{shared.inlet}",
            content=content,
            headers={"content-type": SMILE},
        )
        assert answer.status_code == 400, content
        assert answer.json()["type"] == INLET_TYPE


def test_json_that_is_sent_as_smile_is_a_400_and_the_other_way_round(shared: App) -> None:
    answer = shared.collect(ada_message(shared), content_type=SMILE)
    assert answer.status_code == 400
    url = f"/collection/{shared.inlet}"
    headers = {"content-type": "application/json"}
    answer = shared.request("POST", url, content=smile(ada_message(shared)), headers=headers)
    assert answer.status_code == 400


def _deflated(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("gzip", lambda content: gzip.compress(content[:50]) + gzip.compress(content[50:])),
        ("deflate", zlib.compress),
        ("deflate", _deflated),
        ("identity", bytes),
    ],
)
def test_body_may_be_compressed(shared: App, coding: str, packed: Callable[[bytes], bytes]) -> None:
    content = packed(json.dumps(ada_message(shared)).encode())
    answer = shared.request(
        "POST",
        f"/collection/{shared.inlet}",
        content=content,
        headers={"content-type": "application/json", "content-encoding": coding},
    )
    assert answer.status_code == 200, answer.text


# Limits


def test_body_of_one_megabyte_is_accepted_and_a_byte_more_is_a_413(shared: App) -> None:
    message = json.dumps(ada_message(shared)).encode()
    headers = {"content-type": "application/json"}
    for size, status in ((1_000_000, 200), (1_000_001, 413)):
        answer = shared.request(
            "POST",
            f"/collection/{shared.inlet}",
            content=message + b" " * (size - len(message)),
            headers=headers,
        )
        assert answer.status_code == status
    refused(shared, answer, 413, "The body is larger than 1000000 bytes")


def test_61st_synchronous_validation_of_a_minute_is_a_429(app: App) -> None:
    app.clock.advance(ms=20_500)
    for number in range(60):
        query = "?syncValidation=true" if number % 2 else "?synchronousValidation=True"
        assert app.collect(ada_message(app), query).status_code == 200
    answer = app.collect(ada_message(app), "?syncValidation=true")
    refused(app, answer, 429, "More synchronous validations")
    assert answer.headers["retry-after"] == "40"
    assert app.collect(ada_message(app)).status_code == 200
    assert app.collect(ada_message(app), "?syncValidation=false").status_code == 200
    app.clock.advance(ms=39_499)
    assert app.collect(ada_message(app), "?syncValidation=true").status_code == 429
    app.clock.advance(ms=1)
    assert app.collect(ada_message(app), "?syncValidation=true").status_code == 200


def test_each_inlet_has_its_own_synchronous_validations(data: Any) -> None:
    app = App(data, sync_validations_per_minute=1)
    assert app.collect(ada_message(app), "?syncValidation=true").status_code == 200
    assert app.collect(ada_message(app), "?syncValidation=true").status_code == 429
    answer = app.request(
        "POST",
        f"/collection/{app.closed_inlet}?syncValidation=true",
        json=ada_message(app),
        headers={"authorization": f"Bearer {app.token}"},
    )
    assert answer.status_code == 200
    app.close()


def test_server_that_cannot_keep_up_is_a_503_that_says_when_to_come_back(data: Any) -> None:
    app = App(data, journal_backlog_max=1)
    assert [app.collect(ada_message(app)).status_code for _ in range(2)] == [200, 200]
    for path in ("/collection/", "/collection/batch/"):
        content = ada_message(app) if path == "/collection/" else {"messages": [ada_message(app)]}
        answer = app.request("POST", path + app.inlet, json=content)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["status"] == 503
    app.drain()
    assert app.collect(ada_message(app)).status_code == 200
    app.close()


# Inlets that need a token


def _closed(app: App, authorization: str | None) -> httpx.Response:
    headers = {} if authorization is None else {"authorization": authorization.encode()}
    return app.request(
        "POST", f"/collection/{app.closed_inlet}", json=ada_message(app), headers=headers
    )


def _unauthorized(answer: httpx.Response, status: int, text: str) -> None:
    assert answer.status_code == status
    request_id = answer.headers["x-request-id"]
    assert answer.json() == {
        "type": AUTH_TYPE,
        "status": str(status),
        "title": "Authorization",
        "report": {"message": f"[{request_id}] {text}"},
    }


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
def test_closed_inlet_without_a_token_is_a_401_whose_status_is_a_text(
    shared: App, authorization: str | None
) -> None:
    _unauthorized(_closed(shared, authorization), 401, "Ims service token is empty")


def test_closed_inlet_with_a_wrong_or_expired_token_is_a_401(app: App) -> None:
    token = app.token
    assert _closed(app, f"Bearer {token}").status_code == 200
    assert _closed(app, f"bearer {token}").status_code == 200
    for wrong in ("x", "a.b.c", token[:-4] + "AAAA", token + "x", "é"):
        answer = _closed(app, f"Bearer {wrong}")
        _unauthorized(answer, 401, "Ims service token is invalid or expired")
    app.clock.advance(ms=86_400_000)
    _unauthorized(_closed(app, f"Bearer {token}"), 401, "Ims service token is invalid or expired")


def test_closed_inlet_with_a_token_of_another_organisation_is_a_403(app: App) -> None:
    other = Organisation(
        id="00112233445566778899AABB@AdobeOrg", name="Other", tenant_id="other", created_ms=1
    )
    with change(app.places.control()) as transaction:
        organisations.insert(transaction, other)
    new = credentials.create(
        app.places.control(), app.clock, SystemIds(), org_id=other.id, name="Theirs"
    )
    token = app.rooms.tokens.issued(new.credential.client_id)
    answer = _closed(app, f"Bearer {token}")
    _unauthorized(answer, 403, "Provided token is invalid or expired")
