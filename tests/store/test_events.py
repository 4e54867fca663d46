"""Events: stored once, read as one timeline of several owners, in pages."""

from __future__ import annotations

from random import Random

import apsw
import pytest

from onefold.domain.identity.identity import Xid
from onefold.store.engine import LIST_MAX, Engine
from onefold.store.packing import Packing
from onefold.store.tables import events
from onefold.store.tables.events import NewEvent, StoredEvent, Window

A, B, C = Xid("A"), Xid("B"), Xid("C")


def _event(xid: Xid, event_id: str, at_ms: int, seq: int = 1, body: bytes = b"{}") -> NewEvent:
    return NewEvent(xid, event_id, at_ms, "ds", seq, 1_000 + seq, body)


def _add(engine: Engine, packing: Packing, *news: NewEvent) -> None:
    with engine.transaction() as transaction:
        events.add(transaction, packing, news)


def _crowd(seed: int = 1, count: int = 300) -> list[NewEvent]:
    """Events of three owners, of few times and few ids, so that there are ties of both."""
    random = Random(seed)
    keys = {
        (random.choice((A, B, C)), f"e{random.randrange(40)}", random.randrange(8))
        for _ in range(count)
    }
    first: dict[tuple[Xid, str], NewEvent] = {}
    for xid, event_id, at_ms in sorted(keys):
        first.setdefault((xid, event_id), _event(xid, event_id, at_ms))
    return list(first.values())


def _naive(news: list[NewEvent], owners: list[Xid], window: Window) -> list[tuple[int, str, Xid]]:
    """The whole timeline, by filtering and sorting everything."""
    keys = sorted(
        ((e.timestamp_ms, e.event_id, e.xid) for e in news if e.xid in owners),
        reverse=window.descending,
    )
    return [
        key
        for key in keys
        if (window.start_ms is None or key[0] >= window.start_ms)
        and (window.end_ms is None or key[0] < window.end_ms)
        and (window.at is None or (key <= window.at if window.descending else key >= window.at))
    ]


def _keys(found: list[StoredEvent]) -> list[tuple[int, str, str]]:
    return [event.sort_key for event in found]


def test_timeline_is_that_of_a_naive_sort_in_every_window(engine: Engine, packing: Packing) -> None:
    news = _crowd()
    _add(engine, packing, *news)
    random = Random(2)
    for _ in range(400):
        owners = random.sample([A, B, C, Xid("nobody")], random.randrange(1, 5))
        window = Window(
            random.choice([None, *range(9)]),
            random.choice([None, *range(9)]),
            random.choice([None, *(_sort_key(e) for e in random.sample(news, 3))]),
            random.random() < 0.5,
        )
        limit = random.choice([1, 2, 7, 1000])
        found = events.timeline(engine, packing, owners, window, limit=limit)
        assert _keys(found) == _naive(news, owners, window)[:limit], (owners, window, limit)


def _sort_key(event: NewEvent) -> tuple[int, str, str]:
    return (event.timestamp_ms, event.event_id, event.xid)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 10, 64])
def test_pages_by_sort_key_show_every_event_once(
    engine: Engine, packing: Packing, limit: int, descending: bool
) -> None:
    news = _crowd()
    _add(engine, packing, *news)
    seen: list[tuple[int, str, str]] = []
    at = None
    while True:
        window = Window(at=at, descending=descending)
        found = events.timeline(engine, packing, [C, A, B], window, limit=limit + 1)
        seen += _keys(found[:limit])
        if len(found) <= limit:
            break
        at = found[limit].sort_key
    assert seen == sorted((_sort_key(e) for e in news), reverse=descending)


def test_events_of_one_time_stand_in_the_order_of_id_then_owner(
    engine: Engine, packing: Packing
) -> None:
    _add(engine, packing, *(_event(xid, i, 5) for xid in (C, A, B) for i in ("b", "B", "a", "é")))
    found = events.timeline(engine, packing, [A, B, C], Window(), limit=100)
    assert [(e.event_id, e.xid) for e in found] == [
        (i, xid) for i in ("B", "a", "b", "é") for xid in (A, B, C)
    ]


