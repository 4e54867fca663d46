"""The adapter from requests to handlers: ids, bodies, limits, unknown paths, failures."""

from __future__ import annotations

import asyncio
import gzip
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from onefold.api.app import application
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.route import Route
from onefold.domain.xdm.validate import Violation
from onefold.errors import Defect, Malformed, Unavailable
from onefold.inlet.accept import InvalidMessage
from onefold.testing.app import App

LIMIT = 1000
WRONG_TYPE = Violation("type", "expected type: String, found: Long", "#/_id", "#/properties/_id")


def _echo(request: Request, rooms: Rooms) -> Response:
    return json_response(
        200,
        {
            "parameters": dict(request.path_parameters),
            "query": request.raw_query,
            "bytes": len(request.body),
            "text": request.body[:50].decode("latin-1"),
            "thread": threading.current_thread().name,
        },
    )


def _empty(request: Request, rooms: Rooms) -> Response:
    return Response(204)


def _raises(error: Exception) -> Any:
    def handler(request: Request, rooms: Rooms) -> Response:
        raise error

    return handler


ROUTES = (
    Route("GET", "/inline", _echo, gate="none", inline=lambda _: True),
    Route("GET", "/thing/{id}", _echo, gate="none"),
    Route("POST", "/thing/{id}", _echo, gate="none", body_max=LIMIT),
    Route("DELETE", "/thing/{id}", _empty, gate="none"),
    Route("POST", "/collection/{id}", _echo, gate="none", family="collection", body_max=LIMIT),
    Route("GET", "/bug", _raises(ZeroDivisionError("secret-value")), gate="none"),
    Route("GET", "/bug/entities", _raises(KeyError("secret")), gate="none", family="entities"),
    Route("GET", "/bug/ims", _raises(Defect("secret")), gate="none", family="ims"),
    Route("GET", "/bug/plain", _raises(Defect("secret")), gate="none", family="plain"),
    Route("POST", "/bug/{id}", _raises(Defect("secret")), gate="none", family="collection"),
    Route("GET", "/busy", _raises(Unavailable("API-9002")), gate="none"),
    Route("GET", "/overload", _raises(Unavailable("INL-1017", retry_after_seconds=5)), gate="none"),
    Route("GET", "/wrong/ims", _raises(Malformed("AUT-2005")), gate="none", family="ims"),
    Route("GET", "/wrong", _raises(Malformed("CTL-1008", "Too odd")), gate="none"),
    Route("GET", "/wrong/entities", _raises(Malformed("PRO-1002")), gate="none", family="entities"),
    Route(
        "GET",
        "/refused/{id}",
        _raises(InvalidMessage([WRONG_TYPE])),
        gate="none",
        family="collection",
    ),
)


@pytest.fixture
def door(app: App) -> Iterator[App]:
    """The application with the routes above in place of the real ones."""
    real = app._client
    app.asgi = application(app.rooms, ROUTES)
    app._client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app.asgi), base_url="http://onefold.test"
    )
    yield app
    app._client = real


def test_the_request_id_is_echoed_or_made(door: App) -> None:
    echoed = door.request("GET", "/inline", headers={"x-request-id": "my id 7"})
    assert echoed.headers["x-request-id"] == "my id 7"
    first, second = (door.request("GET", "/inline").headers["x-request-id"] for _ in range(2))
    assert len(first) == 32
    assert first != second


def test_the_request_id_cannot_smuggle_headers(door: App) -> None:
    answer = door.request(
        "GET", "/inline", headers=[(b"x-request-id", "a\r\nset-cookie: b=cä".encode("latin-1"))]
    )
    assert answer.headers["x-request-id"] == "aset-cookie: b=c"
    assert "set-cookie" not in answer.headers
    long = door.request("GET", "/inline", headers={"x-request-id": "x" * 500})
    assert long.headers["x-request-id"] == "x" * 200
    empty = door.request("GET", "/inline", headers=[(b"x-request-id", b"\x01\xff")])
    assert len(empty.headers["x-request-id"]) == 32


def test_inline_routes_run_on_the_event_loop_and_others_in_threads(door: App) -> None:
    assert door.request("GET", "/inline").json()["thread"] == "MainThread"
    assert door.request("GET", "/thing/1").json()["thread"].startswith("handler")


def test_a_slash_in_a_segment_stays_in_the_segment(door: App) -> None:
    answer = door.request("GET", "/thing/https%3A%2F%2Fns.adobe.com%2Fxdm%20x")
    assert answer.json()["parameters"] == {"id": "https://ns.adobe.com/xdm x"}


