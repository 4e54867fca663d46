"""`/onefold/v1/explain`: who won, who lost, and what makes two identities one person."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.lookup import connection
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS
from tests.contract.people import RECORD, ecid, event, record

JSON = dict[str, Any]
LINK = "/onefold/v1/explain/link"
SETTINGS = "/data/core/identity/settings"
PROFILE = "/onefold/v1/explain/profile"
Named = tuple[str, str]
ADA, BO, CARD = ("Email", "ada@example.com"), ("Email", "bo@example.com"), ("CRMID", "7")
POLICIES = "/data/core/ups/config/mergePolicies"


def name(first: str, **more: Any) -> JSON:
    return {"person": {"name": {"firstName": first, **more}}}


def why(app: App, entity_id: str, namespace: str = "Email", **parameters: Any) -> JSON:
    answer = app.get(f"{PROFILE}?{asked(entity_id, namespace, **parameters)}")
    assert answer.status_code == 200, answer.text
    return json_of(answer)


def asked(entity_id: str, namespace: str = "Email", **parameters: Any) -> str:
    return urlencode({"entityId": entity_id, "entityIdNS": namespace, **parameters})


def leaf(found: JSON, path: str) -> JSON:
    return next(one for one in found["leaves"] if one["path"] == path)


def ranked(app: App, *datasets: str) -> str:
    """The id of a new policy that lists these datasets."""
    answer = app.post(
        POLICIES,
        {
            "name": "Ranked",
            "identityGraph": {"type": "pdg"},
            "attributeMerge": {
                "type": "dataSetPrecedence",
                "order": [app.datasets[one].id for one in datasets],
            },
            "schema": {"name": "_xdm.context.profile"},
            "default": False,
        },
    )
    assert answer.status_code in (200, 201), answer.text
    return str(json_of(answer)["id"])


def test_a_leaf_says_which_record_won_and_which_ones_lost_and_why(app):
    ada = ("Email", "ada@example.com")
    app.ingest(REGISTRATIONS, record(ada, ("CRMID", "7"), **name("Ada", lastName="King")))
    app.clock.advance(ms=1000)
    app.ingest(LOGINS, record(ada, **name("Augusta")))
    found = why(app, "ada@example.com")
    first = leaf(found, "person.name.firstName")
    assert (first["value"], first["rule"], first["lost"]) == ("Augusta", "laterEffectiveTime", 1)
    assert first["winner"]["datasetName"] == LOGINS
    assert first["winner"]["recordNumber"] == 2
    assert first["winner"]["identity"]["id"] == "ada@example.com"
    (lost,) = first["losers"]
    assert (lost["value"], lost["datasetName"]) == ("Ada", REGISTRATIONS)
    assert (lost["rule"], lost["how"], lost["agrees"]) == ("laterEffectiveTime", "value", False)
    assert lost["ingestedAt"] < first["winner"]["ingestedAt"]
    last = leaf(found, "person.name.lastName")
    assert (last["rule"], last["losers"]) == ("only", [])
    assert leaf(found, "identityMap.crmid")["rule"] == "builtFromGraph"
    assert leaf(found, "identityMap.crmid")["winner"] is None
    assert [one["id"] for one in found["identities"]] == ["ada@example.com", "7"]


def test_the_leaves_put_together_are_the_profile_that_lookups_answer(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD, **name("Ada", lastName="King")))
    app.clock.advance(ms=1000)
    app.ingest(LOGINS, record(ADA, testProfile=True, **name("Augusta")))
    together: JSON = {}
    for one in why(app, "7", "CRMID")["leaves"]:
        *above, last = one["path"].split(".")
        place = together
        for key in above:
            place = place.setdefault(key, {})
        place[last] = one["value"]
    ((found,),) = [json_of(app.get(f"{RECORD}&{asked('7', 'CRMID')}")).values()]
    assert together == found["entity"]


def test_a_ranked_policy_names_the_rank_and_lists_what_it_leaves_out(app):
    ada = ("Email", "ada@example.com")
    app.ingest(REGISTRATIONS, record(ada, **name("Ada")))
    app.clock.advance(ms=1000)
    app.ingest(LOGINS, record(ada, **name("Augusta")))
    both = why(app, "ada@example.com", mergePolicyId=ranked(app, REGISTRATIONS, LOGINS))
    first = leaf(both, "person.name.firstName")
    assert (first["value"], first["rule"]) == ("Ada", "datasetRank")
    assert both["excluded"] == []
    one = why(app, "ada@example.com", mergePolicyId=ranked(app, REGISTRATIONS))
    assert leaf(one, "person.name.firstName")["rule"] == "only"
    (excluded,) = one["excluded"]
    assert (excluded["datasetName"], excluded["rule"]) == (LOGINS, "datasetNotInPolicy")


def test_fields_select_leaves_and_pages_come_one_after_the_other(app):
    app.ingest(REGISTRATIONS, record(("Email", "a@example.com"), **name("Ada", lastName="King")))
    found = why(app, "a@example.com", fields="person.name")
    assert [one["path"] for one in found["leaves"]] == [
        "person.name.firstName",
        "person.name.lastName",
    ]
    page = why(app, "a@example.com", fields="person.name", limit=1)
    assert (len(page["leaves"]), page["_page"]["total"]) == (1, 2)
    rest = why(app, "a@example.com", fields="person.name", start=page["_page"]["next"])
    assert page["leaves"] + rest["leaves"] == found["leaves"]
    assert rest["_page"]["next"] is None


def test_an_identity_can_be_asked_for_by_its_xid(app):
    app.ingest(REGISTRATIONS, record(("ECID", ecid(1)), **name("Ada")))
    xid = why(app, ecid(1), "ECID")["requested"]["xid"]
    answer = app.get(f"{PROFILE}?entityId={xid}")
    assert json_of(answer)["requested"] == {"entityId": xid, "entityIdNS": None, "xid": xid}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("entityIdNS=Email", 400),
        ("entityId=nobody&entityIdNS=nowhere", 400),
        ("entityId=nobody", 400),
        ("entityId=a%40b.c&entityIdNS=Email", 404),
        ("entityId=a%40b.c&entityIdNS=Email&mergePolicyId=none", 404),
        ("entityId=a%40b.c&entityIdNS=Email&colour=red", 400),
        ("entityId=a%40b.c&entityId=b%40b.c&entityIdNS=Email", 400),
        ("entityId=a%40b.c&entityIdNS=Email&limit=0", 400),
        ("entityId=a%40b.c&entityIdNS=Email&start=-1", 400),
        ("entityId=a%40b.c&entityIdNS=Email&fields=" + ".".join("a" * 40), 400),
        (f"entityId={'x' * 1025}&entityIdNS=Email", 400),
    ],
)
def test_a_wrong_question_about_a_profile_is_refused(shared, query, status):
    answer = shared.get(f"{PROFILE}?{query}")
    assert answer.status_code == status, answer.text
    assert json_of(answer)["status"] == status


def between(app: App, one: Named, other: Named) -> JSON:
    query = {"fromNS": one[0], "from": one[1], "toNS": other[0], "to": other[1]}
    answer = app.get(f"{LINK}?{urlencode(query)}")
    assert answer.status_code == 200, answer.text
    return json_of(answer)


def chain(found: JSON) -> list[str]:
    return [found["from"]["id"], *(link["to"]["id"] for link in found["links"])]


def test_the_chain_between_two_identities_is_told_with_the_records_behind_it(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD))
    app.clock.advance(ms=1000)
    app.ingest(LOGINS, record(CARD, ADA))
    app.ingest(EVENTS, event("e1", ("ECID", ecid(1)), CARD, at_ms=START_MS))
    found = between(app, ADA, ("ECID", ecid(1)))
    assert (found["onePerson"], found["rule"]) == (True, None)
    assert chain(found) == ["ada@example.com", "7", ecid(1)]
    first, second = found["links"]
    assert (first["linked"], first["records"]) == (True, 2)
    assert first["firstAt"] < first["lastAt"]
    assert [
        (one["kind"], one["recordNumber"], one["datasetName"], one["identity"]["id"])
        for one in first["evidence"]
    ] == [
        ("profileRecord", 1, REGISTRATIONS, "ada@example.com"),
        ("profileRecord", 2, LOGINS, "7"),
    ]
    assert [one["current"] for one in first["evidence"]] == [True, True]
    (seen,) = second["evidence"]
    assert (seen["kind"], seen["eventId"], seen["current"]) == ("event", "e1", None)


def test_a_record_that_was_sent_anew_is_not_current(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD, **name("Ada")))
    app.ingest(REGISTRATIONS, record(ADA, **name("Augusta")))
    ((one,),) = [link["evidence"] for link in between(app, ADA, CARD)["links"]]
    assert (one["recordNumber"], one["current"]) == (1, False)


def test_of_many_records_the_first_and_the_last_are_told(app):
    app.ingest(EVENTS, *(event(f"e{n}", ADA, CARD, at_ms=START_MS) for n in range(25)))
    (link,) = between(app, ADA, CARD)["links"]
    assert link["records"] == 25
    assert [one["recordNumber"] for one in link["evidence"]] == [*range(1, 11), *range(16, 26)]


def test_an_identity_and_itself_are_one_person_without_a_link(app):
    app.ingest(REGISTRATIONS, record(ADA))
    found = between(app, ADA, ADA)
    assert (found["onePerson"], found["links"]) == (True, [])


def test_an_identity_that_nobody_named_is_unknown(app):
    app.ingest(REGISTRATIONS, record(ADA))
    found = between(app, ADA, BO)
    assert (found["onePerson"], found["rule"]) == (False, "unknownIdentity")
    assert [one["id"] for one in found["unknown"]] == ["bo@example.com"]


def test_two_that_no_records_name_together_have_nothing_between_them(app):
    app.ingest(REGISTRATIONS, record(ADA, CARD), record(BO))
    found = between(app, ADA, BO)
    assert (found["rule"], found["links"]) == ("neverNamedTogether", [])


def test_a_record_that_names_both_need_not_link_them(app):
    """AAID takes no part in graphs."""
    app.ingest(REGISTRATIONS, record(ADA, ("AAID", "2CE9ED7485011B1F-6000114180000007")))
    found = between(app, ADA, ("AAID", "2CE9ED7485011B1F-6000114180000007"))
    assert found["rule"] == "namedWithoutLinking"
    assert [one["recordNumber"] for one in found["links"][0]["evidence"]] == [1]


def one_card_a_person(app: App) -> None:
    body = {"namespaces": [{"code": "CRMID", "uniquePerGraph": True}, {"code": "ECID"}]}
    answer = app.request("PUT", SETTINGS, json=body, headers=app.headers())
    assert answer.status_code == 200, answer.text


def test_a_unique_namespace_that_keeps_two_apart_is_named_with_its_two_values(app):
    one_card_a_person(app)
    device, other = ("ECID", ecid(1)), ("CRMID", "8")
    app.ingest(EVENTS, event("e1", device, CARD, at_ms=START_MS))
    app.ingest(EVENTS, event("e2", device, other, at_ms=START_MS + 1000))
    found = between(app, CARD, other)
    assert (found["onePerson"], found["rule"]) == (False, "uniqueNamespace")
    assert [link["linked"] for link in found["links"]] == [False, True]
    assert {one["id"] for one in found["links"][0]["because"]} == {"7", "8"}


def test_a_rule_that_does_not_hold_any_more_is_told_as_bygone(app):
    one_card_a_person(app)
    device, other = ("ECID", ecid(1)), ("CRMID", "8")
    app.ingest(EVENTS, event("e1", device, CARD, at_ms=START_MS))
    app.ingest(EVENTS, event("e2", device, other, at_ms=START_MS + 1000))
    assert app.request("DELETE", SETTINGS, headers=app.headers()).status_code == 204
    assert between(app, CARD, other)["rule"] == "bygoneRule"
    app.ingest(EVENTS, event("e3", device, CARD, at_ms=START_MS + 2000))
    assert between(app, CARD, other)["onePerson"]


@pytest.mark.parametrize("bound", ["FOLLOWED_MAX", "SIGHTINGS_MAX"])
def test_more_than_can_be_followed_is_said_to_be_too_much(app, bound, monkeypatch):
    for number in range(3):
        app.ingest(REGISTRATIONS, record(ADA, ("CRMID", str(number))))
    app.ingest(REGISTRATIONS, record(BO))
    assert between(app, ADA, BO)["rule"] == "neverNamedTogether"
    monkeypatch.setattr(connection, bound, 2)
    assert between(app, ADA, BO)["rule"] == "evidenceTooLarge"


def test_a_chain_with_many_gaps_is_not_told(app, monkeypatch):
    one_card_a_person(app)
    for number in range(4):
        at_ms = START_MS + 1000 * number
        app.ingest(EVENTS, event(f"a{number}", ("CRMID", str(number)), ("ECID", ecid(number))))
        app.ingest(
            EVENTS,
            event(f"b{number}", ("CRMID", str(number + 1)), ("ECID", ecid(number)), at_ms=at_ms),
        )
    first, last = ("CRMID", "0"), ("CRMID", "4")
    assert between(app, first, last)["rule"] == "uniqueNamespace"
    monkeypatch.setattr(connection, "STEPS_MAX", 3)
    assert between(app, first, last)["rule"] == "evidenceTooLarge"


def test_every_pair_of_a_random_graph_is_explained(app):
    """Of one person there is a whole chain with its records; of two, what is missing is named."""
    one_card_a_person(app)
    random = Random(7)
    names = (
        [("ECID", ecid(n)) for n in range(5)] + [("CRMID", str(n)) for n in range(4)] + [ADA, BO]
    )
    for number in range(30):
        app.ingest(EVENTS, event(f"e{number}", *random.sample(names, 2), at_ms=START_MS + number))
    told: Counter[str | None] = Counter()
    for one, other in combinations(names, 2):
        found = between(app, one, other)
        told[found["rule"]] += 1
        linked = [link["linked"] for link in found["links"]]
        if not linked:
            assert found["rule"] in ("unknownIdentity", "neverNamedTogether")
            continue
        assert all(linked) == found["onePerson"]
        assert chain(found)[-1] == other[1]
        assert all(link["evidence"] for link in found["links"])
        assert found["rule"] == next((x["rule"] for x in found["links"] if x["rule"]), None)
    assert told[None] > 5
    assert told["uniqueNamespace"] > 5


def test_an_identity_that_left_a_full_person_is_told_apart_by_the_limit(app):
    app.ingest(
        EVENTS,
        *(event(f"e{n}", CARD, ("ECID", ecid(n)), at_ms=START_MS + n) for n in range(1, 51)),
    )
    found = between(app, CARD, ("ECID", ecid(1)))
    assert (found["rule"], chain(found)) == ("clusterLimit", ["7", ecid(1)])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "from=a&fromNS=Email",
        "from=a&fromNS=Email&to=b&toNS=nowhere",
        "from=a&fromNS=Email&to=noxid",
        "from=a&fromNS=Email&to=b&toNS=Email&colour=red",
        f"from={'x' * 1025}&fromNS=Email&to=b&toNS=Email",
    ],
)
def test_a_wrong_question_about_two_identities_is_refused(shared, query):
    answer = shared.get(f"{LINK}?{query}")
    assert answer.status_code == 400, answer.text
