"""The inbox of failed records in the store: filters, pages, states, and the indexes behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.domain.failed_record import FailedRecord, Fault, Repeat, State
from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.packing import Packing
from onefold.store.tables import failed_records
from onefold.store.tables.failed_records import Filter, Tally


def _record(
    seq: int,
    code: str = "REC-1001",
    dataset: str = "a",
    inlet: str = "i",
    batch: str = "",
    received_ms: int = 0,
    failed_ms: int = 0,
) -> FailedRecord:
    fault = Fault("normalize", code, "because", "/é", b'[{"a":1}]')
    return FailedRecord(
        seq, fault, dataset, inlet, f"t{seq}", received_ms, failed_ms, b'{"m":1}', batch
    )


def _add(engine: Engine, *records: FailedRecord) -> None:
    with engine.transaction() as transaction:
        failed_records.add(transaction, Packing(engine), records)


def _kept(engine: Engine, number: int) -> FailedRecord:
    return failed_records.named(engine, Packing(engine), [number])[number]


records = st.builds(
    _record,
    seq=st.integers(1, 10**6),
    code=st.sampled_from(("REC-1001", "REC-1002", "REC-1005")),
    dataset=st.sampled_from("ab"),
    inlet=st.sampled_from("ij"),
    batch=st.sampled_from(("", "b-1", "b-2")),
    received_ms=st.integers(0, 9),
    failed_ms=st.integers(0, 9),
)
filters = st.builds(
    Filter,
    codes=st.lists(st.sampled_from(("REC-1001", "REC-1002")), unique=True).map(tuple),
    dataset=st.sampled_from(("", "a", "b")),
    inlet=st.sampled_from(("", "i")),
    batch=st.sampled_from(("", "b-1")),
    state=st.sampled_from((None, *State)),
    received_after_ms=st.none() | st.integers(0, 9),
    received_before_ms=st.none() | st.integers(0, 9),
    failed_after_ms=st.none() | st.integers(0, 9),
    failed_before_ms=st.none() | st.integers(0, 9),
)


def _fits(record: FailedRecord, which: Filter) -> bool:
    """The filter, spelled out."""
    return (
        (not which.codes or record.fault.code in which.codes)
        and which.dataset in ("", record.dataset)
        and which.inlet in ("", record.inlet)
        and which.batch in ("", record.batch)
        and which.state in (None, record.state)
        and (which.received_after_ms is None or record.received_ms >= which.received_after_ms)
        and (which.received_before_ms is None or record.received_ms < which.received_before_ms)
        and (which.failed_after_ms is None or record.failed_ms >= which.failed_after_ms)
        and (which.failed_before_ms is None or record.failed_ms < which.failed_before_ms)
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("failed")


class _Store:
    """A store of its own for each example."""

    made = 0

    def __init__(self, place: Path) -> None:
        type(self).made += 1
        self.engine = opened(place / f"{self.made}.db", "profile")

    def __enter__(self) -> Engine:
        return self.engine

    def __exit__(self, *_: object) -> None:
        self.engine.close()


@settings(max_examples=60, deadline=None)
@given(
    kept=st.lists(records, max_size=25, unique_by=lambda record: record.seq),
    which=filters,
    data=st.data(),
)
def test_filters_answer_what_a_walk_over_all_would(
    place: Path, kept: list[FailedRecord], which: Filter, data: Any
) -> None:
    numbers = [record.seq for record in kept]
    some = st.lists(st.sampled_from(numbers), max_size=5) if numbers else st.just([])
    with _Store(place) as engine:
        _add(engine, *kept)
        with engine.transaction() as transaction:
            repeats = [(n, Repeat(n + 1, 7, "applied")) for n in data.draw(some)]
            failed_records.close(transaction, repeats)
            failed_records.blank(transaction, data.draw(some))
        every = failed_records.listed(engine, Packing(engine), after=0, limit=100)
        expected = [record.seq for record in every if _fits(record, which)]
        newest_first = data.draw(st.booleans())
        found = failed_records.matching(
            engine, which, start=None, limit=100, newest_first=newest_first
        )
        assert [record.seq for record in found] == sorted(expected, reverse=newest_first)
        after = data.draw(st.integers(0, 10**6))
        behind = [number for number in expected if number > after]
        assert failed_records.count(engine, which, after=after) == len(behind)


@settings(max_examples=40, deadline=None)
@given(
    first=st.lists(records, max_size=15, unique_by=lambda record: record.seq),
    later=st.lists(st.integers(0, 4), max_size=10),
    limit=st.integers(1, 4),
    newest_first=st.booleans(),
)
def test_paging_meets_each_record_once_while_others_are_added(
    place: Path, first: list[FailedRecord], later: list[int], limit: int, newest_first: bool
) -> None:
    """Those that fail meanwhile have higher numbers than all before; a walk from the oldest ends
    with them, one from the newest does not meet them."""
    with _Store(place) as engine:
        _add(engine, *first)
        expected = sorted(record.seq for record in first)
        highest = max(expected, default=0)
        met: list[int] = []
        start = None
        arriving = iter(later)
        while page := failed_records.matching(
            engine, Filter(), start=start, limit=limit, newest_first=newest_first
        ):
            met += [record.seq for record in page]
            start = page[-1].seq
            news = [highest + n for n in range(1, next(arriving, 0) + 1)]
            highest += len(news)
            _add(engine, *map(_record, news))
            expected += [] if newest_first else news
        assert met == sorted(expected, reverse=newest_first)


def test_a_state_is_left_once(engine: Engine) -> None:
    _add(engine, _record(1), _record(2))
    for seq in (5, 6):
        with engine.transaction() as transaction:
            failed_records.close(transaction, [(1, Repeat(seq, seq, "applied"))])
    assert _kept(engine, 1).repeat == Repeat(5, 5, "applied")
    with engine.transaction() as transaction:
        failed_records.blank(transaction, [1, 2])
        failed_records.close(transaction, [(2, Repeat(7, 7, "applied"))])
    first, second = _kept(engine, 1), _kept(engine, 2)
    assert (first.state, first.message, first.fault.at) == (State.REPLAYED, b"", None)
    assert (second.state, second.repeat) == (State.RESOLVED, None)
    assert failed_records.states(engine, [1, 2, 3]) == {1: State.REPLAYED, 2: State.RESOLVED}
    assert failed_records.repeats(engine) == [(5, 1)]


def test_tallies_count_by_dataset_code_and_state(engine: Engine) -> None:
    _add(
        engine,
        _record(1, failed_ms=4),
        _record(2, failed_ms=9),
        _record(3, code="REC-1002"),
        _record(4, dataset="b"),
    )
    with engine.transaction() as transaction:
        failed_records.blank(transaction, [4])
    assert failed_records.tallies(engine) == [
        Tally("a", "REC-1001", State.OPEN, 2, 4, 9),
        Tally("a", "REC-1002", State.OPEN, 1, 0, 0),
        Tally("b", "REC-1001", State.RESOLVED, 1, 0, 0),
    ]


class _Explaining:
    """Answers every query with its plan instead."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.plan: list[str] = []

    def read(self, sql: str, parameters: Any = ()) -> list[Any]:
        rows = self._engine.read(f"EXPLAIN QUERY PLAN {sql}", parameters)
        self.plan += [row[3] for row in rows]
        return [(0,)] if sql.startswith("SELECT count") else []


