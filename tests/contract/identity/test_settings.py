"""Linking rules over HTTP: settings, what they do to records, and simulations.

Source: identity contract, 7.
"""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.failed_record import FailedRecord
from onefold.domain.identity.xid import encode
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.asking import other_organisation, send
from tests.contract.people import ecid, event, record, second_sandbox

URL = "/data/core/identity/settings"
SIMULATION = f"{URL}/simulation"
GRAPH = "/data/core/identity/v2/graph"
JSON = dict[str, Any]
T0 = START_MS - 100_000
RULES = {"namespaces": [{"code": "CRMID", "uniquePerGraph": True}, {"code": "Email"}]}


def put(app: App, *namespaces: str) -> None:
    """Save settings; `!` behind a code makes it unique."""
    body = {
        "namespaces": [
            {"code": code.rstrip("!"), "uniquePerGraph": code.endswith("!")} for code in namespaces
        ]
    }
    answer = send(app, "PUT", URL, body)
    assert answer.status_code == 200, answer.text


def graph_of(app: App, code: str, id_: str) -> set[tuple[str, str]]:
    body = {"composite_xids": [{"ns": code, "id": id_}], "projection_type": "set"}
    answer = send(app, "POST", GRAPH, body).json()
    return {(one["ns"], one["id"]) for one in answer["graphs"][0]["members"]}


def codes(failed: list[FailedRecord]) -> list[str]:
    return [one.fault.code for one in failed]


# Settings


def test_there_are_no_settings_until_some_are_saved(app: App) -> None:
    for method in ("GET", "DELETE"):
        answer = send(app, method, URL)
        assert answer.status_code == 404
        assert answer.json()["title"] == "InvalidInput"
    assert send(app, "POST", SIMULATION, {}).status_code == 404


def test_settings_rank_every_namespace_that_enters_graphs(app: App) -> None:
    saved = send(app, "PUT", URL, RULES)
    assert saved.status_code == 200
    found = saved.json()["namespaces"]
    assert [one["priority"] for one in found] == list(range(1, len(found) + 1))
    ranked = [one["code"] for one in found]
    assert ranked[:3] == ["CRMID", "Email", "Phone"]
    assert {"AAID", "AEPSegments"}.isdisjoint(ranked)
    people = [one["idType"].upper() not in ("COOKIE", "DEVICE") for one in found]
    assert people == sorted(people, reverse=True)
    assert [one["code"] for one in found if one["uniquePerGraph"]] == ["CRMID"]
    assert send(app, "GET", URL).json() == saved.json()


def test_a_new_namespace_ranks_lowest_of_its_kind(app: App) -> None:
    put(app, "CRMID!", "ECID")
    for code, id_type in (("Shop", "CROSS_DEVICE"), ("Box", "DEVICE")):
        body = {"name": code, "code": code, "idType": id_type}
        send(app, "POST", "/data/core/idnamespace/identities", body)
    ranked = [one["code"] for one in send(app, "GET", URL).json()["namespaces"]]
    assert ranked.index("Shop") + 1 == ranked.index("ECID")
    assert ranked[-1] == "Box"


def test_settings_are_of_one_sandbox(app: App) -> None:
    other, _, _ = second_sandbox(app)
    put(app, "CRMID!")
    assert send(app, "GET", URL, x_sandbox_name=other.name).status_code == 404


def test_settings_can_be_replaced_and_taken_away(app: App) -> None:
    put(app, "CRMID!", "Email")
    put(app, "Email!", "CRMID")
    assert send(app, "GET", URL).json()["namespaces"][0]["code"] == "Email"
    assert send(app, "DELETE", URL).status_code == 204
    assert send(app, "GET", URL).status_code == 404


def test_a_namespace_that_only_finds_is_shown_last_and_kept(app: App) -> None:
    body = {
        "namespaces": [
            {"code": "Email", "lookupOnly": True},
            {"code": "CRMID", "uniquePerGraph": True},
            {"code": "ECID", "lookupOnly": False},
        ]
    }
    saved = send(app, "PUT", URL, body)
    assert saved.status_code == 200, saved.text
    found = saved.json()["namespaces"]
    assert [one["code"] for one in found if one["lookupOnly"]] == ["Email"]
    assert found[-1]["code"] == "Email"
    assert send(app, "GET", URL).json() == saved.json()
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    assert snapshot.lookup_only == {6}
    words = ("code", "uniquePerGraph", "lookupOnly")
    again = {"namespaces": [{word: one[word] for word in words} for one in found]}
    assert send(app, "PUT", URL, again).json() == saved.json()
    put(app, "CRMID!", "Email")
    assert app.rooms.definitions.snapshot(app.sandbox.id).lookup_only == frozenset()


