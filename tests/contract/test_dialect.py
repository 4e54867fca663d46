"""What holds at every door for calls and customers, whatever it does: keys, limits, the order of
the checks, errors, headers, paths. Source: Intilery contract, sections 2 to 4, 12.8, 17.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from onefold.api import keys
from onefold.api.app import Application, application
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.dialect import BODY_BYTES_MAX, PROFILE_KEY
from onefold.api.route import Route
from onefold.control import keys as control
from onefold.control.keys import NewKey
from onefold.errors import Malformed, NotFound, PlatformError, Unavailable
from onefold.testing.app import App, basic

TENANT = "/track/{client}/{account}/{brand}/v1"
HERE = "/track/acme/acme/ACME/v1"
DAY_MS = 86_400_000


def _echo(request: Request, rooms: Rooms) -> Response:
    holder = request.holder
    return json_response(
        200,
        {
            "places": dict(request.path_parameters),
            "bytes": len(request.body),
            "address": request.address,
            "tenant": holder and [holder.client, holder.account, holder.brand],
            "brands": holder and holder.brands and sorted(holder.brands),
            "sandbox": holder and holder.sandbox.name,
        },
    )


def _large(request: Request, rooms: Rooms) -> Response:
    return json_response(200, ["x" * 100] * int(request.raw_query))


def _by_write_key(request: Request, rooms: Rooms) -> Response:
    found = keys.of_write_key(keys.basic_user(request.headers), rooms)
    if found is None:
        raise keys.stranger(request.address, rooms)
    keys.admitted(found, rooms, "client")
    return json_response(200, {"success": True, "brand": found.brand})


def _raises(error: Exception) -> Any:
    def handler(request: Request, rooms: Rooms) -> Response:
        raise error

    return handler


def _read(path: str, handler: Any = _echo, **given: Any) -> Route:
    return Route("GET", TENANT + path, handler, gate="key-read", family="intilery", **given)


ROUTES = (
    _read("/echo", inline=lambda _: True),
    _read("/large", _large),
    _read(f"/profiles/{PROFILE_KEY}/traits", reads=True),
    _read("/bug", _raises(ZeroDivisionError("secret"))),
    _read("/busy", _raises(Unavailable("API-9002"))),
    _read("/ask", _raises(Malformed("ASK-1001", "size is 1 to 100", at="size"))),
    _read("/key", _raises(Malformed("ASK-1002"))),
    _read("/none", _raises(NotFound("CUS-1001", "Profile was not found."))),
    Route("POST", TENANT + "/track", _echo, gate="key-write", family="write"),
    Route("POST", TENANT + "/bug", _raises(KeyError("secret")), gate="key-write", family="write"),
    Route("GET", "/v1/spaces/{space}/echo", _echo, gate="space", family="intilery"),
    Route("POST", "/v1/track", _by_write_key, gate="write-key", family="segment", cors=True),
    Route(
        "GET", "/v1/track", _raises(KeyError("secret")), gate="none", family="segment", cors=True
    ),
    Route(
        "POST",
        "/cdp/events/segment/t",
        _by_write_key,
        gate="write-key",
        family="segment",
        cors=True,
    ),
    Route("GET", "/thing/{id}", _echo, gate="none"),
)


@pytest.fixture
def app(data: Path) -> Iterator[App]:
    app = App(data, default_tenant="acme/acme")
    _serve(app, app.rooms)
    yield app
    app.close()


@pytest.fixture
def key(app: App) -> NewKey:
    return app.account()


def _serve(app: App, rooms: Rooms) -> None:
    """The routes above in place of the real ones."""
    app.asgi = application(rooms, ROUTES)
    app._client = _client(app.asgi)


def _client(asgi: Application, address: str = "127.0.0.1") -> httpx.AsyncClient:
    transport: Any = httpx.ASGITransport(app=asgi, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://onefold.test")


def of_read(answer: httpx.Response, status: int, code: str) -> str:
    """The answer is an error of the read door; its message."""
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert answer.json().keys() == {"error"}
    assert answer.json()["error"].keys() == {"code", "message"}
    uuid.UUID(answer.headers["x-amzn-requestid"])
    return str(answer.json()["error"]["message"])


def of_write(answer: httpx.Response, status: int, code: str) -> None:
    """The answer is an error of a write door."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json().keys() == {"success", "message", "code"}
    assert answer.json()["success"] is False
    uuid.UUID(answer.headers["x-amzn-requestid"])


