"""Routes, and the one adapter from a request to a handler to a response.

Handlers are synchronous functions. They run in a pool of threads, or on the event loop itself where
a route says `inline`: that pays for short reads of the embedded store, since a hand-over to a
thread costs more than the read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from types import MappingProxyType
from typing import Any, BinaryIO, Literal, NamedTuple
from urllib.parse import unquote

import structlog
from msgspec.structs import replace

from onefold.api import body, dialect, gateway, keys, position, problem, streams
from onefold.api.context import Caller, FilePart, Holder, Request, Response, Rooms, Stream
from onefold.api.declared import Answer, Body, Parameter
from onefold.domain.sandbox import SandboxId
from onefold.errors import Defect, Malformed, OverLimit, PlatformError, Rejected, Unavailable
from onefold.observe.events import place_of
from onefold.store.places import SPOOL

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Request, Rooms], Response]
Gate = Literal["platform", "organisation", "write-key", "none"] | keys.Gate

REQUEST_ID_LENGTH_MAX = 200
PIECE_BYTES = 262_144
"""Of a file, in memory at a time."""
FILE_PATH = "{file_path}"
"""In a route's path: a place that takes any number of segments."""

NO_BODY = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))
_COLLECTION_CODES = ("INL-1009", "INL-1016", "INL-1001", "INL-1010")
_DIALECT_CODES = ("API-1005", "API-1006", "API-1003", "ASK-1004")


class Route(NamedTuple):
    """One route. path: may hold `{name}`, one segment each, and at the end FILE_PATH; in the
    dialects of calls also dialect.PROFILE_KEY.

    gate: `platform` checks token, key, organisation and sandbox and gives the handler its Caller;
    `organisation` does without the sandbox. `key-read` and `key-write` check the API key of the
    header `auth-token` for the tenant that the path names, `space` that of a Basic header for the
    place `{space}`; all three give the handler its Holder (keys.py). At `write-key` the key may
    stand in the body: the handler asks keys.py itself.
    family: the shape of errors. inline: which requests are answered on the event loop. needs:
    the permission that the call takes, `permission:action` of domain/permissions.py. body_max:
    bytes, instead of the setting's. spool: the body goes into a file, and may be as large as
    `file_bytes_max`. url_max: characters of the whole URL. reads: it answers from what the pipeline
    writes, so its answers have a position, and may be asked for one (position.py); behind the
    gates `platform`, `key-read` and `space` only. path_first: finds faults of the path, which are
    told before the one of the position that is asked for. cors: browsers may ask from any origin;
    of all routes of a path or of none.

    The others are for the document (openapi.py). summary: instead of the first sentence of the
    handler's docstring. answers: by status, those that are no errors. fails: codes of the errors
    that the handler answers, space-separated; what gateway and body reading answer is known. None:
    not declared.
    """

    method: str
    path: str
    handler: Handler
    gate: Gate = "platform"
    family: problem.Family = "gateway"
    inline: Callable[[Request], bool] | None = None
    needs: str | None = None
    body_max: int | None = None
    spool: bool = False
    url_max: int | None = None
    reads: bool = False
    path_first: Callable[[Request, Rooms], object] | None = None
    cors: bool = False
    summary: str = ""
    parameters: tuple[Parameter, ...] = ()
    takes: Body | None = None
    answers: Mapping[int, Answer] = MappingProxyType({})
    fails: str | None = None