def test_body_comes_back_as_it_was(engine: Engine, packing: Packing) -> None:
    bodies = [b"{}", b'{"a":"%s"}' % (b"x" * 5000), '{"é":"\x00"}'.encode(), b"[" * 64]
    _add(engine, packing, *(_event(A, f"e{n}", n, body=b) for n, b in enumerate(bodies)))
    found = events.timeline(engine, packing, [A], Window(), limit=10)
    assert [event.body for event in found] == bodies
    assert [(e.dataset, e.ingested_ms) for e in found] == [("ds", 1001)] * 4


def test_known_tells_which_of_many_keys_are_stored(engine: Engine, packing: Packing) -> None:
    news = [_event(A, f"e{n}", n) for n in range(0, 3 * LIST_MAX, 2)]
    _add(engine, packing, *news)
    asked = [(A, f"e{n}") for n in range(3 * LIST_MAX)] + [(B, "e0")]
    assert events.known(engine, asked) == {(e.xid, e.event_id) for e in news}
    assert events.known(engine, []) == set()


def test_key_is_stored_once(engine: Engine, packing: Packing) -> None:
    _add(engine, packing, _event(A, "e", 1))
    with pytest.raises(apsw.ConstraintError):
        _add(engine, packing, _event(A, "f", 1), _event(A, "e", 2))
    assert [e.event_id for e in events.timeline(engine, packing, [A], Window(), limit=9)] == ["e"]


def test_whole_page_may_be_longer_than_a_list_of_parameters(
    engine: Engine, packing: Packing
) -> None:
    count = 2 * LIST_MAX + 5
    _add(engine, packing, *(_event(A, f"e{n}", n) for n in range(count)))
    found = events.timeline(engine, packing, [A], Window(), limit=count)
    assert [e.timestamp_ms for e in found] == list(range(count))


def test_find_answers_the_smallest_key_of_the_owners_with_that_id(
    engine: Engine, packing: Packing
) -> None:
    _add(engine, packing, _event(A, "e", 7), _event(B, "e", 5), _event(C, "e", 3))
    assert events.find(engine, [A, B], "e") == (5, "e", B)
    assert events.find(engine, [A], "nothing") is None
    assert events.find(engine, [Xid("D")], "e") is None


def test_owners_and_counts_cover_all_events(engine: Engine, packing: Packing) -> None:
    news = [_event(xid, f"e{n}", n, seq=n) for n in range(3) for xid in (B, A)]
    _add(engine, packing, *news)
    assert events.owners(engine, after="", limit=1) == [A]
    assert events.owners(engine, after=A, limit=9) == [B]
    assert events.count(engine, seq_max=1) == (6, 4)
    assert events.newest_ingested_ms(engine, [A, C]) == 1002
    assert events.newest_ingested_ms(engine, [C]) is None


def test_the_newest_arrival_of_each_owner_is_told_apart(engine: Engine, packing: Packing) -> None:
    _add(engine, packing, _event(A, "1", 5, seq=7), _event(A, "2", 6, seq=3), _event(B, "1", 1))
    assert events.newest_of(engine, [A, B, C]) == {A: 1_007, B: 1_001}
    assert events.newest_of(engine, []) == {}


def test_events_that_arrived_since_are_the_newest_ones_in_their_order(
    engine: Engine, packing: Packing
) -> None:
    given = [_event(owner, f"e{n}", n, seq=n % 5) for n in range(12) for owner in (A, B)]
    _add(engine, packing, *given)
    for since_ms in (0, 1_003, 2_000):
        expected = sorted(
            (e.timestamp_ms, e.event_id, e.xid) for e in given if e.ingested_ms >= since_ms
        )
        for limit in (1, 5, 100):
            found = events.arrived(engine, packing, [A, B, C], since_ms=since_ms, limit=limit)
            assert _keys(found) == expected[-limit:]
