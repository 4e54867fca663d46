"""The write-ahead log is moved beside the writer, and begins anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from onefold.store.checkpoints import Checkpoints
from onefold.store.sqlite import SqliteEngine

ROW = "x" * 3_000


def _written(engine: SqliteEngine, transactions: int) -> None:
    for _ in range(transactions):
        with engine.transaction() as transaction:
            transaction.write("INSERT INTO t VALUES (?)", (ROW,))


def _opened(path: Path, checkpoints: Checkpoints) -> SqliteEngine:
    engine = SqliteEngine(path, checkpoints=checkpoints)
    with engine.transaction() as transaction:
        transaction.write("CREATE TABLE t (row TEXT)")
    return engine


def _log_bytes(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_log_does_not_grow_for_ever_while_it_is_written_to(path: Path) -> None:
    checkpoints = Checkpoints(path, pages=20, pages_max=80)
    engine = _opened(path, checkpoints)
    for _ in range(20):
        _written(engine, 20)
        checkpoints.close()  # waits for the move that is on its way
    assert _log_bytes(path) < 120 * 4_200
    assert engine.read("SELECT count(*) FROM t") == [(400,)]
    engine.close()


def test_writer_moves_the_log_itself_when_nobody_else_could(path: Path) -> None:
    engine = _opened(path, Checkpoints(path, pages=10_000, pages_max=20))
    _written(engine, 400)
    assert _log_bytes(path) < 60 * 4_200
    assert engine.read("SELECT count(*) FROM t") == [(400,)]
    engine.close()


def test_reader_of_an_old_state_keeps_the_log_and_loses_nothing(path: Path) -> None:
    checkpoints = Checkpoints(path, pages=20, pages_max=1_000)
    engine = _opened(path, checkpoints)
    with engine.reading() as reader:
        assert reader.read("SELECT count(*) FROM t") == [(0,)]
        _written(engine, 200)
        checkpoints.close()
        assert reader.read("SELECT count(*) FROM t") == [(0,)]
    assert engine.read("SELECT count(*) FROM t") == [(200,)]
    engine.close()
