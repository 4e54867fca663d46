"""What tests of the doors for libraries share: an account, and what became of its calls."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx

from onefold.control.keys import NewKey
from onefold.testing.app import App, basic

DONE = b'{"success":true}'
_users = itertools.count()


def user() -> str:
    """A user that no other test knows."""
    return f"visitor-{next(_users)}"


def track(who: str, **more: Any) -> dict[str, Any]:
    """A track call."""
    return {"type": "track", "event": "Song Played", "userId": who, **more}


class Source:
    """An account with a write key."""

    def __init__(self, app: App, account: str = "acme") -> None:
        self.app = app
        self.key: NewKey = app.account(account=account)
        self.sandbox = app.sandbox
        assert self.key.write_key is not None
        self.write_key: str = self.key.write_key

    def post(self, path: str, body: Any, user: str | None = None, **headers: str) -> httpx.Response:
        """POST to a path below the server, which may begin with several slashes; user: of a Basic
        header, the write key when it is not given."""
        sent = {"content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if user is None or user:
            sent.setdefault("authorization", basic(self.write_key if user is None else user))
        content = body if isinstance(body, bytes) else json.dumps(body)
        url = f"http://onefold.test{path}"
        return self.app.request("POST", url, content=content, headers=sent)

    def taken(self, path: str, body: Any, user: str | None = None, **headers: str) -> None:
        """Send what must be answered exactly as Segment's libraries expect, and apply it."""
        answer = self.post(path, body, user, **headers)
        assert (answer.status_code, answer.content) == (200, DONE), answer.text
        self.app.drain()

    def events(self, who: str) -> list[dict[str, Any]]:
        """The timeline of a user, the newest event first."""
        self.app.sandbox = self.sandbox
        name = self.sandbox.name
        self.app.tenant_path = f"/track/acme/{name}/{name.upper()}/v1"
        answer = self.app.ask(self.key, f"/profiles/userId:{who}/events")
        found: list[dict[str, Any]] = answer.json().get("data", [])
        return found

    def faults(self) -> list[str]:
        """Codes of the failed records."""
        self.app.sandbox = self.sandbox
        return [one.fault.code for one in self.app.failed()]
