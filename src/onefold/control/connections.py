"""Streaming connections, each with its inlet. Source: ingestion contract, 4, steps 1 and 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from onefold.control import flow_resources
from onefold.control.flow_resources import Document, Rules, member, spec_of, text
from onefold.control.flow_specs import STREAMING, STREAMING_NAME, STREAMING_PROVIDER
from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock, Ids
from onefold.errors import Malformed
from onefold.store.engine import Engine, Reader
from onefold.store.tables.flow_resources import FlowResource, of_sandbox

DATA_TYPES = ("xdm", "raw")
INLET_ID_BYTES = 32


class Connection(msgspec.Struct, frozen=True):
    """A connection's inlet. id: of the connection; inlet_id: what senders put into the URL."""

    id: str
    inlet_id: str
    source_id: str


def create(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    *,
    name: str,
    source_id: str | None = None,
    authentication_required: bool = False,
    data_type: str = "xdm",
) -> Connection:
    """Make an HTTP streaming connection with its inlet.

    source_id: the name when not given. Names need not be unique. Raises Malformed CTL-1008 for an
    empty name or an unknown data type.
    """
    params = {"dataType": data_type, "authenticationRequired": authentication_required}
    if source_id:
        params["sourceId"] = source_id
    sent = {"name": name, "connectionSpec": {"id": STREAMING}, "auth": {"params": params}}
    return _connection(flow_resources.create(engine, clock, ids, sandbox, CONNECTIONS, sent))


def listed(reader: Reader, sandbox: Sandbox) -> list[Connection]:
    """The sandbox's connections, the oldest first."""
    return [_connection(found) for found in flow_resources.listed(reader, sandbox, CONNECTIONS)]


def document(connection: FlowResource, sandbox: Sandbox, base_url: str) -> Document:
    """A connection as the Flow Service shows it. base_url: where clients reach this server."""
    shown = flow_resources.shown(connection, sandbox)
    auth = shown["auth"]
    url = f"{base_url}/collection/{auth['params']['inletId']}"
    return {**shown, "auth": {**auth, "params": {**auth["params"], "inletUrl": url}}}


def _connection(resource: FlowResource) -> Connection:
    params = resource.document["auth"]["params"]
    return Connection(resource.id, params["inletId"], params["sourceId"])


def _checked(_: Reader, __: Sandbox, sent: Document, before: Document | None) -> Document:
    provider = text(sent, "providerId") or STREAMING_PROVIDER
    if provider != STREAMING_PROVIDER:
        raise Malformed("CTL-1008", f"The providerId is {STREAMING_PROVIDER}", at="/providerId")
    auth = member(sent, "auth")
    known = before["auth"]["params"] if before is not None else {}
    params = _params(member(auth, "params", "/auth"), known, text(sent, "name"))
    return {
        "providerId": provider,
        "connectionSpec": spec_of(sent, "connectionSpec", {STREAMING: STREAMING_NAME}),
        "auth": {"specName": text(auth, "specName", "/auth") or STREAMING_NAME, "params": params},
    }


def _params(sent: Document, known: Mapping[str, Any], name: str) -> Document:
    """What a connection says of its inlet. The kind of data and the id stay for ever."""
    at = "/auth/params"
    data_type = text(sent, "dataType", at) or known.get("dataType", "")
    if data_type not in DATA_TYPES:
        raise Malformed("CTL-1008", "The dataType is xdm or raw", at=f"{at}/dataType")
    if known and data_type != known["dataType"]:
        raise Malformed("CTL-1008", "A connection keeps its dataType", at=f"{at}/dataType")
    if known and text(sent, "inletId", at) not in ("", known["inletId"]):
        raise Malformed("CTL-1008", "A connection keeps its inletId", at=f"{at}/inletId")
    required = sent.get("authenticationRequired", False)
    if not isinstance(required, bool):
        raise Malformed(
            "CTL-1008",
            "authenticationRequired is true or false",
            at=f"{at}/authenticationRequired",
        )
    params: Document = {
        "sourceId": text(sent, "sourceId", at) or name,
        "name": text(sent, "name", at) or name,
        "dataType": data_type,
        "authenticationRequired": required,
    }
    return {**params, "inletId": known["inletId"]} if known else params


def _completed(new: Document, ids: Ids) -> Document:
    params = {**new["auth"]["params"], "inletId": ids.hex(bytes_=INLET_ID_BYTES)}
    return {**new, "auth": {**new["auth"], "params": params}}


def _users(reader: Reader, connection: FlowResource) -> list[tuple[str, str]]:
    return [
        ("source connection", other.id)
        for other in of_sandbox(reader, connection.sandbox_id)
        if other.document.get("baseConnectionId") == connection.id
    ]


CONNECTIONS = Rules("connections", "connection", _checked, frozenset(("auth",)), _users, _completed)
