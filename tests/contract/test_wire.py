"""Bad input over a real socket: what only shows below the application. The answer is a 4xx or the
end of the connection, never a 5xx, and others are served meanwhile.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import NamedTuple

import pytest
import uvicorn
import uvloop

from onefold import server
from onefold.control.keys import NewKey
from onefold.control.starter import EVENTS
from onefold.one_write import HEAD_BYTES_MAX, OneWriteProtocol
from onefold.testing.app import App, basic
from tests.contract.people import RECORD, ecid, event

TIMEOUT_SECONDS = 10.0
QUICK_SECONDS = 2.0
PATIENCE_SECONDS = 0.3


class Answer(NamedTuple):
    """One response as it came over the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Wire:
    """A server on a free port, and raw bytes to it. key: an API key for the sandbox."""

    key: NewKey

    def __init__(self, app: App) -> None:
        self.app = app
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        config = uvicorn.Config(
            server.asgi(app.rooms),
            http=OneWriteProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        self._http = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._http.serve(sockets=[self._listening]))

    def close(self) -> None:
        self._http.should_exit = True
        self._thread.join()
        self._listening.close()

    def connect(self) -> socket.socket:
        """A connection to the server."""
        return socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS)

    def exchange(self, sent: bytes, *, patience: float = TIMEOUT_SECONDS) -> list[Answer]:
        """Send bytes; answer what came back until the server ended the connection, or until it
        said nothing for `patience` seconds, since it waits for the rest of a broken request."""
        received = bytearray()
        with self.connect() as connection, suppress(ConnectionError, TimeoutError):
            connection.settimeout(patience)
            with suppress(ConnectionError):  # the server may have answered and closed already
                connection.sendall(sent)
            while part := connection.recv(65_536):
                received += part
        return list(_answers(bytes(received)))

    def post(
        self,
        head: str,
        body: bytes = b"",
        *,
        path: str | None = None,
        patience: float = TIMEOUT_SECONDS,
    ) -> list[Answer]:
        """POST to the open inlet with further header lines."""
        path = path or f"/collection/{self.app.inlet}"
        lines = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}\r\n"
        return self.exchange(lines.encode() + body, patience=patience)

    def good(self) -> None:
        """A good message is accepted, at once."""
        body = json.dumps(self.app.message(EVENTS, event("good", ("ECID", ecid(1))))).encode()
        started = time.perf_counter()
        (answer,) = self.post(f"Content-Length: {len(body)}\r\nConnection: close\r\n", body)
        assert answer.status == 200, answer
        assert time.perf_counter() - started < QUICK_SECONDS


def _answers(received: bytes) -> Iterator[Answer]:
    """The answers that follow one another; one without a length reaches to the end."""
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = [
            (line.partition(":")[0].lower(), line.partition(":")[2].strip()) for line in lines
        ]
        length = int(dict(headers).get("content-length", len(rest)))
        yield Answer(int(status.split(" ")[1]), headers, rest[:length])
        received = rest[length:]


@pytest.fixture(scope="module")
def module_wire(fresh: Callable[[], Path]) -> Iterator[Wire]:
    app = App(fresh(), body_seconds_max=1)
    wire = Wire(app)
    wire.key = app.account(account="prod")
    yield wire
    wire.close()
    app.drain()
    assert app.faults() == []
    app.close()


@pytest.fixture
def wire(module_wire: Wire) -> Iterator[Wire]:
    """The server, which must take a good message at once after each test."""
    yield module_wire
    module_wire.good()


def _refused(answers: list[Answer], *statuses: int) -> None:
    """The last answer is one of the statuses; without answer the connection was just ended."""
    assert all(answer.status < 500 for answer in answers), answers
    if answers:
        assert answers[-1].status in statuses, answers


# What is no HTTP


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GARBAGE\r\n\r\n",
        b"\r\n" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nName with space: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET /collection/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"FOO /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        b"get /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"\x00" * 100_000,
        bytes(range(256)) * 100,
    ],
)
def test_request_that_is_no_http_is_a_400_or_the_end(wire: Wire, sent: bytes) -> None:
    _refused(wire.exchange(sent, patience=PATIENCE_SECONDS), 400, 404, 405)


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 2\r\nContent-Length: 4\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 5x\r\n",
        "Content-Length: 0x10\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: nonsense\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
    ],
)
def test_request_of_unclear_length_is_a_400_and_its_rest_is_no_request(
    wire: Wire, head: str
) -> None:
    rest = b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = wire.post(head, rest, patience=PATIENCE_SECONDS)
    assert [answer.status for answer in answers] == [400]


