"""`/track/{client}/{account}/{brand}/v1/profiles`: all customers of an account, page by page.

The first request opens a scroll and answers its first page; then the scroll id of each answer leads
to the next one, until there is no more data. Source: Intilery contract, 9.
"""

from __future__ import annotations

import msgspec

from onefold.api.context import Holder, Request, Response, Rooms, json_response
from onefold.api.cursor import dead
from onefold.api.declared import DOCUMENT, TEXT, Answer, array, choice, query, record, whole
from onefold.api.dialect import ANSWERED, TENANT
from onefold.api.intilery.asked import Query
from onefold.api.route import Route
from onefold.store.tables.scrolls import Place
from onefold.wire import JSON

SIZE_MAX = 100
"""Customers of a page, at most and by default. Source: Intilery contract, 9.3."""


class At(msgspec.Struct, frozen=True, array_like=True):
    """Where a reader of a scroll is."""

    scroll: str
    size: int
    known: bool
    rank: int | None = None
    id: str = ""

    @property
    def place(self) -> Place | None:
        """The place that the page comes behind."""
        return Place(self.rank, self.id) if self.rank is not None else None


def get_profiles(request: Request, rooms: Rooms) -> Response:
    """All customers of the account, the most recently active first: the first page, or the one
    behind a scroll id."""
    holder = request.held()
    asked = Query(request.raw_query)
    cursor = asked.text("scrollId", any_case=True)
    bound = _bound(holder)
    if cursor is None:
        at = _opened(rooms, holder, asked)
    else:  # how long ago the cursor was made says nothing: each use of the scroll keeps it open
        at = _read(rooms.cursors.read(cursor, bound, idle_ms=None))
    page = rooms.scrolls.page(
        holder.sandbox.id,
        at.scroll,
        holder.key.key_id,
        after=at.place,
        size=at.size,
        known=at.known,
        generation=holder.generation,
    )
    if page is None:
        raise dead()
    if page.last is not None:
        at = msgspec.structs.replace(at, rank=page.last.rank, id=page.last.id)
    following = rooms.cursors.made(msgspec.to_builtins(at), bound)
    return json_response(200, {"scrollId": following, "data": page.customers})


def _opened(rooms: Rooms, holder: Holder, asked: Query) -> At:
    size = asked.whole("size", "limit", default=SIZE_MAX, least=1, most=SIZE_MAX)
    known = asked.flag("known")
    scroll = rooms.scrolls.opened(
        holder.sandbox.id, holder.key.key_id, generation=holder.generation
    )
    return At(scroll, size, known)


def _bound(holder: Holder) -> list[str]:
    return ["customers", holder.sandbox.id, holder.key.key_id]


def _read(state: JSON) -> At:
    try:
        return msgspec.convert(state, At)
    except msgspec.ValidationError as bad:  # of another version
        raise dead() from bad


ROUTES = (
    Route(
        *("GET", "/track/{client}/{account}/{brand}/v1/profiles", get_profiles),
        gate="key-read",
        family="intilery",
        reads=True,
        parameters=(
            *TENANT,
            query("scrollId", "Of the page before, in any case; nothing else counts then."),
            query("size", "Customers of a page.", whole(1, SIZE_MAX, SIZE_MAX)),
            query("limit", "The same as `size`, which wins.", whole(1, SIZE_MAX)),
            query(
                "known",
                "`true`: without those who have no userId and no e-mail address.",
                choice("true", "false"),
            ),
        ),
        answers={
            200: Answer(
                "Traits of customers, and where to go on; without data at the end.",
                record(scrollId=TEXT, data=array(DOCUMENT)),
                headers=ANSWERED,
            )
        },
        fails="ASK-1001 ASK-1003",
    ),
)
