"""Host names that doors for calls and customers have of their own, where settings say so.

A door with a host answers there and nowhere else, and nothing else answers there but other doors of
that host and what tells of the server itself: its description, its health, its metrics. Decided by
the routes, once: a request is only asked for its host.

Source: Intilery contract, section 1 (D1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from onefold.api.route import Route
from onefold.config import Settings

DOORS = (
    ("/track/", "profiles_host"),
    ("/cdp/", "events_host"),
    ("/v1/spaces/", "segment_profiles_host"),
    ("/v1/", "segment_host"),
)
"""How the paths of a door begin, and the setting of its host; the first that fits counts."""


def parted(routes: Sequence[Route], settings: Settings) -> dict[bytes, list[Route]]:
    """The routes that each host has, in their order; under b"" those of all other hosts. Hosts are
    as `host_of` answers them."""
    own = [(route, bare(_own(route.path, settings).encode())) for route in routes]
    hosts = dict.fromkeys((b"", *(host for _, host in own)))
    return {
        here: [route for route, host in own if host == here or _is_everywhere(route)]
        for here in hosts
    }


def host_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The host that a request names, as `bare` has it; b"" when it names none, or several."""
    named = [value for name, value in headers if name == b"host"]
    return bare(named[0]) if len(named) == 1 else b""


def bare(host: bytes) -> bytes:
    """A host as hosts are compared: in lower case, without a port or a dot at the end."""
    return host.partition(b":")[0].removesuffix(b".").lower()


def base_urls(routes: Iterable[Route], settings: Settings) -> dict[str, str]:
    """Where clients reach the doors that have a host, by the paths of their routes."""
    scheme = settings.base_url.partition("://")[0]
    own = {route.path: _own(route.path, settings) for route in routes}
    return {path: f"{scheme}://{host}" for path, host in own.items() if host}


def _own(path: str, settings: Settings) -> str:
    """The host of the door that a route's path belongs to, as it was set; "" for none."""
    for beginning, setting in DOORS:
        if path.startswith(beginning):
            host: str = getattr(settings, setting)
            return host
    return ""


def _is_everywhere(route: Route) -> bool:
    """Whether it tells of the server itself: only such routes have the plain family."""
    return route.family == "plain"
