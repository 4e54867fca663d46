"""`onefold token`: print an access token of the installation's first project."""

from __future__ import annotations

from pathlib import Path

import typer

from onefold.config import settings
from onefold.control import installation
from onefold.control.tokens import Tokens
from onefold.effects import SystemClock
from onefold.errors import NotFound
from onefold.store.places import Places
from onefold.store.snapshot import Definitions


def token(data: Path) -> None:
    """Print a new token with all scopes. Raises NotFound CTL-1002, CTL-1007."""
    key = installation.signing_key(data)
    places = Places(data)
    try:
        definitions = Definitions(places.control())
        tokens = Tokens(
            definitions=definitions, key=key, clock=SystemClock(), settings=settings(data)
        )
        client_id = next(iter(definitions.installation().credentials), None)
        if client_id is None:
            raise NotFound("CTL-1007", "The installation has no project")
        typer.echo(tokens.issued(client_id))
    finally:
        places.close()
