"""Custom namespaces of an organisation; the standard ones are in `domain/identity/namespace.py`."""

from __future__ import annotations

from onefold.domain.identity.namespace import Namespace
from onefold.store.engine import Reader, Transaction


def insert(transaction: Transaction, org_id: str, namespace: Namespace) -> None:
    transaction.write(
        "INSERT INTO namespaces (org_id, namespace_id, code, name, id_type, description,"
        " created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            org_id,
            namespace.id,
            namespace.code,
            namespace.name,
            namespace.id_type,
            namespace.description,
            namespace.created_ms,
            namespace.updated_ms,
        ),
    )


def update(transaction: Transaction, org_id: str, namespace: Namespace) -> None:
    """Write what of a namespace can change: its name and its description."""
    transaction.write(
        "UPDATE namespaces SET name = ?, description = ?, updated_ms = ?"
        " WHERE org_id = ? AND namespace_id = ?",
        (namespace.name, namespace.description, namespace.updated_ms, org_id, namespace.id),
    )


def of_organisation(reader: Reader, org_id: str) -> list[Namespace]:
    """The organisation's own namespaces, by id."""
    rows = reader.read(
        "SELECT namespace_id, code, name, id_type, description, created_ms, updated_ms"
        " FROM namespaces WHERE org_id = ? ORDER BY namespace_id",
        (org_id,),
    )
    return [
        Namespace(
            id=id_,
            code=code,
            name=name,
            id_type=id_type,
            custom=True,
            description=description,
            created_ms=created_ms,
            updated_ms=updated_ms,
        )
        for id_, code, name, id_type, description, created_ms, updated_ms in rows
    ]
