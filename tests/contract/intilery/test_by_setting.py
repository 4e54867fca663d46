"""What a setting of the server turns on, and what is so without it.

Source: Intilery contract, 4.13, 11.9 and 11.11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from onefold.control import accounts
from onefold.control.keys import NewKey
from onefold.testing.app import App

JSON = dict[str, Any]
Desk = tuple[App, NewKey]


@pytest.fixture
def opened(data: Path) -> Iterator[Callable[..., Desk]]:
    """Makes an application with these settings in place of the one before, and a key for an account
    of it."""
    apps: list[App] = []

    def with_settings(**settings: Any) -> Desk:
        while apps:
            apps.pop().close()
        apps.append(App(data, **settings))
        return apps[0], apps[0].account()

    yield with_settings
    for app in apps:
        app.close()


def traits(desk: Desk, user_id: str) -> JSON:
    app, key = desk
    answer = app.ask(key, f"/profiles/userId:{user_id}/traits")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return {name: found[name] for name in found if name not in ("id", "externalId")}


NAMED: tuple[tuple[JSON, JSON, str | int | None], ...] = (
    ({"firstName": "Kim"}, {"lastName": "Moe"}, "Kim Moe"),
    ({"firstName": " Kim "}, {"lastName": 7}, "Kim"),
    ({"lastName": "Moe"}, {}, "Moe"),
    ({"firstName": "Kim"}, {"lastName": "Moe", "name": "K. Moe"}, "K. Moe"),
    ({"firstName": "Kim"}, {"name": 7}, 7),
    ({"firstName": " "}, {"plan": "a"}, None),
)


@pytest.mark.parametrize("filled", [0, 1])
def test_a_name_is_made_of_first_and_last_name_when_set(opened, filled):
    desk = app, key = opened(filled_names=filled)
    for number, (first, second, _) in enumerate(NAMED):
        for said in (first, second):
            app.calls(key, ("identify", {"userId": f"u-{number}", "traits": said}))
    for number, (first, second, wanted) in enumerate(NAMED):
        said = first | second
        expected = {"name": wanted} if filled and wanted is not None else {}
        assert traits(desk, f"u-{number}") == expected | said
    url = "/collections/users/profiles/user_id:u-0/traits"
    theirs = app.space(key, url).json()["traits"]
    assert theirs.get("name") == ("Kim Moe" if filled else None)


@pytest.mark.parametrize("taken", [0, 1])
def test_traits_in_the_context_of_a_track_call_count_when_set(opened, taken):
    desk = app, key = opened(context_traits=taken)
    said: JSON = {
        "userId": "u-1",
        "event": "Seen",
        "context": {"traits": {"a": 1, "firstName": "Kim"}},
    }
    app.calls(key, ("identify", {"userId": "u-1", "traits": {"a": 0, "b": 0}}), ("track", said))
    assert traits(desk, "u-1") == (
        {"a": 1, "b": 0, "firstName": "Kim"} if taken else {"a": 0, "b": 0}
    )
    app.segment("/v1/t", {**said, "context": {"traits": {"b": None}}}, user=key.write_key or "")
    app.calls(
        key,
        ("page", {"userId": "u-1", "context": {"traits": {"a": 9}}}),
        ("track", {**said, "context": {"traits": "none"}}),
    )
    assert traits(desk, "u-1") == ({"a": 1, "firstName": "Kim"} if taken else {"a": 0, "b": 0})
    events = app.ask(key, "/profiles/userId:u-1/events").json()["data"]
    shown = [one["rawData"]["context"]["traits"] for one in events if "context" in one["rawData"]]
    assert said["context"]["traits"] in shown


def test_too_many_traits_in_a_context_are_too_many_only_when_they_count(opened):
    traits = {f"t{number}": number for number in range(301)}
    said: JSON = {"userId": "u-1", "event": "Seen", "context": {"traits": traits}}
    app, key = opened(context_traits=1)
    answer = app.call(key, "track", said)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request_error")
    app, key = opened()
    assert app.call(key, "track", said).status_code == 200


def test_protected_traits_in_the_context_of_a_browser_are_dropped(opened):
    desk = app, key = opened(context_traits=1)
    accounts.set_rules(app.places.control(), client="acme", account="acme", protected=["credit"])
    context = {"traits": {"credit": 9, "a": 1}}
    body = {"writeKey": key.write_key, "userId": "u-1", "event": "Seen", "context": context}
    assert app.segment("/cdp/events/segment/t", body).status_code == 200
    app.drain()
    assert traits(desk, "u-1") == {"a": 1}


def test_a_call_means_what_it_meant_when_it_was_taken(opened):
    """Also when the setting is another one by the time it is applied."""
    app, key = opened(context_traits=1)
    said: JSON = {"userId": "u-1", "event": "Seen", "context": {"traits": {"a": 1}}}
    assert app.call(key, "track", said).status_code == 200
    desk = app, _ = opened()
    app.drain()
    assert traits(desk, "u-1") == {"a": 1}


@pytest.mark.parametrize("told", [0, 1])
def test_errors_tell_the_id_of_the_request_when_set(opened, told):
    app, key = opened(error_request_ids=told)
    asked = ("/profiles/userId:nobody/traits", "/profiles/nothing/traits", "/nowhere")
    for answer in (
        *[app.ask(key, url) for url in asked],
        app.space(key, "/collections/users/profiles/user_id:nobody/traits"),
    ):
        error = answer.json()["error"]
        wanted = {"requestId": answer.headers["x-amzn-requestid"]} if told else {}
        assert {name: error[name] for name in error if name not in ("code", "message")} == wanted
    refused = app.call(key, "track", {})
    assert set(refused.json()) == {"success", "message", "code"}
