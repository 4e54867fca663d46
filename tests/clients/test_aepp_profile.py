"""Profiles, timelines and merge policies as aepp asks for them. Source: profile contract, 15."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.sending import send
from tests.clients.walk import Walk, until
from tests.crash.serving import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(aepp|pandas|matplotlib|dateutil).*"),
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]

EMAIL, ECID = "kim+1@example.org", "12507560687324495704459439363261812234"
XID = "A28iM3aJBJRbEQpOnUh5HOM9"
PROFILE, EVENT = "_xdm.context.profile", "_xdm.context.experienceevent"
VISITS = 7


@pytest.fixture
def profiles(server: Server) -> Any:
    """aepp's object, pointed at a server that has one person with a record and some events."""
    walk = Walk(server)
    named = {"ECID": [{"id": ECID, "primary": True}], "Email": [{"id": EMAIL}]}
    person = {"identityMap": named, "person": {"name": {"firstName": "Kim"}, "gender": "female"}}
    send(server, "Customer registrations", person)
    for number in range(VISITS):
        stamp = f"2026-01-0{number + 1}T10:00:00Z"
        kind = "view" if number % 2 else "click"
        visit = {"_id": f"v{number}", "timestamp": stamp, "eventType": kind, "identityMap": named}
        send(server, "Customer events", visit)
    until(lambda: len(walk.profiles.getEntityEvents(EMAIL, "email")) == VISITS)
    return walk.profiles


def test_getEntity_of_a_record(profiles: Any) -> None:
    (found,) = profiles.getEntity(entityId=EMAIL, entityIdNS="email").values()
    assert found["entity"]["person"]["name"] == {"firstName": "Kim"}
    answer = profiles.getEntity(PROFILE, ECID, "ECID", fields="person.gender")
    assert answer[XID]["entity"] == {"person": {"gender": "female"}}
    policy = profiles.getMergePolicies()[0]["id"]
    answer = profiles.getEntity(entityId=XID, mergePolicyId=policy)
    assert answer[XID]["mergePolicy"] == {"id": policy}
    assert profiles.getEntity(entityId="nobody", entityIdNS="email")["statusCode"] == "404"


def test_getEntity_and_getEntityEvents_of_a_timeline_page_to_its_end(profiles: Any) -> None:
    ids = [f"v{number}" for number in range(VISITS)]
    for events in (
        profiles.getEntity(EVENT, EMAIL, "email", limit=2),
        profiles.getEntityEvents(EMAIL, "email", limit=3),
        profiles.getEntityEvents(XID),
        profiles.getEntityEvents("nobody", "email", relatedEntityId=XID, relatedEntityIdNS=None),
    ):
        assert [event["entityId"] for event in events] == ids
    assert len(profiles.getEntityEvents(EMAIL, "email", limit=2, n_events=3)) == 4
    second = profiles.getEntityEvents(EMAIL, "email")[1]["timestamp"]
    inside = profiles.getEntityEvents(EMAIL, "email", startTime=second, endTime=second + 1)
    assert [event["entityId"] for event in inside] == ["v1"]


def test_getEntities_of_records_and_of_timelines(profiles: Any) -> None:
    identities = [
        {"entityId": ECID, "entityIdNS": {"code": "ECID"}},
        {"entityId": "nobody", "entityIdNS": {"code": "Email"}},
    ]
    asked = {
        "schema": {"name": PROFILE},
        "relatedSchema": {"name": PROFILE},
        "fields": ["person.name.firstName"],
        "identities": identities,
        "timeFilter": {"startTime": 1539838505, "endTime": 1539838510},
        "limit": 10,
        "orderby": "-timestamp",
        "withCA": True,
    }
    found = profiles.getEntities(asked)
    assert found[XID]["entity"] == {"person": {"name": {"firstName": "Kim"}}}
    assert [one["sources"] for one in found.values()][1] == [""]
    del asked["timeFilter"]
    page = profiles.getEntities(asked | {"schema": {"name": EVENT}, "limit": 5})[XID]
    assert [event["entityId"] for event in page["children"]] == ["v6", "v5", "v4", "v3", "v2"]
    rest = profiles.getEntities(page["_links"]["next"]["payload"])[XID]
    assert [event["entityId"] for event in rest["children"]] == ["v1", "v0"]
    assert rest["_links"]["next"] == {"href": ""}


def test_merge_policies_of_several_pages(profiles: Any) -> None:
    policy = {
        "name": "Ranked",
        "imsOrgId": "ignored@AdobeOrg",
        "schema": {"name": PROFILE},
        "version": 1,
        "default": False,
        "identityGraph": {"type": "none"},
        "attributeMerge": {"type": "timestampOrdered", "order": ["string"]},
        "updateEpoch": 0,
    }
    made = [profiles.createMergePolicy(policy | {"name": name})["id"] for name in "ab"]
    listed = profiles.getMergePolicies(limit=1)
    assert [one["name"] for one in listed] == ["Default Timebased", "a", "b"]
    assert profiles.getMergePolicyActiveOnEdge()["name"] == "Default Timebased"
    assert profiles.getMergePolicy(made[0])["identityGraph"] == {"type": "none"}
    assert profiles.updateMergePolicy(made[0], policy | {"name": "c"})["version"] == 2
    patch = [{"op": "add", "path": "/isActiveOnEdge", "value": "true"}]
    assert profiles.patchMergePolicy(made[1], patch)["isActiveOnEdge"] is True
    assert profiles.getMergePolicyActiveOnEdge()["name"] == "b"
    assert profiles.deleteMergePolicy(made[0]) == 200
    assert profiles.getMergePolicy(made[0])["statusCode"] == "404"


def test_deleted_person_is_gone(profiles: Any) -> None:
    assert profiles.deleteEntity(PROFILE, EMAIL, "email") == 202
    until(lambda: profiles.getEntity(entityId=EMAIL, entityIdNS="email").get("statusCode") == "404")
    assert profiles.getEntityEvents(XID) == []