@pytest.mark.parametrize(
    "chunks", [b"zz\r\n{}\r\n", b"-1\r\n", b"5\r\n{}", b"fffffffffffffffff\r\n"]
)
def test_broken_chunks_are_a_400_or_the_end(wire: Wire, chunks: bytes) -> None:
    head = "Transfer-Encoding: chunked\r\n"
    _refused(wire.post(head, chunks, patience=PATIENCE_SECONDS), 400, 413)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /hea",
    ],
)
def test_a_head_that_does_not_come_to_its_end_ends_the_connection(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("onefold.one_write.HEAD_SECONDS", 0.2)
    with wire.connect() as connection:
        connection.sendall(begun)
        while connection.recv(65_536):  # until the server ends it; the socket has a time-out
            pass


def test_a_head_in_pieces_is_taken_when_it_comes_in_time(wire: Wire) -> None:
    with wire.connect() as connection:
        for piece in (b"GET /hea", b"lth/live HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n"):
            connection.sendall(piece)
            threading.Event().wait(0.05)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


# Bodies


def test_too_large_a_body_is_a_413_before_it_is_sent(wire: Wire) -> None:
    with wire.connect() as connection:
        head = f"POST /collection/{wire.app.inlet} HTTP/1.1\r\nHost: x\r\n"
        connection.sendall(f"{head}Content-Length: 1000001\r\n\r\n".encode())
        response = HTTPResponse(connection)
        response.begin()
        assert response.status == 413
        assert json.loads(response.read())["status"] == 413


def test_too_large_a_body_is_a_413_when_it_is_sent(wire: Wire) -> None:
    answers = wire.post("Content-Length: 3000000\r\nConnection: close\r\n", b" " * 3_000_000)
    _refused(answers, 413)
    chunk = b"fa00\r\n" + b" " * 64_000 + b"\r\n"
    chunked = chunk * 40 + b"0\r\n\r\n"
    answers = wire.post("Transfer-Encoding: chunked\r\nConnection: close\r\n", chunked)
    _refused(answers, 413)


def test_body_in_chunks_is_accepted(wire: Wire) -> None:
    body = json.dumps(wire.app.message(EVENTS, event("chunks", ("ECID", ecid(1))))).encode()
    chunks = b"".join(b"1\r\n" + body[at : at + 1] + b"\r\n" for at in range(len(body)))
    head = "Transfer-Encoding: chunked\r\nConnection: close\r\n"
    (answer,) = wire.post(head, chunks + b"0\r\n\r\n")
    assert answer.status == 200


def test_body_that_comes_too_slowly_is_a_408_and_stalls_nobody(wire: Wire) -> None:
    head = f"POST /collection/{wire.app.inlet} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    slow = [wire.connect() for _ in range(40)]
    for connection in slow:
        connection.sendall(head.encode() + b"{")
    wire.good()
    for connection in slow:
        response = HTTPResponse(connection)
        response.begin()
        assert response.status == 408
        assert response.getheader("connection") == "close"
        assert json.loads(response.read())["status"] == 408
        assert connection.recv(1) == b""
        connection.close()


def test_connections_that_say_nothing_stall_nobody(wire: Wire) -> None:
    idle = [wire.connect() for _ in range(100)]
    for connection in idle[:50]:
        connection.sendall(b"POST /collection/")
    wire.good()
    for connection in idle:
        connection.close()


def test_client_that_goes_away_in_its_body_leaves_nothing_behind(wire: Wire) -> None:
    for _ in range(20):
        with wire.connect() as connection:
            head = f"POST /collection/{wire.app.inlet} HTTP/1.1\r\nHost: x\r\n"
            connection.sendall(f"{head}Content-Length: 500\r\n\r\n{{".encode())


def test_body_of_a_get_is_passed_over_and_is_no_request(wire: Wire) -> None:
    inner = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    sent = f"GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: {len(inner)}\r\n\r\n".encode()
    after = b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = wire.exchange(sent + inner + after)
    assert [answer.status for answer in answers] == [200, 200]
    assert [json.loads(answer.body)["status"] for answer in answers] == ["live", "ready"]


def test_requests_one_behind_the_other_are_answered_in_order(wire: Wire) -> None:
    paths = ["/health/live", "/nowhere", f"/collection/{wire.app.inlet}", "/health/live"]
    sent = "".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths)
    last = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = wire.exchange((sent + last).encode())
    assert [answer.status for answer in answers] == [200, 404, 405, 200, 200]


