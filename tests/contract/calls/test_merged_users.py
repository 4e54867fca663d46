"""An alias of two users, where the account merges them: one customer, until it is undone.

Source: Intilery contract, 11.3.
"""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control import accounts
from onefold.control.keys import NewKey
from onefold.pipeline import known_calls
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS
from onefold.wire import iso_millis

PROFILES = "/profiles/userId:"
ALIAS: tuple[str, dict[str, Any]] = ("alias", {"userId": "u-2", "previousId": "u-1"})
WHY = "/onefold/v1/explain/link"
UNDO = "/onefold/v1/undo"


def let(app: App, *, merge: bool) -> None:
    accounts.set_rules(
        app.places.control(), client="acme", account=app.sandbox.name, merges_users=merge
    )


@pytest.fixture
def key(app: App) -> NewKey:
    """Of an account that merges users, with two of them: u-1, who came first, and u-2, each with a
    device and a trait that only one of them has."""
    new = app.account(account=app.sandbox.name)
    let(app, merge=True)
    app.calls(
        new,
        ("identify", {"userId": "u-1", "anonymousId": "a-1", "traits": {"plan": "old", "a": 1}}),
        ("track", {"userId": "u-1", "event": "Paid"}),
    )
    app.at(START_MS + 1000)
    app.calls(
        new,
        ("identify", {"userId": "u-2", "anonymousId": "a-2", "traits": {"plan": "new", "b": 2}}),
        ("track", {"userId": "u-2", "event": "Looked"}),
    )
    return new


def traits(app: App, key: NewKey, named: str) -> dict[str, Any]:
    answer = app.ask(key, f"/profiles/{named}/traits")
    assert answer.status_code == 200, answer.text
    return json_of(answer)


def actions(app: App, key: NewKey, named: str) -> list[str]:
    answer = app.ask(key, f"/profiles/{named}/events?sort=asc")
    return [item["eventAction"] for item in json_of(answer)["data"]]


def user(user_id: str) -> dict[str, str]:
    return {"entityId": user_id, "entityIdNS": "userId"}


def undo(app: App, body: dict[str, Any]) -> dict[str, Any]:
    answer = app.post(UNDO, body, x_sandbox_name=app.sandbox.name)
    assert answer.status_code == 202, answer.text
    app.drain()
    return json_of(answer)


def test_two_users_become_one_customer_with_all_that_either_had(app: App, key: NewKey) -> None:
    app.calls(key, ALIAS)
    one = traits(app, key, "userId:u-2")
    assert {name: one[name] for name in ("plan", "a", "b")} == {"plan": "new", "a": 1, "b": 2}
    everywhere = ("userId:u-1", "anonymousId:a-1", "anonymousId:a-2", f"id:{one['id']}")
    assert [traits(app, key, named) for named in everywhere] == [one] * 4
    assert actions(app, key, "userId:u-1") == ["identify", "paid", "identify", "looked", "alias"]
    assert app.faults() == []


def test_the_customer_keeps_the_id_of_the_first_and_is_called_as_the_alias_says(
    app: App, key: NewKey
) -> None:
    first, second = (traits(app, key, f"userId:{name}")["id"] for name in ("u-1", "u-2"))
    app.calls(key, ALIAS)
    one = traits(app, key, f"id:{second}")
    assert (one["id"], one["externalId"]) == (first, "u-2")


@pytest.mark.parametrize("later", [False, True])
def test_of_two_aliases_the_one_of_the_later_time_names_the_customer(
    app: App, key: NewKey, later: bool
) -> None:
    back = iso_millis(START_MS + (900 if later else 0))
    app.calls(
        key,
        ("alias", {**ALIAS[1], "timestamp": iso_millis(START_MS + 500)}),
        ("alias", {"userId": "u-1", "previousId": "u-2", "timestamp": back}),
    )
    assert traits(app, key, "userId:u-2")["externalId"] == ("u-1" if later else "u-2")


def test_three_users_are_merged_one_after_the_other(app: App, key: NewKey) -> None:
    app.calls(
        key,
        ("identify", {"userId": "u-3", "traits": {"c": 3}}),
        ALIAS,
        ("alias", {"userId": "u-3", "previousId": "u-2"}),
    )
    one = traits(app, key, "userId:u-1")
    assert (one["externalId"], one["a"], one["b"], one["c"]) == ("u-3", 1, 2, 3)
    assert app.faults() == []


def test_why_they_are_one_customer_is_told_by_the_alias(app: App, key: NewKey) -> None:
    app.calls(key, ALIAS)
    asked = "from=u-1&fromNS=userId&to=u-2&toNS=userId"
    answer = app.get(f"{WHY}?{asked}", x_sandbox_name=app.sandbox.name)
    assert answer.status_code == 200, answer.text
    (step,) = json_of(answer)["links"]
    (evidence,) = step["evidence"]
    assert (evidence["datasetName"], evidence["identity"]["id"]) == ("Calls", "u-2")


@pytest.mark.parametrize("by", ["record", "link"])
def test_undone_they_are_two_again_with_what_each_had(app: App, key: NewKey, by: str) -> None:
    before = {name: traits(app, key, f"userId:{name}") for name in ("u-1", "u-2")}
    app.calls(key, ALIAS)
    if by == "link":
        undo(app, {"link": {"from": user("u-1"), "to": user("u-2")}})
    else:
        (event,) = (
            item
            for item in json_of(app.ask(key, f"{PROFILES}u-2/events"))["data"]
            if item["eventAction"] == "alias"
        )
        undo(app, {"record": {**user("u-2"), "eventId": event["eventId"]}})
    assert {name: traits(app, key, f"userId:{name}") for name in ("u-1", "u-2")} == before
    assert actions(app, key, "userId:u-1") == ["identify", "paid"]
    assert app.faults() == []


