"""The results: one row a figure, as a table for people and a list for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

LATEST = Path(__file__).parent / "results" / "latest.json"


class Result(msgspec.Struct, frozen=True):
    """One figure. floor: what the same costs at least, measured in the same run; ratio: of the
    value to the floor. None where there is no floor."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None


class Target(NamedTuple):
    """What a figure has to reach; each bound may be absent."""

    value_min: float | None = None
    value_max: float | None = None
    ratio_min: float | None = None

    def met_by(self, result: Result) -> bool:
        return (
            (self.value_min is None or result.value >= self.value_min)
            and (self.value_max is None or result.value <= self.value_max)
            and (self.ratio_min is None or (result.ratio or 0.0) >= self.ratio_min)
        )

    def __str__(self) -> str:
        parts = []
        if self.value_min is not None:
            parts.append(f">= {self.value_min:,g}")
        if self.value_max is not None:
            parts.append(f"<= {self.value_max:,g}")
        if self.ratio_min is not None:
            parts.append(f"ratio >= {self.ratio_min:g}")
        return ", ".join(parts)


TARGETS = {
    "lookup_http": Target(ratio_min=0.5),
    "lookup_growth": Target(value_max=1.3),
    "lookup_cluster_50_p99_ms": Target(value_max=500),
    "timeline_10k_p99_ms": Target(value_max=500),
    "bulk_100_p99_ms": Target(value_max=500),
    "ingest_batch": Target(value_min=5000, ratio_min=0.35),
    "ingest_growth": Target(value_max=1.3),
    "freshness_p99_ms": Target(value_max=100),
    "rate_limiter_us": Target(value_max=5),
}


def against(name: str, value: float, unit: str, floor: float | None = None) -> Result:
    """A result with its ratio, rounded to what can be told apart on a noisy machine."""
    ratio = round(value / floor, 3) if floor else None
    return Result(name, _rounded(value), unit, None if floor is None else _rounded(floor), ratio)


def shown(console: Console, results: Sequence[Result], heading: str) -> None:
    """Print the table. A target that was missed is said in words, not only by colour."""
    table = Table(title=heading, title_justify="left")
    table.add_column("figure", no_wrap=True)
    for column in ("value", "floor", "ratio"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("unit")
    table.add_column("wanted")
    for result in results:
        target = TARGETS.get(result.name)
        verdict = "" if target is None else f"{target}: {'yes' if target.met_by(result) else 'NO'}"
        floor = "" if result.floor is None else f"{result.floor:,g}"
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
        table.add_row(result.name, f"{result.value:,g}", floor, ratio, result.unit, verdict)
    console.print(table)


def written(results: Sequence[Result], path: Path = LATEST) -> None:
    """Write the list for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def _rounded(value: float) -> float:
    return round(value) if abs(value) >= 1000 else float(f"{value:.4g}")
