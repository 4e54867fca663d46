"""Subscription ids: what stands for a customer in links to the page of marketing preferences.

One is the base64 of `clientId:accountId:customerId`. Whoever has it may read and change the
preferences, and it can be made by whoever has seen a customer's id; a setting puts a signature
behind it and refuses those without. Source: Intilery contract, 8 (D51) and 16.4.
"""

from __future__ import annotations

import hmac
from binascii import Error, a2b_base64, b2a_base64
from hashlib import blake2b
from typing import NamedTuple

_MARK_BYTES = 16
_CHARS_MAX = 1_000


class Subscriber(NamedTuple):
    """Whom a subscription id stands for. client, account: in lower case."""

    client: str
    account: str
    customer: str


class Subscriptions:
    """Makes and reads subscription ids; all processes of an installation with the same key."""

    def __init__(self, key: bytes, *, signed: bool) -> None:
        """key: 32 secret bytes of their own, for nothing else."""
        self._key = key
        self._signed = signed

    def made(self, whom: Subscriber) -> str:
        """The subscription id of a customer; always the same."""
        parts = [*whom, self._mark(whom)] if self._signed else whom
        return b2a_base64(":".join(parts).encode(), newline=False).decode()

    def read(self, text: str) -> Subscriber | None:
        """Whom a subscription id stands for; None for what is none, or lacks its signature."""
        if len(text) > _CHARS_MAX:
            return None
        try:
            content = a2b_base64(text.encode("ascii") + b"=" * (-len(text) % 4)).decode()
        except (Error, ValueError):
            return None
        client, _, rest = content.partition(":")
        account, _, rest = rest.partition(":")
        customer, _, mark = rest.partition(":")
        whom = Subscriber(client.lower(), account.lower(), customer.lower())
        if not all(whom) or (mark and not self._signed):
            return None
        if self._signed and not hmac.compare_digest(mark.encode(), self._mark(whom).encode()):
            return None
        return whom

    def _mark(self, whom: Subscriber) -> str:
        joined = ":".join(whom).encode()
        return blake2b(joined, key=self._key, digest_size=_MARK_BYTES).hexdigest()