# Keys


def test_no_token_unknown_token_and_a_token_for_somewhere_else(app: App, key: NewKey) -> None:
    """V10 and V11; the answer does not tell whether a tenant exists."""
    elsewhere = control.create(
        app.places.control(), app.clock, app.rooms.ids, client="acme", account="other"
    )
    wrong = NewKey(key.key, f"{key.auth_token[:-1]}!", None, None)
    for holder, status in ((None, 401), (wrong, 401), (elsewhere, 403)):
        of_read(app.ask(holder, "/echo"), status, "authentication_error")
        of_write(app.call(holder, "track", {}), 403, "authentication_error")
    for path in ("/track/acme/nowhere/X/v1", "/track/nobody/acme/ACME/v1"):
        app.tenant_path = path
        of_read(app.ask(None, "/echo"), 401, "authentication_error")
        nowhere = of_read(app.ask(key, "/echo"), 403, "authentication_error")
        of_write(app.call(key, "track", {}), 403, "authentication_error")
    app.tenant_path = "/track/acme/other/OTHER/v1"
    assert of_read(app.ask(key, "/echo"), 403, "authentication_error") == nowhere


def test_keys_end(app: App, key: NewKey) -> None:
    short = app.account(expires_ms=app.clock.now_ms() + DAY_MS)
    assert app.ask(key, "/echo").status_code == app.ask(short, "/echo").status_code == 200
    app.at(app.clock.now_ms() + DAY_MS)
    of_read(app.ask(short, "/echo"), 401, "authentication_error")
    control.revoke(app.places.control(), app.clock, key.key.key_id)
    of_read(app.ask(key, "/echo"), 401, "authentication_error")
    of_write(app.call(key, "track", {}), 403, "authentication_error")


def test_a_key_for_reading_does_not_write_and_the_other_way_round(app: App) -> None:
    reader, writer = app.account(writes=False), app.account(reads=False)
    assert app.ask(reader, "/echo").status_code == 200
    of_write(app.call(reader, "track", {}), 403, "authentication_error")
    assert app.call(writer, "track", {}).status_code == 200
    of_read(app.ask(writer, "/echo"), 403, "authentication_error")
    of_read(app.space(writer, "/echo"), 403, "authentication_error")


def test_a_key_of_one_brand_is_good_for_that_brand(app: App) -> None:
    key = app.account(brand="SHOES")
    of_read(app.ask(key, "/echo"), 403, "authentication_error")
    app.tenant_path = "/track/acme/acme/shoes/v1"
    said = app.ask(key, "/echo").json()
    assert (said["tenant"], said["brands"]) == (["acme", "acme", "SHOES"], ["SHOES"])
    assert app.space(key, "/echo").json()["brands"] == ["SHOES"]


def test_a_key_of_every_account_is_good_for_all_that_there_are(app: App, key: NewKey) -> None:
    every = app.account(account="*", writes=False)
    assert app.ask(every, "/echo").json()["sandbox"] == "acme"
    assert app.ask(every, "/echo").json()["brands"] is None
    app.tenant_path = "/track/acme/other/OTHER/v1"
    of_read(app.ask(every, "/echo"), 403, "authentication_error")


def test_tenants_are_found_in_any_case_and_told_in_theirs(app: App, key: NewKey) -> None:
    """V9."""
    for path in ("/track/ACME/acme/Acme/v1", "/track/acme/AcMe/acme/v1", "/track/%61cme/acme/a/v1"):
        app.tenant_path = path
        said = app.ask(key, "/echo").json()
        brand = "A" if path.endswith("/a/v1") else "ACME"
        assert (said["tenant"], said["sandbox"]) == (["acme", "acme", brand], "acme")


def test_a_key_in_the_url_is_refused_and_not_logged(app: App, key: NewKey) -> None:
    for name in ("auth-token", "auth_token", "Auth-Token", "auth%2Dtoken"):
        with capture_logs() as logs:
            for holder in (None, key):
                url = f"/echo?{name}={key.auth_token}"
                of_read(app.ask(holder, url), 401, "authentication_error")
        assert key.auth_token not in str(logs)
    of_write(app.call(key, f"track?auth-token={key.auth_token}", {}), 403, "authentication_error")


def test_old_schemes_are_not_served_at_the_tenants_doors(app: App, key: NewKey) -> None:
    for value in (basic(key.auth_token), f"Bearer {key.auth_token}"):
        of_read(app.ask(None, "/echo", authorization=value), 401, "authentication_error")


