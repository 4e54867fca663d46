"""Streaming connections and their inlets: create and list. Source: ingestion contract, 4."""

from __future__ import annotations

from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock, Ids
from onefold.errors import Malformed
from onefold.store.engine import Engine, Reader
from onefold.store.tables import connections
from onefold.store.tables.connections import Connection
from onefold.store.tables.generation import change

DATA_TYPES = ("xdm", "raw")
INLET_ID_BYTES = 32


def create(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    *,
    name: str,
    description: str = "",
    source_id: str | None = None,
    authentication_required: bool = False,
    data_type: str = "xdm",
) -> Connection:
    """Make an HTTP streaming connection with its inlet.

    source_id: the name when not given. Raises Malformed CTL-1008 for an empty name or an unknown
    data type. Names need not be unique.
    """
    if not name.strip():
        raise Malformed("CTL-1008", "A connection needs a name", at="name")
    if data_type not in DATA_TYPES:
        raise Malformed("CTL-1008", "The dataType is xdm or raw", at="auth.params.dataType")
    now_ms = clock.now_ms()
    connection = Connection(
        id=ids.uuid(),
        sandbox_id=sandbox.id,
        inlet_id=ids.hex(bytes_=INLET_ID_BYTES),
        name=name,
        description=description,
        source_id=source_id or name,
        data_type=data_type,
        authentication_required=authentication_required,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    with change(engine) as transaction:
        connections.insert(transaction, connection)
    return connection


def listed(reader: Reader, sandbox: Sandbox) -> list[Connection]:
    """The sandbox's connections, the oldest first."""
    return [c for c in connections.every(reader) if c.sandbox_id == sandbox.id]
