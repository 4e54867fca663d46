"""An installation: one data directory with one organisation, its first sandbox and its signing key.

`create` is atomic. Everything is built in a directory of its own inside the data directory (which
may be a mount point, so that it could not itself be renamed); then the pieces are moved to their
places, `control.db` last: a directory without that file holds no installation.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from onefold.control import credentials, sandboxes, starter
from onefold.control.starter import Starter
from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.migrate import opened
from onefold.store.tables import organisations
from onefold.store.tables.generation import change
from onefold.store.tables.organisations import Organisation

CONTROL = "control.db"
SIGNING_KEY = "keys/ims.pem"
PRIVATE_KEY = "private.key"
DEFAULT_SANDBOX = "prod"
TENANT_LENGTH_MAX = 32
_BUILDING = ".init-"
_IGNORED = frozenset(("lost+found", "keys", PRIVATE_KEY))


class Installed(msgspec.Struct, frozen=True):
    """What `create` made. private_key: path of the first project's key, for its owner to take away.
    starter: None when it was not asked for."""

    organisation: Organisation
    sandbox: Sandbox
    client_id: str
    client_secret: str
    technical_account: str
    private_key: Path
    starter: Starter | None


def create(
    data: Path, clock: Clock, ids: Ids, *, org_name: str, furnished: bool = True
) -> Installed:
    """Make an installation in `data`, an absent or empty directory; it gets mode 0700.

    furnished: with the starting set. Raises Conflict CTL-1001 when there is one already, Malformed
    CTL-1008 when the directory holds anything else or the name is not usable; then nothing changes.
    """
    tenant = tenant_of_name(org_name)
    _refuse_occupied(data)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(data):
        _refuse_occupied(data)
        data.chmod(0o700)
        for left in data.glob(_BUILDING + "*"):
            shutil.rmtree(left)  # of an attempt that was killed
        building = data / (_BUILDING + ids.hex(bytes_=8))
        try:
            building.mkdir(mode=0o700)
            installed = _built(building, data, clock, ids, org_name, tenant, furnished)
            _moved(building, data)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return installed


def require(data: Path) -> None:
    """Raise NotFound CTL-1002 unless `data` holds an installation."""
    if not (data / CONTROL).is_file():
        raise NotFound("CTL-1002", f"{data} holds no installation")


def signing_key(data: Path) -> rsa.RSAPrivateKey:
    """The key that signs access tokens. Raises NotFound CTL-1002 when it cannot be read."""
    require(data)
    try:
        key = load_pem_private_key((data / SIGNING_KEY).read_bytes(), password=None)
    except (OSError, ValueError) as bad:
        raise NotFound("CTL-1002", f"{data / SIGNING_KEY} is not a private key") from bad
    if not isinstance(key, rsa.RSAPrivateKey):
        raise NotFound("CTL-1002", f"{data / SIGNING_KEY} is not an RSA key")
    return key


def derived_key(key: rsa.RSAPrivateKey, purpose: str) -> bytes:
    """32 secret bytes for a purpose of their own, always the same: they follow from the signing
    key, and nothing of it or of those for other purposes follows from them."""
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(private)


def tenant_of_name(org_name: str) -> str:
    """The tenant id of an organisation: its name's letters and digits, in lower case.

    Raises Malformed CTL-1008 when there are none.
    """
    tenant = re.sub(r"[^a-z0-9]", "", org_name.lower())[:TENANT_LENGTH_MAX]
    if not tenant:
        raise Malformed(
            "CTL-1008", "The organisation's name needs a letter or digit", at="org-name"
        )
    return tenant


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read, through to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _refuse_occupied(data: Path) -> None:
    if (data / CONTROL).exists():
        raise Conflict("CTL-1001", f"{data} holds an installation already")
    if not data.exists():
        return
    if not data.is_dir():
        raise Malformed("CTL-1008", f"{data} is not a directory", at="data")
    for entry in data.iterdir():
        if entry.name not in _IGNORED and not entry.name.startswith(_BUILDING):
            raise Malformed("CTL-1008", f"{data} is not empty: it holds {entry.name}", at="data")


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Only one `create` at a time works in a directory."""
    descriptor = os.open(data, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _built(
    building: Path,
    data: Path,
    clock: Clock,
    ids: Ids,
    org_name: str,
    tenant: str,
    furnished: bool,
) -> Installed:
    """The installation's files in `building`."""
    (building / "keys").mkdir(mode=0o700)
    key = rsa.generate_private_key(public_exponent=65537, key_size=credentials.KEY_BITS)
    write_secret(building / SIGNING_KEY, credentials.private_pem(key))
    engine = opened(building / CONTROL, "control")
    try:
        organisation = Organisation(
            id=f"{ids.hex(bytes_=12).upper()}@AdobeOrg",
            name=org_name,
            tenant_id=tenant,
            created_ms=clock.now_ms(),
        )
        with change(engine) as transaction:
            organisations.insert(transaction, organisation)
        sandbox = sandboxes.create(
            engine,
            clock,
            ids,
            org_id=organisation.id,
            name=DEFAULT_SANDBOX,
            title="Prod",
            type="production",
            is_default=True,
        )
        new = credentials.create(engine, clock, ids, org_id=organisation.id, name="First project")
        write_secret(building / PRIVATE_KEY, new.private_key)
        made = starter.furnish(engine, clock, ids, sandbox) if furnished else None
    finally:
        engine.close()
    return Installed(
        organisation=organisation,
        sandbox=sandbox,
        client_id=new.credential.client_id,
        client_secret=new.client_secret,
        technical_account=new.credential.technical_account,
        private_key=data / PRIVATE_KEY,
        starter=made,
    )


def _moved(building: Path, data: Path) -> None:
    """Move what was built to its places; the installation exists from the last move on."""
    (data / "keys").mkdir(mode=0o700, exist_ok=True)
    for name in (SIGNING_KEY, PRIVATE_KEY, CONTROL):
        os.replace(building / name, data / name)
    for directory in (data / "keys", data):
        descriptor = os.open(directory, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
