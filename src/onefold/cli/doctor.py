"""`onefold doctor`: one line a check; status 1 when something differs."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from onefold import doctor
from onefold.control import installation
from onefold.doctor import Finding
from onefold.domain.sandbox import SandboxId
from onefold.effects import SystemClock
from onefold.jobs import projector
from onefold.journal import Journal, PipeBell
from onefold.lake.lake import Lake
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.snapshot import Definitions

LAKE_MEMORY_BYTES = 512_000_000


def examine(data: Path) -> int:
    """Examine every sandbox of the installation; answer the exit status."""
    installation.require(data)
    places = Places(data)
    bell = PipeBell()
    clean = True
    with Progress(console=Console(stderr=True), transient=True) as progress:
        definitions = Definitions(places.control())
        for sandbox in definitions.sandboxes():
            task = progress.add_task(f"sandbox {sandbox.name}", total=None)
            journal = Journal(places.journal(sandbox.id), bell)
            snapshot = definitions.snapshot(sandbox.id)
            business = snapshot.business_datasets()
            with places.profile(sandbox.id).reading() as reader:
                limit, packing = snapshot.cluster_limit, Packing(places.profile(sandbox.id))
                for finding in (
                    *doctor.examined(reader, journal, business=business, limit=limit),
                    *doctor.account_examined(reader, packing, snapshot),
                ):
                    typer.echo(_line(sandbox.name, finding))
                    clean = clean and finding.clean
            of_edges = projector.examined(places, snapshot, SystemClock().now_ms())
            for finding in (*_lake(places, sandbox.id, journal), *of_edges):
                typer.echo(_line(sandbox.name, finding))
                clean = clean and finding.clean
            progress.remove_task(task)
    bell.close()
    places.close()
    return 0 if clean else 1


def _lake(places: Places, sandbox: SandboxId, journal: Journal) -> list[Finding]:
    """What the lake's counts say. A landing in between has them counted again, and so has a
    removal: it takes away what a moment that was looked at still had."""
    lake = Lake(places.lake(sandbox), memory_bytes=LAKE_MEMORY_BYTES, writable=False)
    try:
        while True:
            figures = lake.figures()
            with places.profile(sandbox).reading() as reader:
                found = list(doctor.lake_examined(reader, journal, figures))
            is_clean = all(one.clean for one in found)
            if lake.progress() == figures.progress and (is_clean or lake.figures() == figures):
                return found
    finally:
        lake.close()


def _line(sandbox: str, finding: Finding) -> str:
    if finding.clean:
        return f"ok    {sandbox}: {finding.check} ({finding.looked_at})"
    examples = "; ".join(finding.examples)
    return f"WRONG {sandbox}: {finding.check}: {finding.differences} differ, such as {examples}"
