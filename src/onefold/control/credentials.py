"""Credentials: API projects with a client secret and a key pair.

The secret and the private key are answered once and never kept: of the secret a salted hash is
stored, of the key pair the certificate. The secret is 256 random bits, so a fast keyed hash is
enough: there is nothing to guess. Source: platform contract, section 2.1.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from onefold.domain.permissions import EVERYTHING, Grants, checked
from onefold.effects import Clock, Ids
from onefold.errors import Malformed, NotFound
from onefold.store.engine import Engine, Reader
from onefold.store.tables import credentials, sandboxes
from onefold.store.tables.credentials import Credential
from onefold.store.tables.generation import change

SCOPES = (
    "openid",
    "session",
    "AdobeID",
    "read_organizations",
    "additional_info.projectedProductContext",
    "additional_info.job_function",
    "additional_info.roles",
)
"""Scopes that a project gets when none are named."""
METASCOPES = ("ent_dataservices_sdk",)
WHOLE: Grants = {EVERYTHING: (EVERYTHING,)}
"""Every permission in every sandbox: what a project gets when none are named."""
NAME_LENGTH_MAX = 64
KEY_BITS = 2048
CERTIFICATE_DAYS = 3650
_SECRET_BYTES = 32
_SALT_BYTES = 16


class NewCredential(msgspec.Struct, frozen=True):
    """A credential and what is shown only once: the secret, and the private key as PKCS#8 PEM."""

    credential: Credential
    client_secret: str
    private_key: bytes


def create(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    *,
    org_id: str,
    name: str,
    scopes: Sequence[str] = SCOPES,
    metascopes: Sequence[str] = METASCOPES,
    permissions: Grants = WHOLE,
) -> NewCredential:
    """Make an API project with a new secret and a new key pair; it may do everything unless said
    otherwise. Raises Malformed CTL-1008 for a name or a grant, NotFound CTL-1007 for a sandbox."""
    if not name.strip() or len(name) > NAME_LENGTH_MAX:
        raise Malformed(
            "CTL-1008", f"A project's name has 1 to {NAME_LENGTH_MAX} characters", at="name"
        )
    now_ms = clock.now_ms()
    secret = "p8-" + _text(ids.hex(bytes_=_SECRET_BYTES))
    salt = bytes.fromhex(ids.hex(bytes_=_SALT_BYTES))
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    credential = Credential(
        org_id=org_id,
        client_id=ids.hex(bytes_=16),
        name=name,
        technical_account=f"{ids.hex(bytes_=12).upper()}@techacct.adobe.com",
        secret_salt=salt,
        secret_hash=_hash(secret, salt),
        certificate=_certificate(key, name, now_ms, int(ids.hex(bytes_=16), 16)),
        scopes=tuple(scopes),
        metascopes=tuple(metascopes),
        permissions=permissions,
        created_ms=now_ms,
    )
    with change(engine) as transaction:
        _check(transaction, org_id, permissions)
        credentials.insert(transaction, credential)
    return NewCredential(credential, secret, private_pem(key))


def revoke(engine: Engine, clock: Clock, *, org_id: str, client_id: str) -> None:
    """End a credential; its tokens end with it. Raises NotFound CTL-1007."""
    with change(engine) as transaction:
        got(transaction, org_id, client_id)
        now_ms = clock.now_ms()
        credentials.revoke(transaction, org_id=org_id, client_id=client_id, now_ms=now_ms)


def permit(
    engine: Engine, *, org_id: str, client_id: str, permissions: Grants, add: bool = False
) -> Credential:
    """Give a project these permissions in the place of those it has, or besides them.

    It holds at the next request. Raises NotFound CTL-1007 for a project or a sandbox, Malformed
    CTL-1008 for a grant.
    """
    with change(engine) as transaction:
        credential = got(transaction, org_id, client_id)
        _check(transaction, org_id, permissions)
        if add:
            had = credential.permissions
            permissions = {
                name: tuple(dict.fromkeys((*had.get(name, ()), *permissions.get(name, ()))))
                for name in (*had, *(name for name in permissions if name not in had))
            }
        credentials.set_permissions(
            transaction, org_id=org_id, client_id=client_id, permissions=permissions
        )
    return replace(credential, permissions=permissions)


def got(reader: Reader, org_id: str, client_id: str) -> Credential:
    """The organisation's credential of this client id. Raises NotFound CTL-1007."""
    for credential in listed(reader, org_id):
        if credential.client_id == client_id:
            return credential
    raise NotFound("CTL-1007", f"No project has the client id {client_id}")


def listed(reader: Reader, org_id: str) -> list[Credential]:
    """The organisation's credentials that are not revoked, the oldest first."""
    return [
        credential
        for credential in credentials.every(reader)
        if credential.org_id == org_id and credential.revoked_ms is None
    ]


def is_secret(credential: Credential, secret: str) -> bool:
    """Whether `secret` is the credential's client secret; in constant time."""
    return hmac.compare_digest(credential.secret_hash, _hash(secret, credential.secret_salt))


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    """A private key as PKCS#8 PEM, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _check(reader: Reader, org_id: str, permissions: Grants) -> None:
    names = {sandbox.name for sandbox in sandboxes.of_organisation(reader, org_id)}
    for name, given in permissions.items():
        if name != EVERYTHING and name not in names:
            raise NotFound("CTL-1007", f"No sandbox has the name {name}", at="sandbox")
        for grant in given:
            checked(grant)


def _hash(secret: str, salt: bytes) -> bytes:
    return hashlib.blake2b(secret.encode("utf-8", "replace"), key=salt, digest_size=32).digest()


def _text(digits: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(digits)).decode().rstrip("=")


def _certificate(key: rsa.RSAPrivateKey, name: str, now_ms: int, serial: int) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.fromtimestamp(now_ms // 1000, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial | 1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
