"""Permissions: what a project may do in a sandbox. One table; routes name its rows.

It stands in the domain, since both the definitions' snapshot, which works grants out once a
generation, and `control`, which checks them, need it. Source: platform contract, section 11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from onefold.errors import Malformed

READ: tuple[str, ...] = ("read",)
ALL: tuple[str, ...] = ("read", "write", "delete")
EVERYTHING = "*"
"""In a grant: every permission; as a sandbox: every sandbox."""

Grants = Mapping[str, tuple[str, ...]]
"""Sandbox name or `*` -> `permission`, `permission:action` or `*`."""


class Permission(NamedTuple):
    """One row: the actions it has, the resource types it is about, and what it allows."""

    actions: tuple[str, ...]
    resource_types: tuple[str, ...]
    description: str


_SCHEMAS = ("schemas", "classes", "mixins", "data-types", "identity-descriptor", "relationships")
_DATASETS = ("datasets", "batches", "dataset-preview", "failed-records")
_PROFILES = ("profiles", "profile-configs", "merge-policies")
_SOURCES = ("connection", "flows", "mapping-sets")

PERMISSIONS: dict[str, Permission] = {
    "view-schemas": Permission(READ, _SCHEMAS, "Read schemas and their parts."),
    "manage-schemas": Permission(ALL, _SCHEMAS, "Make, change and delete schemas and parts."),
    "view-datasets": Permission(READ, _DATASETS, "Read datasets, batches and failed records."),
    "manage-datasets": Permission(
        ALL, _DATASETS, "Make, change and delete datasets; send batches; replay failed records."
    ),
    "view-profiles": Permission(READ, _PROFILES, "Look up profiles and read merge policies."),
    "manage-profiles": Permission(ALL, _PROFILES, "Delete and undo, change merge policies."),
    "view-segments": Permission(READ, ("segments",), "Read segment definitions and audiences."),
    "manage-segments": Permission(ALL, ("segments",), "Change segment definitions and audiences."),
    "export-audience-for-segment": Permission(READ, ("segments",), "Export profiles."),
    "view-identity-namespaces": Permission(READ, ("identity-namespaces",), "Read namespaces."),
    "manage-identity-namespaces": Permission(
        ALL, ("identity-namespaces",), "Make and change namespaces."
    ),
    "view-identity-graph": Permission(READ, ("identity-graph",), "Look into identity graphs."),
    "view-identity-settings": Permission(READ, ("identity-settings",), "Read identity settings."),
    "edit-identity-settings": Permission(ALL, ("identity-settings",), "Change identity settings."),
    "view-sources": Permission(READ, _SOURCES, "Read connections, flows and mapping sets."),
    "manage-sources": Permission(
        ALL, _SOURCES, "Make, change and delete connections, flows and mapping sets."
    ),
    "view-sandboxes": Permission(READ, ("sandboxes",), "Read sandboxes."),
    "manage-sandboxes": Permission(ALL, ("sandboxes",), "Make, rename and delete sandboxes."),
    "reset-sandboxes": Permission(("write",), ("sandboxes",), "Wipe a sandbox."),
    "view-monitoring-dashboard": Permission(READ, ("monitoring",), "Read observability metrics."),
    "view-privacy": Permission(READ, ("privacy-jobs",), "Read privacy jobs."),
    "manage-privacy": Permission(ALL, ("privacy-jobs",), "Order access and deletion of people."),
}
"""What a project can be given. A `manage-` or `edit-` row holds what its `view-` row does."""

EVERY_NEED = frozenset(
    f"{name}:{action}" for name, permission in PERMISSIONS.items() for action in permission.actions
)
"""Everything that a route can need."""


def checked(grant: str) -> str:
    """A grant as it can be stored: `NAME`, `NAME:ACTION` or `*`. Raises Malformed CTL-1008."""
    name, colon, _ = grant.partition(":")
    if grant == EVERYTHING or (not colon and name in PERMISSIONS) or grant in EVERY_NEED:
        return grant
    if name in PERMISSIONS:
        actions = ", ".join(PERMISSIONS[name].actions)
        raise Malformed("CTL-1008", f"{name} has the actions {actions}", at="permission")
    raise Malformed(
        "CTL-1008",
        f"No permission {name!r}. There are * and: {', '.join(PERMISSIONS)}",
        at="permission",
    )


def allowed(grants: Grants, sandbox: str) -> frozenset[str]:
    """What the grants allow in the sandbox of this name, as `permission:action`."""
    return _held((*grants.get(EVERYTHING, ()), *grants.get(sandbox, ())))


def _held(given: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for grant in given:
        if grant == EVERYTHING:
            return EVERY_NEED
        name, _, action = grant.partition(":")
        permission = PERMISSIONS.get(name)
        if permission is None:
            continue  # of a newer version: allows nothing here
        for each in (action,) if action else permission.actions:
            found.add(f"{name}:{each}")
            kind, _, of = name.partition("-")
            if each == "read" and kind in ("manage", "edit"):
                found.add(f"view-{of}:read")
    return frozenset(found) & EVERY_NEED


def actions(held: Iterable[str], resource_type: str) -> list[str]:
    """What may be done with a resource type by who holds these `permission:action`s."""
    found = set()
    for need in held:
        name, _, action = need.partition(":")
        if resource_type in PERMISSIONS[name].resource_types:
            found.add(action)
    return [action for action in ALL if action in found]
