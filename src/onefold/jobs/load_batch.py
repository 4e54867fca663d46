"""The job that loads a completed batch: read its files, append their rows to the journal, and wait
until they are applied.

    loaded → staging    the rows are read, converted and judged (stage_batch.py)
           → staged     as a whole: the batch fails here, with nothing appended, or not at all
           → processing the rows go into the journal, some thousand at a time
           → success    once the pipeline and the lake have passed them

Each append says how many rows the journal has by then (`journal.Mark`), so whoever goes on after a
crash repeats none and leaves none out. What the batch says it replaces is taken out in the same
journal, before its own rows. Source: ingestion contract, 7.4 to 7.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import IO

from msgspec.structs import replace

from onefold.domain.lifecycle import BatchState, batch_moved
from onefold.errors import Rejected
from onefold.inlet.batches import reverted
from onefold.inlet.uploads import Folder, files_of
from onefold.jobs.revert_batch import removals
from onefold.jobs.row_errors import CORRUPT, Found, expire_diagnostics
from onefold.jobs.stage_batch import staged
from onefold.jobs.workshop import WAIT, Workshop
from onefold.journal import Accepted, Mark
from onefold.store.engine import Transaction
from onefold.store.tables import batch_failures, batches
from onefold.store.tables.batches import Batch
from onefold.store.tables.jobs import Job
from onefold.store.tables.progress import progress
from onefold.wire import JSON, encode_json

APPEND_ROWS = 2_000
APPEND_BYTES = 8_000_000
"""What one append takes; a longer row is an append of its own."""
STEP_APPENDS = 5

_CONTENT_TYPE = "application/vnd.adobe.xed-full+json;version=1"


def load_batch(job: Job, shop: Workshop) -> Iterator[JSON]:
    """Load the batch that the job names, from wherever it was left."""
    load = _Load(job, shop)
    if load.batch.status is BatchState.LOADED:
        load.move(BatchState.STAGING)
    if load.batch.status is BatchState.STAGING:
        yield from load.stage()
    if load.batch.status is BatchState.STAGED:
        yield from load.supersede()
    if load.batch.status is BatchState.PROCESSING:
        yield from load.append()
        yield from load.wait()
        load.succeed()
    load.tidy()
    yield load.progress


class _Load:
    """One batch on its way. progress: what is kept of the job, with what staging has found."""

    def __init__(self, job: Job, shop: Workshop) -> None:
        self._shop = shop
        self._work = shop.places.work(shop.sandbox.id)
        found = batches.get(self._work, job.argument["batch"])
        assert found is not None  # the job is asked for in the transaction that completes it
        self.batch: Batch = found
        self._folder = Folder(shop.places, shop.sandbox.id, found.id)
        self.progress: dict[str, JSON] = dict(job.progress or {})

    def move(self, status: BatchState) -> None:
        """Have the batch in its next state."""
        with self._work.transaction() as transaction:
            self._move(transaction, status)

    def stage(self) -> Iterator[JSON]:
        """Read all files; then the batch is staged, or has failed."""
        files = files_of(self._work, self.batch.id)
        found: Found | None = None
        try:
            for step in staged(self.batch, files, self._shop, self._folder):
                if isinstance(step, Found):
                    found = step
                else:
                    self.progress = step
                    yield step
        except Rejected as refused:
            self._fail([_told(refused)], rows=0, bad=0)
            return
        assert found is not None  # it is what staging yields at last
        if found.too_many:
            self._fail(found.errors, rows=found.rows, bad=found.bad)
            return
        details = replace(
            self.batch.details,
            errors=found.errors,
            metrics=self._metrics(rows=found.rows, corrupt=found.corrupt),
        )
        self.batch = replace(self.batch, details=details)
        self.move(BatchState.STAGED)

    def supersede(self) -> Iterator[JSON]:
        """Take out what the batch replaces; then it is in processing."""
        replay = self.batch.details.replay
        superseded: list[Batch] = []
        for id_ in replay.predecessors if replay is not None else ():
            other = batches.get(self._work, id_)
            if other is not None and other.status is BatchState.SUCCESS:
                superseded.append(other)
                for step in removals(other, self._shop):
                    yield WAIT if step is WAIT else self.progress
        with self._work.transaction() as transaction:
            for other in superseded:
                now_ms = self._shop.clock.now_ms()
                batches.update(transaction, reverted(transaction, other, now_ms))
            self._move(transaction, BatchState.PROCESSING)

    def append(self) -> Iterator[JSON]:
        """Append the staged rows that the journal does not have yet."""
        journal, batch_id = self._shop.journal, self.batch.id
        done, _ = journal.marked(batch_id)
        before, after = self._envelope()
        with self._folder.staged.open("rb") as file:
            self._skip(file, done)
            appends = 0
            while lines := _some(file):
                while self._is_behind():
                    yield WAIT
                now_ms = self._shop.clock.now_ms()
                records = [
                    Accepted(
                        f"{batch_id}:{row}",
                        now_ms,
                        "",
                        self.batch.dataset,
                        before + line[:-1] + after,
                        batch_id,
                    )
                    for row, line in enumerate(lines, done)
                    if len(line) > 1
                ]
                done += len(lines)
                if records:
                    journal.append(records, Mark(batch_id, done))
                appends += 1
                if appends % STEP_APPENDS == 0:
                    self.progress = {"stage": "append", "rows": done, "offset": file.tell()}
                    yield self.progress

    def wait(self) -> Iterator[JSON]:
        """Wait until everything that was appended is in the profile store and in the lake."""
        _, position = self._shop.journal.marked(self.batch.id)
        profile = self._shop.places.profile(self._shop.sandbox.id)
        while progress(profile).position < position:
            yield WAIT
        while self._shop.lake.progress().position < position:
            yield WAIT  # landing goes on between the steps of jobs

    def succeed(self) -> None:
        """Say what became of the rows."""
        profile = self._shop.places.profile(self._shop.sandbox.id)
        failed = batch_failures.count(profile, self.batch.id)
        metrics = dict(self.batch.details.metrics)
        metrics["failedRecordCount"] += failed
        metrics["outputRecordCount"] -= failed
        self.batch = replace(self.batch, details=replace(self.batch.details, metrics=metrics))
        self.progress = {"rows": metrics["inputRecordCount"]}
        self.move(BatchState.SUCCESS)

    def tidy(self) -> None:
        """Remove what nobody reads any more; diagnostics stay."""
        self._folder.staged.unlink(missing_ok=True)
        for file in files_of(self._work, self.batch.id):
            self._folder.input(file.path).unlink(missing_ok=True)
        if self._folder.path.is_dir() and not any(self._folder.path.iterdir()):
            self._folder.path.rmdir()
        expire_diagnostics(
            self._shop.places.files(self._shop.sandbox.id), now_ms=self._shop.clock.now_ms()
        )

    def _fail(self, errors: list[dict[str, JSON]], *, rows: int, bad: int) -> None:
        metrics = self._metrics(rows=rows, corrupt=rows)
        metrics["failedRecordCount"] = bad
        details = replace(self.batch.details, errors=errors, metrics=metrics)
        self.batch = replace(self.batch, details=details)
        self.progress = {"rows": rows}
        self.move(BatchState.FAILED)

    def _move(self, transaction: Transaction, status: BatchState) -> None:
        now_ms = self._shop.clock.now_ms()
        ended = now_ms if status in (BatchState.SUCCESS, BatchState.FAILED) else None
        batch_moved(self.batch.status, status)
        self.batch = replace(self.batch, status=status, updated_ms=now_ms, completed_ms=ended)
        batches.update(transaction, self.batch)

    def _metrics(self, *, rows: int, corrupt: int) -> dict[str, int]:
        files = files_of(self._work, self.batch.id)
        return {
            "inputByteSize": sum(file.bytes for file in files),
            "inputFileCount": len(files),
            "inputRecordCount": rows,
            "outputRecordCount": rows - corrupt,
            "failedRecordCount": corrupt,
        }

    def _envelope(self) -> tuple[bytes, bytes]:
        """What stands in every message before and behind the entity.

        A dataset that is gone gets messages too: its records fail, one by one, in the pipeline.
        """
        snapshot = self._shop.definitions.snapshot(self._shop.sandbox.id)
        dataset = snapshot.datasets.get(self.batch.dataset)
        schema_id = dataset.schema_id if dataset is not None else ""
        reference = {"id": schema_id, "contentType": _CONTENT_TYPE}
        header = {
            "schemaRef": reference,
            "imsOrgId": self._shop.sandbox.org_id,
            "datasetId": self.batch.dataset,
        }
        meta = encode_json({"schemaRef": reference})
        before = b'{"header":%b,"body":{"xdmMeta":%b,"xdmEntity":' % (encode_json(header), meta)
        return before, b"}}"

    def _skip(self, file: IO[bytes], rows: int) -> None:
        """Go to the line behind `rows` rows; from where the job's progress was, if not past it."""
        at = 0
        if self.progress.get("stage") == "append" and self.progress["rows"] <= rows:
            at = self.progress["rows"]
            file.seek(self.progress["offset"])
        for _ in islice(file, rows - at):
            pass

    def _is_behind(self) -> bool:
        profile = self._shop.places.profile(self._shop.sandbox.id)
        backlog = self._shop.journal.end().records - progress(profile).records
        return backlog > self._shop.settings.journal_backlog_max // 2


def _some(file: IO[bytes]) -> list[bytes]:
    """The next lines, as many as one append takes."""
    lines: list[bytes] = []
    size = 0
    for line in islice(file, APPEND_ROWS):
        lines.append(line)
        size += len(line)
        if size >= APPEND_BYTES:
            break
    return lines


def _told(refused: Rejected) -> dict[str, JSON]:
    """An error of the whole batch, as the API shows it."""
    code = refused.facts.get("fault") or (CORRUPT if refused.code == "BAT-1007" else refused.code)
    told: dict[str, JSON] = {"code": str(code), "description": refused.detail}
    path = refused.facts.get("path")
    return told if path is None else {**told, "file": str(path)}
