"""`/onefold/v1/failed-records`: failed records as an inbox. An extension of Onefold's own.

List and look, mend the schema, replay. A replay is accepted like any record: 202 says that it is on
disk, and a moment later the failed record says what became of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal
from urllib.parse import parse_qsl

import msgspec

from onefold.api import paging
from onefold.api.context import Caller, Request, Response, Rooms, json_response
from onefold.api.declared import Answer, Body, array, choice, query, record, whole
from onefold.api.json_body import decoded
from onefold.api.position import WRITTEN, written
from onefold.api.problem import Context as ErrorContext
from onefold.api.problem import detail_of, status_of
from onefold.api.route import Route
from onefold.domain.failed_record import FailedRecord, State
from onefold.domain.profile.event import timestamp_ms
from onefold.domain.sandbox import SandboxId
from onefold.errors import CODES, Malformed, NotFound, Rejected
from onefold.inlet.inbox import REPLAYS_MAX
from onefold.store.snapshot import Snapshot
from onefold.store.tables.failed_records import Filter, Tally
from onefold.wire import JSON, decode_json, iso_millis

PATH = "/onefold/v1/failed-records"
PAGE = 100
PAGE_MAX = 1_000
CODES_MAX = 50
NUMBER_MAX = (1 << 53) - 1
"""Of a record; numbers of JSON go no further everywhere."""

_TIMES = ("receivedAfter", "receivedBefore", "failedAfter", "failedBefore")
_PLAIN = ("dataset", "inlet", "batch")
_OF_LIST = frozenset(("code", "state", "limit", "start", "order", *_PLAIN, *_TIMES))


class _Replay(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """What a bulk replay takes: numbers, or filters. Unknown members are refused, since a filter
    that is passed over would replay what was not meant."""

    numbers: list[int] | None = None
    code: str | list[str] = []
    dataset: str = ""
    inlet: str = ""
    batch: str = ""
    received_after: str | int | None = None
    received_before: str | int | None = None
    failed_after: str | int | None = None
    failed_before: str | int | None = None
    state: Literal["open"] = "open"
    limit: int = REPLAYS_MAX
    start: str = ""


_decode_replay = msgspec.json.Decoder(_Replay).decode


def list_failed(request: Request, rooms: Rooms) -> Response:
    """A page of failed records, without their messages."""
    caller = _caller(request)
    given = _parameters(request.raw_query)
    limit = paging.whole(_one(given, "limit"), "limit", PAGE, least=1, most=PAGE_MAX)
    order = _one(given, "order") or "newest"
    if order not in ("newest", "oldest"):
        raise Malformed("CTL-1008", "order is newest or oldest", at="order")
    page = rooms.inbox.listed(
        caller.sandbox.id,
        _filter(given),
        start=_start(_one(given, "start")),
        limit=limit + 1,
        newest_first=order == "newest",
    )
    following = str(page[limit - 1].seq) if len(page) > limit else None
    page = page[:limit]
    snapshot = rooms.definitions.snapshot(caller.sandbox.id)
    return json_response(
        200,
        {
            "failedRecords": [said(one, snapshot) for one in page],
            "_page": {"limit": limit, "count": len(page), "next": following},
        },
    )


def get_summary(request: Request, rooms: Rooms) -> Response:
    """How many there are by dataset, code and state."""
    caller = _caller(request)
    if request.raw_query:
        raise Malformed("CTL-1008", "The summary takes no parameters")
    snapshot = rooms.definitions.snapshot(caller.sandbox.id)
    return json_response(200, summed(rooms.inbox.tallies(caller.sandbox.id), snapshot))


def get_failed(request: Request, rooms: Rooms) -> Response:
    """One failed record with its message."""
    caller = _caller(request)
    found = rooms.inbox.got(caller.sandbox.id, _number(request))
    return json_response(200, whole_record(found, rooms.definitions.snapshot(caller.sandbox.id)))


def post_replay(request: Request, rooms: Rooms) -> Response:
    """Have one failed record accepted once more."""
    sandbox = _caller(request).sandbox.id
    ((number, result),) = rooms.inbox.replay(sandbox, [_number(request)])
    if isinstance(result, Rejected):
        raise result
    return json_response(202, {"number": number, "xactionId": result}, _written(sandbox, rooms))


def post_replays(request: Request, rooms: Rooms) -> Response:
    """Have the failed records that are named, or those that match, accepted once more."""
    sandbox = _caller(request).sandbox.id
    asked = decoded(request.body, _decode_replay, what="a replay")
    if asked.numbers is not None:
        if asked != _Replay(numbers=asked.numbers):
            raise Malformed("CTL-1008", "Send numbers or filters, not both", at="numbers")
        if not all(0 < number <= NUMBER_MAX for number in asked.numbers):
            raise Malformed("CTL-1008", "numbers are those of failed records", at="numbers")
        if not 1 <= len(asked.numbers) <= REPLAYS_MAX:
            raise Malformed("CTL-1008", f"1 to {REPLAYS_MAX} numbers", at="numbers")
        results = list(rooms.inbox.replay(sandbox, asked.numbers))
        return _accepted(
            [(number, trace) for number, trace in results if isinstance(trace, str)],
            [(number, error) for number, error in results if isinstance(error, Rejected)],
            headers=_written(sandbox, rooms),
        )
    if not 1 <= asked.limit <= REPLAYS_MAX:
        raise Malformed("CTL-1008", f"limit is from 1 to {REPLAYS_MAX}", at="limit")
    codes = [asked.code] if isinstance(asked.code, str) else asked.code
    fields = msgspec.to_builtins(asked)
    given = {name: [str(fields[name])] for name in _PLAIN if fields[name]}
    given |= {name: [str(fields[name])] for name in _TIMES if fields[name] is not None}
    which = _filter(given | {"code": codes})
    done = rooms.inbox.replay_matching(
        sandbox, which, after=_start(asked.start) or 0, limit=asked.limit
    )
    following = str(done.last) if done.remaining else None
    return _accepted(
        done.accepted,
        [],
        remaining=done.remaining,
        following=following,
        headers=_written(sandbox, rooms),
    )


def post_dismiss(request: Request, rooms: Rooms) -> Response:
    """Have the message of one failed record taken out for good."""
    number, sandbox = _number(request), _caller(request).sandbox.id
    trace = rooms.inbox.dismiss(sandbox, number)
    return json_response(202, {"number": number, "xactionId": trace}, _written(sandbox, rooms))


def said(record: FailedRecord, snapshot: Snapshot) -> dict[str, JSON]:
    """A failed record without its message, as JSON."""
    dataset = snapshot.datasets.get(record.dataset)
    code = CODES.get(record.fault.code)
    repeat = record.repeat
    return {
        "number": record.seq,
        "kind": "removal" if record.removal else "record",
        "state": record.state.value,
        "step": record.fault.step,
        "code": record.fault.code,
        "meaning": code.meaning if code else "",
        "remedy": code.remedy if code else "",
        "at": record.fault.at,
        "detail": record.fault.detail,
        "datasetId": record.dataset,
        "datasetName": dataset.name if dataset else None,
        "inletId": record.inlet or None,
        "batchId": record.batch or None,
        "xactionId": record.trace,
        "receivedAt": iso_millis(record.received_ms),
        "failedAt": iso_millis(record.failed_ms),
        "replays": record.replays or None,
        "replay": repeat
        and {"number": repeat.seq, "at": iso_millis(repeat.at_ms), "outcome": repeat.outcome},
    }


def whole_record(record: FailedRecord, snapshot: Snapshot) -> dict[str, JSON]:
    """A failed record with all violations and its message: JSON where it is JSON, else a text; null
    when it was taken out, and of removals, which name rows of the store."""
    return {
        **said(record, snapshot),
        "errors": decode_json(record.fault.errors),
        "message": None if record.removal else _message(record.message),
    }


def summed(tallies: Iterable[Tally], snapshot: Snapshot) -> dict[str, JSON]:
    """The tallies as JSON, with their sum by state."""
    rows = list(tallies)
    total = Counter({state.value: 0 for state in State})
    for row in rows:
        total[row.state.value] += row.records
    return {
        "total": dict(total),
        "counts": [
            {
                "datasetId": row.dataset,
                "datasetName": name.name if (name := snapshot.datasets.get(row.dataset)) else None,
                "code": row.code,
                "state": row.state.value,
                "count": row.records,
                "firstFailedAt": iso_millis(row.first_ms),
                "lastFailedAt": iso_millis(row.last_ms),
            }
            for row in rows
        ],
    }


def moment_ms(text: str, name: str) -> int:
    """A time of a filter: epoch milliseconds, or a date-time. Raises Malformed CTL-1008."""
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text)
    at_ms = timestamp_ms(text.replace(" ", "+"))  # a raw `+` in a query string decodes to a space
    if at_ms is None:
        raise Malformed(
            "CTL-1008", f"{name} is a date-time like 2026-01-31T08:00:00Z or epoch ms", at=name
        )
    return at_ms


def _accepted(
    accepted: Iterable[tuple[int, str]],
    refused: Iterable[tuple[int, Rejected]],
    *,
    remaining: int = 0,
    following: str | None = None,
    headers: tuple[tuple[str, str], ...],
) -> Response:
    replayed: list[JSON] = [{"number": number, "xactionId": trace} for number, trace in accepted]
    said_no: list[JSON] = [
        {
            "number": number,
            "status": status_of(error),
            "code": error.code,
            "detail": detail_of(error, ErrorContext("")),
        }
        for number, error in refused
    ]
    return json_response(
        202,
        {
            "replayed": replayed,
            "refused": said_no,
            "_page": {"count": len(replayed), "remaining": remaining, "next": following},
        },
        headers if replayed else (),
    )


def _written(sandbox: SandboxId, rooms: Rooms) -> tuple[tuple[str, str], ...]:
    return (written(rooms.inlets.reached(sandbox)),)


def _parameters(raw_query: str) -> dict[str, list[str]]:
    """The values of each parameter. Raises Malformed CTL-1008 for one that is not known."""
    try:
        pairs = parse_qsl(raw_query, keep_blank_values=True, max_num_fields=CODES_MAX + 20)
    except ValueError as bad:
        raise Malformed("CTL-1008", "Too many parameters") from bad
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in _OF_LIST:
            raise Malformed("CTL-1008", f"No parameter is called {name}", at=name)
        found.setdefault(name, []).append(value)
    return found


def _one(given: Mapping[str, list[str]], name: str) -> str:
    values = given.get(name, [""])
    if len(values) > 1:
        raise Malformed("CTL-1008", f"{name} stands once", at=name)
    return values[0]


def _filter(given: Mapping[str, list[str]]) -> Filter:
    codes = tuple(sorted({code for code in given.get("code", ()) if code}))
    if len(codes) > CODES_MAX:
        raise Malformed("CTL-1008", f"At most {CODES_MAX} codes", at="code")
    state = _one(given, "state")
    if state and state not in tuple(State):
        raise Malformed("CTL-1008", f"state is one of {', '.join(State)}", at="state")
    times = {name: _one(given, name) for name in _TIMES}
    received_after, received_before, failed_after, failed_before = (
        moment_ms(text, name) if text else None for name, text in times.items()
    )
    return Filter(
        codes=codes,
        dataset=_one(given, "dataset"),
        inlet=_one(given, "inlet"),
        batch=_one(given, "batch"),
        state=State(state) if state else None,
        received_after_ms=received_after,
        received_before_ms=received_before,
        failed_after_ms=failed_after,
        failed_before_ms=failed_before,
    )


def _start(text: str) -> int | None:
    return paging.whole(text, "start", 0, least=0, most=NUMBER_MAX) if text else None


def _number(request: Request) -> int:
    text = request.path_parameters["number"]
    if text.isascii() and text.isdigit() and len(text) <= 16 and 0 < int(text) <= NUMBER_MAX:
        return int(text)
    raise NotFound("FLR-1001")


def _message(message: bytes) -> JSON:
    if not message:
        return None
    try:
        decode_json(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return message.decode("utf-8", "replace")
    return msgspec.Raw(message)  # as it was sent, to the digit


def _caller(request: Request) -> Caller:
    assert request.caller is not None
    return request.caller


_READ, _WRITE = "view-datasets:read", "manage-datasets:write"
_ONE = Answer(
    "Accepted; the failed record tells a moment later what became of it.", headers=WRITTEN
)
_FILTERS = (
    query("code", "Error code; may be repeated.", array({"type": "string"})),
    query("dataset", "Id of a dataset."),
    query("inlet", "Id of an inlet."),
    query("batch", "Id of a batch."),
    query("state", "Whether somebody has seen to it.", choice(*State)),
    *(query(name, "Date-time or epoch ms; After: at or after, Before: before.") for name in _TIMES),
    query("order", "By number.", choice("newest", "oldest")),
    query("limit", "Records on a page.", whole(1, PAGE_MAX, PAGE)),
    query("start", "`_page.next` of the page before."),
)

ROUTES = (
    Route(
        *("GET", PATH, list_failed),
        family="catalog",
        needs=_READ,
        parameters=_FILTERS,
        answers={200: Answer("A page.", record(failedRecords=array(), _page={"type": "object"}))},
        fails="CTL-1008",
    ),
    Route(
        *("GET", PATH + "/summary", get_summary),
        family="catalog",
        needs=_READ,
        answers={200: Answer("Counts.", record(total={"type": "object"}, counts=array()))},
        fails="CTL-1008",
    ),
    Route(
        *("POST", PATH + "/replay", post_replays),
        family="catalog",
        needs=_WRITE,
        takes=Body("Numbers, or filters; an empty object means all that are open.", _Replay),
        answers={202: Answer("Which were accepted, and which were not.", headers=WRITTEN)},
        fails="API-1003 CTL-1008 INL-1017",
    ),
    Route(
        *("GET", PATH + "/{number}", get_failed),
        family="catalog",
        needs=_READ,
        answers={200: Answer("The record.")},
        fails="FLR-1001",
    ),
    Route(
        *("POST", PATH + "/{number}/replay", post_replay),
        family="catalog",
        needs=_WRITE,
        answers={202: _ONE},
        fails="FLR-1001 FLR-1002 FLR-1003 INL-1017",
    ),
    Route(
        *("POST", PATH + "/{number}/dismiss", post_dismiss),
        family="catalog",
        needs=_WRITE,
        answers={202: _ONE},
        fails="FLR-1001 FLR-1002 FLR-1003 INL-1017",
    ),
)
