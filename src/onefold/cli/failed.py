"""`onefold failed`: the commands of the inbox of failed records. What they do is in inbox.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="failed",
    help="Failed records: what was accepted and could not be applied.",
    epilog="Example: onefold failed list --data ./data --code REC-1001",
    no_args_is_help=True,
)

Data = Annotated[Path, typer.Option("--data", help="The data directory.", metavar="DIR")]
Sandbox = Annotated[str, typer.Option("--sandbox", help="Name of the sandbox.", metavar="NAME")]
Codes = Annotated[
    list[str] | None,
    typer.Option("--code", help="Error code; may be repeated.", metavar="CODE"),
]
Dataset = Annotated[str, typer.Option("--dataset", help="Id or name.", metavar="DATASET")]
Inlet = Annotated[str, typer.Option("--inlet", help="Id of an inlet.", metavar="ID")]
Batch = Annotated[str, typer.Option("--batch", help="Id of a batch.", metavar="ID")]
After = Annotated[
    str, typer.Option("--failed-after", help="Date-time or epoch milliseconds.", metavar="TIME")
]
Before = Annotated[
    str, typer.Option("--failed-before", help="Date-time or epoch milliseconds.", metavar="TIME")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the HTTP API answers it.")]


@app.command(
    "list",
    epilog="Examples: onefold failed list --data ./data;"
    " onefold failed list --data ./data --code REC-1001 --state all --json",
)
def list_records(
    data: Data,
    sandbox: Sandbox = "prod",
    code: Codes = None,
    dataset: Dataset = "",
    inlet: Inlet = "",
    batch: Batch = "",
    failed_after: After = "",
    failed_before: Before = "",
    state: Annotated[
        str, typer.Option(help="open, replayed, resolved or all.", metavar="STATE")
    ] = "open",
    limit: Annotated[int, typer.Option(help="Records to list.", min=1, max=100_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List failed records, the newest first."""
    from onefold.cli import inbox

    chosen = inbox.Chosen(
        tuple(code or ()), dataset, inlet, batch, failed_after, failed_before, state
    )
    inbox.show_list(data, sandbox, chosen, limit=limit, as_json=as_json)


@app.command(epilog="Example: onefold failed show 17 --data ./data")
def show(
    number: Annotated[int, typer.Argument(help="Number of the record.", min=1)],
    data: Data,
    sandbox: Sandbox = "prod",
) -> None:
    """Print one failed record as JSON: why it failed, and the message as it was sent."""
    from onefold.cli import inbox

    inbox.show_one(data, sandbox, number)


@app.command(epilog="Example: onefold failed summary --data ./data")
def summary(data: Data, sandbox: Sandbox = "prod", as_json: AsJson = False) -> None:
    """Count failed records by dataset, code and state."""
    from onefold.cli import inbox

    inbox.show_summary(data, sandbox, as_json=as_json)


@app.command(
    epilog="Examples: onefold failed replay 17 18 --data ./data;"
    " onefold failed replay --data ./data --code REC-1001;"
    " onefold failed replay --data ./data --all"
)
def replay(
    data: Data,
    number: Annotated[
        list[int] | None, typer.Argument(help="Numbers of records.", min=1, show_default=False)
    ] = None,
    sandbox: Sandbox = "prod",
    code: Codes = None,
    dataset: Dataset = "",
    inlet: Inlet = "",
    batch: Batch = "",
    failed_after: After = "",
    failed_before: Before = "",
    every: Annotated[bool, typer.Option("--all", help="All open ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have failed records accepted once more, after what was in their way was mended.

    Works beside a running server, which applies them within a second; without one they wait for
    its start. Exit status 1 when a number cannot be replayed.
    """
    from onefold.cli import inbox

    chosen = inbox.Chosen(tuple(code or ()), dataset, inlet, batch, failed_after, failed_before)
    if (bool(number) + every + (chosen != inbox.Chosen())) != 1:
        raise typer.BadParameter("Say which: numbers, filters, or --all.")
    raise typer.Exit(inbox.replay(data, sandbox, number or [], chosen, as_json=as_json))
