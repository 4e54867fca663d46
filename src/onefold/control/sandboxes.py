"""Sandboxes: create, get, list, rename, reset, delete. Source: platform contract, section 4."""

from __future__ import annotations

import re

from msgspec.structs import replace

from onefold.domain.lifecycle import State, moved
from onefold.domain.profile.merge_policy import default_policy
from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader, Transaction
from onefold.store.tables import merge_policies, sandboxes
from onefold.store.tables.generation import change
from onefold.store.tables.sandboxes import Discarded

TYPES = ("production", "development")
NAME_LENGTH_MAX = 256
TITLE_LENGTH_MAX = 256
_TITLE_RULE = f"A sandbox's title has 1 to {TITLE_LENGTH_MAX} characters"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def create(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    *,
    org_id: str,
    name: str,
    title: str,
    type: str = "development",
    is_default: bool = False,
) -> Sandbox:
    """Make a sandbox with its default merge policy.

    title: the name when empty. Raises Malformed CTL-1008 for a name that is not lower-case letters,
    digits and hyphens, a title that is too long or an unknown type; Conflict CTL-1006 when the
    organisation has one of this name.
    """
    if len(name) > NAME_LENGTH_MAX or _NAME.fullmatch(name) is None:
        raise Malformed(
            "CTL-1008", "A sandbox's name has lower-case letters, digits and hyphens", at="name"
        )
    if type not in TYPES:
        raise Malformed("CTL-1008", f"A sandbox's type is one of {', '.join(TYPES)}", at="type")
    if len(title) > TITLE_LENGTH_MAX:
        raise Malformed("CTL-1008", _TITLE_RULE, at="title")
    now_ms = clock.now_ms()
    sandbox_id = ids.uuid()
    sandbox = Sandbox(
        id=SandboxId(sandbox_id),
        public_id=sandbox_id,
        org_id=org_id,
        name=name,
        title=title or name,
        type=type,
        is_default=is_default,
        created_ms=now_ms,
    )
    with change(engine) as transaction:
        if any(s.name == name for s in sandboxes.of_organisation(transaction, org_id)):
            raise Conflict("CTL-1006", f"The organisation has a sandbox {name}", at="name")
        _furnish(transaction, ids, sandbox, now_ms=now_ms)
    return sandbox


def reset(engine: Engine, clock: Clock, ids: Ids, *, org_id: str, name: str) -> Sandbox:
    """Give the sandbox an empty store and the definitions of a new one, in one transaction.

    What was in it, accepted and not applied yet included, is out of reach from then on; it waits
    in the state `resetting` until the pipeline has removed it from the disk (discarded.py). Name,
    title, type and public id stay; namespaces belong to the organisation and stay.
    Raises NotFound CTL-1007, Conflict CTL-1010.
    """
    now_ms = clock.now_ms()
    with change(engine) as transaction:
        before = got(transaction, org_id, name)
        fresh = _fresh(before, ids, State.RESETTING)
        sandboxes.wipe(transaction, before, now_ms=now_ms)
        _furnish(transaction, ids, fresh, now_ms=now_ms)
    return fresh


def delete(engine: Engine, clock: Clock, ids: Ids, *, org_id: str, name: str) -> Sandbox:
    """Wipe the sandbox as `reset` does. It is listed as deleted until the pipeline has removed its
    store; then its name is free.

    Raises NotFound CTL-1007, Conflict CTL-1009 for the default sandbox and CTL-1010 for one that is
    deleted or being reset.
    """
    now_ms = clock.now_ms()
    with change(engine) as transaction:
        before = got(transaction, org_id, name)
        if before.is_default:
            raise Conflict("CTL-1009", f"{name} is the default sandbox", at="name")
        gone = _fresh(before, ids, State.DELETED)
        sandboxes.wipe(transaction, before, now_ms=now_ms)
        sandboxes.insert(transaction, gone)
    return gone


def settle(engine: Engine, store: Discarded, *, removed: bool) -> None:
    """Note whether a discarded store could be removed, and move the sandbox that waits for it: to
    active, away if it was deleted, or to failed. One that was reset again after a failure waits for
    both of its stores."""
    with change(engine) as transaction:
        if removed:
            sandboxes.set_removed(transaction, store)
        left = [
            other
            for other in sandboxes.discarded(transaction)
            if (other.org_id, other.name) == (store.org_id, store.name) and not other.removed
        ]
        for sandbox in sandboxes.of_organisation(transaction, store.org_id):
            if sandbox.name != store.name or sandbox.active:
                continue
            if sandbox.state is State.DELETED:
                if not left:
                    sandboxes.remove(transaction, sandbox)
            elif not left:
                to = moved(sandbox.state, State.ACTIVE)
                sandboxes.set_state(transaction, sandbox, to)
            elif sandbox.state is State.RESETTING and not removed:
                to = moved(sandbox.state, State.FAILED)
                sandboxes.set_state(transaction, sandbox, to)


def rename(engine: Engine, *, org_id: str, name: str, title: str) -> Sandbox:
    """Give the sandbox of this name another title; its name is for ever.

    Raises NotFound CTL-1007; Malformed CTL-1008 for an empty title or one that is too long.
    """
    if not title.strip() or len(title) > TITLE_LENGTH_MAX:
        raise Malformed("CTL-1008", _TITLE_RULE, at="title")
    with change(engine) as transaction:
        sandbox = got(transaction, org_id, name)
        sandboxes.set_title(transaction, sandbox, title)
    return replace(sandbox, title=title)


def _fresh(before: Sandbox, ids: Ids, state: State) -> Sandbox:
    """The same sandbox over a store that does not exist yet."""
    return replace(before, id=SandboxId(ids.uuid()), state=moved(before.state, state))


def _furnish(transaction: Transaction, ids: Ids, sandbox: Sandbox, *, now_ms: int) -> None:
    """Write the sandbox, and what every new one has: its default merge policy."""
    sandboxes.insert(transaction, sandbox)
    policy = default_policy(ids.uuid(), now_ms // 1000)
    merge_policies.put(transaction, sandbox.id, [policy])


def got(reader: Reader, org_id: str, name: str) -> Sandbox:
    """The organisation's sandbox of this name. Raises NotFound CTL-1007."""
    for sandbox in sandboxes.of_organisation(reader, org_id):
        if sandbox.name == name:
            return sandbox
    raise NotFound("CTL-1007", f"No sandbox has the name {name}", at="name")


def listed(reader: Reader, org_id: str) -> list[Sandbox]:
    """The organisation's sandboxes, the oldest first."""
    return sandboxes.of_organisation(reader, org_id)
