"""Seeds that are run each time, and many more in the long run."""

from __future__ import annotations

import pytest

from tests.simulation.run import TROUBLES, Simulation
from tests.simulation.seeds import not_reached

FIXED_SEEDS = range(1, 26)
MANY_SEEDS = range(1_000, 1_300)


def test_fixed_seeds_agree_with_the_model_and_reach_every_trouble():
    assert not_reached(TROUBLES, Simulation, FIXED_SEEDS, "make sim SEED={}") == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_seeds_agree_with_the_model_and_reach_every_trouble():
    assert not_reached(TROUBLES, Simulation, MANY_SEEDS, "make sim SEED={}") == []
