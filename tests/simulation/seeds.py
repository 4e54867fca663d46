"""Many runs, a seed each, for the tests of what they reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from tests.simulation.run import root


class Run(Protocol):
    """One run of a seed. troubles: how often each was reached."""

    troubles: Counter[str]

    def run(self) -> None:
        """Do everything."""


def not_reached(
    troubles: Sequence[str], make: Callable[[int, Path], Run], seeds: Iterable[int], said: str
) -> list[str]:
    """Run the seeds; answer the troubles that none of them ran into. said: what is printed of each,
    `{}` for its number; the last one printed is the one that differs."""
    reached: Counter[str] = Counter()
    for seed in seeds:
        print(said.format(seed))
        with root() as directory:
            made = make(seed, Path(directory))
            made.run()
        reached += made.troubles
    for trouble in troubles:
        print(f"{reached[trouble]:6} {trouble}")
    return [trouble for trouble in troubles if not reached[trouble]]
