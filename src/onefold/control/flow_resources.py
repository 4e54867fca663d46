"""What all resources of the Flow Service have in common: create, get, list, change, delete.

A change names the version that it was made from; of two writers with one version, exactly one wins.
What a document may say is the kind's own: connections.py, flows.py. Source: platform contract, 9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace as with_changes

from onefold.control.json_patch import patched
from onefold.domain.sandbox import Sandbox
from onefold.domain.xdm.keywords import require_shallow
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader, Transaction
from onefold.store.tables import flow_resources
from onefold.store.tables.flow_resources import FlowResource, Kind
from onefold.store.tables.generation import change
from onefold.wire import JSON

STATES = ("enabled", "disabled")
NAME_LENGTH_MAX = 256

Document = dict[str, JSON]


class Rules(NamedTuple):
    """What makes a kind: its name in paths, its name in sentences, and its own rules.

    checked: the document that is kept of one that was sent, given the one it replaces (None: new);
    raises what is wrong. changeable: keys that a patch may change. users: (noun, name) of those
    that refer to a resource. completed: adds what only the server can give to a new document.
    """

    kind: Kind
    noun: str
    checked: Callable[[Reader, Sandbox, Document, Document | None], Document]
    changeable: frozenset[str]
    users: Callable[[Reader, FlowResource], list[tuple[str, str]]]
    completed: Callable[[Document, Ids], Document] = lambda document, _: document


def create(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    rules: Rules,
    sent: JSON,
    *,
    client_id: str = "",
) -> FlowResource:
    """Make a resource of what a client sent.

    Raises Malformed API-1003 for what is no object, CTL-1008 for a wrong value, NotFound CTL-1007
    when what it refers to does not exist, OverLimit XDM-1003 when it is nested too deeply.
    """
    now_ms = clock.now_ms()
    with change(engine) as transaction:
        document = rules.completed(_checked(transaction, sandbox, rules, sent, None), ids)
        made = FlowResource(
            sandbox_id=sandbox.id,
            kind=rules.kind,
            id=ids.uuid(),
            version=ids.uuid(),
            document=document,
            created_ms=now_ms,
            updated_ms=now_ms,
            created_client=client_id,
            updated_client=client_id,
        )
        flow_resources.insert(transaction, made)
    return made


def patch(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    rules: Rules,
    resource_id: str,
    operations: JSON,
    *,
    if_match: str,
    client_id: str = "",
) -> FlowResource:
    """Change a resource by a JSON Patch of it as it is shown; operations' names in any case.

    if_match: the etag that the client has read. Raises NotFound CTL-1007, Malformed FLW-1001
    without an etag, Conflict FLW-1002 when it is not the current one, CTL-1008 for a wrong value or
    one that cannot change, and as `json_patch.patched`.
    """
    if not if_match.strip():
        raise Malformed("FLW-1001", "Send the resource's etag as If-Match")
    if isinstance(operations, list):
        operations = [_lowered(operation) for operation in operations]
    with change(engine) as transaction:
        before = got(transaction, sandbox, rules, resource_id)
        _require_version(before, if_match)
        seen = shown(before, sandbox)
        wanted = patched(seen, operations)
        _require_same(wanted, seen, rules)
        document = _checked(transaction, sandbox, rules, wanted, before.document)
        return _changed(transaction, clock, ids, before, document, client_id)


def switch(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    rules: Rules,
    resource_id: str,
    *,
    enabled: bool,
    client_id: str = "",
) -> FlowResource:
    """Enable or disable a resource; one that is so already stays as it is. Raises NotFound
    CTL-1007."""
    state = "enabled" if enabled else "disabled"
    with change(engine) as transaction:
        before = got(transaction, sandbox, rules, resource_id)
        if before.enabled == enabled:
            return before
        document = {**before.document, "state": state}
        return _changed(transaction, clock, ids, before, document, client_id)


def delete(
    engine: Engine, sandbox: Sandbox, rules: Rules, resource_id: str, *, if_match: str = ""
) -> None:
    """Remove a resource that nothing refers to.

    Raises NotFound CTL-1007, Conflict FLW-1003, and FLW-1002 when an etag is given and is not the
    current one.
    """
    with change(engine) as transaction:
        resource = got(transaction, sandbox, rules, resource_id)
        if if_match.strip():
            _require_version(resource, if_match)
        users = rules.users(transaction, resource)
        if users:
            noun, name = users[0]
            raise Conflict("FLW-1003", f"The {rules.noun} is used by the {noun} {name}")
        flow_resources.delete(transaction, resource)


def got(reader: Reader, sandbox: Sandbox, rules: Rules, resource_id: str) -> FlowResource:
    """The sandbox's resource of this kind and id. Raises NotFound CTL-1007."""
    found = flow_resources.by_id(reader, sandbox.id, rules.kind, resource_id)
    if found is None:
        raise NotFound("CTL-1007", f"No {rules.noun} has the id {resource_id[:256]}")
    return found


