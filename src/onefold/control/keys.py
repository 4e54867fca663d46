"""API keys: who may send calls to an account and read its customers.

A key has two secrets, each its id and 256 random bits: the auth token of servers, and the write
key, which stands in browsers and phones and only sends. Both are answered once; what is kept is a
hash, and a fast one will do, since there is nothing to guess. Source: Intilery contract, sections 3
and 12.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from onefold.control import accounts
from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock, Ids
from onefold.errors import Malformed, NotFound
from onefold.store.engine import Engine, Reader
from onefold.store.snapshot import Installation
from onefold.store.tables import api_keys
from onefold.store.tables.api_keys import ANY, Act, ApiKey, Grant
from onefold.store.tables.generation import change

NAME_LENGTH_MAX = 64
LIMIT_MAX = 1_000_000
"""Highest rate, in requests a second, and burst."""
_ID_BYTES = 8
_SECRET_BYTES = 32
_TOKEN, _WRITE_KEY = b"auth token", b"write key"
"""What a hash is of: no secret is good for the other one's purpose."""
_NOBODY = b"\0" * 32


class NewKey(msgspec.Struct, frozen=True):
    """A key and what is shown only once. write_key: None when it has none. sandbox: of its account;
    None when it is for every account."""

    key: ApiKey
    auth_token: str
    write_key: str | None
    sandbox: Sandbox | None


def create(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    *,
    client: str,
    account: str,
    brand: str = ANY,
    reads: bool = True,
    writes: bool = True,
    name: str = "",
    expires_ms: int | None = None,
    rate: int | None = None,
    burst: int | None = None,
) -> NewKey:
    """Make a key, and the account if it is not there yet.

    account: ANY for every account of a client that is known; such a key has no write key, since
    calls are of one account. brand: ANY for every brand. expires_ms: the key holds before it. rate
    and burst: in requests; those of the settings when not given.
    Raises as `accounts.create`; Malformed CTL-1008 for a name, a limit or a time that is not in the
    future; NotFound CTL-1007 for an unknown client of every account.
    """
    brand = brand if brand == ANY else accounts.canonical(brand, "brand").upper()
    _check(name, rate, burst)
    now_ms = clock.now_ms()
    if expires_ms is not None and expires_ms <= now_ms:
        raise Malformed("CTL-1008", "A key expires in the future", at="expires")
    if not (reads or writes):
        raise Malformed("CTL-1008", "A key reads or writes, or both", at="acts")
    sandbox = None
    if account == ANY:
        client = accounts.canonical(client, "client")
        owner = accounts.organisation_of(engine, client)
    else:
        owner, sandbox = accounts.create(engine, clock, ids, client=client, account=account)
        client, account = client.lower(), account.lower()
    key_id = ids.hex(bytes_=_ID_BYTES)
    token = _secret(key_id, ids)
    write_key = _secret(key_id, ids) if writes and sandbox is not None else None
    acts: tuple[tuple[bool, Act], ...] = ((reads, "read"), (writes, "write"))
    key = ApiKey(
        org_id=owner.id,
        key_id=key_id,
        client=client,
        name=name,
        grants=(Grant(account, brand, frozenset(act for may, act in acts if may)),),
        token_hash=_hash(token, _TOKEN),
        write_key_hash=_hash(write_key, _WRITE_KEY) if write_key is not None else b"",
        rate=rate,
        burst=burst,
        created_ms=now_ms,
        expires_ms=expires_ms,
    )
    with change(engine) as transaction:
        api_keys.insert(transaction, key)
    return NewKey(key, token, write_key, sandbox)


def listed(reader: Reader) -> list[ApiKey]:
    """Every key, the oldest first; revoked and expired ones too."""
    return api_keys.every(reader)


def revoke(engine: Engine, clock: Clock, key_id: str) -> None:
    """End a key; it holds no more at the next request. Raises NotFound CTL-1007 when there is none
    that was not revoked."""
    with change(engine) as transaction:
        if not any(
            key.key_id == key_id and key.revoked_ms is None for key in api_keys.every(transaction)
        ):
            said = key_id.partition("-")[0][:NAME_LENGTH_MAX]  # it may be a secret, by mistake
            raise NotFound("CTL-1007", f"No key has the id {said}")
        api_keys.revoke(transaction, key_id, now_ms=clock.now_ms())


def holder_of_token(installation: Installation, token: str, now_ms: int) -> ApiKey | None:
    """The key whose auth token this is; None when it is nobody's, or was revoked or expired.

    Takes as long for a token that is almost right as for one that is all wrong. About 2 µs.
    """
    return _holder(installation.keys, token, _TOKEN, now_ms)


def holder_of_write_key(installation: Installation, write_key: str, now_ms: int) -> ApiKey | None:
    """The key whose write key this is; as `holder_of_token`."""
    return _holder(installation.keys, write_key, _WRITE_KEY, now_ms)


def _holder(keys: Mapping[str, ApiKey], secret: str, purpose: bytes, now_ms: int) -> ApiKey | None:
    key = keys.get(secret.partition("-")[0])
    kept = _NOBODY if key is None else key.token_hash if purpose == _TOKEN else key.write_key_hash
    same = hmac.compare_digest(kept, _hash(secret, purpose))
    return key if key is not None and same and key.holds(now_ms) else None


def _check(name: str, rate: int | None, burst: int | None) -> None:
    if len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise Malformed(
            "CTL-1008", f"A key's name has at most {NAME_LENGTH_MAX} characters", at="name"
        )
    for word, value in (("rate", rate), ("burst", burst)):
        if value is not None and not 0 < value <= LIMIT_MAX:
            raise Malformed("CTL-1008", f"The {word} is 1 to {LIMIT_MAX}", at=word)


def _secret(key_id: str, ids: Ids) -> str:
    random = bytes.fromhex(ids.hex(bytes_=_SECRET_BYTES))
    return f"{key_id}-{base64.urlsafe_b64encode(random).decode().rstrip('=')}"


def _hash(secret: str, purpose: bytes) -> bytes:
    return hashlib.blake2b(
        secret.encode("utf-8", "replace"), person=purpose, digest_size=32
    ).digest()
