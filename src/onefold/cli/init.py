"""`onefold init`: make the data directory and print what its owner needs to know."""

from __future__ import annotations

from pathlib import Path

import typer

from onefold.control import installation
from onefold.effects import SystemClock, SystemIds
from onefold.wire import JSON, encode_json


def init(data: Path, *, org_name: str) -> None:
    """Make an installation with the starting set; print one JSON object.

    Raises Conflict CTL-1001, Malformed CTL-1008.
    """
    made = installation.create(data, SystemClock(), SystemIds(), org_name=org_name)
    facts: dict[str, JSON] = {
        "org_id": made.organisation.id,
        "tenant_id": made.organisation.tenant_id,
        "client_id": made.client_id,
        "client_secret": made.client_secret,
        "technical_account_id": made.technical_account,
        "private_key": str(made.private_key.resolve()),
        "sandbox": made.sandbox.name,
    }
    if made.starter is not None:
        facts["inlet_id"] = made.starter.inlet_id
        facts["authenticated_inlet_id"] = made.starter.authenticated_inlet_id
        facts["datasets"] = {
            name: {"id": dataset_id, "schema": schema_id}
            for name, (dataset_id, schema_id) in made.starter.datasets.items()
        }
    typer.echo(encode_json(facts))
