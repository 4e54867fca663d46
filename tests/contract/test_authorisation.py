"""Every route against every way of not being allowed, made from the table of routes: a new route is
covered by being in it. Source: platform contract, 3 and 11; profile contract, 1.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from msgspec.structs import replace

from onefold.api.route import Route
from onefold.api.routes import ROUTES
from onefold.control import keys, sandboxes
from onefold.control.keys import NewKey
from onefold.domain.permissions import EVERY_NEED, allowed
from onefold.effects import SystemIds
from onefold.store.tables import credentials
from onefold.store.tables.generation import change
from onefold.testing.app import App, basic
from tests.contract.asking import OTHER_ORG


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


OPEN = {
    "POST /collection/{id}": "an inlet has a door of its own, open or with a token",
    "POST /collection/batch/{id}": "an inlet",
    "POST /data/foundation/import/collection/{id}": "an inlet, under its older path",
    "POST /data/foundation/import/collection/batch/{id}": "an inlet, under its older path",
    "POST /ims/exchange/jwt": "tokens are got here, for a signed assertion",
    "POST /ims/token/v2": "tokens are got here, for a secret",
    "POST /ims/token/v3": "tokens are got here, for a secret",
    "GET /health/live": "asked by what watches the processes, which has no project",
    "GET /health/ready": "asked by what watches the processes",
    "GET /metrics": "asked by what gathers metrics; figures, never data of people",
    "GET /": "names the documentation",
    "GET /docs": "the documentation",
    "GET /openapi.json": "the documentation, for programs",
    "POST /v1/m": "figures that libraries send about themselves; they are thrown away",
    "POST /cdp/events/segment/m": "the same from the tag",
    "GET /v1/projects/{writeKey}/settings": "the write key stands in the path",
    "GET /cdp/marketing-preferences/{subscriptionId}": "the id is the secret; a setting",
    "POST /cdp/marketing-preferences/{subscriptionId}": "the same",
}
"""The doors without a gate, each with its reason. Another one has to be argued for here."""
NEEDS_NOTHING = {
    "GET /data/foundation/access-control/acl/reference": "names only, the same for everybody",
    "POST /data/foundation/access-control/acl/effective-policies": "asks what the caller may do",
}
"""Gated routes without a permission, each with its reason."""

GATED = [route for route in ROUTES if route.gate in ("platform", "organisation")]
KEYED = [route for route in ROUTES if route.gate in ("key-read", "key-write", "space", "write-key")]
"""Doors of API keys. Source: Intilery contract, 3.3 to 3.5 and 13.1."""
PERMITTED = [route for route in GATED if name(route) not in NEEDS_NOTHING]
NEEDS = sorted({route.needs for route in PERMITTED if route.needs is not None})

BODIES: dict[str, set[str]] = {
    "entities": {"message", "cause", "statusCode"},
    "policies": {"message", "cause", "statusCode"},
    "projections": {"type", "title", "status", "detail"},
    "identity": {"type", "status", "title", "detail", "report"},
    "clusters": {"type", "status", "title", "description", "report"},
    "namespaces": {"timestamp", "type", "status", "error", "title", "description", "report"},
    "sandboxes": {"type", "title", "status", "detail", "report"},
    "registry": {"type", "title", "status", "report", "detail"},
    "catalog": {"type", "title", "status", "detail"},
    "import": {"type", "title", "status", "detail"},
    "privacy": {"type", "title", "status", "detail"},
    "flow": {"type", "title", "status", "detail", "report"},
    "systemjobs": {"code", "message"},
    "preview": {"message", "statusCode"},
    "plain": {"status", "detail"},
}
"""What the body of a 403 for want of a permission has, by family of errors."""

NOWHERE, ELSEWHERE = "nobodys-client", "other-sandboxs-client"
"""Projects: without any permission; and with all of them, but in another sandbox."""


class Refusal(NamedTuple):
    """Headers that are wrong, and the gateway's answer."""

    changed: dict[str, str | None]
    status: int
    error_code: str
    message: str


REFUSALS = (
    Refusal({"authorization": None}, 403, "403010", "Oauth token is missing."),
    Refusal({"authorization": "Bearer no.token.atall"}, 401, "401013", "Oauth token is not valid"),
    Refusal({"x_api_key": None}, 403, "403000", "Api Key is required"),
    Refusal({"x_api_key": NOWHERE}, 403, "403003", "Api Key is invalid"),
    Refusal({"x_gw_ims_org_id": None}, 400, "400003", "Missing header"),
    Refusal({"x_gw_ims_org_id": OTHER_ORG}, 403, "403025", "Profile is not valid"),
)


