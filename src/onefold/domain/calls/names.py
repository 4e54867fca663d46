"""Names of what happened, in the one form under which they are compared.

Source: Intilery contract, 7.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

TRACK: Final = "track"
"""The action of an event whose name has neither letter nor digit."""
EVENT: Final = "event"
"""The action of an event of another door that gives itself no type."""
PAGES: Final = ("page", "screen")
"""The actions of calls that may have names of their own."""

_OTHERS: Final = ("identify", "group", "alias")

_between = re.compile(r"[\W_]+").sub


def action_of_name(name: str) -> str:
    """The action of an event of this name: lower case, with one `_` for each run of characters that
    are neither letters nor digits, and none at the edges. `track` when nothing is left.

    An action is its own action. Cost: about 1 µs.
    """
    return _slug(name) or TRACK


def action_of(entity: dict[str, Any]) -> str:
    """The action of an event as an entity, whatever door it came through: that of its eventType,
    else `event`."""
    said = entity.get("eventType")
    return (_slug(said) if isinstance(said, str) else "") or EVENT


def shown_name(message: Mapping[str, Any], action: str) -> str:
    """The name by which the Segment Profile API shows an event: of a track call that of its event,
    of a page or screen call its own, if it has one; else the kind of the call.

    message: what timelines show of the event, whatever door it came through. action: its action.
    Unless the action is one of PAGES, it is that of the name. Source: Intilery contract, 14."""
    kind = message.get("type") or message.get("action")
    kind = kind.strip() if isinstance(kind, str) else action
    is_track = kind.lower() == TRACK
    if action in PAGES and not is_track:
        name = message.get("name")
    else:
        name = message.get("event") if is_track or action not in _OTHERS else None
    return name if isinstance(name, str) and name.strip() else kind


def _slug(name: str) -> str:
    return _between("_", name.lower()).strip("_")
