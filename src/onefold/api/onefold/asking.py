"""What the doors of explanations and of undoing share: strict parameters, identities, and records
as their answers name them.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl

from onefold.api.context import Caller, Request, Rooms
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Identity, Xid
from onefold.errors import Malformed
from onefold.lookup.owner import Asked, identity_of
from onefold.store.snapshot import Snapshot
from onefold.wire import JSON

NUMBER_MAX = (1 << 53) - 1
"""Of a record; numbers of JSON go no further everywhere."""


def caller_of(request: Request) -> Caller:
    """Who asks; these doors have the platform's gateway."""
    assert request.caller is not None
    return request.caller


def snapshot_of(request: Request, rooms: Rooms) -> Snapshot:
    """The definitions of the caller's sandbox."""
    caller = caller_of(request)
    return rooms.definitions.snapshot(caller.sandbox.id, caller.generation)


def parameters(raw_query: str, known: Collection[str]) -> dict[str, str]:
    """The query's parameters, each once. Raises Malformed CTL-1008 for one that is not known, or
    stands twice: one that is passed over would answer another question."""
    try:
        pairs = parse_qsl(raw_query, keep_blank_values=True, max_num_fields=50)
    except ValueError as bad:
        raise Malformed("CTL-1008", "Too many parameters") from bad
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise Malformed("CTL-1008", f"No parameter is called {name[:64]}", at=name[:64])
        if name in found:
            raise Malformed("CTL-1008", f"{name} stands once", at=name)
        found[name] = value
    return found


def identity_asked(
    snapshot: Snapshot, entity_id: str, namespace: str, *, at: str = "entityId"
) -> tuple[Xid, Identity]:
    """The identity of an id and a namespace's code, or of an XID alone. at: how the caller names
    the id. Raises Malformed PRO-1001, PRO-1002, PRO-1003 or XID-1001."""
    if not entity_id:
        raise Malformed("PRO-1001", f"{at} is missing", at=at)
    try:
        return identity_of(snapshot, Asked(entity_id, namespace or None))
    except Malformed as bad:
        raise Malformed(bad.code, bad.detail, at=at) from bad


def identity_json(snapshot: Snapshot, xid: Xid) -> dict[str, JSON]:
    """An identity by its namespace's code, its id and its XID."""
    identity = xids.decode(xid)
    return {"namespace": code_of(snapshot, identity.namespace_id), "id": identity.value, "xid": xid}


def code_of(snapshot: Snapshot, namespace_id: int) -> str:
    """The code of a namespace; its number when it is gone."""
    namespace = snapshot.namespaces.by_id(namespace_id)
    return namespace.code if namespace is not None else str(namespace_id)


def dataset_json(snapshot: Snapshot, dataset_id: str) -> dict[str, JSON]:
    """A dataset by id and name; without a name when it is gone or the system's own."""
    dataset = snapshot.datasets.get(dataset_id)
    return {"datasetId": dataset_id, "datasetName": dataset.name if dataset else None}
