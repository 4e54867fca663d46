"""The load generator: raw HTTP/1.1 over keep-alive connections, one request at a time on each.

Closed loops (a connection asks again as soon as it is answered) run on uvloop, since there the
generator must not be what limits. Open loops (requests leave by the clock, whether or not earlier
ones are answered) run on `select`, whose timers are exact to microseconds where those of epoll and
uvloop are rounded to a millisecond; their latencies count from the moment that the clock named, so
a server that stalls does not hide the requests that had to wait for it.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from itertools import cycle
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, cast

import uvloop

Answered = Callable[[int, bytes], None]
Check = Callable[[int, bytes], None]
T = TypeVar("T")

CONNECTIONS = 8
"""Of a closed loop, unless it says otherwise."""

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Unexpected(Exception):
    """An answer that does not belong into a measurement."""


class Closed(NamedTuple):
    """What a closed loop saw. latencies: seconds, in order of arrival."""

    seconds: float
    latencies: list[float]

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request in flight."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: Answered | None = None
        self._buffer = b""
        self._wanted = 0  # bytes of the whole answer; 0: its head is not complete yet
        self._body_at = 0
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ask(self, request: bytes, answered: Answered) -> None:
        """Send a request; `answered` gets status and body."""
        assert self._transport is not None
        self._answered = answered
        self._transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not registered as such

    def data_received(self, data: bytes) -> None:
        try:
            self._received(data)
        except Exception as wrong:  # noqa: BLE001 - whoever waits for the loop must hear of it
            self._fail(wrong)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None:
            self._fail(exc or Unexpected("The server closed a connection with a request on it"))

    def close(self) -> None:
        self._answered = None
        if self._transport is not None:
            self._transport.close()

    def _received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        if not self._wanted:
            end = buffer.find(_HEAD_END)
            if end < 0:
                return
            at = buffer.find(_LENGTH, 0, end)
            if at < 0:
                raise Unexpected(f"An answer without a length: {buffer[:200]!r}")
            self._body_at = end + 4
            self._wanted = self._body_at + int(buffer[at + 16 : buffer.index(b"\r", at)])
        if len(buffer) < self._wanted:
            return
        body = buffer[self._body_at : self._wanted]
        answered, self._answered = self._answered, None
        self._buffer, self._wanted = b"", 0
        assert answered is not None
        answered(int(buffer[9:12]), body)

    def _fail(self, error: Exception) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)


class Connections:
    """Several connections to one port of this machine, as an async context."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._count = count
        self.all: list[Connection] = []

    async def __aenter__(self) -> Connections:
        loop = asyncio.get_running_loop()
        for _ in range(self._count):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
            self.all.append(connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self.all:
            connection.close()
            connection.failed.cancel()

    async def until(self, done: asyncio.Future[None]) -> None:
        """Wait for `done`. Raises what a connection failed with."""
        await asyncio.wait(
            [done, *(one.failed for one in self.all)], return_when=asyncio.FIRST_COMPLETED
        )
        for one in self.all:
            if one.failed.done():
                one.failed.result()


def expect(status: int) -> Check:
    """A check that lets only this status pass."""

    def check(got: int, body: bytes) -> None:
        if got != status:
            raise Unexpected(f"Status {got} instead of {status}: {body[:300]!r}")

    return check


async def closed(
    connections: Connections,
    requests: Iterator[bytes],
    check: Check,
    *,
    seconds: float | None = None,
) -> Closed:
    """Ask until the requests are used up, or for some seconds."""
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[None] = loop.create_future()
    latencies: list[float] = []
    clock = time.perf_counter
    started = clock()
    end = started + seconds if seconds is not None else float("inf")
    busy = len(connections.all)

    def next_on(connection: Connection) -> None:
        nonlocal busy
        request = next(requests, None) if clock() < end else None
        if request is None:
            busy -= 1
            if not busy and not finished.done():
                finished.set_result(None)
            return
        asked = clock()

        def answered(status: int, body: bytes) -> None:
            latencies.append(clock() - asked)
            check(status, body)
            next_on(connection)

        connection.ask(request, answered)

    for connection in connections.all:
        next_on(connection)
    await connections.until(finished)
    return Closed(clock() - started, latencies)


def closed_for(
    seconds: float, port: int, requests: Sequence[bytes], *, connections: int = CONNECTIONS
) -> Closed:
    """Ask one of the requests after the other, over and over; each answer must be a 200."""

    async def work() -> Closed:
        async with Connections(port, connections) as opened:
            return await closed(opened, cycle(requests), expect(200), seconds=seconds)

    return run_fast(work())


async def steady(
    connections: Connections,
    requests: Iterator[bytes],
    check: Check,
    *,
    per_second: float,
    seconds: float,
) -> list[float]:
    """Ask by the clock; answer each request's seconds from its scheduled moment to its answer."""
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[None] = loop.create_future()
    idle = deque(connections.all)
    waiting: deque[tuple[float, bytes]] = deque()
    latencies: list[float] = []
    count = int(per_second * seconds)
    started = loop.time() + 0.05

    def leave(due: float, request: bytes) -> None:
        connection = idle.popleft()

        def answered(status: int, body: bytes) -> None:
            latencies.append(loop.time() - due)
            check(status, body)
            idle.append(connection)
            if waiting:
                leave(*waiting.popleft())
            elif len(latencies) == count and not finished.done():
                finished.set_result(None)

        connection.ask(request, answered)

    def tick(number: int) -> None:
        due = started + number / per_second
        waiting.append((due, next(requests)))
        if idle:
            leave(*waiting.popleft())
        if number + 1 < count:
            loop.call_at(started + (number + 1) / per_second, tick, number + 1)

    loop.call_at(started, tick, 0)
    await connections.until(finished)
    return latencies


async def ask(connection: Connection, request: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own use; answer status and body."""
    answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
    connection.ask(request, lambda status, body: answer.set_result((status, body)))
    both: list[asyncio.Future[Any]] = [answer, connection.failed]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if connection.failed.done():
        connection.failed.result()
    return answer.result()


def run_fast(work: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop: least time for each request, timers of whole milliseconds."""
    return _run(work, uvloop.new_event_loop)


def run_exact(work: Coroutine[Any, Any, T]) -> T:
    """Run on `select`: timers of microseconds."""
    return _run(work, lambda: asyncio.SelectorEventLoop(selectors.SelectSelector()))


def _run(work: Coroutine[Any, Any, T], loops: Callable[[], asyncio.AbstractEventLoop]) -> T:
    """Run without garbage collection, which would show as stalls of the server."""
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=loops) as runner:
            return runner.run(work)
    finally:
        gc.enable()


def get(path: str, headers: dict[str, str]) -> bytes:
    """A GET request as bytes."""
    lines = [f"GET {path} HTTP/1.1", "host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + _HEAD_END


def post(path: str, body: bytes, headers: Mapping[str, str] = _NO_HEADERS) -> bytes:
    """A POST request with a JSON body as bytes."""
    lines = [
        f"POST {path} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + _HEAD_END + body


def quantile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
