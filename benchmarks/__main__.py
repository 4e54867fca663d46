"""`python -m benchmarks`: measure a running Onefold beside its floors, print a table, keep a list.

Each floor is measured in the same run and in turns with what it is the floor of, and medians are
reported; so trust the ratios more than the figures when the machine is shared.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import (
    batches,
    calls,
    deletes,
    dialect,
    edge,
    exports,
    ingest,
    limits,
    lookup,
    lookups,
    report,
    schemas,
    simulation,
)
from benchmarks.bench import SCALES, Bench
from benchmarks.loaded import loaded

PARTS = {
    "lookup": (
        "lookup_http",
        "lookup_merged_http",
        "lookup_growth",
        "lookup_one_connection_ms",
        "timeline_http",
    ),
    "lookups": lookups.FIGURES,
    "edge": (
        "edge_lookup_p50_ms",
        "edge_lookup_p99_ms",
        "edge_freshness_p99_ms",
        "edge_fill",
    ),
    "latency": ("lookup_p50_ms", "lookup_p99_ms", "rss_mb_per_worker"),
    "ingest": ("ingest_batch", "ingest_growth", "ingest_acknowledged"),
    "calls": ("segment_batch",),
    "freshness": ("freshness_p50_ms", "freshness_p99_ms"),
    "single": ("ingest_single",),
    "disk": ("disk_bytes_per_event",),
    "exports": ("export_profiles",),
    "deletes": ("delete_unreadable_p99_ms", "delete_complete_s", "delete_leftovers"),
    "batches": ("batch_ingest",),
    "schemas": ("schema_compile_ms",),
    "limits": limits.FIGURES,
    "dialect": dialect.FIGURES,
    "simulation": ("graph_simulation",),
}
"""What is measured together, and the figures that come of it, for --only."""

_BUILD = Path(__file__).resolve().parent.parent / "build" / "bench"
_HALF_LOAD_UNKNOWN = 5000.0
"""Events/s that freshness halves when ingestion was not measured in the same run."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended, too
    options = _options(arguments)
    parts = _parts(options.only)
    console = Console()
    if not console.is_terminal:
        console = Console(width=110)
    _BUILD.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=_BUILD))
    started = time.monotonic()
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        auto_refresh=False,
        transient=True,
    )
    bench = Bench(SCALES[options.scale], scratch, _BUILD, options.fresh, progress)
    try:
        with progress:
            _measure(bench, parts)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        minutes, seconds = divmod(round(time.monotonic() - started), 60)
        heading = (
            f"{bench.scale.people:,} people; Python {platform.python_version()};"
            f" took {minutes} min {seconds:02d} s"
        )
        report.shown(console, bench.results, heading)  # also of a run that was stopped
    if not options.only and options.scale == "full":
        report.written(bench.results)
        console.print(f"Written to {report.LATEST}")


def _measure(bench: Bench, parts: set[str]) -> None:
    """The order: lookups first, on stores as they were loaded; then what changes them."""
    if "simulation" in parts:
        simulation.measure(bench)
    if "schemas" in parts:
        schemas.measure_compile(bench)
    if "limits" in parts:
        limits.measure(bench)
    if "batches" in parts:
        batches.measure(bench)
    if "lookups" in parts:
        lookups.measure(bench)
    if "calls" in parts:
        calls.measure(bench)
    if "dialect" in parts:
        dialect.measure(bench)
    if parts <= {"simulation", "schemas", "batches", "lookups", "calls", "limits", "dialect"}:
        return  # they do without a loaded store
    large = loaded(bench, bench.scale.people)
    if "disk" in parts:
        ingest.measure_disk(bench, large)
    if "lookup" in parts:
        lookup.measure_rate(bench, large, loaded(bench, bench.scale.few))
        lookup.measure_merging(bench, large)
    if "latency" in parts:
        lookup.measure_latency(bench, large)
    if "exports" in parts:
        exports.measure(bench, large)
    events_per_second = _HALF_LOAD_UNKNOWN
    if "ingest" in parts:
        events_per_second = ingest.measure_batches(bench, large)
    if "freshness" in parts:
        ingest.measure_freshness(bench, large, events_per_second)
    if "single" in parts:
        ingest.measure_single(bench)
    if "edge" in parts:
        edge.measure(bench, large)
    if "deletes" in parts:  # the last: it takes people away
        deletes.measure(bench, large)


def _parts(only: Sequence[str]) -> set[str]:
    if not only:
        return set(PARTS)
    return {part for part, figures in PARTS.items() for name in only if name in (part, *figures)}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = sorted({*PARTS, *(figure for figures in PARTS.values() for figure in figures)})
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], choices=names, metavar="NAME")
    parser.add_argument("--scale", choices=sorted(SCALES), default="full")
    parser.add_argument(
        "--fresh", action="store_true", help="load the stores anew instead of using the kept ones"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
