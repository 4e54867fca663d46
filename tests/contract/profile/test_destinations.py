"""Projection destinations: what is kept, what is refused, and versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onefold.control import credentials
from onefold.testing.app import App
from tests.contract.asking import send as send_json
from tests.contract.profile.edges import (
    DESTINATION_TYPE,
    DESTINATIONS,
    destination,
    projection,
    send,
)

BASIC = {"type": "EDGE", "dataCenters": ["OR1", "IRL1"]}
PROBLEMS = "http://ns.adobe.com/adobecloud/problem"


@pytest.fixture
def lenient(data: Path) -> Iterator[App]:
    app = App(data, lenient_content_types=1)
    yield app
    app.close()


def test_a_destination_is_answered_as_it_is_kept(app: App) -> None:
    made = send(app, "POST", DESTINATIONS, {**BASIC, "ttl": "7200"})
    id_ = made.json()["id"]
    assert made.json() == {
        "self": {"href": f"{DESTINATIONS}/{id_}", "templated": False},
        "id": id_,
        "type": "EDGE",
        "ttl": 7200,
        "dataCenters": ["OR1", "IRL1"],
        "replicationPolicy": "REACTIVE",
        "version": 1,
    }
    assert made.headers["etag"] == '"1"'
    again = app.get(f"{DESTINATIONS}/{id_}")
    assert again.headers["etag"] == '"1"'
    assert again.json() == {**made.json(), "onefold:state": {"status": "empty", "people": 0}}


def test_lists_have_their_links_in_another_place(app: App) -> None:
    empty = app.get(DESTINATIONS).json()
    assert empty == {
        "_links": {"self": {"href": DESTINATIONS, "templated": False}},
        "_embedded": {"projectionDestinations": []},
    }
    made = [destination(app), destination(app)]
    items = app.get(DESTINATIONS).json()["_embedded"]["projectionDestinations"]
    assert [item["id"] for item in items] == [one["id"] for one in made]
    assert all("self" not in item for item in items)
    assert items[0]["_links"]["self"] == made[0]["self"]


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ({"type": "CLOUD"}, "type"),
        ({"dataCenters": []}, "dataCenters"),
        ({"dataCenters": ["XX1"]}, "dataCenters"),
        ({"ttl": 599}, "ttl"),
        ({"ttl": 604_801}, "ttl"),
        ({"ttl": "soon"}, "ttl"),
        ({"replicationPolicy": "LAZY"}, "replicationPolicy"),
    ],
)
def test_values_that_are_not_allowed_are_refused(app: App, wrong: dict[str, Any], at: str) -> None:
    answer = send(app, "POST", DESTINATIONS, {**BASIC, **wrong})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["type"]) == (400, f"{PROBLEMS}/bad-request")
    assert problem["detail"].startswith("PRJ-1003: ")
    assert at in problem["detail"]


@pytest.mark.parametrize("body", [{"dataCenters": ["OR1"]}, [], "x", {**BASIC, "ttl": {}}])
def test_a_body_of_another_form_is_refused(app: App, body: Any) -> None:
    answer = send(app, "POST", DESTINATIONS, body)
    assert (answer.status_code, answer.json()["detail"][:8]) == (400, "API-1003")


def test_every_limit_of_ttl_and_every_data_center_is_taken(app: App) -> None:
    centers = ["OR1", "VA5", "NLD1", "VA6", "OR2", "IRL1", "AUS3", "SGP3", "JPN3", "IND1"]
    assert destination(app, dataCenters=centers, ttl=600)["dataCenters"] == centers
    assert destination(app, ttl=604_800)["ttl"] == 604_800


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/vnd.adobe.platform.projectionConfig+json; version=1",
        "application/vnd.adobe.platform.projectionDestination+json; version=2",
    ],
)
def test_another_content_type_is_refused(app: App, content_type: str) -> None:
    answer = send_json(app, "POST", DESTINATIONS, BASIC, content_type=content_type)
    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["title"] == "HTTP 415 Unsupported Media Type"
    assert problem["type"] == f"{PROBLEMS}/unsupported-media-type"
    one = destination(app)
    url = f"{DESTINATIONS}/{one['id']}"
    assert send_json(app, "PUT", url, BASIC, content_type=content_type).status_code == 415


def test_no_body_at_all_has_no_content_type_either(app: App) -> None:
    answer = app.request("POST", DESTINATIONS, headers=app.headers())
    assert (answer.status_code, answer.json()["detail"][:8]) == (415, "PRJ-1004")


def test_the_version_in_the_content_type_may_be_left_out(app: App) -> None:
    plain = DESTINATION_TYPE.partition(";")[0].upper().replace("APPLICATION", "application")
    answer = send_json(app, "POST", DESTINATIONS, BASIC, content_type=plain)
    assert answer.status_code == 200


def test_a_lenient_server_takes_plain_json(lenient: App) -> None:
    assert lenient.post(DESTINATIONS, BASIC).status_code == 200


def test_a_change_raises_the_version_and_keeps_what_is_left_out(app: App) -> None:
    one = destination(app, ttl=7200)
    url = f"{DESTINATIONS}/{one['id']}"
    answer = send(app, "PUT", url, {**BASIC, "currentVersion": 1})
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"2"'
    assert answer.json() == {**one, "dataCenters": ["OR1", "IRL1"], "version": 2}


def test_two_changers_of_one_version_do_not_both_win(app: App) -> None:
    one = destination(app)
    url = f"{DESTINATIONS}/{one['id']}"
    assert send(app, "PUT", url, {**BASIC, "currentVersion": 1}).status_code == 200
    stale = send(app, "PUT", url, {**BASIC, "currentVersion": "1"})
    assert (stale.status_code, stale.json()["detail"][:8]) == (409, "PRJ-1005")
    by_etag = send(app, "PUT", url, BASIC, if_match='"1"')
    assert (by_etag.status_code, by_etag.json()["detail"][:8]) == (412, "PRJ-1006")
    assert send(app, "PUT", url, BASIC, if_match='"2"').status_code == 200
    gone = app.request("DELETE", url, headers=app.headers(if_match='"2"'))
    assert gone.status_code == 412
    assert send(app, "PUT", url, {**BASIC, "currentVersion": 0}).status_code == 400


def test_an_unknown_destination_has_not_yet_been_created(app: App) -> None:
    for answer in (
        app.get(f"{DESTINATIONS}/nothing"),
        send(app, "PUT", f"{DESTINATIONS}/nothing", BASIC),
        app.request("DELETE", f"{DESTINATIONS}/nothing", headers=app.headers()),
    ):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["title"] == "The projection destination has not yet been created."
        assert problem["type"] == f"{PROBLEMS}/missing-entity"


def test_a_destination_in_use_stays(app: App) -> None:
    one = destination(app)
    projection(app, one["id"])
    url = f"{DESTINATIONS}/{one['id']}"
    refused = app.request("DELETE", url, headers=app.headers())
    assert (refused.status_code, refused.json()["detail"][:8]) == (400, "PRJ-1008")
    assert app.get(url).status_code == 200


def test_a_deleted_destination_is_gone(app: App) -> None:
    url = f"{DESTINATIONS}/{destination(app)['id']}"
    answer = app.request("DELETE", url, headers=app.headers())
    assert (answer.status_code, answer.content) == (204, b"")
    assert app.get(url).status_code == 404


def test_a_sandbox_has_ten_destinations_at_most(app: App) -> None:
    for _ in range(10):
        destination(app)
    answer = send(app, "POST", DESTINATIONS, BASIC)
    assert (answer.status_code, answer.json()["detail"][:8]) == (400, "PRJ-1009")


def test_a_pipeline_destination_is_kept_with_its_topic_and_inert(app: App) -> None:
    made = destination(app, type="PIPELINE", topic="people", dataCenters=None)
    assert (made["type"], made["topic"], made["dataCenters"]) == ("PIPELINE", "people", [])
    projection(app, made["id"])
    assert app.get(f"{DESTINATIONS}/{made['id']}").json()["onefold:state"]["status"] == "empty"


def test_a_permission_that_lacks_is_told_as_a_problem(app: App) -> None:
    credentials.permit(
        app.places.control(),
        org_id=app.org_id,
        client_id=app.client_id,
        permissions={"*": ("view-profiles",)},
    )
    answer = send(app, "POST", DESTINATIONS, BASIC)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "manage-profiles:write" in answer.json()["detail"]
