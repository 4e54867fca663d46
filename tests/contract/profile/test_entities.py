"""One merged profile: `GET /data/core/ups/access/entities` for records. Source: profile contract,
3.1, 3.2, 3.4, 3.8 and acceptance vectors 9 to 14.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.domain.identity.xid import encode
from onefold.store.tables import merge_policies as policies
from onefold.store.tables.generation import change
from onefold.store.tables.identities import Member, add
from onefold.testing.app import ENTITIES, App
from onefold.testing.clock import START_MS
from tests.contract.people import (
    RECORD,
    TIMELINE,
    ecid,
    event,
    further_policy,
    record,
    second_sandbox,
)

EMAIL = "ada+1@example.com"
PHONE = "+3247000001"
ADA = (("ECID", ecid(1)), ("Email", EMAIL), ("Phone", PHONE))
XIDS = (encode(4, ecid(1)), encode(6, EMAIL), encode(7, PHONE))


def _ingest_ada(app: App) -> App:
    """A person with three identities, one record and one event."""
    app.ingest(
        REGISTRATIONS,
        record(
            *ADA,
            person={"name": {"firstName": "Ada", "lastName": ""}, "gender": "female"},
            organizations=["one", "two"],
            testProfile=False,
            _acme={"individualCharacteristics": {}, "loyaltyDetails": {"points": 0}},
        ),
    )
    app.ingest(EVENTS, event("e-1", ADA[0]))
    return app


@pytest.fixture(scope="module")
def ada(shared: App) -> App:
    """That person, for tests that only read."""
    return _ingest_ada(shared)


@pytest.fixture
def own_ada(app: App) -> App:
    """That person, for tests that change something."""
    return _ingest_ada(app)


# Which identity is asked for


@pytest.mark.parametrize(
    ("query", "xid"),
    [
        (f"entityId={ecid(1)}&entityIdNS=ECID", XIDS[0]),
        (f"entityId={ecid(1)}&entityIdNS=ecid", XIDS[0]),
        (f"entityId={ecid(1)}&entityIdNS=Ecid", XIDS[0]),
        (f"entityId={ecid(1)}&entityIdNs=ecid", XIDS[0]),
        (f"ENTITYID={ecid(1)}&entityidns=ecid", XIDS[0]),
        ("entityId=ada%2B1%40example.com&entityIdNS=email", XIDS[1]),
        ("entityId=ada%2B1@example.com&entityIdNS=EMAIL", XIDS[1]),
        ("entityId=%2B3247000001&entityIdNS=phone", XIDS[2]),
        (f"entityId={XIDS[0]}", XIDS[0]),
        (f"entityId={XIDS[1]}&entityIdNS=", XIDS[1]),
        (f"entityId=nobody&entityIdNS=ecid&entityId={ecid(1)}", XIDS[0]),
    ],
)
def test_person_is_found_by_every_identity_and_answered_under_the_one_asked_for(
    ada: App, query: str, xid: str
) -> None:
    answer = ada.get(f"{RECORD}&{query}")
    assert answer.status_code == 200
    envelope = answer.json()[xid]
    assert list(answer.json()) == [xid]
    assert envelope["entityId"] == xid
    assert envelope["entity"]["person"]["name"]["firstName"] == "Ada"
    assert sorted(envelope["identityGraph"]) == sorted(XIDS)


@pytest.mark.parametrize("name", ["_XDM.CONTEXT.PROFILE", "_xdm.context.Profile"])
def test_schema_name_is_compared_without_regard_to_case(ada: App, name: str) -> None:
    answer = ada.get(f"{ENTITIES}?SCHEMA.NAME={name}&entityId={ecid(1)}&entityIdNS=ecid")
    assert answer.status_code == 200


def test_with_a_namespace_an_xid_is_a_plain_id(ada: App) -> None:
    assert ada.get(f"{RECORD}&entityId={XIDS[0]}&entityIdNS=email").status_code == 404


def test_raw_plus_in_an_id_is_a_space(ada: App) -> None:
    assert ada.get(f"{RECORD}&entityId=ada+1@example.com&entityIdNS=email").status_code == 404


def test_one_slash_at_the_end_is_tolerated(ada: App) -> None:
    url = f"{RECORD}&entityId={XIDS[0]}"
    assert ada.get(url.replace("?", "/?", 1)).json() == ada.get(url).json()


def test_head_answers_as_get_without_a_body(ada: App) -> None:
    url = f"{RECORD}&entityId={XIDS[0]}"
    head = ada.request("HEAD", url, headers=ada.headers())
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(ada.get(url).content))


def test_sandbox_is_prod_when_the_header_is_absent(ada: App) -> None:
    assert ada.get(f"{RECORD}&entityId={XIDS[0]}", x_sandbox_name=None).status_code == 200


# What is answered


def test_envelope_has_exactly_the_documented_fields(ada: App) -> None:
    envelope = ada.get(f"{RECORD}&entityId={XIDS[0]}").json()[XIDS[0]]
    assert envelope.keys() == {
        "entityId",
        "mergePolicy",
        "sources",
        "tags",
        "identityGraph",
        "entity",
        "lastModifiedAt",
    }
    assert envelope["sources"] == [ada.datasets[REGISTRATIONS].id]
    assert envelope["lastModifiedAt"] == "2026-01-01T00:00:00Z"
    assert len(envelope["tags"]) == 1


def test_entity_keeps_empty_objects_empty_strings_and_falsy_values(ada: App) -> None:
    entity = ada.get(f"{RECORD}&entityId={XIDS[0]}").json()[XIDS[0]]["entity"]
    assert entity == {
        "person": {"name": {"firstName": "Ada", "lastName": ""}, "gender": "female"},
        "organizations": ["one", "two"],
        "testProfile": False,
        "_acme": {"individualCharacteristics": {}, "loyaltyDetails": {"points": 0}},
        "identityMap": {
            "ecid": [{"id": ecid(1)}],
            "email": [{"id": EMAIL}],
            "phone": [{"id": PHONE}],
        },
    }


def test_identity_map_lists_the_ids_of_a_namespace_by_their_first_appearance(app: App) -> None:
    for number in (9, 3, 5):
        app.ingest(EVENTS, event(f"e-{number}", ("ECID", ecid(number)), ("Email", EMAIL)))
        app.clock.advance(ms=1000)
    entity = app.get(f"{RECORD}&entityId={XIDS[1]}").json()[XIDS[1]]["entity"]
    assert entity["identityMap"]["ecid"] == [{"id": ecid(n)} for n in (9, 3, 5)]


def test_identity_known_only_by_an_event_is_a_profile(app: App) -> None:
    app.clock.advance(ms=5_000)
    app.ingest(EVENTS, event("e-1", ADA[0]))
    envelope = app.get(f"{RECORD}&entityId={XIDS[0]}").json()[XIDS[0]]
    assert envelope["entity"] == {"identityMap": {"ecid": [{"id": ecid(1)}]}}
    assert envelope["sources"] == [""]
    assert envelope["lastModifiedAt"] == "2026-01-01T00:00:05Z"


def test_identity_known_only_by_a_link_is_a_profile(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA[0], ADA[1]))
    envelope = app.get(f"{RECORD}&entityId={XIDS[1]}").json()[XIDS[1]]
    assert envelope["entity"]["identityMap"] == {
        "ecid": [{"id": ecid(1)}],
        "email": [{"id": EMAIL}],
    }


@pytest.mark.parametrize(
    ("fields", "entity"),
    [
        ("person.name.firstName", {"person": {"name": {"firstName": "Ada"}}}),
        ("person.gender,testProfile", {"person": {"gender": "female"}, "testProfile": False}),
        ("_acme", {"_acme": {"individualCharacteristics": {}, "loyaltyDetails": {"points": 0}}}),
        ("organizations", {"organizations": ["one", "two"]}),
        ("identityMap.email", {"identityMap": {"email": [{"id": EMAIL}]}}),
        ("nothing.of.this", {}),
        ("organizations.below", {}),
    ],
)
def test_fields_select_a_part_of_the_entity_and_never_of_the_envelope(
    ada: App, fields: str, entity: dict[str, Any]
) -> None:
    whole = ada.get(f"{RECORD}&entityId={XIDS[0]}").json()[XIDS[0]]
    part = ada.get(f"{RECORD}&entityId={XIDS[0]}&fields={fields}").json()[XIDS[0]]
    assert part == whole | {"entity": entity}


def test_empty_fields_select_everything(ada: App) -> None:
    url = f"{RECORD}&entityId={XIDS[0]}"
    assert ada.get(f"{url}&fields=").json() == ada.get(url).json()


def test_legacy_list_of_identities_comes_only_when_it_is_named(ada: App) -> None:
    url = f"{RECORD}&entityId={XIDS[0]}"
    assert "identities" not in ada.get(url).json()[XIDS[0]]["entity"]
    named = ada.get(f"{url}&fields=identities").json()[XIDS[0]]["entity"]["identities"]
    assert {"id": EMAIL, "namespace": {"code": "Email"}} in named


def test_parameters_of_events_are_ignored_for_records(ada: App) -> None:
    extra = "startTime=x&endTime=y&limit=0&orderby=z&property=a&start=b&offsets=c&withCA=true"
    assert ada.get(f"{RECORD}&entityId={XIDS[0]}&{extra}").status_code == 200


@pytest.mark.parametrize("value", ["true", "false", "True", ""])
def test_computed_attributes_may_be_asked_for(ada: App, value: str) -> None:
    url = f"{RECORD}&entityId={XIDS[0]}"
    assert ada.get(f"{url}&withCA={value}").json() == ada.get(url).json()


@pytest.mark.parametrize("value", ["1", "yes", "null"])
def test_computed_attributes_are_wanted_or_not(ada: App, value: str) -> None:
    answer = ada.get(f"{RECORD}&entityId={XIDS[0]}&withca={value}")
    assert answer.status_code == 400
    assert answer.json()["cause"].startswith("PRO-1002: ")
    assert ada.get(f"{TIMELINE}&entityId={XIDS[0]}&withCA={value}").status_code == 200


def test_related_schema_means_nothing_for_records(ada: App) -> None:
    url = f"{RECORD}&entityId={XIDS[0]}"
    assert ada.get(f"{url}&relatedSchema.name=shop&relatedEntityId=x").status_code == 200


def test_class_may_lack_its_underscore(ada: App) -> None:
    """As a published client sends it."""
    for url in (RECORD, TIMELINE):
        plain = url.replace("_xdm", "xdm")
        assert ada.get(f"{plain}&entityId={XIDS[0]}").status_code == 200


def test_unknown_parameters_are_ignored(ada: App) -> None:
    assert ada.get(f"{RECORD}&entityId={XIDS[0]}&entityIdNE=x&mergePoilcyId=y").status_code == 200


# What is refused


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"{ENTITIES}?entityId={ecid(1)}&entityIdNS=ecid", "PRO-1001"),
        (f"{ENTITIES}?schema.name=&entityId={ecid(1)}&entityIdNS=ecid", "PRO-1001"),
        (f"{ENTITIES}?schema.name=_xdm.context.shop&entityId=1&entityIdNS=ecid", "PRO-1002"),
        (RECORD, "PRO-1001"),
        (f"{RECORD}&entityId=&entityIdNS=ecid", "PRO-1001"),
        (f"{RECORD}&entityId={ecid(1)}", "PRO-1002"),
        (f"{RECORD}&entityId=%00&entityIdNS=", "PRO-1002"),
        (f"{RECORD}&entityId={encode(77386, 'somebody')}", "PRO-1003"),
        (f"{RECORD}&entityId=1&entityIdNS=shoesize", "PRO-1003"),
        (TIMELINE, "PRO-1001"),
        (f"{TIMELINE}&relatedEntityId=x", "PRO-1002"),
        (f"{TIMELINE}&relatedEntityId=x&relatedEntityIdNS=shoesize", "PRO-1003"),
        (f"{TIMELINE}&relatedSchema.name=shop&entityId=1&entityIdNS=ecid", "PRO-1002"),
    ],
)
def test_question_that_names_no_identity_is_a_400(ada: App, url: str, code: str) -> None:
    answer = ada.get(url)
    assert answer.status_code == 400
    body = answer.json()
    assert body.keys() == {"message", "cause", "statusCode"}
    assert body["statusCode"] == "400"
    assert body["cause"].startswith(code)


def test_unknown_identity_is_a_404_with_nothing_but_its_status(ada: App) -> None:
    answer = ada.get(f"{RECORD}&entityId={ecid(404)}&entityIdNS=ecid")
    assert (answer.status_code, answer.json()) == (404, {"statusCode": "404"})


@pytest.mark.parametrize("kind", [RECORD, TIMELINE])
def test_unknown_merge_policy_is_a_404(ada: App, kind: str) -> None:
    answer = ada.get(f"{kind}&entityId={XIDS[0]}&mergePolicyId=nothing")
    assert (answer.status_code, answer.json()) == (404, {"statusCode": "404"})


def test_method_that_is_not_served_is_a_405_that_names_those_that_are(ada: App) -> None:
    answer = ada.request("PATCH", ENTITIES, headers=ada.headers())
    assert answer.status_code == 405
    assert {"GET", "HEAD", "POST"} <= set(answer.headers["allow"].split(", "))


# Sandboxes


def test_second_sandbox_never_sees_the_data_of_the_first(own_ada: App) -> None:
    second_sandbox(own_ada)
    for xid in XIDS:
        answer = own_ada.get(f"{RECORD}&entityId={xid}", x_sandbox_name="other")
        assert answer.status_code == 404
    events = own_ada.get(f"{TIMELINE}&entityId={XIDS[0]}", x_sandbox_name="other")
    assert events.json()["children"] == []


def test_each_sandbox_has_its_own_profile_of_one_identity(own_ada: App) -> None:
    _, message, inlet = second_sandbox(own_ada)
    message["body"]["xdmEntity"] = record(ADA[1], person={"gender": "male"})
    sent = own_ada.request("POST", f"/collection/{inlet}", json=message)
    assert sent.status_code == 200
    own_ada.drain()
    url = f"{RECORD}&entityId={XIDS[1]}"
    theirs = own_ada.get(url, x_sandbox_name="other").json()[XIDS[1]]
    ours = own_ada.get(url).json()[XIDS[1]]
    assert theirs["entity"]["person"] == {"gender": "male"}
    assert theirs["identityGraph"] == [XIDS[1]]
    assert ours["entity"]["person"]["gender"] == "female"
    assert theirs["mergePolicy"] != ours["mergePolicy"]


def test_merge_policy_of_another_sandbox_is_a_404(own_ada: App) -> None:
    sandbox, _, _ = second_sandbox(own_ada)
    theirs = own_ada.rooms.definitions.snapshot(sandbox.id).default_policy
    assert theirs is not None
    answer = own_ada.get(f"{RECORD}&entityId={XIDS[0]}&mergePolicyId={theirs.id}")
    assert answer.status_code == 404


def test_unknown_sandbox_is_a_404(ada: App) -> None:
    assert ada.get(f"{RECORD}&entityId={XIDS[0]}", x_sandbox_name="nowhere").status_code == 404


# Merging


def _two_rows(app: App) -> None:
    """Dataset A says {a: 1, b: 1, list: [1, 2]}, later dataset B says {b: 2, list: []}."""
    first = {"person": {"name": {"firstName": "a1", "lastName": "b1"}}, "organizations": ["1", "2"]}
    app.ingest(REGISTRATIONS, record(ADA[1], **first))
    app.clock.advance(ms=1000)
    second = {"person": {"name": {"lastName": "b2"}}, "organizations": []}
    app.ingest(LOGINS, record(ADA[1], **second))


@pytest.mark.parametrize(
    ("merge", "order", "first", "last", "organizations"),
    [
        ("timestampOrdered", [], "a1", "b2", []),
        ("dataSetPrecedence", [REGISTRATIONS, LOGINS], "a1", "b1", ["1", "2"]),
        ("dataSetPrecedence", [REGISTRATIONS], "a1", "b1", ["1", "2"]),
        ("dataSetPrecedence", [LOGINS], None, "b2", []),
    ],
)
def test_policy_decides_field_by_field_whose_value_is_believed(
    app: App, merge: str, order: list[str], first: str | None, last: str, organizations: list[str]
) -> None:
    _two_rows(app)
    policy = further_policy(app, "pdg", merge, order)
    envelope = app.get(f"{RECORD}&entityId={XIDS[1]}&mergePolicyId={policy}").json()[XIDS[1]]
    name = envelope["entity"]["person"]["name"]
    assert (name.get("firstName"), name["lastName"]) == (first, last)
    assert envelope["entity"]["organizations"] == organizations
    assert envelope["mergePolicy"] == {"id": policy}
    assert len(envelope["sources"]) == (len(order) or 2)


def test_record_that_is_sent_again_replaces_the_whole_row_of_its_dataset(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA[1], testProfile=True, organizations=["one"]))
    app.ingest(REGISTRATIONS, record(ADA[1], organizations=["two"]))
    entity = app.get(f"{RECORD}&entityId={XIDS[1]}").json()[XIDS[1]]["entity"]
    assert entity.keys() == {"organizations", "identityMap"}
    assert entity["organizations"] == ["two"]


def test_policy_without_a_graph_answers_for_the_asked_identity_alone(own_ada: App) -> None:
    policy = further_policy(own_ada, "none", "timestampOrdered")
    url = f"{RECORD}&mergePolicyId={policy}&entityId="
    owner = own_ada.get(url + XIDS[0]).json()[XIDS[0]]
    assert owner["identityGraph"] == [XIDS[0]]
    assert owner["entity"]["identityMap"] == {"ecid": [{"id": ecid(1)}]}
    assert owner["entity"]["person"]["gender"] == "female"
    linked = own_ada.get(url + XIDS[1]).json()[XIDS[1]]
    assert linked["entity"] == {"identityMap": {"email": [{"id": EMAIL}]}}


def test_new_default_policy_is_used_at_once_and_reported(own_ada: App) -> None:
    before = own_ada.get(f"{RECORD}&entityId={XIDS[0]}").json()[XIDS[0]]["mergePolicy"]
    policy = further_policy(own_ada, "none", "timestampOrdered", default=True)
    envelope = own_ada.get(f"{RECORD}&entityId={XIDS[0]}").json()[XIDS[0]]
    assert envelope["mergePolicy"] == {"id": policy} != before
    assert envelope["identityGraph"] == [XIDS[0]]


def test_without_a_default_policy_one_has_to_be_named(own_ada: App) -> None:
    policy = own_ada.rooms.definitions.snapshot(own_ada.sandbox.id).default_policy
    assert policy is not None
    with change(own_ada.places.control()) as transaction:
        policies.put(transaction, own_ada.sandbox.id, [replace(policy, default=False)])
    answer = own_ada.get(f"{RECORD}&entityId={XIDS[0]}")
    assert answer.status_code == 422
    assert answer.json()["statusCode"] == "422"
    named = own_ada.get(f"{RECORD}&entityId={XIDS[0]}&mergePolicyId={policy.id}")
    assert named.status_code == 200


def test_graph_of_more_than_50_identities_is_a_422(app: App) -> None:
    """The pipeline never lets a cluster grow so large; a store of other origin may hold one."""
    xids = sorted(encode(4, ecid(number)) for number in range(1, 52))
    with app.places.profile(app.sandbox.id).transaction() as transaction:
        members = [Member(xids[0], xid, 4, ecid(1), START_MS) for xid in xids]
        add(transaction, members)
    for kind in (RECORD, TIMELINE):
        answer = app.get(f"{kind}&entityId={xids[0]}")
        assert answer.status_code == 422
        assert answer.json() == {
            "message": "UPS-MRG-1000001:Identities cannot be retrieved for XID - "
            f'{xids[0]} for graph type "pdg"',
            "cause": "UPS-ACCSDK-1000005:Too many related identities. Got: 51, max: 50",
            "statusCode": "422",
        }
    bulk = app.post(
        ENTITIES,
        {
            "schema": {"name": "_xdm.context.profile"},
            "identities": [{"entityId": xids[0]}, {"entityId": XIDS[1]}],
        },
    )
    assert bulk.status_code == 207
    assert bulk.json()[0]["xid"] == xids[0]
    assert bulk.json()[0]["error"]["statusCode"] == "422"
    assert bulk.json()[1]["result"]["sources"] == [""]


def test_51st_identity_of_a_cluster_takes_the_place_of_the_oldest_cookie(app: App) -> None:
    for number in range(1, 51):
        app.clock.advance(ms=1000)
        app.ingest(REGISTRATIONS, record(("ECID", ecid(number)), ADA[1]))
    graph = app.get(f"{RECORD}&entityId={XIDS[1]}").json()[XIDS[1]]["identityGraph"]
    assert len(graph) == 50
    assert encode(4, ecid(1)) not in graph
    assert app.get(f"{RECORD}&entityId={encode(4, ecid(1))}").status_code == 200
    assert app.faults() == []


@pytest.fixture
def in_ireland(data: Path) -> Iterator[App]:
    """An installation that is the region IRL1."""
    app = App(data, edge_region="IRL1")
    yield app
    app.close()


def _regions(app: App) -> Any:
    (envelope,) = app.get(f"{RECORD}&entityId={XIDS[0]}").json().values()
    return envelope["entity"].get("userActivityRegions")


def test_region_of_the_installation_tells_of_the_newest_event_of_14_days(in_ireland: App) -> None:
    app, day_ms = in_ireland, 86_400_000
    app.ingest(REGISTRATIONS, record(*ADA))
    assert _regions(app) is None
    app.ingest(EVENTS, event("old", ADA[1], at_ms=START_MS - day_ms))
    assert _regions(app) == {"IRL1": {"captureTimestamp": "2025-12-31T00:00:00Z"}}
    app.ingest(EVENTS, event("new", ADA[0], at_ms=START_MS + 999))
    assert _regions(app) == {"IRL1": {"captureTimestamp": "2026-01-01T00:00:00Z"}}
    (part,) = (
        app.get(f"{RECORD}&entityId={XIDS[0]}&fields=userActivityRegions.IRL1").json().values()
    )
    assert part["entity"] == {"userActivityRegions": _regions(app)}
    app.clock.advance(ms=14 * day_ms + 998)
    assert _regions(app) == {"IRL1": {"captureTimestamp": "2026-01-01T00:00:00Z"}}
    app.clock.advance(ms=1)
    assert _regions(app) is None


def test_without_a_region_events_tell_of_none(own_ada: App) -> None:
    assert _regions(own_ada) is None
