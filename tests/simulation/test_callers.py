"""Seeds of accounts that are run each time, and many more in the long run."""

from __future__ import annotations

import pytest

from tests.simulation.callers import TROUBLES, Callers
from tests.simulation.seeds import not_reached

FIXED_SEEDS = range(1, 11)
MANY_SEEDS = range(1_000, 1_100)


def test_fixed_seeds_agree_with_the_model_and_reach_every_trouble():
    assert not_reached(TROUBLES, Callers, FIXED_SEEDS, "seed {}") == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_seeds_agree_with_the_model_and_reach_every_trouble():
    assert not_reached(TROUBLES, Callers, MANY_SEEDS, "seed {}") == []
