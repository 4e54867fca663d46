"""Seals: texts that we hand out, take back, and that nobody else can read, make or change.

AES-SIV: a seal needs no number that must never come twice, and what it is bound to is sealed with
it without standing in it. Source: RFC 5297.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES = 32
OVERHEAD_BYTES = 16


class Seal:
    """Seals with one key, which is for nothing else. Safe to share between threads."""

    def __init__(self, key: bytes) -> None:
        """key: KEY_BYTES secret bytes."""
        self._cipher = AESSIV(key)

    def closed(self, content: bytes, bound: Sequence[str]) -> bytes:
        """The content, sealed; OVERHEAD_BYTES longer. content: at least one byte."""
        return self._cipher.encrypt(content, [one.encode() for one in bound])

    def opened(self, sealed: bytes, bound: Sequence[str]) -> bytes | None:
        """What was sealed; None unless it was sealed with this key and bound to the same."""
        if len(sealed) <= OVERHEAD_BYTES:
            return None
        try:
            return self._cipher.decrypt(sealed, [one.encode() for one in bound])
        except InvalidTag:
            return None