def test_spaces_take_the_token_as_user_without_a_password(app: App, key: NewKey) -> None:
    said = app.space(key, "/echo", space="ACME").json()
    assert (said["tenant"], said["sandbox"]) == (["acme", "acme", "ACME"], "acme")
    of_read(app.space(None, "/echo"), 401, "authentication_error")
    of_read(app.space(key, "/echo", space="other"), 403, "authentication_error")
    url = "/v1/spaces/acme/echo"
    for value in ("Basic !", "Basic", "Basic /////w==", f"Bearer {key.auth_token}"):
        answer = app.request("GET", url, headers={"authorization": value})
        of_read(answer, 401, "authentication_error")
    of_read(
        app.request("GET", url, headers={"auth-token": key.auth_token}), 401, "authentication_error"
    )


def test_write_keys_open_the_doors_of_their_own_account_only(app: App, key: NewKey) -> None:
    assert key.write_key is not None
    for path in ("/v1/track", "/cdp/events/segment/t"):
        answer = app.segment(path, {}, user=key.write_key)
        assert answer.json() == {"success": True, "brand": "ACME"}
        for user in ("", "no-key", key.auth_token):
            of_write(app.segment(path, {}, user=user), 401, "invalid_write_key")
    of_read(app.space(None, "/echo"), 401, "authentication_error")
    answer = app.request("GET", f"{HERE}/echo", headers={"auth-token": key.write_key})
    of_read(answer, 401, "authentication_error")


# Limits


def test_a_burst_of_requests_succeeds_and_the_rest_waits(app: App, key: NewKey) -> None:
    """V13."""
    other = app.account()
    answers = [app.ask(key, "/echo") for _ in range(600)]
    assert [answer.status_code for answer in answers] == [200] * 500 + [429] * 100
    for answer in answers[500:]:
        of_read(answer, 429, "rate_limit_error")
        assert int(answer.headers["retry-after"]) >= 1
        limits = [answer.headers[f"x-ratelimit-{n}"] for n in ("limit", "remaining", "reset")]
        assert limits == ["500", "0", "5"]
    of_write(app.call(key, "track", {}), 429, "rate_limit_error")
    assert app.ask(other, "/echo").status_code == 200
    app.at(app.clock.now_ms() + 1000)
    again = [app.ask(key, "/echo").status_code for _ in range(101)]
    assert again == [200] * 100 + [429]


def test_a_key_may_have_limits_of_its_own(app: App) -> None:
    key = app.account(rate=2, burst=3)
    assert [app.ask(key, "/echo").status_code for _ in range(4)] == [200] * 3 + [429]
    assert key.write_key is not None
    answers = [app.segment("/v1/track", {}, user=key.write_key) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429]
    of_write(answers[-1], 429, "rate_limit_error")
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].headers["x-ratelimit-reset"] == "2"


def test_limits_are_settings(data: Path) -> None:
    app = App(data, rate_per_second=0, segment_rate_burst=2)
    _serve(app, app.rooms)
    key = app.account()
    assert {app.ask(key, "/echo").status_code for _ in range(600)} == {200}
    assert key.write_key is not None
    sent = [app.segment("/v1/track", {}, user=key.write_key).status_code for _ in range(3)]
    assert sent == [200, 200, 429]
    app.close()


def test_strangers_draw_from_a_bucket_of_their_address(app: App, key: NewKey) -> None:
    async def asked(address: str, times: int, token: str = "") -> list[int]:
        async with _client(app.asgi, address) as client:
            return [
                (await client.get(f"{HERE}/echo", headers={"auth-token": token})).status_code
                for _ in range(times)
            ]

    run = app._runner.run
    assert run(asked("10.0.0.1", 502)) == [401] * 500 + [429] * 2
    assert run(asked("10.0.0.1", 1, key.auth_token)) == [200]  # a key has a bucket of its own
    assert run(asked("10.0.0.2", 1)) == [401]
    assert run(asked("2001:db8::1", 500)) == [401] * 500
    assert run(asked("2001:db8::ffff:2", 1)) == [429]  # the same network
    assert run(asked("2001:db8:0:1::1", 1)) == [401]


# The order of the checks


