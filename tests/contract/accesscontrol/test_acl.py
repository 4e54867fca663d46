"""Permissions of a project: what it asks about them, and what they let it do."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from onefold.control import sandboxes
from onefold.control.credentials import permit
from onefold.domain.permissions import PERMISSIONS
from onefold.effects import SystemIds
from onefold.store.tables import credentials
from onefold.store.tables.generation import change
from onefold.testing.app import App

URL = "/data/foundation/access-control/acl"
DATASETS = "/data/foundation/catalog/dataSets"
SANDBOXES = "/data/foundation/sandbox-management/sandboxes"


@pytest.fixture
def dev(app: App) -> str:
    """The name of a second sandbox."""
    sandboxes.create(
        app.places.control(), app.clock, SystemIds(), org_id=app.org_id, name="dev", title="Dev"
    )
    return "dev"


def project(app: App, permissions: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """The headers of a further project with these permissions."""
    known = app.rooms.definitions.installation().credentials[app.client_id]
    with change(app.places.control()) as transaction:
        credentials.insert(transaction, replace(known, client_id="few", permissions=permissions))
    return {"authorization": f"Bearer {app.rooms.tokens.issued('few')}", "x_api_key": "few"}


def policies(app: App, asked: list[str], **headers: str) -> dict[str, list[str]]:
    answer = app.post(f"{URL}/effective-policies", asked, **headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, list[str]] = answer.json()["policies"]
    return found


def test_reference_names_permissions_and_resource_types(app: App) -> None:
    body = app.get(f"{URL}/reference").json()
    assert body.keys() == {"permissions", "resource-types"}
    assert body["permissions"].keys() == PERMISSIONS.keys()
    assert body["permissions"]["view-schemas"]["schemas"] == ["read"]
    assert body["resource-types"]["datasets"] == ["read", "write", "delete"]


def test_a_project_may_do_everything_by_default(app: App) -> None:
    assert policies(app, ["/permissions/manage-datasets", "/resource-types/schemas"]) == {
        "/permissions/manage-datasets": ["read", "write", "delete"],
        "/resource-types/schemas": ["read", "write", "delete"],
    }


def test_what_is_not_held_is_left_out(app: App) -> None:
    few = project(app, {"prod": ("manage-datasets:write", "view-schemas")})
    asked = ["/permissions/manage-datasets", "/permissions/view-schemas", "/permissions/manage-"]
    assert policies(app, asked[:2], **few) == {
        "/permissions/manage-datasets": ["write"],
        "/permissions/view-schemas": ["read"],
    }
    assert policies(app, ["/permissions/manage-profiles"], **few) == {}
    assert policies(app, ["/resource-types/schemas", "/resource-types/datasets"], **few) == {
        "/resource-types/schemas": ["read"],
        "/resource-types/datasets": ["write"],
    }
    assert policies(app, [], **few) == {}


@pytest.mark.parametrize(
    "body",
    [["/permissions/fly"], ["/resource-types/wings"], ["manage-datasets"], {}, [1], ["x"] * 501],
)
def test_unknown_names_and_other_bodies_are_a_400(app: App, body: Any) -> None:
    answer = app.post(f"{URL}/effective-policies", body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"type", "title", "status", "detail", "report"}


def test_permissions_hold_in_their_sandbox_only(app: App, dev: str) -> None:
    few = project(app, {dev: ("manage-datasets",)})
    assert app.get(DATASETS, x_sandbox_name=dev, **few).status_code == 200
    refused = app.get(DATASETS, **few)
    assert refused.status_code == 403
    assert refused.json() == {
        "type": "http://ns.adobe.com/aep/errors/AUT-1009-403",
        "title": "The project lacks a permission",
        "status": 403,
        "detail": "The project lacks the permission view-datasets:read in the sandbox prod",
    }
    assert policies(app, ["/permissions/manage-datasets"], x_sandbox_name=dev, **few) != {}


def test_managing_holds_viewing_and_viewing_no_managing(app: App) -> None:
    few = project(app, {"*": ("view-datasets",)})
    made = {"name": "D", "schemaRef": {"id": "x"}}
    assert app.get(DATASETS, **few).status_code == 200
    assert app.post(DATASETS, made, **few).status_code == 403


def test_a_change_holds_at_the_next_request(app: App) -> None:
    few = project(app, {"*": ()})
    assert app.get(DATASETS, **few).status_code == 403
    for add, status in ((True, 200), (False, 403)):
        permit(
            app.places.control(),
            org_id=app.org_id,
            client_id="few",
            permissions={"*": ("view-datasets",) if add else ()},
            add=add,
        )
        assert app.get(DATASETS, **few).status_code == status


def test_doors_of_the_organisation_ask_for_the_default_sandbox(app: App, dev: str) -> None:
    few = project(app, {dev: ("*",)})
    assert app.get(SANDBOXES, x_sandbox_name=dev, **few).status_code == 403
    permit(
        app.places.control(),
        org_id=app.org_id,
        client_id="few",
        permissions={"prod": ("view-sandboxes",)},
    )
    assert app.get(SANDBOXES, x_sandbox_name=dev, **few).status_code == 200


def test_a_head_needs_what_its_get_needs(app: App) -> None:
    few = project(app, {"*": ()})
    assert app.request("HEAD", DATASETS, headers=app.headers(**few)).status_code == 403
