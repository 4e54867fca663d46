"""`onefold regulation`: the commands of regulations. What they do is in regulations.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="regulation",
    help="Regulations: what people demand about themselves, by the user ids of an account.",
    epilog="Example: onefold regulation create --data ./data --client acme --account acme"
    " --kind SUPPRESS_WITH_DELETE --user-id u-1",
    no_args_is_help=True,
)

Data = Annotated[Path, typer.Option("--data", help="The data directory.", metavar="DIR")]
Client = Annotated[str, typer.Option("--client", help="The client.", metavar="CLIENT")]
Account = Annotated[str, typer.Option("--account", help="The account.", metavar="ACCOUNT")]


@app.command(
    epilog="Examples: onefold regulation create --data ./data --client acme --account acme"
    " --kind SUPPRESS_WITH_DELETE --user-id u-1 --user-id u-2;"
    " onefold regulation create --data ./data --client acme --account acme --kind UNSUPPRESS"
    " --file users.txt"
)
def create(
    data: Data,
    client: Client,
    account: Account,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="SUPPRESS_WITH_DELETE, SUPPRESS_ONLY, DELETE_ONLY, UNSUPPRESS, NO_TRACK, TRACK or"
            " ACCESS.",
            metavar="KIND",
        ),
    ],
    user_id: Annotated[
        list[str] | None,
        typer.Option("--user-id", help="A user id; repeatable.", metavar="ID"),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="User ids in UTF-8, one a line.", metavar="FILE"),
    ] = None,
) -> None:
    """Order a regulation of up to 5,000 users, and print it as JSON.

    It stands in the journal when this returns. A running server carries it out within a second;
    without one it waits for its start.
    """
    from onefold.cli import regulations

    regulations.create(
        data, client=client, account=account, kind=kind, user_ids=user_id or [], file=file
    )


@app.command(
    "list", epilog="Example: onefold regulation list --data ./data --client acme --account acme"
)
def list_regulations(
    data: Data,
    client: Client,
    account: Account,
    limit: Annotated[int, typer.Option(help="Regulations to list.", min=1, max=10_000)] = 20,
) -> None:
    """List regulations as JSON, the newest first."""
    from onefold.cli import regulations

    regulations.show_list(data, client=client, account=account, limit=limit)


@app.command(
    epilog="Example: onefold regulation show 0e3c8f5e-… --data ./data --client acme --account acme"
)
def show(
    regulation_id: Annotated[str, typer.Argument(help="Id of the regulation.", metavar="ID")],
    data: Data,
    client: Client,
    account: Account,
) -> None:
    """Print one regulation as JSON, and how far it has come for each of its people.

    User ids are not shown; a keyed hash stands in the place of each.
    """
    from onefold.cli import regulations

    regulations.show_one(data, regulation_id, client=client, account=account)
