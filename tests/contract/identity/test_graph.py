"""Graphs over HTTP, in the present and in the older form. Source: identity contract, 8.3 to 8.5."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.identity.xid import encode
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.asking import other_organisation, send
from tests.contract.people import ecid, event, record, second_sandbox

URL = "/data/core/identity/v2/graph"
MEMBERS = "/data/core/identity/cluster/members"
MANY_MEMBERS = "/data/core/identity/clusters/members"
JSON = dict[str, Any]
MAIL, PHONE = "ada@example.com", "+46701740650"
EMAIL_XID, PHONE_XID, ECID_XID = encode(6, MAIL), encode(7, PHONE), encode(4, ecid(1))
LONER_XID = encode(6, "bob@example.com")
T0 = START_MS - 100_000


@pytest.fixture(scope="module")
def people(fresh: Callable[[], Path]) -> Iterator[App]:
    """Ada, whose phone came to know her e-mail first and her ECID by two events; and Bob, alone."""
    app = App(fresh())
    app.ingest(REGISTRATIONS, record(("Email", MAIL), ("Phone", PHONE)))
    app.ingest(REGISTRATIONS, record(("Email", "bob@example.com")))
    app.clock.advance(ms=1000)
    for number in (1, 2):
        person = (("ECID", ecid(1)), ("Email", MAIL))
        app.ingest(EVENTS, event(f"e{number}", *person, at_ms=T0 + number))
    yield app
    app.close()


def asked(app: App, body: JSON, **headers: str) -> JSON:
    answer = send(app, "POST", URL, body, **headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json;version=2.2.1;charset=utf-8"
    found: JSON = answer.json()
    return found


def ada(form: str) -> list[JSON]:
    """Ada's identities, named in one form, in order of the answer."""
    email, phone, cookie = {
        "ns": ("Email", "Phone", "ECID"),
        "namespace": ("Email", "Phone", "ECID"),
        "nsid": (6, 7, 4),
    }[form]
    known = sorted([(EMAIL_XID, email, MAIL), (PHONE_XID, phone, PHONE)])
    known.append((ECID_XID, cookie, ecid(1)))
    return [{form: namespace, "id": id_} for _, namespace, id_ in known]


@pytest.fixture
def set_of() -> JSON:
    return {"projection_type": "set"}


@pytest.mark.parametrize("key", ["composite_xids", "composite_xid"])
@pytest.mark.parametrize(
    "named",
    [
        {"ns": "email", "id": MAIL},
        {"nsid": 6, "id": MAIL},
        {"nsid": "7", "id": PHONE},
        {"namespace": "ECID", "id": ecid(1)},
    ],
)
def test_set_is_named_as_it_was_asked_for(people: App, key: str, named: JSON, set_of: JSON) -> None:
    form = next(iter(named))
    echoed = named | ({"nsid": int(named["nsid"])} if form == "nsid" else {})
    answer = asked(people, set_of | {key: [named], "graph_type": "any", "filter": [{}]})
    assert answer == {
        "version": "2.0",
        "graphs": [{"composite_xid": echoed, "members": ada(form)}],
        "unprocessed_composite_xids": [],
        "algo_type": "STITCH_ALL",
    }


def test_a_single_identity_needs_no_list(people: App, set_of: JSON) -> None:
    one = {"ns": "Email", "id": MAIL}
    listed = asked(people, set_of | {"composite_xid": [one]})
    assert asked(people, set_of | {"composite_xid": one}) == listed


def test_set_of_xids(people: App, set_of: JSON) -> None:
    answer = asked(people, set_of | {"xids": [PHONE_XID, LONER_XID, PHONE_XID, "no xid"]})
    members = [*sorted((EMAIL_XID, PHONE_XID)), ECID_XID]
    assert answer == {
        "version": "2.0",
        "graphs": [
            {"xid": PHONE_XID, "members": members},
            {"xid": LONER_XID, "members": []},
            {"xid": PHONE_XID, "members": members},
        ],
        "unprocessed_xids": ["no xid"],
        "algo_type": "STITCH_ALL",
    }


def test_who_is_alone_or_unknown_has_no_members(people: App, set_of: JSON) -> None:
    loner, stranger = ({"ns": "Email", "id": f"{name}@example.com"} for name in ("bob", "eve"))
    strange = {"ns": "shoesize", "id": "44"}
    number = {"nsid": 5, "id": "1"}
    answer = asked(people, set_of | {"composite_xids": [loner, strange, stranger, number]})
    assert answer["graphs"] == [
        {"composite_xid": loner, "members": []},
        {"composite_xid": stranger, "members": []},
    ]
    assert answer["unprocessed_composite_xids"] == [strange, number]
    drawn = asked(people, {"projection_type": "graph", "composite_xids": [loner]})
    assert drawn["graphs"] == [{"composite_xid": loner, "vertices": [], "edges": []}]


