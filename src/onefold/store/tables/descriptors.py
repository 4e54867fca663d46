"""Descriptors: what is said about fields of a schema, such as that one is an identity."""

from __future__ import annotations

import msgspec

from onefold.store.engine import Reader, Transaction
from onefold.wire import JSON, decode_json, encode_json


class Descriptor(msgspec.Struct, frozen=True):
    """One descriptor: `@id`, the schema's `$id`, `@type`, and the document as it is shown."""

    id: str
    schema_id: str
    type: str
    document: JSON


def insert(transaction: Transaction, sandbox_id: str, descriptor: Descriptor) -> None:
    transaction.write(
        "INSERT INTO descriptors (sandbox_id, descriptor_id, schema_id, type, document)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            sandbox_id,
            descriptor.id,
            descriptor.schema_id,
            descriptor.type,
            encode_json(descriptor.document).decode(),
        ),
    )


def replace(transaction: Transaction, sandbox_id: str, descriptor: Descriptor) -> None:
    """Put a new descriptor in place of the one with the same id."""
    transaction.write(
        "UPDATE descriptors SET schema_id = ?, type = ?, document = ?"
        " WHERE sandbox_id = ? AND descriptor_id = ?",
        (
            descriptor.schema_id,
            descriptor.type,
            encode_json(descriptor.document).decode(),
            sandbox_id,
            descriptor.id,
        ),
    )


def delete(transaction: Transaction, sandbox_id: str, descriptor_id: str) -> None:
    transaction.write(
        "DELETE FROM descriptors WHERE sandbox_id = ? AND descriptor_id = ?",
        (sandbox_id, descriptor_id),
    )


def of_sandbox(reader: Reader, sandbox_id: str) -> list[Descriptor]:
    """Every descriptor of the sandbox, in the order of creation."""
    rows = reader.read(
        "SELECT descriptor_id, schema_id, type, document FROM descriptors"
        " WHERE sandbox_id = ? ORDER BY rowid",
        (sandbox_id,),
    )
    return [Descriptor(id_, schema, type_, decode_json(text)) for id_, schema, type_, text in rows]


def of_schema(reader: Reader, sandbox_id: str, schema_id: str) -> list[Descriptor]:
    """The descriptors of one schema, in the order of creation."""
    rows = reader.read(
        "SELECT descriptor_id, schema_id, type, document FROM descriptors"
        " WHERE sandbox_id = ? AND schema_id = ? ORDER BY rowid",
        (sandbox_id, schema_id),
    )
    return [Descriptor(id_, schema, type_, decode_json(text)) for id_, schema, type_, text in rows]
