"""Datasets as the catalogue keeps them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from onefold.store.engine import Reader, Row, Transaction
from onefold.wire import JSON, decode_json, encode_json


class Hand(msgspec.Struct, frozen=True, array_like=True):
    """Who made or changed something: the API project and its technical account; empty when the
    installation did."""

    client_id: str = ""
    user_id: str = ""


class StoredDataset(msgspec.Struct, frozen=True, kw_only=True):
    """One dataset. tags: as they were sent, white space normalised; values are lists of texts.
    version: how often it was changed. details: further words of its document, such as
    `fileDescription`, that are kept and shown and have no effect."""

    id: str
    name: str
    description: str
    schema_id: str
    tags: Mapping[str, tuple[str, ...]]
    created_ms: int
    updated_ms: int
    view_id: str
    version: int = 0
    created_by: Hand = Hand()
    updated_by: Hand = Hand()
    details: Mapping[str, JSON] = {}


def insert(transaction: Transaction, sandbox_id: str, dataset: StoredDataset) -> None:
    transaction.write(
        "INSERT INTO datasets (sandbox_id, dataset_id, name, description, schema_id, tags,"
        " created_ms, updated_ms, view_id, version, created_by, updated_by, details)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sandbox_id,
            dataset.id,
            dataset.name,
            dataset.description,
            dataset.schema_id,
            encode_json(dataset.tags).decode(),
            dataset.created_ms,
            dataset.updated_ms,
            dataset.view_id,
            dataset.version,
            encode_json(dataset.created_by).decode(),
            encode_json(dataset.updated_by).decode(),
            encode_json(dataset.details).decode(),
        ),
    )


def of_sandbox(reader: Reader, sandbox_id: str) -> list[StoredDataset]:
    """Every dataset of the sandbox, the oldest first."""
    rows = reader.read(
        "SELECT dataset_id, name, description, schema_id, tags, created_ms, updated_ms, view_id,"
        " version, created_by, updated_by, details"
        " FROM datasets WHERE sandbox_id = ? ORDER BY created_ms, dataset_id",
        (sandbox_id,),
    )
    return [_dataset(row) for row in rows]


def replace(transaction: Transaction, sandbox_id: str, dataset: StoredDataset) -> None:
    """Put what may change in place of what the dataset with the same id says."""
    transaction.write(
        "UPDATE datasets SET name = ?, description = ?, tags = ?, updated_ms = ?, version = ?,"
        " updated_by = ?, details = ? WHERE sandbox_id = ? AND dataset_id = ?",
        (
            dataset.name,
            dataset.description,
            encode_json(dataset.tags).decode(),
            dataset.updated_ms,
            dataset.version,
            encode_json(dataset.updated_by).decode(),
            encode_json(dataset.details).decode(),
            sandbox_id,
            dataset.id,
        ),
    )


def delete(transaction: Transaction, sandbox_id: str, dataset_id: str) -> None:
    transaction.write(
        "DELETE FROM datasets WHERE sandbox_id = ? AND dataset_id = ?", (sandbox_id, dataset_id)
    )


def by_id(reader: Reader, sandbox_id: str, dataset_id: str) -> StoredDataset | None:
    rows = reader.read(
        "SELECT dataset_id, name, description, schema_id, tags, created_ms, updated_ms, view_id,"
        " version, created_by, updated_by, details"
        " FROM datasets WHERE sandbox_id = ? AND dataset_id = ?",
        (sandbox_id, dataset_id),
    )
    return _dataset(rows[0]) if rows else None


def _dataset(row: Row) -> StoredDataset:
    id_, name, description, schema_id, tags, created_ms, updated_ms, *more = row
    view_id, version, created_by, updated_by, details = more
    return StoredDataset(
        id=id_,
        name=name,
        description=description,
        schema_id=schema_id,
        tags={tag: tuple(values) for tag, values in decode_json(tags).items()},
        created_ms=created_ms,
        updated_ms=updated_ms,
        view_id=view_id,
        version=version,
        created_by=Hand(*decode_json(created_by)),
        updated_by=Hand(*decode_json(updated_by)),
        details=decode_json(details),
    )
