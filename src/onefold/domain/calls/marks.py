"""Marks: what timelines are filtered by, of any event of an account, whatever door it came through;
and what a call's message says of where its event belongs.

Source: Intilery contract, 7.3, 7.4, 8 and 13.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from onefold.domain.calls.computed import ComputedTrait, taken
from onefold.domain.calls.message import ID_BYTES_MAX
from onefold.domain.calls.names import action_of
from onefold.domain.calls.namespaces import GROUP
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import NamespaceBook


class Mark(NamedTuple):
    """Of one event. active: whether somebody was there. group: the XID of the group that it is tied
    to; None for none. taken: (id, JSON) of what computed traits take of it."""

    action: str
    brand: str
    active: bool
    group: Xid | None
    taken: tuple[tuple[str, str], ...] = ()


def mark_of(
    entity: dict[str, Any],
    brand: str,
    namespaces: NamespaceBook,
    computed: Sequence[ComputedTrait] = (),
) -> Mark:
    """The mark of an event as an entity. brand: of events that name none. computed: the traits that
    may take something of it."""
    said = entity.get("_onefold")
    said = said if isinstance(said, dict) else {}
    own = said.get("brand")
    action, message = action_of(entity), message_in(entity)
    return Mark(
        action,
        own if isinstance(own, str) and own else brand,
        said.get("active") is not False,
        _group(message, namespaces),
        taken(computed, message, action) if computed else (),
    )


def group_of(message: Mapping[str, Any]) -> str | None:
    """The id of the group that a call's message ties its event to: its `groupId`, else that of its
    context, trimmed, of 1 to 512 bytes. None when there is none. It makes nobody one of the group:
    only `group` calls do.

    Source: Intilery contract, 10.1 (rule 3) and 13.4."""
    context = message.get("context")
    said = [message.get("groupId"), message.get("group_id")]
    if isinstance(context, dict):
        said.append(context.get("groupId"))
    return next((text for value in said if (text := _id(value)) is not None), None)


def stays_here(message: Mapping[str, Any]) -> bool:
    """Whether a call's message wants its event to go nowhere else: `integrations` with a false
    `All`, and none that is named true or with options. Source: Intilery contract, 13.4."""
    wanted = message.get("integrations")
    if not isinstance(wanted, dict) or wanted.get("All") is not False:
        return False
    return not any(value is True or isinstance(value, dict) for value in wanted.values())


def message_in(entity: Mapping[str, Any]) -> dict[str, Any] | None:
    """The message of the call that an event came of; None for events of other doors."""
    said = entity.get("_onefold")
    message = said.get("call") if isinstance(said, dict) else None
    return message if isinstance(message, dict) else None


def _group(message: dict[str, Any] | None, namespaces: NamespaceBook) -> Xid | None:
    group_id = group_of(message) if message is not None else None
    if group_id is None:
        return None
    namespace = namespaces.by_key(GROUP)
    return xids.encode(namespace.id, group_id) if namespace is not None else None


def _id(value: Any) -> str | None:
    if type(value) is int:
        value = str(value)
    text = value.strip() if type(value) is str else ""
    return text if text and len(text.encode()) <= ID_BYTES_MAX else None
