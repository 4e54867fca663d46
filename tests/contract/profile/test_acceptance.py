"""The acceptance vectors of profile contract, 16, that are about lookups and merge policies: each
has a test here that is named after its number, from what is sent to what is answered.

Elsewhere: 1 to 3 in test_seed_example.py, all XIDs of 20 in tests/unit/domain/identity/test_xid.py,
22 in benchmarks.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.domain.identity.xid import encode
from onefold.store.tables.identities import Member, add
from onefold.testing.app import ENTITIES, App
from onefold.testing.clock import START_MS
from tests.contract.asking import send
from tests.contract.people import RECORD, TIMELINE, ecid, event, record

JSON = dict[str, Any]
POLICIES = "/data/core/ups/config/mergePolicies"
ADA = (("ECID", ecid(1)), ("Email", "ada@example.com"))
XIDS = (encode(4, ecid(1)), encode(6, "ada@example.com"))
PERSON = f"{TIMELINE}&relatedSchema.name=_xdm.context.profile&relatedEntityId={XIDS[0]}"
T0 = START_MS - 1_000_000
IDS = [f"e-{n:02d}" for n in range(12)]


def policy(app: App, **fields: Any) -> str:
    """The id of a new merge policy."""
    body = {
        "schema": {"name": "_xdm.context.profile"},
        "identityGraph": {"type": "pdg"},
        "attributeMerge": {"type": "timestampOrdered"},
    }
    answer = app.post(POLICIES, body | fields)
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["id"]
    return made


def ranked(app: App, *datasets: str) -> str:
    order = [app.datasets[name].id for name in datasets]
    return policy(app, attributeMerge={"type": "dataSetPrecedence", "order": order})


def entity(app: App, policy_id: str = "", xid: str = XIDS[0]) -> JSON:
    answer = app.get(f"{RECORD}&entityId={xid}&mergePolicyId={policy_id}")
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()[xid]
    return found


def twelve(app: App) -> None:
    """Twelve events by turns of two identities of one person."""
    app.ingest(REGISTRATIONS, record(*ADA))
    app.ingest(EVENTS, *(event(one, ADA[n % 2], at_ms=T0 + n * 1000) for n, one in enumerate(IDS)))


def seen(pages: list[JSON]) -> list[tuple[str, str]]:
    return [(c["entityId"], c["relatedEntityId"]) for page in pages for c in page["children"]]


@pytest.mark.parametrize("how", ["start", "offsets", "payload"])
def test_vector_4_twelve_events_come_in_pages_of_five(app: App, how: str) -> None:
    twelve(app)
    pages: list[JSON] = []
    url = f"{PERSON}&limit=5"
    body: JSON = {
        "schema": {"name": "_xdm.context.experienceevent"},
        "relatedSchema": {"name": "_xdm.context.profile"},
        "identities": [{"relatedEntityId": XIDS[0]}],
        "limit": 5,
    }
    while True:
        asked = app.post(ENTITIES, body) if how == "payload" else app.get(url)
        assert asked.status_code == 200, asked.text
        page = asked.json()[XIDS[0]] if how == "payload" else asked.json()
        pages.append(page)
        link = page["_links"]["next"]
        if not link["href"]:
            break
        if how == "payload":
            body = link["payload"]
        else:
            value = parse_qs(urlsplit(link["href"]).query)[how][0]
            url = f"{PERSON}&limit=5&{how}={value}"
    assert [page["_page"]["count"] for page in pages] == [5, 5, 2]
    assert [page["_page"]["next"] for page in pages] == [IDS[5], IDS[10], ""]
    assert [page["_page"]["start"] for page in pages] == [IDS[0], IDS[5], IDS[10]]
    assert seen(pages) == [(one, XIDS[n % 2]) for n, one in enumerate(IDS)]


def test_vector_5_events_of_one_millisecond_are_ordered_by_id_and_none_is_lost(app: App) -> None:
    app.ingest(EVENTS, *(event(one, ADA[0], at_ms=T0) for one in ("b", "C", "a")))
    first = app.get(f"{PERSON}&limit=2").json()
    rest = app.get(f"{PERSON}&limit=2&start={first['_page']['next']}").json()
    assert [one for one, _ in seen([first, rest])] == ["C", "a", "b"]


def test_vector_6_start_is_inside_and_end_is_outside(app: App) -> None:
    twelve(app)
    page = app.get(f"{PERSON}&startTime={T0 + 3000}&endTime={T0 + 6000}").json()
    assert [one for one, _ in seen([page])] == IDS[3:6]


def test_vector_7_fields_of_events_bring_nothing_else(app: App) -> None:
    app.ingest(EVENTS, event("e", ADA[0], eventType="view"))
    (child,) = app.get(f"{PERSON}&fields=eventType").json()["children"]
    assert child["entity"] == {"eventType": "view"}


def test_vector_8_fourth_property_filter_is_a_400(app: App) -> None:
    filters = "&property=eventType%3Dview"
    assert app.get(PERSON + filters * 3).status_code == 200
    answer = app.get(PERSON + filters * 4)
    assert (answer.status_code, answer.json()["statusCode"]) == (400, "400")


def test_vector_9_each_policy_believes_field_by_field(app: App) -> None:
    """a, b and arr are the first name, the last name and the organizations."""

    def row(a: str | None, b: str, arr: list[str]) -> JSON:
        name = {"lastName": b} if a is None else {"firstName": a, "lastName": b}
        return record(ADA[0], person={"name": name}, organizations=arr)

    app.ingest(REGISTRATIONS, row("1", "1", ["1", "2"]))
    app.clock.advance(ms=1000)
    app.ingest(LOGINS, row(None, "2", []))

    def believed(policy_id: str) -> tuple[JSON, list[str]]:
        found = entity(app, policy_id)["entity"]
        return found["person"]["name"], found["organizations"]

    first = ({"firstName": "1", "lastName": "1"}, ["1", "2"])
    assert believed(policy(app)) == ({"firstName": "1", "lastName": "2"}, [])
    assert believed(ranked(app, REGISTRATIONS, LOGINS)) == first
    alone = ranked(app, REGISTRATIONS)
    assert believed(alone) == first
    assert entity(app, alone)["sources"] == [app.datasets[REGISTRATIONS].id]


def test_vector_10_what_is_not_sent_again_is_gone(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA[0], person={"gender": "female"}, testProfile=True))
    app.ingest(REGISTRATIONS, record(ADA[0], testProfile=False))
    found = entity(app)["entity"]
    assert ("person" in found, found["testProfile"]) == (False, False)


def test_vector_11_without_a_graph_only_the_asked_identity_answers(app: App) -> None:
    app.ingest(REGISTRATIONS, record(*ADA, testProfile=True))
    app.ingest(LOGINS, record(ADA[1], person={"gender": "female"}))
    none = policy(app, identityGraph={"type": "none"})
    by_ecid, by_email = entity(app, none), entity(app, none, XIDS[1])
    assert by_ecid["identityGraph"] == [XIDS[0]]
    assert by_ecid["entity"] == {"testProfile": True, "identityMap": {"ecid": [{"id": ecid(1)}]}}
    assert by_email["entity"]["person"] == {"gender": "female"}
    assert "testProfile" not in by_email["entity"]


def test_vector_12_more_than_50_identities_are_a_422_and_a_207_in_bulk(app: App) -> None:
    """The pipeline never lets a cluster grow so large; a store of other origin may hold one."""
    xids = sorted(encode(4, ecid(number)) for number in range(1, 52))
    with app.places.profile(app.sandbox.id).transaction() as transaction:
        add(transaction, [Member(xids[0], xid, 4, str(n), n) for n, xid in enumerate(xids)])
    answer = app.get(f"{RECORD}&entityId={XIDS[0]}")
    assert answer.status_code == 422
    error = {
        "message": "UPS-MRG-1000001:Identities cannot be retrieved for XID - "
        f'{XIDS[0]} for graph type "pdg"',
        "cause": "UPS-ACCSDK-1000005:Too many related identities. Got: 51, max: 50",
        "statusCode": "422",
    }
    assert answer.json() == error
    app.ingest(REGISTRATIONS, record(("Email", "bob@example.com")))
    bob = encode(6, "bob@example.com")
    body = {
        "schema": {"name": "_xdm.context.profile"},
        "identities": [{"entityId": XIDS[0]}, {"entityId": bob}],
    }
    bulk = app.post(ENTITIES, body)
    assert bulk.status_code == 207
    failed, found = bulk.json()
    assert failed == {"xid": XIDS[0], "error": error}
    assert found == {"xid": bob, "result": entity(app, xid=bob)}


def test_vector_13_unknown_identity_of_a_bulk_call_has_a_placeholder(app: App) -> None:
    unknown = "A29cgveD5y64e2RixjUXNzcm"
    body = {"schema": {"name": "_xdm.context.profile"}, "identities": [{"entityId": unknown}]}
    answer = app.post(ENTITIES, body)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            unknown: {
                "entityId": unknown,
                "sources": [""],
                "entity": {},
                "lastModifiedAt": "1970-01-01T00:00:00Z",
            }
        },
    )


def test_vector_14_new_default_takes_over_and_is_reported(app: App) -> None:
    app.ingest(REGISTRATIONS, record(*ADA))
    old = entity(app)["mergePolicy"]["id"]
    new = policy(app, default=True)
    assert app.get(f"{POLICIES}/{old}").json()["default"] is False
    assert entity(app)["mergePolicy"] == {"id": new}


def test_vector_15_policy_on_the_edge_is_deleted_only_after_it_was_switched_off(app: App) -> None:
    made = policy(app, isActiveOnEdge=True)
    url = f"{POLICIES}/{made}"
    assert send(app, "DELETE", url).status_code == 400
    off = {"op": "replace", "path": "/isActiveOnEdge", "value": "false"}
    assert send(app, "PATCH", url, off).json()["isActiveOnEdge"] is False
    deleted = send(app, "DELETE", url)
    assert (deleted.status_code, deleted.content) == (200, b"")
    assert app.get(url).status_code == 404


def test_vector_16_bulk_get_of_two_is_a_207_keyed_by_id(app: App) -> None:
    made = [policy(app, name="a"), policy(app, name="b")]
    answer = app.post(f"{POLICIES}/bulk-get", {"ids": [{"id": one} for one in made]})
    assert answer.status_code == 207
    assert answer.json() == {"results": {one: app.get(f"{POLICIES}/{one}").json() for one in made}}


def test_vector_20_xid_of_an_answer_is_the_published_one(app: App) -> None:
    """The others need no lookup."""
    named = ("Phone", "+32473622044+06022022-01")
    app.ingest(REGISTRATIONS, record(named))
    answer = app.get(f"{RECORD}&entityId=%2B32473622044%2B06022022-01&entityIdNS=phone")
    assert list(answer.json()) == ["BkFuK4QcJpSPByuSBnr0LTAx"]
