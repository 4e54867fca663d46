"""`POST /data/core/ups/access/entities`: many profiles, or the events of many people, in one call.

Source: profile contract, 3.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import DOCUMENT, Answer, Body, array, keyed
from onefold.api.problem import entities_body
from onefold.api.profile.entities import FAILS, business_envelope, envelope, events_json
from onefold.api.profile.query import (
    EVENT,
    PROFILE,
    asked,
    check_related_schema,
    check_truth,
    owner_asked,
    page_token,
    schema_name,
    sort_key,
    timeline_query,
)
from onefold.api.route import Route
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.business import NAMESPACES
from onefold.domain.profile.project import selector
from onefold.errors import Malformed, Rejected
from onefold.lookup.owner import Asked
from onefold.wire import JSON, decode_json

IDENTITIES_MAX = 1000


class _Name(msgspec.Struct):
    name: str = ""


class _Code(msgspec.Struct):
    code: str = ""


class _Identity(
    msgspec.Struct,
    rename={
        "entity_ns": "entityIdNS",
        "related_ns": "relatedEntityIdNS",
        "entity_id": "entityId",
        "related_id": "relatedEntityId",
    },
):
    entity_id: str | None = None
    entity_ns: _Code | None = None
    related_id: str | None = None
    related_ns: _Code | None = None
    start: str = ""
    offsets: str = ""

    def asked(self, *, of_events: bool) -> Asked:
        """Who is meant. Raises Malformed PRO-1001 when nobody is named."""
        entity_id, namespace = self.entity_id or "", _code_of(self.entity_ns)
        if not of_events:
            return asked(entity_id, namespace, at="identities")
        related_id, related_namespace = self.related_id or "", _code_of(self.related_ns)
        return owner_asked(entity_id, namespace, related_id, related_namespace, at="identities")


def _code_of(namespace: _Code | None) -> str:
    return namespace.code if namespace is not None else ""


class _TimeFilter(msgspec.Struct, rename="camel"):
    start_time: Any = None
    end_time: Any = None


class _Bulk(
    msgspec.Struct,
    rename={
        "related_schema": "relatedSchema",
        "time_filter": "timeFilter",
        "order_by": "orderBy",
        "policy_id": "mergePolicyId",
        "with_ca": "withCA",
    },
):
    schema: _Name | None = None
    related_schema: _Name | None = None
    identities: list[_Identity] | None = None
    fields: list[str] = []
    time_filter: _TimeFilter = msgspec.field(default_factory=_TimeFilter)
    limit: Any = None
    orderby: str = ""
    order_by: str = ""
    policy_id: str | None = None
    property: list[str] = []
    with_ca: Any = None


_decode = msgspec.json.Decoder(_Bulk).decode


def post_entities(request: Request, rooms: Rooms) -> Response:
    """One answer an identity, under its XID; 207 with a list when some of them fail."""
    bulk = _bulk(request.body)
    assert request.caller is not None
    sandbox = request.caller.sandbox.id
    name = _class_asked(bulk)
    of_events = name == EVENT
    if of_events:
        one = _events_of(bulk, request, rooms)
    elif name in NAMESPACES:
        one = _business_of(name, bulk, request, rooms)
    else:
        one = _entity_of(bulk, request, rooms)
    answers: dict[Xid, JSON] = {}
    failures: list[JSON] = []
    for identity in bulk.identities or ():
        name = identity.related_id or identity.entity_id or ""
        try:
            person = identity.asked(of_events=of_events)
            name = person.entity_id
            xid = rooms.profiles.xid(sandbox, person)
            name = xid
            answers[xid] = one(identity, person, xid)
        except Rejected as failure:
            if failure.code in _WHOLE_CALL:
                raise
            failures.append({"xid": name, "error": entities_body(failure)})
    if failures:
        return json_response(
            207, failures + [{"xid": xid, "result": answer} for xid, answer in answers.items()]
        )
    return json_response(200, answers)


_WHOLE_CALL = frozenset(("PRO-1005", "PRO-1007"))
"""Faults of the call, not of one identity."""

_One = Callable[[_Identity, Asked, Xid], JSON]


def _bulk(body: bytes) -> _Bulk:
    try:
        decode_json(body)  # the typed decoder passes over unread fields, broken or not
        bulk = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as bad:
        raise Malformed("API-1003", f"The body is not a bulk lookup: {_reason(bad)}") from bad
    if not bulk.identities:
        raise Malformed("PRO-1001", "identities is missing or empty", at="identities")
    if len(bulk.identities) > IDENTITIES_MAX:
        raise Malformed(
            "PRO-1002", f"At most {IDENTITIES_MAX} identities in one call", at="identities"
        )
    return bulk


def _reason(bad: Exception) -> str:
    """What is wrong, without repeating what was sent."""
    return str(bad) if isinstance(bad, msgspec.MsgspecError) else type(bad).__name__


def _class_asked(bulk: _Bulk) -> str:
    said = bulk.schema.name if bulk.schema else ""
    if not said:
        raise Malformed("PRO-1001", "schema.name is missing", at="schema.name")
    name = schema_name(said)
    if name == EVENT:
        check_related_schema(bulk.related_schema.name if bulk.related_schema else "")
    else:
        check_truth(bulk.with_ca, "withCA")
    return name


def _entity_of(bulk: _Bulk, request: Request, rooms: Rooms) -> _One:
    wanted = selector(bulk.fields)
    assert request.caller is not None
    sandbox = request.caller.sandbox.id

    def one(_: _Identity, person: Asked, xid: Xid) -> JSON:
        found = rooms.profiles.entity(sandbox, person, policy_id=bulk.policy_id, wanted=wanted)
        if found is None:
            return _placeholder(xid)
        return {"entityId": xid, **envelope(found, rooms.settings.region)}

    return one


def _placeholder(xid: Xid) -> JSON:
    """What stands for somebody unknown."""
    return {
        "entityId": xid,
        "sources": [""],
        "entity": {},
        "lastModifiedAt": "1970-01-01T00:00:00Z",
    }


def _business_of(name: str, bulk: _Bulk, request: Request, rooms: Rooms) -> _One:
    """Accounts and opportunities; of these the identity is repeated as it was asked for."""
    wanted = selector(bulk.fields)
    assert request.caller is not None
    sandbox = request.caller.sandbox.id

    def one(_: _Identity, asked: Asked, xid: Xid) -> JSON:
        found = rooms.profiles.business(
            sandbox, name, asked, policy_id=bulk.policy_id, wanted=wanted
        )
        if found is None:
            return _placeholder(xid)
        said: dict[str, JSON] = {"entityId": asked.entity_id}
        if asked.namespace:
            said["entityIdNS"] = {"code": asked.namespace}
        return {"requestedIdentity": said, **business_envelope(found)}

    return one


def _events_of(bulk: _Bulk, request: Request, rooms: Rooms) -> _One:
    assert request.caller is not None
    sandbox = request.caller.sandbox.id
    sent = decode_json(request.body)
    whole = timeline_query(
        start_time=bulk.time_filter.start_time,
        end_time=bulk.time_filter.end_time,
        limit=bulk.limit,
        order=bulk.orderby or bulk.order_by,
        properties=bulk.property,
        fields=bulk.fields,
        start="",
    )

    def one(identity: _Identity, person: Asked, xid: Xid) -> JSON:
        at = sort_key(identity.offsets) if identity.offsets else None
        query = msgspec.structs.replace(whole, start=identity.start or None, at=at)
        _, page = rooms.profiles.events(sandbox, person, query, policy_id=bulk.policy_id)
        if page.next is None:
            return events_json(page, query, {"href": ""})
        following = {
            "relatedEntityId": xid,
            "start": page.next[1],
            "offsets": page_token(page.next),
        }
        payload = sent | {"identities": [following]}
        return events_json(page, query, {"href": "/entities", "payload": payload})

    return one


ROUTES = (
    Route(
        "POST",
        "/data/core/ups/access/entities",
        post_entities,
        family="entities",
        needs="view-profiles:read",
        reads=True,
        takes=Body(
            f"At most {IDENTITIES_MAX} identities, and what to answer of each, as in the query of"
            " one.",
            _Bulk,
            example={
                "schema": {"name": PROFILE},
                "identities": [{"entityId": "kim@example.org", "entityIdNS": {"code": "Email"}}],
            },
        ),
        answers={
            200: Answer("Profiles or pages of events by XID.", keyed(DOCUMENT)),
            207: Answer("Some failed: a list of errors and results.", array(DOCUMENT)),
        },
        fails=FAILS,
    ),
)
