"""`python -m tests.simulation --seed N`: run seeds, print what each did and what it ran into."""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import structlog

from tests.simulation.run import TROUBLES, Simulation, root


def main(arguments: list[str]) -> int:
    """Run the seeds; answer 0 when all of them agree with the model."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--count", type=int, default=1, help="how many seeds (default 1)")
    chosen = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    reached: Counter[str] = Counter()
    for seed in range(chosen.seed, chosen.seed + chosen.count):
        started = time.perf_counter()
        with root() as directory:
            simulation = Simulation(seed, Path(directory))
            try:
                simulation.run()
            except Exception:  # noqa: BLE001 - whatever it is, its seed must be told
                print("\n".join(simulation.steps))
                traceback.print_exc()
                print(f"seed {seed} differs; repeat it with: make sim SEED={seed}")
                return 1
        if chosen.count == 1:
            print("\n".join(simulation.steps))
        print(f"seed {seed}: {len(simulation.steps)} steps, {time.perf_counter() - started:.1f} s")
        reached += simulation.troubles
    for trouble in TROUBLES:
        print(f"{reached[trouble]:6} {trouble}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
