"""Organisations: the owners of sandboxes, credentials and namespaces."""

from __future__ import annotations

import msgspec

from onefold.store.engine import Reader, Transaction


class Organisation(msgspec.Struct, frozen=True):
    """One organisation. `tenant_id` is written without the underscore that its fields carry."""

    id: str
    name: str
    tenant_id: str
    created_ms: int


def insert(transaction: Transaction, organisation: Organisation) -> None:
    transaction.write(
        "INSERT INTO organisations (org_id, name, tenant_id, created_ms) VALUES (?, ?, ?, ?)",
        (organisation.id, organisation.name, organisation.tenant_id, organisation.created_ms),
    )


def every(reader: Reader) -> list[Organisation]:
    """All organisations, the oldest first."""
    rows = reader.read(
        "SELECT org_id, name, tenant_id, created_ms FROM organisations ORDER BY created_ms, org_id"
    )
    return [Organisation(*row) for row in rows]


def by_id(reader: Reader, org_id: str) -> Organisation | None:
    rows = reader.read(
        "SELECT org_id, name, tenant_id, created_ms FROM organisations WHERE org_id = ?", (org_id,)
    )
    return Organisation(*rows[0]) if rows else None