def test_the_first_fault_of_the_documented_order_is_answered(app: App, key: NewKey) -> None:
    """4.13, D28: each request has the faults of all those after it."""
    slow = app.account(rate=1, burst=2)
    large = b"x" * (BODY_BYTES_MAX + 1)
    xml = {"content-type": "text/xml"}

    def post(holder: NewKey | None, content: bytes, path: str = "track") -> httpx.Response:
        token = {"auth-token": holder.auth_token} if holder else {}
        return app.request("POST", f"{HERE}/{path}", content=content, headers=token | xml)

    of_write(post(None, large, "nowhere"), 404, "not_found")
    put = app.request("PUT", f"{HERE}/track", content=large, headers=xml)
    of_write(put, 405, "invalid_request_error")
    assert put.headers["allow"] == "POST"
    of_write(post(None, large), 403, "authentication_error")
    assert [post(slow, large).status_code for _ in range(3)] == [413, 413, 429]
    of_write(post(key, large), 413, "invalid_request_error")
    of_write(post(key, b"{}"), 400, "invalid_request_error")


# Bodies


@pytest.mark.parametrize("coding", [None, "gzip"])
def test_bodies_have_a_mebibyte_at_most(app: App, key: NewKey, coding: str | None) -> None:
    """V14."""
    for size, status in ((BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)):
        content, headers = b" " * size, {"auth-token": key.auth_token}
        if coding is not None:
            content, headers = gzip.compress(content), headers | {"content-encoding": coding}
        answer = app.request("POST", f"{HERE}/track", content=content, headers=headers)
        assert answer.status_code == status
        if status == 200:
            assert answer.json()["bytes"] == size
        else:
            of_write(answer, 413, "invalid_request_error")


def test_the_write_door_takes_json_and_what_says_nothing(app: App, key: NewKey) -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON", ""):
        assert app.call(key, "track", {}, content_type=kind).status_code == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
        of_write(app.call(key, "track", {}, content_type=kind), 400, "invalid_request_error")


def test_segments_doors_take_whatever_a_browser_may_send(app: App, key: NewKey) -> None:
    assert key.write_key is not None
    for kind in ("text/plain", "text/plain;charset=UTF-8", "application/json", ""):
        answer = app.segment("/v1/track", {}, user=key.write_key, content_type=kind)
        assert answer.status_code == 200


def test_unreadable_codings_are_a_400(app: App, key: NewKey) -> None:
    for coding in ("gzip", "deflate", "br"):
        answer = app.call(key, "track", {}, content_encoding=coding)
        of_write(answer, 400, "invalid_request_error")


# Errors and headers


def test_errors_of_ours_have_the_dialects_form_and_tell_nothing(app: App, key: NewKey) -> None:
    with capture_logs() as logs:
        bug = app.ask(key, "/bug", x_request_id="mine-7")
        of_write(app.call(key, "bug", {}), 500, "internal_server_error")
    message = of_read(bug, 500, "internal_server_error")
    assert bug.headers["x-amzn-requestid"] in message
    assert logs[0]["request_id"] == bug.headers["x-amzn-requestid"]
    assert logs[0]["caller_request_id"] == "mine-7"
    assert "secret" not in f"{bug.text}{logs}"
    busy = app.ask(key, "/busy")
    of_read(busy, 503, "internal_server_error")
    assert busy.headers["retry-after"] == "1"


def test_errors_have_the_words_of_the_read_door(app: App, key: NewKey) -> None:
    assert of_read(app.ask(key, "/ask"), 400, "invalid_request_error") == "size is 1 to 100"
    of_read(app.ask(key, "/key"), 400, "validation_error")
    assert of_read(app.ask(key, "/none"), 404, "not_found") == "Profile was not found."


@pytest.mark.parametrize(
    "path", ["/track", "/track/x", "/cdp/", "/v1", "/v1/nowhere", f"{HERE}/profiles/u:1/nothing"]
)
def test_unknown_paths_are_answered_in_the_dialects_form(app: App, path: str) -> None:
    of_read(app.request("GET", path), 404, "not_found")
    of_write(app.request("POST", path, content=b"{}"), 404, "not_found")
    elsewhere = app.request("GET", f"/x{path}")
    assert elsewhere.json() == {"error_code": "404000", "message": "Resource not found"}
    assert uuid.UUID(elsewhere.headers["x-amzn-requestid"])


