"""`/data/foundation/import/batches`: batches made, completed and taken back.

Every call may be repeated. Source: ingestion contract, 7.1, 7.4 and 7.6.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, cast

import msgspec

from onefold.api import paging
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    NUMBER,
    TEXT,
    TRUTH,
    Answer,
    Body,
    path,
    query,
    record,
    whole,
)
from onefold.api.json_body import decoded
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.errors import Malformed
from onefold.inlet.batches import CSV_DEFAULTS, Action, NewBatch, input_format_of
from onefold.inlet.uploads import Folder, batch_of, files_of
from onefold.lake.formats import Corrupt, rows
from onefold.store.tables.batches import Batch
from onefold.wire import JSON, decode_json

ROOT = "/data/foundation/import/batches"
URL_CHARS_MAX = 2_000
ROWS, ROWS_MAX = 5, 100
"""Rows of a preview."""

_decode = msgspec.json.Decoder(NewBatch, strict=False).decode


def post_batch(request: Request, rooms: Rooms) -> Response:
    """Make a batch that takes files. `PATCH` does the same, for clients that replay so."""
    assert request.caller is not None
    sent = decoded(request.body, _decode, what="a batch")
    made = rooms.batches.begin(request.caller.sandbox, request.caller.client_id, sent)
    return json_response(201, _made(made, request))


def act(request: Request, rooms: Rooms) -> Response:
    """Complete a batch, give it up, or take back what it brought."""
    assert request.caller is not None
    action = Parameters(request.raw_query).get("action").upper()
    if action not in ("COMPLETE", "ABORT", "FAIL", "REVERT"):
        raise Malformed("CTL-1008", "action is COMPLETE, ABORT, FAIL or REVERT", at="action")
    batch_id = request.path_parameters["batch"]
    rooms.batches.act(request.caller.sandbox, batch_id, cast("Action", action))
    return Response(200)


def delete_batch(request: Request, rooms: Rooms) -> Response:
    """Take back what a batch brought, or give it up when it still takes files."""
    assert request.caller is not None
    rooms.batches.drop(request.caller.sandbox, request.path_parameters["batch"])
    return Response(200)


def preview(request: Request, rooms: Rooms) -> Response:
    """The columns and first rows of a batch's first file, as they would be read."""
    assert request.caller is not None
    sandbox = request.caller.sandbox
    batch_id, dataset = request.path_parameters["batch"], request.path_parameters["dataset"]
    parameters = Parameters(request.raw_query)
    work = rooms.places.work(sandbox.id)
    batch = batch_of(work, batch_id, dataset)
    asked = {
        name: parameters.get(name)
        for name in ("format", "isMultiLineJson", *CSV_DEFAULTS)
        if parameters.get(name)
    }
    read_as = input_format_of({**batch.details.input_format, **asked})
    limit = paging.whole(parameters.get("nrow"), "nrow", ROWS, least=0, most=ROWS_MAX) or ROWS
    found: list[JSON] = []
    files = files_of(work, batch_id)
    folder = Folder(rooms.places, sandbox.id, batch_id)
    if files and folder.input(files[0].path).exists():
        found = _objects(rows(folder.input(files[0].path), read_as), limit)
    names = list(dict.fromkeys(name for row in found for name in row))
    shown = {
        "columns": [{"cid": f"c{number}", "name": name} for number, name in enumerate(names)],
        "rows": [
            {f"c{number}": row[name] for number, name in enumerate(names) if name in row}
            for row in found
        ],
    }
    return json_response(200, {"formatParams": read_as, "preview": shown})


def _objects(found: Any, limit: int) -> list[JSON]:
    """The first rows that are objects."""
    objects: list[JSON] = []
    for row in islice(found, limit):
        try:
            value = None if isinstance(row, Corrupt) else decode_json(row)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(value, dict):
            objects.append(value)
    return objects


def _made(batch: Batch, request: Request) -> JSON:
    """Source: ingestion contract, 7.1."""
    assert request.caller is not None
    said: dict[str, JSON] = {
        "id": batch.id,
        "externalId": batch.external_id,
        "imsOrg": request.caller.org_id,
        "updated": batch.updated_ms,
        "status": batch.status,
        "created": batch.created_ms,
        "relatedObjects": [{"type": "dataSet", "id": batch.dataset}],
        "version": "1.0.0",
        "tags": batch.details.tags,
        "inputFormat": batch.details.input_format,
        "createdUser": batch.client,
        "updatedUser": batch.client,
    }
    if batch.details.replay is not None:
        said["replay"] = batch.details.replay
    return said


_BATCH = path("batch", "Id of a batch.")
_DATASET = path("dataset", "Id of the batch's dataset.")
_SENT = Body(
    "A batch. `inputFormat.format` is json, parquet or csv.",
    record(datasetId=TEXT),
    example={"datasetId": "…", "inputFormat": {"format": "json", "isMultiLineJson": False}},
)
_MADE = record(id=TEXT, status=TEXT, imsOrg=TEXT, created=NUMBER, updated=NUMBER, tags=DOCUMENT)


def _route(method: str, path: str, handler: Handler, fails: str, **more: Any) -> Route:
    needs = f"manage-datasets:{'delete' if method == 'DELETE' else 'write'}"
    if method == "GET":
        needs = "view-datasets:read"
    return Route(
        method,
        ROOT + path,
        handler,
        family="import",
        needs=needs,
        url_max=URL_CHARS_MAX,
        fails=f"API-1007 {fails}",
        **more,
    )


ROUTES = (
    _route(
        "POST",
        "",
        post_batch,
        "CTL-1006 CTL-1008",
        takes=_SENT,
        answers={201: Answer("The batch.", _MADE)},
    ),
    _route(
        "PATCH",
        "",
        post_batch,
        "CTL-1006 CTL-1008",
        takes=_SENT,
        answers={201: Answer("The batch.", _MADE)},
    ),
    _route(
        "POST",
        "/{batch}",
        act,
        "BAT-1001 BAT-1002 CTL-1008 PRO-1002",
        parameters=(
            _BATCH,
            query("action", "`COMPLETE`, `ABORT`, `FAIL` or `REVERT`, in any case.", required=True),
        ),
        answers={200: Answer("It is done, or will be: the catalogue tells.", None)},
    ),
    _route(
        "DELETE",
        "/{batch}",
        delete_batch,
        "BAT-1001 BAT-1002",
        parameters=(_BATCH,),
        answers={200: Answer("It is given up or taken back.", None)},
    ),
    _route(
        "GET",
        "/{batch}/datasets/{dataset}/preview",
        preview,
        "BAT-1001 BAT-1007 CTL-1007 CTL-1008 PRO-1002",
        parameters=(
            _BATCH,
            _DATASET,
            query("format", "json, parquet or csv; else the batch's."),
            query("isMultiLineJson", "Of JSON.", TRUTH),
            query("delimiter", "Of CSV, as quote, escape, nullMarker, header and charset are."),
            query("quote", "Of CSV."),
            query("escape", "Of CSV."),
            query("nullMarker", "Of CSV."),
            query("header", "Of CSV.", TRUTH),
            query("charset", "Of CSV."),
            query("nrow", "Rows to show; 0 is 5.", whole(0, ROWS_MAX, 0)),
        ),
        answers={200: Answer("Columns and rows.", record(formatParams=DOCUMENT, preview=DOCUMENT))},
    ),
)
