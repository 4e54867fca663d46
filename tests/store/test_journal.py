"""The journal: ordered, durable, and one commit for all who append at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from onefold.errors import Unavailable
from onefold.journal import Accepted, Chunk, End, Journal, Mark, PipeBell
from onefold.store.engine import Engine, Transaction
from onefold.store.migrate import opened
from onefold.testing.faults import Fault, Faults, FaultyEngine, Point, unavailable


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty journal's database."""
    engine = opened(tmp_path / "journal.db", "journal")
    yield engine
    engine.close()


@pytest.fixture
def bell() -> Iterator[PipeBell]:
    bell = PipeBell()
    yield bell
    bell.close()


@pytest.fixture
def journal(engine: Engine, bell: PipeBell) -> Journal:
    return Journal(engine, bell)


def _records(*traces: str) -> list[Accepted]:
    return [Accepted(trace, 5, "inlet", "ds", trace.encode() * 50) for trace in traces]


def _accepted(trace: str, *, received_ms: int = 5, message: bytes = b"{}") -> Accepted:
    return Accepted(trace, received_ms, "inlet", "ds", message)


def _traces(chunks: list[Chunk]) -> list[str]:
    return [record.trace for chunk in chunks for record in chunk.records]


def _whole(journal: Journal) -> list[Chunk]:
    return journal.read(0, records_max=1_000_000)


def test_records_come_back_as_they_were_and_in_order(journal: Journal) -> None:
    journal.append(_records("a", "b"))
    journal.append(_records("c"))
    chunks = _whole(journal)
    assert [chunk.records for chunk in chunks] == [_records("a", "b"), _records("c")]
    assert [chunk.first for chunk in chunks] == [1, 3]


def test_position_that_is_answered_is_that_of_the_records(journal: Journal) -> None:
    positions = [journal.append(_records(trace)) for trace in "abc"]
    assert positions == sorted(set(positions))
    assert [chunk.position for chunk in _whole(journal)] == positions
    assert journal.end() == End(positions[-1], 3)
    assert _traces(journal.read(positions[0], records_max=100)) == ["b", "c"]


def test_empty_journal_has_no_end_and_no_age(journal: Journal) -> None:
    assert journal.end() == End(0, 0)
    assert journal.received_ms(0) is None
    assert _whole(journal) == []


def test_age_is_that_of_the_oldest_record_behind_a_position(journal: Journal) -> None:
    first = journal.append([Accepted("a", 10, "i", "d", b"")])
    last = journal.append([Accepted("b", 20, "i", "d", b"")])
    assert [journal.received_ms(after) for after in (0, first, last)] == [10, 20, None]


@pytest.mark.parametrize("records_max", [1, 2, 3, 5, 16, 17, 100])
def test_reading_in_parts_is_reading_the_whole(journal: Journal, records_max: int) -> None:
    sizes = [1, 4, 1, 1, 30, 2, *[1] * 40]
    for number, size in enumerate(sizes):
        journal.append(_records(*(f"{number}.{n}" for n in range(size))))
    seen: list[str] = []
    position = 0
    while chunks := journal.read(position, records_max=records_max):
        # A chunk is never cut; only a first one may be larger than what is asked for.
        assert len(chunks) == 1 or sum(len(c.records) for c in chunks) <= records_max
        assert chunks[0].first == len(seen) + 1
        seen += _traces(chunks)
        position = chunks[-1].position
    assert seen == [f"{number}.{n}" for number, size in enumerate(sizes) for n in range(size)]


def test_records_survive_the_end_of_the_process(tmp_path: Path, bell: PipeBell) -> None:
    """The file is opened anew while the first engine still holds it: nothing waits in memory."""
    first = opened(tmp_path / "other.db", "journal")
    position = Journal(first, bell).append(_records("a"))
    second = opened(tmp_path / "other.db", "journal")
    again = Journal(second, bell)
    assert _traces(_whole(again)) == ["a"]
    assert again.append(_records("b")) > position
    first.close()
    second.close()


