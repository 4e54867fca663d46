"""`/data/foundation/export/batches/{id}/failed` and `…/meta`: what could not be loaded, and why.

Failed records are parted into files that are made when they are asked for; the name of a part says
where it begins. Source: ingestion contract, section 8.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from onefold.api import paging
from onefold.api.context import Request, Response, Rooms
from onefold.api.declared import Answer, path, query, whole
from onefold.api.exports.listing import LIMIT, LIMIT_MAX, LISTED, lines, listing
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.domain.sandbox import Sandbox
from onefold.errors import NotFound
from onefold.inlet.uploads import Folder
from onefold.lookup import loads
from onefold.store.tables import batch_files
from onefold.store.tables.batches import Batch
from onefold.wire import encode_json

PATH = "/data/foundation/export/batches/{id}"
DONE = "_SUCCESS"
INPUTS, INPUT_FILE = "input_files", "input_files_0.json"
ERRORS = "row_errors"

_PART = re.compile(r"part-\d{5}-(\d{1,18})\.json")
_DIAGNOSTICS = re.compile(r"(?:parsing|conversion)_errors_0\.json")


def failed(request: Request, rooms: Rooms) -> Response:
    """The files with a batch's failed records; with `path`, one of them."""
    sandbox, batch = _named(request, rooms)
    parameters = Parameters(request.raw_query)
    name, limit = parameters.get("path"), _limit(parameters)
    folder = Folder(rooms.places, sandbox.id, batch.id)
    part = _PART.fullmatch(name)
    if part is not None:
        found, _ = loads.failed_part(rooms.places, sandbox.id, batch, int(part[1]))
        return lines(found)
    if name == DONE:
        return lines(b"")
    if name:
        return _diagnostics(folder, name)
    files = [(DONE, 0)]
    after = 0
    for number in range(limit):
        found, last = loads.failed_part(rooms.places, sandbox.id, batch, after)
        if not last:
            break
        files.append((f"part-{number:05d}-{after}.json", len(found)))
        after = last
    return listing(_here(request, rooms), [*files, *_written(folder)], limit=limit)


def meta(request: Request, rooms: Rooms) -> Response:
    """The files that came with a batch, and the diagnostics of its rows: lists and files."""
    sandbox, batch = _named(request, rooms)
    parameters = Parameters(request.raw_query)
    kind, _, name = parameters.get("path").partition("/")
    folder = Folder(rooms.places, sandbox.id, batch.id)
    inputs = b"".join(
        encode_json({"path": file.path}) + b"\n"
        for file in batch_files.listed(rooms.places.work(sandbox.id), batch.id)
    )
    limit = _limit(parameters)
    if kind == INPUTS and name == INPUT_FILE:
        return lines(inputs)
    if kind == ERRORS and name:
        return _diagnostics(folder, name)
    found = {
        "": [(INPUTS, 0), (ERRORS, 0)],
        INPUTS: [(f"{INPUTS}/{INPUT_FILE}", len(inputs))],
        ERRORS: [(f"{ERRORS}/{name}", length) for name, length in _written(folder)],
    }.get(kind)
    if found is None or name:
        raise NotFound("BAT-1006", "path is input_files or row_errors, or a file of theirs")
    return listing(_here(request, rooms), found, limit=limit)


def _here(request: Request, rooms: Rooms) -> str:
    return f"{rooms.settings.base_url}{request.path}"


def _named(request: Request, rooms: Rooms) -> tuple[Sandbox, Batch]:
    assert request.caller is not None
    sandbox = request.caller.sandbox
    batch = loads.find(rooms.places, sandbox.id, request.path_parameters["id"])
    if batch is None:
        raise NotFound("BAT-1001", "No batch has this id")
    return sandbox, batch


def _limit(parameters: Parameters) -> int:
    return paging.whole(parameters.get("limit"), "limit", LIMIT, least=1, most=LIMIT_MAX)


def _written(folder: Folder) -> list[tuple[str, int]]:
    """(name, bytes) of the diagnostics that were written."""
    if not folder.errors.is_dir():
        return []
    files = sorted(folder.errors.iterdir())
    return [(file.name, file.stat().st_size) for file in islice(files, LIMIT_MAX)]


def _diagnostics(folder: Folder, name: str) -> Response:
    if _DIAGNOSTICS.fullmatch(name) is not None:
        try:
            return lines((folder.errors / name).read_bytes())
        except FileNotFoundError:
            pass
    raise NotFound("BAT-1006", "The batch has no such file")


_ID = path("id", "Id of a batch.")
_LIMIT = query("limit", "Files of a list.", whole(1, LIMIT_MAX, LIMIT))
_FAILS = "BAT-1001 BAT-1006 CTL-1008 PRO-1002"


def _route(tail: str, handler: Handler, about: str) -> Route:
    parameters: Any = (_ID, _LIMIT, query("path", about))
    return Route(
        "GET",
        PATH + tail,
        handler,
        family="catalog",
        needs="view-datasets:read",
        fails=_FAILS,
        parameters=parameters,
        answers={200: Answer("A list of files; with a file's `path`, its lines.", LISTED)},
    )


ROUTES = (
    _route("/failed", failed, "Name of a file."),
    _route("/meta", meta, "`input_files` or `row_errors`, or a file of theirs."),
)
