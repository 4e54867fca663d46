"""Projections: what they are made of, what they refer to, and how they are found."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.testing.app import App
from tests.contract.asking import send as send_json
from tests.contract.profile.edges import (
    DESTINATIONS,
    PROFILE,
    PROJECTIONS,
    destination,
    projection,
    send,
)


def test_a_projection_is_answered_with_its_destination(app: App) -> None:
    to = destination(app)
    body = {"name": "greeting", "selector": "person.name", "destinationId": to["id"]}
    made = send(app, "POST", PROJECTIONS + PROFILE, body)
    id_ = made.json()["id"]
    assert made.json() == {
        "_links": {
            "destination": {"href": f"{DESTINATIONS}/{to['id']}", "templated": False},
            "self": {"href": f"{PROJECTIONS}/{id_}", "templated": False},
        },
        "_embedded": {"destination": to},
        "selector": "person.name",
        "version": 1,
        "id": id_,
        "schemaName": "_xdm.context.profile",
        "name": "greeting",
        "destinationId": to["id"],
    }
    assert made.headers["etag"] == '"1"'
    assert app.get(f"{PROJECTIONS}/{id_}").json() == made.json()


def test_without_a_name_its_id_is_its_name(app: App) -> None:
    made = projection(app, destination(app)["id"])
    assert made["name"] == made["id"]


def test_lists_are_of_all_of_a_class_or_of_a_name(app: App) -> None:
    assert app.get(PROJECTIONS).json() == {
        "_links": {"self": {"href": PROJECTIONS, "templated": False}},
        "_embedded": {"projectionConfigs": []},
    }
    to = destination(app)["id"]
    made = [projection(app, to, name=name)["id"] for name in ("a", "b")]

    def found(query: str) -> list[str]:
        answer = app.get(PROJECTIONS + query)
        return [one["id"] for one in answer.json()["_embedded"]["projectionConfigs"]]

    assert found("") == found(PROFILE) == made
    assert found(f"{PROFILE}&name=b") == made[1:]
    assert found("?schemaName=_xdm.context.experienceevent") == []
    lonely = app.get(f"{PROJECTIONS}?name=b")
    assert (lonely.status_code, lonely.json()["detail"][:8]) == (400, "PRJ-1003")


@pytest.mark.parametrize("query", ["", "?schemaName=", "?schemaName=_xdm.context.experienceevent"])
def test_a_class_that_is_not_projected_is_refused(app: App, query: str) -> None:
    body = {"selector": "a", "destinationId": destination(app)["id"]}
    answer = send(app, "POST", PROJECTIONS + query, body)
    assert (answer.status_code, answer.json()["detail"][:8]) == (400, "PRJ-1003")


@pytest.mark.parametrize("selector", ["", "a,", ",a", "a(b", "a)b", "a..b", "a(b)c", "a, b", "()"])
def test_a_malformed_selector_is_refused(app: App, selector: str) -> None:
    body = {"selector": selector, "destinationId": destination(app)["id"]}
    answer = send(app, "POST", PROJECTIONS + PROFILE, body)
    assert (answer.status_code, answer.json()["detail"][:8]) == (400, "PRJ-1003")


def test_an_unknown_destination_or_policy_is_not_found(app: App) -> None:
    nowhere = send(app, "POST", PROJECTIONS + PROFILE, {"selector": "a", "destinationId": "no"})
    assert nowhere.status_code == 404
    assert nowhere.json()["title"] == "The projection destination has not yet been created."
    body = {"selector": "a", "destinationId": destination(app)["id"], "mergePolicyId": "no"}
    answer = send(app, "POST", PROJECTIONS + PROFILE, body)
    assert (answer.status_code, answer.json()["detail"][:8]) == (404, "PRO-1005")


def test_a_name_is_given_once(app: App) -> None:
    to = destination(app)["id"]
    projection(app, to, name="a")
    other = projection(app, to, name="b")
    body = {"selector": "a", "destinationId": to, "name": "a"}
    for answer in (
        send(app, "POST", PROJECTIONS + PROFILE, body),
        send(app, "PUT", f"{PROJECTIONS}/{other['id']}", body),
    ):
        assert (answer.status_code, answer.json()["detail"][:8]) == (409, "PRJ-1007")
    assert send(app, "PUT", f"{PROJECTIONS}/{other['id']}", {**body, "name": "b"}).is_success
    assert send(app, "POST", PROJECTIONS + PROFILE, {**body, "name": " "}).status_code == 400


def test_a_merge_policy_can_be_named_and_taken_away(app: App) -> None:
    policy = app.rooms.definitions.snapshot(app.sandbox.id).default_policy
    assert policy is not None
    to = destination(app)["id"]
    made = projection(app, to, mergePolicyId=policy.id)
    assert made["mergePolicyId"] == policy.id
    url, body = f"{PROJECTIONS}/{made['id']}", {"selector": "a", "destinationId": to}
    assert send(app, "PUT", url, body).json()["mergePolicyId"] == policy.id
    assert "mergePolicyId" not in send(app, "PUT", url, {**body, "mergePolicyId": None}).json()


def test_another_content_type_is_refused(app: App) -> None:
    to = destination(app)["id"]
    body = {"selector": "a", "destinationId": to}
    for method, url in (
        ("POST", PROJECTIONS + PROFILE),
        ("PUT", f"{PROJECTIONS}/{projection(app, to)['id']}"),
    ):
        answer = send_json(app, method, url, body)
        assert (answer.status_code, answer.json()["detail"][:8]) == (415, "PRJ-1004")


def test_versions_guard_changes(app: App) -> None:
    to = destination(app)["id"]
    url = f"{PROJECTIONS}/{projection(app, to, name='a')['id']}"
    body: dict[str, Any] = {"selector": "b", "destinationId": to}
    changed = send(app, "PUT", url, {**body, "currentVersion": 1})
    assert (changed.json()["version"], changed.json()["name"]) == (2, "a")
    stale = send(app, "PUT", url, {**body, "currentVersion": 1})
    assert (stale.status_code, stale.json()["detail"][:8]) == (409, "PRJ-1005")
    assert send(app, "PUT", url, body, if_match='"1"').status_code == 412
    assert app.request("DELETE", url, headers=app.headers(if_match='"1"')).status_code == 412
    assert app.request("DELETE", url, headers=app.headers(if_match="*")).status_code == 204


def test_an_unknown_projection_is_not_found(app: App) -> None:
    body = {"selector": "b", "destinationId": destination(app)["id"]}
    for answer in (
        app.get(f"{PROJECTIONS}/nothing"),
        send(app, "PUT", f"{PROJECTIONS}/nothing", body),
        app.request("DELETE", f"{PROJECTIONS}/nothing", headers=app.headers()),
    ):
        assert (answer.status_code, answer.json()["detail"][:8]) == (404, "PRJ-1002")


def test_a_sandbox_has_fifty_projections_at_most(app: App) -> None:
    to = destination(app)["id"]
    body = {"selector": "a", "destinationId": to}
    for _ in range(50):
        assert send(app, "POST", PROJECTIONS + PROFILE, body).status_code == 200
    answer = send(app, "POST", PROJECTIONS + PROFILE, body)
    assert (answer.status_code, answer.json()["detail"][:8]) == (400, "PRJ-1009")
