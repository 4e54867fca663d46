"""Superseded records: all of a key are kept, up to a number and an age, and one row tells that more
have been."""

from __future__ import annotations

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.history import Record, Said, standing
from onefold.lookup.undo import restorable
from onefold.store.engine import Engine
from onefold.store.packing import Packing
from onefold.store.tables import fragments, superseded
from onefold.store.tables.fragments import NewFragment
from onefold.store.tables.superseded import KEPT_MS, KEPT_ROWS, Next, Superseded
from onefold.wire import encode_json

A = Xid("A")
KEY = (A, "ds")


def _write(
    engine: Engine, packing: Packing, seq: int, *, at_ms: int, said: Said = "create"
) -> None:
    """One record, written as the pipeline writes it; partial ones set a field of their own."""
    body = encode_json({f"f{seq}": "x" * 70})
    with engine.transaction() as transaction:
        superseded.keep(transaction, {KEY: Next(seq, at_ms)})
        if said == "merge":
            record = Record(seq, at_ms, at_ms, "t", said, body)
            superseded.add(transaction, packing, [Superseded(*KEY, record, at_ms)])
            history = superseded.histories(transaction, packing, [KEY])[KEY]
            stands = standing(history).record
            assert stands is not None
            body = stands.body
        fragment = NewFragment(*KEY, seq, at_ms, at_ms, "t", body)
        fragments.replace(transaction, packing, [fragment])
        superseded.prune(transaction, packing, {KEY: at_ms})


def _kept(engine: Engine, packing: Packing) -> list[tuple[int, str]]:
    return [(row.record.seq, row.record.operation) for row in superseded.of(engine, packing, [A])]


def test_a_key_that_was_written_once_has_nothing_here(engine: Engine, packing: Packing) -> None:
    _write(engine, packing, 1, at_ms=1)
    assert _kept(engine, packing) == []
    assert superseded.owning(engine, [A]) == []


def test_what_stood_is_kept_and_the_last_whole_record_is_not(
    engine: Engine, packing: Packing
) -> None:
    for seq in (1, 2, 3):
        _write(engine, packing, seq, at_ms=seq)
    assert _kept(engine, packing) == [(1, "create"), (2, "create")]
    history = superseded.histories(engine, packing, [KEY])[KEY]
    assert [one.seq for one in history] == [1, 2, 3]
    assert [one.seq for one in superseded.outline(engine, KEY)] == [1, 2, 3]
    assert superseded.first(engine, [A]) == {A: (1, 1)}


def test_a_last_partial_record_is_kept_too(engine: Engine, packing: Packing) -> None:
    _write(engine, packing, 1, at_ms=1)
    _write(engine, packing, 2, at_ms=2, said="merge")
    assert _kept(engine, packing) == [(1, "create"), (2, "merge")]
    _write(engine, packing, 3, at_ms=3)
    assert _kept(engine, packing) == [(1, "create"), (2, "merge")]


def test_at_most_so_many_are_kept_and_the_newest_that_went_is_marked(
    engine: Engine, packing: Packing
) -> None:
    for seq in range(1, KEPT_ROWS + 4):
        _write(engine, packing, seq, at_ms=seq)
    kept = _kept(engine, packing)
    assert kept[:2] == [(2, "gone"), (3, "create")]
    assert len(kept) == KEPT_ROWS + 1
    assert superseded.first(engine, [A]) == {A: (0, 1)}
    assert restorable(engine, A, "ds", 3)
    assert not restorable(engine, A, "ds", 2)
    assert not restorable(engine, A, "ds", 1)


def test_none_is_kept_longer_than_the_time_after_it_was_superseded(
    engine: Engine, packing: Packing
) -> None:
    _write(engine, packing, 1, at_ms=1)
    _write(engine, packing, 2, at_ms=KEPT_MS)  # supersedes the first
    _write(engine, packing, 3, at_ms=2 * KEPT_MS)
    assert _kept(engine, packing) == [(1, "create"), (2, "create")]
    _write(engine, packing, 4, at_ms=2 * KEPT_MS + 1)
    assert _kept(engine, packing) == [(1, "gone"), (2, "create"), (3, "create")]


def test_what_partial_records_rest_on_is_kept_in_the_mark(engine: Engine, packing: Packing) -> None:
    _write(engine, packing, 1, at_ms=1)
    for seq in range(2, KEPT_ROWS + 5):
        _write(engine, packing, seq, at_ms=seq, said="merge")
    assert _kept(engine, packing)[0] == (4, "gone")
    (found,) = fragments.fragments_of(engine, packing, [A])
    assert found.attributes.keys() == {f"f{seq}" for seq in range(1, KEPT_ROWS + 5)}
    assert restorable(engine, A, "ds", KEPT_ROWS + 4)
    history = superseded.histories(engine, packing, [KEY])[KEY]
    stands = standing(history).record
    assert stands is not None
    assert stands.body == encode_json(found.attributes)


def test_a_record_whose_predecessor_is_not_kept_cannot_be_undone(
    engine: Engine, packing: Packing
) -> None:
    _write(engine, packing, 1, at_ms=1)
    _write(engine, packing, 2, at_ms=2)
    _write(engine, packing, 3, at_ms=KEPT_MS * 2)  # the first is too old now
    assert _kept(engine, packing) == [(1, "gone"), (2, "create")]
    with engine.transaction() as transaction:
        superseded.remove(transaction, [(*KEY, 2)])
    assert not restorable(engine, A, "ds", 3)
    assert restorable(engine, A, "ds", 9), "there is nothing to do"
