"""What the edge answers: it follows the people, forgets in time, and learns who is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain import removal
from onefold.domain.identity.xid import encode
from onefold.domain.removal import Removal
from onefold.journal import Accepted, Journal
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.asking import send as send_json
from tests.contract.people import ecid, event, iso, record, second_sandbox
from tests.contract.profile.edges import (
    DESTINATIONS,
    PROJECTIONS,
    ask,
    destination,
    first_name,
    fulfilled,
    projection,
    send,
)

ADA, ONE, TWO = ("Email", "ada@example.com"), ("ECID", ecid(1)), ("ECID", ecid(2))
MAIL = ADA[1]
DAY_MS = 86_400_000


def ingest(app: App, name: str, *named: tuple[str, str]) -> None:
    app.ingest(REGISTRATIONS, record(*named, **first_name(name)))


def shown(app: App, to: str, entity_id: str = MAIL, namespace: str = "Email") -> Any:
    """What is projected under the only name there is; None for a miss."""
    answer = ask(app, to, entity_id, namespace)
    if answer.status_code == 404:
        assert answer.json()["detail"][:8] == "PRJ-1010"
        return None
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["projections"].values()
    return found


def store_file(app: App, to: str) -> Path:
    return app.places.store(app.sandbox.id) / "edge" / f"{to}.db"


@pytest.fixture
def to(app: App) -> str:
    """A proactive destination with a projection of first names."""
    id_: str = destination(app)["id"]
    projection(app, id_, name="greeting")
    return id_


def test_an_answer_says_who_what_and_until_when(app: App, to: str) -> None:
    ingest(app, "Ada", ADA, ONE)
    app.clock.advance(ms=1_500)
    answer = ask(app, to, ONE[1], "ecid")
    assert answer.json() == {
        "identity": {"xid": encode(4, ONE[1])},
        "destination": {"id": to, "version": 1},
        "projections": {"greeting": first_name("Ada")},
        "refreshedAt": iso(START_MS),
        "expiresAt": iso(START_MS + 3_600_000),
    }
    assert answer.headers["cache-control"] == "no-store"
    by_xid = app.get(f"/onefold/v1/edge/{to}?entityId={encode(6, MAIL)}")
    assert by_xid.json()["projections"] == answer.json()["projections"]


def test_a_change_of_a_person_is_there_at_once(app: App, to: str) -> None:
    ingest(app, "Ada", ADA)
    assert shown(app, to) == first_name("Ada")
    ingest(app, "Augusta", ADA)
    assert shown(app, to) == first_name("Augusta")


def test_people_who_were_there_before_are_filled_in(app: App) -> None:
    for number in range(1, 8):
        ingest(app, f"N{number}", ("ECID", ecid(number)))
    to = destination(app)["id"]
    projection(app, to)
    assert [shown(app, to, ecid(n), "ECID") for n in (1, 7)] == [first_name("N1"), first_name("N7")]
    state = app.get(f"{DESTINATIONS}/{to}").json()["onefold:state"]
    assert state == {"status": "current", "people": 7}


def test_who_has_nothing_that_is_selected_is_known_all_the_same(app: App, to: str) -> None:
    app.ingest(EVENTS, event("e-1", ONE))
    assert shown(app, to, ONE[1], "ECID") == {}


def test_joined_people_answer_as_one(app: App, to: str) -> None:
    ingest(app, "Ada", ADA)
    app.ingest(REGISTRATIONS, record(ONE, person={"birthYear": 1815}))
    assert shown(app, to, ONE[1], "ECID") == {}
    app.ingest(EVENTS, event("e-1", ONE, ADA))
    assert shown(app, to, ONE[1], "ECID") == shown(app, to) == first_name("Ada")


def test_a_deleted_person_is_gone_with_the_deletion(app: App, to: str) -> None:
    ingest(app, "Ada", ADA, ONE)
    assert shown(app, to) == first_name("Ada")
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    xids = [encode(6, MAIL), encode(4, ONE[1])]
    dataset = app.datasets[REGISTRATIONS].id
    gone = Removal(identities=xids, fragments=[(xids[0], dataset, 1)])
    message = removal.encode(gone)
    journal.append([Accepted("job", app.clock.now_ms(), "", "", message, removal=True)])
    app.drain()
    assert shown(app, to) is None
    assert app.get(f"{DESTINATIONS}/{to}").json()["onefold:state"]["people"] == 0


def test_an_entry_lives_as_long_as_its_ttl(app: App, to: str) -> None:
    ingest(app, "Ada", ADA)
    app.clock.advance(ms=3_599_999)
    assert shown(app, to) == first_name("Ada")
    app.clock.advance(ms=1)
    assert shown(app, to) is None
    fulfilled(app)
    assert shown(app, to) == first_name("Ada")


def test_another_ttl_holds_at_once(app: App, to: str) -> None:
    ingest(app, "Ada", ADA)
    app.clock.advance(ms=1_000_000)
    send(app, "PUT", f"{DESTINATIONS}/{to}", {"type": "EDGE", "dataCenters": ["OR2"], "ttl": 600})
    assert shown(app, to) is None


def test_what_has_expired_is_swept(app: App, to: str) -> None:
    ingest(app, "Ada", ADA)
    app.clock.advance(ms=3_600_001)
    app.drain()
    assert app.get(f"{DESTINATIONS}/{to}").json()["onefold:state"]["people"] == 0


def test_a_miss_says_when_to_ask_again(app: App, to: str) -> None:
    answer = ask(app, to, "nobody@example.com")
    assert answer.status_code == 404
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "The edge has no entry of this person now"


def test_a_reactive_edge_learns_who_is_asked_for(app: App) -> None:
    ingest(app, "Ada", ADA, ONE)
    ingest(app, "Bo", TWO)
    to = destination(app, replicationPolicy="REACTIVE")["id"]
    projection(app, to)
    assert shown(app, to) is None
    fulfilled(app)
    assert shown(app, to) == first_name("Ada")
    ingest(app, "Augusta", ADA)
    assert shown(app, to, ONE[1], "ECID") == first_name("Augusta")
    state = app.get(f"{DESTINATIONS}/{to}").json()["onefold:state"]
    assert state == {"status": "current", "people": 1}


def test_a_reactive_edge_forgets_after_fourteen_days(app: App) -> None:
    ingest(app, "Ada", ADA)
    to = destination(app, replicationPolicy="REACTIVE", ttl=604_800)["id"]
    projection(app, to)
    ask(app, to, MAIL)
    fulfilled(app)
    app.clock.advance(ms=13 * DAY_MS)
    ingest(app, "Augusta", ADA)
    app.clock.advance(ms=2 * DAY_MS)
    assert shown(app, to) == first_name("Augusta")  # made two days ago, and asked for again
    fulfilled(app)
    app.clock.advance(ms=15 * DAY_MS)
    ingest(app, "Ada", ADA)
    assert shown(app, to) is None


def test_a_region_that_asks_is_remembered(app: App) -> None:
    ingest(app, "Ada", ADA)
    to = destination(app, replicationPolicy="REACTIVE", dataCenters=["OR2", "IRL1"])["id"]
    projection(app, to)
    ask(app, to, MAIL, region="OR2")
    fulfilled(app)
    answer = ask(app, to, MAIL, region="irl1")
    at = {"captureTimestamp": "2026-01-01T00:00:00Z"}
    assert answer.json()["userActivityRegions"] == {"OR2": at}
    fulfilled(app)
    assert ask(app, to, MAIL).json()["userActivityRegions"] == {"IRL1": at, "OR2": at}


def test_several_projections_are_answered_by_name(app: App, to: str) -> None:
    projection(app, to, name="ids", selector="identityMap,identities")
    ingest(app, "Ada", ADA)
    both = ask(app, to, MAIL).json()["projections"]
    assert both == {
        "greeting": first_name("Ada"),
        "ids": {
            "identityMap": {"email": [{"id": MAIL}]},
            "identities": [{"id": MAIL, "namespace": {"code": "Email"}}],
        },
    }
    one = ask(app, to, MAIL, name="greeting").json()["projections"]
    assert one == {"greeting": first_name("Ada")}
    unknown = ask(app, to, MAIL, name="nothing")
    assert (unknown.status_code, unknown.json()["detail"][:8]) == (404, "PRJ-1002")


def test_a_policy_without_a_graph_projects_each_identity_by_itself(app: App) -> None:
    policy = {
        "name": "Alone",
        "schema": {"name": "_xdm.context.profile"},
        "identityGraph": {"type": "none"},
        "attributeMerge": {"type": "timestampOrdered"},
    }
    alone = app.post("/data/core/ups/config/mergePolicies", policy).json()["id"]
    to = destination(app)["id"]
    projection(app, to, name="alone", mergePolicyId=alone)
    projection(app, to, name="whole")
    ingest(app, "Ada", ADA, ONE)
    assert ask(app, to, MAIL).json()["projections"] == {
        "alone": first_name("Ada"),
        "whole": first_name("Ada"),
    }
    assert ask(app, to, ONE[1], "ECID").json()["projections"] == {
        "alone": {},
        "whole": first_name("Ada"),
    }


def test_another_selector_is_carried_out(app: App, to: str) -> None:
    ingest(app, "Ada", ADA)
    (one,) = app.get(PROJECTIONS).json()["_embedded"]["projectionConfigs"]
    body = {"selector": "identityMap", "destinationId": to}
    send(app, "PUT", f"{PROJECTIONS}/{one['id']}", body)
    assert app.get(f"{DESTINATIONS}/{to}").json()["onefold:state"]["status"] == "waiting"
    assert shown(app, to) == first_name("Ada")  # the older one until it is made anew
    app.drain()
    assert shown(app, to) == {"identityMap": {"email": [{"id": MAIL}]}}


def test_another_policy_on_the_edge_is_carried_out(app: App, to: str) -> None:
    ingest(app, "Ada", ADA)
    policy = {
        "name": "Nothing",
        "schema": {"name": "_xdm.context.profile"},
        "identityGraph": {"type": "pdg"},
        "attributeMerge": {"type": "dataSetPrecedence", "order": ["0" * 24]},
        "isActiveOnEdge": True,
    }
    assert app.post("/data/core/ups/config/mergePolicies", policy).status_code == 200
    app.drain()
    assert shown(app, to) == {}


def test_what_is_projected_no_more_is_taken_away(app: App, to: str) -> None:
    ingest(app, "Ada", ADA)
    (one,) = app.get(PROJECTIONS).json()["_embedded"]["projectionConfigs"]
    app.request("DELETE", f"{PROJECTIONS}/{one['id']}", headers=app.headers())
    app.drain()
    missing = ask(app, to, MAIL)
    assert (missing.status_code, missing.json()["detail"][:8]) == (404, "PRJ-1002")
    assert b"Ada" not in store_file(app, to).read_bytes()
    projection(app, to)
    assert shown(app, to) == first_name("Ada")
    (one,) = app.get(PROJECTIONS).json()["_embedded"]["projectionConfigs"]
    app.request("DELETE", f"{PROJECTIONS}/{one['id']}", headers=app.headers())
    app.request("DELETE", f"{DESTINATIONS}/{to}", headers=app.headers())
    app.drain()
    assert list(store_file(app, to).parent.glob("*")) == []
    gone = ask(app, to, MAIL)
    assert (gone.status_code, gone.json()["detail"][:8]) == (404, "PRJ-1001")


def test_a_reset_sandbox_leaves_no_edge(app: App, to: str) -> None:
    ingest(app, "Ada", ADA)
    directory = app.places.store(app.sandbox.id)
    url = f"/data/foundation/sandbox-management/sandboxes/{app.sandbox.name}"
    reset = send_json(app, "PUT", url, {"action": "reset"})
    assert reset.status_code == 202, reset.text
    app.drain()
    assert not directory.exists()
    assert ask(app, to, MAIL).json()["detail"][:8] == "PRJ-1001"


def test_another_sandbox_has_none_of_it(app: App, to: str) -> None:
    second_sandbox(app, "other")
    ingest(app, "Ada", ADA)
    query = f"entityId={MAIL}&entityIdNS=Email"
    foreign = app.get(f"/onefold/v1/edge/{to}?{query}", x_sandbox_name="other")
    assert (foreign.status_code, foreign.json()["detail"][:8]) == (404, "PRJ-1001")
    assert app.get(f"{DESTINATIONS}/{to}", x_sandbox_name="other").status_code == 404
    listed = app.get(PROJECTIONS, x_sandbox_name="other").json()
    assert listed["_embedded"] == {"projectionConfigs": []}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "PRO-1001"),
        ("entityId=x&entityIdNS=nothing", 400, "PRO-1003"),
        ("entityId=not-an-xid", 400, "PRO-1002"),
        ("entityId=x&entityIdNS=Email&region=IRL1", 400, "PRJ-1003"),
        ("entityId=x&entityIdNS=Email&region=Mars", 400, "PRJ-1003"),
    ],
)
def test_wrong_questions_are_refused(app: App, to: str, query: str, status: int, code: str) -> None:
    answer = app.get(f"/onefold/v1/edge/{to}?{query}")
    assert (answer.status_code, answer.json()["detail"][:8]) == (status, code)


def test_a_destination_without_projections_answers_nobody(app: App) -> None:
    answer = ask(app, destination(app)["id"], MAIL)
    assert (answer.status_code, answer.json()["detail"][:8]) == (404, "PRJ-1002")


def test_nothing_is_kept_of_who_nobody_knows(app: App) -> None:
    to = destination(app, replicationPolicy="REACTIVE")["id"]
    projection(app, to)
    ask(app, to, "stranger@example.com")
    fulfilled(app)
    store = app.places.edge(app.sandbox.id, to)
    assert store.read("SELECT * FROM wishes") == store.read("SELECT * FROM activity") == []


def test_deletion_takes_the_memory_of_who_was_asked_for(app: App) -> None:
    """Even when the entry has long expired."""
    ingest(app, "Ada", ADA)
    to = destination(app, replicationPolicy="REACTIVE", ttl=600)["id"]
    projection(app, to)
    ask(app, to, MAIL)
    fulfilled(app)
    app.clock.advance(ms=DAY_MS)
    app.drain()
    store = app.places.edge(app.sandbox.id, to)
    assert len(store.read("SELECT * FROM activity")) == 1
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    xid = encode(6, MAIL)
    gone = Removal(identities=[xid], fragments=[(xid, app.datasets[REGISTRATIONS].id, 1)])
    message = removal.encode(gone)
    journal.append([Accepted("job", app.clock.now_ms(), "", "", message, removal=True)])
    app.drain()
    assert store.read("SELECT * FROM activity") == []