@pytest.mark.parametrize(
    "which",
    [
        Filter(codes=("a",)),
        Filter(codes=("a", "b")),
        Filter(dataset="a"),
        Filter(batch="a"),
        Filter(state=State.OPEN),
        Filter(received_after_ms=1),
        Filter(received_before_ms=1),
        Filter(failed_after_ms=1),
        Filter(failed_before_ms=1),
        Filter(codes=("a",), dataset="a", state=State.OPEN, failed_after_ms=1),
    ],
    ids=repr,
)
@pytest.mark.parametrize("newest_first", [True, False])
def test_filters_are_answered_from_an_index(
    engine: Engine, which: Filter, newest_first: bool
) -> None:
    """Neither row after row, nor by number alone, which for a filter is the same."""
    explaining = _Explaining(engine)
    for start in (None, 5):
        failed_records.matching(explaining, which, start=start, limit=9, newest_first=newest_first)
    failed_records.count(explaining, which, after=0)
    looked = [line for line in explaining.plan if "TEMP B-TREE" not in line]
    assert len(looked) == 3
    assert [line for line in looked if "INDEX failed_records_" not in line] == []


def test_summary_and_counts_read_no_messages(engine: Engine) -> None:
    explaining = _Explaining(engine)
    failed_records.tallies(explaining)
    failed_records.counts(explaining)
    assert all("COVERING INDEX" in line for line in explaining.plan), explaining.plan
