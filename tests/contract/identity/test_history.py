"""Cluster histories and mappings over HTTP. Source: identity contract, 8.4 and 8.5."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from onefold.control.starter import EVENTS
from onefold.domain.identity.xid import encode
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.asking import other_organisation, send
from tests.contract.people import ecid, event

HISTORY = "/data/core/identity/cluster/history"
HISTORIES = "/data/core/identity/clusters/history"
MAPPING = "/data/core/identity/mapping"
MAPPINGS = "/data/core/identity/mappings"
JSON = dict[str, Any]
DAY_MS = 86_400_000
MAIL = "ada@example.com"
DEVICES = (encode(4, ecid(1)), encode(4, ecid(2)))
EMAIL = encode(6, MAIL)
T0 = START_MS - 100_000


@pytest.fixture(scope="module")
def people(fresh: Callable[[], Path]) -> Iterator[App]:
    """Ada has a device on the first day, her e-mail address on the second, both together on the
    third, and another device on the fourth; Bob is alone."""
    app = App(fresh())
    device, other, mail = ("ECID", ecid(1)), ("ECID", ecid(2)), ("Email", MAIL)
    for day, named in enumerate(((device,), (mail,), (device, mail), (other, mail))):
        app.at(START_MS + day * DAY_MS)
        app.ingest(EVENTS, event(f"e{day}", *named, at_ms=T0 + day))
    app.ingest(EVENTS, event("e9", ("Email", "bob@example.com"), at_ms=T0))
    yield app
    app.close()


def histories(app: App, body: JSON) -> JSON:
    answer = send(app, "POST", HISTORIES, body)
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def stays(entry: JSON) -> list[tuple[str, int]]:
    """Clusters with the day on which each began."""
    return [
        (stay["clusterId"], (int(stay["cRecordedTS"]) - START_MS) // DAY_MS)
        for stay in entry["clusterHistory"]
    ]


def test_history_tells_clusters_and_since_when(people: App) -> None:
    answer = people.get(f"{HISTORY}?xid={EMAIL}")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["version"], found["unprocessedXids"], found["unprocessedNids"]) == (1, [], [])
    (entry,) = found["xidsClusterHistory"]
    assert entry["xid"] == EMAIL
    assert entry["compositeXid"] == {"nsid": 6, "id": MAIL}
    clusters = [EMAIL, min(DEVICES[0], EMAIL), min(*DEVICES, EMAIL)]  # from the second day on
    moves = [n for n in range(3) if n == 0 or clusters[n] != clusters[n - 1]]
    assert stays(entry) == [(clusters[n], n + 1) for n in moves]


def test_histories_of_all_agree_on_the_clusters_of_today(people: App) -> None:
    found = histories(people, {"xids": [*DEVICES, EMAIL]})["xidsClusterHistory"]
    assert [entry["xid"] for entry in found] == [*DEVICES, EMAIL]
    assert {stays(entry)[-1][0] for entry in found} == {min(*DEVICES, EMAIL)}
    for entry in found:
        days = [day for _, day in stays(entry)]
        assert days == sorted(set(days))
    first_seen = {entry["xid"]: stays(entry)[0] for entry in found}
    assert first_seen[DEVICES[0]] == (DEVICES[0], 0)
    assert first_seen[EMAIL] == (EMAIL, 1)


@pytest.mark.parametrize("key", ["compositeXids", "compositeXidsWithNamespace"])
def test_histories_can_be_asked_by_namespace_and_id(people: App, key: str) -> None:
    form = {"nsid": 6} if key == "compositeXids" else {"ns": "email"}
    by_name = histories(people, {key: [{**form, "id": MAIL}]})
    assert by_name == histories(people, {"xids": [EMAIL]})


def test_history_of_an_unknown_identity_is_empty_and_of_an_impossible_one_unprocessed(
    people: App,
) -> None:
    stranger = encode(6, "nobody@example.com")
    found = histories(people, {"xids": [stranger, "no xid"]})
    assert [entry["clusterHistory"] for entry in found["xidsClusterHistory"]] == [[]]
    assert found["unprocessedXids"] == ["no xid"]
    named = {"ns": "Nobody", "id": "x"}
    assert histories(people, {"compositeXids": [named]})["unprocessedNids"] == [named]


def test_history_since_a_time_begins_with_the_cluster_of_that_time(people: App) -> None:
    whole = stays(people.get(f"{HISTORY}?xid={DEVICES[0]}").json()["xidsClusterHistory"][0])
    since = START_MS + 3 * DAY_MS
    cut = people.get(f"{HISTORY}?xid={DEVICES[0]}&timestamp={since}").json()
    expected = [
        stay
        for place, stay in enumerate(whole)
        if place + 1 == len(whole) or whole[place + 1][1] > 3
    ]
    assert stays(cut["xidsClusterHistory"][0]) == expected
    posted = histories(people, {"xids": [DEVICES[0]], "timestamp": since})
    assert posted == cut


@pytest.mark.parametrize("timestamp", ["0", str(START_MS + 400 * DAY_MS), "yesterday", "9" * 16])
def test_history_goes_back_half_a_year(people: App, timestamp: str) -> None:
    answer = people.get(f"{HISTORY}?xid={EMAIL}&timestamp={timestamp}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"title", "status", "description"}


def test_what_ended_more_than_half_a_year_ago_is_not_told(app: App) -> None:
    device, mail = ("ECID", ecid(1)), ("Email", MAIL)
    app.ingest(EVENTS, event("1", device, at_ms=T0), event("2", mail, at_ms=T0))
    app.clock.advance(ms=DAY_MS)
    app.ingest(EVENTS, event("3", device, mail, at_ms=T0))
    moved = max(DEVICES[0], EMAIL)
    before = app.get(f"{HISTORY}?xid={moved}").json()["xidsClusterHistory"][0]
    assert stays(before) == [(moved, 0), (min(DEVICES[0], EMAIL), 1)]
    app.clock.advance(ms=181 * DAY_MS)
    after = app.get(f"{HISTORY}?xid={moved}").json()["xidsClusterHistory"][0]
    assert stays(after) == [(min(DEVICES[0], EMAIL), 1)]


@pytest.mark.parametrize(
    ("method", "url", "body", "text"),
    [
        ("GET", HISTORY, None, "Missing required query parameter - xid or (nsid,id)"),
        ("GET", f"{HISTORY}?xid=a&graph-type=abc", None, "The graph-type abc specified is"),
        ("POST", HISTORIES, {}, "Missing required query parameter - xids or compositeXids"),
        ("POST", HISTORIES, {"xids": ["a"] * 1001}, "There is a limit of 1000 XIDs"),
        ("POST", HISTORIES, {"compositeXids": [{}] * 1001}, "There is a limit for 1000 composite"),
        ("POST", HISTORIES, {"xids": ["a"], "timestamp": "x"}, "The body is not a question"),
        ("POST", HISTORIES, {"xids": ["a"], "timestamp": 1}, "Timestamp should be within last 180"),
        ("POST", HISTORIES, {"xids": ["a"], "graph-type": "abc"}, "The graph-type abc specified"),
        ("GET", f"{MAPPING}?targetNs=ECID", None, "Missing required query parameter - xid or"),
        ("GET", f"{MAPPING}?xid={EMAIL}", None, "Missing required query parameter - targetNs"),
        ("GET", f"{MAPPING}?xid={EMAIL}&targetNs=X", None, "No namespace is X"),
        ("GET", f"{MAPPING}?xid=a&targetNs=ECID&graph-type=abc", None, "The graph-type abc"),
        ("POST", MAPPINGS, {"targetNs": "ECID"}, "Missing required query parameter - xids or"),
        ("POST", MAPPINGS, {"xids": ["a"]}, "Missing required query parameter - targetNs"),
        ("POST", MAPPING, {"xids": ["a"] * 1001, "targetNs": "ECID"}, "There is a limit of 1000"),
        ("POST", MAPPING, [], "The body is not a question"),
    ],
)
def test_bad_questions_are_refused(
    people: App, method: str, url: str, body: Any, text: str
) -> None:
    answer = send(people, method, url, body)
    assert answer.status_code == 400
    assert answer.json()["description"].startswith(text)


def mapped(app: App, body: JSON, url: str = MAPPINGS) -> JSON:
    answer = send(app, "POST", url, body)
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def test_mapping_tells_the_identities_of_another_namespace(people: App) -> None:
    answer = people.get(f"{MAPPING}?xid={EMAIL}&targetNs=ecid")
    assert answer.status_code == 200
    assert answer.json() == {
        "version": 1,
        "mappings": [
            {
                "xid": EMAIL,
                "mapping": [
                    {"xid": DEVICES[1], "lastAssociationTime": T0 + 3},
                    {"xid": DEVICES[0], "lastAssociationTime": T0 + 2},
                ],
                "regions": [],
            }
        ],
        "unprocessedXids": [],
        "unprocessedNids": [],
    }
    assert people.get(f"{MAPPING}?xid={EMAIL}&targetNs=4").json() == answer.json()


@pytest.mark.parametrize("url", [MAPPING, MAPPINGS])
def test_mappings_are_named_as_they_were_asked_for(people: App, url: str) -> None:
    asked = {"ns": "ECID", "id": ecid(1)}
    bad = {"ns": "Nobody", "id": "x"}
    body = {"compositeXidsWithNamespace": [asked, bad], "targetNs": 6}
    found = mapped(people, body, url)
    assert found["mappings"] == [
        {
            "xid": DEVICES[0],
            "compositeXid": asked,
            "mapping": [
                {"compositeXid": {"ns": "Email", "id": MAIL}, "lastAssociationTime": T0 + 3}
            ],
            "regions": [],
        }
    ]
    assert found["unprocessedNids"] == [bad]


def test_every_identity_asked_for_has_its_entry(people: App) -> None:
    bob = encode(6, "bob@example.com")
    found = mapped(people, {"xids": [bob, EMAIL, "no xid"], "targetNs": "ECID"})
    assert [(one["xid"], len(one["mapping"])) for one in found["mappings"]] == [
        (bob, 0),
        (EMAIL, 2),
    ]
    assert found["unprocessedXids"] == ["no xid"]


@pytest.mark.parametrize(
    "query",
    [
        f"xid={encode(6, 'bob@example.com')}&targetNs=ECID",
        f"xid={EMAIL}&targetNs=Phone",
        f"xid={EMAIL}&targetNs=ECID&graph-type=none",
        "xid=no&targetNs=ECID",
        "ns=Nobody&id=x&targetNs=ECID",
    ],
)
def test_no_mapping_is_204(people: App, query: str) -> None:
    answer = people.get(f"{MAPPING}?{query}")
    assert (answer.status_code, answer.content) == (204, b"")


def test_another_organisation_sees_no_history_and_no_mapping(people: App) -> None:
    headers = other_organisation(people)
    found = send(people, "GET", f"{HISTORY}?xid={EMAIL}", **headers).json()
    assert found["xidsClusterHistory"][0]["clusterHistory"] == []
    mapping = send(people, "GET", f"{MAPPING}?xid={EMAIL}&targetNs=ECID", **headers)
    assert mapping.status_code == 204
    for url in (f"{HISTORY}?xid={EMAIL}", f"{MAPPING}?xid={EMAIL}&targetNs=ECID"):
        assert send(people, "GET", url, authorization=None).status_code == 403
