"""What the tests of events and of the list share: an account that no test runs into the limits of,
calls in batches, and following scroll ids to the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from onefold.control.keys import NewKey
from onefold.testing.app import App, json_of
from tests.contract.people import iso

JSON = dict[str, Any]
BATCH = 500


@contextmanager
def application(data: Path) -> Iterator[App]:
    """The application over a fresh installation, with room for very many requests."""
    app = App(data, rate_burst=1_000_000)
    yield app
    app.close()


def track(user: str, event: str, at_ms: int, **fields: Any) -> JSON:
    """A track call of a user, for a batch."""
    return {"type": "track", "userId": user, "event": event, "timestamp": iso(at_ms)} | fields


def identify(user: str, **traits: Any) -> JSON:
    """An identify call of a user, for a batch."""
    return {"type": "identify", "userId": user, "traits": traits}


def send(app: App, key: NewKey, calls: Sequence[JSON]) -> list[str]:
    """Send calls in batches, all of which have to be taken, and apply them; answer their ids."""
    ids: list[str] = []
    for start in range(0, len(calls), BATCH):
        answer = app.call(key, "batch", {"batch": list(calls[start : start + BATCH])})
        assert answer.status_code == 200, answer.text
        results = json_of(answer)["results"]
        assert [one["outcome"] for one in results] == ["accepted"] * len(results), answer.text
        ids += [one["eventId"] for one in results]
    app.drain()
    return ids


def page(app: App, key: NewKey, url: str) -> JSON:
    """A page that must be there."""
    answer = app.ask(key, url)
    assert answer.status_code == 200, answer.text
    return json_of(answer)


def walked(app: App, key: NewKey, url: str, parameters: str = "") -> list[JSON]:
    """Everything from the first page to the one without data."""
    asked = page(app, key, f"{url}?{parameters}")
    found: list[JSON] = []
    while asked["data"]:
        found += asked["data"]
        asked = page(app, key, f"{url}?scrollId={quote(asked['scrollId'], safe='')}")
    return found


def refused(app: App, key: NewKey, url: str) -> str:
    """The text of a question that must be refused as such."""
    answer = app.ask(key, url)
    assert answer.status_code == 400, answer.text
    error = json_of(answer)["error"]
    assert error["code"] == "invalid_request_error"
    return str(error["message"])
