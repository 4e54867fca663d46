"""Requests that are none, as bytes on a connection: the doors of calls and customers refuse them,
tell nothing, and serve the next one. Source: Intilery contract, 3.7 and 4.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.clients.calling import BASE, Keys, keys_of, no_key_in
from tests.crash.serving import Server

GOOD = b'{"userId":"u-1","event":"x"}'
PATIENCE_SECONDS = 5.0


class Wire:
    """Connections to a server, one for each request."""

    def __init__(self, server: Server, keys: Keys) -> None:
        place = urlsplit(server.url)
        self._place = (place.hostname or "", place.port or 0)
        self._token = keys.auth_token.encode()

    def status(
        self,
        path: bytes,
        *,
        method: bytes = b"GET",
        headers: bytes = b"",
        body: bytes = b"",
        token: bytes | None = None,
    ) -> int:
        """Of the first answer to a request, which is written as it is."""
        token = self._token if token is None else token
        lines = b"%b %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauth-token: %b\r\n%b\r\n%b"
        with socket.create_connection(self._place, timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(lines % (method, path, token, headers, body))
            said = connection.makefile("rb").readline()
        assert said.startswith(b"HTTP/1.1 "), said
        return int(said.split()[1])


@pytest.fixture
def keys(server: Server) -> Keys:
    return keys_of(server)


def test_what_is_no_request_is_refused_and_the_next_one_is_served(
    server: Server, keys: Keys
) -> None:
    wire, base = Wire(server, keys), BASE.encode()
    events, token = base + b"/events", keys.auth_token.encode()
    assert wire.status(events) == 200
    for path in (b"/profiles/userId:a\nb/traits", b"/profiles/userId:a\0b/traits", b"/events x"):
        assert wire.status(base + path) == 400
    for given in (b"a\0b", b"a\rb", b"\x01", b"a\r\n b"):
        assert wire.status(events, token=given) in (400, 401)
    assert wire.status(events, token=b"x\r\nx-other: " + token) == 401
    assert wire.status(events, headers=b"x-long: " + b"x" * 200_000 + b"\r\n") == 400
    for headers in (
        b"content-length: 27\r\ncontent-length: 28\r\n",
        b"content-length: 27\r\ntransfer-encoding: chunked\r\n",
        b"content-length: -1\r\n",
        b"content-length: 2x\r\n",
        b"transfer-encoding: chunked\r\n",
    ):
        assert wire.status(base + b"/track", method=b"POST", headers=headers, body=GOOD) == 400
    length = b"content-length: %d\r\n" % len(GOOD)
    assert wire.status(base + b"/track", method=b"POST", headers=length, body=GOOD) == 200
    assert no_key_in(server.log(), keys)