def listed(reader: Reader, sandbox: Sandbox, rules: Rules) -> list[FlowResource]:
    """The sandbox's resources of this kind, the oldest first."""
    return [
        resource
        for resource in flow_resources.of_sandbox(reader, sandbox.id)
        if resource.kind == rules.kind
    ]


def etag(resource: FlowResource) -> str:
    """The version as headers and bodies show it, in double quotes."""
    return f'"{resource.version}"'


def shown(resource: FlowResource, sandbox: Sandbox) -> Document:
    """The resource as clients see it, without what depends on others."""
    return {
        "id": resource.id,
        "imsOrgId": sandbox.org_id,
        "sandboxId": sandbox.public_id,
        "sandboxName": sandbox.name,
        "createdAt": resource.created_ms,
        "updatedAt": resource.updated_ms,
        "createdBy": resource.created_client,
        "updatedBy": resource.updated_client,
        "createdClient": resource.created_client,
        "updatedClient": resource.updated_client,
        **resource.document,
        "version": etag(resource),
        "etag": etag(resource),
    }


def _checked(
    reader: Reader, sandbox: Sandbox, rules: Rules, sent: JSON, before: Document | None
) -> Document:
    """What every document has to say, then the kind's own rules."""
    if not isinstance(sent, dict):
        raise Malformed("API-1003", f"A {rules.noun} is a JSON object")
    require_shallow(sent)
    name = text(sent, "name")
    if not name.strip() or len(name) > NAME_LENGTH_MAX:
        raise Malformed(
            "CTL-1008",
            f"A {rules.noun} needs a name of at most {NAME_LENGTH_MAX} characters",
            at="/name",
        )
    state = sent.get("state", "enabled")
    if state not in STATES:
        raise Malformed("CTL-1008", "The state is enabled or disabled", at="/state")
    document = rules.checked(reader, sandbox, sent, before)
    return {"name": name, "description": text(sent, "description"), **document, "state": state}


def _changed(
    transaction: Transaction,
    clock: Clock,
    ids: Ids,
    before: FlowResource,
    document: Document,
    client_id: str,
) -> FlowResource:
    after = with_changes(
        before,
        version=ids.uuid(),
        document=document,
        updated_ms=clock.now_ms(),
        updated_client=client_id,
    )
    flow_resources.replace(transaction, after)
    return after


def _require_version(resource: FlowResource, if_match: str) -> None:
    """The etag that was sent may be quoted or not, and weak; `*` is any."""
    supplied = if_match.strip().removeprefix("W/").strip('"')
    if supplied not in ("*", resource.version):
        raise Conflict(
            "FLW-1002",
            f'Supplied version=["{supplied[:256]}"] does not match the current version on'
            f' entity=["{resource.version}"]',
        )


def _require_same(wanted: JSON, before: Document, rules: Rules) -> None:
    if not isinstance(wanted, dict):
        raise Malformed("CTL-1008", f"A {rules.noun} is a JSON object", at="")
    for name in sorted({*wanted, *before} - rules.changeable - {"name", "description", "state"}):
        if wanted.get(name) != before.get(name):
            raise Malformed("CTL-1008", f"A {rules.noun} keeps its {name[:256]}", at=f"/{name}")


def _lowered(operation: JSON) -> JSON:
    """Published samples write the name of an operation with a capital."""
    if isinstance(operation, dict) and isinstance(operation.get("op"), str):
        return {**operation, "op": operation["op"].lower()}
    return operation


# Reading what was sent


def text(sent: Mapping[str, Any], name: str, at: str = "") -> str:
    """A text of a document, empty when it is absent. Raises Malformed CTL-1008."""
    value = sent.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed("CTL-1008", f"The {name} is text", at=f"{at}/{name}")
    return value


def member(sent: Mapping[str, Any], name: str, at: str = "") -> Document:
    """An object of a document, empty when it is absent. Raises Malformed CTL-1008."""
    value = sent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed("CTL-1008", f"The {name} is an object", at=f"{at}/{name}")
    return value


def spec_of(sent: Mapping[str, Any], name: str, allowed: Mapping[str, str]) -> Document:
    """The `{"id", "version"}` of a spec. allowed: id to the name for messages. Raises Malformed
    CTL-1008."""
    spec_id = text(member(sent, name), "id", f"/{name}")
    if spec_id not in allowed:
        known = " or ".join(f"{spec} ({title})" for spec, title in allowed.items())
        raise Malformed("CTL-1008", f"The {name}.id is {known}", at=f"/{name}/id")
    return {"id": spec_id, "version": text(member(sent, name), "version") or "1.0"}
