"""Fragments: what one dataset says of one identity, and as of when.

Source: profile contract, 2.1 and 4.9.
"""

from __future__ import annotations

from typing import Any

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.event import timestamp_ms

SEGMENT_SOURCE = "profile-streaming-segment"
ATTRIBUTE_SOURCE = "profile-computed-attribute"
REGION_SOURCE = "profile-activity-region"
SYSTEM_SOURCES = frozenset((SEGMENT_SOURCE, ATTRIBUTE_SOURCE, REGION_SOURCE))
"""Stand in the place of a dataset in fragments that the system writes. No merge policy excludes
them. Only the first name is published; the others are ours."""

STAMPS = "_stamps"
"""Where the stamps of a fragment stand in its body, as it is stored."""


class Fragment(msgspec.Struct, frozen=True):
    """The current row of one dataset for one primary identity.

    attributes: without nulls. seq: the order of ingest. tag: an opaque trace of the write. The row
    is replaced as a whole, so there is at most one fragment of a dataset and identity. stamps: of
    what calls say, when each of its values was said (stamped.py); None for all others.
    """

    xid: Xid
    dataset: str
    seq: int
    ingested_ms: int
    effective_ms: int
    tag: str
    attributes: dict[str, Any]
    stamps: dict[str, Any] | None = None


def without_nulls(value: Any) -> Any:
    """The value with every null left out, at all depths: a null says nothing of a field.

    Done once, when a record is stored, so that merges need not look for them.
    Source: profile contract, 3.2 and 4.7, rule 6.
    """
    if isinstance(value, dict):
        return {key: without_nulls(v) for key, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value if v is not None]
    return value


def effective_ms(attributes: dict[str, Any], ingested_ms: int) -> int:
    """Answer the time that counts when fragments are compared, in epoch ms.

    That is `extSourceSystemAudit.lastUpdatedDate` if it is an RFC 3339 date-time, else the time of
    ingest. Source: profile contract, 4.9.
    """
    own = own_ms(attributes)
    return own if own is not None else ingested_ms


def own_ms(attributes: dict[str, Any]) -> int | None:
    """The time that a record gives itself, in epoch ms; None when it gives none."""
    audit = attributes.get("extSourceSystemAudit")
    if isinstance(audit, dict):
        updated = audit.get("lastUpdatedDate")
        if isinstance(updated, str):
            return timestamp_ms(updated)
    return None
