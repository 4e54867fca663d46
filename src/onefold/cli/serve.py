"""`onefold serve`: the server in the foreground."""

from __future__ import annotations

from pathlib import Path

import typer

from onefold.config import settings, shared_metrics


def serve(data: Path, *, host: str, port: int, workers: int) -> int:
    """Serve until SIGTERM or SIGINT; answer the exit status."""
    shared = shared_metrics(data)
    from onefold.observe import events
    from onefold.supervisor import serve as supervise  # imports prometheus_client

    chosen = settings(data, host=host, port=port, workers=workers)
    events.configure(chosen.log_level)
    return supervise(chosen, _say, shared_metrics=shared)


def _say(line: str) -> None:
    typer.echo(line)
