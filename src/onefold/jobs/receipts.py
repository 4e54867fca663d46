"""Receipts: what a deletion has searched and removed, as a document that can be kept and compared.

Its digest is the SHA-256 of all other members as canonical JSON: members in the order of their
names, no space between, UTF-8. It is no signature; who holds two receipts can tell that they say
the same.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from onefold.wire import JSON

_canonical = msgspec.json.Encoder(order="deterministic").encode


def sealed(receipt: dict[str, JSON]) -> str:
    """The receipt with its digest, as JSON."""
    digest = sha256(_canonical(receipt)).hexdigest()
    return msgspec.json.encode({**receipt, "digest": f"sha256:{digest}"}).decode()
