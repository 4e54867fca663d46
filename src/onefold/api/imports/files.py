"""`/data/foundation/import/batches/…/files/…`: files on their way into a batch.

A body goes to the disk as it comes. Every upload answers 200, new or not, since clients take other
answers without a body for errors. Source: ingestion contract, 7.2 and 7.3.
"""

from __future__ import annotations

import re
from typing import Any

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import ANY, NUMBER, TEXT, Answer, Body, header, path, query, record
from onefold.api.imports.batches import ROOT, URL_CHARS_MAX
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.domain.sandbox import SandboxId
from onefold.errors import Malformed
from onefold.inlet.uploads import checked_path
from onefold.store.tables.batch_files import BatchFile

PATH = ROOT + "/{batch}/datasets/{dataset}/files/{file_path}"

_ENCODED = re.compile(r"%(?:2f|5c|00|2e)", re.IGNORECASE)


def put_file(request: Request, rooms: Rooms) -> Response:
    """Take a whole file; it replaces the one of the same path."""
    assert request.spooled is not None  # the route spools
    rooms.uploads.put(*_named(request), request.spooled)
    return Response(200)


def post_file(request: Request, rooms: Rooms) -> Response:
    """Begin a file that comes in ranges, or end it."""
    action = Parameters(request.raw_query).get("action").upper()
    if action == "INITIALIZE":
        rooms.uploads.initialize(*_named(request))
        return Response(201)
    if action == "COMPLETE":
        rooms.uploads.finish(*_named(request))
        return Response(200)
    raise Malformed("CTL-1008", "action is INITIALIZE or COMPLETE", at="action")


def patch_file(request: Request, rooms: Rooms) -> Response:
    """Take one range of a file that was begun."""
    assert request.spooled is not None  # the route spools
    said = request.headers.get("content-range", "")
    file = rooms.uploads.add_range(*_named(request), said, request.spooled)
    return json_response(200, {"name": file.path, "sizeInBytes": file.bytes}, _received(file))


def head_file(request: Request, rooms: Rooms) -> Response:
    """How much of a file has come."""
    return Response(200, headers=_received(rooms.uploads.received(*_named(request))))


def _named(request: Request) -> tuple[SandboxId, str, str, str]:
    """Sandbox, batch, dataset and path. Raises Malformed BAT-1003 for a path that hides what it is
    behind percent signs."""
    assert request.caller is not None
    parameters = request.path_parameters
    if _ENCODED.search(request.path):
        raise Malformed("BAT-1003", "A path is not percent-encoded where it need not be")
    checked_path(parameters["file_path"])
    return (
        request.caller.sandbox.id,
        parameters["batch"],
        parameters["dataset"],
        parameters["file_path"],
    )


def _received(file: BatchFile) -> tuple[tuple[str, str], ...]:
    return (("range", f"bytes=0-{file.bytes - 1}"),) if file.bytes else ()


_PLACES = (
    path("batch", "Id of a batch."),
    path("dataset", "Id of the batch's dataset."),
    path("file_path", "Name of the file; it may hold slashes, as in `day=1/a.json`."),
)
_OCTETS = Body("The file's bytes.", ANY, media=("application/octet-stream",))
_FAILS = "API-1007 BAT-1001 BAT-1002 BAT-1003 BAT-1004 CTL-1007"


def _route(method: str, handler: Handler, fails: str, **more: Any) -> Route:
    needs = "view-datasets:read" if method == "HEAD" else "manage-datasets:write"
    parameters = (*_PLACES, *more.pop("parameters", ()))
    return Route(
        method,
        PATH,
        handler,
        family="import",
        needs=needs,
        url_max=URL_CHARS_MAX,
        parameters=parameters,
        fails=fails,
        **more,
    )


ROUTES = (
    _route(
        "PUT",
        put_file,
        _FAILS,
        spool=True,
        takes=_OCTETS,
        answers={200: Answer("The batch has the file.", None)},
    ),
    _route(
        "POST",
        post_file,
        f"{_FAILS} BAT-1005 BAT-1006 CTL-1008 PRO-1002",
        parameters=(query("action", "`INITIALIZE` or `COMPLETE`, in any case.", required=True),),
        answers={
            200: Answer("The file is complete.", None),
            201: Answer("The file is begun.", None),
        },
    ),
    _route(
        "PATCH",
        patch_file,
        f"{_FAILS} BAT-1006 CTL-1008",
        spool=True,
        takes=_OCTETS,
        parameters=(header("content-range", "`bytes FIRST-LAST/TOTAL`", required=True),),
        answers={200: Answer("What has come so far.", record(name=TEXT, sizeInBytes=NUMBER))},
    ),
    _route(
        "HEAD",
        head_file,
        "API-1007 BAT-1001 BAT-1003 BAT-1006 CTL-1007",
        answers={200: Answer("`Range` says how much has come.", None)},
    ),
)
