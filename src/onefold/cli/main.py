"""The commands of `onefold`. What a command does is imported when it runs: `--help` stays quick."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from onefold.cli.account import app as account
from onefold.cli.explain import app as explain
from onefold.cli.failed import app as failed
from onefold.cli.key import app as key
from onefold.cli.regulation import app as regulation
from onefold.errors import CODES, PlatformError

app = typer.Typer(
    name="onefold",
    help="Everything known about one customer, folded into one profile, in real time.",
    epilog="Examples: onefold demo; onefold init --data ./data; onefold serve --data ./data",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
project = typer.Typer(
    help="API projects: who may call.",
    epilog='Example: onefold project create "Call centre" --data ./data --out ./project',
    no_args_is_help=True,
)
app.add_typer(project, name="project")
app.add_typer(failed)
app.add_typer(explain)
app.add_typer(key)
app.add_typer(account)
app.add_typer(regulation)

Permissions = Annotated[
    list[str] | None,
    typer.Option(
        "--permission",
        help="What the project may do; repeatable. * is everything.",
        metavar="NAME[:ACTION]",
    ),
]
Sandboxes = Annotated[
    list[str] | None,
    typer.Option("--sandbox", help="Where; repeatable. * is everywhere.", metavar="NAME"),
]
Data = Annotated[Path, typer.Option("--data", help="The data directory.", metavar="DIR")]


@app.command(epilog='Example: onefold init --data ./data --org-name "Acme Stores"')
def init(
    data: Data,
    org_name: Annotated[
        str, typer.Option("--org-name", help="Name of the organisation.", metavar="NAME")
    ] = "Onefold",
) -> None:
    """Make a new installation and print its ids and secrets as JSON.

    The organisation's tenant id is its name's letters and digits in lower case. Keep what is
    printed: the client secret is not stored and cannot be shown again.
    """
    from onefold.cli import init as command

    command.init(data, org_name=org_name)


@app.command(epilog="Example: onefold serve --data ./data --port 8080 --workers 2")
def serve(
    data: Data,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8080,
    workers: Annotated[int, typer.Option(help="HTTP processes.", min=1, max=64)] = 1,
) -> None:
    """Serve the APIs until SIGTERM or Ctrl-C."""
    from onefold.cli import serve as command

    raise typer.Exit(command.serve(data, host=host, port=port, workers=workers))


@app.command(epilog="Example: onefold token --data ./data")
def token(data: Data) -> None:
    """Print an access token of the first project, valid for 24 hours.

    For trying things out; projects ask for their tokens at /ims/token/v3.
    """
    from onefold.cli import token as command

    command.token(data)


@app.command(epilog="Example: onefold doctor --data ./data")
def doctor(data: Data) -> None:
    """Rebuild what is derived, compare it with what is stored, and report differences."""
    from onefold.cli import doctor as command

    raise typer.Exit(command.examine(data))


@app.command(epilog="Examples: onefold demo; onefold demo --exit; onefold demo --data ./demo")
def demo(
    leave: Annotated[bool, typer.Option("--exit", help="Stop the server at the end.")] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Keep the installation here.", metavar="DIR"),
    ] = None,
    port: Annotated[
        int, typer.Option(help="Port of the server; 0 for a free one.", min=0, max=65535)
    ] = 0,
) -> None:
    """Tell a small customer story to a fresh server and show what it believes afterwards."""
    from onefold.cli import demo as command

    raise typer.Exit(command.demo(data=data, port=port, leave=leave))


@project.command(
    "create",
    epilog='Example: onefold project create "Call centre" --data ./data --out ./project; or '
    "onefold project create Reports --data ./data --out ./reports --permission view-profiles"
    " --permission manage-datasets:write --sandbox prod",
)
def create_project(
    name: Annotated[str, typer.Argument(help="Name of the project.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Where the files go.", metavar="DIR")],
    permission: Permissions = None,
    sandbox: Sandboxes = None,
) -> None:
    """Make an API project: config.zip with its key pair, and a Postman environment.

    The private key is in config.zip only. A running server knows the project at once. It may do
    everything unless permissions or sandboxes are named.
    """
    from onefold.cli import project as command

    granted = command.grants(permission or (), sandbox or ())
    command.create(name, data=data, out=out, **({"permissions": granted} if granted else {}))


@project.command(
    "permissions",
    epilog="Example: onefold project permissions CLIENT_ID --data ./data; or "
    "onefold project permissions CLIENT_ID --data ./data --permission view-profiles --sandbox prod;"
    " or onefold project permissions CLIENT_ID --data ./data --add --permission '*' --sandbox dev",
)
def permit_project(
    client_id: Annotated[str, typer.Argument(help="Client id of the project.")],
    data: Data,
    permission: Permissions = None,
    sandbox: Sandboxes = None,
    add: Annotated[bool, typer.Option("--add", help="Keep what the project has.")] = False,
) -> None:
    """Show what an API project may do, or say it anew; it holds at the project's next request.

    The permissions named take the place of all that the project has, unless --add is given. Those
    that exist are in docs/reference/http.md, "Access control".
    """
    from onefold.cli import project as command

    granted = command.grants(permission or (), sandbox or ())
    command.permit(client_id, data=data, permissions=granted, add=add)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; errors are one line on stderr and exit status 1."""
    try:
        app(args=None if arguments is None else list(arguments))
    except PlatformError as error:
        typer.echo(f"onefold: {error.detail} - {CODES[error.code].remedy}", err=True)
        sys.exit(1)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        typer.echo(f"onefold: {error.strerror or error}{place}", err=True)
        sys.exit(1)
