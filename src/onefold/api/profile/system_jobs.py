"""`/data/core/ups/system/jobs`: deletions from profiles, as jobs that can be watched.

Objects have the fields of both generations of this API. Source: profile contract, 7; 1.2 for the
forms of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    NUMBER,
    TEXT,
    Answer,
    Body,
    array,
    choice,
    query,
    record,
    whole,
)
from onefold.api.json_body import decoded
from onefold.api.paging import whole as whole_number
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.domain.deletion import REQUEST_TYPES, Deletion, State
from onefold.errors import Malformed
from onefold.wire import JSON, decode_json, encode_json, iso_millis

ROOT = "/data/core/ups/system/jobs"
LIMIT = 100
LIMIT_MAX = 1_000
PAGE_MAX = 1_000_000

STATUS = {
    State.NEW: "NEW",
    State.PROCESSING: "PROCESSING",
    State.COMPLETED: "COMPLETED",
    State.ERROR: "ERROR",
}
_ORDERS = {
    "id": "id",
    "requestId": "id",
    "createEpoch": "created",
    "createdAt": "created",
    "updateEpoch": "updated",
    "updatedAt": "updated",
    "status": "status",
    "requestType": "kind",
    "dataSetId": "dataset",
    "datasetId": "dataset",
    "batchId": "batch",
}
"""By what the list can be sorted: fields of the objects, and the store's names."""


class Wanted(msgspec.Struct, frozen=True, rename="camel"):
    """What is to be deleted, in the spellings of both generations."""

    data_set_id: str | None = None
    dataset_id: str | None = None
    batch_id: str | None = None


_decode = msgspec.json.Decoder(Wanted).decode


def post_job(request: Request, rooms: Rooms) -> Response:
    """Delete everything that a dataset has brought, or the events of a batch."""
    assert request.caller is not None
    wanted = decoded(request.body, _decode, what="a delete request")
    spelled = {wanted.data_set_id or "", wanted.dataset_id or ""} - {""}
    if len(spelled) > 1:
        raise Malformed("DEL-1001", "dataSetId and datasetId are two names of one field")
    asked = rooms.deletions.data(
        request.caller.sandbox, dataset="".join(spelled), batch=wanted.batch_id or ""
    )
    return json_response(200, _json(asked, request))


def list_jobs(request: Request, rooms: Rooms) -> Response:
    """A page of the system jobs, the oldest first if nothing else is asked for."""
    assert request.caller is not None
    asked = Parameters(request.raw_query)
    limit = whole_number(asked.get("limit"), "limit", LIMIT, least=1, most=LIMIT_MAX)
    start = whole_number(asked.get("start"), "start", 0, least=0, most=PAGE_MAX)
    page = whole_number(asked.get("page"), "page", start, least=0, most=PAGE_MAX)
    order, descending = _order(asked.get("sort"))
    found, total = rooms.deletions.listed(
        request.caller.sandbox.id,
        order=order,
        descending=descending,
        offset=page * limit,
        limit=limit,
    )
    more = page * limit + len(found) < total and bool(found)
    body: JSON = {
        "_page": {
            "count": len(found),
            "next": str(page + 1) if more else "",
            "pageSize": len(found),
            "start": str(page),
            "totalCount": total,
        },
        "children": [_json(one, request) for one in found],
    }
    return json_response(200, body)


def get_job(request: Request, rooms: Rooms) -> Response:
    """One system job, with its receipt when it is done."""
    assert request.caller is not None
    found = rooms.deletions.got(request.caller.sandbox.id, request.path_parameters["id"])
    return json_response(200, _json(found, request))


def delete_job(request: Request, rooms: Rooms) -> Response:
    """Remove a system job from the list; one that is new is cancelled by it."""
    assert request.caller is not None
    rooms.deletions.dismiss(request.caller.sandbox.id, request.path_parameters["id"])
    return Response(200)


