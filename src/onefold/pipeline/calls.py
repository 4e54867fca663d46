"""Calls on their way in: from what the journal keeps of a call to the entities that it brings, one
for each dataset of the account that it feeds.

The records of one call hold the same message and stand side by side, so what was understood last is
kept for the next. Source: Intilery contract, 7, 11 and 16.6.
"""

from __future__ import annotations

from collections.abc import Set
from hashlib import blake2b
from typing import Final

import msgspec

from onefold.domain.calls import call as calls
from onefold.domain.calls import entities
from onefold.domain.calls.call import Call, Understood
from onefold.domain.profile.partial import Operation
from onefold.errors import Rejected
from onefold.journal import Accepted
from onefold.store.tables.accounts import Account
from onefold.wire import JSON, decode_json

COMMANDS: Final = frozenset(("send_email", "send_sms", "send_print", "send_push", "start_journey"))
"""Actions that the platform itself knows. Source: Intilery contract, 16.5."""

SHOWN_MAX = 5
"""Names that a refusal tells of those that the plan does not have."""

_DIGEST_BYTES: Final = 16
_OF_SENDING: Final = ("sentAt", "sent_at", "receivedAt", "received_at", "writeKey")
"""What differs when a message is sent again."""

_TRACKING: Final = frozenset(("track", "page", "screen"))

_canonical = msgspec.json.Encoder(order="deterministic").encode


class CallMark(msgspec.Struct, frozen=True, gc=False):
    """Which call a record is of.

    digest: of what its sender said, whenever it was sent. previous_id: of alias calls. refused:
    number of the traits that its door must not set. unplanned: number of the names that the
    account's plan does not have. has_first: some trait counts only when nobody was known before.
    is_tracking: of what somebody did, or of the browser tag: it is kept out of those who do not
    want to be followed.
    """

    event_id: str
    type: calls.Kind
    digest: bytes
    previous_id: str = ""
    refused: int = 0
    unplanned: int = 0
    has_first: bool = False
    is_tracking: bool = False


class Brought(msgspec.Struct, frozen=True, gc=False):
    """What one record of a call brings. mark: None when the record was judged before."""

    entity: dict[str, JSON]
    operation: Operation
    mark: CallMark | None


class _Read(msgspec.Struct, frozen=True, gc=False):
    """One call, understood. unplanned: names that the plan does not have."""

    message: bytes
    received_ms: int
    call: Call
    said: Understood
    mark: CallMark | None
    unplanned: tuple[str, ...]


class Calls:
    """Reads the calls of one process. judged: as of Entities."""

    def __init__(self, *, judged: bool = False) -> None:
        self._judged = judged
        self._account: Account | None = None
        self._protected: frozenset[str] = frozenset()
        self._plan = _Plan()
        self._last: _Read | None = None

    def brought(self, accepted: Accepted, account: Account) -> Brought | None:
        """What the record brings; None when its dataset takes nothing of such a call, or is none of
        the account any more.

        Raises Rejected CAL-1001 to CAL-1012 and CAL-1015 as `understood` does, and CAL-1016.
        """
        if account is not self._account:
            self._account, self._last = account, None
            self._protected = frozenset(account.protected)
            self._plan = _Plan(frozenset(account.plan_events), frozenset(account.plan_traits))
        read = self._read(accepted, account)
        call, said = read.call, read.said
        entity: dict[str, JSON] | None = None
        operation: Operation = "stamp"
        if accepted.dataset == account.calls:
            entity, operation = entities.event_entity(said, call), "create"
        elif accepted.dataset == account.traits:
            entity = entities.traits_entity(said, call, accepted.received_ms)
        elif accepted.dataset == account.groups:
            entity = entities.group_entity(said, call, accepted.received_ms)
        if entity is None:
            return None
        if account.strict and read.unplanned and not self._judged:
            named = ", ".join(one[:64] for one in read.unplanned[:SHOWN_MAX])
            raise Rejected("CAL-1016", f"The plan does not have: {named}")
        return Brought(entity, operation, read.mark)

    def _read(self, accepted: Accepted, account: Account) -> _Read:
        last = self._last
        if (
            last is not None
            and last.message == accepted.message
            and last.received_ms == accepted.received_ms
        ):
            return last
        call = calls.decode(accepted.message)
        said = calls.understood(call, accepted.received_ms, self._protected)
        mark: CallMark | None = None
        unplanned: tuple[str, ...] = ()
        if not self._judged:
            if account.strict or self._plan.names_something:
                unplanned = self._plan.without(said)
            mark = CallMark(
                call.event_id,
                said.type,
                _digest(call, said),
                said.previous_id or "" if said.type == "alias" else "",
                len(said.refused),
                len(unplanned),
                said.campaign is not None,
                call.door == "tag" or (said.type in _TRACKING and said.action not in COMMANDS),
            )
        read = self._last = _Read(
            accepted.message, accepted.received_ms, call, said, mark, unplanned
        )
        return read


class _Plan(msgspec.Struct, frozen=True):
    """The names that an account expects. events: actions. Source: Intilery contract, 16.6."""

    events: Set[str] = frozenset()
    traits: Set[str] = frozenset()

    @property
    def names_something(self) -> bool:
        return bool(self.events or self.traits)

    def without(self, said: Understood) -> tuple[str, ...]:
        """The names in a call that the plan does not have: of the event of a track call that is no
        command, which the platform knows itself, and of traits."""
        events: tuple[str, ...] = ()
        if said.type == "track" and said.action not in self.events and said.action not in COMMANDS:
            events = (said.action,)
        traits = said.traits or {}
        return (*events, *[name for name in traits if name not in self.traits])


def event_id_of(message: bytes) -> str:
    """The event id of a call as the journal keeps it; empty when its message was taken out."""
    return calls.decode(message).event_id if message else ""


def _digest(call: Call, said: Understood) -> bytes:
    message = decode_json(bytes(call.message))
    for name in _OF_SENDING:
        message.pop(name, None)
    hashed = blake2b(said.type.encode(), digest_size=_DIGEST_BYTES)
    hashed.update(_canonical(message))
    return hashed.digest()
