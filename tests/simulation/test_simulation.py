"""Seeds that are run each time, and many more in the long run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.simulation.run import TROUBLES, Simulation, root

FIXED_SEEDS = range(1, 26)
MANY_SEEDS = range(1_000, 1_300)


def troubles_of(seeds: Iterable[int]) -> Counter[str]:
    """Run the seeds; the last one printed is the one that differs."""
    reached: Counter[str] = Counter()
    for seed in seeds:
        print(f"make sim SEED={seed}")
        with root() as directory:
            simulation = Simulation(seed, Path(directory))
            simulation.run()
        reached += simulation.troubles
    for trouble in TROUBLES:
        print(f"{reached[trouble]:6} {trouble}")
    return reached


def test_fixed_seeds_agree_with_the_model_and_reach_every_trouble():
    reached = troubles_of(FIXED_SEEDS)
    assert [trouble for trouble in TROUBLES if not reached[trouble]] == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_seeds_agree_with_the_model_and_reach_every_trouble():
    reached = troubles_of(MANY_SEEDS)
    assert [trouble for trouble in TROUBLES if not reached[trouble]] == []