def test_a_merge_that_was_undone_comes_again_when_the_undo_is_lifted(app: App, key: NewKey) -> None:
    app.calls(key, ALIAS)
    undone = undo(app, {"link": {"from": user("u-1"), "to": user("u-2")}})
    headers = app.headers(x_sandbox_name=app.sandbox.name)
    assert app.request("DELETE", f"{UNDO}/{undone['id']}", headers=headers).status_code == 202
    app.drain()
    assert traits(app, key, "userId:u-1") == traits(app, key, "userId:u-2")


def test_a_device_of_merged_users_goes_to_a_third_and_takes_nothing_along(
    app: App, key: NewKey
) -> None:
    app.calls(
        key,
        ALIAS,
        ("track", {"anonymousId": "a-1", "event": "Alone"}),
        ("identify", {"userId": "u-3", "anonymousId": "a-1", "traits": {"c": 3}}),
    )
    assert traits(app, key, "userId:u-1") == traits(app, key, "userId:u-2")
    assert traits(app, key, "anonymousId:a-1")["externalId"] == "u-3"
    assert actions(app, key, "userId:u-3") == ["identify"]
    assert "alone" in actions(app, key, "userId:u-1")
    assert app.faults() == []


def test_a_failed_alias_is_applied_when_it_is_replayed_after_the_account_lets_it(
    app: App, key: NewKey
) -> None:
    let(app, merge=False)
    app.calls(key, ALIAS)
    (failed,) = app.failed()
    assert failed.fault.code == "CAL-1013"
    assert traits(app, key, "userId:u-1")["externalId"] == "u-1"
    let(app, merge=True)
    answer = app.post("/onefold/v1/failed-records/replay", {}, x_sandbox_name=app.sandbox.name)
    assert answer.status_code == 202, answer.text
    app.work()
    app.drain()
    assert traits(app, key, "userId:u-1")["externalId"] == "u-2"


def test_what_was_merged_stays_so_when_the_account_merges_no_more(app: App, key: NewKey) -> None:
    app.calls(key, ALIAS)
    let(app, merge=False)
    app.calls(key, ("identify", {"userId": "u-1", "anonymousId": "a-1", "traits": {"d": 4}}))
    assert traits(app, key, "userId:u-2")["d"] == 4
    assert app.faults() == []


def test_a_customer_is_of_a_limited_number_of_users(
    app: App, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 11.12; in one batch, too."""
    monkeypatch.setattr(known_calls, "USERS_MAX", 2)
    app.calls(
        key,
        ("identify", {"userId": "u-3"}),
        ALIAS,
        ("alias", {"userId": "u-3", "previousId": "u-1"}),
    )
    assert [one.fault.code for one in app.failed()] == ["CAL-1013"]
    assert "at most 2" in app.failed()[0].fault.detail
    assert traits(app, key, "userId:u-3")["externalId"] == "u-3"


def test_two_visitors_are_linked_by_an_alias(app: App, key: NewKey) -> None:
    app.calls(
        key,
        ("track", {"anonymousId": "v-1", "event": "Came"}),
        ("alias", {"anonymousId": "v-2", "previousId": "v-1"}),
    )
    assert app.failed() == []
    assert actions(app, key, "anonymousId:v-2") == ["came", "alias"]
    assert traits(app, key, "anonymousId:v-1") == traits(app, key, "anonymousId:v-2")


def test_a_visitor_who_says_whose_visitor_it_is_needs_no_leave(app: App, key: NewKey) -> None:
    """One of the two is anonymous: that is a link, and no merge."""
    let(app, merge=False)
    app.calls(
        key,
        ("page", {"anonymousId": "a-9", "name": "Home"}),
        ("alias", {"anonymousId": "a-9", "previousId": "u-1"}),
    )
    assert app.failed() == []
    assert traits(app, key, "anonymousId:a-9") == traits(app, key, "userId:u-1")


def test_a_user_who_is_suppressed_is_merged_with_nobody(app: App, key: NewKey) -> None:
    body = {"kind": "SUPPRESS_ONLY", "userIds": ["u-1"]}
    answer = app.post("/onefold/v1/regulations", body, x_sandbox_name=app.sandbox.name)
    assert answer.status_code == 202, answer.text
    app.work()
    app.drain()
    app.calls(key, ALIAS)
    assert [one.fault.code for one in app.failed()] == ["CAL-1014"]
    assert traits(app, key, "userId:u-2")["externalId"] == "u-2"


def test_who_is_deleted_by_one_name_is_deleted_with_the_other(app: App, key: NewKey) -> None:
    app.calls(key, ALIAS)
    headers = app.headers(x_sandbox_name=app.sandbox.name)
    url = "/data/core/ups/access/entities?schema.name=_xdm.context.profile"
    answer = app.request("DELETE", f"{url}&entityId=u-1&entityIdNS=userId", headers=headers)
    assert answer.status_code == 202, answer.text
    app.work()
    for name in ("userId:u-1", "userId:u-2", "anonymousId:a-2"):
        assert app.ask(key, f"/profiles/{name}/traits").status_code == 404