# Lines


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /health/live HTTP/1.1\r\na: ",
        b"GET /",
        b"GET /health/live HTTP/1.1\r\n",
        b"",
        b"POST /collection/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: ",
        b"POST /collection/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=",
    ],
)
@pytest.mark.parametrize("part", [b"a" * 1000, b"a: b\r\n" * 100, b"\r\n" * 500])
def test_head_without_end_is_cut_off(wire: Wire, endless: bytes, part: bytes) -> None:
    """Its parts would be put together again and again, while nobody else is served."""
    sent = 0
    with wire.connect() as connection, suppress(ConnectionError):
        connection.sendall(endless)
        while sent < 50_000_000:
            connection.sendall(part * 50)
            sent += 50 * len(part)
    assert sent < 20_000_000


@pytest.mark.parametrize("length", [2_000, 20_000, 60_000])
def test_long_address_is_answered_or_refused(wire: Wire, length: int) -> None:
    for path in (f"/collection/{'f' * length}", f"{RECORD}&entityId={'a' * length}"):
        sent = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        _refused(wire.exchange(sent), 400, 403, 404, 405, 414)


@pytest.mark.parametrize(
    "segment",
    ["%zz", "%", "%00", "%2e%2e", "..", "%252F", "%2F", "%ff", "%c0%af", "%ED%A0%80", "a b"],
)
def test_odd_inlet_id_is_a_404(wire: Wire, segment: str) -> None:
    answers = wire.post(
        "Content-Length: 2\r\nConnection: close\r\n", b"{}", path=f"/collection/{segment}"
    )
    _refused(answers, 400, 404)


@pytest.mark.parametrize(
    "value",
    [
        b"a\r\n b",
        b"a\rSet-Cookie: b",
        b"a\nSet-Cookie: b",
        b"\xff\xfe",
        b"a\x0bb",
        b"x" * 20_000,
        b"",
        b"   ",
    ],
)
def test_request_id_never_becomes_another_header(wire: Wire, value: bytes) -> None:
    sent = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-request-id: "
    answers = wire.exchange(sent + value + b"\r\n\r\n")
    for answer in answers:
        assert answer.status in (200, 400)
        assert "set-cookie" not in dict(answer.headers)
        ids = [text for name, text in answer.headers if name == "x-request-id"]
        assert len(ids) == 1
        assert all(0 < len(text) <= 200 for text in ids)


def _of_bytes(number: int, *, fields: int) -> bytes:
    """A request whose head has so many bytes, as they are counted, in so many headers."""
    path = b"/health/live"
    rest = number - len(path) - len(b"Host: x\r\nConnection: close\r\n")
    each, left = divmod(rest, fields)
    sizes = [each + left, *[each] * (fields - 1)]
    lines = b"".join(b"a: " + b"b" * (size - 5) + b"\r\n" for size in sizes)
    return b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + lines + b"\r\n"


@pytest.mark.parametrize("fields", [1, 2000])
def test_a_head_of_more_than_64_kb_is_a_400(wire: Wire, fields: int) -> None:
    """Also where it arrives as a whole, and behind another request."""
    small = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    [taken] = wire.exchange(_of_bytes(HEAD_BYTES_MAX, fields=fields))
    assert taken.status == 200
    for number in (HEAD_BYTES_MAX + 1, 70_000, 100_000):
        large = _of_bytes(number, fields=fields)
        [refused] = wire.exchange(large)
        _of_no_door(refused, "The request's head is too large.")
        _refused(wire.exchange(small + large), 400)
    _refused(wire.exchange(_of_bytes(1_000_000, fields=fields)), 400)


