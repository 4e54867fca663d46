"""Reads of lists in the dialects of calls, both beside a bare route of as many bytes: timelines a
second, and customers a second through a scroll over all of them, with the memory that it takes.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.bench import Bench, cores, pinned
from benchmarks.floors import PATH as BARE
from benchmarks.floors import BareServer
from benchmarks.load import Connections, Unexpected, ask, closed_for, get, run_fast
from benchmarks.report import against
from benchmarks.server import Memory, Server
from benchmarks.turns import beside_bare

FIGURES = ("events_read", "scroll_customers")
_SEED = 20_260_103
_LOOKED_SECONDS = 0.05
"""Between two looks at the worker's memory."""


class Asked(NamedTuple):
    """An account: its base path below the host, and the token of a key. names: of customers who
    have so many events each. customers: how many there are in all. settings: of the server."""

    data: Path
    base: str
    token: str
    names: Sequence[str]
    events: int
    customers: int
    settings: Mapping[str, str]

    def get(self, path: str) -> bytes:
        return get(f"{self.base}{path}", {"auth-token": self.token})


class _Page(msgspec.Struct, rename="camel"):
    scroll_id: str
    data: list[msgspec.Raw]


class _Scrolled(NamedTuple):
    customers: int
    pages: int
    page_bytes: int
    opened_s: float
    read_s: float


def measure(bench: Bench, account: Asked) -> None:
    """Both figures. The scroll is one reader's, and so is its floor."""
    placed = cores()
    names = random.Random(_SEED).sample(account.names, len(account.names))
    asked = [account.get(f"/profiles/userId:{name}/events") for name in names]
    bare_asked = get(BARE, {})
    rounds, seconds = bench.scale.lookup_rounds, bench.scale.lookup_seconds
    with (
        pinned(placed.generator),
        Server(account.data, cores=placed.server, settings=account.settings) as server,
        bench.task("timelines", rounds + 1) as task,
    ):
        body_bytes = run_fast(_sized(server.port, asked, account.events))
        events_read = beside_bare(
            *(bench, "events_read", server, asked),
            bare=bare_asked,
            body_bytes=body_bytes,
            placed=placed,
            task=task,
        )
        before = server.memory()
        with _looked_at(server) as looks:
            run = run_fast(_scrolled(server.port, account))
        after = server.memory()
        with BareServer(run.page_bytes, bench.scratch / "bare.log", cores=placed.server) as bare:
            pages = closed_for(seconds, bare.port, [bare_asked], connections=1).per_second
        bench.advanced(task)
    if run.customers != account.customers:
        raise Unexpected(f"The scroll told of {run.customers} of {account.customers} customers")
    most = max([before.anonymous_mb, after.anonymous_mb, *(one.anonymous_mb for one in looks)])
    bench.say(
        f"events_read: {account.events} events and {body_bytes} bytes an answer;"
        f" scroll_customers: {run.customers:,} customers in {run.pages:,} pages of"
        f" {run.page_bytes:,} bytes, opened in {run.opened_s:.2f} s; memory of the worker: resident"
        f" {before.resident_mb:.0f} MB before and {after.resident_mb:.0f} MB after, of it anonymous"
        f" {before.anonymous_mb:.0f} MB and {after.anonymous_mb:.0f} MB, at most {most:.0f} MB"
        f" in {len(looks)} looks meanwhile"
    )
    per_page = run.customers / run.pages
    bench.results += [
        events_read,
        against("scroll_customers", run.customers / run.read_s, "customers/s", pages * per_page),
    ]


@contextmanager
def _looked_at(server: Server) -> Iterator[list[Memory]]:
    """The worker's memory, again and again for the length of a block."""
    looks: list[Memory] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOKED_SECONDS):
            looks.append(server.memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()


async def _sized(port: int, asked: Sequence[bytes], events: int) -> int:
    """The bytes of an answer, on average; each must tell of so many events."""
    sizes = []
    async with Connections(port, 1) as opened:
        for request in asked[:500]:
            status, body = await ask(opened.all[0], request)
            if status != 200 or len(msgspec.json.decode(body, type=_Page).data) != events:
                raise Unexpected(f"Not the timeline that was sent: {status}, {body[:300]!r}")
            sizes.append(len(body))
    return sum(sizes) // len(sizes)


async def _scrolled(port: int, account: Asked) -> _Scrolled:
    """Everybody, page by page, by one reader. The first page stands apart: it opens the scroll."""
    customers, sizes, path = 0, [0], "/profiles"
    opened_at = read_from = time.perf_counter()
    async with Connections(port, 1) as opened:
        while True:
            status, body = await ask(opened.all[0], account.get(path))
            if status != 200:
                raise Unexpected(f"No page of customers: {status}, {body[:300]!r}")
            page = msgspec.json.decode(body, type=_Page)
            if path == "/profiles":
                read_from = time.perf_counter()
            if not page.data:
                read_s = time.perf_counter() - read_from
                pages = len(sizes) - 1
                return _Scrolled(
                    customers, pages, sum(sizes) // pages, read_from - opened_at, read_s
                )
            customers += len(page.data)
            sizes.append(len(body))
            path = f"/profiles?scrollId={page.scroll_id}"
