"""What is kept beside the data: progress, outcomes, failed records, counts of validations."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from onefold.domain.failed_record import FailedRecord, Fault
from onefold.errors import Conflict
from onefold.store.engine import Engine
from onefold.store.migrate import SCHEMA_VERSION, opened
from onefold.store.packing import Packing
from onefold.store.tables import failed_records, outcomes, sync_validations
from onefold.store.tables.outcomes import Outcome
from onefold.store.tables.progress import Progress, advance, progress


def _failed(seq: int, dataset: str = "ds") -> FailedRecord:
    fault = Fault("normalize", "REC-1001", "because", "/é", b'[{"a":1}]')
    return FailedRecord(seq, fault, dataset, "inlet", f"t{seq}", 1, 2, b'{"m":"%s"}' % (b"x" * 999))


def test_progress_begins_at_nothing_and_is_what_was_committed_last(engine: Engine) -> None:
    assert progress(engine) == Progress(0, 0)
    with engine.transaction() as transaction:
        advance(transaction, Progress(7, 70))
        assert progress(transaction) == Progress(7, 70)
        assert progress(engine) == Progress(0, 0)
    assert progress(engine) == Progress(7, 70)


def test_outcomes_add_up(engine: Engine) -> None:
    for _ in range(2):
        with engine.transaction() as transaction:
            outcomes.count(transaction, {("a", Outcome.APPLIED): 2, ("b", Outcome.FAILED): 1})
    assert outcomes.counts(engine) == {("a", Outcome.APPLIED): 4, ("b", Outcome.FAILED): 2}


def test_failed_record_comes_back_whole_and_stays_as_it_was_first(
    engine: Engine, packing: Packing
) -> None:
    for _ in range(2):
        with engine.transaction() as transaction:
            failed_records.add(transaction, packing, [_failed(1), _failed(3, "other")])
    found = failed_records.listed(engine, packing, after=0, limit=9)
    assert found == [_failed(1), _failed(3, "other")]
    assert failed_records.listed(engine, packing, after=1, limit=9) == [_failed(3, "other")]
    assert failed_records.listed(engine, packing, after=0, limit=1) == [_failed(1)]
    assert failed_records.counts(engine) == {"ds": 1, "other": 1}


def test_validations_are_counted_by_inlet_and_minute(tmp_path: Path) -> None:
    engine = opened(tmp_path / "journal.db", "journal")
    counted = [
        sync_validations.counted(engine, inlet, minute=minute)
        for inlet, minute in (("a", 1), ("a", 1), ("b", 1), ("a", 2), ("b", 2))
    ]
    assert counted == [1, 2, 1, 1, 1]
    engine.close()


# The engine itself


def test_transaction_that_raises_leaves_nothing(engine: Engine) -> None:
    with suppress(ZeroDivisionError), engine.transaction() as transaction:
        advance(transaction, Progress(1, 1))
        raise ZeroDivisionError
    assert progress(engine) == Progress(0, 0)


def test_attempt_that_raises_is_undone_alone(engine: Engine) -> None:
    with engine.transaction() as transaction:
        outcomes.count(transaction, {("a", Outcome.APPLIED): 1})
        with suppress(ZeroDivisionError), transaction.attempt():
            outcomes.count(transaction, {("b", Outcome.APPLIED): 1})
            raise ZeroDivisionError
        with transaction.attempt():
            outcomes.count(transaction, {("c", Outcome.APPLIED): 1})
    assert outcomes.counts(engine).keys() == {("a", Outcome.APPLIED), ("c", Outcome.APPLIED)}


def test_reading_sees_one_state_however_long_it_lasts(engine: Engine) -> None:
    with engine.reading() as reader:
        before = progress(reader)
        with engine.transaction() as transaction:
            advance(transaction, Progress(9, 9))
        assert progress(reader) == before
    with engine.reading() as reader:
        assert progress(reader) == Progress(9, 9)


def test_file_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "profile.db"
    engine = opened(path, "profile")
    with engine.transaction() as transaction:
        transaction.write(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    engine.close()
    before = path.read_bytes()
    with pytest.raises(Conflict) as refused:
        opened(path, "profile")
    assert refused.value.code == "CTL-1003"
    assert path.read_bytes() == before


def test_two_openers_of_a_new_file_make_one_store(tmp_path: Path) -> None:
    first, second = (opened(tmp_path / "new" / "profile.db", "profile") for _ in range(2))
    with first.transaction() as transaction:
        advance(transaction, Progress(1, 1))
    assert progress(second) == Progress(1, 1)
    first.close()
    second.close()
