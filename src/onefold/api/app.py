"""The ASGI application: every route; paths without parameters are found in a table.

Paths are matched as they were sent: `%2F` in a segment stays part of the segment, since ids of the
schema registry are URLs. One slash at the end is tolerated everywhere. Where settings give doors a
host of their own, there is a table for each host.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from starlette.routing import Route as StarletteRoute
from starlette.routing import Router

from onefold.api import dialect, hosts
from onefold.api.context import Rooms
from onefold.api.route import FILE_PATH, Endpoint, Nowhere, Receive, Route, Scope, Send

THREADS_MAX = 32
"""Handlers that run at the same time, besides inline ones."""

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Application:
    """The ASGI application of one table of routes."""

    def __init__(self, rooms: Rooms, routes: Sequence[Route], threads: Executor) -> None:
        by_path: dict[str, list[Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, []).append(route)
        endpoints = {path: Endpoint(same, rooms, threads) for path, same in by_path.items()}
        self._fixed = {path: endpoint for path, endpoint in endpoints.items() if "{" not in path}
        self._tenant = dialect.tenant_of(rooms.settings.default_tenant)
        of_calls = {path: e for path, e in endpoints.items() if dialect.path_of(path, "")}
        self._router = _router(
            {path: e for path, e in endpoints.items() if path not in of_calls}, Nowhere(rooms)
        )
        # Routers look at one route after the other, so these have one of their own.
        self._of_calls = _router(of_calls, Nowhere(rooms, "intilery", "write"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw: bytes | None = scope.get("raw_path")
            path = raw.decode("latin-1") if raw else scope["path"]
            if path[-1:] == "/" and len(path) > 1:
                path = path[:-1]
            scope["path"] = path
            fixed = self._fixed.get(path)
            if fixed is not None:
                await fixed(scope, receive, send)
                return
            of_calls = dialect.path_of(path, self._tenant)
            if of_calls is not None:
                scope["path"] = of_calls
                await (self._fixed.get(of_calls) or self._of_calls)(scope, receive, send)
                return
        await self._router(scope, receive, send)


class ByHost:
    """The ASGI application in front of several, of which each answers under a host of its own.
    elsewhere: answers under all others."""

    def __init__(self, served: Mapping[bytes, Asgi], elsewhere: Asgi) -> None:
        self._served = served
        self._elsewhere = elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = hosts.host_of(scope.get("headers", ()))
        await self._served.get(host, self._elsewhere)(scope, receive, send)


def _router(endpoints: Mapping[str, Endpoint], nowhere: Nowhere) -> Router:
    """Of those endpoints whose paths have places."""
    routes = [
        StarletteRoute(_pattern(path), endpoint)
        for path, endpoint in endpoints.items()
        if "{" in path
    ]
    return Router(routes, redirect_slashes=False, default=nowhere)


def _pattern(path: str) -> str:
    """A route's path as the router wants it."""
    for many in (FILE_PATH, dialect.PROFILE_KEY):
        path = path.replace(many, f"{many[:-1]}:path}}")
    return path


def application(rooms: Rooms, routes: Sequence[Route]) -> Asgi:
    """The ASGI application that serves `routes`; they are matched in their order. No request is
    asked for its host unless a setting names one."""
    threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="handler")
    served = {
        host: Application(rooms, some, threads)
        for host, some in hosts.parted(routes, rooms.settings).items()
    }
    elsewhere = served.pop(b"")
    return ByHost(served, elsewhere) if served else elsewhere
