"""Sandbox: the border that no data crosses. One sandbox is one journal and one profile store."""

from __future__ import annotations

from typing import NewType

import msgspec

from onefold.domain.lifecycle import State

SandboxId = NewType("SandboxId", str)
"""A UUID that names the sandbox's store: its directory, and the rows of its definitions. A reset
gives the sandbox another one, so that nothing kept under the old one is ever found again."""


class Sandbox(msgspec.Struct, frozen=True):
    """One sandbox of one organisation. `name` is unique in the organisation.

    public_id: the id that callers see; it outlives a reset, which `id` does not.
    """

    id: SandboxId
    public_id: str
    org_id: str
    name: str
    title: str
    type: str
    is_default: bool
    created_ms: int
    state: State = State.ACTIVE

    @property
    def active(self) -> bool:
        """Whether it answers requests."""
        return self.state is State.ACTIVE
