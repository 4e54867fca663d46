"""The tenant container of the schema registry: schemas, classes, field groups and data types."""

from __future__ import annotations

import msgspec

from onefold.domain.xdm.schema import Kind
from onefold.store.engine import Reader, Row, Transaction
from onefold.wire import JSON, decode_json, encode_json


class Resource(msgspec.Struct, frozen=True):
    """One tenant resource. `id` is its `$id`; the document is what the registry shows."""

    id: str
    kind: Kind
    title: str
    document: JSON


def insert(transaction: Transaction, sandbox_id: str, resource: Resource) -> None:
    transaction.write(
        "INSERT INTO resources (sandbox_id, resource_id, kind, title, document)"
        " VALUES (?, ?, ?, ?, ?)",
        (sandbox_id, resource.id, resource.kind, resource.title, _text(resource.document)),
    )


def replace(transaction: Transaction, sandbox_id: str, resource: Resource) -> None:
    """Put a new document in place of the one with the same id."""
    transaction.write(
        "UPDATE resources SET title = ?, document = ? WHERE sandbox_id = ? AND resource_id = ?",
        (resource.title, _text(resource.document), sandbox_id, resource.id),
    )


def delete(transaction: Transaction, sandbox_id: str, resource_id: str) -> None:
    """Remove a resource, and the descriptors of it."""
    key = (sandbox_id, resource_id)
    transaction.write("DELETE FROM resources WHERE sandbox_id = ? AND resource_id = ?", key)
    transaction.write("DELETE FROM descriptors WHERE sandbox_id = ? AND schema_id = ?", key)


def of_sandbox(reader: Reader, sandbox_id: str) -> list[Resource]:
    """Every tenant resource of the sandbox, in the order of creation."""
    rows = reader.read(
        "SELECT resource_id, kind, title, document FROM resources WHERE sandbox_id = ?"
        " ORDER BY rowid",
        (sandbox_id,),
    )
    return [_resource(row) for row in rows]


def by_id(reader: Reader, sandbox_id: str, resource_id: str) -> Resource | None:
    rows = reader.read(
        "SELECT resource_id, kind, title, document FROM resources"
        " WHERE sandbox_id = ? AND resource_id = ?",
        (sandbox_id, resource_id),
    )
    return _resource(rows[0]) if rows else None


def has_title(reader: Reader, sandbox_id: str, kind: Kind, title: str) -> bool:
    """Whether a resource of this kind has this title."""
    return bool(
        reader.read(
            "SELECT 1 FROM resources WHERE sandbox_id = ? AND kind = ? AND title = ? LIMIT 1",
            (sandbox_id, kind, title),
        )
    )


def _text(document: JSON) -> str:
    return encode_json(document).decode()


def _resource(row: Row) -> Resource:
    resource_id, kind, title, document = row
    return Resource(resource_id, kind, title, decode_json(document))
