"""`/data/core/ups/access/entities`: lookup of one profile, of its events, and of many at once.

Source: profile contract, 3.
"""

from __future__ import annotations

from urllib.parse import quote, unquote_plus

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    DOCUMENT,
    FILLED,
    NUMBER,
    TEXT,
    TRUTH,
    Answer,
    array,
    choice,
    either,
    keyed,
    query,
    record,
    whole,
)
from onefold.api.profile.query import (
    EVENT,
    PROFILE,
    SERVED,
    Parameters,
    asked,
    check_related_schema,
    check_truth,
    owner_asked,
    page_token,
    schema_name,
    timeline_query,
)
from onefold.api.route import Route
from onefold.domain.profile.business import NAMESPACES, SOURCE
from onefold.domain.profile.project import selector
from onefold.errors import NotFound
from onefold.lookup.business import BusinessEntity
from onefold.lookup.entity import ProfileEntity
from onefold.lookup.timeline import LIMIT_MAX, Page, TimelineQuery
from onefold.wire import JSON, encode_json, iso_seconds

_PAGING = ("start", "offsets", "orderby")


def get_entity(request: Request, rooms: Rooms) -> Response:
    """One merged profile, or one page of a person's events."""
    parameters = Parameters(request.raw_query)
    name = schema_name(parameters.needed("schema.name"))
    if name == EVENT:
        return _events(request, rooms, parameters)
    if name in NAMESPACES:
        return _business(request, rooms, parameters, name)
    check_truth(parameters.get("withCA"), "withCA")
    assert request.caller is not None
    region = rooms.settings.region
    answer = rooms.profiles.answer(
        request.caller.sandbox.id,
        asked(parameters.get("entityId"), parameters.get("entityIdNS"), at="entityId"),
        lambda found: encode_json(envelope(found, region)),
        policy_id=parameters.get("mergePolicyId") or None,
        fields=parameters.get("fields"),
        generation=request.caller.generation,
    )
    if answer is None:
        raise NotFound("PRO-1004")
    xid, rest = answer[0].encode(), answer[1]  # an XID needs no escapes
    return Response(200, b'{"%b":{"entityId":"%b",%b}' % (xid, xid, rest[1:]))


def envelope(found: ProfileEntity, region: str) -> JSON:
    """One merged profile without the identity that was asked for. Source: profile contract, 3.2."""
    return {
        "mergePolicy": {"id": found.policy_id},
        "sources": found.sources,
        "tags": [f"{tag}:{region}" for tag in found.tags],
        "identityGraph": found.graph,
        "entity": found.attributes,
        "lastModifiedAt": iso_seconds(found.last_modified_ms),
    }


def business_envelope(found: BusinessEntity) -> dict[str, JSON]:
    """One merged account or opportunity. Source: profile contract, 3.9."""
    return {
        "entityId": found.xid,
        "sources": [SOURCE],
        "identityGraph": [found.xid],
        "entity": found.attributes,
    }


def events_json(page: Page, query: TimelineQuery, link: JSON) -> JSON:
    """The envelope of one page of events. Source: profile contract, 3.3."""
    return {
        "_page": {
            "orderby": "-timestamp" if query.descending else "timestamp",
            "start": page.items[0].event.event_id if page.items else "",
            "count": len(page.items),
            "next": page.next[1] if page.next else "",
        },
        "children": [
            {
                "relatedEntityId": item.event.xid,
                "entityId": item.event.event_id,
                "sourceId": item.event.dataset,
                "timestamp": item.event.timestamp_ms,
                "entity": item.entity,
                "lastModifiedAt": iso_seconds(item.event.ingested_ms),
            }
            for item in page.items
        ],
        "_links": {"next": link},
    }


def _is_short(request: Request) -> bool:
    """A profile is some reads by key; a page of events may be a thousand rows and more."""
    return "experienceevent" not in request.raw_query.lower()


def _business(request: Request, rooms: Rooms, parameters: Parameters, name: str) -> Response:
    check_truth(parameters.get("withCA"), "withCA")
    assert request.caller is not None
    found = rooms.profiles.business(
        request.caller.sandbox.id,
        name,
        asked(parameters.get("entityId"), parameters.get("entityIdNS"), at="entityId"),
        policy_id=parameters.get("mergePolicyId") or None,
        wanted=selector(parameters.fields),
        generation=request.caller.generation,
    )
    if found is None:
        raise NotFound("PRO-1004")
    return json_response(200, {found.xid: business_envelope(found)})


