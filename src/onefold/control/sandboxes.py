"""Sandboxes: create, get, list, rename. Source: platform contract, section 4."""

from __future__ import annotations

import re

from msgspec.structs import replace

from onefold.domain.profile.merge_policy import default_policy
from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.engine import Engine, Reader
from onefold.store.tables import merge_policies, sandboxes
from onefold.store.tables.generation import change

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


def got(reader: Reader, org_id: str, name: str) -> Sandbox:
    """The organisation's sandbox of this name. Raises NotFound CTL-1007."""
    for sandbox in sandboxes.of_organisation(reader, org_id):
        if sandbox.name == name:
            return sandbox
    raise NotFound("CTL-1007", f"No sandbox has the name {name}", at="name")


def listed(reader: Reader, org_id: str) -> list[Sandbox]:
    """The organisation's sandboxes, the oldest first."""
    return sandboxes.of_organisation(reader, org_id)