def test_one_slash_at_the_end_is_tolerated(door: App) -> None:
    assert door.request("GET", "/inline/").status_code == 200
    assert door.request("GET", "/thing/7/?a=b").json()["parameters"] == {"id": "7"}
    assert door.request("GET", "/inline//").status_code == 404


def test_unknown_paths_are_answered_by_the_gateway(door: App) -> None:
    for path in ("/", "/nowhere", "/inline/deeper"):
        answer = door.request("GET", path)
        assert answer.status_code == 404
        assert answer.json() == {"error_code": "404000", "message": "Resource not found"}
        assert answer.headers["x-request-id"]


def test_other_methods_are_answered_with_those_allowed(door: App) -> None:
    answer = door.request("PUT", "/thing/7", content=b"x")
    assert answer.status_code == 405
    assert answer.json() == {"error_code": "405000", "message": "Method not allowed"}
    assert answer.headers["allow"] == "DELETE, GET, HEAD, POST"


def test_head_answers_as_get_without_the_body(door: App) -> None:
    answer = door.request("HEAD", "/inline")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0
    missing = door.request("HEAD", "/nowhere")
    assert (missing.status_code, missing.content) == (404, b"")


def test_an_empty_answer_has_no_content_type(door: App) -> None:
    answer = door.request("DELETE", "/thing/7")
    assert answer.status_code == 204
    assert "content-type" not in answer.headers
    assert "content-length" not in answer.headers


def test_gzip_and_deflate_bodies_are_decoded(door: App) -> None:
    raw = b"hello " * 20
    bare = zlib.compressobj(wbits=-15)
    for coding, content in (
        ("gzip", gzip.compress(raw)),
        ("GZIP", gzip.compress(raw[:60]) + gzip.compress(raw[60:])),
        ("x-gzip", gzip.compress(raw)),
        ("deflate", zlib.compress(raw)),
        ("deflate", bare.compress(raw) + bare.flush()),
        ("identity", raw),
        ("gzip", b""),
    ):
        answer = door.request(
            "POST", "/thing/1", content=content, headers={"content-encoding": coding}
        )
        assert answer.json()["bytes"] == (len(raw) if content else 0), coding


def test_a_body_that_is_too_large_is_refused(door: App) -> None:
    assert door.request("POST", "/thing/1", content=b"x" * LIMIT).status_code == 200
    answer = door.request("POST", "/thing/1", content=b"x" * (LIMIT + 1))
    assert answer.status_code == 413
    assert answer.json()["error_code"] == "413000"


def test_a_body_of_unknown_length_that_is_too_large_is_refused(door: App) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 100

    assert door.request("POST", "/thing/1", content=pieces(10)).json()["bytes"] == 1000
    assert door.request("POST", "/thing/1", content=pieces(11)).status_code == 413
    assert door.request("POST", "/thing/1", content=pieces(999)).status_code == 413


def test_the_limit_holds_for_the_decoded_body(door: App) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)[:LIMIT]
    for coding, content in (
        ("gzip", gzip.compress(b"x" * (LIMIT + 1))),
        ("gzip", bomb),
        ("deflate", zlib.compress(b"x" * 100_000)),
    ):
        answer = door.request(
            "POST", "/thing/1", content=content, headers={"content-encoding": coding}
        )
        assert answer.status_code == 413


def test_a_broken_coding_is_a_bad_request(door: App) -> None:
    whole = gzip.compress(b"hello" * 20)
    for coding, content in (
        ("gzip", b"no gzip"),
        ("gzip", whole[:-9]),
        ("gzip", whole + b"rubbish"),
        ("deflate", b"\xff\xff"),
        ("deflate", zlib.compress(b"hello" * 50)[:-5]),
    ):
        answer = door.request(
            "POST", "/thing/1", content=content, headers={"content-encoding": coding}
        )
        assert answer.status_code == 400, content


def test_an_unknown_coding_is_not_supported(door: App) -> None:
    for coding in ("br", "gzip, gzip"):
        answer = door.request(
            "POST", "/thing/1", content=b"x", headers={"content-encoding": coding}
        )
        assert answer.status_code == 415


def test_inlets_refuse_bodies_in_their_own_shape(door: App) -> None:
    inlet = door.inlet
    where = f"inletId: [{inlet}] imsOrgId: [{door.org_id}] "
    large = door.request("POST", f"/collection/{inlet}", content=b"x" * (LIMIT + 1))
    assert large.status_code == large.json()["status"] == 413
    assert large.json()["report"]["message"].startswith(where)
    broken = door.request(
        "POST", f"/collection/{inlet}", content=b"x", headers={"content-encoding": "gzip"}
    )
    assert broken.status_code == broken.json()["status"] == 400
    assert broken.json()["title"] == "Invalid XDM Message Format"
    unknown = door.request("POST", "/collection/abc", content=b"x" * (LIMIT + 1))
    assert unknown.json()["report"]["message"].startswith("inletId: [abc] imsOrgId: [] ")


