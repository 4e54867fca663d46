"""`/data/core/privacy/jobs`: access to and deletion of what is known about a person.

Source: platform contract, 12.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from onefold.api.context import FilePart, Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, Answer, Body, Parameter, array, query, record, whole
from onefold.api.json_body import decoded
from onefold.api.paging import whole as whole_number
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.control import privacy
from onefold.errors import Malformed, NotFound
from onefold.store.tables.jobs import Job, State
from onefold.wire import JSON, iso_seconds

ROOT = "/data/core/privacy/jobs"
SIZE = 25
SIZE_MAX = 100
PAGE_MAX = 100_000
ZIP = "application/zip"

_decode = msgspec.json.Decoder(privacy.Demand).decode


def post_jobs(request: Request, rooms: Rooms) -> Response:
    """Order access to or deletion of what is known about people: one job a user and action."""
    assert request.caller is not None
    caller = request.caller
    demand = decoded(request.body, _decode, what="a privacy request")
    snapshot = rooms.definitions.snapshot(caller.sandbox.id, caller.generation)
    request_id, made = privacy.create(
        rooms.places.work(caller.sandbox.id),
        rooms.clock,
        rooms.ids,
        snapshot.namespaces,
        demand,
        org_id=caller.org_id,
        client_id=caller.client_id,
    )
    told = [
        {
            "jobId": job.id,
            "customer": {
                "user": {
                    "key": job.argument["userKey"],
                    "action": [job.argument["action"]],
                    "userIDs": job.argument["userIds"],
                }
            },
        }
        for job in made
    ]
    body: JSON = {"requestId": request_id, "totalRecords": len(told), "jobs": told}
    return json_response(202, body)


def list_jobs(request: Request, rooms: Rooms) -> Response:
    """A page of the privacy jobs, the newest first."""
    assert request.caller is not None
    asked = Parameters(request.raw_query)
    size = whole_number(asked.get("size"), "size", SIZE, least=1, most=SIZE_MAX)
    page = whole_number(asked.get("page"), "page", 1, least=0, most=PAGE_MAX)
    found = privacy.listed(
        rooms.places.work(request.caller.sandbox.id),
        regulation=asked.get("regulation"),
        status=asked.get("status"),
        from_ms=_day_ms(asked, "fromDate", 0),
        before_ms=_day_ms(asked, "toDate", 1),
    )
    start = max(page - 1, 0) * size
    shown = [_json(job, rooms) for job in found[start : start + size]]
    return json_response(200, {"jobDetails": shown, "totalRecords": len(found)})


def get_job(request: Request, rooms: Rooms) -> Response:
    """One privacy job with what each product answered."""
    return json_response(200, _json(_job(request, rooms), rooms))


def get_content(request: Request, rooms: Rooms) -> Response:
    """What a finished access job found, as a ZIP of JSON files."""
    assert request.caller is not None
    job = _job(request, rooms)
    content = rooms.places.exports(request.caller.sandbox.id) / f"{job.id}.zip"
    if job.state is not State.DONE or not content.is_file():
        raise NotFound("PRV-1001")
    name = f'attachment; filename="{job.id}.zip"'
    return Response(
        200,
        headers=(("content-disposition", name),),
        media_type=ZIP,
        file=FilePart(content, 0, content.stat().st_size),
    )


def _job(request: Request, rooms: Rooms) -> Job:
    assert request.caller is not None
    return privacy.got(rooms.places.work(request.caller.sandbox.id), request.path_parameters["id"])


def _json(job: Job, rooms: Rooms) -> JSON:
    said = job.argument
    done = job.progress if isinstance(job.progress, dict) else {}
    status = privacy.STATUS[job.state]
    has_content = said["action"] == "access" and job.state is State.DONE
    return {
        "jobId": job.id,
        "requestId": said["requestId"],
        "userKey": said["userKey"],
        "action": said["action"],
        "status": status,
        "submittedBy": said["submittedBy"],
        "createdDate": iso_seconds(job.created_ms),
        "lastModifiedDate": iso_seconds(job.updated_ms),
        "userIds": said["userIds"],
        "productResponses": [
            {
                "product": product,
                "retryCount": max(job.attempts - 1, 0),
                "processedDate": iso_seconds(job.updated_ms),
                "productStatusResponse": {
                    "status": status,
                    "message": done.get("error", {}).get("detail", ""),
                    "results": done.get("results", {}).get(product, {}),
                },
            }
            for product in said["include"]
        ],
        "downloadUrl": f"{rooms.settings.base_url}{ROOT}/{job.id}/content" if has_content else "",
        "regulation": said["regulation"],
    }


def _day_ms(asked: Parameters, name: str, days_on: int) -> int | None:
    """The start of a day, `YYYY-MM-DD`, or of the one `days_on` days later."""
    text = asked.get(name)
    if not text:
        return None
    try:
        day = datetime.strptime(text[:10], "%Y-%m-%d").replace(tzinfo=UTC)
        return int((day + timedelta(days=days_on)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Malformed("CTL-1008", f"{name} is a day, YYYY-MM-DD", at=name) from None


_JOB = record(
    jobId={"type": "string"},
    requestId={"type": "string"},
    action={"type": "string"},
    status={"type": "string", "enum": list(privacy.STATUS.values())},
    productResponses=array(DOCUMENT),
)


def _route(
    method: str,
    path: str,
    handler: Callable[[Request, Rooms], Response],
    needs: str,
    fails: str,
    answers: Mapping[int, Answer],
    parameters: tuple[Parameter, ...] = (),
    takes: Body | None = None,
) -> Route:
    return Route(
        method,
        ROOT + path,
        handler,
        family="privacy",
        needs=needs,
        fails=fails,
        answers=answers,
        parameters=parameters,
        takes=takes,
    )


ROUTES = (
    _route(
        "POST",
        "",
        post_jobs,
        "manage-privacy:write",
        "API-1003 CTL-1008",
        {202: Answer("The jobs, one a user and action.", record(jobs=array(DOCUMENT)))},
        takes=Body(
            "Who, what is to be done, and where.",
            privacy.Demand,
            example={
                "companyContexts": [{"namespace": "imsOrgID", "value": "ORG@AdobeOrg"}],
                "users": [
                    {
                        "key": "case-17",
                        "action": ["access", "delete"],
                        "userIDs": [
                            {"namespace": "email", "value": "ada@example.com", "type": "standard"}
                        ],
                    }
                ],
                "include": ["profileService", "identity", "aepDataLake"],
                "regulation": "gdpr",
            },
        ),
    ),
    _route(
        "GET",
        "",
        list_jobs,
        "view-privacy:read",
        "CTL-1008",
        {200: Answer("A page of jobs.", record(jobDetails=array(_JOB)))},
        parameters=(
            query("regulation", "Only jobs under this regulation; `*`: all."),
            query("status", "Only jobs in this status."),
            query("fromDate", "Only jobs made on this day (YYYY-MM-DD, UTC) or later."),
            query("toDate", "Only jobs made on this day or earlier."),
            query("size", "Jobs of a page.", whole(1, SIZE_MAX, SIZE)),
            query("page", "Which page, from 1.", whole(0, PAGE_MAX, 1)),
        ),
    ),
    _route(
        "GET", "/{id}", get_job, "view-privacy:read", "CTL-1007", {200: Answer("The job.", _JOB)}
    ),
    _route(
        "GET",
        "/{id}/content",
        get_content,
        "manage-privacy:read",
        "CTL-1007 PRV-1001",
        {200: Answer("The ZIP.", {"type": "string"}, ZIP)},
    ),
)
