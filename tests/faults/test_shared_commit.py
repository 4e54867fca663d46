"""Threads that append together share a commit; when it fails, each of them must hear of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from onefold.journal import Accepted, Journal
from onefold.store.migrate import opened
from onefold.testing.faults import Call, Crash, Fault, Faults, FaultyEngine, Point, unavailable
from tests.simulation.world import SilentBell, journal_records

THREADS = 8
APPENDS = 25


class EveryThird:
    """Calls at one point; every third of them."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._calls = 0
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> bool:
        with self._lock:
            self._calls += call.point is self._point
            return call.point is self._point and self._calls % 3 == 0


@pytest.mark.parametrize("error", [unavailable, Crash])
@pytest.mark.parametrize("point", [Point.BEGIN, Point.READ, Point.COMMIT])
def test_an_append_that_returned_is_in_the_journal_and_one_that_raised_is_not(
    tmp_path: Path, error, point
):
    faults = Faults()
    engine = opened(tmp_path / "journal.db", "journal")
    journal = Journal(FaultyEngine(engine, faults, "journal"), SilentBell())
    faults.arm(Fault(error, EveryThird(point), times=None))

    def append(thread: int) -> tuple[dict[str, int], list[str]]:
        written, refused = {}, []
        for number in range(APPENDS):
            trace = f"{thread}:{number}"
            try:
                written[trace] = journal.append([Accepted(trace, 1, "inlet", "dataset", b"{}")])
            except (type(unavailable()), Crash):
                refused.append(trace)
        return written, refused

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(append, range(THREADS)))
    written = {trace: position for one, _ in answers for trace, position in one.items()}
    refused = {trace for _, some in answers for trace in some}
    kept = [record.trace for _, record in journal_records(engine)]
    engine.close()
    assert sorted(kept) == sorted(written)
    assert [written[trace] for trace in kept] == sorted(written.values())
    assert refused
    assert len(kept) + len(refused) == THREADS * APPENDS
