"""`/onefold/v1/undo`: afterwards it is as if it had never been, and stays so until it is lifted."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.domain import suppression
from onefold.domain.removal import Removal
from onefold.domain.suppression import Keys
from onefold.lookup.owner import Asked
from onefold.store.tables import superseded
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS
from onefold.wire import iso_millis
from tests.contract.people import RECORD, TIMELINE, ecid, event, further_dataset, record

JSON = dict[str, Any]
UNDO = "/onefold/v1/undo"
ADA, BO, CARD = ("Email", "ada@example.com"), ("Email", "bo@example.com"), ("CRMID", "7")
PHONE = ("ECID", ecid(1))
Named = tuple[str, str]


def identity(named: Named) -> JSON:
    return {"entityId": named[1], "entityIdNS": named[0]}


def link(one: Named, other: Named, **more: Any) -> JSON:
    return {"link": {"from": identity(one), "to": identity(other)}, **more}


def of(named: Named, **which: Any) -> JSON:
    return {"record": {**identity(named), **which}}


def undo(app: App, body: JSON) -> JSON:
    """Order an undo, and have it done."""
    answer = app.post(UNDO, body)
    assert answer.status_code == 202, answer.text
    said = json_of(answer)
    assert answer.headers["x-onefold-position"] == str(said["position"])
    app.drain()
    return said


def lift(app: App, undo_id: str) -> None:
    answer = app.request("DELETE", f"{UNDO}/{undo_id}", headers=app.headers())
    assert answer.status_code == 202, answer.text
    assert answer.headers["x-onefold-position"] == str(json_of(answer)["position"])
    app.drain()


def undone(app: App, **parameters: Any) -> list[JSON]:
    answer = app.get(f"{UNDO}?{urlencode(parameters)}")
    assert answer.status_code == 200, answer.text
    found: list[JSON] = json_of(answer)["undone"]
    return found


def graph(app: App, named: Named) -> set[str]:
    """The ids of the person whom an identity names; empty for nobody."""
    answer = app.get(f"{RECORD}&{urlencode(identity(named))}")
    if answer.status_code == 404:
        return set()
    ((found,),) = [json_of(answer).values()]
    return {item["id"] for items in found["entity"]["identityMap"].values() for item in items}


def first_name(app: App, named: Named) -> str | None:
    answer = app.get(f"{RECORD}&{urlencode(identity(named))}")
    if answer.status_code == 404:
        return None
    ((found,),) = [json_of(answer).values()]
    person: JSON = found["entity"].get("person", {"name": {}})
    first: str | None = person["name"].get("firstName")
    return first


def event_ids(app: App, named: Named) -> list[str]:
    asked = {"relatedEntityId": named[1], "relatedEntityIdNS": named[0]}
    answer = app.get(f"{TIMELINE}&relatedSchema.name=_xdm.context.profile&{urlencode(asked)}")
    return [child["entityId"] for child in json_of(answer)["children"]]


def called(first: str) -> JSON:
    return {"person": {"name": {"firstName": first}}}


def refused(app: App, body: Any) -> tuple[int, str]:
    answer = app.post(UNDO, body)
    return answer.status_code, json_of(answer)["type"].rpartition("/")[2][:8]


def test_a_cut_link_is_gone_stays_gone_and_comes_back_when_it_is_lifted(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD))
    said = undo(app, link(CARD, ADA, reason="two people, one card"))
    assert (said["kind"], said["stillOnePerson"], said["through"]) == ("link", False, [])
    assert (graph(app, ADA), graph(app, CARD)) == ({"ada@example.com"}, {"7"})
    app.ingest(LOGINS, record(ADA, CARD))
    assert graph(app, ADA) == {"ada@example.com"}
    (one,) = undone(app)
    assert (one["id"], one["kind"], one["reason"]) == (said["id"], "link", "two people, one card")
    assert {one["from"]["id"], one["to"]["id"]} == {"ada@example.com", "7"}
    lift(app, said["id"])
    assert graph(app, ADA) == {"ada@example.com", "7"}
    assert undone(app) == []
    assert app.faults() == []


def test_the_answer_says_by_whom_two_stay_one_person_after_a_cut(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD, PHONE))
    said = undo(app, link(ADA, CARD))
    assert said["stillOnePerson"]
    assert [one["id"] for one in said["through"]] == ["ada@example.com", ecid(1), "7"]
    undo(app, link(PHONE, CARD))
    assert graph(app, CARD) == {"7"}
    assert graph(app, ADA) == {"ada@example.com", ecid(1)}


def test_a_cut_is_what_the_explanation_names(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD))
    undo(app, link(ADA, CARD))
    query = {"fromNS": ADA[0], "from": ADA[1], "toNS": CARD[0], "to": CARD[1]}
    found = json_of(app.get(f"/onefold/v1/explain/link?{urlencode(query)}"))
    assert (found["onePerson"], found["rule"]) == (False, "cutByHand")
    assert found["links"][0]["evidence"][0]["recordNumber"] == 1


def test_an_undone_event_does_not_come_back_until_it_is_lifted(app):
    sent = event("e1", PHONE, ADA, at_ms=START_MS)
    app.ingest(EVENTS, sent, event("e2", PHONE, at_ms=START_MS))
    assert graph(app, ADA) == {ecid(1), "ada@example.com"}
    said = undo(app, of(ADA, eventId="e1"))
    assert said["record"]["kind"] == "event"
    assert (said["record"]["recordNumber"], said["record"]["identity"]["id"]) == (1, ecid(1))
    assert (event_ids(app, PHONE), graph(app, PHONE)) == (["e2"], {ecid(1)})
    assert graph(app, ADA) == set()
    app.ingest(EVENTS, sent)
    assert event_ids(app, PHONE) == ["e2"]
    assert app.ended()[Outcome.SUPPRESSED] == 1
    (one,) = undone(app)
    assert (one["id"], one["kind"], one["datasetName"]) == (said["id"], "record", EVENTS)
    lift(app, said["id"])
    app.ingest(EVENTS, sent)
    assert event_ids(app, PHONE) == ["e1", "e2"]
    assert graph(app, ADA) == {ecid(1), "ada@example.com"}
    assert app.faults() == []


def test_an_undone_profile_record_gives_way_to_the_one_before_it(app):
    app.ingest(REGISTRATIONS, record(ADA, **called("Ada")))
    wrong = record(ADA, CARD, **called("Adam"))
    app.ingest(REGISTRATIONS, wrong)
    assert (first_name(app, ADA), len(graph(app, ADA))) == ("Adam", 2)
    said = undo(app, of(ADA, datasetId=app.datasets[REGISTRATIONS].id))
    assert (said["record"]["kind"], said["record"]["recordNumber"]) == ("profileRecord", 2)
    assert (first_name(app, ADA), graph(app, ADA)) == ("Ada", {"ada@example.com"})
    why = json_of(app.get(f"/onefold/v1/explain/profile?{urlencode(identity(ADA))}&fields=person"))
    assert [leaf["winner"]["recordNumber"] for leaf in why["leaves"]] == [1]
    app.ingest(REGISTRATIONS, wrong)
    assert first_name(app, ADA) == "Ada"
    lift(app, said["id"])
    app.ingest(REGISTRATIONS, wrong)
    assert (first_name(app, ADA), len(graph(app, ADA))) == ("Adam", 2)
    assert app.faults() == []


def test_an_earlier_record_is_undone_by_its_number(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD, **called("Ada")))
    app.ingest(REGISTRATIONS, record(ADA, **called("Augusta")))
    said = undo(app, of(CARD, recordNumber=1))
    assert said["record"]["kind"] == "profileRecord"
    assert (first_name(app, ADA), graph(app, ADA)) == ("Augusta", {"ada@example.com"})
    assert graph(app, CARD) == set()


def test_the_record_of_a_dataset_is_the_one_of_the_identity_that_is_named(app):
    dataset = app.datasets[REGISTRATIONS].id
    app.ingest(REGISTRATIONS, record(ADA, CARD, **called("Ada")))
    app.ingest(REGISTRATIONS, record(BO, CARD, **called("Bo")))
    assert refused(app, of(CARD, datasetId=dataset)) == (400, "CTL-1008")
    assert undo(app, of(BO, datasetId=dataset))["record"]["recordNumber"] == 2
    assert undo(app, of(CARD, datasetId=dataset, recordNumber=1))["record"]["recordNumber"] == 1
    assert (graph(app, ADA), graph(app, BO), graph(app, CARD)) == (set(), set(), set())


def test_an_event_is_found_by_its_number_alone(app):
    app.ingest(EVENTS, event("e1", PHONE, at_ms=START_MS))
    assert undo(app, {"recordNumber": 1})["record"]["eventId"] == "e1"
    assert event_ids(app, PHONE) == []


def test_a_record_that_feeds_only_the_graph_is_undone_but_not_kept_out(app):
    """Nothing of it is kept by which it could be known again."""
    further_dataset(app, "Cards", REGISTRATIONS, unifiedIdentity=["enabled:true"])
    for body in ({"recordNumber": 1}, of(CARD, recordNumber=3)):
        app.ingest("Cards", record(ADA, CARD))
        assert graph(app, ADA) == {"ada@example.com", "7"}
        said = undo(app, body)
        assert (said["id"], said["record"]["kind"]) == (None, "graphOnly")
        assert said["record"]["datasetName"] == "Cards"
        assert graph(app, ADA) == set()


def test_identities_of_deleted_people_are_listed_without_their_names(app):
    xid = app.rooms.profiles.xid(app.sandbox.id, Asked("ada@example.com", "Email"))
    kept = suppression.of_identity(
        Keys(app.sandbox.id), xid, until_ms=START_MS, detail="6", request="deletion"
    )
    app.rooms.inlets.order(app.sandbox.id, Removal(suppress=[kept]), trace="test")
    app.drain()
    (one,) = undone(app)
    assert one == {
        "id": f"identity.{kept.key}",
        "kind": "identity",
        "undoneAt": iso_millis(START_MS),
        "namespace": "Email",
        "until": iso_millis(START_MS),
        "request": "deletion",
    }
    lift(app, one["id"])
    assert undone(app) == []


def test_what_is_undone_twice_is_not_there_the_second_time(app):
    app.ingest(EVENTS, event("e1", PHONE, at_ms=START_MS), event("e2", PHONE, at_ms=START_MS))
    app.ingest(REGISTRATIONS, record(ADA, CARD))
    undo(app, of(PHONE, eventId="e1"))
    undo(app, link(ADA, CARD))
    assert refused(app, of(PHONE, eventId="e1")) == (404, "UND-1001")
    assert refused(app, link(ADA, CARD)) == (409, "UND-1002")


def test_a_record_whose_predecessors_are_not_kept_cannot_be_undone(app):
    """Of a merge, what it changed has to be known."""
    first, last = superseded.KEPT_ROWS + 1, 2 * superseded.KEPT_ROWS
    for number in range(last):
        app.ingest(REGISTRATIONS, record(ADA, **called(f"Ada {number}")))
    dataset = app.datasets[REGISTRATIONS].id
    assert refused(app, of(ADA, datasetId=dataset, recordNumber=1)) == (410, "UND-1003")
    assert refused(app, of(ADA, datasetId=dataset, recordNumber=last + 1)) == (404, "UND-1001")
    undo(app, of(ADA, datasetId=dataset, recordNumber=first))
    undo(app, of(ADA, datasetId=dataset))
    assert first_name(app, ADA) == f"Ada {last - 2}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "CTL-1008")),
        ([], (400, "API-1003")),
        ({"recordNumber": 1, **link(ADA, BO)}, (400, "CTL-1008")),
        ({"recordNumber": 0}, (400, "CTL-1008")),
        ({"recordNumber": 2**60}, (400, "CTL-1008")),
        ({"recordNumber": 999}, (404, "UND-1001")),
        ({"recordNumber": 1, "colour": "red"}, (400, "API-1003")),
        (link(ADA, ADA), (400, "CTL-1008")),
        (link(ADA, CARD, reason="x" * 501), (400, "CTL-1008")),
        (link(ADA, ("Nowhere", "1")), (400, "PRO-1003")),
        (link(ADA, ("", "no xid")), (400, "PRO-1002")),
        (link(ADA, ("Email", "")), (400, "PRO-1001")),
        (link(ADA, ("Email", "x" * 1025)), (400, "XID-1001")),
        (link(ADA, BO), (409, "UND-1002")),
        (link(ADA, PHONE), (409, "UND-1002")),
        (link(ADA, ("Email", "nobody@example.com")), (404, "PRO-1004")),
        (of(ADA), (400, "CTL-1008")),
        (of(ADA, eventId="e1", datasetId="d"), (400, "CTL-1008")),
        (of(ADA, eventId="none"), (404, "UND-1001")),
        (of(ADA, datasetId="none"), (404, "UND-1001")),
        (of(ADA, recordNumber=999), (404, "UND-1001")),
        (of(("Email", "nobody@example.com"), eventId="e1"), (404, "PRO-1004")),
    ],
)
def test_what_cannot_be_undone_is_refused(people, body, expected):
    assert refused(people, body) == expected


@pytest.fixture(scope="module")
def people(shared: App) -> App:
    """Ada, whose card leads to her phone, and Bo."""
    shared.ingest(REGISTRATIONS, record(ADA, CARD), record(BO), record(PHONE, CARD))
    return shared


@pytest.mark.parametrize("undo_id", ["none", "link.a.b", "link.", "record.0", "identity.0", "x.y"])
def test_what_is_not_undone_cannot_be_lifted(people, undo_id):
    answer = people.request("DELETE", f"{UNDO}/{undo_id}", headers=people.headers())
    assert answer.status_code == 404, answer.text


def test_the_list_comes_in_pages(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD, PHONE))
    app.ingest(EVENTS, event("e1", PHONE, at_ms=START_MS), event("e2", PHONE, at_ms=START_MS))
    ids = {undo(app, body)["id"] for body in (link(ADA, CARD), link(ADA, PHONE))}
    ids |= {undo(app, of(PHONE, eventId=one))["id"] for one in ("e1", "e2")}
    found: list[JSON] = []
    start: str | None = ""
    while start is not None:
        query = {"limit": 1, "start": start} if start else {"limit": 1}
        page = json_of(app.get(f"{UNDO}?{urlencode(query)}"))
        found += page["undone"]
        start = page["_page"]["next"]
    assert [one["kind"] for one in found] == ["link", "link", "record", "record"]
    assert {one["id"] for one in found} == ids
    assert found == undone(app)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "start=x", "start=x.y", "colour=red"])
def test_a_wrong_question_for_the_list_is_refused(shared, query):
    assert shared.get(f"{UNDO}?{query}").status_code == 400


def test_an_undo_that_waits_is_seen_by_a_read_that_names_its_position(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD))
    answer = app.post(UNDO, link(ADA, CARD))
    position = answer.headers["x-onefold-position"]
    late = app.get(UNDO, x_onefold_min_position=position)
    assert late.status_code == 503
    app.drain()
    assert app.get(UNDO, x_onefold_min_position=position).status_code == 200
