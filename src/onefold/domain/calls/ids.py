"""Ids that follow from what they stand for, so that nobody has to remember them.

They are the first 16 bytes of a keyed BLAKE2b, in the form of a UUID: the sandbox is the key, so
that equal names of two sandboxes have nothing in common. Source: Intilery contract, 2.11 and 10.1.
"""

from __future__ import annotations

import functools
from hashlib import blake2b

from onefold.domain.identity.identity import Xid


def customer_id(sandbox_id: str, xid: Xid) -> str:
    """The id of one identity as a customer: lower-case, always the same. Cost: about 2 µs."""
    return _uuid(sandbox_id, b"customer", xid)


def event_id(sandbox_id: str, message_id: str) -> str:
    """The id of the event that a call with this messageId becomes: whoever repeats the messageId is
    answered the id of the first one."""
    return _uuid(sandbox_id, b"event", message_id)


def record_event_id(sandbox_id: str, number: int) -> str:
    """The id under which an event is shown that is no call, since its own is unique among those of
    one identity only. number: of its record, which it keeps whoever gets the event.

    Source: Intilery contract, 7.1 and 7.5."""
    return _uuid(sandbox_id, b"record", str(number))


def fresh_event_id(received_ms: int, number: int, noise: str) -> str:
    """The id of an event of a call without a messageId: a UUID (version 7) of the time of receipt
    and a number, so that of calls of one moment the later one counts as the newer, and items of a
    batch stand in their order.

    number: counts the calls of this process. noise: 11 random hexadecimal digits or more.
    """
    high, low = number >> 18 & 0xFFF, number & 0x3FFFF
    return (
        f"{received_ms >> 16:08x}-{received_ms & 0xFFFF:04x}-7{high:03x}"
        f"-{0x8000 | low >> 4:04x}-{low & 0xF:x}{noise[:11]}"
    )


@functools.lru_cache(maxsize=256)
def _key(sandbox_id: str) -> bytes:
    return blake2b(sandbox_id.encode(), digest_size=32).digest()


def _uuid(sandbox_id: str, kind: bytes, name: str) -> str:
    digest = bytearray(
        blake2b(
            name.encode(),
            digest_size=16,
            key=_key(sandbox_id),
            person=kind,
        ).digest()
    )
    digest[6] = digest[6] & 0x0F | 0x80  # version 8: an id of the maker's own making
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
