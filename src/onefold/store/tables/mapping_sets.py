"""Mapping sets: how raw attributes become fields of a schema."""

from __future__ import annotations

import msgspec

from onefold.store.engine import Reader, Row, Transaction
from onefold.wire import JSON, decode_json, encode_json


class MappingSet(msgspec.Struct, frozen=True, kw_only=True):
    """One mapping set. version: 0 at first, one more with each change. document: as it was sent,
    with `mappings`, each with `sourceAttribute` and `destinationXdmPath`."""

    id: str
    version: int
    schema_id: str
    document: dict[str, JSON]
    created_ms: int
    updated_ms: int
    created_client: str = ""
    updated_client: str = ""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(source attribute, destination path) of each mapping."""
        return [
            (mapping["sourceAttribute"], mapping["destinationXdmPath"])
            for mapping in self.document["mappings"]
        ]


_SELECT = (
    "SELECT mapping_id, version, schema_id, document, created_ms, updated_ms, created_client,"
    " updated_client FROM mapping_sets"
)


def insert(transaction: Transaction, sandbox_id: str, made: MappingSet) -> None:
    transaction.write(
        "INSERT INTO mapping_sets (sandbox_id, mapping_id, version, schema_id, document,"
        " created_ms, updated_ms, created_client, updated_client)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sandbox_id,
            made.id,
            made.version,
            made.schema_id,
            encode_json(made.document).decode(),
            made.created_ms,
            made.updated_ms,
            made.created_client,
            made.updated_client,
        ),
    )


def replace(transaction: Transaction, sandbox_id: str, changed: MappingSet) -> None:
    """Put a new version in place of the one with the same id."""
    transaction.write(
        "UPDATE mapping_sets SET version = ?, schema_id = ?, document = ?, updated_ms = ?,"
        " updated_client = ? WHERE sandbox_id = ? AND mapping_id = ?",
        (
            changed.version,
            changed.schema_id,
            encode_json(changed.document).decode(),
            changed.updated_ms,
            changed.updated_client,
            sandbox_id,
            changed.id,
        ),
    )


def delete(transaction: Transaction, sandbox_id: str, mapping_id: str) -> None:
    transaction.write(
        "DELETE FROM mapping_sets WHERE sandbox_id = ? AND mapping_id = ?", (sandbox_id, mapping_id)
    )


def by_id(reader: Reader, sandbox_id: str, mapping_id: str) -> MappingSet | None:
    rows = reader.read(
        _SELECT + " WHERE sandbox_id = ? AND mapping_id = ?",
        (sandbox_id, mapping_id),
    )
    return _mapping_set(rows[0]) if rows else None


def of_sandbox(reader: Reader, sandbox_id: str) -> list[MappingSet]:
    """Every mapping set of the sandbox, the oldest first."""
    rows = reader.read(
        _SELECT + " WHERE sandbox_id = ? ORDER BY rowid",
        (sandbox_id,),
    )
    return [_mapping_set(row) for row in rows]


def _mapping_set(row: Row) -> MappingSet:
    return MappingSet(
        id=row[0],
        version=row[1],
        schema_id=row[2],
        document=decode_json(row[3]),
        created_ms=row[4],
        updated_ms=row[5],
        created_client=row[6],
        updated_client=row[7],
    )
