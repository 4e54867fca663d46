"""API keys: who may send calls and read customers. Of the secrets only hashes are here."""

from __future__ import annotations

from typing import Literal

import msgspec

from onefold.store.engine import Reader, Row, Transaction
from onefold.wire import encode_json

Act = Literal["read", "write"]
ANY = "*"
"""Every account of the client, or every brand of the account."""
_COLUMNS = (
    "org_id, key_id, client, name, grants, token_hash, write_key_hash, rate, burst, created_ms,"
    " expires_ms, revoked_ms"
)


class Grant(msgspec.Struct, frozen=True):
    """What a key may do. account: lower case, or ANY; brand: upper case, or ANY."""

    account: str
    brand: str = ANY
    acts: frozenset[Act] = frozenset(("read", "write"))

    def is_of(self, account: str) -> bool:
        """Whether it says something of the account."""
        return self.account in (ANY, account)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key. rate, burst: its limits in requests; None for those of the settings. Source:
    Intilery contract, section 3 and 4.12."""

    org_id: str
    key_id: str
    client: str
    name: str
    grants: tuple[Grant, ...]
    token_hash: bytes
    write_key_hash: bytes = b""
    rate: int | None = None
    burst: int | None = None
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None

    def grant(self, client: str, account: str, brand: str) -> frozenset[Act]:
        """What the key may do there; names in canonical case. Empty when it may nothing."""
        if client != self.client:
            return frozenset()
        return frozenset(
            act
            for grant in self.grants
            if grant.is_of(account) and grant.brand in (ANY, brand)
            for act in grant.acts
        )

    def brands(self, client: str, account: str) -> frozenset[str] | None:
        """The brands of an account whose events the key may read; None for all of them."""
        found = {
            grant.brand
            for grant in self.grants
            if client == self.client and grant.is_of(account) and "read" in grant.acts
        }
        return None if ANY in found else frozenset(found)

    def target(self) -> tuple[str, str] | None:
        """The account and the brand that calls with the write key are of; None when the key has no
        write key. A key of every brand writes as the brand of the account's own name."""
        if not self.write_key_hash:
            return None
        grant = self.grants[0]
        return grant.account, grant.account.upper() if grant.brand == ANY else grant.brand

    def holds(self, now_ms: int) -> bool:
        """Whether it has neither been revoked nor expired."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)


_decode_grants = msgspec.json.Decoder(tuple[Grant, ...]).decode


def insert(transaction: Transaction, key: ApiKey) -> None:
    transaction.write(
        "INSERT INTO api_keys (org_id, key_id, client, name, grants, token_hash, write_key_hash,"
        " rate, burst, created_ms, expires_ms, revoked_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            key.org_id,
            key.key_id,
            key.client,
            key.name,
            encode_json(key.grants).decode(),
            key.token_hash,
            key.write_key_hash,
            key.rate,
            key.burst,
            key.created_ms,
            key.expires_ms,
            key.revoked_ms,
        ),
    )


def every(reader: Reader) -> list[ApiKey]:
    """All keys, revoked ones too, the oldest first."""
    rows = reader.read(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_ms, key_id")  # noqa: S608 - a constant
    return [_key(row) for row in rows]


def revoke(transaction: Transaction, key_id: str, *, now_ms: int) -> None:
    transaction.write(
        "UPDATE api_keys SET revoked_ms = ? WHERE key_id = ? AND revoked_ms IS NULL",
        (now_ms, key_id),
    )


def _key(row: Row) -> ApiKey:
    return ApiKey(
        org_id=row[0],
        key_id=row[1],
        client=row[2],
        name=row[3],
        grants=_decode_grants(row[4]),
        token_hash=row[5],
        write_key_hash=row[6],
        rate=row[7],
        burst=row[8],
        created_ms=row[9],
        expires_ms=row[10],
        revoked_ms=row[11],
    )
