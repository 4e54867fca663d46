"""Listings and scrolls: written once, read in order, and removed when nobody needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.tables import scrolls
from onefold.store.tables.scrolls import Place, Scroll

NOW_MS = 1_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """An empty file of scrolls."""
    engine = opened(tmp_path / "scroll.db", "scroll")
    yield engine
    engine.close()


def _place(rank: int, number: int) -> Place:
    return Place(rank, str(UUID(int=number)))


def _listing(store: Engine, rows: list[tuple[Place, bool]], version: str = "1.1") -> int:
    with store.transaction() as transaction:
        listing = scrolls.begin(transaction, now_ms=NOW_MS)
        for start in range(0, len(rows), 3):
            scrolls.add(transaction, listing, rows[start : start + 3], now_ms=NOW_MS)
        scrolls.complete(transaction, listing, version)
    return listing


def _open(store: Engine, name: str, listing: int, key: str = "k", most: int = 20) -> None:
    with store.transaction() as transaction:
        scrolls.open_(transaction, Scroll(name, key, listing, NOW_MS), most=most)


ROWS = st.lists(
    st.tuples(st.integers(-5, 1), st.integers(0, 2**128 - 1), st.booleans()),
    unique_by=lambda row: row[1],
    max_size=30,
)


@given(rows=ROWS, known=st.booleans(), limit=st.integers(1, 8))
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_pages_of_a_listing_are_its_rows_by_rank_and_id(
    store: Engine, rows: list[tuple[int, int, bool]], known: bool, limit: int
) -> None:
    listing = _listing(store, [(_place(rank, number), is_) for rank, number, is_ in rows])
    _listing(store, [(_place(0, 7), True)])  # another one is not mixed in
    wanted = sorted(_place(rank, number) for rank, number, is_ in rows if is_ or not known)
    found: list[Place] = []
    after = None
    while page := scrolls.customers(store, listing, after=after, known=known, limit=limit):
        assert len(page) <= limit
        found += page
        after = page[-1]
    assert found == wanted
    ids = [str(UUID(int=number)) for _, number, _ in rows]
    assert sorted(scrolls.places(store, listing, ids, known=known)) == wanted
    assert scrolls.places(store, listing, [], known=known) == []


def test_a_listing_is_found_once_it_is_whole(store: Engine) -> None:
    with store.transaction() as transaction:
        listing = scrolls.begin(transaction, now_ms=NOW_MS)
    assert scrolls.listing_of(store, "1.1") is None
    with store.transaction() as transaction:
        scrolls.complete(transaction, listing, "1.1")
    assert scrolls.listing_of(store, "1.1") == listing
    assert scrolls.listing_of(store, "1.2") is None


def test_a_key_has_so_many_scrolls_and_loses_its_oldest_ones(store: Engine) -> None:
    listing = _listing(store, [])
    for number in range(5):
        _open(store, f"s-{number}", listing, most=3)
        _open(store, f"o-{number}", listing, "other", most=5)
    kept = [scrolls.of_id(store, f"s-{number}") is not None for number in range(5)]
    assert kept == [False, False, True, True, True]
    assert all(scrolls.of_id(store, f"o-{number}") for number in range(5))


def test_scrolls_close_when_they_were_not_used_since_then(store: Engine) -> None:
    listing = _listing(store, [])
    _open(store, "a", listing)
    _open(store, "b", listing)
    with store.transaction() as transaction:
        scrolls.use(transaction, "a", now_ms=NOW_MS + 10)
        scrolls.close(transaction, unused_since_ms=NOW_MS + 1)
    assert scrolls.of_id(store, "a") == Scroll("a", "k", listing, NOW_MS + 10)
    assert scrolls.of_id(store, "b") is None


def test_a_listing_is_left_when_no_scroll_is_on_it_or_nobody_goes_on_making_it(
    store: Engine,
) -> None:
    listing = _listing(store, [(_place(0, 1), True)])
    assert scrolls.left(store, unused_since_ms=0) == listing
    _open(store, "a", listing)
    assert scrolls.left(store, unused_since_ms=NOW_MS + 1) is None
    with store.transaction() as transaction:
        being_made = scrolls.begin(transaction, now_ms=NOW_MS)
    assert scrolls.left(store, unused_since_ms=NOW_MS) is None
    assert scrolls.left(store, unused_since_ms=NOW_MS + 1) == being_made


def test_a_listing_goes_in_pieces_and_nobody_finds_it_meanwhile(
    store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrolls, "REMOVED_MAX", 4)
    listing = _listing(store, [(_place(0, number), True) for number in range(10)])
    other = _listing(store, [(_place(0, number), True) for number in range(3)], "2.2")
    _open(store, "a", other)
    rows = []
    while scrolls.left(store, unused_since_ms=1) == listing:
        with store.transaction() as transaction:
            scrolls.remove(transaction, listing)
        assert scrolls.listing_of(store, "1.1") is None
        rows.append(len(scrolls.customers(store, listing, after=None, known=False, limit=100)))
    assert rows == [6, 2, 0]
    assert len(scrolls.customers(store, other, after=None, known=False, limit=100)) == 3
    assert _listing(store, []) > other  # a number is not used again
