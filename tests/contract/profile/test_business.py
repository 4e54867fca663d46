"""Accounts and opportunities: `GET` and `POST /data/core/ups/access/entities` for their classes.
Source: profile contract, 3.9.
"""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control import datasets, namespaces, schemas
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.xid import encode
from onefold.domain.xdm.notation import CORE
from onefold.effects import SystemIds
from onefold.store.tables import identities
from onefold.testing.app import ENTITIES, App
from tests.contract.asking import send
from tests.contract.people import RECORD, TIMELINE, event, record

JSON = dict[str, Any]
ACCOUNT, OPPORTUNITY = "_xdm.context.account", "_xdm.context.opportunity"
CODES = {ACCOUNT: "b2b_account", OPPORTUNITY: "b2b_opportunity"}
KEY = "2334262@instance.Marketo"
EMAIL = "ada@example.com"


@pytest.fixture(scope="module")
def desk(shared: App) -> App:
    """Both namespaces, two datasets of accounts and one of opportunities; an account of two rows,
    an opportunity of the same id, and a person."""
    made = (shared.places.control(), shared.clock, SystemIds(), shared.sandbox)
    for code in CODES.values():
        namespaces.create(
            *made[:2], org_id=shared.org_id, name=code, code=code, id_type=code.upper()
        )
    for name, class_name in (("CRM", ACCOUNT), ("ERP", ACCOUNT), ("Deals", OPPORTUNITY)):
        schema = schemas.create_schema(
            *made,
            title=name,
            class_id=CORE + "context/" + class_name.rpartition(".")[2],
            groups=(CORE + "context/identitymap",),
            for_profile=True,
        )
        dataset = datasets.create(
            *made,
            name=name,
            schema_id=schema.id,
            tags={"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]},
        )
        snapshot = shared.rooms.definitions.snapshot(shared.sandbox.id)
        shared.datasets[name] = snapshot.datasets[dataset.id]
    shared.ingest("CRM", row("b2b_account", KEY, accountID="one", accountKey={"sourceID": "1"}))
    shared.clock.advance(ms=1000)
    shared.ingest("ERP", row("b2b_account", KEY, accountID="two"))
    shared.ingest("Deals", row("b2b_opportunity", KEY, opportunityName="Deal"))
    shared.ingest(REGISTRATIONS, record(("Email", EMAIL), ("b2b_account", KEY), testProfile=True))
    assert shared.failed() == []
    return shared


def row(code: str, value: str, *others: tuple[str, str], **fields: Any) -> JSON:
    return record((code, value), *others, _id=value, **fields)


def xid(app: App, class_name: str, value: str = KEY) -> Xid:
    book = app.rooms.definitions.snapshot(app.sandbox.id).namespaces
    namespace = book.by_code(CODES[class_name])
    assert namespace is not None
    return encode(namespace.id, value)


def url(class_name: str, query: str = "") -> str:
    return f"{ENTITIES}?schema.name={class_name}&{query}"


def by_name(class_name: str, code: str = "", value: str = KEY) -> str:
    return url(class_name, f"entityId={value}&entityIdNS={code or CODES[class_name]}")


def test_account_is_merged_by_time_and_found_by_id_and_by_xid(desk: App) -> None:
    own = xid(desk, ACCOUNT)
    expected = {
        own: {
            "entityId": own,
            "sources": ["er_m_attr"],
            "identityGraph": [own],
            "entity": {
                "_id": KEY,
                "accountID": "two",
                "accountKey": {"sourceID": "1"},
                "identityMap": {"b2b_account": [{"id": KEY}]},
            },
        }
    }
    for asked in (
        by_name(ACCOUNT),
        by_name(ACCOUNT, "B2B_Account"),
        url(ACCOUNT, f"entityId={own}"),
        by_name(ACCOUNT.upper()[1:].lower(), "b2b_account"),
    ):
        answer = desk.get(asked)
        assert (answer.status_code, answer.json()) == (200, expected)


def test_opportunity_of_the_same_id_is_another_thing(desk: App) -> None:
    own = xid(desk, OPPORTUNITY)
    (found,) = desk.get(by_name(OPPORTUNITY)).json().values()
    assert found["entityId"] == own != xid(desk, ACCOUNT)
    assert found["entity"]["opportunityName"] == "Deal"
    (part,) = desk.get(by_name(OPPORTUNITY) + "&fields=opportunityName&withCA=true").json().values()
    assert part["entity"] == {"opportunityName": "Deal"}


def test_person_and_account_never_mix(desk: App) -> None:
    assert desk.get(by_name("_xdm.context.profile", "b2b_account")).status_code == 404
    by_xid = url("_xdm.context.profile", f"entityId={xid(desk, ACCOUNT)}")
    assert desk.get(by_xid).status_code == 404
    (person,) = desk.get(f"{RECORD}&entityId={EMAIL}&entityIdNS=email").json().values()
    assert person["entity"] == {
        "testProfile": True,
        "identityMap": {"email": [{"id": EMAIL}]},
    }
    (account,) = desk.get(by_name(ACCOUNT)).json().values()
    assert "testProfile" not in account["entity"]
    answer = desk.get(f"{TIMELINE}&entityId={KEY}&entityIdNS=b2b_account")
    assert answer.json()["_page"]["count"] == 0


def test_people_whom_an_account_names_are_not_linked_by_it(desk: App) -> None:
    named = (("Email", "bob@example.com"), ("Phone", "+47123"))
    desk.ingest("CRM", row("b2b_account", "other", *named))
    for code, value in (("email", "bob@example.com"), ("phone", "%2B47123")):
        assert desk.get(f"{RECORD}&entityId={value}&entityIdNS={code}").status_code == 404
    desk.ingest(EVENTS, event("e", named[0]))
    (bob,) = desk.get(f"{RECORD}&entityId=bob@example.com&entityIdNS=email").json().values()
    assert len(bob["identityGraph"]) == 1


@pytest.mark.parametrize("primary", [("Email", "eve@example.com"), ("b2b_opportunity", "1")])
def test_account_under_an_identity_of_something_else_fails(desk: App, primary: Any) -> None:
    before = len(desk.failed())
    desk.ingest("CRM", row(*primary, ("b2b_account", "1"), accountID="1"))
    failed = desk.failed()[before:]
    assert [one.fault.code for one in failed] == ["REC-1009"]
    assert "b2b_account" in failed[0].fault.detail


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (by_name(ACCOUNT, "email"), 400),
        (by_name(ACCOUNT, "b2b_opportunity"), 400),
        (by_name(ACCOUNT, "nothing"), 400),
        (url(ACCOUNT, f"entityId={encode(6, EMAIL)}"), 400),
        (url(ACCOUNT), 400),
        (by_name(ACCOUNT) + "&withCA=x", 400),
        (by_name(ACCOUNT, value="unknown"), 404),
        (by_name(ACCOUNT) + "&mergePolicyId=nothing", 404),
        (by_name("_xdm.context.campaign", "b2b_account"), 400),
    ],
)
def test_question_that_names_no_account_is_refused(desk: App, asked: str, status: int) -> None:
    answer = desk.get(asked)
    assert answer.status_code == status
    assert answer.json()["statusCode"] == str(status)


