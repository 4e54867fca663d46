"""What the doors for calls and customers have in common, in the dialects of Intilery and Segment:
request ids, paths, what may be asked from another origin, compressed answers, content types.

Source: Intilery contract, sections 2 to 4 and 12.8.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping

from onefold.api.context import Response
from onefold.api.declared import Header, path
from onefold.errors import Malformed

BEGINNINGS = ("/track/", "/cdp/", "/v1/")
"""Of the dialects' paths."""
PROFILE_KEY = "{profileKey}"
"""In a route's path: the key of a customer. It takes any number of segments, since a key may have
slashes in it that nobody encoded."""
BODY_BYTES_MAX = 1_048_576
"""Of a request, decoded. Source: Intilery contract, 4.12."""
GZIP_ABOVE_BYTES = 1024
GZIP_ALONE_BYTES = 65_536
"""Answers beyond it are compressed in a thread of their own."""

TENANT = (
    path("client", "The client, in any case."),
    path("account", "The account, in any case."),
    path("brand", "The brand, in any case."),
)
"""The places of `/track/{client}/{account}/{brand}/v1`, for a route's `parameters`."""
REQUEST_ID = "x-amzn-requestid"
ANSWERED: dict[str, Header] = {
    REQUEST_ID: Header("A new UUID, for this answer only."),
}
"""Headers of every answer."""

_SLASHES = re.compile("/{2,}")
_OF_TENANT = re.compile(r"/track/[^/]+/[^/]+/[^/]+/v1(?:/|$)")
_SHORT = "/track/v1/"
_GZIP_LEVEL = 1
_DAY_SECONDS = 86_400


def path_of(asked: str, tenant: str) -> str | None:
    """A path as the dialects' routes have it, or None when it is none of theirs.

    Runs of slashes are one slash, and one at the end is none. tenant: what `tenant_of` made; with
    one, `/track/v1/…` means its path.
    """
    if "//" in asked:
        asked = _SLASHES.sub("/", asked)
    if asked[-1:] == "/":
        asked = asked[:-1]
    if not f"{asked}/".startswith(BEGINNINGS):
        return None
    if tenant and asked.startswith(_SHORT) and _OF_TENANT.match(asked) is None:
        return f"/track/{tenant}/v1/{asked.removeprefix(_SHORT)}"
    return asked


def tenant_of(setting: str) -> str:
    """`client/account/BRAND` of the setting, which may leave out the brand; empty when it is.
    Raises Malformed CTL-1008."""
    if not setting:
        return ""
    parts = setting.split("/")
    if len(parts) == 2:
        parts.append(parts[1].upper())
    if len(parts) != 3 or not all(parts):
        raise Malformed("CTL-1008", "ONEFOLD_DEFAULT_TENANT must be CLIENT/ACCOUNT or with /BRAND")
    return "/".join(parts)


def refuse_other_media(headers: Mapping[str, str]) -> None:
    """Take JSON, and bodies that do not say what they are. Raises Malformed ASK-1004."""
    essence = headers.get("content-type", "").partition(";")[0].strip().lower()
    if essence not in ("", "application/json"):
        raise Malformed("ASK-1004", "Content-Type must be application/json", at="content-type")


def preflight(allowed: str) -> Response:
    """The answer to a browser that asks whether it may ask, at a door open to all origins. allowed:
    methods, with commas between."""
    return Response(
        200,
        headers=(
            ("allow", allowed),
            ("access-control-allow-methods", allowed),
            ("access-control-allow-headers", "content-type, authorization, content-encoding"),
            ("access-control-max-age", str(_DAY_SECONDS)),
        ),
    )


def dressed(
    response: Response, asked: str, method: str, request_id: str, *, cors: bool
) -> Response:
    """The response with the headers that every answer of the dialects has. asked: the path."""
    headers = [(REQUEST_ID, request_id)]
    if asked.startswith("/v1/"):
        headers.append(("request-id", request_id))
    if method in ("GET", "HEAD") and "cache-control" not in dict(response.headers):
        headers.append(("cache-control", "no-store"))
    if cors:
        headers.append(("access-control-allow-origin", "*"))
    return Response(
        response.status,
        response.body,
        (*headers, *response.headers),
        response.media_type,
        response.file,
        response.stream,
    )


def wants_gzip(response: Response, headers: Mapping[str, str]) -> bool:
    """Whether the response is to be compressed: it is large, and the caller can read that."""
    return len(response.body) > GZIP_ABOVE_BYTES and _takes_gzip(headers)


def gzipped(response: Response) -> Response:
    """The response with its body compressed."""
    packed = gzip.compress(response.body, _GZIP_LEVEL, mtime=0)
    coded = (("content-encoding", "gzip"), ("vary", "accept-encoding"))
    return Response(response.status, packed, (*response.headers, *coded), response.media_type)


def _takes_gzip(headers: Mapping[str, str]) -> bool:
    """Whether Accept-Encoding allows it; what it says of gzip itself wins."""
    said: dict[str, bool] = {}
    for part in headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = part.partition(";")
        name, _, value = weight.strip().partition("=")
        none = name.strip() == "q" and value.strip().rstrip("0") in ("", ".", "0.", "0")
        said[coding.strip()] = not none
    return said.get("gzip", said.get("x-gzip", said.get("*", False)))
