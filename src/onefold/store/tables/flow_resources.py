"""What the Flow Service keeps: connections, source connections, target connections and flows.

All four are documents with a version that changes with every write. The kind decides what the
document says; see control/flow_resources.py.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from onefold.store.engine import Reader, Row, Transaction
from onefold.wire import JSON, decode_json, encode_json

Kind = Literal["connections", "sourceConnections", "targetConnections", "flows"]


class FlowResource(msgspec.Struct, frozen=True, kw_only=True):
    """One resource. version: another text after each change. document: with `name`, `description`
    and `state`, which is `enabled` or `disabled`. Clients: ids of those who made and changed it
    last, empty when it was not a client."""

    sandbox_id: str
    kind: Kind
    id: str
    version: str
    document: dict[str, JSON]
    created_ms: int
    updated_ms: int
    created_client: str = ""
    updated_client: str = ""

    @property
    def enabled(self) -> bool:
        return bool(self.document["state"] == "enabled")


_SELECT = (
    "SELECT sandbox_id, kind, resource_id, version, document, created_ms, updated_ms,"
    " created_client, updated_client FROM flow_resources"
)


def insert(transaction: Transaction, resource: FlowResource) -> None:
    transaction.write(
        "INSERT INTO flow_resources (sandbox_id, kind, resource_id, version, document, created_ms,"
        " updated_ms, created_client, updated_client) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            resource.sandbox_id,
            resource.kind,
            resource.id,
            resource.version,
            encode_json(resource.document).decode(),
            resource.created_ms,
            resource.updated_ms,
            resource.created_client,
            resource.updated_client,
        ),
    )


def replace(transaction: Transaction, resource: FlowResource) -> None:
    """Put a new version in place of the one with the same id."""
    transaction.write(
        "UPDATE flow_resources SET version = ?, document = ?, updated_ms = ?, updated_client = ?"
        " WHERE sandbox_id = ? AND kind = ? AND resource_id = ?",
        (
            resource.version,
            encode_json(resource.document).decode(),
            resource.updated_ms,
            resource.updated_client,
            resource.sandbox_id,
            resource.kind,
            resource.id,
        ),
    )


def delete(transaction: Transaction, resource: FlowResource) -> None:
    transaction.write(
        "DELETE FROM flow_resources WHERE sandbox_id = ? AND kind = ? AND resource_id = ?",
        (resource.sandbox_id, resource.kind, resource.id),
    )


def by_id(reader: Reader, sandbox_id: str, kind: Kind, resource_id: str) -> FlowResource | None:
    rows = reader.read(
        _SELECT + " WHERE sandbox_id = ? AND kind = ? AND resource_id = ?",
        (sandbox_id, kind, resource_id),
    )
    return _resource(rows[0]) if rows else None


def of_sandbox(reader: Reader, sandbox_id: str) -> list[FlowResource]:
    """Every resource of the sandbox, of all kinds, the oldest first."""
    rows = reader.read(
        _SELECT + " WHERE sandbox_id = ? ORDER BY rowid",
        (sandbox_id,),
    )
    return [_resource(row) for row in rows]


def of_kind(reader: Reader, kind: Kind) -> list[FlowResource]:
    """Every resource of the kind, of all sandboxes, the oldest first."""
    rows = reader.read(
        _SELECT + " WHERE kind = ? ORDER BY rowid",
        (kind,),
    )
    return [_resource(row) for row in rows]


def _resource(row: Row) -> FlowResource:
    return FlowResource(
        sandbox_id=row[0],
        kind=row[1],
        id=row[2],
        version=row[3],
        document=decode_json(row[4]),
        created_ms=row[5],
        updated_ms=row[6],
        created_client=row[7],
        updated_client=row[8],
    )
