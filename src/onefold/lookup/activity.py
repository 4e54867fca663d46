"""Activity: through which edge region a person was seen last, told from the person's events.

An installation is one region. When that has a name, every event counts as seen there, the way an
edge network would note it. Source: profile contract, 3.2, `userActivityRegions`, and 11.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.event import timestamp_ms
from onefold.effects import Clock
from onefold.store.engine import Reader
from onefold.store.tables import events
from onefold.wire import iso_seconds

REMEMBERED_MS = 14 * 86_400_000
"""How long a region remembers a person after the last event."""


class Activity:
    """The region of an installation."""

    def __init__(self, region: str, clock: Clock) -> None:
        self._region = region
        self._clock = clock

    def added(self, reader: Reader, xids: Sequence[Xid], attributes: dict[str, Any]) -> None:
        """Put the newest event's time under the region's name, unless a record tells of a later
        one. Cost: one read of an index for each identity."""
        newest_ms = events.newest_ms(reader, xids)
        if newest_ms is None or newest_ms <= self._clock.now_ms() - REMEMBERED_MS:
            return
        regions = attributes.get("userActivityRegions")
        known = regions if isinstance(regions, Mapping) else {}
        told_ms = _captured_ms(known.get(self._region))
        if told_ms is None or told_ms < newest_ms:
            captured = {"captureTimestamp": iso_seconds(newest_ms)}
            attributes["userActivityRegions"] = {**known, self._region: captured}


def _captured_ms(entry: Any) -> int | None:
    told = entry.get("captureTimestamp") if isinstance(entry, Mapping) else None
    return timestamp_ms(told) if isinstance(told, str) else None
