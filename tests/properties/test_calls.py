"""Laws of calls: neither order nor repetition of what is said changes what is believed, and what is
undone never was."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.store.snapshot import Snapshot
from onefold.testing.app import App
from tests.properties import test_undo
from tests.properties.calling import CallWorld, SaidCall, furnished, said_calls

_numbers = itertools.count()


@pytest.fixture(scope="module")
def definitions(shared: App) -> Callable[[], Snapshot]:
    """The definitions of the account. A function, since values are printed."""
    snapshot = furnished(shared)
    return lambda: snapshot


def _numbered(said: list[SaidCall], start: int = 0) -> list[SaidCall]:
    return [replace(one, event_id=f"e-{start + place}") for place, one in enumerate(said)]


@st.composite
def tellings(draw: st.DrawFn) -> tuple[list[SaidCall], list[SaidCall], int]:
    """Calls about one customer, the same ones in another order and some of them repeated, and how
    many records of these make a batch."""
    of_one = said_calls(("traits", "groups")).map(
        lambda one: replace(one, user=one.user and 1, visitor=1)
    )
    said = _numbered(draw(st.lists(of_one, min_size=1, max_size=8)))
    linking = SaidCall("traits", 1, 1, (("z", 1),), 0, "e-link")
    said.append(linking)
    again = draw(st.lists(st.sampled_from(said), max_size=4))
    return said, draw(st.permutations([*said, *again])), draw(st.integers(1, 12))


@given(telling=tellings())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_neither_order_nor_repetition_of_calls_changes_what_is_believed(
    telling: tuple[list[SaidCall], list[SaidCall], int],
    definitions: Callable[[], Snapshot],
    tmp_path: Path,
) -> None:
    """Times of receipt differ between the two, so what decides is when things happened: each word
    has its own second, and of the words of one second the first that is sent stands in both."""
    said, otherwise, records_max = telling
    said = [replace(one, at=place) for place, one in enumerate(said)]
    at = {one.event_id: one.at for one in said}
    otherwise = [replace(one, at=at[one.event_id]) for one in otherwise]
    root = tmp_path / str(next(_numbers))
    one, other = (
        CallWorld(root / "one", definitions()),
        CallWorld(root / "other", definitions(), records_max=records_max),
    )
    try:
        for world, calls in ((one, said), (other, otherwise)):
            for call in calls:
                world.send(call)  # type: ignore[arg-type]
            world.drain()
        for name in (("userId", "u-1"), ("anonymousId", "a-1"), ("groupId", "g-1")):
            assert one.profile(*name) == other.profile(*name)
        assert one.profile("userId", "u-1") == _expected(said)
        assert one.faults() == other.faults() == []
    finally:
        one.close()
        other.close()


def _expected(said: list[SaidCall]) -> dict[str, Any]:
    """The same, said plainly."""
    traits: dict[str, Any] = {}
    for one in sorted(said, key=lambda one: -one.at):
        if one.brings == "traits":
            traits |= dict(one.said)
    return {"_onefold": {"traits": {k: v for k, v in traits.items() if v is not None}}}


@st.composite
def stories(draw: st.DrawFn) -> test_undo.Story:
    """A history of calls, what is undone of it, and what comes later."""
    history = _numbered(draw(st.lists(said_calls(), min_size=1, max_size=12)))
    later = _numbered(draw(st.lists(said_calls(), max_size=4)), start=100)
    return test_undo.Story(
        False,
        history,  # type: ignore[arg-type]
        later,  # type: ignore[arg-type]
        draw(st.sets(st.integers(0, len(history) - 1), max_size=5)),
        [],
        0,
        draw(st.integers(1, 20)),
        draw(st.integers(1, 20)),
    )


@given(story=stories())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_an_undone_call_never_came(
    story: test_undo.Story, definitions: Callable[[], Snapshot], tmp_path: Path
) -> None:
    """As test_undo.py has it of other records: of stamped ones, too, exactly what the others say is
    left."""
    root = tmp_path / str(next(_numbers))
    one = CallWorld(root / "one", definitions(), records_max=story.records_max)
    other = CallWorld(root / "other", definitions())
    try:
        test_undo.told(story, one, other, root)
    finally:
        one.close()
        other.close()