def test_a_simulation_knows_who_only_finds(app: App) -> None:
    events = [
        {"identities": [{"namespace": "CRMID", "id": who}, {"namespace": "Email", "id": "a@x"}]}
        for who in ("Tom", "Summer")
    ]
    body = {
        "settings": {"namespaces": [{"code": "CRMID"}, {"code": "Email", "lookupOnly": True}]},
        "events": events,
    }
    tried = send(app, "POST", SIMULATION, body).json()
    assert (tried["before"]["clusters"], tried["before"]["links"]) == (1, 2)
    assert (tried["after"]["clusters"], tried["after"]["links"]) == (0, 0)
    assert tried["settings"]["namespaces"][-1]["lookupOnly"] is True


@pytest.mark.parametrize(
    ("namespaces", "place"),
    [
        ([], "/namespaces"),
        (
            [{"code": "Email", "uniquePerGraph": True, "lookupOnly": True}],
            "/namespaces/0/lookupOnly",
        ),
        ([{"code": "Nobody"}], "/namespaces/0/code"),
        ([{"code": "Email"}, {"code": "email"}], "/namespaces/1/code"),
        ([{"code": "AAID"}], "/namespaces/0/code"),
        ([{"code": "ECID"}, {"code": "Email"}], "/namespaces/1/code"),
        ([{"code": "Email"}, {"code": "IDFA", "uniquePerGraph": True}], "/1/uniquePerGraph"),
        (
            [
                {"code": code, "uniquePerGraph": True}
                for code in ("CRMID", "Email", "Phone", "LoyaltyId")
            ],
            "/namespaces/3/uniquePerGraph",
        ),
    ],
)
def test_bad_settings_are_refused_with_their_place(
    app: App, namespaces: list[JSON], place: str
) -> None:
    for method, url, body in (
        ("PUT", URL, {"namespaces": namespaces}),
        ("POST", SIMULATION, {"settings": {"namespaces": namespaces}}),
    ):
        answer = send(app, method, url, body)
        assert answer.status_code == 400
        assert answer.json()["detail"].endswith(place)
    assert send(app, "GET", URL).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"namespaces": [{}]},
        {"namespaces": "Email"},
        {"namespaces": [{"code": "Email", "lookupOnly": "yes"}]},
    ],
)
def test_settings_of_another_form_are_refused(app: App, body: Any) -> None:
    assert send(app, "PUT", URL, body).status_code == 400


def test_settings_name_at_most_a_thousand_namespaces(app: App) -> None:
    body = {"namespaces": [{"code": "Email"}] * 1001}
    assert send(app, "PUT", URL, body).status_code == 400


# Records


def test_a_shared_device_follows_who_was_seen_on_it_last(app: App) -> None:
    put(app, "CRMID!", "ECID")
    app.ingest(EVENTS, event("1", ("ECID", ecid(1)), ("CRMID", "Tom"), at_ms=T0))
    app.ingest(EVENTS, event("2", ("ECID", ecid(1)), ("CRMID", "Summer"), at_ms=T0 + 1))
    assert graph_of(app, "CRMID", "Summer") == {("CRMID", "Summer"), ("ECID", ecid(1))}
    assert graph_of(app, "CRMID", "Tom") == set()
    assert app.faults() == []


def test_settings_hold_from_the_next_record_on(app: App) -> None:
    app.ingest(EVENTS, event("1", ("ECID", ecid(1)), ("CRMID", "Tom"), at_ms=T0))
    app.ingest(EVENTS, event("2", ("ECID", ecid(1)), ("CRMID", "Summer"), at_ms=T0 + 1))
    put(app, "CRMID!", "ECID")
    assert len(graph_of(app, "CRMID", "Tom")) == 3
    app.ingest(EVENTS, event("3", ("ECID", ecid(1)), ("CRMID", "Tom"), at_ms=T0 + 2))
    assert graph_of(app, "CRMID", "Tom") == {("CRMID", "Tom"), ("ECID", ecid(1))}
    assert send(app, "DELETE", URL).status_code == 204
    app.ingest(EVENTS, event("4", ("ECID", ecid(1)), ("CRMID", "Summer"), at_ms=T0 + 3))
    assert len(graph_of(app, "CRMID", "Tom")) == 3
    assert app.faults() == []


def test_graphs_say_whether_rules_hold(app: App) -> None:
    body = {"xids": [encode(6, "kim@example.org")], "projection_type": "set"}
    members = f"/data/core/identity/cluster/members?xid={encode(6, 'kim@example.org')}"
    for algorithm in ("STITCH_ALL", "STITCH_LINKING_RULES"):
        assert send(app, "POST", GRAPH, body).json()["algo_type"] == algorithm
        assert app.get(members).json()["algo_type"] == algorithm
        put(app, "CRMID!")


