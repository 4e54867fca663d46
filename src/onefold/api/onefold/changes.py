"""`/onefold/v1/changes`: what happened to people, as a stream or page by page. An extension of
Onefold's own.

A change says that a profile answers something else now, not what: whoever follows reads the profile
anew. Its number is where to go on, so whoever comes back misses none and gets none twice.
"""

from __future__ import annotations

import re

from onefold.api import paging
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    NUMBER,
    TEXT,
    TRUTH,
    Answer,
    array,
    choice,
    header,
    query,
    record,
    whole,
)
from onefold.api.onefold.asking import caller_of, parameters
from onefold.api.route import Route
from onefold.api.streams import Streams
from onefold.domain.graph.regrouping import Kind
from onefold.domain.sandbox import SandboxId
from onefold.errors import Conflict, Malformed
from onefold.lookup.changes import Log
from onefold.store.tables.changes import Change
from onefold.wire import JSON, encode_json, iso_millis

PATH = "/onefold/v1/changes"
EVENT_STREAM = "text/event-stream"
PAGE = 100
PAGE_MAX = 1_000
STREAM_PAGE = 200
"""Changes that a stream sends at a time."""

RETRY_MS = 1_000
"""How long a reader that lost its stream should wait."""

_CURSOR = re.compile(r"([0-9]{1,15})(?:\.([0-9a-f]{8}))?")


def get_changes(request: Request, rooms: Rooms) -> Response:
    """What happened to people, in order: a page of it, or all that comes as a stream of events."""
    sandbox = caller_of(request).sandbox.id
    given = parameters(request.raw_query, ("after", "kinds", "limit"))
    kinds = _kinds(given.get("kinds", ""))
    limit = paging.whole(given.get("limit", ""), "limit", PAGE, least=1, most=PAGE_MAX)
    log = rooms.changes.log(sandbox)
    after = _after(request.headers.get("last-event-id") or given.get("after", ""), sandbox)
    if not _is_stream(request):
        page = log.page(log.newest() if after is None else after, limit=limit, kinds=kinds)
        return json_response(
            200,
            {
                "changes": [said(change) for change in page.changes],
                "_page": {
                    "limit": limit,
                    "count": len(page.changes),
                    "next": _cursor(page.upto, sandbox),
                    "more": page.upto < page.newest,
                },
            },
        )
    rooms.streams.enter()
    stream = ChangeStream(
        sandbox, log, log.newest() if after is None else after, kinds, rooms.streams
    )
    unbuffered = (("cache-control", "no-store"), ("x-accel-buffering", "no"))
    return Response(200, headers=unbuffered, media_type=EVENT_STREAM, stream=stream)


class ChangeStream:
    """The changes of one sandbox behind a number, as server-sent events."""

    def __init__(
        self, sandbox: SandboxId, log: Log, after: int, kinds: frozenset[Kind], streams: Streams
    ) -> None:
        """streams: where it has taken a place, which it gives back when it is closed."""
        self.sandbox = sandbox
        self._log = log
        self._upto = self._told = after
        self._kinds = kinds
        self._streams = streams

    def begin(self) -> bytes:
        """How long to wait before coming back, and where to go on then."""
        return b"retry: %d\n%b\n" % (RETRY_MS, self._id(self._upto))

    def more(self) -> bytes:
        """The next changes. When the log has lost some of them: that all has to be read anew, and
        from where on changes follow."""
        try:
            page = self._log.page(self._upto, limit=STREAM_PAGE, kinds=self._kinds)
        except Conflict:
            self._upto = self._told = self._log.newest()
            data = encode_json({"number": self._upto})
            return b"event: reset\n%bdata: %b\n\n" % (self._id(self._upto), data)
        self._upto = page.upto
        if not page.changes:
            return b""
        self._told = page.changes[-1].number
        return b"".join(
            b"event: %b\n%bdata: %b\n\n"
            % (
                change.kind.value.encode(),
                self._id(change.number),
                encode_json({**said(change), "position": page.position}),
            )
            for change in page.changes
        )

    def heartbeat(self) -> bytes:
        """A comment; and where to go on, when changes of other kinds were passed over meanwhile."""
        if self._told == self._upto:
            return b":\n\n"
        self._told = self._upto
        return b":\n%b\n" % self._id(self._upto)

    def close(self) -> None:
        self._streams.leave()

    def _id(self, number: int) -> bytes:
        return f"id: {_cursor(number, self.sandbox)}\n".encode()


def said(change: Change) -> dict[str, JSON]:
    """A change as JSON."""
    return {
        "number": change.number,
        "kind": change.kind.value,
        "time": iso_millis(change.at_ms),
        "record": change.seq,
        "cluster": change.cluster,
        "others": list(change.others),
    }


def _is_stream(request: Request) -> bool:
    return EVENT_STREAM in request.headers.get("accept", "").lower()


def _kinds(text: str) -> frozenset[Kind]:
    asked = frozenset(filter(None, text.split(",")))
    if not asked <= frozenset(Kind):
        raise Malformed("CTL-1008", f"kinds are some of {', '.join(Kind)}", at="kinds")
    return frozenset(map(Kind, asked)) or frozenset(Kind)


def _cursor(number: int, sandbox: SandboxId) -> str:
    """A number, and which store it is of: after a reset, numbers begin anew."""
    return f"{number}.{_mark(sandbox)}"


def _mark(sandbox: SandboxId) -> str:
    return sandbox.replace("-", "")[:8]


def _after(text: str, sandbox: SandboxId) -> int | None:
    """The number behind which to begin; None for the newest; -1, which no log has, for a cursor of
    another store. Raises Malformed CTL-1008."""
    if not text:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise Malformed("CTL-1008", "after is an id of a change, or its number", at="after")
    number, mark = found.groups()
    return int(number) if mark in (None, _mark(sandbox)) else -1


_CHANGE = record(
    number=NUMBER, kind=choice(*Kind), time=TEXT, record=NUMBER, cluster=TEXT, others=array(TEXT)
)
_PAGE = record(limit=NUMBER, count=NUMBER, next=TEXT, more=TRUTH)

ROUTES = (
    Route(
        *("GET", PATH, get_changes),
        family="catalog",
        inline=_is_stream,
        needs="view-profiles:read",
        reads=True,
        parameters=(
            query("after", "An event's id, or `_page.next`: what came behind it. Else from now."),
            query("kinds", f"Some of {', '.join(Kind)}, with commas between; else all."),
            query("limit", "Of pages: the most changes of one.", whole(1, PAGE_MAX, PAGE)),
            header("last-event-id", "Instead of `after`, and before it."),
        ),
        answers={
            200: Answer(
                "A page; or a stream of events, for whoever accepts `text/event-stream`.",
                record(changes=array(_CHANGE), _page=_PAGE),
                streams=EVENT_STREAM,
            )
        },
        fails="CHG-1001 CHG-1002 CTL-1008",
    ),
)