def test_graph_has_vertices_and_edges_with_their_times(people: App) -> None:
    body = {"projection_type": "graph", "xids": [ECID_XID]}
    answer = asked(people, body)
    (graph,) = answer["graphs"]
    phone_pair = sorted((EMAIL_XID, PHONE_XID))
    cookie_pair = sorted((ECID_XID, EMAIL_XID))
    latest = {EMAIL_XID: START_MS, PHONE_XID: START_MS, ECID_XID: T0 + 2}
    assert graph["xid"] == ECID_XID
    assert graph["vertices"] == [
        {"xid": xid, "last_updated_ts": latest[xid]} for xid in (*phone_pair, ECID_XID)
    ]
    edges = [
        {
            "xid_pair": cookie_pair,
            "first_established_ts": T0 + 1,
            "last_established_ts": T0 + 2,
        },
        {
            "xid_pair": phone_pair,
            "first_established_ts": START_MS,
            "last_established_ts": START_MS,
        },
    ]
    assert graph["edges"] == sorted(edges, key=lambda edge: str(edge["xid_pair"]))
    with_sources = asked(people, body | {"require_edge_meta_data": True})["graphs"][0]["edges"]
    sources = {tuple(edge["xid_pair"]): edge["dataset_ids"] for edge in with_sources}
    assert sources == {
        tuple(cookie_pair): [people.datasets[EVENTS].id],
        tuple(phone_pair): [people.datasets[REGISTRATIONS].id],
    }
    assert all(edge["batch_ids"] == [] for edge in with_sources)


def test_composite_graph_names_both_ends(people: App) -> None:
    named = {"nsid": 4, "id": ecid(1)}
    body = {"projection_type": "graph", "composite_xids": [named]}
    (graph,) = asked(people, body)["graphs"]
    assert [vertex["composite_xid"] for vertex in graph["vertices"]] == ada("nsid")
    pairs = [edge["composite_xid_pair"] for edge in graph["edges"]]
    assert all(end in ada("nsid") for pair in pairs for end in pair)
    assert [len(pair) for pair in pairs] == [2, 2]


def test_link_of_two_datasets_is_one_edge(app: App) -> None:
    person = (("Email", MAIL), ("Phone", PHONE))
    app.ingest(REGISTRATIONS, record(*person))
    app.ingest(EVENTS, event("e1", *person, at_ms=T0))
    body = {"projection_type": "graph", "require_edge_meta_data": True, "xids": [EMAIL_XID]}
    (edge,) = asked(app, body)["graphs"][0]["edges"]
    assert (edge["first_established_ts"], edge["last_established_ts"]) == (T0, START_MS)
    assert edge["dataset_ids"] == sorted(app.datasets[n].id for n in (REGISTRATIONS, EVENTS))


def test_graph_of_one_sandbox_is_not_of_another(people: App, set_of: JSON) -> None:
    sandbox, _, _ = second_sandbox(people)
    body = set_of | {"xids": [EMAIL_XID]}
    nothing = [{"xid": EMAIL_XID, "members": []}]
    assert asked(people, body, x_sandbox_name=sandbox.name)["graphs"] == nothing
    theirs = other_organisation(people)
    assert asked(people, body, **theirs)["graphs"] == nothing
    custom = set_of | {"composite_xids": [{"ns": "CRMID", "id": "1"}]}
    assert asked(people, custom)["unprocessed_composite_xids"] == []
    assert len(asked(people, custom, **theirs)["unprocessed_composite_xids"]) == 1


def test_namespace_that_was_just_made_can_be_asked_for(app: App, set_of: JSON) -> None:
    body = set_of | {"composite_xids": [{"ns": "Card", "id": "1"}]}
    assert len(asked(app, body)["unprocessed_composite_xids"]) == 1
    new = {"name": "Card", "code": "Card", "idType": "EMAIL"}
    assert app.post("/data/core/idnamespace/identities", new).status_code == 200
    assert asked(app, body)["unprocessed_composite_xids"] == []


MISSING = "Missing required query parameter - "


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"projection_type": "set"}, f"{MISSING}xids or compositeXids"),
        ({"projection_type": "set", "xids": []}, f"{MISSING}xids or compositeXids"),
        ({"projection_type": "set", "composite_xids": [{"id": "1"}]}, f"{MISSING}nsId"),
        ({"projection_type": "set", "composite_xids": [{"ns": "email"}]}, f"{MISSING}id"),
        ({"xids": ["x"]}, "projection_type must be set or graph"),
        ({"projection_type": "tree", "xids": ["x"]}, "projection_type must be set or graph"),
        (
            {"projection_type": "set", "xids": ["x"] * 1001},
            "There is a limit of 1000 XIDs in a single call",
        ),
        (
            {"projection_type": "set", "composite_xids": [{"ns": "a", "id": "1"}] * 1001},
            "There is a limit for 1000 compositeXids in a single call",
        ),
        ({"projection_type": "set", "xids": [1]}, "XIDs are texts"),
        ({"projection_type": "set", "composite_xids": ["x"]}, None),
        ({"projection_type": "set", "composite_xids": [{"ns": 1, "id": "1"}]}, None),
        ({"projection_type": "set", "composite_xids": [{"nsid": True, "id": "1"}]}, None),
        ({"projection_type": "set", "composite_xids": [{"nsid": 4, "id": 1}]}, None),
        ({"projection_type": "set", "xids": "x"}, None),
        ([], None),
        (None, None),
    ],
)
def test_bad_questions_are_a_400(people: App, body: Any, detail: str | None) -> None:
    answer = send(people, "POST", URL, body)
    assert answer.status_code == 400, answer.text
    assert answer.json() == {
        "title": "InvalidInput",
        "status": 400,
        "detail": detail or answer.json()["detail"],
    }