def test_events_belong_to_their_highest_identity_whatever_is_flagged(app: App) -> None:
    put(app, "CRMID!", "Email", "ECID")
    app.ingest(
        EVENTS,
        event("1", ("ECID", ecid(1)), ("CRMID", "Tom"), at_ms=T0),  # the first one is flagged
        event("2", ("ECID", ecid(1)), ("IDFA", "a"), at_ms=T0 + 1),
        event("3", ("AAID", "0" * 16 + "-" + "0" * 16), at_ms=T0 + 2),
    )
    rows = app.places.profile(app.sandbox.id).read("SELECT event_id, xid FROM events")
    owners = {event_id.rpartition("/")[2]: xid for event_id, xid in rows}
    assert owners["1"] == encode(namespace_id(app, "CRMID"), "Tom")
    assert owners["2"] == encode(4, ecid(1))
    assert owners["3"] == encode(10, "0" * 16 + "-" + "0" * 16)


def test_records_belong_to_their_flagged_identity(app: App) -> None:
    put(app, "CRMID!", "Email")
    app.ingest(REGISTRATIONS, record(("Email", "tom@example.org"), ("CRMID", "Tom")))
    rows = app.places.profile(app.sandbox.id).read("SELECT xid FROM fragments")
    assert rows == [(encode(6, "tom@example.org"),)]


def test_a_record_with_two_values_of_a_unique_namespace_fails(app: App) -> None:
    put(app, "CRMID!", "Email")
    app.ingest(REGISTRATIONS, record(("Email", "tom@example.org"), ("CRMID", "T"), ("CRMID", "S")))
    app.ingest(EVENTS, event("1", ("Email", "tom@example.org"), ("CRMID", "T"), ("CRMID", "S")))
    assert codes(app.failed()) == ["REC-2001", "REC-2001"]
    assert "CRMID" in app.failed()[0].fault.detail
    assert app.ended()[Outcome.APPLIED] == 0
    assert graph_of(app, "CRMID", "T") == set()


@pytest.mark.parametrize(
    ("identities", "code"),
    [
        ((("IDFA", "a"), ("IDFA", "b"), ("ECID", ecid(1))), "REC-2002"),
        ((("Email", "a"), ("Email", "b"), ("IDFA", "a")), "REC-2002"),
        ((("Email", "a"), ("IDFA", "a"), ("IDFA", "b")), None),
        ((("Email", "a"), ("Email", "a")), None),
        ((("CRMID", "a"), ("Email", "a"), ("Email", "b")), None),
    ],
)
def test_an_event_names_one_identity_of_its_highest_namespace(
    app: App, identities: tuple[tuple[str, str], ...], code: str | None
) -> None:
    put(app, "CRMID!", "Email", "IDFA", "ECID")
    app.ingest(EVENTS, event("1", *identities, at_ms=T0))
    assert codes(app.failed()) == ([code] if code else [])


def test_a_record_may_name_two_identities_of_its_highest_namespace(app: App) -> None:
    put(app, "CRMID!", "Email")
    app.ingest(REGISTRATIONS, record(("Email", "a@example.org"), ("Email", "b@example.org")))
    assert app.failed() == []


# Simulation


def test_a_simulation_shows_what_settings_would_do_and_changes_nothing(app: App) -> None:
    app.ingest(EVENTS, event("1", ("ECID", ecid(1)), ("CRMID", "Tom"), at_ms=T0))
    app.ingest(EVENTS, event("2", ("ECID", ecid(1)), ("CRMID", "Summer"), at_ms=T0 + 1))
    app.ingest(EVENTS, event("3", ("ECID", ecid(2)), ("CRMID", "Kim"), at_ms=T0 + 2))
    answer = send(app, "POST", SIMULATION, {"settings": RULES})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["source"] == "links"
    assert found["before"] == {"identities": 5, "links": 3, "clusters": 2}
    assert found["after"] == {"identities": 5, "links": 2, "clusters": 2}
    assert [found[name] for name in COUNTS] == [0, 1, 0, 0, 1]
    (change,) = found["largestChanges"]
    assert len(change["members"]) == 3
    summer = [{"namespace": "CRMID", "id": "Summer"}, {"namespace": "ECID", "id": ecid(1)}]
    assert sorted(change["parts"][0], key=str) == sorted(summer, key=str)
    assert change["parts"][1] == [{"namespace": "CRMID", "id": "Tom"}]
    assert len(graph_of(app, "CRMID", "Tom")) == 3
    assert send(app, "GET", URL).status_code == 404


