"""`onefold key`: the commands of API keys. What they do is in keys.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="key",
    help="API keys: who may send calls to an account and read its customers.",
    epilog="Example: onefold key create --data ./data --client acme --account acme",
    no_args_is_help=True,
)

Data = Annotated[Path, typer.Option("--data", help="The data directory.", metavar="DIR")]
Client = Annotated[
    str, typer.Option("--client", help="The client; case does not matter.", metavar="CLIENT")
]


@app.command(
    epilog="Examples: onefold key create --data ./data --client acme --account acme;"
    " onefold key create --data ./data --client acme --account shop --brand KIDS --read"
    " --expires 2030-01-01 --name Reports;"
    " onefold key create --data ./data --client acme --account '*' --read"
)
def create(
    data: Data,
    client: Client,
    account: Annotated[
        str,
        typer.Option(
            "--account", help="The account; * is every one of the client.", metavar="ACCOUNT"
        ),
    ],
    brand: Annotated[
        str,
        typer.Option("--brand", help="Only this brand.", metavar="BRAND", show_default="every one"),
    ] = "*",
    read: Annotated[bool, typer.Option("--read", help="The key reads customers.")] = False,
    write: Annotated[bool, typer.Option("--write", help="The key sends calls.")] = False,
    name: Annotated[str, typer.Option(help="What it is for.", metavar="NAME")] = "",
    expires: Annotated[
        str,
        typer.Option(help="When it ends: a date, which is its start in UTC, or a date-time."),
    ] = "",
    rate: Annotated[
        int | None, typer.Option(help="Requests a second; else as the settings say.", min=1)
    ] = None,
    burst: Annotated[
        int | None, typer.Option(help="Requests at once; else as the settings say.", min=1)
    ] = None,
) -> None:
    """Make an API key, and the account if it is new, and print it as one JSON object.

    An account is a sandbox of this name; what calls need is made in it. A key may read and write
    unless one of them is named. Keep what is printed: the secrets are not stored and cannot be
    shown again. A running server knows the key at once. Several keys may be for the same account,
    so that one can take the place of another before that is revoked.
    """
    from onefold.cli import keys

    keys.create(
        data,
        client=client,
        account=account,
        brand=brand,
        reads=read or not write,
        writes=write or not read,
        name=name,
        expires=expires,
        rate=rate,
        burst=burst,
    )


@app.command(
    "list",
    epilog="Examples: onefold key list --data ./data; onefold key list --data ./data --json",
)
def list_keys(
    data: Data,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on a terminal, too.")] = False,
) -> None:
    """List API keys, revoked and expired ones too; never their secrets.

    A table on a terminal, else JSON.
    """
    from onefold.cli import keys

    keys.show_list(data, as_json=as_json)


@app.command(epilog="Example: onefold key revoke 5d0c1fbe6a3c9e21 --data ./data")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key, as listed.", metavar="KEY_ID")],
    data: Data,
) -> None:
    """End an API key, both of its secrets, from its next request on."""
    from onefold.cli import keys

    keys.revoke(data, key_id)
