"""Streams of changes of a real server: its readers miss nothing and get nothing twice when either
side is killed, and they do not keep it from stopping."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx

from onefold.domain.identity.xid import encode
from onefold.lookup.changes import Log
from onefold.store.places import Places
from onefold.store.snapshot import Definitions
from onefold.supervisor import GRACE_SECONDS
from tests.crash.serving import PATIENCE_SECONDS, Server, wait_until
from tests.crash.writers import email

CHANGES = "/onefold/v1/changes"
EMAIL = 6
"""The number of the namespace."""
WORKERS = 2
PIPELINE, _, WORKER = range(3)
BATCH = 10


class Reader(threading.Thread):
    """Reads changes as a browser does: keeps the last id, and comes back with it when its stream
    breaks or it is interrupted. told: the data of every event. streams: how many it has had."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.told: list[dict[str, Any]] = []
        self.streams = 0
        self.interrupted = threading.Event()
        self.leaving = False
        self._server = server
        self._last = ""
        self.start()

    def run(self) -> None:
        while not self.leaving:
            try:
                self._read()
            except httpx.TransportError:
                time.sleep(0.02)

    def interrupt(self) -> None:
        """Leave the stream in the midst of it, and come back."""
        before = self.streams
        self.interrupted.set()
        wait_until(lambda: self.streams > before, "the reader has come back")

    def leave(self) -> None:
        self.leaving = True
        self.interrupted.set()
        self.join(PATIENCE_SECONDS)

    def wait_for(self, people: range) -> None:
        """Return when it has been told of all these people."""
        wanted = {encode(EMAIL, email(number)) for number in people}
        wait_until(
            lambda: wanted <= {event["cluster"] for event in list(self.told)},
            "all changes are read",
        )

    def _read(self) -> None:
        if not self._server.up.wait(0.1):
            return
        headers = {**self._server.headers, "accept": "text/event-stream"}
        if self._last:
            headers["last-event-id"] = self._last
        url = f"{self._server.url}{CHANGES}?after=0"
        with httpx.stream("GET", url, headers=headers, timeout=1) as answer:
            assert answer.status_code == 200, answer.read()
            self.streams += 1
            event: dict[str, str] = {}
            for line in answer.iter_lines():
                if self.interrupted.is_set():
                    self.interrupted.clear()
                    return
                name, _, value = line.partition(":")
                if line:
                    event[name] = value.removeprefix(" ")
                    continue
                self._last = event.get("id", self._last)
                if "data" in event:
                    self.told.append(json.loads(event["data"]))
                event = {}


def send(server: Server, people: range) -> None:
    """An event of each of these people, in one batch that is sent until it is taken."""
    entities = [
        {
            "_id": f"event-{number}",
            "timestamp": "2026-01-01T00:00:00Z",
            "identityMap": {"Email": [{"id": email(number), "primary": True}]},
        }
        for number in people
    ]
    messages = [server.message("Customer events", one) for one in entities]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        server.up.wait(PATIENCE_SECONDS)
        url = f"{server.url}/collection/batch/{server.facts['inlet_id']}"
        try:
            answer = httpx.post(url, json={"messages": messages}, timeout=10)
        except httpx.TransportError:
            continue
        assert answer.status_code in (207, 503), answer.text
        if answer.status_code == 207:
            return
    raise AssertionError("the batch is not taken")


def numbers_of_log(server: Server) -> list[int]:
    """The numbers of all changes that the store has."""
    places = Places(server.data)
    (sandbox,) = Definitions(places.control()).sandboxes()
    page = Log(places.profile(sandbox.id)).page(0, limit=10_000)
    places.close()
    return [change.number for change in page.changes]


def test_a_reader_misses_nothing_and_gets_nothing_twice_through_kills(server: Server) -> None:
    readers = [Reader(server) for _ in range(3)]
    for turn in range(6):
        send(server, range(turn * BATCH, (turn + 1) * BATCH))
        match turn:
            case 1:
                readers[0].interrupt()
            case 2:
                server.kill_child(PIPELINE)
            case 3:
                server.kill_child(WORKER)
            case 4:
                server.kill_parent()
    for reader in readers:
        reader.wait_for(range(6 * BATCH))
        reader.leave()
        assert reader.streams > 1
        assert [event["number"] for event in reader.told] == numbers_of_log(server)
        assert {event["kind"] for event in reader.told} == {"created"}


def test_open_streams_do_not_keep_the_server_from_stopping(server: Server) -> None:
    readers = [Reader(server) for _ in range(6)]
    send(server, range(BATCH))
    for reader in readers:
        reader.wait_for(range(BATCH))
    server.up.clear()
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < GRACE_SECONDS / 2
    for reader in readers:
        reader.leave()


def test_readers_that_left_give_their_places_back(server: Server) -> None:
    """More of them come and go than may be there at a time."""
    headers = {**server.headers, "accept": "text/event-stream"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=5) as client:
        for _ in range(250):
            with client.stream("GET", CHANGES) as answer:
                assert answer.status_code == 200
                next(answer.iter_lines())
