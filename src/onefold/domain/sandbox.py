"""Sandbox: the border that no data crosses. One sandbox is one journal and one profile store."""

from __future__ import annotations

from typing import NewType

import msgspec

SandboxId = NewType("SandboxId", str)
"""A UUID; also the name of the sandbox's directory."""


class Sandbox(msgspec.Struct, frozen=True):
    """One sandbox of one organisation. `name` is unique in the organisation."""

    id: SandboxId
    org_id: str
    name: str
    title: str
    type: str
    is_default: bool
    created_ms: int
