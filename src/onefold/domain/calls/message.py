"""A call's message, part by part: objects, ids, and the limits of both.

Source: Intilery contract, 10.1, 11.12 and 13.2.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from onefold.errors import Malformed, OverLimit

NOTHING: Final = msgspec.Raw(b"null")
"""The context or the integrations of a batch that has none."""
MESSAGE_BYTES_MAX: Final = 32_768
"""Longest message, in bytes of its JSON as it was sent."""
EVENT_BYTES_MAX: Final = 131_072
"""Longest event that a call becomes: message and context of the batch, and what is added."""
DEPTH_MAX: Final = 100
"""Levels of nesting in a message, as in those of the other doors."""
KEYS_MAX: Final = 300
"""Traits or properties of one message."""
ID_BYTES_MAX: Final = 512
"""Longest id, in bytes of UTF-8."""
MESSAGE_ID_CHARS_MAX: Final = 100
CREDENTIALS: Final = ("writeKey", "write_key", "auth-token", "authToken")
"""Keys of a message that are the sender's own, and never shown."""

_SPELLINGS: Final = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "groupId": "group_id",
    "previousId": "previous_id",
    "messageId": "message_id",
}
"""What some senders write instead."""

_HALVES: Final = re.compile(
    rb"((?:\\\\)+|\\u[dD][89abAB][\dA-Fa-f]{2}\\u[dD][c-fC-F][\dA-Fa-f]{2})"
    rb"|\\u[dD][89a-fA-F][\dA-Fa-f]{2}"
)
"""Escapes of JSON of a half of a surrogate pair whose other half is missing; what only looks like
one, as group 1."""
_UNKNOWN: Final = rb"\ufffd"

_decode = msgspec.json.Decoder().decode


def message_of(sent: msgspec.Raw) -> dict[str, Any]:
    """The message, decoded. Raises OverLimit CAL-1009 when it is too long, Malformed CAL-1001 when
    it is not a JSON object or nested too deeply."""
    return _object_of(sent, "The message")


def mended(sent: bytes) -> bytes:
    """JSON without escapes of half a character: U+FFFD takes their place. They come of texts that
    somebody cut, JSON has them, and no UTF-8 does: one of them must not spoil a whole batch."""
    return _HALVES.sub(lambda found: found[1] or _UNKNOWN, sent)


def outer_of(said: msgspec.Raw, name: str) -> dict[str, Any]:
    """What a batch says of this name around its calls, decoded; empty for null. Raises as
    `message_of` does."""
    if bytes(said) == b"null":
        return {}
    return _object_of(said, f"The batch's {name}")


def object_at(message: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The object of this name; None when it is absent or null. Raises Malformed CAL-1005."""
    value = message.get(name)
    if value is None or type(value) is dict:
        return value
    raise Malformed("CAL-1005", f"{name} is not an object", at=f"/{name}")


def limited(values: dict[str, Any] | None, name: str) -> None:
    """Raise OverLimit CAL-1007 for more traits or properties than a message may have."""
    if values is not None and len(values) > KEYS_MAX:
        raise OverLimit("CAL-1007", f"More than {KEYS_MAX} {name}", at=f"/{name}")


def id_at(message: dict[str, Any], name: str) -> str | None:
    """The id of this name, trimmed; None when it is missing or blank. Another spelling counts when
    the right one is missing; the message then gets the right one. Integers become their decimal
    text. Raises Malformed CAL-1005 for other types. How long it is, is not judged."""
    text = _text(message.get(name), name)
    if text is None:
        text = _text(message.get(_SPELLINGS[name]), name)
    if text is not None:
        message[name] = text
    return text


def short(text: str | None, name: str) -> str | None:
    """The id, if it is not too long. Raises OverLimit CAL-1010."""
    # A character has at most four bytes: most ids need not be encoded.
    if text is not None and len(text) * 4 > ID_BYTES_MAX and len(text.encode()) > ID_BYTES_MAX:
        raise OverLimit("CAL-1010", f"{name} has more than {ID_BYTES_MAX} bytes", at=f"/{name}")
    return text


def message_id_at(message: dict[str, Any]) -> str | None:
    """The messageId, None for none. Raises Malformed CAL-1005, OverLimit CAL-1008."""
    text = id_at(message, "messageId")
    if text is not None and len(text) > MESSAGE_ID_CHARS_MAX:
        raise OverLimit(
            "CAL-1008",
            f"messageId has more than {MESSAGE_ID_CHARS_MAX} characters",
            at="/messageId",
        )
    return text


def message_id_of(said: Any, other: Any) -> str | None:
    """The same of the two spellings' values, without raising: None when it is not usable."""
    try:
        return message_id_at({"messageId": said, "message_id": other})
    except (Malformed, OverLimit):
        return None


def is_given(value: Any) -> bool:
    """Whether a value names something: a text that is not blank, or an integer."""
    return type(value) is int or (type(value) is str and value.strip() != "")


def _text(value: Any, name: str) -> str | None:
    if type(value) is str:
        return value.strip() or None
    if type(value) is int:
        return str(value)
    if value is None:
        return None
    raise Malformed("CAL-1005", f"{name} is neither a string nor an integer", at=f"/{name}")


def _object_of(sent: msgspec.Raw, what: str) -> dict[str, Any]:
    raw = bytes(sent)
    if len(raw) > MESSAGE_BYTES_MAX:
        raise OverLimit("CAL-1009", f"{what} has more than {MESSAGE_BYTES_MAX} bytes")
    try:
        value = _decode(raw)
    except msgspec.ValidationError as bad:  # nothing else can be wrong with a value of any type
        raise Malformed("CAL-1001", f"{what} has a number that is out of range") from bad
    except ValueError as bad:
        raise Malformed("CAL-1001", f"{what} is not well-formed JSON") from bad
    except RecursionError as bad:
        raise Malformed("CAL-1001", f"{what} is nested deeper than {DEPTH_MAX} levels") from bad
    if type(value) is not dict:
        raise Malformed("CAL-1001", f"{what} is not an object")
    if raw.count(b"{") + raw.count(b"[") > DEPTH_MAX and _depth(value) > DEPTH_MAX:
        raise Malformed("CAL-1001", f"{what} is nested deeper than {DEPTH_MAX} levels")
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        deeper: list[Any] = []
        for one in level:
            inner = one.values() if type(one) is dict else one
            deeper += [v for v in inner if type(v) is dict or type(v) is list]
        level = deeper
    return depth
