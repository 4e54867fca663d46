"""`/onefold/v1/explain`: why a profile says what it says, and why two identities are, or are not,
one person. An extension of Onefold's own.
"""

from __future__ import annotations

from onefold.api import paging
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import (
    ANY,
    DOCUMENT,
    FILLED,
    TEXT,
    TRUTH,
    Answer,
    array,
    query,
    record,
    whole,
)
from onefold.api.onefold.asking import (
    NUMBER_MAX,
    caller_of,
    code_of,
    dataset_json,
    identity_asked,
    identity_json,
    parameters,
    snapshot_of,
)
from onefold.api.route import Route
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.explain import Leaf, Rule
from onefold.domain.profile.project import Selector, reaches, selector
from onefold.errors import Malformed, NotFound
from onefold.lookup.connection import Connection, Evidence, Step
from onefold.lookup.explanation import Explanation, Source, source_of
from onefold.lookup.owner import Asked
from onefold.store.snapshot import Snapshot
from onefold.wire import JSON, iso_millis

PATH = "/onefold/v1/explain"
PAGE = 200
PAGE_MAX = 1_000
LOSERS_MAX = 20
"""Of one leaf; more are counted."""

_OF_LINK = ("from", "fromNS", "to", "toNS")
_OF_PROFILE = ("entityId", "entityIdNS", "mergePolicyId", "fields", "limit", "start")


def get_profile(request: Request, rooms: Rooms) -> Response:
    """Why a merged profile says what it says, leaf by leaf."""
    given = parameters(request.raw_query, _OF_PROFILE)
    limit = paging.whole(given.get("limit", ""), "limit", PAGE, least=1, most=PAGE_MAX)
    start = paging.whole(given.get("start", ""), "start", 0, least=0, most=NUMBER_MAX)
    entity_id, namespace = given.get("entityId", ""), given.get("entityIdNS", "")
    if not entity_id:
        raise Malformed("PRO-1001", "The parameter entityId is missing", at="entityId")
    wanted = selector(given["fields"].split(",")) if given.get("fields") else None
    found = rooms.profiles.explanation(
        caller_of(request).sandbox.id,
        Asked(entity_id, namespace or None),
        policy_id=given.get("mergePolicyId") or None,
        wanted=wanted,
        generation=caller_of(request).generation,
    )
    if found is None:
        raise NotFound("PRO-1004")
    snapshot = snapshot_of(request, rooms)
    requested = {"entityId": entity_id, "entityIdNS": namespace or None}
    return json_response(
        200,
        {
            "requested": {**requested, "xid": found.person.xid},
            **profile_json(found, snapshot, wanted, start=start, limit=limit),
        },
    )


def get_link(request: Request, rooms: Rooms) -> Response:
    """Why two identities are one person, or why they are not."""
    given = parameters(request.raw_query, _OF_LINK)
    snapshot = snapshot_of(request, rooms)
    one, other = (
        identity_asked(snapshot, given.get(name, ""), given.get(f"{name}NS", ""), at=name)[0]
        for name in ("from", "to")
    )
    found = rooms.graphs.connection(caller_of(request).sandbox.id, snapshot.rules, one, other)
    return json_response(200, link_json(found, snapshot, one, other))


def link_json(found: Connection, snapshot: Snapshot, one: Xid, other: Xid) -> dict[str, JSON]:
    """A connection as JSON."""
    return {
        "from": identity_json(snapshot, one),
        "to": identity_json(snapshot, other),
        "onePerson": found.rule is None,
        "rule": found.rule,
        "unknown": [identity_json(snapshot, xid) for xid in found.unknown],
        "links": [_step(step, snapshot) for step in found.steps],
    }


def profile_json(
    found: Explanation,
    snapshot: Snapshot,
    wanted: Selector | None = None,
    *,
    start: int = 0,
    limit: int = PAGE_MAX,
) -> dict[str, JSON]:
    """An explanation as JSON: `limit` of its leaves, after the first `start` of them."""
    policy = found.policy
    leaves: list[Leaf | dict[str, JSON]] = [*_of_graph(found, snapshot, wanted), *found.leaves]
    page = [
        leaf if isinstance(leaf, dict) else _leaf(leaf, found, snapshot)
        for leaf in leaves[start : start + limit]
    ]
    following = str(start + limit) if len(leaves) > start + limit else None
    return {
        "mergePolicy": {
            "id": policy.id,
            "name": policy.name,
            "attributeMerge": policy.attribute_merge,
            "identityGraph": policy.identity_graph,
            "order": [dataset_json(snapshot, dataset) for dataset in policy.order],
        },
        "identities": [
            {**identity_json(snapshot, one.xid), "firstSeenAt": iso_millis(one.first_seen_ms)}
            for one in found.person.members
        ],
        "leaves": page,
        "excluded": [
            {**_source(source_of(one), snapshot), "rule": "datasetNotInPolicy"}
            for one in found.excluded
        ],
        "_page": {"limit": limit, "count": len(page), "total": len(leaves), "next": following},
    }


