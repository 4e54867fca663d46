"""`onefold explain`: why a profile says what it says. What the commands do is in why.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="explain",
    help="Why a profile says what it says, and why two identities are one person, or are not.",
    epilog="Example: onefold explain profile Email:ada@example.com --data ./data",
    no_args_is_help=True,
)

Data = Annotated[Path, typer.Option("--data", help="The data directory.", metavar="DIR")]
Sandbox = Annotated[str, typer.Option("--sandbox", help="Name of the sandbox.", metavar="NAME")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the HTTP API answers it.")]
_IDENTITY = "Code of its namespace, a colon, and its id; or an XID."


@app.command(
    epilog="Examples: onefold explain profile Email:ada@example.com --data ./data;"
    " onefold explain profile CRMID:7 --data ./data --fields person.name"
)
def profile(
    identity: Annotated[str, typer.Argument(help=_IDENTITY, metavar="CODE:ID")],
    data: Data,
    sandbox: Sandbox = "prod",
    policy: Annotated[
        str, typer.Option(help="Id of a merge policy, instead of the default one.", metavar="ID")
    ] = "",
    fields: Annotated[
        str, typer.Option(help="Dot paths with commas between: only these.", metavar="PATHS")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show for every value which record it came from, and what it prevailed over."""
    from onefold.cli import why

    why.profile(data, sandbox, identity, policy=policy, fields=fields, as_json=as_json)


@app.command(epilog="Example: onefold explain link Email:ada@example.com ECID:123 --data ./data")
def link(
    one: Annotated[str, typer.Argument(help=_IDENTITY, metavar="CODE:ID")],
    other: Annotated[str, typer.Argument(help="The other one.", metavar="CODE:ID")],
    data: Data,
    sandbox: Sandbox = "prod",
    as_json: AsJson = False,
) -> None:
    """Show the chain of links between two identities, or what keeps them apart."""
    from onefold.cli import why

    why.link(data, sandbox, one, other, as_json=as_json)
