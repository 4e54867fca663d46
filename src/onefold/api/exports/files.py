"""`/data/foundation/export`: the records of a batch as a Parquet file, and a look into a dataset.

Source: platform contract, section 8.
"""

from __future__ import annotations

import re
from typing import Any

from onefold.api import paging
from onefold.api.context import FilePart, Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, Answer, Schema, array, header, path, query, record, whole
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.control import datasets
from onefold.domain.lifecycle import BatchState
from onefold.domain.sandbox import Sandbox
from onefold.errors import NotFound, OverLimit
from onefold.lake.exports import Exported
from onefold.store.tables import batches
from onefold.store.tables.batches import Wanted
from onefold.wire import JSON

ROOT = "/data/foundation/export"
MEDIA_TYPE = "application/octet-stream"
VERSION = "1.0.0"
LIMIT = LIMIT_MAX = 100
START_MAX = 999_999
ROWS = 20
ROWS_MAX = 100
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)


def list_batch_files(request: Request, rooms: Rooms) -> Response:
    """The files of a batch that succeeded; of another one there are none."""
    sandbox = _sandbox(request)
    batch = batches.get(rooms.places.work(sandbox.id), request.path_parameters["id"])
    if batch is None:
        raise NotFound("BAT-1001", "No batch has this id")
    limit, start = _page(request)
    found: list[Exported] = []
    if batch.status is BatchState.SUCCESS:
        found = rooms.lakes.exports(sandbox.id).of_batch(batch.id)[start : start + limit]
    return _listed([_shown(file, sandbox, rooms) for file in found], limit, request, rooms)


def get_file(request: Request, rooms: Rooms) -> Response:
    """What a file consists of; with `path`, its bytes or a range of them."""
    file = rooms.lakes.exports(_sandbox(request).id).file(request.path_parameters["id"])
    wanted = Parameters(request.raw_query).get("path")
    if not wanted:
        href = f"{_href(rooms, file)}?path={file.name}"
        part = {
            "name": file.name,
            "length": str(file.bytes),
            "_links": {"self": {"href": href}},
        }
        return _listed([part], LIMIT, request, rooms)
    if wanted != file.name:
        raise NotFound("DAT-1001", "The file has no part of this name")
    return _bytes(file, request.headers.get("range", ""))


def preview(request: Request, rooms: Rooms) -> Response:
    """Some of the last records of a dataset, as they are in the lake."""
    sandbox = _sandbox(request)
    dataset = datasets.got(rooms.control, sandbox, request.path_parameters["id"])
    text = Parameters(request.raw_query).get("limit")
    limit = paging.whole(text, "limit", ROWS, least=1, most=ROWS_MAX)
    form = rooms.definitions.snapshot(sandbox.id).form_of(dataset.id)
    rows: list[dict[str, JSON]] = []
    if form is not None:
        rows = rooms.lakes.of(sandbox.id).rows(dataset.id, form.root, limit=limit)
    return json_response(200, {"data": rows})


def of_view(request: Request, rooms: Rooms, dataset: str) -> dict[str, JSON]:
    """A page of the files of a dataset's only view, by id, the newest first."""
    sandbox = _sandbox(request)
    limit, start = _page(request)
    work = rooms.places.work(sandbox.id)
    wanted = Wanted(dataset=dataset, status=BatchState.SUCCESS.value)
    ids = [batch.id for batch in batches.listed(work, wanted, limit=start + limit)][start:]
    found = rooms.lakes.exports(sandbox.id).of_batches(dataset, ids)
    return {file.id: _shown(file, sandbox, rooms) for file in found}


def _bytes(file: Exported, wanted: str) -> Response:
    """All of a file, or the one range that a header asks for; forms that say no range, and several
    ranges, are passed over, as RFC 9110 allows."""
    headers = [("accept-ranges", "bytes"), ("etag", f'"{file.path.parent.name}-{file.records}"')]
    said = _RANGE.fullmatch(wanted)
    if said is None or not any(said.groups()):
        part = FilePart(file.path, 0, file.bytes)
        return Response(200, headers=tuple(headers), media_type=MEDIA_TYPE, file=part)
    first, last = _bounds(said[1], said[2], file.bytes)
    headers.append(("content-range", f"bytes {first}-{last}/{file.bytes}"))
    part = FilePart(file.path, first, last - first + 1)
    return Response(206, headers=tuple(headers), media_type=MEDIA_TYPE, file=part)