def test_every_answer_has_a_request_id_that_nobody_chose(app: App, key: NewKey) -> None:
    """V40."""
    seen = set()
    for path in (f"{HERE}/echo", f"{HERE}/none", f"{HERE}/bug", "/v1/nowhere", "/v1/track"):
        headers = {"auth-token": key.auth_token, "x-request-id": "mine", "x-amzn-requestid": "mine"}
        for method in ("GET", "HEAD", "POST", "OPTIONS", "PATCH"):
            answer = app.request(method, path, headers=headers)
            seen.add(answer.headers["x-amzn-requestid"])
            assert uuid.UUID(answer.headers["x-amzn-requestid"]).version == 4
            assert "x-request-id" not in answer.headers
            of_segment = path.startswith("/v1/")
            given = answer.headers.get("request-id")
            assert given == (answer.headers["x-amzn-requestid"] if of_segment else None)
            if answer.content:
                assert answer.headers["content-type"] == "application/json"
                answer.json()
    assert len(seen) == 25


def test_reads_are_not_to_be_stored(app: App, key: NewKey) -> None:
    for path in ("/echo", "/none", "/bug"):
        assert app.ask(key, path).headers["cache-control"] == "no-store"
    assert "cache-control" not in app.call(key, "track", {}).headers


def test_head_answers_as_get_without_the_body(app: App, key: NewKey) -> None:
    headers = {"auth-token": key.auth_token}
    for path in ("/echo", "/none", "/large?30"):
        got = app.request("GET", HERE + path, headers=headers)
        head = app.request("HEAD", HERE + path, headers=headers)
        assert (head.status_code, head.content) == (got.status_code, b"")
        for name in ("content-length", "content-type", "cache-control"):
            assert head.headers[name] == got.headers[name]


def test_large_answers_are_compressed_for_who_can_read_that(app: App, key: NewKey) -> None:
    for accept, number, packed in (
        ("gzip", 9, False),
        ("gzip", 11, True),
        ("gzip, deflate, br", 5000, True),
        ("*", 11, True),
        ("br;q=1, gzip;q=0.5", 11, True),
        ("gzip;q=0", 11, False),
        ("*, gzip;q=0.0", 11, False),
        ("identity", 11, False),
        ("br", 11, False),
    ):
        answer = app.ask(key, f"/large?{number}", accept_encoding=accept)
        assert answer.json() == ["x" * 100] * number
        assert (answer.headers.get("content-encoding") == "gzip") is packed, accept
        assert (answer.headers.get("vary") == "accept-encoding") is packed
        assert int(answer.headers["content-length"]) < 1000 or not packed or number > 11


# Other origins


def test_doors_of_auth_tokens_know_no_other_origin(app: App, key: NewKey) -> None:
    """V12."""
    asks = {"origin": "https://shop.example", "access-control-request-method": "GET"}
    for path in (f"{HERE}/echo", f"{HERE}/track", "/v1/spaces/acme/echo"):
        answer = app.request("OPTIONS", path, headers=asks)
        assert answer.status_code == 405
        assert answer.headers["allow"] in ("GET, HEAD", "POST")
        assert not _cors(answer)
    for answer in (app.ask(key, "/echo", origin="https://shop.example"), app.space(key, "/echo")):
        assert not _cors(answer)


@pytest.mark.parametrize("path", ["/v1/track", "/cdp/events/segment/t"])
def test_doors_of_write_keys_are_open_to_every_origin(app: App, key: NewKey, path: str) -> None:
    preflight = app.request("OPTIONS", path, headers={"origin": "https://shop.example"})
    methods = "GET, HEAD, OPTIONS, POST" if path == "/v1/track" else "OPTIONS, POST"
    assert (preflight.status_code, preflight.content) == (200, b"")
    assert _cors(preflight) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": methods,
        "access-control-allow-headers": "content-type, authorization, content-encoding",
        "access-control-max-age": "86400",
    }
    assert key.write_key is not None
    for answer in (
        app.segment(path, {}, user=key.write_key),
        app.segment(path, {}),
        app.request("PUT", path),
        app.request("POST", path, content=b"x" * (BODY_BYTES_MAX + 1)),
        app.request("GET", "/v1/track"),
    ):
        assert _cors(answer) == {"access-control-allow-origin": "*"}, answer.text


def _cors(answer: httpx.Response) -> dict[str, str]:
    return {n: v for n, v in answer.headers.items() if n.startswith("access-control-")}


# Paths


