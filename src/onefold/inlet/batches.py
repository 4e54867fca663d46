"""Batches of files: made, completed, given up, taken back. What a completed one brings is read by
jobs/load_batch.py.

Every act may be repeated: clients send a request again when its answer did not reach them.
Source: ingestion contract, 7.1 and 7.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from onefold.domain.lifecycle import BatchState, batch_moved
from onefold.domain.sandbox import Sandbox
from onefold.domain.ulid import RANDOM_BYTES, ulid
from onefold.domain.xdm.schema import PROFILE_UNION
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound
from onefold.inlet.uploads import Folder
from onefold.store.engine import Reader, Transaction
from onefold.store.places import Places
from onefold.store.snapshot import Definitions
from onefold.store.tables import batch_files, batches, jobs
from onefold.store.tables.batches import Batch, Details, Replay
from onefold.store.tables.jobs import Job
from onefold.wire import JSON

LOAD, REVERT = "load_batch", "revert_batch"
"""Kinds of jobs."""

Action = Literal["COMPLETE", "ABORT", "FAIL", "REVERT"]

_BY_STATUS: dict[str, Action] = {"aborted": "ABORT", "failed": "FAIL", "inactive": "REVERT"}

FORMATS = ("json", "parquet", "csv")
CSV_DEFAULTS: dict[str, JSON] = {
    "delimiter": ",",
    "quote": '"',
    "escape": "\\",
    "nullMarker": "",
    "header": True,
    "charset": "UTF-8",
}
EXTERNAL_ID_CHARS_MAX = 256
PREDECESSORS_MAX = 100


class NewBatch(msgspec.Struct, frozen=True, rename="camel"):
    """What a client says of a batch. input_format: as sent; see `input_format_of`."""

    dataset_id: str
    input_format: dict[str, JSON] = {}
    external_id: str = ""
    replay: Replay | None = None
    enable_error_diagnostics: bool = False
    partial_ingestion_percentage: int = 0
    tags: dict[str, list[str]] = {}


class Batches:
    """The batches of an installation, as clients make and end them."""

    def __init__(self, *, places: Places, definitions: Definitions, clock: Clock, ids: Ids) -> None:
        self._places = places
        self._definitions = definitions
        self._clock = clock
        self._ids = ids

    def begin(self, sandbox: Sandbox, client: str, sent: NewBatch) -> Batch:
        """Make a batch that takes files.

        One with the external id of a batch that is still loading into this dataset is that batch.
        Raises Malformed CTL-1008 for a dataset or predecessor that does not exist, a dataset of
        exports and values that are not allowed, Conflict CTL-1006 for an external id that another
        batch has.
        """
        dataset = self._definitions.snapshot(sandbox.id).datasets.get(sent.dataset_id)
        if dataset is None:
            raise Malformed("CTL-1008", "No dataset has this id", at="datasetId")
        if dataset.schema_id == PROFILE_UNION:
            raise Malformed("CTL-1008", "Only exports write into this dataset", at="datasetId")
        now_ms = self._clock.now_ms()
        id_ = ulid(now_ms, self._ids.hex(bytes_=RANDOM_BYTES))
        details = _details(sent)
        with self._places.work(sandbox.id).transaction() as transaction:
            if details.replay is not None:
                replay = _resolved(transaction, details.replay, sent.dataset_id)
                details = replace(details, replay=replay)
            batch = Batch(
                id=id_,
                dataset=sent.dataset_id,
                external_id=sent.external_id or id_,
                client=client,
                details=details,
                created_ms=now_ms,
                updated_ms=now_ms,
            )
            if batches.insert(transaction, batch):
                return batch
            known = batches.by_external_id(transaction, batch.external_id)
        if known is None or (known.status, known.dataset) != (BatchState.LOADING, batch.dataset):
            raise Conflict("CTL-1006", "Another batch has this external id", at="externalId")
        return known

    def act(self, sandbox: Sandbox, batch_id: str, action: Action) -> Batch:
        """Do what the action says; one that was done already is done.

        Raises NotFound BAT-1001, Conflict BAT-1002 when the batch's state forbids it.
        """
        do = {"COMPLETE": _complete, "ABORT": _abort, "FAIL": _fail, "REVERT": reverted}[action]
        now_ms = self._clock.now_ms()
        with self._places.work(sandbox.id).transaction() as transaction:
            batch = batches.get(transaction, batch_id)
            if batch is None:
                raise NotFound("BAT-1001", "No batch has this id")
            changed = do(transaction, batch, now_ms)
            if changed is not batch:
                batches.update(transaction, changed)
        if changed.status in (BatchState.ABORTED, BatchState.FAILED) and changed is not batch:
            Folder(self._places, sandbox.id, batch_id).remove()
        return changed

    def change(
        self, sandbox: Sandbox, batch_id: str, *, tags: dict[str, list[str]], status: str
    ) -> None:
        """Set tags of a batch, and have it aborted, failed or taken back (`aborted`, `failed`,
        `inactive`; another status or an empty one does nothing when it is the batch's own).

        Raises as `act`, Malformed CTL-1008 for a status that clients do not set.
        """
        with self._places.work(sandbox.id).transaction() as transaction:
            batch = batches.get(transaction, batch_id)
            if batch is None:
                raise NotFound("BAT-1001", "No batch has this id")
            if tags:
                details = replace(batch.details, tags={**batch.details.tags, **tags})
                now_ms = self._clock.now_ms()
                batches.update(transaction, replace(batch, details=details, updated_ms=now_ms))
        if status and status != batch.status:
            action = _BY_STATUS.get(status)
            if action is None:
                raise _not_allowed("aborted, failed or inactive", "status")
            self.act(sandbox, batch_id, action)

    def drop(self, sandbox: Sandbox, batch_id: str) -> Batch:
        """Give up a batch that is loading, or take one back. Raises as `act`."""
        batch = batches.get(self._places.work(sandbox.id), batch_id)
        ending = (BatchState.LOADING, BatchState.ABORTED, BatchState.FAILED)
        is_open = batch is not None and batch.status in ending
        if batch is not None and batch.status is BatchState.FAILED:
            return batch
        return self.act(sandbox, batch_id, "ABORT" if is_open else "REVERT")


def _complete(transaction: Transaction, batch: Batch, now_ms: int) -> Batch:
    if batch.started_ms is not None:
        return batch
    status = batch_moved(batch.status, BatchState.LOADED)
    files = batch_files.listed(transaction, batch.id)
    if not files:
        raise Conflict("BAT-1002", "The batch has no files yet")
    if any(file.open for file in files):
        raise Conflict("BAT-1002", "A file of the batch is not complete yet")
    _ask(transaction, LOAD, batch.id, now_ms)
    return replace(batch, status=status, started_ms=now_ms, updated_ms=now_ms)


def _abort(_: Transaction, batch: Batch, now_ms: int) -> Batch:
    return _ended(batch, BatchState.ABORTED, now_ms)


def _fail(_: Transaction, batch: Batch, now_ms: int) -> Batch:
    return _ended(batch, BatchState.FAILED, now_ms)


def _ended(batch: Batch, status: BatchState, now_ms: int) -> Batch:
    if batch.status is status:
        return batch
    if batch.status is not BatchState.LOADING:
        raise Conflict("BAT-1002", f"A batch that is {batch.status} cannot become {status}")
    return replace(batch, status=status, updated_ms=now_ms, completed_ms=now_ms)


def reverted(transaction: Transaction, batch: Batch, now_ms: int) -> Batch:
    """The batch as one that is being taken back, with the job asked for; the same batch when it was
    before. Raises Conflict BAT-1002 for one that has not succeeded or that came by streaming."""
    if batch.status in (BatchState.INACTIVE, BatchState.DELETED):
        return batch
    if batch.origin == "streaming":
        raise Conflict("BAT-1002", "Records that came by streaming cannot be taken back as a batch")
    status = batch_moved(batch.status, BatchState.INACTIVE)
    _ask(transaction, REVERT, batch.id, now_ms)
    return replace(batch, status=status, updated_ms=now_ms)


def _ask(transaction: Transaction, kind: str, batch_id: str, now_ms: int) -> None:
    job = Job(
        id=f"{kind}:{batch_id}",
        kind=kind,
        argument={"batch": batch_id},
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    jobs.add(transaction, job)


def _details(sent: NewBatch) -> Details:
    if not 0 <= sent.partial_ingestion_percentage <= 100:
        raise _not_allowed("a whole number from 0 to 100", "partialIngestionPercentage")
    if len(sent.external_id) > EXTERNAL_ID_CHARS_MAX:
        raise _not_allowed(f"at most {EXTERNAL_ID_CHARS_MAX} characters", "externalId")
    tags = dict(sent.tags)
    if sent.enable_error_diagnostics:
        tags["acp_enableErrorDiagnostics"] = ["true"]
    if sent.partial_ingestion_percentage:
        tags["acp_partialIngestionPercent"] = [str(sent.partial_ingestion_percentage)]
    return Details(
        input_format=input_format_of(sent.input_format),
        tags=tags,
        replay=sent.replay,
        diagnostics=sent.enable_error_diagnostics,
        failures_percent_max=sent.partial_ingestion_percentage,
    )


def input_format_of(sent: Mapping[str, JSON]) -> dict[str, JSON]:
    """A format as it is kept: `format` in lower case, json unless it is said, and all that belongs
    to the format with its defaults. Raises Malformed CTL-1008."""
    name = sent.get("format", "json")
    if not isinstance(name, str) or name.lower() not in FORMATS:
        raise _not_allowed(f"one of {', '.join(FORMATS)}", "inputFormat.format")
    if name.lower() == "parquet":
        return {"format": "parquet"}
    if name.lower() == "json":
        multi_line = sent.get("isMultiLineJson", False)
        return {"format": "json", "isMultiLineJson": _truth(multi_line, "isMultiLineJson")}
    found = {"format": "csv", **{key: sent.get(key, CSV_DEFAULTS[key]) for key in CSV_DEFAULTS}}
    found["header"] = _truth(found["header"], "header")
    for key, empty in (("delimiter", False), ("quote", True), ("escape", True)):
        value = found[key]
        if not isinstance(value, str) or len(value) > 1 or not (value or empty):
            raise _not_allowed("one character", f"inputFormat.{key}")
        if value in ("\r", "\n", "\x00"):
            raise _not_allowed("a character that ends no line", f"inputFormat.{key}")
    if not isinstance(found["nullMarker"], str):
        raise _not_allowed("a text", "inputFormat.nullMarker")
    try:
        "".encode(found["charset"])
    except (LookupError, TypeError, ValueError) as unknown:
        raise _not_allowed("the name of an encoding", "inputFormat.charset") from unknown
    return found


def _truth(value: JSON, name: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _not_allowed("true or false", f"inputFormat.{name}")


def _resolved(reader: Reader, replay: Replay, dataset: str) -> Replay:
    """The predecessors by their ids. Source: ingestion contract, 7.1, `replay`."""
    if replay.reason != "replace":
        raise _not_allowed("replace", "replay.reason")
    ids = [id_.removeprefix("$") for id_ in replay.predecessors]
    found = [batches.get(reader, id_) for id_ in ids]
    found += [batches.by_external_id(reader, id_) for id_ in replay.predecessors_by_external_id]
    if not 0 < len(found) <= PREDECESSORS_MAX:
        raise _not_allowed(f"1 to {PREDECESSORS_MAX} batches", "replay.predecessors")
    known = [batch for batch in found if batch is not None and batch.dataset == dataset]
    done = (BatchState.SUCCESS, BatchState.INACTIVE, BatchState.DELETED)
    if len(known) < len(found) or any(batch.status not in done for batch in known):
        raise _not_allowed("batches of the dataset that have succeeded", "replay.predecessors")
    if any(batch.origin != "batch" for batch in known):
        raise _not_allowed("batches of files", "replay.predecessors")
    return replace(replay, predecessors=list(dict.fromkeys(batch.id for batch in known)))


def _not_allowed(wanted: str, at: str) -> Malformed:
    return Malformed("CTL-1008", f"{at} must be {wanted}", at=at)