class _Counting:
    """An engine that counts its transactions and can hold the next one back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.transactions = 0
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.read = engine.read
        self.reading = engine.reading
        self.close = engine.close
        self.version = engine.version

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.transactions += 1
        self.entered.set()
        assert self.go_on.wait(10)
        with self._engine.transaction() as transaction:
            yield transaction


def _at_once(count: int, work: Callable[[int], None]) -> None:
    """Run `work` in as many threads, all of which begin together."""
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait(10)
        work(number)

    with ThreadPoolExecutor(count) as threads:
        for done in [threads.submit(run, number) for number in range(count)]:
            done.result(30)


def test_threads_that_append_at_once_share_commits_and_lose_nothing(
    engine: Engine, bell: PipeBell
) -> None:
    counting = _Counting(engine)
    journal = Journal(counting, bell)
    answered: dict[int, list[int]] = {}

    def work(number: int) -> None:
        answered[number] = [
            journal.append(_records(f"{number}.{n}", f"{number}.{n}b")) for n in range(25)
        ]

    _at_once(12, work)
    chunks = _whole(journal)
    positions = [chunk.position for chunk in chunks]
    assert positions == sorted(set(positions))
    assert [chunk.first for chunk in chunks] == list(range(1, 600, 2))
    assert sorted(position for mine in answered.values() for position in mine) == positions
    assert all(mine == sorted(mine) for mine in answered.values())
    by_position = {chunk.position: chunk.records[0].trace for chunk in chunks}
    for number, mine in answered.items():
        assert [by_position[position] for position in mine] == [f"{number}.{n}" for n in range(25)]
    assert counting.transactions < 300
    assert journal.end() == End(positions[-1], 600)


def _queued(journal: Journal) -> int:
    return len(journal._queue)


def _append_behind(
    counting: _Counting, journal: Journal, threads: ThreadPoolExecutor
) -> list[Future[int]]:
    """One append that is held back in its commit, and seven that wait behind it."""
    counting.go_on.clear()
    counting.entered.clear()
    futures = [threads.submit(journal.append, _records("first"))]
    assert counting.entered.wait(10)
    futures += [threads.submit(journal.append, _records(f"behind {n}")) for n in range(7)]
    while _queued(journal) < 7:
        pass  # until every thread has come this far
    return futures


def test_all_who_wait_for_a_commit_get_the_next_one_together(
    engine: Engine, bell: PipeBell
) -> None:
    counting = _Counting(engine)
    journal = Journal(counting, bell)
    with ThreadPoolExecutor(8) as threads:
        futures = _append_behind(counting, journal, threads)
        counting.go_on.set()
        positions = [future.result(10) for future in futures]
    assert counting.transactions == 2
    assert len(set(positions)) == 8
    assert len(_traces(_whole(journal))) == 8


def test_all_whose_shared_commit_fails_hear_of_it_and_nothing_is_written(
    engine: Engine, bell: PipeBell
) -> None:
    faults = Faults()
    faults.arm(Fault(unavailable, lambda call: call.point is Point.COMMIT, skip=1))
    counting = _Counting(FaultyEngine(engine, faults, "journal"))
    journal = Journal(counting, bell)
    with ThreadPoolExecutor(8) as threads:
        first, *behind = _append_behind(counting, journal, threads)
        counting.go_on.set()
        assert first.result(10) == 1
        for future in behind:
            with pytest.raises(Unavailable):
                future.result(10)
    assert _traces(_whole(journal)) == ["first"]
    journal.append(_records("later"))
    assert [chunk.first for chunk in _whole(journal)] == [1, 2]


def test_two_processes_share_one_journal(tmp_path: Path, bell: PipeBell) -> None:
    """Each with engine and queue of its own, on one file."""
    engines = [opened(tmp_path / "shared.db", "journal") for _ in range(2)]
    journals = [Journal(engine, bell) for engine in engines]

    def work(number: int) -> None:
        for n in range(20):
            journals[number % 2].append(_records(f"{number}.{n}"))

    _at_once(6, work)
    chunks = _whole(journals[0])
    assert chunks == _whole(journals[1])
    assert [chunk.first for chunk in chunks] == list(range(1, 121))
    assert len(set(_traces(chunks))) == 120
    for engine in engines:
        engine.close()


# The bell


def test_bell_that_rang_before_anybody_waited_is_heard(bell: PipeBell) -> None:
    bell.ring()
    bell.ring()
    bell.wait(60)  # would take a minute if the rings were lost
    bell.wait(0)


def test_append_rings_the_bell(journal: Journal, bell: PipeBell) -> None:
    journal.append(_records("a"))
    bell.wait(60)


def test_bell_that_nobody_hears_never_blocks_who_rings(bell: PipeBell) -> None:
    for _ in range(100_000):
        bell.ring()
    bell.wait(60)


# What was passed by all readers


def test_trimmed_appends_are_gone_and_still_counted(journal: Journal) -> None:
    for number in range(5):
        journal.append([_accepted(f"t-{number}", received_ms=number)] * 3)
    assert journal.trim(4, received_before_ms=3) == 9
    assert [chunk.position for chunk in journal.read(0, records_max=100)] == [4, 5]
    assert journal.trimmed().total() == 9
    assert journal.end() == End(5, 15)


def test_the_last_append_is_never_trimmed_so_that_numbers_go_on(journal: Journal) -> None:
    journal.append([_accepted("t-1", received_ms=1)])
    assert journal.trim(10, received_before_ms=100) == 0
    journal.append([_accepted("t-2", received_ms=2)])
    assert journal.trim(10, received_before_ms=100) == 1
    journal.append([_accepted("t-3", received_ms=3)])
    assert journal.end() == End(3, 3)


def test_erased_records_lose_their_message_and_keep_their_number(journal: Journal) -> None:
    journal.append([_accepted("t-1", message=b'{"a":"ada"}'), _accepted("t-2", message=b"{}")])
    journal.append([_accepted("t-3", message=b'{"b":"ada"}')])
    assert journal.erase(_about_ada, after=0, to=1) == (1, 1)
    records = [r for chunk in journal.read(0, records_max=9) for r in chunk.records]
    assert [r.message for r in records] == [b"", b"{}", b'{"b":"ada"}']
    assert [r.trace for r in records] == ["t-1", "t-2", "t-3"]
    assert journal.erase(_about_ada, after=2, to=2) == (2, 0)


def test_what_is_kept_of_a_record_may_depend_on_its_number(journal: Journal) -> None:
    journal.append([_accepted("t-1"), _accepted("t-2")])
    journal.append([_accepted("t-3")])

    def kept(number: int, record: Accepted) -> Accepted:
        return replace(record, message=b"") if number == 3 else record

    assert journal.erase(kept, after=0, to=2) == (2, 1)
    records = [r for chunk in journal.read(0, records_max=9) for r in chunk.records]
    assert [r.trace for r in records if r.message == b""] == ["t-3"]


def _about_ada(_: int, record: Accepted) -> Accepted:
    return replace(record, message=b"") if b'"ada"' in record.message else record


def test_a_mark_becomes_durable_with_its_append(journal: Journal) -> None:
    assert journal.marked("b") == (0, 0)
    journal.append([_accepted("t-1")] * 2, Mark("b", 2))
    journal.append([_accepted("other")])
    journal.append([_accepted("t-2")], Mark("b", 5))
    assert journal.marked("b") == (5, 3)
    assert journal.numbers("b") == [(1, 2), (4, 4)]
