"""`/data/core/ups/previewsamplestatus`: how many profiles there are, and what they are made of; and
Onefold's own way to have them counted now.

Source: profile contract, 8, and 1.2 for the forms of time.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import partial

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    NUMBER,
    TEXT,
    TRUTH,
    Answer,
    Schema,
    array,
    choice,
    keyed,
    query,
    record,
)
from onefold.api.profile.query import Parameters
from onefold.api.route import Route
from onefold.control import preview_samples
from onefold.domain.profile.sample_reports import (
    CHARACTER_COUNT,
    DATASET,
    DATASET_OVERLAP,
    DATASET_STATS,
    NAMESPACE,
    NAMESPACE_OVERLAP,
    UNSTITCHED,
    share,
)
from onefold.errors import Malformed
from onefold.store.engine import Engine
from onefold.store.tables.batches import Loaded
from onefold.store.tables.jobs import Job, State
from onefold.store.tables.profile_samples import Sample
from onefold.wire import JSON

PATH = "/data/core/ups/previewsamplestatus"
REFRESH = "/onefold/v1/previewsamplestatus/refresh"
FINISHED, FAILED, RUNNING, NOT_STARTED = (
    "TASK_FINISHED",
    "TASK_FAILED",
    "TASK_RUNNING",
    "TASK_NOT_STARTED",
)
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)


def get_status(request: Request, rooms: Rooms) -> Response:
    """The figures of the latest sample, and whether one is being taken."""
    policy = _default_strategy(request, rooms)
    return json_response(200, _status(*preview_samples.state(_work(request, rooms)), policy))


def get_report(request: Request, rooms: Rooms, *, kind: str) -> Response:
    """One report of the latest sample, or of the latest one of a day."""
    day = _day(Parameters(request.raw_query).get("date"))
    return json_response(200, preview_samples.report(_work(request, rooms), kind, day=day))


def post_refresh(request: Request, rooms: Rooms) -> Response:
    """Have a sample taken now. While one waits or runs, that one is answered."""
    assert request.caller is not None
    snapshot = rooms.definitions.snapshot(request.caller.sandbox.id)
    preview_samples.policy_of(snapshot)
    job = preview_samples.ask(_work(request, rooms), rooms.clock, rooms.ids)
    return json_response(202, {"jobId": job.id, "submissionTimestamp": _tenths(job.created_ms)})


def _status(
    sample: Sample | None, job: Job | None, loaded: Loaded | None, strategy: str
) -> dict[str, JSON]:
    documents = _quoted(str(sample.documents if sample else 0))
    return {
        "numRowsToRead": str(sample.sampled if sample else 0),
        "sampleJobRunning": {
            "status": preview_samples.is_under_way(job),
            "submissionTimestamp": _tenths(job.created_ms) if job else "",
        },
        "sampleJobPercent": _percent(sample, job),
        "docCount": documents,
        "cosmosDocCount": documents,
        "totalFragmentCount": sample.fragments if sample else 0,
        "lastSuccessfulBatchTimestamp": _quoted(_tenths(loaded.at_ms) if loaded else "null"),
        "streamingDriven": _quoted("false"),
        "totalRows": str(sample.profiles if sample else 0),
        "lastBatchId": _quoted(loaded.id if loaded else "null"),
        "status": _ended(sample, job),
        "samplingRatio": _ratio(sample),
        "mergeStrategy": sample.strategy if sample else strategy,
        "lastSampledTimestamp": _tenths(sample.ended_ms) if sample else "",
    }


def _percent(sample: Sample | None, job: Job | None) -> int:
    """How far the job that is under way has come, else the last one."""
    if job is None or job.state is State.DONE:
        return 100 if sample else 0
    return job.progress.get("percent", 0) if job.progress else 0


def _ended(sample: Sample | None, job: Job | None) -> str:
    """How the job ended that ended last."""
    if job is not None and job.state is State.FAILED:
        return FAILED
    if sample is not None:
        return FINISHED
    return RUNNING if preview_samples.is_under_way(job) else NOT_STARTED


def _ratio(sample: Sample | None) -> float:
    if sample is None:
        return 0.0
    return share(sample.sampled, sample.profiles) if sample.profiles else 1.0


def _default_strategy(request: Request, rooms: Rooms) -> str:
    assert request.caller is not None
    policy = rooms.definitions.snapshot(request.caller.sandbox.id).default_policy
    return preview_samples.strategy_of(policy) if policy is not None else ""


def _day(text: str) -> str | None:
    """The day that is asked for as `YYYY-MM-DD`; zeros may be missing. Raises Malformed
    PRO-1002."""
    if not text:
        return None
    found = _DAY.fullmatch(text)
    if found is not None:
        try:
            return date(*map(int, found.groups())).isoformat()
        except ValueError:
            pass
    raise Malformed("PRO-1002", "date is a day like 2026-01-31", at="date")


def _quoted(text: str) -> str:
    """A text that has quotes of its own. Source: 8.1."""
    return f'"{text}"'


def _tenths(at_ms: int) -> str:
    """`YYYY-MM-DD HH:MM:SS.S`, truncated."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{at_ms % 1000 // 100}"