def test_runs_of_slashes_are_one_and_one_at_the_end_is_none(app: App, key: NewKey) -> None:
    assert key.write_key is not None
    for path in ("//cdp/events/segment/t/", "/cdp//events///segment/t", "/cdp/events/segment/t//"):
        assert app.segment(f"http://onefold.test{path}", {}, user=key.write_key).status_code == 200
    for path in (f"/{HERE}//echo//", f"{HERE}/echo/"):
        app.tenant_path = f"http://onefold.test{path}"
        assert app.ask(key, "").status_code == 200
    assert app.request("GET", "/thing//7").json()["error_code"] == "404000"
    assert app.request("GET", "//thing/7").json()["error_code"] == "404000"


def test_the_key_of_a_customer_may_have_slashes_and_is_decoded_once(app: App, key: NewKey) -> None:
    """V7."""
    for sent, meant in (
        ("userId:ABC%2F123", "userId:ABC/123"),
        ("userId:ABC/123", "userId:ABC/123"),
        ("userId:a:b", "userId:a:b"),
        ("userId:a+b", "userId:a+b"),
        ("userId:a%252Fb", "userId:a%2Fb"),
        ("userId:traits/traits", "userId:traits/traits"),
        ("userId:%C3%A5", "userId:å"),
        ("userId:", "userId:"),
        ("u-1", "u-1"),
    ):
        said = app.ask(key, f"/profiles/{sent}/traits").json()
        assert said["places"]["profileKey"] == meant


def test_the_default_tenant_has_a_short_path(app: App, key: NewKey) -> None:
    for path in ("/track/v1", "/track//v1/"):
        app.tenant_path = path
        said = app.ask(key, "/echo").json()
        assert said["tenant"] == ["acme", "acme", "ACME"]
        assert app.ask(key, "/profiles/userId:1/traits").status_code == 200
    assert app.call(key, "track", {}).status_code == 200


def test_without_a_default_tenant_there_is_no_short_path(data: Path) -> None:
    app = App(data)
    _serve(app, app.rooms)
    key = app.account()
    app.tenant_path = "/track/v1"
    of_read(app.ask(key, "/echo"), 404, "not_found")
    app.close()


@pytest.mark.parametrize("setting", ["acme", "/", "acme//ACME", "a/b/C/d"])
def test_a_default_tenant_that_is_none_ends_the_start(data: Path, setting: str) -> None:
    with pytest.raises(PlatformError, match="ONEFOLD_DEFAULT_TENANT"):
        App(data, default_tenant=setting)


# Positions


def test_reads_tell_what_they_know_of_and_may_be_asked_for_more(app: App, key: NewKey) -> None:
    path = "/profiles/userId:1/traits"
    first = app.ask(key, path)
    assert first.headers["x-profile-as-of"] == "0"
    assert "x-onefold-position" not in first.headers
    for value in ("1", "x", "-1", "%31%30%30", "0&min_as_of=0"):
        answer = app.ask(key, f"{path}?min_as_of={value}")
        of_read(answer, 400, "invalid_request_error")
    for query in ("min_as_of=0", "x=min_as_of", "min_as_of=", "min_as_of=&min_as_of=0"):
        assert app.ask(key, f"{path}?{query}").status_code == 200


# All together


def test_it_is_the_same_application_for_requests_at_once(app: App, key: NewKey) -> None:
    """Buckets are exact, whatever the order."""

    async def all_at_once() -> list[int]:
        async with _client(app.asgi) as client:
            asked = [
                client.get(f"{HERE}/echo", headers={"auth-token": key.auth_token})
                for _ in range(520)
            ]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert sorted(app._runner.run(all_at_once())) == [200] * 500 + [429] * 20


def test_no_answer_repeats_a_key(app: App, key: NewKey) -> None:
    assert key.write_key is not None
    secrets = (key.auth_token, key.write_key)
    with capture_logs() as logs:
        answers = [
            app.ask(key, "/echo"),
            app.ask(key, "/bug"),
            app.ask(key, f"/nowhere/{key.auth_token}"),
            app.segment("/v1/track", {"writeKey": key.write_key}, user=key.write_key),
            app.segment("/v1/track", {}, user=f"{key.write_key}x"),
            app.call(key, "track", {}, content_type=key.auth_token),
        ]
    for answer in answers:
        for secret in secrets:
            assert secret not in f"{answer.text}{answer.headers}"
    assert not re.search("|".join(map(re.escape, secrets)), json.dumps(logs, default=str))