def _bounds(first: str, last: str, length: int) -> tuple[int, int]:
    """The first and last byte. Raises OverLimit DAT-1002 when there are none."""
    digits_max = 18
    if len(first) > digits_max or len(last) > digits_max:
        raise _outside(length)
    if not first:
        begin, end = max(0, length - int(last)), length - 1
    else:
        begin, end = int(first), min(int(last), length - 1) if last else length - 1
    if begin > end:
        raise _outside(length)
    return begin, end


def _outside(length: int) -> OverLimit:
    return OverLimit("DAT-1002", f"The file has {length} bytes", length=length)


def _shown(file: Exported, sandbox: Sandbox, rooms: Rooms) -> dict[str, JSON]:
    dataset = datasets.got(rooms.control, sandbox, file.dataset)
    return {
        "dataSetFileId": file.id,
        "dataSetViewId": dataset.view_id,
        "version": VERSION,
        "created": file.created_ms,
        "updated": file.created_ms,
        "records": file.records,
        "size": file.bytes,
        "isValid": True,
        "_links": {"self": {"href": _href(rooms, file)}},
    }


def _href(rooms: Rooms, file: Exported) -> str:
    return f"{rooms.settings.base_url}{ROOT}/files/{file.id}"


def _listed(data: list[JSON], limit: int, request: Request, rooms: Rooms) -> Response:
    here = {"href": f"{rooms.settings.base_url}{request.path}"}
    page = {"limit": limit, "count": len(data)}
    return json_response(200, {"data": data, "_page": page, "_links": {"self": here}})


def _page(request: Request) -> tuple[int, int]:
    parameters = Parameters(request.raw_query)
    limit = paging.whole(parameters.get("limit"), "limit", LIMIT, least=1, most=LIMIT_MAX)
    start = paging.whole(parameters.get("start"), "start", 0, least=0, most=START_MAX)
    return limit, start


def _sandbox(request: Request) -> Sandbox:
    assert request.caller is not None
    return request.caller.sandbox


def _route(
    path_: str,
    handler: Handler,
    fails: str,
    answers: dict[int, Answer],
    parameters: tuple[Any, ...],
) -> Route:
    return Route(
        "GET",
        ROOT + path_,
        handler,
        family="import",
        needs="view-datasets:read",
        fails=fails,
        parameters=parameters,
        answers=answers,
    )


_LIST: Schema = record(data=array(DOCUMENT))
PAGES = (
    query("limit", "Entries of a page.", whole(1, LIMIT_MAX, LIMIT)),
    query("start", "Entries to pass over.", whole(0, START_MAX, 0)),
)

ROUTES = (
    _route(
        "/batches/{id}/files",
        list_batch_files,
        "BAT-1001 CTL-1008",
        {200: Answer("The batch's files.", _LIST)},
        (path("id", "Id of a batch."), *PAGES),
    ),
    _route(
        "/files/{id}",
        get_file,
        "DAT-1001 DAT-1002",
        {
            200: Answer("The parts of the file; with `path`, the bytes of one.", _LIST),
            206: Answer("A range of its bytes.", {"type": "string"}, MEDIA_TYPE),
        },
        (
            path("id", "Id of a file."),
            query("path", "Name of a part: its bytes are wanted."),
            header("range", "Which bytes: `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`."),
        ),
    ),
    _route(
        "/datasets/{id}/preview",
        preview,
        "CTL-1007 CTL-1008",
        {200: Answer("Records, the last one first.", _LIST)},
        (path("id", "Id of a dataset."), query("limit", "Records.", whole(1, ROWS_MAX, ROWS))),
    ),
)
