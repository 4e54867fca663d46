"""One run of the measurements: its scale, scratch directory, cores and progress bars."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rich.progress import Progress, TaskID

from benchmarks.report import Result

CORES_MIN = 2


class Scale(NamedTuple):
    """How much is measured. people: in the loaded store, `few` in the small one beside it.

    ingest_events: of one round of ingestion. rounds, lookup_rounds: how often value and floor take
    turns; seconds are of one turn, and many short turns share the machine's noise evenly.
    simulated_links: in the store that linking rules are tried on.
    """

    people: int
    few: int
    ingest_events: int
    rounds: int
    lookup_rounds: int
    lookup_seconds: float
    steady_seconds: float
    single_posts: int
    simulated_links: int


SCALES = {
    "full": Scale(100_000, 1_000, 30_000, 3, 9, 1.5, 20.0, 6_000, 1_000_000),
    "small": Scale(3_000, 300, 10_000, 2, 5, 0.8, 5.0, 1_500, 100_000),
}


@dataclass
class Bench:
    """What every measurement is given."""

    scale: Scale
    scratch: Path
    cache: Path
    fresh: bool
    progress: Progress
    results: list[Result] = field(default_factory=list)

    @contextmanager
    def task(self, what: str, total: float) -> Iterator[TaskID]:
        """A progress bar that goes away when its work is done."""
        task = self.progress.add_task(what, total=total)
        self.progress.refresh()
        try:
            yield task
        finally:
            self.progress.remove_task(task)

    def advanced(self, task: TaskID, by: float = 1) -> None:
        """Move a bar on. Bars are only drawn here: a drawing thread would disturb the figures."""
        self.progress.advance(task, by)
        self.progress.refresh()

    def say(self, line: str) -> None:
        self.progress.console.print(line, highlight=False)


class Cores(NamedTuple):
    """Which core is whose while a server is measured alone; None: not enough of them."""

    server: frozenset[int] | None
    generator: frozenset[int] | None

    def __str__(self) -> str:
        if self.server is None or self.generator is None:
            return "server and generator share one core"
        return f"server on core {min(self.server)}, generator on core {min(self.generator)}"


def cores() -> Cores:
    """The first core of this machine for the server, the second for the generator."""
    found = sorted(os.sched_getaffinity(0))
    if len(found) < CORES_MIN:
        return Cores(None, None)
    return Cores(frozenset(found[:1]), frozenset(found[1:2]))


@contextmanager
def pinned(to: frozenset[int] | None) -> Iterator[None]:
    """Run this process on some cores for a while."""
    before = os.sched_getaffinity(0)
    if to is not None:
        os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def median(values: Sequence[float]) -> float:
    """The middle one, so that one disturbed round does not count."""
    return statistics.median(values)
