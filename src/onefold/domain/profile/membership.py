"""Memberships in segments, as profiles bring them, and which of them an export asks for.

Source: profile contract, 9.1; segmentation contract, 9 and 13.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from onefold.domain.profile.event import timestamp_ms

FIELD = "segmentMembership"
STATUSES = ("realized", "existing", "exited")
MEMBERS = ("realized", "existing")
"""The statuses of whoever is a member now."""


class Segment(msgspec.Struct, frozen=True):
    """One segment, and in which statuses its profiles are wanted. namespace: in any case."""

    id: str
    namespace: str = "ups"
    statuses: tuple[str, ...] = MEMBERS


class MembershipFilter(msgspec.Struct, frozen=True):
    """Which profiles are wanted by their memberships. segments: those of any of them; none at all
    stands for all segments. start_ms, end_ms: bounds of when the status began, both inclusive."""

    segments: tuple[Segment, ...] = ()
    start_ms: int | None = None
    end_ms: int | None = None

    @property
    def asks(self) -> bool:
        """Whether anybody is left out."""
        return bool(self.segments) or self.start_ms is not None or self.end_ms is not None

    def matching(self, attributes: Mapping[str, Any]) -> list[int]:
        """The positions among `segments` of those that a merged profile fulfils; without segments,
        0 when any membership of it does."""
        found = _by_namespace(attributes.get(FIELD))
        if not self.segments:
            every = (entry for entries in found.values() for entry in entries.values())
            return [0] if any(self._fits(entry, MEMBERS) for entry in every) else []
        return [
            position
            for position, segment in enumerate(self.segments)
            if self._fits(
                found.get(segment.namespace.lower(), {}).get(segment.id), segment.statuses
            )
        ]

    def _fits(self, entry: Any, statuses: tuple[str, ...]) -> bool:
        if not isinstance(entry, dict) or entry.get("status", "realized") not in statuses:
            return False
        if self.start_ms is None and self.end_ms is None:
            return True
        said = entry.get("lastQualificationTime")
        at_ms = timestamp_ms(said) if isinstance(said, str) else None
        return (
            at_ms is not None
            and (self.start_ms is None or at_ms >= self.start_ms)
            and (self.end_ms is None or at_ms <= self.end_ms)
        )


def _by_namespace(memberships: Any) -> dict[str, dict[str, Any]]:
    """Entries by segment, by namespace in lower case; what has another form names nobody."""
    found: dict[str, dict[str, Any]] = {}
    for namespace, entries in _items(memberships):
        if isinstance(entries, dict):
            found.setdefault(namespace.lower(), {}).update(entries)
    return found


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
