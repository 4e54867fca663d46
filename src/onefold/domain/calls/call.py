"""A call: one message of the Segment or Intilery dialect, as the journal keeps it and as it is
understood.

The door takes a message as it came; what it means follows from the message, the door and the time
of receipt alone. So the door can answer at once what the pipeline will find later, and a message
that failed can be sent again as it is.
Source: Intilery contract, 7.2, 10, 11, 12, 13 and 16.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from onefold.domain.calls import message, parts, times
from onefold.domain.calls.message import NOTHING
from onefold.domain.calls.names import action_of_name
from onefold.errors import Malformed

INLET: Final = "calls"
"""The inlet of every call in the journal."""

Kind = Literal["identify", "track", "page", "screen", "group", "alias"]
CALLS: Final[Mapping[str, Kind]] = {
    "identify": "identify",
    "track": "track",
    "page": "page",
    "screen": "screen",
    "group": "group",
    "alias": "alias",
}
"""The kinds of calls, by name."""

Door = Literal["write", "tag", "mobile", "segment", "import", "preferences"]
"""Where a call came in. write: the Intilery write API. tag, mobile: write-key endpoints of browsers
and phones. segment, import: /v1. preferences: the marketing preferences of one customer."""

SOURCES: Final[Mapping[str, str]] = {
    "write": "SEGMENT_API",
    "tag": "SEGMENT_API",
    "mobile": "SEGMENT_API",
    "segment": "SEGMENT_API",
    "import": "SEGMENT_API",
    "preferences": "PREFERENCES",
}
"""The `source` of events, by door. Source: Intilery contract, 7.1."""

GROUP_ID_CHARS_MAX: Final = 500
"""Longest groupId on the doors of Segment's dialect; on the others it is an id like all."""

WORDS: Final[Mapping[str, str]] = {
    "CAL-1001": "invalid_message",
    "CAL-1002": "no_user_anon_id",
    "CAL-1003": "no_event_name",
    "CAL-1004": "invalid_group_id",
    "CAL-1005": "invalid_type",
    "CAL-1006": "invalid_timestamp",
    "CAL-1007": "too_many_properties",
    "CAL-1008": "message_id_too_long",
    "CAL-1009": "message_too_large",
    "CAL-1010": "id_too_long",
    "CAL-1011": "event_contradicts_route",
    "CAL-1012": "command_incomplete",
    "CAL-1013": "alias_of_two_users",
    "CAL-1014": "suppressed",
    "CAL-1015": "no_previous_id",
    "CAL-1016": "not_in_plan",
    "REC-1001": "invalid_record",
    "REC-1002": "no_identity",
    "REC-1003": "unknown_namespace",
    "REC-1006": "record_too_large",
    "REC-1007": "no_dataset",
    "REC-1009": "unusable_id",
    "REC-1010": "not_for_profile",
    "REC-2001": "several_users",
    "REC-2002": "several_identities",
    "REC-9001": "internal_server_error",
}
"""What the dialects call each fault of a call: those that the door finds, too, and those that only
the pipeline can find."""

