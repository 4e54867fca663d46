"""`/data/foundation/catalog/batches`: what was loaded into datasets, and what failed.

Source: platform contract, section 7; ingestion contract, 7.5, 7.7 and 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from onefold.api import paging
from onefold.api.catalog.listing import chosen, is_tagged, order, tag_filters
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    NUMBER,
    TEXT,
    Answer,
    Body,
    array,
    keyed,
    path,
    query,
    record,
    whole,
)
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.domain.lifecycle import BatchState
from onefold.domain.sandbox import Sandbox
from onefold.errors import NotFound
from onefold.inlet.batches import LOAD, NewBatch
from onefold.lookup import loads
from onefold.store.engine import Reader
from onefold.store.tables import batches, jobs
from onefold.store.tables.batches import Batch, Wanted
from onefold.store.tables.jobs import Job, State
from onefold.wire import JSON

ROOT = "/data/foundation/catalog"
PATH = ROOT + "/batches"
LIMIT, LIMIT_MAX = 20, 100
START_MAX = 100_000
SCANNED_MAX = 10_000
"""Batches, the newest ones, that filters and orders other than the table's own look at."""
MOMENT_MAX = 10**14
STALLED = "stalled"
"""Shown of a batch whose loading was given up; lists find it by the state it was left in."""

_SAME = {"active": "success", "failure": "failed"}
_EQUAL = ("createdClient", "createdUser", "updatedUser", "externalId", "version")
_MOMENTS = {"updated": "updated", "start": "started", "end": "completed"}
"""Word of a filter (`updatedAfter`) -> property."""
_WORKING = (BatchState.STAGING, BatchState.STAGED, BatchState.PROCESSING)


class _New(NewBatch, frozen=True, rename="camel"):
    """A new batch, whose dataset may stand among the related objects."""

    dataset_id: str = ""
    related_objects: list[dict[str, str]] = []


class _Change(msgspec.Struct, frozen=True):
    """What may be changed: tags that are not named stay."""

    tags: dict[str, list[str]] = {}
    status: str = ""


_decode_new = msgspec.json.Decoder(_New, strict=False).decode
_decode_change = msgspec.json.Decoder(_Change).decode


def list_batches(request: Request, rooms: Rooms) -> Response:
    """A page of batches, the newest first unless ordered otherwise; or how many there are."""
    sandbox = _sandbox(request)
    parameters = Parameters(request.raw_query)
    limit = paging.whole(parameters.get("limit"), "limit", LIMIT, least=1, most=LIMIT_MAX)
    start = paging.whole(parameters.get("start"), "start", 0, least=0, most=START_MAX)
    wanted = _wanted(parameters)
    if "aggregate" in request.raw_query.partition("&")[0] or parameters.get("aggregate"):
        counted = loads.counts(rooms.places, sandbox.id, wanted)
        return json_response(200, {"count": sum(counted.values()), "status": counted})
    by = order(parameters.get("orderBy"))
    if by in ([], [("created", True)]) and not _has_filters(parameters):
        found = loads.listed(rooms.places, sandbox.id, wanted, limit=start + limit)
        page = [document(batch, sandbox, rooms) for batch in found[start:]]
    else:
        found = loads.listed(rooms.places, sandbox.id, wanted, limit=SCANNED_MAX)
        every = _matching([document(batch, sandbox, rooms) for batch in found], parameters)
        page = paging.ordered(every, by)[start : start + limit]
    return json_response(200, {one["id"]: chosen(one, parameters) for one in page})


def get_batch(request: Request, rooms: Rooms) -> Response:
    """One batch, in an object with its id as the only key."""
    sandbox, batch = _named(request, rooms)
    shown = chosen(document(batch, sandbox, rooms), Parameters(request.raw_query))
    return json_response(200, {batch.id: shown})


def post_batch(request: Request, rooms: Rooms) -> Response:
    """Make a batch that takes files, as `POST /data/foundation/import/batches` does."""
    assert request.caller is not None
    sent = decoded(request.body, _decode_new, what="a batch")
    related = [one.get("id", "") for one in sent.related_objects if one.get("type") == "dataSet"]
    if not sent.dataset_id and related:
        sent = msgspec.structs.replace(sent, dataset_id=related[0])
    made = rooms.batches.begin(_sandbox(request), request.caller.client_id, sent)
    return json_response(201, [f"@/batches/{made.id}"], (("location", f"{PATH}/{made.id}"),))


def patch_batch(request: Request, rooms: Rooms) -> Response:
    """Change a batch's tags, or have it aborted, failed or taken back by the name of that state."""
    sent = decoded(request.body, _decode_change, what="tags or a status")
    sandbox, batch = _named(request, rooms)
    rooms.batches.change(sandbox, batch.id, tags=sent.tags, status=sent.status)
    return json_response(200, [f"@/batches/{batch.id}"])