@pytest.mark.parametrize(
    "line",
    [
        b"GET /track/acme/prod/PROD/v1/profiles/userId:J\xc3\xbcrgen/traits HTTP/1.1",
        b"FOO /track/acme/prod/PROD/v1/profiles HTTP/1.1",
        b"GET /data/core/ups/access/entities?entityId=\xff HTTP/1.1\r\nNo colon",
        b"GET /" + b"x" * 65_536 + b" HTTP/1.1",
    ],
)
def test_what_is_no_http_is_answered_as_json_with_a_request_id(wire: Wire, line: bytes) -> None:
    [answer] = wire.exchange(line + b"\r\nHost: x\r\n\r\n")
    _of_no_door(answer)
    [again] = wire.exchange(line + b"\r\nHost: x\r\n\r\n")
    assert dict(again.headers)["x-amzn-requestid"] != dict(answer.headers)["x-amzn-requestid"]


def _of_no_door(answer: Answer, message: str = "") -> None:
    headers = dict(answer.headers)
    assert answer.status == 400
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(answer.body)
    assert str(uuid.UUID(headers["x-amzn-requestid"])) == headers["x-request-id"]
    said = json.loads(answer.body)["error"]
    assert said["code"] == "invalid_request_error"
    assert said["message"] == (message or said["message"])


# Calls and customers


def test_path_with_two_slashes_and_a_body_packed_and_in_chunks_is_a_call(wire: Wire) -> None:
    """As phones send it; V34."""
    call = {"type": "track", "event": "Opened", "userId": "u-1", "writeKey": wire.key.write_key}
    body = gzip.compress(json.dumps({"batch": [call]}).encode())
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    head = "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
    (answer,) = wire.post(head, chunks, path="//cdp/events/segment/mobile/batch/")
    assert (answer.status, answer.body) == (200, b'{"success":true}')
    assert ("access-control-allow-origin", "*") in answer.headers
    assert "x-amzn-requestid" in dict(answer.headers)


def test_a_bomb_is_a_413_at_once_and_takes_no_memory(wire: Wire) -> None:
    """A gigabyte of zeros; V14."""
    path = "/track/acme/prod/PROD/v1/track"
    bomb = gzip.compress(b"\0" * (1 << 30), 9)
    assert len(bomb) < 1_048_576 + 4096
    bomb = bomb[:1_048_576]
    head = f"auth-token: {wire.key.auth_token}\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    (answer,) = wire.post(f"{head}Content-Length: {len(bomb)}\r\n", bomb, path=path)
    assert time.perf_counter() - started < 1
    assert answer.status == 413
    assert json.loads(answer.body)["success"] is False
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_no_valid_key_is_told_before_a_large_body_is_read(wire: Wire) -> None:
    head = "Content-Length: 9999999999\r\nConnection: close\r\n"
    (answer,) = wire.post(head, path="/track/acme/prod/PROD/v1/track")
    assert answer.status == 403
    (answer,) = wire.post(
        f"{head}Authorization: {basic(str(wire.key.write_key))}\r\n", path="/v1/batch"
    )
    assert answer.status == 413


def test_odd_paths_and_headers_of_customers_are_refused(wire: Wire) -> None:
    token = f"auth-token: {wire.key.auth_token}\r\nConnection: close\r\n\r\n"
    tenant = b"/track/acme/prod/PROD/v1/profiles/"
    for sent in (
        tenant + b"userId:%ff%fe/traits",
        tenant + b"userId:%00/traits",
        tenant + b"userId:" + b"x" * 5000 + b"/traits",
        tenant + b"%/traits",
        tenant + b"userId:%c3%28/traits?min_as_of=%ff",
        b"/track/%00/%ff/%2f/v1/profiles/userId:1/traits",
        b"/v1/spaces/%ff/collections/users/profiles/user_id:1/traits",
    ):
        answers = wire.exchange(b"GET " + sent + b" HTTP/1.1\r\nHost: x\r\n" + token.encode())
        _refused(answers, 400, 401, 403, 404)
        assert "x-amzn-requestid" in dict(answers[-1].headers)
    for value in (b"\xff\xfe", b"\x01", b"a" * 8000, "ключ".encode()):
        head = b"GET /track/acme/prod/PROD/v1/events HTTP/1.1\r\nHost: x\r\nauth-token: " + value
        answers = wire.exchange(head + b"\r\nConnection: close\r\n\r\n")
        _refused(answers, 400, 401)
