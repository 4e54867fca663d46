"""Fragments and policies, in few words."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge_policy import default_policy

TIME = default_policy("policy", 0)


def by_rank(*order: str) -> Any:
    """The policy in which an earlier dataset of the order counts more."""
    return replace(TIME, attribute_merge="dataSetPrecedence", order=order)


def fragment(
    dataset: str, at_ms: int, attributes: dict[str, Any], *, seq: int = 0, xid: str = "x"
) -> Fragment:
    """What a record of the dataset says that arrived at this time."""
    return Fragment(Xid(xid), dataset, seq, at_ms, at_ms, "tag", attributes)