def delete_batch(request: Request, rooms: Rooms) -> Response:
    """Take back what a batch brought, or give it up when it still takes files."""
    id_ = request.path_parameters["id"]
    rooms.batches.drop(_sandbox(request), id_)
    return json_response(200, [f"@/batches/{id_}"])


def last_batches(request: Request, rooms: Rooms) -> Response:
    """The newest batch of every dataset, or of one."""
    sandbox = _sandbox(request)
    parameters = Parameters(request.raw_query)
    limit = paging.whole(parameters.get("limit"), "limit", LIMIT, least=1, most=LIMIT_MAX)
    start = paging.whole(parameters.get("start"), "start", 0, least=0, most=START_MAX)
    dataset = _dataset(parameters)
    work = rooms.places.work(sandbox.id)
    if dataset:
        last = batches.last(work, dataset)
        found = [last] if last is not None else []
    else:
        found = sorted(batches.last_of_all(work).values(), key=lambda b: b.id, reverse=True)
    every = _matching([document(batch, sandbox, rooms) for batch in found], parameters)
    page = paging.ordered(every, order(parameters.get("orderBy")))[start : start + limit]
    return json_response(200, {one["id"]: chosen(one, parameters) for one in page})


def document(batch: Batch, sandbox: Sandbox, rooms: Rooms) -> dict[str, JSON]:
    """A batch as the catalogue shows it. Times are epoch milliseconds, but for `availableDates`,
    which are seconds. While a batch is being loaded, `metrics` say how far that has come."""
    details = batch.details
    metrics: dict[str, int] = {"failedRecordCount": 0, **details.metrics}
    job = _loading(rooms.places.work(sandbox.id), batch.id, batch.status)
    status = _status(batch.status, job)
    if job is not None:
        kept = job.progress if isinstance(job.progress, dict) else {}
        if kept.get("stage") == "read":
            metrics["inputRecordCount"] = kept["rows"]
        elif kept.get("stage") == "append":
            metrics["outputRecordCount"] = kept["rows"]
    said: dict[str, JSON] = {
        "id": batch.id,
        "externalId": batch.external_id,
        "imsOrg": sandbox.org_id,
        "sandboxId": sandbox.public_id,
        "status": status,
        "relatedObjects": [{"type": "dataSet", "id": batch.dataset}],
        "tags": details.tags,
        "inputFormat": details.input_format,
        "metrics": metrics,
        "errors": details.errors,
        "version": "1.0.0",
        "created": batch.created_ms,
        "updated": batch.updated_ms,
        "createdClient": batch.client,
        "createdUser": batch.client,
        "updatedUser": batch.client,
    }
    if batch.started_ms is not None:
        said["started"] = batch.started_ms
    if batch.completed_ms is not None:
        said["completed"] = batch.completed_ms
    if batch.status is BatchState.SUCCESS:
        first_ms = batch.created_ms if batch.started_ms is None else batch.started_ms
        last_ms = batch.updated_ms if batch.completed_ms is None else batch.completed_ms
        said["availableDates"] = {"startDate": first_ms // 1000, "endDate": last_ms // 1000}
    if details.replay is not None:
        said["replay"] = details.replay
    return said


def status_of(work: Reader, batch_id: str, status: BatchState) -> str:
    """The state of a batch as it is shown."""
    return _status(status, _loading(work, batch_id, status))


def _status(status: BatchState, job: Job | None) -> str:
    if job is not None and job.state is State.FAILED:
        return STALLED  # by a defect: what it has brought so far stays
    return status


def _loading(work: Reader, batch_id: str, status: BatchState) -> Job | None:
    """The job that loads a batch, while there is something to be done."""
    return jobs.get(work, f"{LOAD}:{batch_id}") if status in _WORKING else None


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


def _named(request: Request, rooms: Rooms) -> tuple[Sandbox, Batch]:
    sandbox = _sandbox(request)
    batch = loads.find(rooms.places, sandbox.id, request.path_parameters["id"])
    if batch is None:
        raise NotFound("BAT-1001", "No batch has this id")
    return sandbox, batch


def _dataset(parameters: Parameters) -> str:
    return parameters.get("dataSet") or parameters.get("dataSetId")


def _wanted(parameters: Parameters) -> Wanted:
    status = parameters.get("status").lower()
    return Wanted(
        dataset=_dataset(parameters),
        status=_SAME.get(status, status),
        after_ms=_moment(parameters, "createdAfter", -1),
        before_ms=_moment(parameters, "createdBefore", MOMENT_MAX),
    )


def _moment(parameters: Parameters, name: str, default: int) -> int:
    return paging.whole(parameters.get(name), name, default, least=0, most=MOMENT_MAX)


def _has_filters(parameters: Parameters) -> bool:
    names = [*_EQUAL, "tags", "created", "updated"]
    names += [f"{word}{end}" for word in _MOMENTS for end in ("After", "Before")]
    return bool(parameters.properties) or any(parameters.get(name) for name in names)


def _matching(documents: Sequence[dict[str, JSON]], parameters: Parameters) -> list[JSON]:
    """Those that all filters but those of the table let through."""
    conditions = paging.filters(parameters.properties)
    tags = tag_filters(parameters.get("tags"))
    equal = {name: parameters.get(name) for name in _EQUAL if parameters.get(name)}
    exact = {
        name: _moment(parameters, name, 0)
        for name in ("created", "updated")
        if parameters.get(name)
    }
    bounds = [
        (
            name,
            _moment(parameters, f"{word}After", -1),
            _moment(parameters, f"{word}Before", MOMENT_MAX),
        )
        for word, name in _MOMENTS.items()
        if parameters.get(f"{word}After") or parameters.get(f"{word}Before")
    ]
    return [
        one
        for one in documents
        if all(one[name] == value for name, value in {**equal, **exact}.items())
        and all(name in one and after < one[name] < before for name, after, before in bounds)
        and all(is_tagged(one["tags"], tag, value) for tag, value in tags)
        and all(condition.matches(one) for condition in conditions)
    ]


_FOUND = keyed(
    {
        "type": "object",  # of which `properties` may ask for some only
        "properties": {
            "id": TEXT,
            "status": TEXT,
            "metrics": DOCUMENT,
            "errors": array(),
            "created": NUMBER,
        },
    }
)
_NAMED = array(TEXT)
_ID = path("id", "Id of a batch.")
_PROPERTIES = query("properties", "Only these properties, with commas between.")
_MOMENT = whole(0, MOMENT_MAX)
_LIST = (
    query("limit", "Batches of a page.", whole(1, LIMIT_MAX, LIMIT)),
    query("start", "Position of the first one.", whole(0, START_MAX, 0)),
    query("orderBy", "As in `desc:created`."),
    _PROPERTIES,
    paging.PROPERTY,
)


def _route(method: str, path: str, handler: Handler, fails: str, **more: Any) -> Route:
    needs = "view-datasets:read"
    if method != "GET":
        needs = f"manage-datasets:{'delete' if method == 'DELETE' else 'write'}"
    return Route(method, ROOT + path, handler, family="catalog", needs=needs, fails=fails, **more)


_CHANGED = {
    "takes": Body(
        "Tags and a status.", record(), example={"tags": {"own": ["a"]}, "status": "aborted"}
    ),
    "answers": {200: Answer("`@/batches/ID`.", _NAMED)},
    "parameters": (_ID,),
}
_CHANGE_FAILS = "BAT-1001 BAT-1002 CTL-1008"
_ONE = {
    "parameters": (_ID, _PROPERTIES),
    "answers": {200: Answer("The batch under its id.", _FOUND)},
}

ROUTES = (
    _route(
        "GET",
        "/batches",
        list_batches,
        "CTL-1008 PRO-1002",
        parameters=(
            *_LIST,
            query("dataSet", "Id of a dataset."),
            query("status", "A state; `active` is `success`, `failure` is `failed`."),
            query("createdAfter", "Epoch milliseconds.", _MOMENT),
            query("createdBefore", "Epoch milliseconds.", _MOMENT),
            query("tags", "`TAG:VALUE`, with commas between; `*` stands for any text."),
            query("aggregate", "Count them by state instead."),
        ),
        answers={200: Answer("Batches by id, or counts.", DOCUMENT)},
    ),
    _route(
        "POST",
        "/batches",
        post_batch,
        "CTL-1006 CTL-1008",
        takes=Body("A batch, as the import takes it.", record(), example={"datasetId": "…"}),
        answers={201: Answer("`@/batches/ID`, also in `Location`.", _NAMED)},
    ),
    _route("GET", "/batches/{id}", get_batch, "BAT-1001 PRO-1002", **_ONE),
    _route("GET", "/batch/{id}", get_batch, "BAT-1001 PRO-1002", **_ONE),
    _route("PATCH", "/batches/{id}", patch_batch, _CHANGE_FAILS, **_CHANGED),
    _route("PUT", "/batches/{id}", patch_batch, _CHANGE_FAILS, **_CHANGED),
    _route(
        "DELETE",
        "/batches/{id}",
        delete_batch,
        "BAT-1001 BAT-1002",
        parameters=(_ID,),
        answers={200: Answer("`@/batches/ID`.", _NAMED)},
    ),
    _route(
        "GET",
        "/lastBatches",
        last_batches,
        "CTL-1008 PRO-1002",
        parameters=(*_LIST, query("dataSetId", "Id of a dataset.")),
        answers={200: Answer("Batches by id.", _FOUND)},
    ),
)
