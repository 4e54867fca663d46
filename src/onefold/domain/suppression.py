"""Suppressions: what must not come back once it was undone or deleted, told by keyed hashes.
A store that forgets a name does not have to keep it to know it again.

A suppressed *record* is one event, by owner and id, or one profile record, by its content: who
sends it again, in the same words, brings nothing. A suppressed *identity* keeps out every record
that names it and is not younger than the deletion; one that is not *tracked*, only those of calls
that tell what somebody did.

The hash is keyed with the id of the sandbox's store, which is random and nobody else's: the keys of
two stores tell nothing of each other, and the same journal, applied anew, knows its own again.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.partial import Operation
from onefold.domain.sandbox import SandboxId

RECORD, IDENTITY, NO_TRACK = "record", "identity", "notrack"

EVER = 2**62
"""An `until_ms` that no record is younger than."""

_KEY_BYTES = 16
_decode = msgspec.json.Decoder().decode
_canonical = msgspec.json.Encoder(order="deterministic").encode


class Suppression(msgspec.Struct, frozen=True, array_like=True):
    """What is kept out. key: of `Keys`. kind: RECORD, IDENTITY or NO_TRACK. detail: what may be
    told of it, never a name: a dataset or a namespace. until_ms: of identities, the latest time of
    records that are kept out, in epoch ms. request: the id of what asked for it."""

    key: str
    kind: str
    detail: str = ""
    until_ms: int = EVER
    request: str = ""


class Keys:
    """The keys of one sandbox's store."""

    def __init__(self, sandbox: SandboxId) -> None:
        self._secret = blake2b(sandbox.encode(), digest_size=32).digest()

    def identity(self, xid: Xid) -> str:
        """The key of an identity."""
        return self._hash(b"i", xid.encode())

    def no_track(self, xid: Xid) -> str:
        """The key of an identity that is not to be tracked."""
        return self._hash(b"n", xid.encode())

    def event(self, owner: Xid, event_id: str) -> str:
        """The key of an event, wherever and however often it was sent."""
        return self._hash(b"e", owner.encode(), event_id.encode())

    def record(self, owner: Xid, dataset: str, body: bytes, operation: Operation = "create") -> str:
        """The key of a profile record of this content. body: JSON as it is stored; the order of
        fields does not matter. A call's record is told by its event id: sent again, its times are
        others."""
        said = _decode(body)
        content = said["_stamp"][2].encode() if operation == "stamp" else _canonical(said)
        return self._hash(b"r", owner.encode(), dataset.encode(), operation.encode(), content)

    def _hash(self, kind: bytes, *parts: bytes) -> str:
        hashed = blake2b(kind, digest_size=_KEY_BYTES, key=self._secret)
        for part in parts:
            hashed.update(len(part).to_bytes(8, "big"))
            hashed.update(part)
        return hashed.hexdigest()


def of_identity(
    keys: Keys, xid: Xid, *, until_ms: int, detail: str = "", request: str = ""
) -> Suppression:
    """Keep out the records up to a time that name the identity."""
    return Suppression(keys.identity(xid), IDENTITY, detail, until_ms, request)


def of_tracking(
    keys: Keys, xid: Xid, *, until_ms: int = EVER, detail: str = "", request: str = ""
) -> Suppression:
    """Keep out the calls that tell what somebody of this identity did."""
    return Suppression(keys.no_track(xid), NO_TRACK, detail, until_ms, request)


def of_event(
    keys: Keys, owner: Xid, event_id: str, *, dataset: str = "", request: str = ""
) -> Suppression:
    """Keep out an event that is undone. dataset: where it was, to be told."""
    return Suppression(keys.event(owner, event_id), RECORD, dataset, EVER, request)


def of_record(
    keys: Keys,
    owner: Xid,
    dataset: str,
    body: bytes,
    *,
    operation: Operation = "create",
    request: str = "",
) -> Suppression:
    """Keep out a profile record that is undone. body: what it says, as JSON."""
    return Suppression(keys.record(owner, dataset, body, operation), RECORD, dataset, EVER, request)
