"""Every route against every way of not being allowed, made from the table of routes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from onefold.api.route import Route
from onefold.api.routes import ROUTES
from onefold.control.credentials import permit
from onefold.domain.permissions import EVERY_NEED, allowed
from onefold.store.tables import credentials
from onefold.store.tables.generation import change
from onefold.testing.app import App

GATED = [route for route in ROUTES if route.gate != "none"]
NEEDS_NOTHING = {
    "GET /data/foundation/access-control/acl/reference": "names only, the same for everybody",
    "POST /data/foundation/access-control/acl/effective-policies": "asks what the caller may do",
}
"""Gated routes without a permission, each with its reason."""

BODIES: dict[str, set[str]] = {
    "entities": {"message", "cause", "statusCode"},
    "policies": {"message", "cause", "statusCode"},
    "identity": {"type", "status", "title", "detail", "report"},
    "clusters": {"type", "status", "title", "description", "report"},
    "namespaces": {"timestamp", "type", "status", "error", "title", "description", "report"},
    "sandboxes": {"type", "title", "status", "detail", "report"},
    "registry": {"type", "title", "status", "report", "detail"},
}
"""What the body of a 403 has, by family; in all others it is a problem at least."""
PROBLEM = {"type", "title", "status", "detail"}

OTHER = "limited-client"


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


PERMITTED = [route for route in GATED if name(route) not in NEEDS_NOTHING]


@pytest.fixture(scope="module")
def limited(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An application with a second project, whose permissions each test says."""
    data = tmp_path_factory.mktemp("limited") / "data"
    shutil.copytree(installed, data)
    app = App(data)
    known = app.rooms.definitions.installation().credentials[app.client_id]
    with change(app.places.control()) as transaction:
        credentials.insert(transaction, replace(known, client_id=OTHER))
    yield app
    app.close()


def ask(app: App, route: Route, **changed: str | None) -> httpx.Response:
    path = re.sub(r"\{\w+\}", "nobody", route.path)
    headers = {"content-type": "application/json"} | app.headers(**changed)
    content = b"{}" if route.method in ("POST", "PUT", "PATCH") else None
    return app.request(route.method, path, content=content, headers=headers)


def test_every_gated_route_names_a_permission_that_exists() -> None:
    unnamed = {name(route) for route in GATED if route.needs is None}
    assert unnamed == set(NEEDS_NOTHING)
    assert [name(route) for route in PERMITTED if route.needs not in EVERY_NEED] == []


def test_open_doors_name_none() -> None:
    assert [name(route) for route in ROUTES if route.gate == "none" and route.needs] == []


@pytest.mark.parametrize("route", PERMITTED, ids=name)
def test_a_caller_with_everything_else_gets_the_403_of_the_family(
    limited: App, route: Route
) -> None:
    assert route.needs is not None
    held = tuple(need for need in EVERY_NEED if route.needs not in allowed({"*": (need,)}, ""))
    permit(
        limited.places.control(),
        org_id=limited.org_id,
        client_id=OTHER,
        permissions={"*": held},
    )
    token = f"Bearer {limited.rooms.tokens.issued(OTHER)}"
    answer = ask(limited, route, authorization=token, x_api_key=OTHER)
    assert answer.status_code == 403, answer.text
    if route.method == "HEAD":
        return  # it has no body
    assert answer.json().keys() >= BODIES.get(route.family, PROBLEM)
    assert f"{route.needs} in the sandbox prod" in answer.text
    if route.family in ("identity", "clusters"):
        assert answer.json()["type"] == "https://ns.adobe.com/aep/errors/UIS-4064-403"


@pytest.mark.parametrize("route", GATED, ids=name)
def test_token_organisation_and_sandbox_come_first(limited: App, route: Route) -> None:
    changes: tuple[dict[str, str | None], ...] = (
        {"authorization": None},
        {"x_gw_ims_org_id": f"{'C' * 24}@AdobeOrg"},
    )
    for changed, code in zip(changes, ("403010", "403025"), strict=True):
        answer = ask(limited, route, **changed)
        assert answer.status_code == 403
        assert route.method == "HEAD" or answer.json()["error_code"] == code
    if route.gate == "platform":
        unknown = ask(limited, route, x_sandbox_name="nowhere")
        assert unknown.status_code == 404
        assert route.method == "HEAD" or unknown.json()["title"] == "Sandbox not found"


@pytest.mark.parametrize("route", GATED, ids=name)
def test_who_may_do_everything_is_never_refused(limited: App, route: Route) -> None:
    assert ask(limited, route).status_code != 403
