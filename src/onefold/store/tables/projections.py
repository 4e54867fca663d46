"""Projection destinations, and the configurations of what is projected to them."""

from __future__ import annotations

import msgspec

from onefold.domain.profile.projection import Configuration, Destination
from onefold.store.engine import Reader, Transaction
from onefold.wire import encode_json

_destination = msgspec.json.Decoder(Destination).decode
_configuration = msgspec.json.Decoder(Configuration).decode


def put_destination(transaction: Transaction, sandbox_id: str, destination: Destination) -> None:
    """Write a destination; one with its id is replaced."""
    transaction.write(
        "INSERT INTO destinations (sandbox_id, destination_id, document) VALUES (?, ?, ?)"
        " ON CONFLICT (sandbox_id, destination_id) DO UPDATE SET document = excluded.document",
        (sandbox_id, destination.id, encode_json(destination).decode()),
    )


def delete_destination(transaction: Transaction, sandbox_id: str, destination_id: str) -> None:
    transaction.write(
        "DELETE FROM destinations WHERE sandbox_id = ? AND destination_id = ?",
        (sandbox_id, destination_id),
    )


def destinations(reader: Reader, sandbox_id: str) -> list[Destination]:
    """Every destination of the sandbox, in the order of creation."""
    rows = reader.read(
        "SELECT document FROM destinations WHERE sandbox_id = ? ORDER BY rowid", (sandbox_id,)
    )
    return [_destination(document) for (document,) in rows]


def put_configuration(
    transaction: Transaction, sandbox_id: str, configuration: Configuration
) -> None:
    """Write a configuration; one with its id is replaced."""
    transaction.write(
        "INSERT INTO projections (sandbox_id, projection_id, document) VALUES (?, ?, ?)"
        " ON CONFLICT (sandbox_id, projection_id) DO UPDATE SET document = excluded.document",
        (sandbox_id, configuration.id, encode_json(configuration).decode()),
    )


def delete_configuration(transaction: Transaction, sandbox_id: str, projection_id: str) -> None:
    transaction.write(
        "DELETE FROM projections WHERE sandbox_id = ? AND projection_id = ?",
        (sandbox_id, projection_id),
    )


def configurations(reader: Reader, sandbox_id: str) -> list[Configuration]:
    """Every configuration of the sandbox, in the order of creation."""
    rows = reader.read(
        "SELECT document FROM projections WHERE sandbox_id = ? ORDER BY rowid", (sandbox_id,)
    )
    return [_configuration(document) for (document,) in rows]
