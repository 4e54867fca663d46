"""The Node SDK `@adobe/aio-lib-customer-profile` as a process that is told what to call."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tests.clients.scripts import Script
from tests.crash.serving import Server

NODE_MAJOR_MIN = 18
"""The first one with `fetch`, which the SDK calls."""


class Operation(NamedTuple):
    """What one of the SDK's methods asks; path as its own document writes it."""

    method: str
    path: str


class Answer(NamedTuple):
    """What came of a call: body as the SDK has parsed it, None when it has not; error: what it
    raised, empty when it did not."""

    status: int
    body: Any
    text: str
    error: str


class Sdk(Script):
    """The SDK, pointed at a server. operations: its methods by name; called: names used so far."""

    def __init__(self, server: Server, modules: Path) -> None:
        self.called: set[str] = set()
        super().__init__("driver.cjs", modules)
        facts = server.facts
        told = self.answer(
            {
                "url": server.url,
                "tenant": facts["tenant_id"],
                "org": facts["org_id"],
                "key": facts["client_id"],
                "token": server.token,
                "sandbox": "prod",
            }
        )
        self.operations = {
            name: Operation(one["method"], one["path"]) for name, one in told["operations"].items()
        }

    def call(self, name: str, parameters: dict[str, Any] | None = None, body: Any = None) -> Answer:
        """Call a method."""
        self.called.add(name)
        told = self.answer({"name": name, "parameters": parameters or {}, "body": body})
        return Answer(told["status"], told.get("body"), told.get("text", ""), told.get("error", ""))

    def ok(self, name: str, parameters: dict[str, Any] | None = None, body: Any = None) -> Any:
        """The body of a call that must not fail."""
        answer = self.call(name, parameters, body)
        assert not answer.error, (name, answer)
        assert 200 <= answer.status < 300, (name, answer)
        return answer.body
