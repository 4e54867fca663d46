"""What was changed in the tenant container of the schema registry, by whom and when."""

from __future__ import annotations

from typing import Literal

import msgspec

from onefold.domain.xdm.schema import Kind
from onefold.store.engine import Reader, Transaction
from onefold.wire import JSON, decode_json, encode_json

KEPT_MAX = 100
"""Changes that are kept of one resource; older ones are forgotten."""

Act = Literal["create", "update", "delete"]


class Trail(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step from the document before to the one after. path: a JSON pointer; empty: all of it.
    value: what stands there now; absent when removed."""

    action: Literal["add", "replace", "remove"]
    path: str
    value: JSON = None


class ResourceChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a resource, which need not exist any more."""

    resource_id: str
    kind: Kind
    act: Act
    version: str
    at_ms: int
    client_id: str
    request_id: str
    trails: tuple[Trail, ...]


def insert(transaction: Transaction, sandbox_id: str, change: ResourceChange) -> None:
    """Write a change, and forget those of the resource that are beyond KEPT_MAX."""
    transaction.write(
        "INSERT INTO resource_changes (sandbox_id, resource_id, kind, act, version, at_ms,"
        " client_id, request_id, trails) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sandbox_id,
            change.resource_id,
            change.kind,
            change.act,
            change.version,
            change.at_ms,
            change.client_id,
            change.request_id,
            encode_json(change.trails).decode(),
        ),
    )
    transaction.write(
        "DELETE FROM resource_changes WHERE sandbox_id = ? AND resource_id = ? AND number <="
        " (SELECT number FROM resource_changes WHERE sandbox_id = ? AND resource_id = ?"
        " ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (sandbox_id, change.resource_id, sandbox_id, change.resource_id, KEPT_MAX),
    )


def of_resource(reader: Reader, sandbox_id: str, resource_id: str) -> list[ResourceChange]:
    """The changes of one resource, the latest first."""
    rows = reader.read(
        "SELECT resource_id, kind, act, version, at_ms, client_id, request_id, trails"
        " FROM resource_changes WHERE sandbox_id = ? AND resource_id = ? ORDER BY number DESC",
        (sandbox_id, resource_id),
    )
    return [
        ResourceChange(
            resource_id=id_,
            kind=kind,
            act=act,
            version=version,
            at_ms=at_ms,
            client_id=client_id,
            request_id=request_id,
            trails=msgspec.convert(decode_json(trails), tuple[Trail, ...]),
        )
        for id_, kind, act, version, at_ms, client_id, request_id, trails in rows
    ]
