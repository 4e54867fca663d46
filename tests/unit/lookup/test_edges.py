"""Wishes on their way into the edge stores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from onefold.errors import Unavailable
from onefold.lookup import edges
from onefold.lookup.edges import _Wishes
from onefold.store.tables.edge import Wish


class Rung:
    """A bell that counts."""

    def __init__(self) -> None:
        self.times = 0

    def ring(self) -> None:
        self.times += 1

    def wait(self, seconds: float) -> None:
        raise NotImplementedError


class Store:
    """Takes wishes when it may."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = threading.Event()
        self.taken: list[Any] = []
        self.fails = False

    @contextmanager
    def transaction(self) -> Iterator[Store]:
        self.begun.set()
        self.open.wait(10)
        if self.fails:
            raise Unavailable("API-9002")
        yield self

    def write_many(self, _: str, rows: list[Any]) -> None:
        self.taken += rows


def wish(number: int) -> Wish:
    return Wish(f"x{number}", "", number)  # type: ignore[arg-type]  # any text will do


def test_what_comes_together_is_written_together_and_the_bell_rings() -> None:
    bell, store = Rung(), Store()
    wishes = _Wishes(bell)
    wishes.note(store, wish(1))  # type: ignore[arg-type]  # as much of an engine as is needed
    store.begun.wait(10)
    for number in (2, 3):
        wishes.note(store, wish(number))  # type: ignore[arg-type]
    store.open.set()
    wishes.settle()
    assert store.taken == [("x1", "", 1), ("x2", "", 2), ("x3", "", 3)]
    assert bell.times == 2


def test_a_store_that_cannot_take_them_loses_them_and_later_ones_go_on() -> None:
    store = Store()
    store.fails = True
    store.open.set()
    wishes = _Wishes(Rung())
    wishes.note(store, wish(1))  # type: ignore[arg-type]
    wishes.settle()
    store.fails = False
    wishes.note(store, wish(2))  # type: ignore[arg-type]
    wishes.settle()
    assert store.taken == [("x2", "", 2)]


def test_very_many_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "WISHES_MAX", 2)
    store = Store()
    wishes = _Wishes(Rung())
    wishes.note(store, wish(1))  # type: ignore[arg-type]
    store.begun.wait(10)
    for number in (2, 3, 4):
        wishes.note(store, wish(number))  # type: ignore[arg-type]
    store.open.set()
    wishes.settle()
    assert [row[0] for row in store.taken] == ["x1", "x2", "x3"]
