"""Credentials: the API projects that may ask for tokens. Of a secret only its hash is here."""

from __future__ import annotations

import msgspec

from onefold.domain.permissions import Grants
from onefold.store.engine import Reader, Row, Transaction
from onefold.wire import decode_json, encode_json

_COLUMNS = (
    "org_id, client_id, name, technical_account, secret_salt, secret_hash, certificate,"
    " scopes, metascopes, permissions, created_ms, revoked_ms"
)


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One API project. certificate: PEM; empty when it may not exchange JWTs. permissions: what it
    was granted in which sandbox."""

    org_id: str
    client_id: str
    name: str
    technical_account: str
    secret_salt: bytes
    secret_hash: bytes
    certificate: str
    scopes: tuple[str, ...]
    metascopes: tuple[str, ...]
    permissions: Grants
    created_ms: int
    revoked_ms: int | None = None


def insert(transaction: Transaction, credential: Credential) -> None:
    transaction.write(
        "INSERT INTO credentials (org_id, client_id, name, technical_account, secret_salt,"
        " secret_hash, certificate, scopes, metascopes, permissions, created_ms, revoked_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            credential.org_id,
            credential.client_id,
            credential.name,
            credential.technical_account,
            credential.secret_salt,
            credential.secret_hash,
            credential.certificate,
            encode_json(credential.scopes).decode(),
            encode_json(credential.metascopes).decode(),
            encode_json(credential.permissions).decode(),
            credential.created_ms,
            credential.revoked_ms,
        ),
    )


def every(reader: Reader) -> list[Credential]:
    """All credentials, revoked ones too, the oldest first."""
    rows = reader.read(f"SELECT {_COLUMNS} FROM credentials ORDER BY created_ms, client_id")  # noqa: S608 - a constant
    return [_credential(row) for row in rows]


def revoke(transaction: Transaction, *, org_id: str, client_id: str, now_ms: int) -> None:
    transaction.write(
        "UPDATE credentials SET revoked_ms = ?"
        " WHERE org_id = ? AND client_id = ? AND revoked_ms IS NULL",
        (now_ms, org_id, client_id),
    )


def set_permissions(
    transaction: Transaction, *, org_id: str, client_id: str, permissions: Grants
) -> None:
    transaction.write(
        "UPDATE credentials SET permissions = ? WHERE org_id = ? AND client_id = ?",
        (encode_json(permissions).decode(), org_id, client_id),
    )


def _credential(row: Row) -> Credential:
    return Credential(
        org_id=row[0],
        client_id=row[1],
        name=row[2],
        technical_account=row[3],
        secret_salt=row[4],
        secret_hash=row[5],
        certificate=row[6],
        scopes=tuple(decode_json(row[7])),
        metascopes=tuple(decode_json(row[8])),
        permissions={name: tuple(given) for name, given in decode_json(row[9]).items()},
        created_ms=row[10],
        revoked_ms=row[11],
    )
