"""`/data/core/ups/export/jobs`: profiles, merged, as rows of a dataset.

Source: profile contract, 9; segmentation contract, 9 and 1.1.
"""

from __future__ import annotations

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
    path,
    query,
    record,
    whole,
)
from onefold.api.json_body import decoded
from onefold.api.paging import whole as whole_number
from onefold.api.profile.query import Parameters
from onefold.api.route import Handler, Route
from onefold.control import export_jobs
from onefold.store.tables.export_jobs import STATUSES, ExportJob, job_id
from onefold.wire import JSON

PATH = "/data/core/ups/export/jobs"
LIMIT, LIMIT_MAX = 100, 1000

_decode = msgspec.json.Decoder(export_jobs.ExportDemand, strict=False).decode


def post_job(request: Request, rooms: Rooms) -> Response:
    """Have profiles exported into a dataset of the union."""
    assert request.caller is not None
    caller = request.caller
    demand = decoded(request.body, _decode, what="an export job")
    made = export_jobs.create(
        rooms.control,
        rooms.places.work(caller.sandbox.id),
        rooms.clock,
        rooms.ids,
        rooms.definitions.snapshot(caller.sandbox.id, caller.generation),
        demand,
        client_id=caller.client_id,
    )
    return json_response(200, _json(made, caller.org_id))


def list_jobs(request: Request, rooms: Rooms) -> Response:
    """A page of the export jobs, the newest first."""
    assert request.caller is not None
    asked = Parameters(request.raw_query)
    limit = whole_number(asked.get("limit"), "limit", LIMIT, least=1, most=LIMIT_MAX)
    status = asked.get("status")
    page, following = export_jobs.listed(
        rooms.places.work(request.caller.sandbox.id),
        status=status,
        offset=asked.get("offset"),
        limit=limit,
    )
    kept = f"&status={status}" if status else ""
    link = {"next": f"/export/jobs/?limit={limit}&offset={following}{kept}"} if following else {}
    return json_response(
        200,
        {
            "records": [_json(job, request.caller.org_id) for job in page],
            "page": {
                "sortField": "createdTime",
                "sort": "desc",
                "pageOffset": export_jobs.token(page[-1]) if page else "",
                "pageSize": len(page),
            },
            "link": link,
        },
    )


def get_job(request: Request, rooms: Rooms) -> Response:
    """One export job, with what has come of it."""
    assert request.caller is not None
    work = rooms.places.work(request.caller.sandbox.id)
    found = export_jobs.got(work, request.path_parameters["id"])
    return json_response(200, _json(found, request.caller.org_id))


def delete_job(request: Request, rooms: Rooms) -> Response:
    """Call an export off. One that has ended stays as it is, and so does what it brought."""
    assert request.caller is not None
    work = rooms.places.work(request.caller.sandbox.id)
    export_jobs.cancel(work, rooms.clock, request.path_parameters["id"])
    return Response(204)


def _json(job: ExportJob, org_id: str) -> JSON:
    said = job.demand
    done = job.progress if isinstance(job.progress, dict) else {}
    dataset, ids = said["datasetId"], said["batches"]
    destination: dict[str, JSON] = {
        "datasetId": dataset,
        "dataSetId": dataset,
        "segmentPerBatch": said["segmentPerBatch"],
    }
    if said["segmentPerBatch"]:
        segments = said["filter"]["segments"]
        destination["batches"] = [
            {**segment, "batchId": id_} for segment, id_ in zip(segments, ids, strict=True)
        ]
    else:
        destination["batchId"] = ids[0]
    shown: dict[str, JSON] = {
        "profileInstanceId": "ups",
        "jobType": "BATCH",
        "id": job.id,
        "schema": said["schema"],
        "mergePolicy": said["mergePolicy"],
        "status": job.status,
        "requestId": said["requestId"],
        "computeGatewayJobId": {"exportJob": job_id(job.id)} if done else {},
        "metrics": _metrics(job, done),
        "destination": destination,
        "updateTime": job.updated_ms,
        "creationTime": job.created_ms,
        "imsOrgId": org_id,
        **{name: said[name] for name in ("filter", "fields", "additionalFields") if name in said},
    }
    error = done.get("error")
    if job.status == "FAILED" and error is not None:
        shown["errors"] = [{"code": error["code"], "msg": error["detail"], "callStack": ""}]
    return shown


