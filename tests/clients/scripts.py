"""Clients for Node: their modules, and scripts around them that are told what to do, by lines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.docs.commands import REPOSITORY

NODE = Path(__file__).parent / "node"
INSTALLED = REPOSITORY / "build" / "clients-node"
INSTALL_SECONDS = 240


class Script:
    """A script of the directory `node` as a process. It answers each line of JSON with another."""

    def __init__(self, name: str, modules: Path) -> None:
        self._process = subprocess.Popen(
            ["node", str(NODE / name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"NODE_PATH": str(modules)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def answer(self, what: dict[str, Any]) -> dict[str, Any]:
        """What the script answers to this."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the script has ended"
        told: dict[str, Any] = json.loads(line)
        return told


def installed(node_major_min: int) -> Path:
    """The directory of the clients' modules, installed when they are not. Skips the test where
    there is no Node at all; fails it where Node is too old, or installs nothing."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed, so its clients cannot be called")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.lstrip("v").partition(".")[0]) < node_major_min:
        pytest.fail(f"the client needs Node {node_major_min} or newer; there is {version.stdout}")
    lock = (NODE / "package-lock.json").read_text()
    stamp = INSTALLED / "installed-lock.json"
    if not stamp.exists() or stamp.read_text() != lock:
        INSTALLED.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(NODE / name, INSTALLED / name)
        _install()
        stamp.write_text(lock)
    return INSTALLED / "node_modules"


def _install() -> None:
    if shutil.which("npm") is None:
        pytest.fail("there is Node, but no npm, so its clients cannot be installed")
    try:
        done = subprocess.run(
            ["npm", "ci"],
            cwd=INSTALLED,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"npm ci in {INSTALLED} was not done after {INSTALL_SECONDS} s")
    if done.returncode:
        pytest.fail(f"npm ci failed in {INSTALLED}: {done.stderr.strip()[-300:]}")
