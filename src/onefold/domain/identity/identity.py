"""Identity: a namespace and a value. Two identities are equal when both match exactly."""

from __future__ import annotations

from typing import NewType

import msgspec

Xid = NewType("Xid", str)
"""The opaque, URL-safe form of one identity; a pure function of (namespace id, value). See
xid.py.
"""


class Identity(msgspec.Struct, frozen=True, gc=False, order=True):
    """One name of a person."""

    namespace_id: int
    value: str
