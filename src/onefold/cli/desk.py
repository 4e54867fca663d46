"""What commands share that look into one sandbox, beside a running server or without one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import typer
from rich.console import Console

from onefold import server
from onefold.api.context import Rooms
from onefold.config import settings
from onefold.control import accounts, installation
from onefold.domain.sandbox import Sandbox
from onefold.errors import NotFound
from onefold.journal import PipeBell
from onefold.observe.metrics import Metrics
from onefold.store.places import Places
from onefold.store.snapshot import Snapshot
from onefold.wire import JSON, encode_json

_WITHOUT_TERMINAL = 160
"""Columns of a table that nobody sees: wide enough not to break ids."""


class Desk(NamedTuple):
    """One sandbox, opened."""

    rooms: Rooms
    sandbox: Sandbox
    snapshot: Snapshot


@contextmanager
def opened(data: Path, sandbox: str) -> Iterator[Desk]:
    """The rooms of the data directory. Rings no bell of a server: its pipeline looks by itself.
    Raises NotFound AUT-1008 for a sandbox that does not exist."""
    with _rooms(data) as rooms:
        yield _desk(rooms, sandbox)


@contextmanager
def account_opened(data: Path, *, client: str, account: str) -> Iterator[Desk]:
    """The same of the sandbox of an account. Raises NotFound CTL-1007, Malformed CTL-1008."""
    with _rooms(data) as rooms:
        sandbox, _ = accounts.got(rooms.control, client=client, account=account)
        yield Desk(rooms, sandbox, rooms.definitions.snapshot(sandbox.id))


def printable(text: str) -> str:
    """Senders' values stand in it: nothing of them may steer a terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def console() -> Console:
    """Where tables and trees are printed."""
    found = Console(markup=False, highlight=False)
    if not found.is_terminal:
        found.width = max(found.width, _WITHOUT_TERMINAL)
    return found


def echo(value: JSON) -> None:
    """Print JSON, as the HTTP API answers it."""
    typer.echo(encode_json(value))


@contextmanager
def _rooms(data: Path) -> Iterator[Rooms]:
    installation.require(data)
    places = Places(data)
    bell = PipeBell()
    try:
        yield server.rooms(
            settings(data), places=places, bell=bell, origin=os.getpid(), metrics=Metrics()
        )
    finally:
        places.close()
        bell.close()


def _desk(rooms: Rooms, name: str) -> Desk:
    for sandbox in rooms.definitions.sandboxes():
        if sandbox.name == name:
            return Desk(rooms, sandbox, rooms.definitions.snapshot(sandbox.id))
    raise NotFound("AUT-1008", f"No sandbox is called {name}")
