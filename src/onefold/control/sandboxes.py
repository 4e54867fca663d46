"""Sandboxes: create and list. Source: platform contract, section 4."""

from __future__ import annotations

import re

from onefold.domain.profile.merge_policy import default_policy
from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed
from onefold.store.engine import Engine, Reader
from onefold.store.tables import merge_policies, sandboxes
from onefold.store.tables.generation import change

TYPES = ("production", "development")
NAME_LENGTH_MAX = 256
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

    Raises Malformed CTL-1008 for a name that is not lower-case letters, digits and hyphens, or an
    unknown type; Conflict CTL-1006 when the organisation has one of this name.
    """
    if len(name) > NAME_LENGTH_MAX or _NAME.fullmatch(name) is None:
        raise Malformed(
            "CTL-1008", "A sandbox's name has lower-case letters, digits and hyphens", at="name"
        )
    if type not in TYPES:
        raise Malformed("CTL-1008", f"A sandbox's type is one of {', '.join(TYPES)}", at="type")
    now_ms = clock.now_ms()
    sandbox = Sandbox(
        id=SandboxId(ids.uuid()),
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
        sandboxes.insert(transaction, sandbox)
        policy = default_policy(ids.uuid(), now_ms // 1000)
        merge_policies.put(transaction, sandbox.id, [policy])
    return sandbox


def listed(reader: Reader, org_id: str) -> list[Sandbox]:
    """The organisation's sandboxes, the oldest first."""
    return sandboxes.of_organisation(reader, org_id)
