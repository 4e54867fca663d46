"""Bodies of the doors of calls: one message, or a batch of them, taken apart and not yet judged.

Source: Intilery contract, 10.2, 12.2 and 13.1.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from onefold.domain.calls.message import CREDENTIALS, NOTHING, mended, message_id_of
from onefold.errors import Malformed

ITEMS_MAX: Final = 2_500
"""Calls of one batch."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """What a door has to know of a message before it is judged. message_id: None for none, and for
    one that is not usable. write_key: empty for none."""

    message_id: str | None
    write_key: str
    sent_at: Any = None


class Batch(msgspec.Struct, frozen=True):
    """A body with `batch`. context: NOTHING for none. sent_at: as sent. write_key: the root's,
    empty for none."""

    items: list[msgspec.Raw]
    context: msgspec.Raw
    sent_at: Any
    write_key: str


class _Root(msgspec.Struct, frozen=True):
    batch: Any = None
    context: msgspec.Raw = NOTHING
    sent_at: Any = msgspec.field(name="sentAt", default=None)
    write_key: Any = msgspec.field(name="writeKey", default=None)


class _Items(msgspec.Struct, frozen=True):
    batch: list[msgspec.Raw]


class _Head(msgspec.Struct, frozen=True):
    message_id: Any = msgspec.field(name="messageId", default=None)
    other_id: Any = msgspec.field(name="message_id", default=None)
    write_key: Any = msgspec.field(name="writeKey", default=None)
    sent_at: Any = msgspec.field(name="sentAt", default=None)


_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_decode_root = msgspec.json.Decoder(_Root).decode
_decode_items = msgspec.json.Decoder(_Items).decode
_decode_head = msgspec.json.Decoder(_Head).decode


def batch_of(body: bytes) -> Batch:
    """A body with `batch`, taken apart: the items as they were sent, whatever they are.

    All of the body is looked at, so that what is accepted of it can be read again later; halves of
    characters are put right (`message.mended`), since a batch is not refused for one call. Raises
    Malformed API-1003 when it is not a well-formed JSON object; CAL-2001 when `batch` is not an
    array of 1 to ITEMS_MAX items, or `context` not an object.
    """
    try:
        try:
            root = _decode_root(body)
        except ValueError:
            body = mended(body)
            root = _decode_root(body)
        if not isinstance(root.batch, list) or not root.batch:
            raise Malformed("CAL-2001", "batch must be an array of calls", at="/batch")
        if len(root.batch) > ITEMS_MAX:
            raise Malformed("CAL-2001", f"A batch has at most {ITEMS_MAX} calls", at="/batch")
        items = _decode_items(body).batch
    except (ValueError, RecursionError) as bad:
        raise Malformed("API-1003", "The body is not a well-formed JSON object") from bad
    context = bytes(root.context).strip()
    if context != b"null" and not context.startswith(b"{"):
        raise Malformed("CAL-2001", "context is not an object", at="/context")
    return Batch(
        items,
        NOTHING if context == b"null" else msgspec.Raw(context),
        root.sent_at,
        root.write_key if isinstance(root.write_key, str) else "",
    )


def head_of(message: msgspec.Raw | bytes) -> Head:
    """What a message says of itself; nothing when it is no object. Never raises."""
    try:
        head = _decode_head(message)
    except (ValueError, RecursionError):
        return Head(None, "")
    return Head(
        message_id_of(head.message_id, head.other_id),
        head.write_key if isinstance(head.write_key, str) else "",
        head.sent_at,
    )


def without_keys(message: msgspec.Raw) -> msgspec.Raw:
    """The message without the keys of its sender, so that no journal and no failed record holds
    them. Messages that are no objects come back as they are."""
    try:
        value = _decode(bytes(message))
    except (ValueError, RecursionError):
        return message
    if type(value) is not dict or not any(name in value for name in CREDENTIALS):
        return message
    return msgspec.Raw(
        _encode({name: said for name, said in value.items() if name not in CREDENTIALS})
    )
