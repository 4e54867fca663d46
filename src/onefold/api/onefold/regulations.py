"""`/onefold/v1/regulations`: what people demand about themselves, by the user ids of an account. An
extension of Onefold's own.

An order is accepted like a record: 202 says that it is on disk, and a read that names its position
answers accordingly. Who it was about is never told, only a keyed hash in its place. Source:
Intilery contract, 16.3.
"""

from __future__ import annotations

import msgspec

from onefold.api import paging
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
from onefold.api.onefold.asking import caller_of, parameters
from onefold.api.position import WRITTEN, written
from onefold.api.privacy.jobs import ROOT as PRIVACY_JOBS
from onefold.api.route import Route
from onefold.domain.regulation import DELETING, Kind, Regulation, State, Told
from onefold.errors import Malformed
from onefold.store.tables.regulations import NEWEST
from onefold.wire import JSON, iso_millis

PATH = "/onefold/v1/regulations"
PAGE, PAGE_MAX = 20, 100
PEOPLE, PEOPLE_MAX = 100, 1_000


class _Regulation(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    kind: str
    user_ids: list[str]


_decode = msgspec.json.Decoder(_Regulation).decode


def post_regulation(request: Request, rooms: Rooms) -> Response:
    """Suppress, delete, let in again, track no more, or tell what is held of people."""
    asked = decoded(request.body, _decode, what="a regulation")
    if asked.kind not in Kind.__members__:
        raise Malformed("CTL-1008", f"kind is one of {', '.join(Kind)}", at="kind")
    caller = caller_of(request)
    made = rooms.regulations.create(
        caller.sandbox, Kind(asked.kind), asked.user_ids, client_id=caller.client_id
    )
    return json_response(202, accepted(made), (written(made.position),))


def list_regulations(request: Request, rooms: Rooms) -> Response:
    """A page of the regulations, the newest first."""
    given = parameters(request.raw_query, ("limit", "start"))
    limit = paging.whole(given.get("limit", ""), "limit", PAGE, least=1, most=PAGE_MAX)
    before = paging.whole(given.get("start", ""), "start", NEWEST, least=1, most=10**15)
    page = rooms.regulations.listed(caller_of(request).sandbox.id, before=before, limit=limit)
    following = None if page.following is None else str(page.following)
    return json_response(
        200,
        {
            "regulations": [said(one, counts) for one, counts in page.regulations],
            "_page": {"limit": limit, "count": len(page.regulations), "next": following},
        },
    )


def get_regulation(request: Request, rooms: Rooms) -> Response:
    """One regulation, and how far it has come for each of its people."""
    given = parameters(request.raw_query, ("limit", "start"))
    limit = paging.whole(given.get("limit", ""), "limit", PEOPLE, least=1, most=PEOPLE_MAX)
    start = paging.whole(given.get("start", ""), "start", 0, least=0, most=10**15)
    found, counts, people = rooms.regulations.got(
        caller_of(request).sandbox.id, request.path_parameters["id"], after=start - 1, limit=limit
    )
    behind = start + len(people)
    return json_response(
        200,
        {
            **said(found, counts),
            "people": [told(found, one, rooms.settings.base_url) for one in people],
            "_page": {
                "limit": limit,
                "count": len(people),
                "next": str(behind) if people and behind < found.users else None,
            },
        },
    )


def accepted(made: Regulation) -> dict[str, JSON]:
    """A regulation as it is answered to who asked for it."""
    return {"id": made.id, "kind": made.kind, "users": made.users, "position": made.position}


def said(one: Regulation, counts: dict[State, int]) -> dict[str, JSON]:
    """A regulation as JSON. counts: how many people it has come how far for."""
    if counts[State.ERROR]:
        state = State.ERROR
    elif one.is_open or counts[State.PROCESSING]:
        state = State.PROCESSING
    else:
        state = State.COMPLETED
    return {
        "id": one.id,
        "kind": one.kind,
        "state": state,
        "users": one.users,
        "counts": {str(name): number for name, number in counts.items()},
        "position": one.position if one.position >= 0 else None,
        "submittedBy": one.client_id or None,
        "createdAt": iso_millis(one.created_ms),
        "updatedAt": iso_millis(one.updated_ms),
    }


def told(of: Regulation, one: Told, base_url: str) -> dict[str, JSON]:
    """One person of a regulation as JSON: what it is for them, never who they are."""
    answer: dict[str, JSON] = {"place": one.place, "key": one.key, "state": one.state}
    if of.kind in DELETING:
        answer["deletion"] = one.work
    elif of.kind is Kind.ACCESS:
        answer["job"] = one.work
        if one.state is State.COMPLETED:
            answer["downloadUrl"] = f"{base_url}{PRIVACY_JOBS}/{one.work}/content"
    return answer


_READ, _WRITE = "view-privacy:read", "manage-privacy:write"
_SHOWN = {
    "id": TEXT,
    "kind": choice(*Kind),
    "state": choice(*State),
    "users": NUMBER,
    "counts": record(**{str(state): NUMBER for state in State}),
    "createdAt": TEXT,
    "updatedAt": TEXT,
}

ROUTES = (
    Route(
        *("POST", PATH, post_regulation),
        family="catalog",
        needs=_WRITE,
        takes=Body(
            "What is demanded, and the user ids, 5,000 at most.",
            _Regulation,
            example={"kind": "SUPPRESS_WITH_DELETE", "userIds": ["u-1"]},
        ),
        answers={
            202: Answer(
                "Accepted; it is in force for reads that know of its position.",
                record(id=TEXT, kind=choice(*Kind), users=NUMBER, position=NUMBER),
                headers=WRITTEN,
            )
        },
        fails="API-1003 CTL-1008 INL-1017 RGL-1001 RGL-1002",
    ),
    Route(
        *("GET", PATH, list_regulations),
        family="catalog",
        needs=_READ,
        parameters=(
            query("limit", "How many a page.", whole(1, PAGE_MAX, PAGE)),
            query("start", "`_page.next` of the page before."),
        ),
        answers={
            200: Answer("A page.", record(regulations=array(record(**_SHOWN)), _page=DOCUMENT))
        },
        fails="CTL-1008",
    ),
    Route(
        *("GET", PATH + "/{id}", get_regulation),
        family="catalog",
        needs=_READ,
        parameters=(
            query("limit", "How many people a page.", whole(1, PEOPLE_MAX, PEOPLE)),
            query("start", "`_page.next` of the page before."),
        ),
        answers={
            200: Answer("The regulation.", record(**_SHOWN, people=array(DOCUMENT), _page=DOCUMENT))
        },
        fails="CTL-1007 CTL-1008",
    ),
)
