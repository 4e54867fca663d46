"""`onefold project`: API projects with the two files that their developers download, and what they
may do. Source: platform contract, sections 2.1 and 11.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import typer

from onefold.config import Settings, settings
from onefold.control import credentials, installation
from onefold.control.credentials import NewCredential
from onefold.domain.permissions import EVERYTHING, Grants
from onefold.effects import SystemClock, SystemIds
from onefold.errors import Conflict, NotFound
from onefold.store.places import Places
from onefold.store.tables import organisations
from onefold.store.tables.organisations import Organisation
from onefold.wire import JSON, encode_json

CONFIG = "config.zip"
ENVIRONMENT = "service.postman_environment.json"


def create(name: str, *, data: Path, out: Path, permissions: Grants = credentials.WHOLE) -> None:
    """Make a project; write both files into `out`, mode 0600; print one JSON object.

    Raises NotFound CTL-1002, Conflict CTL-1006 when one of the files exists, Malformed CTL-1008,
    NotFound CTL-1007 for a sandbox.
    """
    installation.require(data)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in (out / CONFIG, out / ENVIRONMENT):
        if file.exists():
            raise Conflict("CTL-1006", f"{file} exists")
    places = Places(data)
    try:
        owner = _owner(places)
        ids = SystemIds()
        new = credentials.create(
            places.control(),
            SystemClock(),
            ids,
            org_id=owner.id,
            name=name,
            permissions=permissions,
        )
    finally:
        places.close()
    environment = postman_environment(new, settings(data), environment_id=ids.uuid())
    installation.write_secret(out / CONFIG, config_zip(new))
    installation.write_secret(out / ENVIRONMENT, encode_json(environment))
    facts = {
        "name": name,
        "org_id": owner.id,
        "client_id": new.credential.client_id,
        "technical_account_id": new.credential.technical_account,
        "permissions": new.credential.permissions,
        "config": str((out / CONFIG).resolve()),
        "postman_environment": str((out / ENVIRONMENT).resolve()),
    }
    typer.echo(encode_json(facts))


def permit(
    client_id: str, *, data: Path, permissions: Grants | None = None, add: bool = False
) -> None:
    """Print what a project may do, after giving it `permissions` (None: as it is), in the place of
    those it has or besides them.

    Raises NotFound CTL-1002, and CTL-1007 for a project or a sandbox; Malformed CTL-1008.
    """
    installation.require(data)
    places = Places(data)
    try:
        control, org_id = places.control(), _owner(places).id
        if permissions is None:
            known = credentials.got(control, org_id, client_id)
        else:
            known = credentials.permit(
                control, org_id=org_id, client_id=client_id, permissions=permissions, add=add
            )
    finally:
        places.close()
    facts = {"name": known.name, "client_id": client_id, "permissions": known.permissions}
    typer.echo(encode_json(facts))


def grants(permissions: Sequence[str], sandboxes: Sequence[str]) -> Grants | None:
    """Every permission in every sandbox that was named on the command line; all of them where one
    kind was not named, and None when neither was."""
    if not permissions and not sandboxes:
        return None
    given = tuple(permissions) or (EVERYTHING,)
    return dict.fromkeys(sandboxes or (EVERYTHING,), given)


def _owner(places: Places) -> Organisation:
    owner = next(iter(organisations.every(places.control())), None)
    if owner is None:
        raise NotFound("CTL-1007", "The installation has no organisation")
    return owner


def config_zip(new: NewCredential) -> bytes:
    """The archive with the certificate and the private key."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (
            ("certificate_pub.crt", new.credential.certificate.encode()),
            ("private.key", new.private_key),
        ):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def postman_environment(
    new: NewCredential, chosen: Settings, *, environment_id: str
) -> dict[str, JSON]:
    """The Postman environment of a project: every variable but the private key, which only its
    owner has. JWT_TOKEN and ACCESS_TOKEN are filled by the requests."""
    credential = new.credential
    values = {
        "IMS": urlsplit(chosen.base_url).netloc,
        "IMS_ORG": credential.org_id,
        "API_KEY": credential.client_id,
        "CLIENT_SECRET": new.client_secret,
        "TECHNICAL_ACCOUNT_ID": credential.technical_account,
        "META_SCOPE": credential.metascopes[0],
        "PRIVATE_KEY": "",
        "JWT_TOKEN": "",
        "ACCESS_TOKEN": "",
        "SCOPES": ",".join(credential.scopes),
        "SANDBOX_NAME": installation.DEFAULT_SANDBOX,
    }
    secret = ("CLIENT_SECRET", "PRIVATE_KEY", "JWT_TOKEN", "ACCESS_TOKEN")
    return {
        "id": environment_id,
        "name": credential.name,
        "values": [
            {
                "key": key,
                "value": value,
                "type": "secret" if key in secret else "default",
                "enabled": True,
            }
            for key, value in values.items()
        ],
        "_postman_variable_scope": "environment",
    }
