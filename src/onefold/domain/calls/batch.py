"""Bodies of the doors of calls: one message, or a batch of them, taken apart and not yet judged.

Source: Intilery contract, 10.2, 12.2 and 13.1.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from onefold.domain.calls import parts
from onefold.domain.calls.message import CREDENTIALS, NOTHING, mended, message_id_of
from onefold.errors import Malformed

ITEMS_MAX: Final = 2_500
"""Calls of one batch."""
SENT_AT_CHARS_MAX: Final = 64
"""Longest `sentAt`: it is kept with every call of its batch."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """What a door has to know of a message before it is judged. message_id: None for none, and for
    one that is not usable. write_key: empty for none."""

    message_id: str | None
    write_key: str
    sent_at: Any = None


class Batch(msgspec.Struct, frozen=True):
    """A body with `batch`. context, integrations: as sent, whatever they are; NOTHING for none.
    sent_at: as sent, empty for what can be no time. write_key: the root's, empty for none."""

    items: list[msgspec.Raw]
    context: msgspec.Raw = NOTHING
    sent_at: Any = None
    write_key: str = ""
    integrations: msgspec.Raw = NOTHING


class _Root(msgspec.Struct, frozen=True):
    batch: Any = None
    context: msgspec.Raw = NOTHING
    integrations: msgspec.Raw = NOTHING
    sent_at: Any = msgspec.field(name="sentAt", default=None)
    write_key: Any = msgspec.field(name="writeKey", default=None)


class _Items(msgspec.Struct, frozen=True):
    batch: list[msgspec.Raw]


class _Head(msgspec.Struct, frozen=True):
    message_id: Any = msgspec.field(name="messageId", default=None)
    other_id: Any = msgspec.field(name="message_id", default=None)
    write_key: Any = msgspec.field(name="writeKey", default=None)
    sent_at: Any = msgspec.field(name="sentAt", default=None)


_HEAD: Final = ("messageId", "message_id", "writeKey", "sentAt")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_decode_root = msgspec.json.Decoder(_Root).decode
_decode_items = msgspec.json.Decoder(_Items).decode
_decode_head = msgspec.json.Decoder(_Head).decode


def batch_of(body: bytes) -> Batch:
    """A body with `batch`, taken apart: the items as they were sent, whatever they are.

    All of the body is looked at, so that what is accepted of it can be read again later. A batch is
    not refused for one call: halves of characters are put right (`message.mended`), and an item
    that is JSON but cannot be decoded is an item like others, with a fault. Raises Malformed
    API-1003 when the body is not a well-formed JSON object; CAL-2001 when `batch` is not an array
    of at most ITEMS_MAX items.
    """
    try:
        try:
            root = _decode_root(body)
        except (ValueError, RecursionError):
            body = mended(body)
            root = _decode_root(body)
    except (ValueError, RecursionError):
        return _by_parts(body)
    if not isinstance(root.batch, list):
        raise _no_batch()
    _limit(len(root.batch))
    return _batch(_decode_items(body).batch, root)


def require_usable(batch: Batch) -> None:
    """Raise Malformed CAL-2001 for a batch without calls, or whose context is not an object.

    Source: Intilery contract, 10.2.5."""
    if not batch.items:
        raise _no_batch()
    if batch.context != NOTHING and not bytes(batch.context).startswith(b"{"):
        raise Malformed("CAL-2001", "context is not an object", at="/context")


def head_of(message: msgspec.Raw | bytes) -> Head:
    """What a message says of itself; nothing when it is no object. Never raises."""
    try:
        head = _decode_head(message)
    except (ValueError, RecursionError):
        said = parts.top(bytes(message))
        head = _Head(*[said.get(name) for name in _HEAD])
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
        return _without_keys(message)
    if type(value) is not dict or not any(name in value for name in CREDENTIALS):
        return message
    return msgspec.Raw(
        _encode({name: said for name, said in value.items() if name not in CREDENTIALS})
    )


def _without_keys(message: msgspec.Raw) -> msgspec.Raw:
    """The same of a message that cannot be decoded."""
    try:
        said = parts.members(bytes(message))
    except ValueError:
        return message
    if said.keys().isdisjoint(CREDENTIALS):
        return message
    return msgspec.Raw(parts.joined({n: said[n] for n in said if n not in CREDENTIALS}))


def _by_parts(body: bytes) -> Batch:
    """A batch that cannot be decoded as a whole. Raises as `batch_of` does."""
    try:
        body.decode()
        said = parts.members(body)
        listed = said.pop("batch", b"null")
        items = parts.items(listed, most=ITEMS_MAX) if listed.startswith(b"[") else None
        sound = [*said.values(), *([listed] if items is None else items[:ITEMS_MAX])]
        if not all(map(parts.is_json, sound)):
            raise ValueError("no JSON")
    except ValueError as bad:
        raise Malformed("API-1003", "The body is not a well-formed JSON object") from bad
    if items is None:
        raise _no_batch()
    _limit(len(items))
    plain = parts.scalars(said)
    root = _Root(
        context=msgspec.Raw(said.get("context", b"null")),
        integrations=msgspec.Raw(said.get("integrations", b"null")),
        sent_at=plain.get("sentAt", "" if "sentAt" in said else None),
        write_key=plain.get("writeKey"),
    )
    return _batch([msgspec.Raw(item) for item in items], root)


def _batch(items: list[msgspec.Raw], root: _Root) -> Batch:
    return Batch(
        items,
        _around(root.context),
        _short(root.sent_at),
        root.write_key if isinstance(root.write_key, str) else "",
        _around(root.integrations),
    )


def _around(said: msgspec.Raw) -> msgspec.Raw:
    text = bytes(said).strip()
    return NOTHING if text == b"null" else msgspec.Raw(text)


def _short(sent_at: Any) -> Any:
    if type(sent_at) is str:
        return sent_at if len(sent_at) <= SENT_AT_CHARS_MAX else ""
    if type(sent_at) is int:
        return sent_at if 0 <= sent_at < 2**63 else ""
    return None if sent_at is None else ""


def _limit(count: int) -> None:
    if count > ITEMS_MAX:
        raise Malformed("CAL-2001", f"A batch has at most {ITEMS_MAX} calls", at="/batch")


def _no_batch() -> Malformed:
    return Malformed("CAL-2001", "batch must be an array of calls", at="/batch")
