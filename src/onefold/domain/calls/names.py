"""Names of what happened, in the one form under which they are compared.

Source: Intilery contract, 7.3.
"""

from __future__ import annotations

import re
from typing import Any, Final

TRACK: Final = "track"
"""The action of an event whose name has neither letter nor digit."""
EVENT: Final = "event"
"""The action of an event of another door that gives itself no type."""

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


def _slug(name: str) -> str:
    return _between("_", name.lower()).strip("_")