def test_thousand_identities_are_allowed(people: App, set_of: JSON) -> None:
    named = [{"nsid": 4, "id": ecid(number)} for number in range(1000)]
    answer = asked(people, set_of | {"composite_xids": named})
    assert [len(graph["members"]) for graph in answer["graphs"]] == [0, 3, *[0] * 998]


@pytest.mark.parametrize("number", ["9" * 50, "-1", "1e400", "²"])
def test_numbers_that_are_no_namespace_are_never_a_500(people: App, number: str) -> None:
    body = b'{"projection_type":"set","composite_xids":[{"nsid":%b,"id":"1"}]}'
    raw = number if number.isascii() else f'"{number}"'
    headers = people.headers(content_type="application/json")
    content = body % raw.encode()
    assert people.request("POST", URL, content=content, headers=headers).status_code in (200, 400)


def test_answer_has_a_limit_of_edges(people: App, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"projection_type": "graph", "xids": [EMAIL_XID, PHONE_XID]}
    monkeypatch.setattr("onefold.api.identity.graph.EDGES_MAX", 4)
    asked(people, body)
    monkeypatch.setattr("onefold.api.identity.graph.EDGES_MAX", 3)
    answer = send(people, "POST", URL, body)
    assert (answer.status_code, answer.json()["title"]) == (400, "InvalidInput")


# The older form


@pytest.mark.parametrize(
    ("query", "named", "form"),
    [
        (f"nsid=6&id={MAIL}", {"nsid": 6, "id": MAIL}, "nsid"),
        (f"nsId=6&id={MAIL}&graph-type=Private%20Graph", {"nsid": 6, "id": MAIL}, "nsid"),
        (f"ns=email&id={MAIL}&graph-type=pdg", {"ns": "email", "id": MAIL}, "ns"),
        (f"namespace=Email&id={MAIL}&graph-type=private", {"ns": "Email", "id": MAIL}, "ns"),
    ],
)
def test_members_of_one_cluster(people: App, query: str, named: JSON, form: str) -> None:
    assert people.get(f"{MEMBERS}?{query}").json() == {
        "version": "1.1.0",
        "clusters": [{"compositeXid": named, "members": ada(form)}],
        "unprocessedRecords": [],
        "algo_type": "STITCH_ALL",
    }


def test_members_by_xid(people: App) -> None:
    members = [*sorted((EMAIL_XID, PHONE_XID)), ECID_XID]
    for url, found in (
        (f"{MEMBERS}?xid={ECID_XID}", members),
        (f"{MEMBERS}/?xid={ECID_XID}&graph-type=None", []),
    ):
        assert people.get(url).json()["clusters"] == [{"xid": ECID_XID, "members": found}]


def test_members_of_many_clusters(people: App) -> None:
    first = {"xids": [ECID_XID, "no xid"], "compositeXids": [{"nsid": 7, "id": PHONE}]}
    answer = people.post(MANY_MEMBERS, first | {"unknown": 1}).json()
    assert [cluster["xid"] for cluster in answer["clusters"]] == [ECID_XID]
    assert answer["unprocessedRecords"] == ["no xid"]
    second = {"compositeXids": [{"nsid": 7, "id": PHONE}], "compositeXidsWithNamespace": [1]}
    (cluster,) = people.post(MANY_MEMBERS, second).json()["clusters"]
    assert cluster == {"compositeXid": {"nsid": 7, "id": PHONE}, "members": ada("nsid")}
    third = {"compositeXidsWithNamespace": [{"ns": "Phone", "id": PHONE}], "graph-type": "coop"}
    (cluster,) = people.post(MANY_MEMBERS, third).json()["clusters"]
    assert cluster["members"] == ada("ns")


@pytest.mark.parametrize(
    ("query", "description"),
    [
        ("", f"{MISSING}xid or (nsid,id)"),
        ("id=1", f"{MISSING}nsId"),
        ("ns=email", f"{MISSING}id"),
        (
            f"xid={ECID_XID}&graph-type=abc",
            "The graph-type abc specified is invalid. Please provide a valid graph-type",
        ),
    ],
)
def test_bad_questions_of_the_older_form(people: App, query: str, description: str) -> None:
    answer = people.get(f"{MEMBERS}?{query}")
    assert answer.status_code == 400
    assert answer.json() == {"title": "InvalidInput", "status": 400, "description": description}


@pytest.mark.parametrize(
    "body", [{}, {"xids": []}, {"xids": ["x"] * 1001}, {"xids": ["x"], "graph-type": "x"}, [], None]
)
def test_bad_lists_of_the_older_form(people: App, body: Any) -> None:
    answer = send(people, "POST", MANY_MEMBERS, body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"title", "status", "description"}