def _metrics(job: ExportJob, done: dict[str, JSON]) -> JSON:
    """Times of what has been done, in epoch ms, and how many profiles came of it."""
    begun_ms, read_ms, landed_ms = (
        done.get(name) or 0 for name in ("begunMs", "readMs", "landedMs")
    )
    has_ended = job.status in ("SUCCEEDED", "FAILED", "CANCELED")
    metrics = {"totalTime": _span(job.created_ms, job.updated_ms if has_ended else 0)}
    if begun_ms:
        is_read = done.get("after") is None
        metrics["profileExportTime"] = _span(begun_ms, read_ms if is_read else 0)
        metrics["totalExportedProfileCounter"] = done["profiles"]
        metrics["exportedProfileByNamespaceCounter"] = done["namespaces"]
    if landed_ms:
        metrics["aCPDatasetWriteTime"] = _span(read_ms, landed_ms)
    return metrics


def _span(start_ms: int, end_ms: int) -> dict[str, JSON]:
    """A stretch of time; one that goes on has only a start."""
    if not end_ms:
        return {"startTimeInMs": start_ms}
    return {
        "startTimeInMs": start_ms,
        "endTimeInMs": end_ms,
        "totalTimeInMs": max(end_ms - start_ms, 0),
    }


_JOB = record(
    id=NUMBER,
    status=choice(*STATUSES),
    schema=DOCUMENT,
    mergePolicy=record(id=TEXT, version=NUMBER),
    destination=record(datasetId=TEXT),
    metrics=record(totalTime=DOCUMENT),
    creationTime=NUMBER,
    updateTime=NUMBER,
    requestId=TEXT,
)
_ONE = {200: Answer("The job.", _JOB)}
_ID = (path("id", "Id of an export job."),)
_SENT = Body(
    "What is to be exported, and where to.",
    export_jobs.ExportDemand,
    example={
        "schema": {"name": "_xdm.context.profile"},
        "destination": {"datasetId": "$UNION_DATASET", "segmentPerBatch": False},
        "fields": "person.name,personalEmail.address",
        "filter": {"emptyProfiles": False},
    },
)


def _route(method: str, path: str, handler: Handler, needs: str, fails: str, **more: Any) -> Route:
    return Route(method, PATH + path, handler, family="preview", needs=needs, fails=fails, **more)


_VIEW, _EXPORT = "view-profiles:read", "export-audience-for-segment:read"

ROUTES = (
    _route(
        "GET",
        "",
        list_jobs,
        _VIEW,
        "CTL-1008 PRO-1002",
        parameters=(
            query("limit", "Jobs of a page.", whole(1, LIMIT_MAX, LIMIT)),
            query("offset", "Where the page begins, as the link of the one before gave it."),
            query("status", "Only jobs in this status.", choice(*STATUSES)),
        ),
        answers={200: Answer("A page.", record(records=array(_JOB), page=DOCUMENT, link=DOCUMENT))},
    ),
    _route(
        "POST",
        "",
        post_job,
        _EXPORT,
        "CTL-1008 PRO-1002 PRO-1005 PRO-1007",
        takes=_SENT,
        answers=_ONE,
    ),
    _route("GET", "/{id}", get_job, _VIEW, "CTL-1007", parameters=_ID, answers=_ONE),
    _route(
        "DELETE",
        "/{id}",
        delete_job,
        _EXPORT,
        "CTL-1007",
        parameters=_ID,
        answers={204: Answer("It is called off, or has ended before.", None)},
    ),
)
