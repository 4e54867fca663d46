"""Cursors: where a reader of a list goes on, as an opaque text that the reader keeps and we do not.

A cursor holds what was asked and how far the answers have come. It is sealed: nobody can read, make
or change one (it stands in URLs, and so in the logs of others), and what it is bound to (whose
list, which tenant, what the key may see) is sealed with it, so that a cursor that is used anywhere
else is as good as none. It holds when it was made, too, and is of no use once it is too old.

Every fault of a cursor is answered with the same text, so that a caller learns nothing from it.
Source: Intilery contract, 7.6 (D50).
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Sequence

import msgspec

from onefold.control.sealing import Seal
from onefold.effects import Clock
from onefold.errors import Malformed
from onefold.wire import JSON

IDLE_MS = 15 * 60_000
"""How long after it was made a cursor can be used."""

CHARS_MAX = 16_000
"""Of a cursor; longer ones are not looked at."""

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, object]).decode


class Cursors:
    """Makes cursors and reads them. All processes of an installation do it with the same seal."""

    def __init__(self, seal: Seal, clock: Clock) -> None:
        self._seal = seal
        self._clock = clock

    def made(self, state: JSON, bound: Sequence[str]) -> str:
        """A cursor that holds `state`, of at most some thousand bytes; URL-safe. bound: what it is
        good for, which `read` has to be told again."""
        body = _encode((self._clock.now_ms(), state))
        return _text(self._seal.closed(body, bound))

    def read(self, cursor: str, bound: Sequence[str], *, idle_ms: int | None = IDLE_MS) -> JSON:
        """What the cursor holds. idle_ms: how old it may be; None where its age says nothing.

        Raises Malformed ASK-1003 unless we made it, for the same, and not too long ago.
        """
        body = self._seal.opened(_bytes(cursor), bound)
        if body is None:
            raise dead()
        made_ms, state = _decode(body)
        if idle_ms is not None and self._clock.now_ms() - made_ms > idle_ms:
            raise dead()
        return state


def dead() -> Malformed:
    """Why a cursor is refused: always the same."""
    return Malformed("ASK-1003", "The scroll id is not valid, or has timed out", at="scrollId")


def _text(content: bytes) -> str:
    return b2a_base64(content, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def _bytes(cursor: str) -> bytes:
    """The inverse of `_text`. Raises Malformed ASK-1003 for what it does not write: base64 has more
    than one text for some contents."""
    if len(cursor) > CHARS_MAX or not cursor.isascii():
        raise dead()
    padded = cursor.encode() + b"=" * (-len(cursor) % 4)
    try:
        content = a2b_base64(padded.translate(_FROM_URL))
    except Error as bad:
        raise dead() from bad
    if _text(content) != cursor:
        raise dead()
    return content
