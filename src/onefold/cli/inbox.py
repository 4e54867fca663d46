"""What `onefold failed` does: the inbox of one sandbox, beside a server or without one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from onefold.api.onefold.failed_records import moment_ms, said, summed, whole_record
from onefold.cli.desk import Desk, console, echo, opened, printable
from onefold.domain.failed_record import FailedRecord, State
from onefold.errors import Malformed, Rejected
from onefold.inlet.inbox import REPLAYS_MAX
from onefold.store.snapshot import Snapshot
from onefold.store.tables.failed_records import Filter
from onefold.wire import iso_seconds

_PAGE = 1_000


class Chosen(NamedTuple):
    """The filters of a command line, as they were typed. state: empty or `all` for any."""

    codes: tuple[str, ...] = ()
    dataset: str = ""
    inlet: str = ""
    batch: str = ""
    failed_after: str = ""
    failed_before: str = ""
    state: str = ""


def show_list(data: Path, sandbox: str, chosen: Chosen, *, limit: int, as_json: bool) -> None:
    """Print up to `limit` failed records. Raises Malformed CTL-1008, NotFound AUT-1008."""
    with opened(data, sandbox) as desk:
        found = list(_walk(desk, _filter(chosen, desk.snapshot), limit))
        if as_json:
            echo([said(record, desk.snapshot) for record in found])
            return
        table = _table("number", "failed (UTC)", "code", "at", "dataset", "state", "detail")
        for record in found:
            table.add_row(*_row(record, desk.snapshot))
        console().print(table)


def show_one(data: Path, sandbox: str, number: int) -> None:
    """Print one failed record, whole. Raises NotFound FLR-1001."""
    with opened(data, sandbox) as desk:
        found = desk.rooms.inbox.got(desk.sandbox.id, number)
        echo(whole_record(found, desk.snapshot))


def show_summary(data: Path, sandbox: str, *, as_json: bool) -> None:
    """Print how many there are."""
    with opened(data, sandbox) as desk:
        counted = summed(desk.rooms.inbox.tallies(desk.sandbox.id), desk.snapshot)
        if as_json:
            echo(counted)
            return
        table = _table("dataset", "code", "state", "records", "first failed", "last failed")
        for row in counted["counts"]:
            name = row["datasetName"] or row["datasetId"]
            times = (row["firstFailedAt"], row["lastFailedAt"])
            table.add_row(name, row["code"], row["state"], str(row["count"]), *times)
        console().print(table)


def replay(
    data: Path, sandbox: str, numbers: Sequence[int], chosen: Chosen, *, as_json: bool
) -> int:
    """Replay the numbers, or what matches; answer the exit status."""
    bar = Progress(console=Console(stderr=True), transient=True)
    with opened(data, sandbox) as desk, bar as progress:
        which = _filter(chosen, desk.snapshot)
        total = len(numbers) or desk.rooms.inbox.count(
            desk.sandbox.id, msgspec.structs.replace(which, state=State.OPEN)
        )
        task = progress.add_task("Replaying", total=total)
        accepted: list[tuple[int, str]] = []
        refused: list[tuple[int, Rejected]] = []
        for number, result in _replayed(desk, numbers, which):
            if isinstance(result, str):
                accepted.append((number, result))
            else:
                refused.append((number, result))
            progress.advance(task)
    if as_json:
        echo(
            {
                "replayed": [{"number": n, "xactionId": trace} for n, trace in accepted],
                "refused": [{"number": n, "code": e.code, "detail": e.detail} for n, e in refused],
            }
        )
    else:
        typer.echo(f"{len(accepted)} accepted again")
        for _, error in refused:
            typer.echo(f"onefold: {error.detail}", err=True)
    return 1 if refused else 0


def _replayed(
    desk: Desk, numbers: Sequence[int], which: Filter
) -> Iterator[tuple[int, str | Rejected]]:
    if numbers:
        yield from desk.rooms.inbox.replay(desk.sandbox.id, numbers)
        return
    after, remaining = 0, 1
    while remaining:
        done = desk.rooms.inbox.replay_matching(
            desk.sandbox.id, which, after=after, limit=REPLAYS_MAX
        )
        yield from done.accepted
        after, remaining = done.last, done.remaining


def _walk(desk: Desk, which: Filter, limit: int) -> Iterator[FailedRecord]:
    start = None
    while limit > 0:
        page = desk.rooms.inbox.listed(
            desk.sandbox.id, which, start=start, limit=min(limit, _PAGE), newest_first=True
        )
        yield from page
        if len(page) < min(limit, _PAGE):
            return
        start, limit = page[-1].seq, limit - len(page)


def _filter(chosen: Chosen, snapshot: Snapshot) -> Filter:
    state = chosen.state
    if state not in ("", "all", *State):
        raise Malformed("CTL-1008", f"--state is all or one of {', '.join(State)}")
    after, before = chosen.failed_after, chosen.failed_before
    return Filter(
        codes=tuple(sorted(set(chosen.codes))),
        dataset=_dataset(chosen.dataset, snapshot),
        inlet=chosen.inlet,
        batch=chosen.batch,
        state=State(state) if state in tuple(State) else None,
        failed_after_ms=moment_ms(after, "--failed-after") if after else None,
        failed_before_ms=moment_ms(before, "--failed-before") if before else None,
    )


def _dataset(text: str, snapshot: Snapshot) -> str:
    """The id of a dataset that was given by id or by name; one that is gone goes by its id."""
    named = [dataset.id for dataset in snapshot.datasets.values() if dataset.name == text]
    if len(named) > 1 and text not in snapshot.datasets:
        raise Malformed("CTL-1008", f"{len(named)} datasets are called {text}; give the id")
    return named[0] if named and text not in snapshot.datasets else text


def _row(record: FailedRecord, snapshot: Snapshot) -> tuple[str, ...]:
    dataset = snapshot.datasets.get(record.dataset)
    return (
        str(record.seq),
        iso_seconds(record.failed_ms),
        record.fault.code,
        printable(record.fault.at or ""),
        dataset.name if dataset else record.dataset,
        record.state.value,
        printable(record.fault.detail),
    )


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in ("number", "code"))
    return table
