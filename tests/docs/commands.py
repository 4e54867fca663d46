"""Runs the commands of a page as a reader would: block after block, in one shell.

Blocks that are fenced as `sh` are run in order. A block fenced as `sh server` is started beside the
shell and stopped at the end; the next block begins when it is ready. One fenced as `sh demo` is not
run here. A block fenced as `text` or `json` right behind one shows what that one prints, where `…`
stands for anything.

The shell starts in an empty directory that has the `.venv` and the `Makefile` of the checkout. The
environment says PORT, which is free, and pages honour it: `${PORT:-8080}`. Between blocks the
runner waits until the server has applied what it accepted, as a reader's slower fingers would.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parent.parent.parent
READY_SECONDS = 30
_FENCE = re.compile(r"^```(?P<info>.*)\n(?P<body>(?:(?!```).*\n)*)```\n(?P<after>\n?)", re.M)
_DONE = "--- done "


class Block(NamedTuple):
    """A fenced block of commands, and what it is said to print (None: nothing is said).

    kind: empty, `server` or `demo`.
    """

    command: str
    kind: str
    shown: str | None


class Run(NamedTuple):
    """What a block printed, and its exit status."""

    block: Block
    printed: str
    status: int


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that are run, in order."""
    found: list[Block] = []
    fences = list(_FENCE.finditer(page.read_text()))
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        language, _, kind = fence["info"].strip().partition(" ")
        if language != "sh":
            continue
        shown = None
        if following and following["info"].strip() in ("text", "json"):
            shown = following["body"] if following.start() == fence.end() else None
        found.append(Block(fence["body"], kind, shown))
    return found


def run(page: Path, directory: Path) -> Iterator[Run]:
    """Run a page's blocks in an empty directory."""
    (directory / ".venv").symlink_to(Path(sys.executable).parent.parent)
    (directory / "Makefile").symlink_to(REPOSITORY / "Makefile")
    port = _free_port()
    environment = {**os.environ, "PORT": str(port), "COLUMNS": "100", "HOME": str(directory)}
    servers: list[subprocess.Popen[str]] = []
    with _shell(directory, environment) as shell:
        try:
            for block in blocks(page):
                if block.kind == "demo":
                    continue
                if block.kind == "server":
                    servers.append(_started(block.command, directory, environment))
                    yield Run(block, _until_ready(servers[-1]), 0)
                else:
                    if servers:
                        _wait_applied(port)
                    yield _typed(shell, block)
        finally:
            for server in servers:
                os.killpg(server.pid, signal.SIGTERM)
                server.communicate(timeout=READY_SECONDS)


def matches(shown: str, printed: str) -> bool:
    """Whether the output is what the page shows: `…` is anything, and so is white space."""
    parts = [re.escape("".join(part.split())) for part in shown.split("…")]
    return re.fullmatch(".*".join(parts), "".join(printed.split()), re.S) is not None


@contextmanager
def _shell(directory: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        ["bash", "--norc"],
        cwd=directory,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as shell:
        try:
            yield shell
        finally:
            assert shell.stdin is not None
            shell.stdin.close()


def _typed(shell: subprocess.Popen[str], block: Block) -> Run:
    assert shell.stdin is not None
    assert shell.stdout is not None
    shell.stdin.write(f"{block.command}\nprintf '\\n{_DONE}%s\\n' $?\n")
    shell.stdin.flush()
    printed: list[str] = []
    for line in shell.stdout:
        if line.startswith(_DONE):
            return Run(block, "".join(printed), int(line.removeprefix(_DONE)))
        printed.append(line)
    return Run(block, "".join(printed), -1)


def _started(command: str, directory: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """The server of a block. `make` is told that the checkout is set up already."""
    return subprocess.Popen(
        ["bash", "--norc", "-c", command.replace("make ", "make -o setup ", 1)],
        cwd=directory,
        env={**environment, "PATH": f".venv/bin:{environment['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _until_ready(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    printed: list[str] = []
    for line in server.stdout:
        printed.append(line)
        if line.startswith("onefold ready "):
            return "".join(printed)
    raise AssertionError("the server did not start: " + "".join(printed))


def _wait_applied(port: int) -> None:
    """Return when nothing that was accepted is left to apply."""
    patience = time.monotonic() + READY_SECONDS
    while time.monotonic() < patience:
        address = f"http://127.0.0.1:{port}/health/ready"
        with urllib.request.urlopen(address, timeout=READY_SECONDS) as answer:
            if re.search(rb'"records":[1-9]', answer.read()) is None:
                return
        time.sleep(0.01)
    raise AssertionError("the journal was not applied in time")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
