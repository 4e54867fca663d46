"""`/data/infrastructure/observability/insights/metrics`: time series, in the form of today and in
the old one. Source: platform contract, section 10.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import parse_qsl

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
    keyed,
    query,
    record,
)
from onefold.api.json_body import decoded
from onefold.api.route import Route
from onefold.domain.profile.event import timestamp_ms
from onefold.domain.sandbox import SandboxId
from onefold.errors import Malformed
from onefold.lookup.measurements import DATASET, INLET, LABELS, Point
from onefold.wire import JSON, iso_seconds

PATH = "/data/infrastructure/observability/insights/metrics"
METRICS_MAX = 20
FILTERS_MAX = 10
VALUES_MAX = 100
DAY_MS = 86_400_000
DAYS_MAX = {"HOUR": 31, "DAY": 400, "MONTH": 3660}
"""The longest range, by granularity."""
DAYS = 30
"""The range of the old form, when none is given."""

Granularity = Literal["HOUR", "DAY", "MONTH"]


class _Filter(msgspec.Struct, rename="camel"):
    name: str
    value: str = ""
    group_by: bool = False


class _Asked(msgspec.Struct):
    name: str
    filters: list[_Filter] = []
    aggregator: str = "sum"
    downsample: str = "sum"


class _Query(msgspec.Struct):
    start: str
    end: str
    metrics: list[_Asked]
    granularity: str = "DAY"


_decode_query = msgspec.json.Decoder(_Query).decode


def post_metrics(request: Request, rooms: Rooms) -> Response:
    """Time series of metrics, filtered, grouped and summed up by hour, day or month (UTC)."""
    assert request.caller is not None
    wanted = decoded(request.body, _decode_query, what="a query of metrics")
    granularity = _granularity(wanted.granularity)
    start_ms, end_ms = _range(wanted.start, wanted.end, granularity)
    if not 0 < len(wanted.metrics) <= METRICS_MAX:
        raise _bad(f"metrics has 1 to {METRICS_MAX} elements", "metrics")
    for asked in wanted.metrics:
        _check(asked)
    rooms.inlets.tallies.tell()
    sandbox = request.caller.sandbox.id
    return json_response(
        200,
        {
            "metricResponses": [
                {
                    "metric": asked.name,
                    "filters": [msgspec.to_builtins(one) for one in asked.filters],
                    "datapoints": _datapoints(
                        rooms.measurements.points(
                            sandbox, asked.name, start_ms=start_ms, end_ms=end_ms
                        ),
                        asked.filters,
                        granularity,
                    ),
                    "granularity": granularity,
                }
                for asked in wanted.metrics
            ]
        },
    )


def get_metrics(request: Request, rooms: Rooms) -> Response:
    """The old form: sums by day of the metrics named, of one dataset or inlet or of all."""
    assert request.caller is not None
    caller = request.caller
    pairs = parse_qsl(request.raw_query)
    names = list(dict.fromkeys(value for name, value in pairs if name == "metric"))
    given = dict(pairs)
    if not 0 < len(names) <= METRICS_MAX:
        raise _bad(f"metric is given 1 to {METRICS_MAX} times", "metric")
    start_ms, end_ms = _date_range(given.get("dateRange", ""), rooms.clock.now_ms())
    id_ = given.get("id", "")
    rooms.inlets.tallies.tell()
    by_day: dict[str, dict[str, JSON]] = {}
    for name in names:
        found = _old_points(rooms, caller.sandbox.id, name, id_, start_ms, end_ms)
        for day, value in _sums(found, "DAY").items():
            by_day.setdefault(day, {})[name] = value
    return json_response(
        200,
        {
            "id": id_,
            "imsOrgId": caller.org_id,
            "timeseries": {
                "granularity": "DAY",
                "items": [
                    {"timestamp": day, "metrics": metrics}
                    for day, metrics in sorted(by_day.items())
                ],
                "_page": None,
                "_links": None,
            },
            "stats": {},
        },
    )


def _old_points(
    rooms: Rooms, sandbox: SandboxId, name: str, id_: str, start_ms: int, end_ms: int
) -> list[Point]:
    label = next((one for one in _labels(name) if one in (DATASET, INLET)), "")
    if id_ and not label:
        raise _bad(f"{name} takes no id", "id")
    found = rooms.measurements.points(sandbox, name, start_ms=start_ms, end_ms=end_ms)
    return [point for point in found if not id_ or point.labels[label] == id_]


def _check(asked: _Asked) -> None:
    labels = _labels(asked.name)
    if asked.aggregator.lower() != "sum" or asked.downsample.lower() != "sum":
        raise _bad('aggregator and downsample are "sum"', "aggregator")
    if len(asked.filters) > FILTERS_MAX:
        raise _bad(f"At most {FILTERS_MAX} filters", "filters")
    for one in asked.filters:
        if one.name not in labels:
            takes = ", ".join(labels) or "nothing"
            raise _bad(f"{asked.name} is filtered by {takes}, not {one.name!r}", "filters")
        if one.value.count("|") >= VALUES_MAX:
            raise _bad(f"A filter has at most {VALUES_MAX} values", "filters")


def _labels(metric: str) -> Sequence[str]:
    if metric not in LABELS:
        raise _bad(f"No metric {metric!r}. There are: {', '.join(sorted(LABELS))}", "metrics")
    return LABELS[metric]


def _datapoints(
    points: Iterable[Point], filters: Sequence[_Filter], granularity: Granularity
) -> JSON:
    """A series for each combination of the values that are grouped by; one when none are."""
    wanted = [(one.name, frozenset(one.value.split("|"))) for one in filters if one.value]
    groups = list(dict.fromkeys(one.name for one in filters if one.group_by))
    found: dict[tuple[str, ...], list[Point]] = {} if groups else {(): []}
    for point in points:
        if all(point.labels[name] in values for name, values in wanted):
            found.setdefault(tuple([point.labels[name] for name in groups]), []).append(point)
    return [
        {"groupBy": dict(zip(groups, values, strict=True)), "dps": _sums(same, granularity)}
        for values, same in sorted(found.items())
    ]


def _sums(points: Iterable[Point], granularity: Granularity) -> dict[str, JSON]:
    """Sums by the beginning of the hour, day or month, in order of time."""
    found: dict[str, int] = {}
    for point in points:
        text = iso_seconds(point.at_ms)
        if granularity == "HOUR":
            text = f"{text[:13]}:00:00Z"
        elif granularity == "DAY":
            text = f"{text[:10]}T00:00:00Z"
        else:
            text = f"{text[:7]}-01T00:00:00Z"
        found[text] = found.get(text, 0) + point.value
    return dict(sorted(found.items()))


def _granularity(text: str) -> Granularity:
    match text.upper():
        case "HOUR" | "DAY" | "MONTH" as known:
            return known
    raise _bad("granularity is HOUR, DAY or MONTH", "granularity")


def _range(start: str, end: str, granularity: Granularity) -> tuple[int, int]:
    start_ms, end_ms = timestamp_ms(start), timestamp_ms(end)
    if start_ms is None or end_ms is None:
        raise _bad("start and end are date-times of ISO 8601 with a zone", "start")
    if start_ms >= end_ms:
        raise _bad("start is before end", "start")
    if end_ms - start_ms > DAYS_MAX[granularity] * DAY_MS:
        raise _bad(f"At most {DAYS_MAX[granularity]} days by {granularity}", "end")
    return start_ms, end_ms


def _date_range(text: str, now_ms: int) -> tuple[int, int]:
    if not text:
        return now_ms - DAYS * DAY_MS, now_ms + 1
    start, slash, end = text.partition("/")
    if not slash:
        raise _bad("dateRange is START/END", "dateRange")
    return _range(start, end, "DAY")


def _bad(detail: str, at: str) -> Malformed:
    return Malformed("CTL-1008", detail, at=at)


_NEEDS = "view-monitoring-dashboard:read"
_SERIES = record(
    metric=TEXT,
    filters=array(DOCUMENT),
    datapoints=array(record(groupBy=keyed(TEXT), dps=keyed(NUMBER))),
    granularity=choice(*DAYS_MAX),
)
_OLD = record(
    id=TEXT,
    imsOrgId=TEXT,
    timeseries=record(
        granularity=choice("DAY"), items=array(record(timestamp=TEXT, metrics=keyed(NUMBER)))
    ),
    stats=DOCUMENT,
)

ROUTES = (
    Route(
        "POST",
        PATH,
        post_metrics,
        family="sandboxes",
        needs=_NEEDS,
        takes=Body(
            "What is asked for, from the hour of `start` up to before `end`.",
            _Query,
            example={
                "start": "2026-01-01T00:00:00Z",
                "end": "2026-01-08T00:00:00Z",
                "granularity": "DAY",
                "metrics": [{"name": "timeseries.ingestion.dataset.recordsuccess.count"}],
            },
        ),
        answers={200: Answer("A series for each metric.", record(metricResponses=array(_SERIES)))},
        fails="CTL-1008",
    ),
    Route(
        "GET",
        PATH,
        get_metrics,
        family="sandboxes",
        needs=_NEEDS,
        parameters=(
            query("metric", f"1 to {METRICS_MAX} metrics.", array(TEXT), required=True),
            query("id", "A dataset's or an inlet's; all when absent."),
            query("dateRange", f"`START/END`; the last {DAYS} days when absent."),
        ),
        answers={200: Answer("Sums by day.", _OLD)},
        fails="CTL-1008",
    ),
)