class Endpoint:
    """ASGI application of one path: its routes by method."""

    def __init__(self, routes: Sequence[Route], rooms: Rooms, threads: Executor) -> None:
        self._routes = {route.method: route for route in routes}
        if "GET" in self._routes:
            self._routes.setdefault("HEAD", self._routes["GET"])
        self._first = routes[0]
        also = ("OPTIONS",) if self._first.cors else ()
        self._allow = ", ".join(sorted((*self._routes, *also)))
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
            if method == "OPTIONS" and self._first.cors:
                return dialect.preflight(self._allow)
            raise Rejected("API-1002", allow=self._allow)
        rooms = self._rooms
        if route.url_max is not None:
            _refuse_long_url(scope, route.url_max, rooms)
        places = path_parameters(scope)
        caller, holder, address = _let_in(route, scope, headers, places, rooms)
        read, spooled = b"", None
        if route.spool:
            directory = rooms.settings.data / SPOOL
            limits = _limits(route, rooms)
            spooled = await body.spooled(receive, headers, limits, directory, self._threads)
        elif method not in NO_BODY:
            read = await body.read(receive, headers, _limits(route, rooms))
            if route.gate == "key-write":
                dialect.refuse_other_media(headers)
        request = Request(
            method,
            scope["path"],
            places,
            scope["query_string"].decode("latin-1"),
            headers,
            read,
            request_id,
            caller,
            spooled,
            holder,
            address,
        )
        loop = asyncio.get_running_loop()
        known = None
        if route.reads:
            try:
                known = await _known(request, rooms)
            except PlatformError:
                if route.path_first is not None:
                    route.path_first(request, rooms)
                raise
        try:
            if route.inline is not None and route.inline(request):
                response = route.handler(request, rooms)
            else:
                response = await loop.run_in_executor(self._threads, route.handler, request, rooms)
        except PlatformError as error:
            if known is None:
                raise
            response = _failed(error, route, scope, request_id, rooms)
        finally:
            if spooled is not None:
                spooled.unlink(missing_ok=True)
        if known is None:
            return response
        return position.known_to(response, known, of_calls=holder is not None)


