"""Closed loops at a server and, in turns with them, at a bare route that answers as many bytes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.progress import TaskID

from benchmarks.bench import Bench, Cores, median
from benchmarks.floors import BareServer
from benchmarks.load import closed_for
from benchmarks.report import Result, against
from benchmarks.server import Server


def beside_bare(
    bench: Bench,
    name: str,
    server: Server,
    asked: Sequence[bytes],
    *,
    bare: bytes,
    body_bytes: int,
    placed: Cores,
    task: TaskID,
) -> Result:
    """The figure of this name: requests a second with its floor, medians of the rounds, each of
    which moves the bar on. bare: what the bare route is asked."""
    ours: list[float] = []
    floor: list[float] = []
    seconds = bench.scale.lookup_seconds
    with BareServer(body_bytes, bench.scratch / "bare.log", cores=placed.server) as route:
        for _ in range(bench.scale.lookup_rounds):
            floor.append(closed_for(seconds, route.port, [bare]).per_second)
            ours.append(closed_for(seconds, server.port, asked).per_second)
            bench.advanced(task)
    return against(name, median(ours), "requests/s", median(floor))
