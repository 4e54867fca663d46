"""The Node SDK `@adobe/aio-lib-customer-profile` as a process that is told what to call."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pytest

from tests.crash.serving import Server
from tests.docs.commands import REPOSITORY

NODE = Path(__file__).parent / "node"
INSTALLED = REPOSITORY / "build" / "clients-node"
INSTALL_SECONDS = 240
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


class Sdk:
    """The SDK, pointed at a server. operations: its methods by name; called: names used so far."""

    def __init__(self, server: Server, modules: Path) -> None:
        self.called: set[str] = set()
        self._process = subprocess.Popen(
            ["node", str(NODE / "driver.cjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"NODE_PATH": str(modules)},
        )
        facts = server.facts
        told = self._said(
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def call(self, name: str, parameters: dict[str, Any] | None = None, body: Any = None) -> Answer:
        """Call a method."""
        self.called.add(name)
        told = self._said({"name": name, "parameters": parameters or {}, "body": body})
        return Answer(told["status"], told.get("body"), told.get("text", ""), told.get("error", ""))

    def ok(self, name: str, parameters: dict[str, Any] | None = None, body: Any = None) -> Any:
        """The body of a call that must not fail."""
        answer = self.call(name, parameters, body)
        assert not answer.error, (name, answer)
        assert 200 <= answer.status < 300, (name, answer)
        return answer.body

    def _said(self, what: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the SDK's process has ended"
        told: dict[str, Any] = json.loads(line)
        return told


def installed(node_major_min: int = NODE_MAJOR_MIN) -> Path:
    """The directory of the clients' modules, installed when they are not. Skips the test where
    there is no Node, none that is new enough, or no way to install."""
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed, so its clients cannot be called")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.lstrip("v").partition(".")[0]) < node_major_min:
        pytest.skip(f"the client needs Node {node_major_min} or newer; there is {version.stdout}")
    lock = (NODE / "package-lock.json").read_text()
    stamp = INSTALLED / "installed-lock.json"
    modules = INSTALLED / "node_modules"
    if not stamp.exists() or stamp.read_text() != lock:
        INSTALLED.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(NODE / name, INSTALLED / name)
        done = subprocess.run(
            ["npm", "ci"],
            cwd=INSTALLED,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
        if done.returncode:
            pytest.skip(f"npm ci failed, so the client is not there: {done.stderr.strip()[-300:]}")
        stamp.write_text(lock)
    return modules
