"""Requests as bytes, which no client would send: paths, headers and bodies reach the application as
a server would hand them over, without being put right on the way; and whom they are aimed at.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from onefold.control.keys import NewKey
from onefold.testing.app import App, basic

HeaderBytes = tuple[bytes, bytes]
HERE = b"/track/acme/acme/ACME/v1"
SPACE = b"/v1/spaces/acme/collections/users/profiles"
VIEWS = ("traits", "meta", "metadata", "audiences", "events")
SPACE_VIEWS = ("traits", "external_ids", "events", "metadata", "links")
GOOD = b'{"userId":"good","event":"Seen"}'
JSON_TYPE: HeaderBytes = (b"content-type", b"application/json")


class Answer(NamedTuple):
    """What came back; headers in lower case."""

    status: int
    body: bytes
    headers: dict[bytes, bytes]

    @property
    def said(self) -> Any:
        return json.loads(self.body)


def sent(
    app: App,
    method: str,
    path: bytes,
    *,
    query: bytes = b"",
    headers: Sequence[HeaderBytes] = (),
    body: bytes = b"",
) -> Answer:
    """One request; the answer must be what every answer of the dialects is."""
    told: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"onefold.test"), *headers],
        "client": ("192.0.2.7", 1),
        "server": ("onefold.test", 80),
    }
    app._runner.run(app.asgi(scope, receive, send))
    given: list[HeaderBytes] = told[0]["headers"]
    answer = Answer(
        told[0]["status"], b"".join(part.get("body", b"") for part in told[1:]), dict(given)
    )
    assert len(given) == len(answer.headers)
    assert not any(mark in value for _, value in given for mark in b"\r\n\0")
    assert uuid.UUID(answer.headers[b"x-amzn-requestid"].decode())
    if answer.body:
        assert answer.headers[b"content-type"] == b"application/json"
        assert answer.said is not None
    return answer


class Target:
    """An account without limits of requests, a key of it, and one customer."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.key: NewKey = app.account()
        assert self.key.write_key is not None
        self.write_key: str = self.key.write_key
        self.token: HeaderBytes = (b"auth-token", self.key.auth_token.encode())
        call = {"userId": "u-1", "anonymousId": "a-1", "traits": {"email": "kim@example.org"}}
        app.calls(self.key, ("identify", call))

    def read(self, path: bytes, query: bytes = b"") -> Answer:
        return sent(self.app, "GET", HERE + path, query=query, headers=[self.token])

    def space(self, path: bytes, query: bytes = b"") -> Answer:
        user = basic(self.key.auth_token).encode()
        headers = [(b"authorization", user)]
        return sent(self.app, "GET", SPACE + path, query=query, headers=headers)

    def write(self, kind: str, body: bytes, *headers: HeaderBytes) -> Answer:
        path = HERE + b"/" + kind.encode()
        return sent(self.app, "POST", path, headers=[self.token, JSON_TYPE, *headers], body=body)

    def library(self, path: str, body: bytes, *headers: HeaderBytes) -> Answer:
        user: HeaderBytes = (b"authorization", basic(self.write_key).encode())
        return sent(self.app, "POST", path.encode(), headers=[user, *headers], body=body)

    def accepted(self) -> int:
        return self.app.rooms.inlets.end(self.app.sandbox.id).records


@contextmanager
def attacked(data: Path) -> Iterator[Target]:
    """A target over a fresh installation; in the end the doctor finds nothing wrong with it."""
    app = App(
        data,
        rate_per_second=0,
        segment_rate_per_second=0,
        marketing_preferences=1,
        log_level="debug",
    )
    yield Target(app)
    assert app.faults() == []
    app.close()