@pytest.fixture(scope="module")
def limited(fresh: Callable[[], Path]) -> Iterator[App]:
    """An application with further projects: for each permission one that has all but that, named
    after it; and the two above."""
    app = App(fresh())
    known = app.rooms.definitions.installation().credentials[app.client_id]
    control = app.places.control()
    sandboxes.create(control, app.clock, SystemIds(), org_id=app.org_id, name="other", title="O")
    grants: dict[str, dict[str, tuple[str, ...]]] = {
        need: {"*": tuple(held for held in EVERY_NEED if need not in allowed({"*": (held,)}, ""))}
        for need in NEEDS
    }
    grants |= {NOWHERE: {}, ELSEWHERE: {"other": ("*",)}}
    with change(control) as transaction:
        for client_id, permissions in grants.items():
            credentials.insert(
                transaction, replace(known, client_id=client_id, permissions=permissions)
            )
    yield app
    app.close()


def ask(
    app: App, route: Route, *, client_id: str | None = None, **changed: str | None
) -> httpx.Response:
    """One request to a route, about nobody; as the project `client_id`, or the first one."""
    path = re.sub(r"\{\w+\}", "nobody", route.path)
    if client_id:
        token = f"Bearer {app.rooms.tokens.issued(client_id)}"
        changed = {"authorization": token, "x_api_key": client_id, **changed}
    headers = {"content-type": "application/json"} | app.headers(**changed)
    content = b"{}" if route.method in ("POST", "PUT", "PATCH") else None
    return app.request(route.method, path, content=content, headers=headers)


def lacks(answer: httpx.Response, route: Route) -> None:
    """The answer says that the project lacks the route's permission, in the family's shape."""
    assert answer.status_code == 403, answer.text
    if route.method == "HEAD":
        return  # it has no body
    body = answer.json()
    assert body.keys() == BODIES[route.family], f"what the 403 of {route.family} has: BODIES"
    assert f"{route.needs} in the sandbox prod" in answer.text
    assert str(body.get("status", body.get("statusCode", body.get("code")))) == "403"
    if route.family in ("identity", "clusters"):
        assert body["type"] == "https://ns.adobe.com/aep/errors/UIS-4064-403"


def test_open_doors_are_known_and_need_no_permission() -> None:
    doors = [route for route in ROUTES if route.gate == "none"]
    assert {name(route) for route in doors} == set(OPEN)
    assert [name(route) for route in doors if route.needs] == []


def test_every_gated_route_names_a_permission_that_exists() -> None:
    assert {name(route) for route in GATED if route.needs is None} == set(NEEDS_NOTHING)
    assert [name(route) for route in PERMITTED if route.needs not in EVERY_NEED] == []


@pytest.mark.parametrize("route", GATED, ids=name)
def test_token_key_and_organisation_come_first(limited: App, route: Route) -> None:
    for refusal in REFUSALS:
        answer = ask(limited, route, **refusal.changed)
        assert answer.status_code == refusal.status, refusal
        if route.method != "HEAD":
            assert answer.json() == {"error_code": refusal.error_code, "message": refusal.message}


@pytest.mark.parametrize("route", [r for r in GATED if r.gate == "platform"], ids=name)
def test_sandbox_that_does_not_exist_is_a_404_whoever_asks(limited: App, route: Route) -> None:
    for client_id in (None, NOWHERE):
        answer = ask(limited, route, client_id=client_id, x_sandbox_name="nowhere")
        assert answer.status_code == 404
        assert route.method == "HEAD" or answer.json() == {
            "type": "http://ns.adobe.com/aep/errors/AUT-1008-404",
            "title": "Sandbox not found",
            "status": 404,
            "detail": "The sandbox named by x-sandbox-name does not exist",
        }


@pytest.mark.parametrize("route", PERMITTED, ids=name)
def test_project_without_the_permission_in_this_sandbox_gets_the_403_of_the_family(
    limited: App, route: Route
) -> None:
    """It lacks that one; it has none at all; it has all of them, but in another sandbox."""
    assert route.needs is not None
    for client_id in (route.needs, NOWHERE, ELSEWHERE):
        lacks(ask(limited, route, client_id=client_id), route)


