"""Seeds of accounts that are run each time, and many more in the long run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.simulation.callers import TROUBLES, Callers
from tests.simulation.run import root

FIXED_SEEDS = range(1, 11)
MANY_SEEDS = range(1_000, 1_100)


def troubles_of(seeds: Iterable[int]) -> Counter[str]:
    """Run the seeds; the last one printed is the one that differs."""
    reached: Counter[str] = Counter()
    for seed in seeds:
        print(f"seed {seed}")
        with root() as directory:
            callers = Callers(seed, Path(directory))
            callers.run()
        reached += callers.troubles
    return reached


def test_fixed_seeds_agree_with_the_model_and_reach_every_trouble():
    reached = troubles_of(FIXED_SEEDS)
    assert [trouble for trouble in TROUBLES if not reached[trouble]] == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_seeds_agree_with_the_model_and_reach_every_trouble():
    reached = troubles_of(MANY_SEEDS)
    assert [trouble for trouble in TROUBLES if not reached[trouble]] == []
