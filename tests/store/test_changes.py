"""The log of changes: numbered without gaps, and trimmed from its beginning."""

from __future__ import annotations

import pytest

from onefold.domain.graph.regrouping import Happening, Kind
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Engine
from onefold.store.tables import changes
from onefold.store.tables.changes import Change

A, B, C = (Xid(name) for name in "ABC")


def _add(engine: Engine, *happenings: Happening, seq: int = 1, at_ms: int = 0) -> None:
    with engine.transaction() as transaction:
        changes.add(transaction, happenings, seq=seq, at_ms=at_ms)


def _fill(engine: Engine, number: int, *, at_ms: int = 0) -> None:
    for _ in range(number):
        _add(engine, Happening(Kind.CHANGED, A), at_ms=at_ms)


def test_changes_are_read_as_they_were_written_and_numbered_from_one(engine: Engine) -> None:
    assert changes.bounds(engine) == (0, 0)
    _add(engine, Happening(Kind.SPLIT, A, (A, B)), Happening(Kind.CREATED, C), seq=7, at_ms=70)
    _add(engine)
    _add(engine, Happening(Kind.JOINED, A, (C,)), seq=9, at_ms=90)
    written = [
        Change(1, 7, 70, Kind.SPLIT, A, (A, B)),
        Change(2, 7, 70, Kind.CREATED, C, ()),
        Change(3, 9, 90, Kind.JOINED, A, (C,)),
    ]
    assert changes.after(engine, 0, limit=10) == written
    assert changes.after(engine, 1, limit=1) == written[1:2]
    assert changes.after(engine, 0, limit=10, to=1) == written[:1]
    assert changes.after(engine, 0, limit=10, kinds=[Kind.JOINED]) == written[2:]
    assert changes.after(engine, 3, limit=10) == []
    assert changes.bounds(engine) == (1, 3)


def test_only_the_newest_are_kept(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEPT_MAX", 20)
    monkeypatch.setattr(changes, "TRIM_EVERY", 5)
    for number in range(1, 101):
        _fill(engine, 1)
        oldest, newest = changes.bounds(engine)
        assert newest == number
        assert min(number, 20) <= newest - oldest + 1 <= 25
    assert len(changes.after(engine, 0, limit=100)) == newest - oldest + 1


def test_none_is_kept_for_longer_than_followers_may_stay_away(engine: Engine) -> None:
    """The log names people who were deleted; it must not do so for ever."""
    _fill(engine, 3, at_ms=0)
    _fill(engine, 2, at_ms=changes.KEPT_MS)
    assert changes.bounds(engine) == (1, 5)
    _fill(engine, 1, at_ms=changes.KEPT_MS + 1)
    assert changes.bounds(engine) == (4, 6)
    _fill(engine, 1, at_ms=3 * changes.KEPT_MS)
    assert changes.bounds(engine) == (7, 7)


def test_one_trim_takes_no_more_than_it_may(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "TRIMMED_MAX", 2)
    _fill(engine, 5, at_ms=0)
    _fill(engine, 1, at_ms=2 * changes.KEPT_MS)
    assert changes.bounds(engine) == (3, 6)
    _fill(engine, 1, at_ms=2 * changes.KEPT_MS)
    assert changes.bounds(engine) == (5, 7)
