"""Laws of undo: afterwards a store is as if what was undone had never come."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.domain.graph.cluster import Stitching
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.removal import Removal
from onefold.pipeline import regraph
from onefold.pipeline.work import Normalized
from onefold.store.migrate import opened
from onefold.store.snapshot import Snapshot
from onefold.testing.app import App
from tests.properties.undoing import PEOPLE, Said, World, furnished, said, state

_numbers = itertools.count()


@pytest.fixture(scope="module")
def definitions(shared: App) -> Callable[[bool], Snapshot]:
    """The definitions with linking rules, or without. A function, since values are printed."""
    snapshot = furnished(shared)
    return lambda is_ruled: ruled(snapshot, is_ruled)


@dataclass(frozen=True)
class Story:
    """What happens. undone: places in the history. cut: pairs of PEOPLE; mended: how many of them.
    records_max, again_max: records of one batch, at first and when the journal is applied anew."""

    ruled: bool
    history: list[Said]
    later: list[Said]
    undone: set[int]
    cut: list[tuple[int, int]]
    mended: int
    records_max: int
    again_max: int


@pytest.fixture
def small_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters of at most three identities, so that somebody often has to leave."""
    defaults = Stitching.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "limit", 3)


def ruled(definitions: Snapshot, is_ruled: bool) -> Snapshot:
    """The definitions with linking rules, or without."""
    if not is_ruled:
        return definitions
    code = {namespace.code: namespace.id for namespace in definitions.namespaces}
    ranks = {code[name]: rank for rank, name in enumerate(("CRMID", "Email", "ECID"), 1)}
    rules = LinkingRules(ranks, frozenset([code["CRMID"]]))
    return msgspec.structs.replace(definitions, rules=rules)


def people(definitions: Snapshot) -> list[Xid]:
    book = definitions.namespaces
    found = []
    for code, value in PEOPLE:
        namespace = book.by_code(code)
        assert namespace is not None
        found.append(xids.encode(namespace.id, value))
    return found


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A history, what is undone of it, and what comes later."""
    history = draw(st.lists(said(), min_size=1, max_size=14))
    number = st.integers(0, len(PEOPLE) - 1)
    cut = draw(st.lists(st.tuples(number, number), max_size=3, unique=True))
    return Story(
        draw(st.booleans()),
        history,
        draw(st.lists(said(), max_size=5)),
        draw(st.sets(st.integers(0, len(history) - 1), max_size=5)),
        [pair for pair in cut if pair[0] < pair[1]],
        draw(st.integers(0, 3)),
        draw(st.integers(1, 20)),
        draw(st.integers(1, 20)),
    )


@given(story=stories())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_undone_never_came(
    story: Story, definitions: Callable[[bool], Snapshot], tmp_path: Path, small_clusters: None
) -> None:
    """In the middle of a history records are undone and kept out, pairs cut and mended. The store
    equals one that saw neither these records nor what was kept out later, and in which the pairs
    were cut from the start."""
    root = tmp_path / str(next(_numbers))
    snapshot = definitions(story.ruled)
    one = World(root / "one", snapshot, records_max=story.records_max)
    other = World(root / "other", snapshot)
    try:
        told(story, one, other, root)
    finally:
        one.close()
        other.close()


@given(story=stories())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_part_that_is_too_large_to_be_replayed_is_exact_while_nobody_has_to_leave(
    story: Story,
    definitions: Callable[[bool], Snapshot],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(regraph, "SIGHTINGS_MAX", 0)
    root = tmp_path / str(next(_numbers))
    one, other = (World(root / name, definitions(False)) for name in ("one", "other"))
    try:
        told(story, one, other, root)
    finally:
        one.close()
        other.close()


def told(story: Story, one: World, other: World, root: Path) -> None:
    gone, kept_out = _undone(story, one, other)
    _same(one, other)

    def is_out(what: Normalized | None) -> bool:
        return what is not None and any(s.key in kept_out for s in one.suppressing(what))

    again = [story.history[place] for place in sorted(gone)]
    for record in [*story.later, *again]:
        accepted = one.accepted(record)
        what = one.normalized(one.send(record), accepted)
        other.order(Removal()) if is_out(what) else other.send(record)
    for order in gone.values():  # undone twice is undone once
        one.order(order)
        other.order(Removal())
    _same(one, other)

    one.order(Removal(lift=sorted(kept_out)))
    other.order(Removal())
    for record in again:
        one.send(record)
        other.send(record)
    _same(one, other)

    fresh = opened(root / "fresh.db", "profile")
    anew = one.over(fresh, records_max=story.again_max)
    while anew.step():
        pass
    assert state(fresh) == state(one.engine)
    ended = "SELECT dataset, outcome, records FROM outcomes ORDER BY 1, 2"
    assert fresh.read(ended) == one.engine.read(ended)
    fresh.close()


def _undone(story: Story, one: World, other: World) -> tuple[dict[int, Removal], set[str]]:
    """Tell one world the history and what is undone of it, the other only what is left; answer the
    orders by their places in the history, and the keys of what is kept out."""
    named = people(one.snapshot)
    cut = [(named[a], named[b]) for a, b in story.cut]
    mended = cut[: story.mended]
    one.order(Removal())
    other.order(Removal(cuts=[pair for pair in cut if pair not in mended]))
    brought = []
    for record in story.history:
        accepted = one.accepted(record)
        brought.append(one.normalized(one.send(record), accepted))
    one.drain()
    gone = {
        place: one.undo(what)
        for place in story.undone
        if (what := brought[place]) is not None and what.owner is not None
    }
    for order in gone.values():
        one.order(order)
    one.order(Removal(cuts=cut))
    one.order(Removal(mends=mended))
    kept_out = {s.key for order in gone.values() for s in order.suppress}
    for place, record in enumerate(story.history):
        what = brought[place]
        is_kept_out = (
            what is not None
            and what.event is not None
            and {s.key for s in one.suppressing(what)} & kept_out
        )
        other.order(Removal()) if place in gone or is_kept_out else other.send(record)
    while other.sent < one.sent:
        other.order(Removal())
    return gone, kept_out


def _same(one: World, other: World) -> None:
    one.drain()
    other.drain()
    assert state(one.engine) == state(other.engine)
    assert one.faults() == []
