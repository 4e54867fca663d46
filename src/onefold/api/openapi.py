"""The OpenAPI 3.1 document of a table of routes.

Everything in it comes from the routes: what they declare, what their gate and the reading of bodies
answer, and the codes of `errors.py`. A route that declares nothing is in it with its path, its
summary and answers in general.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from onefold.api.declared import FILLED, TEXT, Header, Parameter, header
from onefold.api.dialect import ANSWERED
from onefold.api.error_schemas import SCHEMAS, name_of
from onefold.api.position import AS_OF_PARAMETER, KNOWN, KNOWN_AS_OF, PARAMETER, READ_CODES
from onefold.api.problem import DIALECTS, STATUS, media_of
from onefold.api.route import NO_BODY, Route, body_codes
from onefold.errors import CODES
from onefold.wire import JSON

PERMISSION = "x-onefold-permission"
_GATE = "AUT-1001 AUT-1002 AUT-1003 AUT-1004 AUT-1005 AUT-1006 AUT-1007"
_GATES = {
    "platform": f"{_GATE} AUT-1008 AUT-1010",
    "organisation": _GATE,
    "key-read": "KEY-1001 KEY-1003 KEY-1004",
    "key-write": "KEY-1002 KEY-1003 KEY-1004",
    "space": "KEY-1001 KEY-1003 KEY-1004",
    "write-key": "KEY-1001 KEY-1004",
    "none": "",
}
_OF_PLATFORM = ("platform", "organisation")
_OF_KEYS: dict[str, JSON] = {
    "key-read": [{"authToken": []}],
    "key-write": [{"authToken": []}],
    "space": [{"space": []}],
    "write-key": [{}, {"writeKey": []}],
}
"""Security of the doors for calls and customers."""
_ANY_TIME = "API-9001 API-9002"
_PLACE = re.compile(r"\{(\w+)\}")
_REFERENCE = "#/components/schemas/{name}"
_OWN = re.compile(r"^(?:onefold\.api\.(?:\w+\.)*?)?(?:(\w+)\.)?_?(\w+)$")


_TENANT = "/track/{client}/{account}/{brand}/v1"


class Tag(NamedTuple):
    """Routes that stand together in the document: those whose paths begin so."""

    title: str
    about: str
    beginnings: tuple[str, ...]


TAGS = (
    Tag("Tokens", "Access tokens for projects.", ("/ims/",)),
    Tag(
        "Profiles and events",
        "Everything known about a person, merged when it is asked for.",
        ("/data/core/ups/access/",),
    ),
    Tag(
        "Merge policies",
        "Whose fragments are merged, and who is believed.",
        ("/data/core/ups/config/mergePolicies",),
    ),
    Tag(
        "Preview samples",
        "How many profiles there are, and what they are made of.",
        ("/data/core/ups/previewsamplestatus", "/onefold/v1/previewsamplestatus"),
    ),
    Tag(
        "Export jobs",
        "Merged profiles as rows of a dataset.",
        ("/data/core/ups/export/",),
    ),
    Tag(
        "Edge projections",
        "Parts of every person, held ready where a page is made.",
        (
            "/data/core/ups/config/destinations",
            "/data/core/ups/config/projections",
            "/onefold/v1/edge/",
        ),
    ),
    Tag(
        "Deletions",
        "What is taken out of profiles for good, and the proof of it.",
        ("/data/core/ups/system/jobs", "/onefold/v1/receipts"),
    ),
    Tag(
        "Why and undo",
        "Where a value comes from, why two identities are one person, and taking one thing back.",
        ("/onefold/v1/explain/", "/onefold/v1/undo"),
    ),
    Tag("Identities", "XIDs, and who is linked with whom.", ("/data/core/identity/",)),
    Tag("Namespaces", "What identities are of.", ("/data/core/idnamespace/",)),
    Tag(
        "Streaming ingestion",
        "Records, one by one or many in a request.",
        ("/collection/", "/data/foundation/import/collection/"),
    ),
    Tag(
        "Batch ingestion",
        "Files, loaded into a dataset together.",
        ("/data/foundation/import/",),
    ),
    Tag("Failed records", "What could not be applied, and why.", ("/onefold/v1/failed-records",)),
    Tag("Changes", "What happened to people, for those who follow.", ("/onefold/v1/changes",)),
    Tag(
        "Schema registry",
        "Schemas, what they are made of, and what is said of them.",
        ("/data/foundation/schemaregistry/",),
    ),
    Tag("Catalogue", "Datasets and batches.", ("/data/foundation/catalog",)),
    Tag("Data access", "The files of batches.", ("/data/foundation/export/",)),
    Tag(
        "Flow service",
        "Connections, inlets, and flows from them to datasets.",
        (
            "/data/foundation/flowservice/",
            "/data/foundation/conversion/",
            "/data/foundation/mappingSets",
        ),
    ),
    Tag(
        "Sandboxes",
        "The sandboxes of an organisation.",
        ("/data/foundation/sandbox-management",),
    ),
    Tag(
        "Access control", "What the caller's project may do.", ("/data/foundation/access-control/",)
    ),
    Tag(
        "Customers",
        "What is known of the customers of an account, for those who have its key.",
        (f"{_TENANT}/profiles", f"{_TENANT}/events", "/v1/spaces/"),
    ),
    Tag("Calls", "What customers do and are, call by call, from servers.", (f"{_TENANT}/",)),
    Tag(
        "Marketing preferences",
        "What a customer wants to be sent, said by the customer.",
        ("/cdp/marketing-preferences/",),
    ),
    Tag(
        "Calls with a write key",
        "The same from browsers, phones and Segment's libraries.",
        ("/v1/", "/cdp/"),
    ),
    Tag(
        "Privacy",
        "What a person may demand of whoever knows them.",
        ("/data/core/privacy/", "/onefold/v1/regulations"),
    ),
    Tag("Observability", "Time series of what went in.", ("/data/infrastructure/observability/",)),
    Tag(
        "The server itself",
        "Health, figures, and this description.",
        ("/health/", "/metrics", "/docs", "/openapi.json"),
    ),
)

SANDBOX = header("x-sandbox-name", "Name of the sandbox; without it `prod`.")
_SCHEMES: dict[str, JSON] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of `POST /ims/token/v3`.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The client id that the token was made for.",
    },
    "organisation": {
        "type": "apiKey",
        "in": "header",
        "name": "x-gw-ims-org-id",
        "description": "The organisation's id, which ends in `@AdobeOrg`.",
    },
}
_KEY_SCHEMES: dict[str, JSON] = {
    "authToken": {
        "type": "apiKey",
        "in": "header",
        "name": "auth-token",
        "description": "The secret of an API key that `onefold key create` printed, for servers.",
    },
    "space": {
        "type": "http",
        "scheme": "basic",
        "description": "The same secret as user, without a password.",
    },
    "writeKey": {
        "type": "http",
        "scheme": "basic",
        "description": "The write key of an API key as user, without a password, unless the body"
        " says it as `writeKey`.",
    },
}
_ABOUT = (
    "Every answer has `x-request-id`, the caller's own if it sent one; at the doors for calls and"
    " customers it has `x-amzn-requestid` instead, a new one. Paths are matched as they"
    " are sent, so `%2F` stays inside its segment. Bodies may be sent with `Content-Encoding: gzip`"
    " or `deflate`. `HEAD` is served where `GET` is. What is said of an error is its code in"
    " Onefold's own table; each API has its own form of body for it."
)


def document(
    routes: Iterable[Route],
    *,
    base_url: str,
    version: str,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, JSON]:
    """The whole document.

    base_url: where clients reach the server. version: of Onefold. elsewhere: base URLs of routes
    that clients reach at another one, by path.
    """
    routes = list(routes)
    types = _Types(routes)
    paths: dict[str, dict[str, JSON]] = {}
    for route in routes:
        said = _operation(route, types)
        if route.path in elsewhere:
            said["servers"] = [{"url": elsewhere[route.path]}]
        paths.setdefault(route.path, {})[route.method.lower()] = said
    used = {tag_of(route) for route in routes}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Onefold", "version": version, "description": _ABOUT},
        "servers": [{"url": base_url}],
        "tags": [{"name": tag.title, "description": tag.about} for tag in TAGS if tag in used],
        "paths": paths,
        "components": {
            "securitySchemes": {**_SCHEMES, **_KEY_SCHEMES},
            "parameters": {"sandbox": _parameter(SANDBOX)},
            "schemas": {**SCHEMAS, **types.components},
        },
    }


def tag_of(route: Route) -> Tag:
    """Where the document has a route; what no tag begins like stands with the server itself."""
    return next((tag for tag in TAGS if route.path.startswith(tag.beginnings)), TAGS[-1])


class _Types:
    """The schemas of everything that routes name: a reference for a type, a schema as it is."""

    def __init__(self, routes: Sequence[Route]) -> None:
        kinds: dict[int, Any] = {}
        for of in _named(routes):
            if not isinstance(of, dict):
                kinds[id(of)] = of
        schemas, components = msgspec.json.schema_components(
            kinds.values(), ref_template=_REFERENCE
        )
        self._by_kind = dict(zip(kinds, map(_renamed, schemas), strict=True))
        self.components = {_short(name): _renamed(schema) for name, schema in components.items()}

    def schema(self, of: Any) -> JSON:
        return of if isinstance(of, dict) else self._by_kind[id(of)]


def _named(routes: Iterable[Route]) -> Iterator[Any]:
    for route in routes:
        if route.takes is not None:
            yield route.takes.of
        for answer in route.answers.values():
            if answer.of is not None:
                yield answer.of


def _renamed(schema: JSON) -> JSON:
    """A schema with public names: msgspec names a type as the code does."""
    if isinstance(schema, list):
        return [_renamed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    said = {name: _renamed(value) for name, value in schema.items()}
    reference = said.get("$ref")
    if isinstance(reference, str):
        said["$ref"] = _REFERENCE.format(name=_short(reference.rpartition("/")[2]))
    if isinstance(said.get("title"), str):
        del said["title"]
    return said


def _short(name: str) -> str:
    """`onefold.api.profile.bulk._Name` as `bulk.Name`, `_Name` as `Name`."""
    found = _OWN.match(name)
    assert found is not None, name
    return ".".join(part for part in found.groups() if part)


def _operation(route: Route, types: _Types) -> dict[str, JSON]:
    said: dict[str, JSON] = {
        "operationId": _id(route),
        "summary": summary_of(route),
        "tags": [tag_of(route).title],
        "security": _security(route),
        "parameters": _parameters(route),
        "responses": _responses(route, types),
    }
    if route.takes is not None:
        content: dict[str, JSON] = {"schema": types.schema(route.takes.of)}
        if route.takes.example is not None:
            content["example"] = route.takes.example
        said["requestBody"] = {
            "description": route.takes.help,
            "required": route.takes.required,
            "content": dict.fromkeys(route.takes.media, content),
        }
    if route.needs is not None:
        said["description"] = f"Permission: `{route.needs}`."
        said[PERMISSION] = route.needs
    return said


def summary_of(route: Route) -> str:
    """What a route does: its own summary, or the first sentence of its handler's docstring."""
    said = (route.handler.__doc__ or "").strip().partition("\n\n")[0]
    first = " ".join(said.split()).partition(". ")[0]
    return route.summary or (f"{first.removesuffix('.')}." if first else route.path)


