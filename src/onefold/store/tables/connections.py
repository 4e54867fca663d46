"""Streaming connections, each with its inlet."""

from __future__ import annotations

import msgspec

from onefold.store.engine import Reader, Row, Transaction


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP streaming connection. data_type: `xdm` or `raw`."""

    id: str
    sandbox_id: str
    inlet_id: str
    name: str
    description: str
    source_id: str
    data_type: str
    authentication_required: bool
    created_ms: int
    updated_ms: int


def insert(transaction: Transaction, connection: Connection) -> None:
    transaction.write(
        "INSERT INTO connections (sandbox_id, connection_id, inlet_id, name, description,"
        " source_id, data_type, authentication_required, created_ms, updated_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            connection.sandbox_id,
            connection.id,
            connection.inlet_id,
            connection.name,
            connection.description,
            connection.source_id,
            connection.data_type,
            int(connection.authentication_required),
            connection.created_ms,
            connection.updated_ms,
        ),
    )


def every(reader: Reader) -> list[Connection]:
    """All connections of all sandboxes, the oldest first."""
    rows = reader.read(
        "SELECT sandbox_id, connection_id, inlet_id, name, description, source_id, data_type,"
        " authentication_required, created_ms, updated_ms"
        " FROM connections ORDER BY created_ms, connection_id"
    )
    return [_connection(row) for row in rows]


def _connection(row: Row) -> Connection:
    return Connection(
        sandbox_id=row[0],
        id=row[1],
        inlet_id=row[2],
        name=row[3],
        description=row[4],
        source_id=row[5],
        data_type=row[6],
        authentication_required=bool(row[7]),
        created_ms=row[8],
        updated_ms=row[9],
    )
