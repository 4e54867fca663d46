"""The processes of one server: a parent that only watches, N HTTP workers, one pipeline, one for
jobs.

    parent ── forks ──► HTTP worker 1..N  share the listening socket, ring the bell at a commit
                   ├──► pipeline          woken by the bell, the only writer of profile data
                   └──► jobs              batches, the lake, deletions: what takes long

The data directory is locked by an open file that every process inherits, so a second server finds
it taken for as long as one process of the first is alive. Children hold the reading end of a pipe
whose writing end only the parent has: when the parent dies, however suddenly, they see its end and
go. A child that dies is replaced. On SIGTERM and SIGINT the workers finish their requests first,
then jobs stop between two steps, then the pipeline applies what is left in the journal.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import NoReturn

import msgspec
import structlog
import uvicorn
import uvloop

from onefold import server
from onefold.api.limiter import Limiter
from onefold.config import Settings
from onefold.errors import Conflict
from onefold.journal import PipeBell
from onefold.observe.events import place_of
from onefold.observe.metrics import Metrics
from onefold.one_write import OneWriteProtocol
from onefold.store.places import Places

GRACE_SECONDS = 20
LOCK_SECONDS = 3.0
"""How long to wait for a dying server's processes to leave the data directory."""
RESPAWN_SECONDS = 1.0
TELL_SECONDS = 3.0
"""How often a worker writes down what its inlets saw; a kill loses as much of those counts."""
BACKLOG = 2048
JOBS_NICENESS = 10
"""Batches and the lake give way to requests and to what the pipeline makes visible."""
GC_THRESHOLD = 50_000

_STOPPING = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger()


def serve(
    settings: Settings, say: Callable[[str], None], *, shared_metrics: str | None = None
) -> int:
    """Serve until SIGTERM or SIGINT; answer the exit status, 0 after an orderly stop.

    say: gets the one line that tells that requests are accepted. shared_metrics: the directory
    where the processes add up their metrics. Raises NotFound CTL-1002, Conflict
    CTL-1003, CTL-1004 (data directory in use) or CTL-1005 (port in use) before anything is started.
    """
    listening = _listening(settings.host, settings.port)
    lock = _locked(settings.data)
    try:
        server.prepared(settings.data)
        if shared_metrics is not None:
            shutil.rmtree(shared_metrics, ignore_errors=True)
            Path(shared_metrics).mkdir(mode=0o700, parents=True)
        port = listening.getsockname()[1]
        parent = _Parent(msgspec.structs.replace(settings, port=port), listening, shared_metrics)
        return parent.run(lambda: say(f"onefold ready http://{settings.host}:{port}"))
    finally:
        listening.close()
        os.close(lock)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as taken:
        listening.close()
        raise Conflict("CTL-1005", f"Cannot listen on {host}:{port}: {taken.strerror}") from taken
    listening.listen(BACKLOG)
    listening.set_inheritable(True)
    return listening


