"""Marks: what timelines are filtered by, of any event of an account, whatever door it came through.

Source: Intilery contract, 7.3, 7.4 and 8.
"""

from __future__ import annotations

from typing import Any

from onefold.domain.calls.names import action_of


def mark_of(entity: dict[str, Any], brand: str) -> tuple[str, str, bool]:
    """(action, brand, whether somebody was there) of an event as an entity. brand: of events that
    name none."""
    said = entity.get("_onefold")
    said = said if isinstance(said, dict) else {}
    own = said.get("brand")
    return (
        action_of(entity),
        own if isinstance(own, str) and own else brand,
        said.get("active") is not False,
    )
