"""A reader of a stream of changes, within the test's own process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from onefold.testing.app import App

CHANGES = "/onefold/v1/changes"
PATIENCE_SECONDS = 10.0


class Event(NamedTuple):
    """One event as a client gets it. data: its JSON; None of one that only moves the id."""

    name: str
    id: str
    data: Any


class Answer(NamedTuple):
    """What came until the reader left, or the server ended it."""

    status: int
    headers: dict[str, str]
    text: str
    ended: bool

    @property
    def events(self) -> list[Event]:
        return parsed(self.text)


def parsed(text: str) -> list[Event]:
    """The events of a stream; a last one that is not complete is left out, as clients do."""
    found = []
    for block in text.split("\n\n")[:-1]:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        data = json.loads(fields["data"]) if "data" in fields else None
        found.append(Event(fields.get("event", ""), fields.get("id", ""), data))
    return found


def follow(
    app: App,
    *,
    events: int = 0,
    query: str = "",
    steps: Sequence[Callable[[], object]] = (),
    method: str = "GET",
    until: Callable[[str], bool] | None = None,
    **headers: str | None,
) -> Answer:
    """Read a stream until it has had so many events with data, or `until` is true of its text; then
    leave. steps: done one after the other, each when something has come."""
    sent = {"accept": "text/event-stream", **app.headers(**headers)}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": CHANGES,
        "raw_path": CHANGES.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }

    def satisfied(text: str) -> bool:
        if until is not None:
            return until(text)
        return sum(event.data is not None for event in parsed(text)) >= events

    async def read() -> Answer:
        left = asyncio.Event()
        waiting = list(steps)
        status, got, text, ended = 0, {}, "", False

        async def receive() -> dict[str, Any]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, got, text, ended
            if message["type"] == "http.response.start":
                status = message["status"]
                got = {name.decode(): value.decode() for name, value in message["headers"]}
                return
            text += message.get("body", b"").decode()
            ended = not message.get("more_body", False)
            if waiting:
                await asyncio.to_thread(waiting.pop(0))
            if not waiting and satisfied(text):
                left.set()

        await asyncio.wait_for(app.asgi(scope, receive, send), PATIENCE_SECONDS)
        return Answer(status, got, text, ended and not left.is_set())

    return asyncio.run(read())