def _id(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", route.path)
    return "_".join((route.method.lower(), *words))


def _security(route: Route) -> JSON:
    if route.gate in _OF_PLATFORM:
        return [{name: [] for name in _SCHEMES}]
    if route.gate in _OF_KEYS:
        return _OF_KEYS[route.gate]
    return [{}, {"bearer": []}] if route.family == "collection" else []


def _parameters(route: Route) -> JSON:
    declared = {(p.place, p.name): p for p in route.parameters}
    found: list[JSON] = []
    for name in _PLACE.findall(route.path):
        place = declared.pop(("path", name), Parameter(name, "path", "", FILLED, required=True))
        found.append(_parameter(place))
    found += map(_parameter, declared.values())
    if route.reads:
        found.append(_parameter(PARAMETER if route.gate in _OF_PLATFORM else AS_OF_PARAMETER))
    if route.gate == "platform":
        found.append({"$ref": "#/components/parameters/sandbox"})
    return found


def _parameter(parameter: Parameter) -> dict[str, JSON]:
    said: dict[str, JSON] = {"name": parameter.name, "in": parameter.place}
    if parameter.help:
        said["description"] = parameter.help
    if parameter.required:
        said["required"] = True
    return {**said, "schema": parameter.schema}


def _responses(route: Route, types: _Types) -> JSON:
    said: dict[str, JSON] = {}
    for status, answer in route.answers.items():
        said[str(status)] = {"description": answer.help}
        if answer.of is not None:
            said[str(status)]["content"] = {answer.media: {"schema": types.schema(answer.of)}}
        if answer.streams:
            said[str(status)]["content"][answer.streams] = {"schema": TEXT}
        headers = {**answer.headers, **_headers(route)}
        if headers:
            said[str(status)]["headers"] = {
                name: {"description": header.help, "schema": header.schema}
                for name, header in headers.items()
            }
    if not said:
        said["2XX"] = {"description": "Done."}
    for status, codes in sorted(errors_of(route).items()):
        said.setdefault(str(status), _error(route, codes))
    if route.fails is None:
        said["4XX"] = {"description": "Refused, for a reason that the body names."}
    return said


def errors_of(route: Route) -> Mapping[int, Sequence[str]]:
    """The codes of the errors that a route can answer, by status."""
    codes = (route.fails or "").split() + _ANY_TIME.split() + _GATES[route.gate].split()
    if route.needs is not None:
        codes.append("AUT-1009")
    if route.reads:
        codes += READ_CODES
    if route.method not in NO_BODY:
        codes += body_codes(route.family)
        if route.gate in _OF_PLATFORM:
            codes.append("API-1004")
    found: dict[int, list[str]] = {}
    for code in sorted(set(codes)):
        found.setdefault(STATUS[code], []).append(code)
    return found


def _headers(route: Route) -> Mapping[str, Header]:
    """Headers of every answer of a route that is no error."""
    if route.family not in DIALECTS:
        return KNOWN if route.reads else {}
    return {**ANSWERED, **(KNOWN_AS_OF if route.reads else {})}


def _error(route: Route, codes: Sequence[str]) -> JSON:
    by_media: dict[str, list[str]] = {}
    for code in codes:
        by_media.setdefault(media_of(code, route.family), []).append(code)
    return {
        "description": "\n".join(f"- `{code}` {CODES[code].meaning}" for code in codes),
        "content": {media: {"schema": _error_schema(route, of)} for media, of in by_media.items()},
    }


def _error_schema(route: Route, codes: Sequence[str]) -> JSON:
    names = dict.fromkeys(name_of(code, route.family) for code in codes)
    forms: list[JSON] = [{"$ref": _REFERENCE.format(name=name)} for name in names if name]
    is_known = route.fails is not None and "" not in names
    return {} if not is_known else forms[0] if len(forms) == 1 else {"anyOf": forms}
