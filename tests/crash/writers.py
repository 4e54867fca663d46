"""Writers that send batches over several connections and never give a batch up."""

from __future__ import annotations

import threading
import time
from random import Random
from typing import Any

import httpx

from tests.crash.serving import Server

PEOPLE = 4
BATCH_EVENTS_MAX = 6
PATIENCE_SECONDS = 60
AGAIN = 0.1
"""How often a batch that was acknowledged is sent once more."""


class Writers:
    """Threads that write until told to stop. acknowledged: ids of events that the server has taken
    on; sent: ids of all events that have been on their way."""

    def __init__(self, server: Server, *, seed: int, count: int) -> None:
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()
        self.errors: list[BaseException] = []
        self.trouble = 0
        self._server = server
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number, Random(f"{seed}-{number}")))
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, more: int) -> None:
        """Return when so many more events have been acknowledged."""
        with self._changed:
            wanted = len(self.acknowledged) + more
            self._changed.wait_for(
                lambda: len(self.acknowledged) >= wanted or self.errors, timeout=30
            )
        assert not self.errors, self.errors

    def stop(self) -> None:
        """Let every writer finish its batch."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        assert not self.errors, self.errors

    def _run(self, writer: int, random: Random) -> None:
        number = 0
        try:
            with httpx.Client(timeout=10) as client:
                while not self._stopping.is_set():
                    number += 1
                    self._deliver(client, random, f"{writer}-{number}")
        except BaseException as error:  # noqa: BLE001 - told to the test by wait_for and stop
            with self._changed:
                self.errors.append(error)
                self._changed.notify_all()

    def _deliver(self, client: httpx.Client, random: Random, name: str) -> None:
        ids = [f"event-{name}-{n}" for n in range(random.randint(1, BATCH_EVENTS_MAX))]
        messages = [self._message(one, random) for one in ids]
        with self._changed:
            self.sent.update(ids)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._accepted(client, messages):
            self.trouble += 1
            assert time.monotonic() < deadline, f"{name} is not taken"
        if random.random() < AGAIN:
            self._accepted(client, messages)
        with self._changed:
            self.acknowledged.update(ids)
            self._changed.notify_all()

    def _accepted(self, client: httpx.Client, messages: list[dict[str, Any]]) -> bool:
        self._server.up.wait(timeout=30)
        url = f"{self._server.url}/collection/batch/{self._server.facts['inlet_id']}"
        try:
            answer = client.post(url, json={"messages": messages})
        except httpx.TransportError:
            return False
        if answer.status_code == 503:
            return False
        assert answer.status_code == 207, answer.text
        responses = answer.json()["responses"]
        assert len(responses) == len(messages)
        assert all("xactionId" in response for response in responses), answer.text
        return True

    def _message(self, event_id: str, random: Random) -> dict[str, Any]:
        person = random.randrange(PEOPLE)
        entity = {
            "_id": event_id,
            "timestamp": f"2026-01-01T00:{random.randrange(60):02d}:00Z",
            "eventType": "web.webpagedetails.pageViews",
            "identityMap": {
                "Email": [{"id": email(person)}],
                "ECID": [{"id": f"{person}{random.randrange(3)}" * 19, "primary": True}],
            },
        }
        return self._server.message("Customer events", entity)


def email(person: int) -> str:
    """The address that all events of one person carry."""
    return f"person{person}@example.com"
