"""Routes, and the one adapter from a request to a handler to a response.

Handlers are synchronous functions. They run in a pool of threads, or on the event loop itself where
a route says `inline`: that pays for short reads of the embedded store, since a hand-over to a
thread costs more than the read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import structlog

from onefold.api import body, gateway, problem
from onefold.api.context import Request, Response, Rooms
from onefold.errors import Defect, PlatformError, Rejected
from onefold.observe.events import place_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Request, Rooms], Response]

REQUEST_ID_LENGTH_MAX = 200
_NO_BODY = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))
_COLLECTION_CODES = ("INL-1009", "INL-1016", "INL-1001")


class Route(NamedTuple):
    """One route. path: may hold `{name}`, one segment each.

    gate: `platform` checks token, key, organisation and sandbox and gives the handler its Caller;
    `organisation` does without the sandbox.
    family: the shape of errors. inline: which requests are answered on the event loop. needs:
    the permission that the call takes (recorded, not enforced yet). body_max: bytes, instead of the
    setting's.
    """

    method: str
    path: str
    handler: Handler
    gate: Literal["platform", "organisation", "none"] = "platform"
    family: problem.Family = "gateway"
    inline: Callable[[Request], bool] | None = None
    needs: str | None = None
    body_max: int | None = None


class Endpoint:
    """ASGI application of one path: its routes by method."""

    def __init__(self, routes: Sequence[Route], rooms: Rooms, threads: Executor) -> None:
        self._routes = {route.method: route for route in routes}
        if "GET" in self._routes:
            self._routes.setdefault("HEAD", self._routes["GET"])
        self._allow = ", ".join(sorted(self._routes))
        self._first = routes[0]
        self._rooms = rooms
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope["method"], self._first)
        await serve(route, self._answer, scope, receive, send, self._rooms)

    async def _answer(
        self, scope: Scope, headers: Mapping[str, str], request_id: str, receive: Receive
    ) -> Response:
        method: str = scope["method"]
        route = self._routes.get(method)
        if route is None:
            raise Rejected("API-1002", allow=self._allow)
        rooms = self._rooms
        caller = None
        if route.gate != "none":
            in_sandbox = route.gate == "platform"
            caller = gateway.caller(method, headers, rooms, in_sandbox=in_sandbox)
        request = Request(
            method,
            scope["path"],
            path_parameters(scope),
            scope["query_string"].decode("latin-1"),
            headers,
            b"" if method in _NO_BODY else await body.read(receive, headers, _limits(route, rooms)),
            request_id,
            caller,
        )
        if route.inline is not None and route.inline(request):
            return route.handler(request, rooms)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, route.handler, request, rooms)


class Nowhere:
    """ASGI application of all paths that no route has."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._route = Route("GET", "unmatched", _nothing, gate="none")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(self._route, _nowhere, scope, receive, send, self._rooms)


Answer = Callable[[Scope, Mapping[str, str], str, Receive], Awaitable[Response]]


async def serve(
    route: Route, answer: Answer, scope: Scope, receive: Receive, send: Send, rooms: Rooms
) -> None:
    """Send what `answer` gives, or the error it raises in the shape of the route's family."""
    started = rooms.clock.monotonic_s()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    request_id = request_id_of(headers, rooms)
    try:
        response = await answer(scope, headers, request_id, receive)
    except body.Disconnected:
        return
    except PlatformError as error:
        response = _failed(error, route, scope, request_id, rooms)
    except Exception as error:  # noqa: BLE001 - the door answers for all behind it
        defect = Defect("Unexpected error")
        defect.__cause__ = error
        response = _failed(defect, route, scope, request_id, rooms)
    await _sent(response, request_id, scope["method"], send)
    now_s = rooms.clock.monotonic_s()
    rooms.metrics.request(
        route.path, scope["method"], response.status, seconds=now_s - started, now_s=now_s
    )
    if rooms.settings.log_level == "debug":
        structlog.get_logger().debug(
            "request",
            request_id=request_id,
            method=scope["method"],
            route=route.path,
            status=response.status,
            seconds=round(now_s - started, 6),
        )


def request_id_of(headers: Mapping[str, str], rooms: Rooms) -> str:
    """The caller's x-request-id, cut to printable ASCII of at most 200 characters, or a new one."""
    given = headers.get("x-request-id")
    if given is None:
        return rooms.ids.hex(bytes_=16)
    if not (given.isascii() and given.isprintable()):
        given = "".join(char for char in given if " " <= char <= "~")
    return given[:REQUEST_ID_LENGTH_MAX].strip() or rooms.ids.hex(bytes_=16)


def path_parameters(scope: Scope) -> Mapping[str, str]:
    """The path's parameters, percent-decoded only now: `%2F` inside a segment is no border."""
    parameters: dict[str, str] = scope.get("path_params", {})
    if not parameters:
        return parameters
    return {name: unquote(value) for name, value in parameters.items()}


def _limits(route: Route, rooms: Rooms) -> body.Limits:
    settings = rooms.settings
    bytes_max = settings.body_bytes_max if route.body_max is None else route.body_max
    if route.family == "collection":
        return body.Limits(bytes_max, settings.body_seconds_max, *_COLLECTION_CODES)
    return body.Limits(bytes_max, settings.body_seconds_max)


def _failed(
    error: PlatformError, route: Route, scope: Scope, request_id: str, rooms: Rooms
) -> Response:
    """The answer to a failed request; failures of ours are logged, without what was sent."""
    status = problem.status_of(error)
    if status >= 500:
        structlog.get_logger().error(
            "request_failed",
            request_id=request_id,
            method=scope["method"],
            route=route.path,
            status=status,
            code=error.code,
            place=place_of(error.__cause__ or error),
        )
    inlet_id = org_id = ""
    if route.family == "collection":
        inlet_id = next(iter(path_parameters(scope).values()), "")
        org_id = _org_of(inlet_id, error, rooms)
    context = problem.Context(request_id, inlet_id, org_id, rooms.clock.now_ms())
    return problem.response(error, route.family, context)


def _org_of(inlet_id: str, error: PlatformError, rooms: Rooms) -> str:
    """The organisation of an inlet, if there is one and the store can tell."""
    if not isinstance(error, Rejected):
        return ""
    try:
        inlet = rooms.definitions.inlet(inlet_id)
    except PlatformError:
        return ""
    return inlet.org_id if inlet is not None else ""


async def _sent(response: Response, request_id: str, method: str, send: Send) -> None:
    content = response.body
    headers = [(b"x-request-id", request_id.encode("latin-1"))]
    if response.status != 204:
        headers.append((b"content-length", b"%d" % len(content)))
    if content:
        headers.append((b"content-type", response.media_type.encode("latin-1")))
    for name, value in response.headers:
        headers.append((name.encode("latin-1"), value.encode("latin-1")))
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    try:
        await send(start)
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else content})
    except OSError:
        return  # the client went away; that is its right


async def _nowhere(*_: object) -> Response:
    raise Rejected("API-1001")


def _nothing(*_: object) -> Response:
    raise Rejected("API-1001")