COUNTS = ("eventsRefused", "clustersSplit", "clustersJoined", "clustersOverLimit", "linksRemoved")


def test_a_simulation_uses_the_saved_settings_when_none_are_sent(app: App) -> None:
    put(app, "CRMID!")
    found = send(app, "POST", SIMULATION, {}).json()
    assert found["settings"] == send(app, "GET", URL).json()
    assert found["before"] == found["after"] == {"identities": 0, "links": 0, "clusters": 0}


def typed(*events: str) -> list[JSON]:
    """Events such as `CRMID:Tom ECID:111`."""
    return [
        {
            "identities": [
                dict(zip(("namespace", "id"), one.split(":"), strict=True)) for one in event.split()
            ]
        }
        for event in events
    ]


def test_a_simulation_of_events_applies_them_in_their_order(app: App) -> None:
    events = typed("CRMID:Tom ECID:111", "CRMID:Summer ECID:111")
    found = send(app, "POST", SIMULATION, {"settings": RULES, "events": events}).json()
    assert found["source"] == "events"
    assert found["before"] == {"identities": 3, "links": 2, "clusters": 1}
    assert found["after"] == {"identities": 3, "links": 1, "clusters": 1}
    assert [{one["id"] for one in part} for part in found["largestChanges"][0]["parts"]] == [
        {"Summer", "111"},
        {"Tom"},
    ]
    stamped = [
        event | {"timestamp": f"2026-01-0{day}T00:00:00Z"}
        for event, day in zip(events, (2, 1), strict=True)
    ]
    late = send(app, "POST", SIMULATION, {"settings": RULES, "events": stamped}).json()
    assert {one["id"] for one in late["largestChanges"][0]["parts"][0]} == {"Tom", "111"}


def test_a_simulation_of_events_counts_refusals_and_full_graphs(app: App) -> None:
    crowd = [f"CRMID:Tom ECID:{number}" for number in range(60)]
    events = typed(*crowd, "CRMID:Tom CRMID:Summer", "Email:a Email:b", "Email:c")
    found = send(app, "POST", SIMULATION, {"settings": RULES, "events": events}).json()
    assert found["eventsRefused"] == 2
    assert found["clustersOverLimit"] == 1
    assert found["after"]["clusters"] == 1


def test_a_simulation_shows_as_many_changes_as_wanted(app: App) -> None:
    events = typed(
        *(f"CRMID:{who}{n} ECID:{n}" for n in range(12) for who in ("a", "b")),
        "CRMID:b3 Email:x",
    )
    for largest, shown in ((None, 10), (0, 0), (100, 12)):
        body: JSON = {"settings": RULES, "events": events}
        if largest is not None:
            body["largest"] = largest
        found = send(app, "POST", SIMULATION, body).json()
        assert found["clustersSplit"] == 12
        assert len(found["largestChanges"]) == shown
    assert len(found["largestChanges"][0]["members"]) == 4


@pytest.mark.parametrize(
    "body",
    [
        {"largest": -1},
        {"largest": 101},
        {"events": [{"identities": [{"namespace": "Nobody", "id": "x"}]}]},
        {"events": [{"identities": [{"namespace": "Email", "id": ""}]}]},
        {"events": [{"identities": [{"namespace": "Email", "id": "x" * 1025}]}]},
        {"events": [{"identities": [], "timestamp": "yesterday"}]},
        {"events": [{"identities": [{"namespace": "Email"}]}]},
        {"events": [{"identities": [{"namespace": "Email", "id": "x"}] * 21}]},
        {"events": [{"identities": []}] * 10_001},
        {"events": [{"identities": [{"namespace": "Email", "id": "x"}] * 20}] * 316},
        {"events": {}},
        {"settings": []},
    ],
)
def test_bad_simulations_are_refused(app: App, body: JSON) -> None:
    answer = send(app, "POST", SIMULATION, {"settings": RULES} | body)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"title", "status", "detail"}


def test_no_events_make_no_graph(app: App) -> None:
    found = send(app, "POST", SIMULATION, {"settings": RULES, "events": []}).json()
    assert found["after"] == {"identities": 0, "links": 0, "clusters": 0}


def test_settings_need_the_gateway_and_another_organisation_has_its_own(app: App) -> None:
    put(app, "CRMID!")
    for method, url in (("GET", URL), ("PUT", URL), ("DELETE", URL), ("POST", SIMULATION)):
        assert send(app, method, url, {}, authorization=None).status_code == 403
    assert send(app, "GET", URL, **other_organisation(app)).status_code == 404


def namespace_id(app: App, code: str) -> int:
    namespace = app.rooms.definitions.snapshot(app.sandbox.id).namespaces.by_code(code)
    assert namespace is not None
    return namespace.id