class Nowhere:
    """ASGI application of all paths that no route has. family: of its answers; posted: of those to
    POST."""

    def __init__(
        self, rooms: Rooms, family: problem.Family = "gateway", posted: problem.Family = "gateway"
    ) -> None:
        self._rooms = rooms
        self._route = Route("GET", "unmatched", _nothing, gate="none", family=family)
        self._posted = self._route._replace(family=posted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._posted if scope["method"] == "POST" else self._route
        await serve(route, self._answer, scope, receive, send, self._rooms)

    async def _answer(
        self, scope: Scope, _: Mapping[str, str], request_id: str, __: Receive
    ) -> Response:
        error = Rejected("API-1001")
        if self._route.family in problem.DIALECTS:
            raise error
        # It may have been meant for a dialect's door, all answers of which have such an id.
        # Source: Intilery contract, 4.3.
        response = _failed(error, self._route, scope, request_id, self._rooms)
        id_ = (dialect.REQUEST_ID, self._rooms.ids.uuid())
        return replace(response, headers=(*response.headers, id_))


Answering = Callable[[Scope, Mapping[str, str], str, Receive], Awaitable[Response]]


async def serve(
    route: Route, answer: Answering, scope: Scope, receive: Receive, send: Send, rooms: Rooms
) -> None:
    """Send what `answer` gives, or the error it raises in the shape of the route's family."""
    started = rooms.clock.monotonic_s()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    of_dialect = route.family in problem.DIALECTS
    request_id = rooms.ids.uuid() if of_dialect else request_id_of(headers, rooms)
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
    if of_dialect:
        response = await _dressed(response, route, scope, headers, request_id)
    named = "" if of_dialect else request_id
    if response.stream is None:
        await _sent(response, named, scope["method"], send)
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
    if response.stream is not None:
        reading = Reading(route, scope["method"], headers, response.stream.sandbox)
        await _streamed(response, response.stream, reading, named, receive, send, rooms)


class Reading(NamedTuple):
    """Who reads a stream, and what that takes."""

    route: Route
    method: str
    headers: Mapping[str, str]
    sandbox: SandboxId

    def allowed(self, rooms: Rooms) -> bool:
        """Whether the same request would still be answered from the same sandbox."""
        try:
            asks = gateway.caller(self.method, self.headers, rooms, needs=self.route.needs)
        except PlatformError:
            return False
        return asks.sandbox.id == self.sandbox


async def _streamed(
    response: Response,
    stream: Stream,
    reading: Reading,
    request_id: str,
    receive: Receive,
    send: Send,
    rooms: Rooms,
) -> None:
    """Send a response that has no end."""
    try:
        await send(_head(response, request_id, None))
        if reading.method == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        await streams.sent(
            stream, rooms.streams, receive, send, allowed=lambda: reading.allowed(rooms)
        )
    except OSError:
        return  # the client went away; that is its right
    finally:
        stream.close()


def _let_in(
    route: Route,
    scope: Scope,
    headers: Mapping[str, str],
    places: Mapping[str, str],
    rooms: Rooms,
) -> tuple[Caller | None, Holder | None, str]:
    """Who asks, as the route's gate finds out, and from which address, where that counts."""
    gate = route.gate
    if gate == "platform" or gate == "organisation":
        in_sandbox, needs = gate == "platform", route.needs
        asks = gateway.caller(scope["method"], headers, rooms, in_sandbox=in_sandbox, needs=needs)
        return asks, None, ""
    if route.family not in problem.DIALECTS:
        return None, None, ""
    address: str = (scope.get("client") or ("",))[0]
    if gate == "none" or gate == "write-key":
        return None, None, address
    query = scope["query_string"].decode("latin-1")
    return None, keys.holder(gate, headers, places, query, address, rooms), address


async def _known(request: Request, rooms: Rooms) -> int:
    """The position that the answer to a read will know of. Raises Malformed API-1008, Unavailable
    API-9003."""
    sandbox, wanted = _sought(request)
    if wanted is None:
        return rooms.positions.lately(sandbox, asyncio.get_running_loop().time())
    name = position.MIN_POSITION if request.holder is None else position.MIN_AS_OF
    return await _reached(sandbox, wanted, name, rooms)


def _sought(request: Request) -> tuple[SandboxId, int | None]:
    """What a read reads, and the position that the answer has to know of, if it names one."""
    if request.holder is not None:
        return request.holder.sandbox.id, position.wanted_as_of(request.raw_query)
    assert request.caller is not None
    named = position.MIN_POSITION in request.headers
    return request.caller.sandbox.id, position.wanted(request.headers) if named else None


async def _dressed(
    response: Response, route: Route, scope: Scope, headers: Mapping[str, str], request_id: str
) -> Response:
    """The response as the dialects of calls have it."""
    if dialect.wants_gzip(response, headers):
        if len(response.body) > dialect.GZIP_ALONE_BYTES:
            response = await asyncio.to_thread(dialect.gzipped, response)
        else:
            response = dialect.gzipped(response)
    return dialect.dressed(response, scope["path"], scope["method"], request_id, cors=route.cors)


async def _reached(sandbox: SandboxId, wanted: int, name: str, rooms: Rooms) -> int:
    """The position that is passed now; waits a moment for the one that the caller needs, and holds
    no thread meanwhile. name: how the caller said it. Raises Malformed API-1008, Unavailable
    API-9003."""
    passed = rooms.positions.passed(sandbox)
    known = passed()
    if known >= wanted:
        return known
    if wanted > rooms.positions.end(sandbox):
        raise Malformed("API-1008", f"{name} is beyond the last write of this sandbox", at=name)
    loop = asyncio.get_running_loop()
    deadline, look = loop.time() + position.WAIT_SECONDS, position.LOOK_SECONDS
    while known < wanted:
        if loop.time() >= deadline:
            raise Unavailable(
                "API-9003", f"Applied up to position {known}; the read asks for {wanted}"
            )
        await asyncio.sleep(look)
        look = min(look * 1.5, position.LOOK_SECONDS_MOST)
        known = passed()
    return known


def request_id_of(headers: Mapping[str, str], rooms: Rooms) -> str:
    """The caller's x-request-id, cut to printable ASCII of at most 200 characters, or a new one."""
    given = headers.get("x-request-id")
    return (given and _printable(given)) or rooms.ids.hex(bytes_=16)


def _printable(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        text = "".join(char for char in text if " " <= char <= "~")
    return text[:REQUEST_ID_LENGTH_MAX].strip()


def path_parameters(scope: Scope) -> Mapping[str, str]:
    """The path's parameters, percent-decoded only now: `%2F` inside a segment is no border."""
    parameters: dict[str, str] = scope.get("path_params", {})
    if not parameters:
        return parameters
    return {name: unquote(value) for name, value in parameters.items()}


def _refuse_long_url(scope: Scope, url_max: int, rooms: Rooms) -> None:
    url_chars = len(rooms.settings.base_url) + len(scope["path"])
    if scope["query_string"]:
        url_chars += 1 + len(scope["query_string"])
    if url_chars > url_max:
        raise OverLimit("API-1007", f"The URL has {url_chars} characters; the limit is {url_max}")


def _limits(route: Route, rooms: Rooms) -> body.Limits:
    settings = rooms.settings
    if route.spool:
        return body.Limits(settings.file_bytes_max, settings.file_seconds_max)
    usual = settings.body_bytes_max
    if route.family in problem.DIALECTS:
        usual = dialect.BODY_BYTES_MAX
    bytes_max = usual if route.body_max is None else route.body_max
    return body.Limits(bytes_max, settings.body_seconds_max, *body_codes(route.family))


def body_codes(family: problem.Family) -> tuple[str, str, str, str]:
    """The codes of a body that is too large, too slow, unreadable or in an unknown coding."""
    if family in problem.DIALECTS:
        return _DIALECT_CODES
    return _COLLECTION_CODES if family == "collection" else body.CODES


def _failed(
    error: PlatformError, route: Route, scope: Scope, request_id: str, rooms: Rooms
) -> Response:
    """The answer to a failed request; failures of ours are logged, without what was sent."""
    status = problem.status_of(error)
    if status >= 500:
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        structlog.get_logger().error(
            "request_failed",
            request_id=request_id,
            caller_request_id=_printable(given),
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
    tells_id = bool(rooms.settings.error_request_ids)
    context = problem.Context(request_id, inlet_id, org_id, rooms.clock.now_ms(), tells_id)
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
    content, file = response.body, None
    if response.file is not None:
        try:
            file = await asyncio.to_thread(open, response.file.path, "rb")
        except OSError:  # it has left since it was found; whoever asks again finds it anew
            response = Response(503, headers=(("retry-after", "1"),))
    length = response.file.length if response.file is not None else len(content)
    try:
        await send(_head(response, request_id, length))
        if file is not None and response.file is not None and method != "HEAD":
            await _pieces(file, response.file, send)
        else:
            await send({"type": "http.response.body", "body": b"" if method == "HEAD" else content})
    except OSError:
        return  # the client went away; that is its right
    finally:
        if file is not None:
            file.close()


def _head(response: Response, request_id: str, length: int | None) -> Message:
    """The start of a response; length: of its body, None when nobody knows. request_id: empty when
    the response says it."""
    headers = [(b"x-request-id", request_id.encode("latin-1"))] if request_id else []
    if length is not None and response.status not in (204, 304):
        headers.append((b"content-length", b"%d" % length))
    if length != 0:
        headers.append((b"content-type", response.media_type.encode("latin-1")))
    for name, value in response.headers:
        headers.append((name.encode("latin-1"), value.encode("latin-1")))
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _pieces(file: BinaryIO, part: FilePart, send: Send) -> None:
    """Send a part of a file, a piece at a time; `send` waits while the client is slow."""
    left = part.length
    if not left:
        await send({"type": "http.response.body", "body": b""})
    await asyncio.to_thread(file.seek, part.offset)
    while left:
        piece = await asyncio.to_thread(file.read, min(left, PIECE_BYTES))
        if not piece:
            raise OSError("the file has become shorter")
        left -= len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": left > 0})


def _nothing(*_: object) -> Response:
    raise Rejected("API-1001")