def _work(request: Request, rooms: Rooms) -> Engine:
    assert request.caller is not None
    return rooms.places.work(request.caller.sandbox.id)


_FRACTION: Schema = {"type": "number"}
_STATUS = record(
    numRowsToRead=TEXT,
    sampleJobRunning=record(status=TRUTH, submissionTimestamp=TEXT),
    sampleJobPercent=NUMBER,
    docCount=TEXT,
    cosmosDocCount=TEXT,
    totalFragmentCount=NUMBER,
    lastSuccessfulBatchTimestamp=TEXT,
    streamingDriven=TEXT,
    totalRows=TEXT,
    lastBatchId=TEXT,
    status=choice(FINISHED, FAILED, RUNNING, NOT_STARTED),
    samplingRatio=_FRACTION,
    mergeStrategy=TEXT,
    lastSampledTimestamp=TEXT,
)
_SHARES = {
    "sampleCount": NUMBER,
    "samplePercentage": _FRACTION,
    "fullIDsCount": NUMBER,
    "fullIDsPercentage": _FRACTION,
    "value": TEXT,
    "reportTimestamp": TEXT,
}
_UNSTITCHED = record(
    totalNumberOfProfiles=NUMBER, totalNumberOfEvents=NUMBER, unstitchedProfiles=DOCUMENT
)
_UNKNOWN = record(
    totalNumberOfProfiles=NUMBER, totalNumberOfEvents=NUMBER, unknownProfiles=DOCUMENT
)
_DATE = query(
    "date",
    "The day, `YYYY-MM-DD`, in UTC: the latest report of that day. Else the latest report.",
)

_REPORTS: tuple[tuple[str, str, Schema], ...] = (
    (DATASET, "Profiles by dataset.", array(record(**_SHARES, name=TEXT, createdUser=TEXT))),
    (
        NAMESPACE,
        "Profiles by namespace.",
        array(record(**_SHARES, code=TEXT, fullIDsFragmentCount=NUMBER)),
    ),
    (DATASET_OVERLAP, "Profiles by the datasets that they have together.", keyed(NUMBER)),
    (NAMESPACE_OVERLAP, "Profiles by the namespaces that they have together.", keyed(NUMBER)),
    (UNSTITCHED, "Profiles of one fragment, without a new event.", _UNSTITCHED),
    (preview_samples.UNKNOWN, "The older name of unstitchedProfiles.", _UNKNOWN),
    (DATASET_STATS, "Records of each dataset, and how old they are.", array(DOCUMENT)),
    (CHARACTER_COUNT, "Bytes of each dataset, by week.", array(DOCUMENT)),
)

ROUTES = (
    Route(
        *("GET", PATH, get_status),
        family="preview",
        needs="view-profiles:read",
        answers={200: Answer("The figures.", _STATUS)},
        fails="",
    ),
    *(
        Route(
            *("GET", f"{PATH}/report/{kind}", partial(get_report, kind=kind)),
            family="preview",
            needs="view-profiles:read",
            summary=summary,
            parameters=(_DATE,),
            answers={200: Answer("The report.", record(data=data, reportTimestamp=TEXT))},
            fails="PRO-1002 SMP-1001",
        )
        for kind, summary, data in _REPORTS
    ),
    Route(
        *("POST", REFRESH, post_refresh),
        family="preview",
        needs="manage-profiles:write",
        answers={202: Answer("It will be taken.", record(jobId=TEXT, submissionTimestamp=TEXT))},
        fails="PRO-1007",
    ),
)
