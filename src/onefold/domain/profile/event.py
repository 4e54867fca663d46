"""Events: what happened, once and for ever, and the clock of their senders.

Source: profile contract, 1.2, 2.1 and 3.3.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from onefold.domain.identity.identity import Xid


class Event(msgspec.Struct, frozen=True):
    """One event as its sender told it. `xid` is its owner: its primary identity at ingest."""

    xid: Xid
    event_id: str
    timestamp_ms: int
    dataset: str
    ingested_ms: int
    seq: int
    entity: dict[str, Any]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?"
    r"(?:Z|[+-]\d\d:?[0-5]\d)",
    re.ASCII,
)


def timestamp_ms(text: str) -> int | None:
    """Answer the epoch milliseconds of an RFC 3339 date-time, rounded down; None if it is not one.

    Up to nine digits of fraction; `Z` or an offset is needed, the offset's colon is not. A leap
    second is the first second of the next minute. Cost: about 1 µs.
    """
    text = text.upper()
    if _RFC_3339.fullmatch(text) is None:
        return None
    leap_ms = 0
    if text[17:19] == "60":  # datetime knows no leap seconds
        text, leap_ms = text[:17] + "59" + text[19:], 1000
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except ValueError:  # no such day, or an offset of a day or more
        return None
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000 + leap_ms
