"""Libraries of others that send calls, unchanged but for host and key: a thousand calls each, the
server stopped once and killed once meanwhile, and afterwards each call in a timeline exactly once.

Source: intilery contract, 13.3 and V35.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.clients.calling import (
    CALLS,
    Call,
    Keys,
    Library,
    keys_of,
    no_key_in,
    seen,
    sent_through_restarts,
    traits_of,
)
from tests.clients.scripts import installed
from tests.crash.serving import Server, served

NODE_MAJOR_MIN = 20
"""What `@segment/analytics-node` says it needs."""


@pytest.fixture
def steady(tmp_path: Path) -> Iterator[Server]:
    """A server that comes back where it was."""
    with served(tmp_path / "data", steady=True) as running:
        yield running


@pytest.mark.parametrize("library", ["segment", "rudderstack"])
def test_v35_python_libraries_deliver_every_call_once(library: str, steady: Server) -> None:
    keys = keys_of(steady)
    errors: list[Exception] = []
    client = import_module(f"{library}.analytics.client").Client(
        keys.write_key, host=steady.url, on_error=lambda error, batch: errors.append(error)
    )
    sent: list[str] = []

    def send(some: Sequence[Call]) -> None:
        for call in some:
            taken, message = _said(client, call)
            assert taken
            sent.append(message["messageId"])

    sent_through_restarts(steady, send)
    client.flush()
    client.join()
    assert errors == []
    _once_each(steady, keys, sent)


def test_v35_the_node_library_delivers_every_call_once(steady: Server) -> None:
    modules = installed(NODE_MAJOR_MIN)
    keys = keys_of(steady)
    with Library(steady.url, keys, modules) as library:
        sent_through_restarts(steady, library.send)
        library.close()
    assert library.errors == []
    _once_each(steady, keys, library.delivered)


def _once_each(server: Server, keys: Keys, sent: Sequence[str]) -> None:
    assert len(set(sent)) == CALLS
    assert seen(server, keys) == Counter(sent)
    assert "number" in traits_of(server, keys, "u-0")
    assert no_key_in(server.log(), keys)


def _said(client: Any, call: Call) -> tuple[bool, dict[str, Any]]:
    """A call by a library's own method."""
    said: dict[str, Any] = {"properties": {"number": call.number}}
    if call.method == "track":
        said["event"] = "Song Played"
    elif call.method == "group":
        said = {"group_id": "g-1", "traits": {"plan": "gold"}}
    elif call.method == "identify":
        said = {"traits": {"number": call.number}}
    else:
        said["name"] = "Home"
    taken: tuple[bool, dict[str, Any]] = getattr(client, call.method)(call.user, **said)
    return taken
