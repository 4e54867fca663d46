"""A real server in a process group of its own, and what can be seen of it from outside."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

READY_SECONDS = 60
STOP_SECONDS = 120
_COMMAND = (sys.executable, "-c", "from onefold.cli.main import main; main()")
_ROOT = Path(__file__).resolve().parent.parent


class DatasetMade(msgspec.Struct, frozen=True):
    """A dataset of the starting set."""

    id: str
    schema: str


class Installation(msgspec.Struct, frozen=True):
    """What `onefold init` printed, as far as it is needed here."""

    org_id: str
    tenant_id: str
    client_id: str
    inlet_id: str
    datasets: dict[str, DatasetMade]


class Memory(msgspec.Struct, frozen=True):
    """Resident memory of a process in MB; anonymous: without pages of mapped files."""

    resident_mb: float
    anonymous_mb: float


def environment() -> dict[str, str]:
    """The environment of every process started here: the tree's own package, no settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEFOLD_")}
    paths = [str(_ROOT / "src"), str(_ROOT), kept.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def onefold(*arguments: str) -> str:
    """Run a command of Onefold to its end; answer what it printed."""
    done = subprocess.run(
        [*_COMMAND, *arguments], env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"onefold {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def init(data: Path) -> Installation:
    """Make an installation with its starting set."""
    text = onefold("init", "--data", str(data), "--org-name", "Measurements")
    return msgspec.json.decode(text, type=Installation)


class Process:
    """A process in its own group that prints one line when it is ready; it never outlives us.

    cores: where it may run; None leaves that to the scheduler. settings: environment variables.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        cores: frozenset[int] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._settings = settings or {}
        self._log = log
        self._cores = cores
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        pinned = os.sched_getaffinity(0)
        try:
            if self._cores is not None:
                os.sched_setaffinity(0, self._cores)  # inherited by the child
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    env={**environment(), **self._settings},
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
        finally:
            os.sched_setaffinity(0, pinned)
        try:
            self.port = self._ready_port()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.stop()
        finally:
            self._kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it in an orderly way. Raises when it does not end well."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(STOP_SECONDS)
        if status not in (0, -signal.SIGTERM):
            raise RuntimeError(f"A server ended with status {status}; see {self._log}")

    def _ready_port(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r" ready http://\S+:(\d+)", line)
        if found is None:
            raise RuntimeError(f"A server did not start; see {self._log}")
        return int(found[1])

    def _kill(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Server(Process):
    """`onefold serve` with one HTTP worker and the pipeline, on a free port."""

    def __init__(
        self,
        data: Path,
        *,
        cores: frozenset[int] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        command = (*_COMMAND, "serve", "--data", str(data), "--port", "0", "--workers", "1")
        super().__init__(command, data.with_suffix(".log"), cores=cores, settings=settings)
        self.data = data

    def worker_pid(self) -> int:
        """The HTTP worker: the child that holds the listening socket."""
        listening = _listening_inode(self.port)
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in children:
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                if os.readlink(entry) == f"socket:[{listening}]":
                    return int(pid)
        raise RuntimeError("No HTTP worker found")

    def memory(self) -> Memory:
        """Resident memory of the HTTP worker."""
        text = Path(f"/proc/{self.worker_pid()}/smaps_rollup").read_text()
        figures = dict(re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE))
        return Memory(int(figures["Rss"]) / 1024, int(figures["Anonymous"]) / 1024)


def sandbox_files(data: Path) -> dict[str, int]:
    """Bytes of each file of all sandboxes, summed by file name."""
    sizes: dict[str, int] = {}
    for path in (data / "sandboxes").rglob("*"):
        if path.is_file():
            sizes[path.name] = sizes.get(path.name, 0) + path.stat().st_size
    return sizes


def patient(seconds: float) -> float:
    """The moment at which patience ends, on the monotonic clock."""
    return time.monotonic() + seconds


def _listening_inode(port: int) -> str:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[3] == "0A":
            return fields[9]
    raise RuntimeError(f"Nothing listens on port {port}")
