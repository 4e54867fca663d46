"""A real installation and its server as processes, and ways to kill them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.02
_MAIN = "from onefold.cli.main import main; main()"


def command(*arguments: str) -> list[str]:
    """`onefold` with arguments, by the interpreter that runs the tests."""
    return [sys.executable, "-c", _MAIN, *arguments]


def answer(*arguments: str) -> str:
    """What a command prints. Raises CalledProcessError unless it exits with 0."""
    return subprocess.run(command(*arguments), check=True, capture_output=True, text=True).stdout


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as the condition holds; fail after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    look = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        look.wait(LOOK_SECONDS)


def doctor(data: Path) -> subprocess.CompletedProcess[str]:
    """What the doctor says of an installation, and whether it is content."""
    return subprocess.run(
        command("doctor", "--data", str(data)), capture_output=True, text=True, check=False
    )


class Server:
    """One installation in `data`, served by a parent, a pipeline and HTTP workers.

    url: where the server is; wait for `up` before it is used. steady: it comes back on the port
    that it had at first, as clients expect that know of no restart.
    """

    def __init__(self, data: Path, *, workers: int, steady: bool = False) -> None:
        self.data = data
        self.facts: dict[str, Any] = json.loads(answer("init", "--data", str(data)))
        self.token = answer("token", "--data", str(data)).strip()
        self.up = threading.Event()
        self.url = ""
        self._workers = workers
        self._steady = steady
        self._port = "0"
        self._log = (data.parent / "server.log").open("ab")
        self._parent: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the processes and wait until requests are accepted."""
        port = ("--port", self._port)
        arguments = ("--data", str(self.data), *port, "--workers", str(self._workers))
        self._parent = subprocess.Popen(
            command("serve", *arguments), stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        assert self._parent.stdout is not None
        line = self._parent.stdout.readline()
        assert line.startswith("onefold ready http://"), self.log()
        self.url = line.split()[-1]
        if self._steady:
            self._port = self.url.rpartition(":")[2]
        self.up.set()

    def kill_parent(self) -> None:
        """kill -9 of the parent. Its children have to go by themselves; then start anew."""
        parent = self._running()
        self.up.clear()
        children = self.children()
        parent.kill()
        parent.communicate()
        wait_until(lambda: not any(map(_alive, children)), "children end with their parent")
        self.start()

    def kill_child(self, number: int) -> None:
        """kill -9 of one child, counted from the oldest; wait until another has its place."""
        before = self.children()
        os.kill(before[number % len(before)], signal.SIGKILL)
        wait_until(
            lambda: len(self.children()) == len(before) and self.children() != before,
            "a dead child is replaced",
        )

    def stop(self) -> int:
        """Stop in order; answer the exit status."""
        parent = self._running()
        parent.terminate()
        parent.communicate(timeout=PATIENCE_SECONDS)
        self._parent = None
        return parent.returncode

    def close(self) -> None:
        """Leave nothing running, however the test has ended."""
        if self._parent is not None:
            self._parent.kill()
            self._parent.communicate()
        self._log.close()

    def children(self) -> list[int]:
        """The running children: at first the pipeline, then the HTTP workers."""
        pid = self._running().pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [child for child in map(int, listed) if _alive(child)]

    @property
    def headers(self) -> dict[str, str]:
        """The platform's headers of a request."""
        return {
            "authorization": f"Bearer {self.token}",
            "x-api-key": self.facts["client_id"],
            "x-gw-ims-org-id": self.facts["org_id"],
            "x-sandbox-name": self.facts["sandbox"],
        }

    def message(self, dataset: str, entity: dict[str, Any]) -> dict[str, Any]:
        """A complete message for the dataset of this name."""
        found = self.facts["datasets"][dataset]
        reference = {
            "id": found["schema"],
            "contentType": "application/vnd.adobe.xed-full+json;version=1",
        }
        return {
            "header": {
                "schemaRef": reference,
                "imsOrgId": self.facts["org_id"],
                "datasetId": found["id"],
            },
            "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
        }

    def log(self) -> str:
        """What the server wrote on stderr."""
        self._log.flush()
        return (self.data.parent / "server.log").read_text()

    def _running(self) -> subprocess.Popen[str]:
        assert self._parent is not None, "the server is not started"
        return self._parent


@contextmanager
def served(data: Path, *, workers: int = 1, steady: bool = False) -> Iterator[Server]:
    """A running server of a new installation; at last its log is printed, nothing is left."""
    server = Server(data, workers=workers, steady=steady)
    try:
        server.start()
        yield server
    finally:
        print(server.log())
        server.close()


def _alive(pid: int) -> bool:
    """Whether a process exists and is more than a corpse."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