def test_every_door_has_a_gate_that_is_tested_here() -> None:
    doors = [route for route in ROUTES if route.gate == "none"]
    assert len(GATED) + len(KEYED) + len(doors) == len(ROUTES)


class Keys(NamedTuple):
    """API keys: for everything in the account; for that, and revoked; for reading or writing only;
    for another account; for another brand; for an account of another client."""

    good: NewKey
    revoked: NewKey
    reads: NewKey
    writes: NewKey
    elsewhere: NewKey
    brand: NewKey
    stranger: NewKey


@pytest.fixture(scope="module")
def keyed(fresh: Callable[[], Path]) -> Iterator[tuple[App, Keys]]:
    """An application with such keys, and without limits."""
    app = App(fresh(), rate_per_second=0, segment_rate_per_second=0)
    made = Keys(
        good=app.account(),
        revoked=app.account(),
        reads=app.account(writes=False),
        writes=app.account(reads=False),
        elsewhere=app.account(account="other"),
        brand=app.account(brand="SHOES"),
        stranger=app.account(client="stranger"),
    )
    keys.revoke(app.places.control(), app.clock, made.revoked.key.key_id)
    yield app, made
    app.close()


def ask_with(app: App, route: Route, secret: str | None, tenant: str = "acme") -> httpx.Response:
    """One request to a door of API keys, about nobody, with a secret where the door looks for it.
    tenant: the account, which is the space as well."""
    path = route.path.replace("{client}", "acme").replace("{brand}", "ACME")
    path = re.sub(r"\{(?:account|space)\}", tenant, path)
    path = re.sub(r"\{\w+\}", "nobody", path)
    headers = {"content-type": "application/json"}
    if secret is not None and route.gate in ("key-read", "key-write"):
        headers["auth-token"] = secret
    elif secret is not None:
        headers["authorization"] = basic(secret)
    content = b'{"batch":[{}]}' if route.method == "POST" else None
    return app.request(route.method, path, content=content, headers=headers)


def keyless(answer: httpx.Response, route: Route, status: int) -> None:
    """The answer says that the key is not good, in the door's shape, and names the request."""
    assert answer.status_code == status, answer.text
    word = "invalid_write_key" if route.gate == "write-key" else "authentication_error"
    body = answer.json()
    if route.family == "intilery":
        assert body == {"error": {"code": word, "message": body["error"]["message"]}}
    else:
        assert body == {"success": False, "code": word, "message": body["message"]}
    assert answer.headers["x-amzn-requestid"]


@pytest.mark.parametrize("route", KEYED, ids=name)
def test_door_of_keys_refuses_who_has_no_valid_one(keyed: tuple[App, Keys], route: Route) -> None:
    """Reading, spaces and Segment's doors with 401, the write door with 403."""
    app, made = keyed
    status = 403 if route.gate == "key-write" else 401
    is_for_writing = route.gate == "write-key"
    other = made.good.auth_token if is_for_writing else made.good.write_key
    revoked = made.revoked.write_key if is_for_writing else made.revoked.auth_token
    assert other is not None
    for secret in (None, "", "nobodys", f"{made.good.key.key_id}-", other, revoked):
        keyless(ask_with(app, route, secret), route, status)


@pytest.mark.parametrize("route", [r for r in KEYED if r.gate != "write-key"], ids=name)
def test_door_of_keys_refuses_a_key_that_may_not_do_that_there(
    keyed: tuple[App, Keys], route: Route
) -> None:
    """Nor does it tell whether there is such a place."""
    app, made = keyed
    lacks = made.reads if route.gate == "key-write" else made.writes
    others = [lacks, made.elsewhere]
    if route.gate != "space":  # a space is of the key's client, and has all brands
        others += [made.stranger, made.brand]
    for key in others:
        keyless(ask_with(app, route, key.auth_token), route, 403)
    for tenant in ("other", "nowhere"):
        keyless(ask_with(app, route, made.good.auth_token, tenant), route, 403)


@pytest.mark.parametrize("route", KEYED, ids=name)
def test_who_has_the_key_is_never_refused(keyed: tuple[App, Keys], route: Route) -> None:
    app, made = keyed
    secret = made.good.write_key if route.gate == "write-key" else made.good.auth_token
    assert ask_with(app, route, secret).status_code not in (401, 403)


@pytest.mark.parametrize("route", GATED, ids=name)
def test_who_may_do_everything_is_never_refused(limited: App, route: Route) -> None:
    assert ask(limited, route).status_code not in (401, 403)
