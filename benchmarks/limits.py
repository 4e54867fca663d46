"""What it costs to ask whether a key may make another request, beside a call that does nothing."""

from __future__ import annotations

import time

from benchmarks.bench import Bench, median
from benchmarks.report import against
from onefold.api.limiter import Limiter

FIGURES = ("rate_limiter_us",)
TAKES = 20_000
KEYS = 200
ROUNDS = {"full": 21, "small": 5}
RATE, BURST = 100, 500


def measure(bench: Bench) -> None:
    """`rate_limiter_us`: processor time of one token, memory and lock as the workers share them."""
    limiter = Limiter()
    buckets = [f"{number:016x} 0123456789abcdef server".encode() for number in range(KEYS)]
    rounds = ROUNDS["full" if bench.scale.people > 10_000 else "small"]
    ours: list[float] = []
    floors: list[float] = []
    with bench.task("taking tokens", rounds) as task:
        for turn in range(rounds):
            started = time.process_time()
            for number in range(TAKES):
                limiter.take(buckets[number % KEYS], RATE, BURST, turn + number / TAKES)
            ours.append(time.process_time() - started)
            started = time.process_time()
            for number in range(TAKES):
                _nothing(buckets[number % KEYS], RATE, BURST, turn + number / TAKES)
            floors.append(time.process_time() - started)
            bench.advanced(task)
    micros = 1e6 / TAKES
    bench.results.append(
        against("rate_limiter_us", median(ours) * micros, "us", median(floors) * micros)
    )


def _nothing(bucket: bytes, rate: int, burst: int, now_s: float) -> None:
    """The floor."""
