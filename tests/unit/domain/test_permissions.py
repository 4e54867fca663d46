"""Permissions: what a grant allows."""

from __future__ import annotations

import pytest

from onefold.domain import permissions
from onefold.domain.permissions import EVERY_NEED, PERMISSIONS, allowed, checked
from onefold.errors import Malformed


def test_every_permission_has_actions_resource_types_and_a_description() -> None:
    for permission in PERMISSIONS.values():
        assert set(permission.actions) <= {"read", "write", "delete"}
        assert permission.actions
        assert permission.resource_types
        assert permission.description.endswith(".")


def test_a_star_allows_everything_where_it_is_given() -> None:
    assert allowed({"*": ("*",)}, "prod") == EVERY_NEED
    assert allowed({"dev": ("*",)}, "dev") == EVERY_NEED
    assert allowed({"dev": ("*",)}, "prod") == frozenset()


def test_grants_for_all_sandboxes_and_for_one_add_up() -> None:
    grants = {"*": ("view-schemas",), "dev": ("view-profiles:read",)}
    assert allowed(grants, "dev") == {"view-schemas:read", "view-profiles:read"}
    assert allowed(grants, "prod") == {"view-schemas:read"}


def test_managing_holds_viewing() -> None:
    held = allowed({"*": ("manage-schemas",)}, "prod")
    assert held == {
        "view-schemas:read",
        "manage-schemas:read",
        "manage-schemas:write",
        "manage-schemas:delete",
    }
    assert allowed({"*": ("manage-schemas:write",)}, "prod") == {"manage-schemas:write"}
    assert "view-identity-settings:read" in allowed({"*": ("edit-identity-settings",)}, "prod")


def test_a_permission_of_a_newer_version_allows_nothing() -> None:
    assert allowed({"*": ("manage-weather", "view-schemas:write")}, "prod") == frozenset()


@pytest.mark.parametrize("grant", ["*", "view-schemas", "manage-datasets:delete"])
def test_good_grants_are_taken(grant: str) -> None:
    assert checked(grant) == grant


@pytest.mark.parametrize(
    "grant", ["", "fly", "view-schemas:write", "view-schemas:", "*:read", "fly:read"]
)
def test_other_grants_are_refused(grant: str) -> None:
    with pytest.raises(Malformed, match="CTL-1008"):
        checked(grant)


def test_actions_of_a_resource_type_come_in_their_order() -> None:
    held = {"manage-datasets:delete", "view-datasets:read", "view-schemas:read"}
    assert permissions.actions(held, "datasets") == ["read", "delete"]
    assert permissions.actions(held, "profiles") == []