def _order(text: str) -> tuple[str, bool]:
    """`field:asc` or `field:desc`."""
    if not text:
        return "created", False
    name, _, direction = text.partition(":")
    if name not in _ORDERS or direction.lower() not in ("", "asc", "desc"):
        names = ", ".join(_ORDERS)
        raise Malformed("CTL-1008", f"sort is field:asc or field:desc, of {names}", at="sort")
    return _ORDERS[name], direction.lower() == "desc"


def _json(one: Deletion, request: Request) -> JSON:
    assert request.caller is not None
    sandbox = request.caller.sandbox
    named = {"datasetId": one.dataset, "batchId": one.batch}
    properties = {name: value for name, value in named.items() if value}
    body: dict[str, JSON] = {
        "id": one.id,
        "requestId": one.id,
        "imsOrgId": sandbox.org_id,
        "jobType": "DELETE",
        "requestType": REQUEST_TYPES[one.kind],
        "status": STATUS[one.state],
        "properties": properties,
        "createEpoch": one.created_ms // 1000,
        "updateEpoch": one.updated_ms // 1000,
        "createdAt": _micros(one.created_ms),
        "updatedAt": _micros(one.updated_ms),
        "sandbox": {"sandboxName": sandbox.name, "sandboxId": sandbox.public_id},
    }
    if one.dataset:
        body["dataSetId"] = one.dataset
    if one.batch:
        body["batchId"] = one.batch
    if one.started_ms is not None:
        seconds = (one.updated_ms - one.started_ms) // 1000
        metrics = {"recordsProcessed": one.records, "timeTakenInSec": seconds}
        body["metrics"] = encode_json(metrics).decode()  # a text, as the contract has it
    if one.receipt is not None:
        body["receipt"] = decode_json(one.receipt.encode())
    return body


def _micros(epoch_ms: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmm000Z`."""
    return f"{iso_millis(epoch_ms)[:-1]}000Z"


_JOB = record(
    id=TEXT,
    requestId=TEXT,
    imsOrgId=TEXT,
    jobType=TEXT,
    requestType=choice(*REQUEST_TYPES.values()),
    status=choice(*STATUS.values()),
    properties=DOCUMENT,
    createEpoch=NUMBER,
    updateEpoch=NUMBER,
    createdAt=TEXT,
    updatedAt=TEXT,
    sandbox=DOCUMENT,
)


def _route(
    method: str,
    path: str,
    handler: Handler,
    needs: str,
    fails: str,
    answers: Mapping[int, Answer],
    **more: Any,
) -> Route:
    return Route(
        *(method, ROOT + path, handler),
        family="systemjobs",
        needs=needs,
        fails=fails,
        answers=answers,
        **more,
    )


ROUTES = (
    _route(
        "GET",
        "",
        list_jobs,
        "view-profiles:read",
        "CTL-1008 PRO-1002",
        {200: Answer("A page of system jobs.", record(_page=DOCUMENT, children=array(_JOB)))},
        parameters=(
            query("limit", "Jobs of a page.", whole(1, LIMIT_MAX, LIMIT)),
            query("page", "Which page, from 0.", whole(0, PAGE_MAX, 0)),
            query("start", "The same, in the older spelling.", whole(0, PAGE_MAX, 0)),
            query("sort", f"`FIELD:asc` or `FIELD:desc`; FIELD is one of {', '.join(_ORDERS)}."),
        ),
    ),
    _route(
        "POST",
        "",
        post_job,
        "manage-profiles:delete",
        "API-1003 DEL-1001 DEL-1002 DEL-1003 DEL-1004",
        {200: Answer("The job.", _JOB)},
        takes=Body(
            "What to delete: a dataset, or a batch of events. `datasetId` is the newer spelling.",
            Wanted,
            example={"dataSetId": "5f2ea0a3d7f5a1194c1e7a12"},
        ),
    ),
    _route(
        "GET", "/{id}", get_job, "view-profiles:read", "DEL-1005", {200: Answer("The job.", _JOB)}
    ),
    _route(
        "DELETE",
        "/{id}",
        delete_job,
        "manage-profiles:delete",
        "DEL-1005",
        {200: Answer("It is not listed any more.", None)},
    ),
)
