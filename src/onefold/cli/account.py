"""`onefold account`: the commands of accounts. What they do is in keys.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="account",
    help="Accounts: the sandboxes that take calls. One is made with its first key.",
    epilog="Example: onefold account show --data ./data --client acme --account acme",
    no_args_is_help=True,
)

Data = Annotated[Path, typer.Option("--data", help="The data directory.", metavar="DIR")]
Client = Annotated[str, typer.Option("--client", help="The client.", metavar="CLIENT")]
Account = Annotated[str, typer.Option("--account", help="The account.", metavar="ACCOUNT")]


@app.command(epilog="Example: onefold account show --data ./data --client acme --account acme")
def show(data: Data, client: Client, account: Account) -> None:
    """Print an account as JSON: its datasets and its rules."""
    from onefold.cli import keys

    keys.show_account(data, client=client, account=account)


@app.command(
    "set",
    epilog="Examples: onefold account set --data ./data --client acme --account acme"
    " --protect credit --protect vip;"
    " onefold account set --data ./data --client acme --account acme --strict --plan plan.json,"
    ' where plan.json is {"events":["Order Completed"],"traits":["plan"]}',
)
def set_account(
    data: Data,
    client: Client,
    account: Account,
    protect: Annotated[
        list[str] | None,
        typer.Option(
            "--protect",
            help="A trait that calls with a write key do not set; repeatable.",
            metavar="TRAIT",
        ),
    ] = None,
    protect_nothing: Annotated[
        bool, typer.Option("--protect-nothing", help="No trait is protected.")
    ] = False,
    strict: Annotated[
        bool | None,
        typer.Option(
            "--strict/--open",
            help="Calls whose event or traits are not in the plan fail; or nothing is refused.",
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", help="JSON: names of events and of traits.", metavar="FILE"),
    ] = None,
    computed: Annotated[
        Path | None,
        typer.Option(
            "--computed", help="JSON: all computed traits of the account.", metavar="FILE"
        ),
    ] = None,
    merge_users: Annotated[
        bool | None,
        typer.Option(
            "--merge-users/--keep-users",
            help="An alias of two userIds makes one customer of them; or it fails.",
        ),
    ] = None,
) -> None:
    """Say what calls may set and do in an account; what is not named stays as it is.

    Traits and plan that are named take the place of those before. It holds for the calls that are
    applied from now on; computed traits are of the calls before, too. Prints the account.
    """
    from onefold.cli import keys

    if protect and protect_nothing:
        raise typer.BadParameter("Say which: --protect or --protect-nothing.")
    keys.set_account(
        data,
        client=client,
        account=account,
        protected=[] if protect_nothing else protect or None,
        strict=strict,
        plan=plan,
        computed=computed,
        merges_users=merge_users,
    )