def _source(source: Source, snapshot: Snapshot) -> dict[str, JSON]:
    """The record behind a value: of which dataset and identity, its number, and its times."""
    answer = {
        **dataset_json(snapshot, source.dataset),
        "identity": identity_json(snapshot, source.xid),
        "recordNumber": source.number,
        "xactionId": source.tag,
        "ingestedAt": iso_millis(source.ingested_ms),
        "effectiveAt": iso_millis(source.effective_ms),
    }
    if source.event_id is not None:
        answer["eventId"] = source.event_id
    return answer


def _leaf(leaf: Leaf, found: Explanation, snapshot: Snapshot) -> dict[str, JSON]:
    said = {} if leaf.is_object else {"value": leaf.value}
    return {
        "path": ".".join(leaf.path),
        "kind": "object" if leaf.is_object else "leaf",
        **said,
        "rule": leaf.rule.value,
        "winner": _source(found.source(leaf.winner, leaf.path), snapshot),
        "losers": [
            {
                **_source(found.source(lost.fragment, leaf.path), snapshot),
                "value": lost.value,
                "rule": lost.rule.value,
                "how": lost.how.value,
                "agrees": lost.agrees,
            }
            for lost in leaf.lost[:LOSERS_MAX]
        ],
        "lost": len(leaf.lost),
    }


def _step(step: Step, snapshot: Snapshot) -> dict[str, JSON]:
    return {
        "from": identity_json(snapshot, step.a),
        "to": identity_json(snapshot, step.b),
        "linked": step.rule is None,
        "rule": step.rule,
        "because": [identity_json(snapshot, xid) for xid in step.because],
        "records": step.records,
        "firstAt": iso_millis(step.first_ms) if step.records else None,
        "lastAt": iso_millis(step.last_ms) if step.records else None,
        "evidence": [_evidence(one, snapshot) for one in step.evidence],
    }


def _evidence(one: Evidence, snapshot: Snapshot) -> dict[str, JSON]:
    seen = one.seen
    kind = "graphOnly" if seen.graph_only else "event" if one.event_id else "profileRecord"
    return {
        "kind": kind,
        "recordNumber": seen.seq,
        "eventId": one.event_id,
        "current": one.is_current,
        **dataset_json(snapshot, seen.source),
        "identity": identity_json(snapshot, seen.owner),
        "at": iso_millis(seen.at_ms),
        "receivedAt": iso_millis(seen.received_ms),
    }


def _of_graph(
    found: Explanation, snapshot: Snapshot, wanted: Selector | None
) -> list[dict[str, JSON]]:
    """The leaves of `identityMap`, a namespace each: no record won them."""
    codes: dict[str, list[JSON]] = {}
    for member in found.person.members:
        code = code_of(snapshot, member.namespace_id).lower()
        codes.setdefault(code, []).append({"id": member.value})
    return [
        {
            "path": f"identityMap.{code}",
            "kind": "leaf",
            "value": items,
            "rule": Rule.FROM_GRAPH.value,
            "winner": None,
            "losers": [],
            "lost": 0,
        }
        for code, items in codes.items()
        if reaches(wanted, ("identityMap", code))
    ]


_NEED = "view-profiles:read"
_EMAIL = {**FILLED, "examples": ["kim@example.org"]}
_CODE = {**TEXT, "examples": ["Email"]}
_PHONE = {**FILLED, "examples": ["+46701740650"]}
_OTHER_CODE = {**TEXT, "examples": ["Phone"]}
_PAGED = (
    query("limit", "Leaves on a page.", whole(1, PAGE_MAX, PAGE)),
    query("start", "`_page.next` of the page before."),
)

ROUTES = (
    Route(
        *("GET", f"{PATH}/profile", get_profile),
        family="catalog",
        needs=_NEED,
        reads=True,
        parameters=(
            query("entityId", "Any identity of the person.", _EMAIL, required=True),
            query("entityIdNS", "Code of its namespace; without it `entityId` is an XID.", _CODE),
            query("mergePolicyId", "A merge policy instead of the default one."),
            query("fields", "Dot paths with commas between: only these."),
            *_PAGED,
        ),
        answers={
            200: Answer(
                "The leaves, each with who won and who lost.",
                record(requested=DOCUMENT, mergePolicy=DOCUMENT, leaves=array(DOCUMENT)),
            )
        },
        fails="CTL-1008 PRO-1001 PRO-1002 PRO-1003 PRO-1004 PRO-1005 PRO-1006 PRO-1007 XID-1001",
    ),
    Route(
        *("GET", f"{PATH}/link", get_link),
        family="catalog",
        needs=_NEED,
        reads=True,
        parameters=(
            query("from", "An identity.", _EMAIL, required=True),
            query("fromNS", "Code of its namespace; without it `from` is an XID.", _CODE),
            query("to", "Another one.", _PHONE, required=True),
            query("toNS", "Code of its namespace; without it `to` is an XID.", _OTHER_CODE),
        ),
        answers={
            200: Answer(
                "The chain between them, or what keeps them apart.",
                record(onePerson=TRUTH, rule=ANY, links=array(DOCUMENT)),
            )
        },
        fails="CTL-1008 PRO-1001 PRO-1002 PRO-1003 XID-1001",
    ),
)
