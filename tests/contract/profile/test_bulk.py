"""Many people in one call: `POST /data/core/ups/access/entities`. Source: profile contract, 3.6 and
acceptance vector 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.identity.xid import encode
from onefold.testing.app import ENTITIES, App
from onefold.testing.clock import START_MS
from tests.contract.people import RECORD, TIMELINE, ecid, event, record

JSON = dict[str, Any]
ADA = (("ECID", ecid(1)), ("Email", "ada@example.com"))
BOB = (("ECID", ecid(2)), ("Email", "bob@example.com"))
ADA_XID, ADA_EMAIL_XID, BOB_XID = (
    encode(4, ecid(1)),
    encode(6, "ada@example.com"),
    encode(4, ecid(2)),
)
UNKNOWN_XID = encode(4, ecid(3))
PROFILES: JSON = {"schema": {"name": "_xdm.context.profile"}}
TIMELINES: JSON = {
    "schema": {"name": "_xdm.context.experienceevent"},
    "relatedSchema": {"name": "_xdm.context.profile"},
}
T0 = START_MS - 100_000


@pytest.fixture(scope="module")
def people(fresh: Callable[[], Path]) -> Iterator[App]:
    """Two people with a record and seven events each."""
    app = App(fresh())
    for person, gender in ((ADA, "female"), (BOB, "male")):
        app.ingest(REGISTRATIONS, record(*person, person={"gender": gender}))
        events = [event(f"{gender}-{n}", person[0], at_ms=T0 + n) for n in range(7)]
        app.ingest(EVENTS, *events)
    yield app
    app.close()


def _asked(entity_id: str, namespace: str | None = None) -> JSON:
    if namespace is None:
        return {"entityId": entity_id}
    return {"entityId": entity_id, "entityIdNS": {"code": namespace}}


def _get(app: App, xid: str) -> JSON:
    envelope: JSON = app.get(f"{RECORD}&entityId={xid}").json()[xid]
    return envelope


# Records


def test_each_identity_asked_for_has_its_own_member(people: App) -> None:
    identities = [
        _asked(ecid(1), "ecid"),
        _asked("ada@example.com", "EMAIL"),
        _asked(BOB_XID),
    ]
    answer = people.post(ENTITIES, PROFILES | {"identities": identities})
    assert answer.status_code == 200
    assert answer.json() == {xid: _get(people, xid) for xid in (ADA_XID, ADA_EMAIL_XID, BOB_XID)}


def test_one_identity_asked_for_twice_has_one_member(people: App) -> None:
    identities = [_asked(ADA_XID), _asked(ecid(1), "ecid")]
    answer = people.post(ENTITIES, PROFILES | {"identities": identities})
    assert list(answer.json()) == [ADA_XID]


def test_unknown_identity_has_a_placeholder(people: App) -> None:
    identities = [_asked(ecid(3), "ecid"), _asked(ADA_XID)]
    answer = people.post(ENTITIES, PROFILES | {"identities": identities})
    assert answer.status_code == 200
    assert answer.json()[UNKNOWN_XID] == {
        "entityId": UNKNOWN_XID,
        "sources": [""],
        "entity": {},
        "lastModifiedAt": "1970-01-01T00:00:00Z",
    }
    assert answer.json()[ADA_XID] == _get(people, ADA_XID)


def test_fields_are_a_list_of_the_same_paths(people: App) -> None:
    body = PROFILES | {"identities": [_asked(ADA_XID)], "fields": ["person.gender"]}
    entity = people.post(ENTITIES, body).json()[ADA_XID]["entity"]
    assert entity == {"person": {"gender": "female"}}


def test_fields_of_a_body_that_mean_nothing_here_are_ignored(people: App) -> None:
    body = PROFILES | {"identities": [_asked(ADA_XID)], "withCA": True, "foo": 1, "limit": 0}
    assert people.post(ENTITIES, body).status_code == 200


def test_identities_that_fail_are_listed_before_those_that_do_not(people: App) -> None:
    identities = [_asked(ADA_XID), _asked("no xid"), _asked("1", "shoesize"), _asked(UNKNOWN_XID)]
    answer = people.post(ENTITIES, PROFILES | {"identities": identities})
    assert answer.status_code == 207
    items = answer.json()
    assert [item["xid"] for item in items] == ["no xid", "1", ADA_XID, UNKNOWN_XID]
    for item in items[:2]:
        assert item.keys() == {"xid", "error"}
        assert item["error"].keys() == {"message", "cause", "statusCode"}
        assert item["error"]["statusCode"] == "400"
    assert items[2]["result"] == _get(people, ADA_XID)
    assert items[3]["result"]["sources"] == [""]


# Events


def _payloads(app: App, body: JSON) -> tuple[dict[str, list[str]], int]:
    """Every event id by identity, page by page, and the number of calls that took."""
    seen: dict[str, list[str]] = {}
    waiting = [body]
    calls = 0
    while waiting:
        answer = app.post(ENTITIES, waiting.pop())
        assert answer.status_code == 200, answer.text
        calls += 1
        for xid, part in answer.json().items():
            seen.setdefault(xid, []).extend(child["entityId"] for child in part["children"])
            link = part["_links"]["next"]
            if link["href"]:
                assert link["href"] == "/entities"
                waiting.append(link["payload"])
            else:
                assert link == {"href": ""}
    return seen, calls


@pytest.mark.parametrize("order", ["timestamp", "-timestamp"])
@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_each_person_pages_on_its_own(people: App, order: str, limit: int) -> None:
    identities = [{"relatedEntityId": ecid(1), "relatedEntityIdNS": {"code": "ecid"}}]
    identities += [{"relatedEntityId": BOB_XID}]
    body = TIMELINES | {"identities": identities, "limit": limit, "orderby": order}
    seen, calls = _payloads(people, body)
    step = 1 if order == "timestamp" else -1
    assert seen == {
        ADA_XID: [f"female-{n}" for n in range(7)][::step],
        BOB_XID: [f"male-{n}" for n in range(7)][::step],
    }
    assert calls == 1 + 2 * (-(-7 // limit) - 1)


def test_payload_repeats_every_option_that_the_caller_gave(people: App) -> None:
    policy = people.rooms.definitions.snapshot(people.sandbox.id).default_policy
    assert policy is not None
    options = {
        "mergePolicyId": policy.id,
        "fields": ["_id"],
        "timeFilter": {"startTime": T0 + 1, "endTime": T0 + 6},
        "property": ["eventType!=x"],
        "limit": 2,
        "orderby": "-timestamp",
        "withCA": False,
    }
    body = TIMELINES | options | {"identities": [{"relatedEntityId": ADA_XID}]}
    part = people.post(ENTITIES, body).json()[ADA_XID]
    payload = part["_links"]["next"]["payload"]
    (following,) = payload["identities"]
    assert {name: payload[name] for name in (*TIMELINES, *options)} == TIMELINES | options
    assert (following["relatedEntityId"], following["start"]) == (ADA_XID, part["_page"]["next"])
    seen, _ = _payloads(people, body)
    assert seen[ADA_XID] == [f"female-{n}" for n in (5, 4, 3, 2, 1)]


def test_timeline_of_a_bulk_call_is_that_of_a_single_one(people: App) -> None:
    body = TIMELINES | {"identities": [{"relatedEntityId": ADA_XID}, _asked(ecid(2), "ecid")]}
    answer = people.post(ENTITIES, body).json()
    for xid in (ADA_XID, BOB_XID):
        assert answer[xid] == people.get(f"{TIMELINE}&relatedEntityId={xid}").json()


def test_unknown_identity_has_an_empty_timeline(people: App) -> None:
    body = TIMELINES | {"identities": [{"relatedEntityId": UNKNOWN_XID}]}
    part = people.post(ENTITIES, body).json()[UNKNOWN_XID]
    assert (part["_page"]["count"], part["children"]) == (0, [])
    assert part["_links"]["next"] == {"href": ""}


def test_limit_and_times_may_be_texts(people: App) -> None:
    body = TIMELINES | {
        "identities": [{"relatedEntityId": ADA_XID}],
        "limit": "2",
        "timeFilter": {"startTime": str(T0 + 3)},
        "orderBy": "timestamp",
    }
    children = people.post(ENTITIES, body).json()[ADA_XID]["children"]
    assert [child["entityId"] for child in children] == ["female-3", "female-4"]


def test_of_events_the_related_id_counts_and_of_records_the_other(people: App) -> None:
    both = {
        "entityId": ecid(1),
        "entityIdNS": {"code": "ecid"},
        "relatedEntityId": BOB_XID,
    }
    assert list(people.post(ENTITIES, TIMELINES | {"identities": [both]}).json()) == [BOB_XID]
    assert list(people.post(ENTITIES, PROFILES | {"identities": [both]}).json()) == [ADA_XID]


def test_page_of_a_bulk_call_that_begins_nowhere_fails_alone(people: App) -> None:
    lost = {"relatedEntityId": ADA_XID, "start": "no event"}
    answer = people.post(ENTITIES, TIMELINES | {"identities": [lost, {"relatedEntityId": BOB_XID}]})
    assert answer.status_code == 207
    failed, found = answer.json()
    assert (failed["xid"], failed["error"]["statusCode"]) == (ADA_XID, "400")
    assert (found["xid"], found["result"]["_page"]["count"]) == (BOB_XID, 7)


def test_start_of_an_identity_is_the_id_of_its_first_event(people: App) -> None:
    body = TIMELINES | {"identities": [{"relatedEntityId": ADA_XID, "start": "female-5"}]}
    children = people.post(ENTITIES, body).json()[ADA_XID]["children"]
    assert [child["entityId"] for child in children] == ["female-5", "female-6"]


def test_identity_without_an_id_fails_alone(people: App) -> None:
    answer = people.post(ENTITIES, PROFILES | {"identities": [{"relatedEntityId": ADA_XID}, {}]})
    assert answer.status_code == 207
    assert [one["error"]["cause"][:8] for one in answer.json()] == ["PRO-1001"] * 2


@pytest.mark.parametrize("value", [True, False, None, "true", "FALSE"])
def test_computed_attributes_may_be_asked_for(people: App, value: Any) -> None:
    body = PROFILES | {"identities": [_asked(ADA_XID)], "withCA": value}
    assert people.post(ENTITIES, body).status_code == 200


# What is refused


def _many(count: int) -> list[JSON]:
    return [_asked(ecid(number), "ecid") for number in range(count)]


def test_thousand_identities_are_allowed(people: App) -> None:
    answer = people.post(ENTITIES, PROFILES | {"identities": _many(1000)})
    assert answer.status_code == 200
    assert len(answer.json()) == 1000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (PROFILES | {"identities": _many(1001)}, "1000 identities"),
        (PROFILES | {"identities": []}, "identities is missing"),
        (PROFILES, "identities is missing"),
        ({"identities": [_asked(ADA_XID)]}, "schema.name"),
        ({"schema": {}, "identities": [_asked(ADA_XID)]}, "schema.name"),
        ({"schema": {"name": "shop"}, "identities": [_asked(ADA_XID)]}, "schema.name"),
        (PROFILES | {"identities": {}}, "bulk lookup"),
        (PROFILES | {"identities": [1]}, "bulk lookup"),
        (PROFILES | {"identities": [{"entityId": 1}]}, "bulk lookup"),
        (PROFILES | {"identities": [{"entityId": "1", "entityIdNS": "ecid"}]}, "bulk lookup"),
        ({"schema": "x"}, "bulk lookup"),
        (PROFILES | {"identities": _many(1), "fields": "a,b"}, "bulk lookup"),
        (PROFILES | {"identities": _many(1), "withCA": "yes"}, "withCA"),
        (PROFILES | {"identities": _many(1), "withCA": 1}, "withCA"),
        (
            TIMELINES | {"identities": _many(1), "relatedSchema": {"name": "shop"}},
            "relatedSchema.name",
        ),
        ([], "bulk lookup"),
        ("text", "bulk lookup"),
        (None, "bulk lookup"),
    ],
)
def test_body_of_a_wrong_form_is_a_400(people: App, body: Any, message: str) -> None:
    answer = people.post(ENTITIES, body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"message", "cause", "statusCode"}
    assert answer.json()["statusCode"] == "400"
    assert message in answer.json()["message"]


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"limit": "x"},
        {"limit": True},
        {"limit": 1.5},
        {"limit": []},
        {"orderby": "x"},
        {"timeFilter": {"startTime": "x"}},
        {"timeFilter": {"endTime": {}}},
        {"property": ["a=b"] * 4},
        {"property": ["a"]},
    ],
)
def test_option_with_a_wrong_value_is_a_400_of_the_whole_call(people: App, options: JSON) -> None:
    answer = people.post(
        ENTITIES, TIMELINES | {"identities": [{"relatedEntityId": ADA_XID}]} | options
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["statusCode"] == "400"


def test_unknown_merge_policy_is_a_404_of_the_whole_call(people: App) -> None:
    body = PROFILES | {"identities": [_asked(ADA_XID), _asked("x")], "mergePolicyId": "nothing"}
    answer = people.post(ENTITIES, body)
    assert (answer.status_code, answer.json()) == (404, {"statusCode": "404"})


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_body_without_a_usable_content_type_is_a_400(people: App, content_type: str) -> None:
    headers = people.headers(content_type=content_type)
    answer = people.request("POST", ENTITIES, content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert answer.json() == {
        "type": "/placeholder/type/uri",
        "status": 400,
        "title": "BadRequestError",
        "detail": "A valid content-type must be specified",
    }
