"""What the tests of libraries that send calls share: an account with its keys, the calls, a server
that goes away twice meanwhile, and what the timelines hold afterwards.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.clients.scripts import Script
from tests.clients.walk import until
from tests.crash.serving import Server, answer, wait_until

CALLS = 1_000
PEOPLE = 20
"""Each has 50 of the calls, so that a page of a timeline holds them."""

METHODS = ("identify", "track", "track", "page", "track", "screen", "group", "track", "track")
BASE = "/track/acme/acme/ACME/v1"


class Keys(NamedTuple):
    """Of one account: what reads and writes with a header, and what stands in bodies."""

    auth_token: str
    write_key: str


def keys_of(server: Server) -> Keys:
    """Keys of a new account."""
    made = json.loads(
        answer("key", "create", "--data", str(server.data), "--client", "acme", "--account", "acme")
    )
    return Keys(made["auth_token"], made["write_key"])


class Call(NamedTuple):
    """One call: its method, whose it is, and its number."""

    method: str
    user: str
    number: int


def calls() -> list[Call]:
    """A thousand calls of twenty people, all kinds of calls mixed."""
    return [
        Call(METHODS[number % len(METHODS)], f"u-{number % PEOPLE}", number)
        for number in range(CALLS)
    ]


def sent_through_restarts(server: Server, send: Callable[[Sequence[Call]], None]) -> None:
    """Have all calls sent. The server is stopped in order after the first of them has arrived, is
    away for a while, comes back, and is killed as soon as it has taken some of those that wait."""
    every = calls()
    third = len(every) // 3
    send(every[:third])
    wait_until(lambda: _accepted(server) > 0, "calls arrive")
    assert server.stop() == 0
    send(every[third : 2 * third])
    server.start()
    send(every[2 * third :])
    wait_until(lambda: _accepted(server) > 0, "calls arrive after a restart")
    server.kill_parent()


def _accepted(server: Server) -> float:
    """Records that the server has accepted since its start."""
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    name = "onefold_records_accepted_total"
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def seen(server: Server, keys: Keys) -> Counter[str]:
    """How often each messageId stands in the timelines of all people, once everything is there."""
    found: Counter[str] = Counter()
    with httpx.Client(base_url=server.url, headers={"auth-token": keys.auth_token}) as client:

        def all_of(user: str) -> list[dict[str, Any]]:
            page = client.get(f"{BASE}/profiles/userId:{user}/events")
            data: list[dict[str, Any]] = page.json().get("data", [])
            return data if len(data) >= CALLS // PEOPLE else []

        for number in range(PEOPLE):
            for event in until(partial(all_of, f"u-{number}")):
                found[event["rawData"]["messageId"]] += 1
    return found


def traits_of(server: Server, keys: Keys, user: str) -> dict[str, Any]:
    """The traits of a person."""
    answer = httpx.get(
        f"{server.url}{BASE}/profiles/userId:{user}/traits",
        headers={"auth-token": keys.auth_token},
    )
    found: dict[str, Any] = answer.json()
    return found


class Library(Script):
    """`@segment/analytics-node` as a process, pointed at a server."""

    def __init__(self, url: str, keys: Keys, modules: Path) -> None:
        self.delivered: list[str] = []
        self.errors: list[str] = []
        super().__init__("segment.cjs", modules)
        self._tell({"url": url, "key": keys.write_key, "flushAt": 15})

    def send(self, some: Sequence[Call]) -> None:
        """Give calls to the library, which sends them when it likes."""
        self._tell({"calls": [[call.method, _parameters(call)] for call in some]})

    def close(self) -> None:
        """Wait until the library has sent everything, or given up."""
        self._tell({"close": True})

    def _tell(self, what: dict[str, Any]) -> None:
        told = self.answer(what)
        self.delivered += told["delivered"]
        self.errors += told["errors"]


def _parameters(call: Call) -> dict[str, Any]:
    said: dict[str, Any] = {"userId": call.user}
    if call.method == "track":
        return said | {"event": "Song Played", "properties": {"number": call.number}}
    if call.method == "group":
        return said | {"groupId": "g-1", "traits": {"plan": "gold"}}
    if call.method == "identify":
        return said | {"traits": {"number": call.number}}
    return said | {"name": "Home", "properties": {"number": call.number}}


def no_key_in(text: str, keys: Keys) -> bool:
    """Whether a text is free of the keys, in the forms in which they are sent."""
    basic = base64.b64encode(f"{keys.write_key}:".encode()).decode()
    return not any(secret in text for secret in (*keys, basic))
