"""How the contract tests ask: any method with a JSON body, and for a second organisation."""

from __future__ import annotations

import json
from typing import Any

import httpx
from msgspec.structs import replace

from onefold.control import sandboxes
from onefold.effects import SystemIds
from onefold.store.tables import credentials, organisations
from onefold.store.tables.generation import change
from onefold.store.tables.organisations import Organisation
from onefold.testing.app import App

OTHER_ORG = f"{'B' * 24}@AdobeOrg"


def send(
    app: App, method: str, url: str, body: Any = None, **changed_headers: str | None
) -> httpx.Response:
    """One request with the platform's headers, and with a JSON body unless it is None."""
    headers = {"content-type": "application/json"} | app.headers(**changed_headers)
    content = b"" if body is None else json.dumps(body).encode()
    return app.request(method, url, content=content, headers=headers)


def other_organisation(app: App) -> dict[str, str]:
    """A second organisation with a sandbox `prod`; answers the headers of its own project."""
    control, ids = app.places.control(), SystemIds()
    known = app.rooms.definitions.installation().credentials[app.client_id]
    own = replace(known, org_id=OTHER_ORG, client_id="other-client")
    with change(control) as transaction:
        organisations.insert(transaction, Organisation(OTHER_ORG, "Other", "other", 0))
        credentials.insert(transaction, own)
    sandboxes.create(
        control, app.clock, ids, org_id=OTHER_ORG, name="prod", title="P", is_default=True
    )
    return {
        "authorization": f"Bearer {app.rooms.tokens.issued(own.client_id)}",
        "x_api_key": own.client_id,
        "x_gw_ims_org_id": OTHER_ORG,
    }