def test_a_body_that_does_not_arrive_in_time_is_refused(data: Path) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    app = App(data, body_seconds_max=0)
    answer = app.request("POST", f"/collection/{app.inlet}", content=stalled())
    assert answer.status_code == answer.json()["status"] == 408
    assert answer.headers["connection"] == "close"
    app.close()


def test_a_client_that_goes_away_is_no_error(door: App) -> None:
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/thing/1",
        "raw_path": b"/thing/1",
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }
    messages = [{"type": "http.request", "body": b"x", "more_body": True}]

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def broken(message: dict[str, Any]) -> None:
        raise OSError

    with capture_logs() as logs:
        asyncio.run(door.asgi(dict(scope), receive, send))
        asyncio.run(door.asgi(dict(scope), receive, send))
        asyncio.run(door.asgi(scope | {"method": "GET"}, receive, broken))
    assert sent == []
    assert logs == []


BUGS = [
    ("GET", "/bug", {"error_code": "500000", "message": "Internal server error. Request id: r7"}),
    (
        "GET",
        "/bug/entities",
        {
            "message": "Internal server error. Request id: r7",
            "cause": "API-9001: A defect of the server.",
            "statusCode": "500",
        },
    ),
    (
        "GET",
        "/bug/ims",
        {
            "error": "server_error",
            "error_description": "Internal server error. Request id: r7",
        },
    ),
    ("GET", "/bug/plain", {"status": 500, "detail": "Internal server error. Request id: r7"}),
    (
        "POST",
        "/bug/abc",
        {
            "type": "http://ns.adobe.com/adobecloud/problem/data-collection-service/inlet",
            "status": 500,
            "title": "Internal Server Error",
            "report": {
                "message": "inletId: [abc] imsOrgId: [] Internal server error. Request id: r7"
            },
        },
    ),
]


@pytest.mark.parametrize(("method", "path", "body"), BUGS)
def test_defects_show_the_request_id_only_and_are_logged_without_values(
    door: App, method: str, path: str, body: Any
) -> None:
    structlog.reset_defaults()
    with capture_logs() as logs:
        answer = door.request(method, f"{path}?name=value", headers={"x-request-id": "r7"})
    assert (answer.status_code, answer.json()) == (500, body)
    assert [(log["event"], log["request_id"], log["status"]) for log in logs] == [
        ("request_failed", "r7", 500)
    ]
    assert "secret" not in str(logs)
    assert "value" not in str(logs).replace("_raises", "")


def test_a_busy_store_asks_to_try_again(door: App) -> None:
    answer = door.request("GET", "/busy")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert door.request("GET", "/overload").headers["retry-after"] == "5"


def test_rejections_have_their_familys_shape(door: App) -> None:
    assert door.request("GET", "/wrong").json() == {"error_code": "400000", "message": "Too odd"}
    assert door.request("GET", "/wrong/ims").json() == {
        "error": "bad_request",
        "error_description": "The token request is malformed.",
    }
    assert door.request("GET", "/wrong/entities").json() == {
        "message": "A parameter has a wrong value.",
        "cause": "PRO-1002: A parameter has a wrong value.",
        "statusCode": "400",
    }
    refused = door.request("GET", "/refused/abc").json()
    assert refused["report"]["message"] == "inletId: [abc] imsOrgId: [] Message is invalid"
    assert refused["report"]["cause"]["_streamingValidation"] == [
        {
            "schemaLocation": "#",
            "pointerToViolation": "#",
            "causingExceptions": [
                {
                    "schemaLocation": "#/properties/_id",
                    "pointerToViolation": "#/_id",
                    "causingExceptions": [],
                    "keyword": "type",
                    "message": "expected type: String, found: Long",
                }
            ],
            "message": "1 schema violations found",
        }
    ]


def test_requests_are_counted_by_route(door: App) -> None:
    door.request("GET", "/thing/7")
    door.request("GET", "/nowhere/private")
    text = door.rooms.metrics.exposition().decode()
    assert 'onefold_requests_total{method="GET",route="/thing/{id}",status="200"} 1.0' in text
    assert 'route="unmatched"' in text
    assert "private" not in text