def _locked(data: Path) -> int:
    """An open file that holds the data directory's lock; inherited by every process of the
    server.
    """
    if not data.is_dir():
        server.prepared(data)  # says what is missing
    lock = os.open(data / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    patience = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            if time.monotonic() > patience:
                os.close(lock)
                raise Conflict("CTL-1004", f"{data} is in use by another server") from taken
            time.sleep(0.05)
        else:
            return lock


class _Parent:
    def __init__(self, settings: Settings, listening: socket.socket, shared: str | None) -> None:
        self._settings = settings
        self._shared = shared
        self._listening = listening
        self._bell = PipeBell()
        self._limiter = Limiter()
        self._life_read, self._life_write = os.pipe()
        self._ready_read, self._ready_write = os.pipe()
        self._children: dict[int, str] = {}
        self._stopping = False

    def run(self, ready: Callable[[], None]) -> int:
        for number in _STOPPING:
            signal.signal(number, self._stop)
        roles = ["pipeline", "jobs", *(f"http-{n}" for n in range(1, self._settings.workers + 1))]
        for role in roles:
            self._fork(role)
        if not self._wait_ready(len(roles)):
            self._end()
            return 0 if self._stopping else 1
        ready()
        while not self._stopping:
            self._replace_dead()
        self._end()
        return 0

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _fork(self, role: str) -> None:
        # A signal that came between fork and the child's own handlers would be taken by a copy of
        # the parent's handler, which tells nobody: it waits until the child is ready for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        pid = os.fork()
        if pid == 0:
            self._child(role)
        self._children[pid] = role
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)

    def _child(self, role: str) -> NoReturn:
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
            os.close(self._life_write)
            threading.Thread(target=self._watch_parent, daemon=True).start()
            http = partial(_http, limiter=self._limiter)
            run = {"pipeline": _pipeline, "jobs": _jobs}.get(role, http)
            run(
                self._settings, self._bell, self._listening, self._tell_ready, Metrics(self._shared)
            )
            status = 0
        except Exception as defect:  # noqa: BLE001 - the child ends here, and says why
            log.error("server.child_failed", role=role, **place_of(defect))
        finally:
            os._exit(status)

    def _watch_parent(self) -> None:
        os.read(self._life_read, 1)  # returns only when the parent is gone
        os._exit(1)

    def _tell_ready(self) -> None:
        os.write(self._ready_write, b"r")

    def _wait_ready(self, count: int) -> bool:
        os.set_blocking(self._ready_read, False)
        while count and not self._stopping:
            try:
                count -= len(os.read(self._ready_read, count))
            except BlockingIOError:
                if self._reap():
                    return False
                time.sleep(0.01)
        return not self._stopping

    def _replace_dead(self) -> None:
        time.sleep(0.2)  # interrupted by signals; a dead child is noticed within it
        for role, status in self._reap():
            if self._stopping:
                return
            log.error("server.child_died", role=role, status=status)
            time.sleep(RESPAWN_SECONDS)
            self._fork(role)

    def _reap(self) -> list[tuple[str, int]]:
        """Role and exit status of every child that has died since the last time."""
        dead = []
        for pid in list(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                dead.append((self._children.pop(pid), os.waitstatus_to_exitcode(status)))
        return dead

    def _end(self) -> None:
        """Workers first, so that nothing is accepted any more; at last the pipeline drains."""
        for wanted in ("http", "jobs", "pipeline"):
            pids = [pid for pid, role in self._children.items() if role.startswith(wanted)]
            for pid in pids:
                os.kill(pid, signal.SIGTERM)  # not reaped yet, so the number is still the child's
            for pid in pids:
                os.waitpid(pid, 0)
                del self._children[pid]


def _pipeline(
    settings: Settings,
    bell: PipeBell,
    listening: socket.socket,
    ready: Callable[[], None],
    metrics: Metrics,
) -> None:
    listening.close()
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        bell.ring()

    signal.signal(signal.SIGTERM, stop)
    places = Places(settings.data)
    pipeline = server.Pipeline(settings, places=places, bell=bell, metrics=metrics)
    _settle()
    ready()
    pipeline.run(lambda: stopping)
    places.close()


def _jobs(
    settings: Settings,
    bell: PipeBell,
    listening: socket.socket,
    ready: Callable[[], None],
    metrics: Metrics,  # noqa: ARG001 - a role's form
) -> None:
    listening.close()
    os.nice(JOBS_NICENESS)
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    places = Places(settings.data)
    jobs = server.Jobs(settings, places=places, bell=bell)
    _settle()
    ready()
    jobs.run(lambda: stopping, time.sleep)
    places.close()


def _http(
    settings: Settings,
    bell: PipeBell,
    listening: socket.socket,
    ready: Callable[[], None],
    metrics: Metrics,
    limiter: Limiter,
) -> None:
    places = Places(settings.data)
    rooms = server.rooms(
        settings, places=places, bell=bell, origin=os.getpid(), metrics=metrics, limiter=limiter
    )
    config = uvicorn.Config(
        server.asgi(rooms),
        loop="uvloop",
        http=OneWriteProtocol,
        proxy_headers=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    http = _Http(config)
    _settle()

    def stop(*_: object) -> None:
        http.should_exit = True
        rooms.streams.ending = True  # they would go on for as long as their readers do

    async def telling() -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            await asyncio.to_thread(rooms.inlets.tallies.tell)

    async def run() -> None:
        teller = asyncio.ensure_future(telling())
        serving = asyncio.ensure_future(http.serve(sockets=[listening]))
        while not http.started and not serving.done():
            await asyncio.sleep(0.005)
        ready()
        await serving
        teller.cancel()

    signal.signal(signal.SIGTERM, stop)
    uvloop.run(run())
    rooms.inlets.tallies.tell()
    rooms.edges.settle()
    places.close()


def _settle() -> None:
    """Keep the garbage collector off what start-up has made, and off short-lived values.

    Requests and records make many small objects and no circles; a full collection would stop a
    process for tens of milliseconds to find nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)


class _Http(uvicorn.Server):
    """uvicorn without its own handling of signals: the parent decides who stops when."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # same use
        return nullcontext()