def _events(request: Request, rooms: Rooms, parameters: Parameters) -> Response:
    check_related_schema(parameters.get("relatedSchema.name"))
    query = timeline_query(
        start_time=parameters.get("startTime"),
        end_time=parameters.get("endTime"),
        limit=parameters.get("limit"),
        order=parameters.get("orderby"),
        properties=parameters.properties,
        fields=parameters.fields,
        start=parameters.get("start"),
        offsets=parameters.get("offsets"),
    )
    person = owner_asked(
        parameters.get("entityId"),
        parameters.get("entityIdNS"),
        parameters.get("relatedEntityId"),
        parameters.get("relatedEntityIdNS"),
        at="relatedEntityId",
    )
    assert request.caller is not None
    _, page = rooms.profiles.events(
        request.caller.sandbox.id,
        person,
        query,
        policy_id=parameters.get("mergePolicyId") or None,
        generation=request.caller.generation,
    )
    return json_response(200, events_json(page, query, {"href": _next_href(request, page, query)}))


def _next_href(request: Request, page: Page, query: TimelineQuery) -> str:
    """Relative to `/data/core/ups/access`; repeats the caller's own parameters as they were."""
    if page.next is None:
        return ""
    kept = [
        pair
        for pair in request.raw_query.split("&")
        if pair and unquote_plus(pair.partition("=")[0]).lower() not in _PAGING
    ]
    order = "-timestamp" if query.descending else "timestamp"
    own = [
        f"start={quote(page.next[1], safe='')}",
        f"orderby={order}",
        f"offsets={page_token(page.next)}",
    ]
    return "/entities?" + "&".join(own + kept)


PROFILES = keyed(record(entityId=TEXT, sources=array(TEXT), entity=DOCUMENT))
EVENTS = record(_page=DOCUMENT, children=array(DOCUMENT), _links=DOCUMENT)
FAILS = "PRO-1001 PRO-1002 PRO-1003 PRO-1005 PRO-1006 PRO-1007"
_CLASS = {**choice(*SERVED), "examples": [PROFILE]}
_EMAIL = {**FILLED, "examples": ["kim@example.org"]}
_CODE = {**TEXT, "examples": ["Email"]}

ROUTES = (
    Route(
        "GET",
        "/data/core/ups/access/entities",
        get_entity,
        family="entities",
        inline=_is_short,
        needs="view-profiles:read",
        reads=True,
        parameters=(
            query(
                "schema.name",
                "What is asked for: a profile, its events, an account or an opportunity.",
                _CLASS,
                required=True,
            ),
            query("entityId", "Any identity of the person.", _EMAIL),
            query("entityIdNS", "Code of its namespace; without it `entityId` is an XID.", _CODE),
            query("relatedSchema.name", "Of events: the profile's class.", choice(PROFILE)),
            query("relatedEntityId", "Of events: any identity of the person."),
            query("relatedEntityIdNS", "Code of its namespace; without it an XID."),
            query("fields", "Dot paths with commas between: only these."),
            query("mergePolicyId", "A merge policy instead of the default one."),
            query("withCA", "Of profiles: taken for older clients' sake.", TRUTH),
            query("startTime", "Of events: the first moment, epoch milliseconds.", NUMBER),
            query(
                "endTime",
                "Of events: before when, epoch milliseconds.",
                NUMBER,
            ),
            query("limit", "Of events: how many a page.", whole(1, default=LIMIT_MAX)),
            query("orderby", "Of events: their order.", choice("timestamp", "-timestamp")),
            query("property", "Of events: a filter as `PATH=VALUE`; three at most.", array(TEXT)),
            query("start", "Of events: where the page starts, as `_page.next` gave it."),
            query("offsets", "The same, as the link to the next page has it."),
        ),
        answers={200: Answer("The profile under its XID, or a page.", either(EVENTS, PROFILES))},
        fails=f"{FAILS} PRO-1004",
    ),
)
