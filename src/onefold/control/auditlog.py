"""The audit log of the schema registry: one entry for each change, written in its transaction.

Source: platform contract, section 6.3, `rpc/auditlog`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.paths import escaped
from onefold.domain.xdm.schema import resource_id
from onefold.domain.xdm.standard.loader import load
from onefold.errors import Malformed, NotFound
from onefold.store.engine import Reader, Transaction
from onefold.store.tables import resource_changes, resources
from onefold.store.tables.resource_changes import Act, ResourceChange, Trail
from onefold.store.tables.resources import Resource
from onefold.wire import JSON

_PASSED_OVER = frozenset(("version", "meta:registryMetadata"))
"""What every change changes."""


class Author(NamedTuple):
    """Who changes something. Both empty: the installation itself."""

    client_id: str = ""
    request_id: str = ""


def record(
    transaction: Transaction,
    sandbox: Sandbox,
    before: Resource | None,
    after: Resource | None,
    author: Author,
    *,
    now_ms: int,
) -> None:
    """Note that a resource was made (before is None), changed, or deleted (after is None)."""
    known = after or before
    assert known is not None
    act: Act = "update"
    if before is None or after is None:
        act = "create" if before is None else "delete"
        trails = [Trail("add" if before is None else "remove", "")]
    else:
        trails = _steps(before.document, after.document, "")
    change = ResourceChange(
        resource_id=known.id,
        kind=known.kind,
        act=act,
        version=known.document["version"],
        at_ms=now_ms,
        client_id=author.client_id,
        request_id=author.request_id,
        trails=tuple(trails),
    )
    resource_changes.insert(transaction, sandbox.id, change)


def of_resource(reader: Reader, sandbox: Sandbox, name: str) -> list[JSON]:
    """The changes of a resource, the latest first; none of a standard one. name: `$id` or
    `meta:altId`.

    Raises NotFound CTL-1007 when there never was such a resource.
    """
    try:
        id_ = resource_id(name)
    except Malformed:
        id_ = ""
    found = resource_changes.of_resource(reader, sandbox.id, id_)
    if not found and id_ not in load() and resources.by_id(reader, sandbox.id, id_) is None:
        raise NotFound("CTL-1007", f"No resource has the id {name[:256]}")
    return [_shown(change, sandbox) for change in found]


def _steps(before: JSON, after: JSON, at: str) -> list[Trail]:
    """Objects are compared name by name, everything else as a whole."""
    steps = [Trail("remove", f"{at}/{escaped(name)}") for name in before if name not in after]
    for name, value in after.items():
        below = f"{at}/{escaped(name)}"
        known = before.get(name)
        if name not in before:
            steps.append(Trail("add", below, value))
        elif not at and name in _PASSED_OVER:
            continue
        elif isinstance(value, dict) and isinstance(known, dict):
            steps += _steps(known, value, below)
        elif value != known:
            steps.append(Trail("replace", below, value))
    return steps


def _shown(change: ResourceChange, sandbox: Sandbox) -> JSON:
    about = {"id": change.resource_id, "xdmType": change.kind}
    trails = []
    for trail in change.trails:
        one = {**about, "action": trail.action, "path": trail.path}
        trails.append(one if trail.action == "remove" else {**one, "value": trail.value})
    moment = datetime.fromtimestamp(change.at_ms // 1000, UTC)
    return {
        "id": change.resource_id,
        "action": change.act,
        "version": change.version,
        "auditTrails": trails,
        "updatedUser": change.client_id,
        "clientId": change.client_id,
        "requestId": change.request_id,
        "updatedTime": moment.strftime("%m-%d-%Y %H:%M:%S"),
        "imsOrg": sandbox.org_id,
        "sandBoxId": sandbox.public_id,
    }