_BY_ROUTE: Final = frozenset(("write", "preferences"))
"""Doors whose route says what kind of call it is; on the others the message's `type` does."""
_BROWSERS_AND_PHONES: Final = frozenset(("tag", "mobile"))
_WITH_WRITE_KEY: Final = frozenset(("tag", "mobile", "segment", "import"))
_OWN_CLOCKS: Final = frozenset(("tag", "mobile", "segment"))
"""Doors whose senders' clocks are corrected. The others take any time as it is said."""
_OF_TRAITS: Final = frozenset(("identify", "group"))
_CAMPAIGN: Final = "campaign"
REGISTERED: Final = ("deviceId", "fcmToken", "deviceType")
"""What a push registration says. Source: Intilery contract, 12.9."""
_SENDS: Final = frozenset(("send_email", "send_sms", "send_print", "send_push"))
_START_JOURNEY: Final = "start_journey"
_AS_SENT: Final = ("message", "context", "integrations")
_VERSION: Final = 2
"""Of the form of messages, as Segment's own ingestion writes it."""


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message as it was accepted: what the journal keeps of a call.

    brand: in canonical case. event_id: of the event that it becomes; may be empty while it is only
    judged. message: as sent. call: the kind that the route says, empty when the message has to say
    it (items of batches). sent_at, context, integrations: of the batch around it, as sent; NOTHING
    for none. ip: the sender's address. context_traits: whether the `context.traits` of a track call
    change the sender's traits; it is kept with the call, so that the call means the same for ever.
    """

    door: Door
    brand: str
    event_id: str
    message: msgspec.Raw
    call: str = ""
    sent_at: Any = None
    context: msgspec.Raw = NOTHING
    ip: str = ""
    context_traits: bool = False
    integrations: msgspec.Raw = NOTHING

    @property
    def source(self) -> str:
        """The word that events show as their source."""
        return SOURCES[self.door]


class Understood(msgspec.Struct, frozen=True, gc=False):
    """What a call says.

    user_id, anonymous_id: at least one is there. group_id: of a group call. previous_id: of an
    alias call. device_id: of a push registration. at_ms: when it happened, by our clock. action:
    the normalised name; event: the name as sent, of track calls only. raw: the message as events
    show it (rawData). traits: what changes, null for removal: the person's for identify and push
    registrations, the group's for group; None for calls that change none. campaign: `context.
    campaign`, if there is one. active: false when the sender says that the person did nothing.
    warnings: words for what was put right. refused: traits that this door must not set, left out
    of `traits`. has_keys: the message holds keys of its sender's, which `raw` does not. Values are
    shared with `raw`: read only.
    """

    type: Kind
    user_id: str | None
    anonymous_id: str | None
    group_id: str | None
    previous_id: str | None
    device_id: str | None
    at_ms: int
    action: str
    event: str
    raw: dict[str, Any]
    traits: dict[str, Any] | None
    campaign: dict[str, Any] | None
    active: bool
    message_id: str | None
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    has_keys: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Call).decode


def encode(call: Call) -> bytes:
    """The call as the journal keeps it."""
    return _encode(call)


def decode(kept: bytes) -> Call:
    """A call from the journal. Raises Malformed CAL-1001 for bytes that are none."""
    try:
        try:
            return _decode(kept)
        except RecursionError:
            return _decode_deep(kept)
    except (ValueError, RecursionError) as bad:
        raise Malformed("CAL-1001", "What was kept of the call cannot be read") from bad


def _decode_deep(kept: bytes) -> Call:
    """A call of which a part is nested deeper than can be decoded."""
    said = parts.members(kept)
    as_sent = {name: msgspec.Raw(said.pop(name)) for name in _AS_SENT if name in said}
    call = _decode(parts.joined({"message": b"null", **said}))
    return msgspec.structs.replace(call, **as_sent)


def understood(call: Call, received_ms: int, protected: frozenset[str] = frozenset()) -> Understood:
    """What a call says, or why it cannot be taken.

    protected: names of traits that calls with a write key must not set.

    Raises Malformed CAL-1001 (not an object), CAL-1002 (no id), CAL-1003 (track without a name),
    CAL-1004 (groupId), CAL-1005 (a part of a wrong type), CAL-1006 (timestamp, on the write door;
    elsewhere the time of receipt is taken), CAL-1011 (the event contradicts the route), CAL-1012
    (an incomplete command), CAL-1015 (alias without previousId); OverLimit CAL-1007, CAL-1008,
    CAL-1009, CAL-1010 (too many traits or properties, too long). Cost: about 20 µs for 1 KB.
    Source: Intilery contract, 10.1, 11.10, 13.2, 13.6 and 16.5.
    """
    raw = message.message_of(call.message)
    context, ignored = _context(call, raw)
    has_keys = False
    for name in message.CREDENTIALS:
        if name in raw:
            del raw[name]
            has_keys = True
    message_id = message.message_id_at(raw)
    user_id = message.short(message.id_at(raw, "userId"), "userId")
    anonymous_id = message.short(message.id_at(raw, "anonymousId"), "anonymousId")
    kind = _kind(call, raw)
    if user_id is None and anonymous_id is None:
        raise Malformed("CAL-1002", "userId must not be empty", at="/userId")
    event = _event(raw) if kind == "track" else ""
    group_id = _group_id(call.door, raw) if kind == "group" else None
    previous_id = _previous_id(raw) if kind == "alias" else None
    device_id, traits = _traits(call, kind, raw, context)
    campaign = context.get(_CAMPAIGN)
    if type(campaign) is not dict or not campaign:
        campaign = None
    refused = _refused(call.door, kind, traits, campaign, protected)
    if traits and refused and kind != "group":
        traits = {name: value for name, value in traits.items() if name not in protected}
    if _CAMPAIGN in refused:
        campaign = None
    at_ms, warnings = _timed(call, raw, received_ms)
    if raw.get("action") is None:
        raw["action"] = kind
    return Understood(
        kind,
        user_id,
        anonymous_id,
        group_id,
        previous_id,
        device_id,
        at_ms,
        action_of_name(event) if kind == "track" else kind,
        event,
        raw,
        traits,
        campaign,
        context.get("active") is not False,
        message_id,
        (*ignored, *warnings),
        refused,
        has_keys,
    )


def records(u: Understood) -> list[Literal["calls", "traits", "groups"]]:
    """Which of an account's datasets a call feeds, in order. `calls` first, always."""
    fed: list[Literal["calls", "traits", "groups"]] = ["calls"]
    if u.type == "group":
        fed += ("traits", "groups")
    elif u.traits or u.campaign:
        fed.append("traits")
    return fed


def _kind(call: Call, raw: dict[str, Any]) -> Kind:
    """Source: Intilery contract, 10.1 (rule 1), 10.2.3 and 12.2."""
    route = CALLS.get(call.call)
    if route is not None and call.door in _BY_ROUTE:
        if route in ("identify", "page"):
            event = raw.get("event")
            if event is not None and _named(event) != route:
                raise Malformed("CAL-1011", f"event is not {route}", at="/event")
        return route
    said = _named(raw.get("type"))
    if said is None and route is not None:
        return route
    return said or _named(raw.get("action")) or _named(raw.get("event")) or "track"


def _named(said: Any) -> Kind | None:
    return CALLS.get(said.strip().lower()) if type(said) is str else None


def _event(raw: dict[str, Any]) -> str:
    event = raw.get("event")
    if event is not None and type(event) is not str:
        raise Malformed("CAL-1005", "event is not a string", at="/event")
    if not event or event.isspace():
        raise Malformed("CAL-1003", "A track call needs an event", at="/event")
    return event.strip()


def _group_id(door: Door, raw: dict[str, Any]) -> str:
    group_id = message.id_at(raw, "groupId")
    if group_id is None:
        raise Malformed("CAL-1004", "A group call needs a groupId", at="/groupId")
    if door in _BY_ROUTE:
        message.short(group_id, "groupId")
    elif len(group_id) > GROUP_ID_CHARS_MAX:
        raise Malformed(
            "CAL-1004", f"groupId has more than {GROUP_ID_CHARS_MAX} characters", at="/groupId"
        )
    return group_id


def _previous_id(raw: dict[str, Any]) -> str:
    previous_id = message.short(message.id_at(raw, "previousId"), "previousId")
    if previous_id is None:
        raise Malformed("CAL-1015", "An alias call needs a previousId", at="/previousId")
    return previous_id


def _context(call: Call, raw: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The message's context with that of the batch below it and, where the sender is a person's own
    device, its address; the batch's integrations where the message has none. Written into the
    message. Also the names of what the batch says there and is ignored, since it is no object.

    Source: Intilery contract, 7.2, 10.2.1, 12.5 and 13.4."""
    context = message.object_at(raw, "context") or {}
    changed, ignored = False, _ignored(call)
    outer = {} if "context" in ignored else message.outer_of(call.context, "context")
    if raw.get("integrations") is None and "integrations" not in ignored:
        around = message.outer_of(call.integrations, "integrations")
        if around:
            raw["integrations"] = around
    if outer:
        context, changed = {**outer, **context}, True
    shown = call.door in _BROWSERS_AND_PHONES or context.get("direct") is True
    if call.ip and shown and context.get("ip") is None:
        context["ip"], changed = call.ip, True
    if changed:
        raw["context"] = context
    return context, ignored


def _ignored(call: Call) -> tuple[str, ...]:
    """What a batch says for all of its calls and is no object. One call's context that is none is
    its fault, a batch's would be that of all; the write door refuses such a batch."""
    around = (("context", call.context), ("integrations", call.integrations))
    return tuple(
        [
            name
            for name, said in around
            if said is not NOTHING and bytes(said)[:1] not in (b"{", b"n")
        ]
    )


def _traits(
    call: Call, kind: Kind, raw: dict[str, Any], context: dict[str, Any]
) -> tuple[str | None, dict[str, Any] | None]:
    """Device and traits that a call says; its command, if it is one, is whole."""
    values = _values(kind, raw)
    if kind == "identify" and values is None and call.door not in _BY_ROUTE:
        # RudderStack's libraries say traits there, and nowhere else.
        values = message.object_at(context, "traits")
        message.limited(values, "traits")
    if kind == "track":
        _require_command(raw["event"].strip(), raw, values)
        device_id, registered = _registration(raw, values)
        said = _said_besides(context) if call.context_traits else None
        return device_id, {**said, **(registered or {})} if said else registered
    return None, (values or {}) if kind in _OF_TRAITS else None


def _said_besides(context: dict[str, Any]) -> dict[str, Any] | None:
    """The traits that a track call's context says. Source: Intilery contract, 11.11."""
    traits = context.get("traits")
    if type(traits) is not dict:
        return None
    message.limited(traits, "traits")
    return traits


def _values(kind: Kind, raw: dict[str, Any]) -> dict[str, Any] | None:
    if kind == "alias":
        return None
    name = "traits" if kind in _OF_TRAITS else "properties"
    values = message.object_at(raw, name)
    message.limited(values, name)
    return values


def _require_command(event: str, raw: dict[str, Any], properties: dict[str, Any] | None) -> None:
    """Raise Malformed CAL-1012 for a command that does not say what it commands."""
    command = event.lower()
    if command in _SENDS:
        if not message.is_given(raw.get("assetId")):
            raise Malformed("CAL-1012", f"{command} needs an assetId", at="/assetId")
    elif command == _START_JOURNEY and not message.is_given(
        (properties or {}).get("journeyIdToTrigger")
    ):
        at = "/properties/journeyIdToTrigger"
        raise Malformed("CAL-1012", f"{command} needs journeyIdToTrigger", at=at)


def _registration(
    raw: dict[str, Any], properties: dict[str, Any] | None
) -> tuple[str | None, dict[str, Any] | None]:
    """Device and traits of a push registration, which any event is that carries deviceId and
    fcmToken, at its root or among its properties. Source: Intilery contract, 12.9."""
    for said in (raw, properties):
        if said and "fcmToken" in said and message.is_given(said.get("deviceId")):
            device_id = str(said["deviceId"]).strip()
            if len(device_id.encode()) <= message.ID_BYTES_MAX:
                return device_id, {name: said[name] for name in REGISTERED if name in said}
    return None, None


def _refused(
    door: Door,
    kind: Kind,
    traits: dict[str, Any] | None,
    campaign: dict[str, Any] | None,
    protected: frozenset[str],
) -> tuple[str, ...]:
    """The person's traits that this door must not set. Source: Intilery contract, 11.10."""
    if not protected or door not in _WITH_WRITE_KEY:
        return ()
    named = dict.fromkeys(traits or () if kind in ("identify", "track") else ())
    if campaign is not None:
        named[_CAMPAIGN] = None
    return tuple([name for name in named if name in protected])


def _timed(call: Call, raw: dict[str, Any], received_ms: int) -> tuple[int, tuple[str, ...]]:
    """When the call happened, written into the message, and words for what was put right.

    Source: Intilery contract, 7.2, 13.4 and 13.6.
    """
    said, original = raw.get("timestamp"), raw.get("originalTimestamp")
    said_ms, unread = times.read(said), said is not None
    if said_ms is not None:
        unread = False
    elif call.door in _BY_ROUTE:
        if unread:
            raise Malformed("CAL-1006", "timestamp cannot be read", at="/timestamp")
    else:
        said_ms = times.read(original)
        unread = unread or (original is not None and said_ms is None)
    warnings: tuple[str, ...] = ("timestamp",) if unread else ()
    if said_ms is None:
        at_ms = received_ms
    elif call.door in _OWN_CLOCKS:
        sent = raw.get("sentAt") if call.sent_at is None else call.sent_at
        sent_ms = times.read(sent)
        if sent is not None and sent_ms is None:
            warnings += ("sentAt",)
        at_ms = times.corrected(said_ms, sent_ms, received_ms)
    else:
        at_ms = min(said_ms, received_ms)  # nothing could ever outdo a trait of a time to come
    at = times.written(at_ms)
    raw["timestamp"] = at
    if original is None and said is not None and said != at:
        raw["originalTimestamp"] = said
    if call.door not in _BY_ROUTE:
        if "receivedAt" in raw:
            raw["receivedAt"] = times.written(received_ms)
        if "version" in raw:
            raw["version"] = _VERSION
    return at_ms, warnings
