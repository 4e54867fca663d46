"""Lifecycle: every pair of states, against the table."""

from __future__ import annotations

import itertools

import pytest

from onefold.domain.lifecycle import MOVES, State, moved
from onefold.errors import Conflict

PAIRS = list(itertools.product(State, State))


def test_every_state_has_its_moves() -> None:
    assert MOVES.keys() == set(State)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_moves_of_the_table_are_legal_and_no_others(before: State, after: State) -> None:
    if after in MOVES[before]:
        assert moved(before, after) is after
    else:
        with pytest.raises(Conflict, match="CTL-1010"):
            moved(before, after)
