"""Datasets as the catalogue keeps them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from onefold.store.engine import Reader, Row, Transaction
from onefold.wire import decode_json, encode_json


class StoredDataset(msgspec.Struct, frozen=True, kw_only=True):
    """One dataset. tags: as they were sent, white space normalised; values are lists of texts."""

    id: str
    name: str
    description: str
    schema_id: str
    tags: Mapping[str, tuple[str, ...]]
    created_ms: int
    updated_ms: int


def insert(transaction: Transaction, sandbox_id: str, dataset: StoredDataset) -> None:
    transaction.write(
        "INSERT INTO datasets (sandbox_id, dataset_id, name, description, schema_id, tags,"
        " created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sandbox_id,
            dataset.id,
            dataset.name,
            dataset.description,
            dataset.schema_id,
            encode_json(dataset.tags).decode(),
            dataset.created_ms,
            dataset.updated_ms,
        ),
    )


def of_sandbox(reader: Reader, sandbox_id: str) -> list[StoredDataset]:
    """Every dataset of the sandbox, the oldest first."""
    rows = reader.read(
        "SELECT dataset_id, name, description, schema_id, tags, created_ms, updated_ms"
        " FROM datasets WHERE sandbox_id = ? ORDER BY created_ms, dataset_id",
        (sandbox_id,),
    )
    return [_dataset(row) for row in rows]


def replace(transaction: Transaction, sandbox_id: str, dataset: StoredDataset) -> None:
    """Put a new name, description and tags in place of those of the dataset with the same id."""
    transaction.write(
        "UPDATE datasets SET name = ?, description = ?, tags = ?, updated_ms = ?"
        " WHERE sandbox_id = ? AND dataset_id = ?",
        (
            dataset.name,
            dataset.description,
            encode_json(dataset.tags).decode(),
            dataset.updated_ms,
            sandbox_id,
            dataset.id,
        ),
    )


def delete(transaction: Transaction, sandbox_id: str, dataset_id: str) -> None:
    transaction.write(
        "DELETE FROM datasets WHERE sandbox_id = ? AND dataset_id = ?", (sandbox_id, dataset_id)
    )


def set_tags(
    transaction: Transaction,
    sandbox_id: str,
    dataset_id: str,
    tags: Mapping[str, tuple[str, ...]],
    *,
    now_ms: int,
) -> None:
    """Replace all tags of one dataset."""
    transaction.write(
        "UPDATE datasets SET tags = ?, updated_ms = ? WHERE sandbox_id = ? AND dataset_id = ?",
        (encode_json(tags).decode(), now_ms, sandbox_id, dataset_id),
    )


def by_id(reader: Reader, sandbox_id: str, dataset_id: str) -> StoredDataset | None:
    rows = reader.read(
        "SELECT dataset_id, name, description, schema_id, tags, created_ms, updated_ms"
        " FROM datasets WHERE sandbox_id = ? AND dataset_id = ?",
        (sandbox_id, dataset_id),
    )
    return _dataset(rows[0]) if rows else None


def _dataset(row: Row) -> StoredDataset:
    id_, name, description, schema_id, tags, created_ms, updated_ms = row
    return StoredDataset(
        id=id_,
        name=name,
        description=description,
        schema_id=schema_id,
        tags={tag: tuple(values) for tag, values in decode_json(tags).items()},
        created_ms=created_ms,
        updated_ms=updated_ms,
    )