def test_many_at_once_repeat_the_identity_as_it_was_asked_for(desk: App) -> None:
    own, unknown = xid(desk, ACCOUNT), xid(desk, ACCOUNT, "unknown")
    identities = [
        {"entityId": KEY, "entityIdNS": {"code": "B2B_ACCOUNT"}},
        {"entityId": unknown},
    ]
    body = {"schema": {"name": ACCOUNT}, "identities": identities, "fields": ["accountID"]}
    answer = desk.post(ENTITIES, body)
    assert answer.status_code == 200
    assert answer.json() == {
        own: {
            "requestedIdentity": identities[0],
            "entityId": own,
            "sources": ["er_m_attr"],
            "identityGraph": [own],
            "entity": {"accountID": "two"},
        },
        unknown: {
            "entityId": unknown,
            "sources": [""],
            "entity": {},
            "lastModifiedAt": "1970-01-01T00:00:00Z",
        },
    }
    body["identities"] = [*identities, {"entityId": EMAIL, "entityIdNS": {"code": "email"}}]
    failed, *found = desk.post(ENTITIES, body).json()
    assert (failed["error"]["statusCode"], len(found)) == ("400", 2)
    (xid_alone,) = desk.post(ENTITIES, body | {"identities": [{"entityId": own}]}).json().values()
    assert xid_alone["requestedIdentity"] == {"entityId": own}


def test_default_policy_of_the_class_decides_if_there_is_one(desk: App) -> None:
    policies = "/data/core/ups/config/mergePolicies"
    body = {
        "schema": {"name": ACCOUNT},
        "identityGraph": {"type": "pdg"},
        "attributeMerge": {
            "type": "dataSetPrecedence",
            "order": [desk.datasets["CRM"].id, desk.datasets["ERP"].id],
        },
        "default": True,
    }
    policy = desk.post(policies, body).json()["id"]
    (found,) = desk.get(by_name(ACCOUNT)).json().values()
    assert found["entity"]["accountID"] == "one"
    send(desk, "DELETE", f"{policies}/{policy}")
    (found,) = desk.get(by_name(ACCOUNT)).json().values()
    assert found["entity"]["accountID"] == "two"


def test_accounts_are_not_deleted_here(desk: App) -> None:
    answer = send(desk, "DELETE", by_name(ACCOUNT))
    assert answer.status_code in (400, 405)
    assert desk.get(by_name(ACCOUNT)).status_code == 200


def test_accounts_are_in_no_graph_and_all_that_is_derived_agrees(desk: App) -> None:
    with desk.places.profile(desk.sandbox.id).reading() as reader:
        known = identities.clusters_of(
            reader, [xid(desk, OPPORTUNITY), xid(desk, ACCOUNT, "other")]
        )
    assert known == {}
    assert [one.check for one in desk.faults() if "owners" in one.check] == []


def test_dataset_of_opportunities_can_be_emptied(desk: App) -> None:
    body = {"dataSetId": desk.datasets["Deals"].id}
    assert desk.post("/data/core/ups/system/jobs", body).status_code == 200
    desk.work()
    assert desk.get(by_name(OPPORTUNITY)).status_code == 404
    assert desk.get(by_name(ACCOUNT)).status_code == 200
    assert [one.check for one in desk.faults() if "owners" in one.check] == []
