"""The Segment Profile API. Source: Intilery contract, 14."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onefold.control.keys import NewKey
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.people import ecid, iso, record

JSON = dict[str, Any]
SECOND = 1_000
VIEWS = ("traits", "external_ids", "events", "metadata", "links")
TRAITS = {f"t{n:02d}": n for n in range(25)}


class Space:
    """An application with a space, and a key for it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.key: NewKey = app.account(rate=1_000_000, burst=1_000_000)

    def ask(self, path: str) -> tuple[int, JSON]:
        answer = self.app.space(self.key, f"/collections/{path}")
        assert answer.headers["request-id"] == answer.headers["x-amzn-requestid"]
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code, answer.json()

    def found(self, path: str) -> JSON:
        status, body = self.ask(path)
        assert status == 200, body
        return body

    def pages(self, path: str) -> list[JSON]:
        """Every page, as `cursor.url` leads through them."""
        body = self.found(path)
        pages = [body]
        while body["cursor"]["has_more"]:
            prefix = "/v1/spaces/acme/collections/"
            assert body["cursor"]["url"].startswith(prefix)
            assert f"next={body['cursor']['next']}" in body["cursor"]["url"]
            body = self.found(body["cursor"]["url"].removeprefix(prefix))
            pages.append(body)
        assert (body["cursor"]["url"], body["cursor"]["next"]) == ("", "")
        return pages


@pytest.fixture(scope="module")
def space(shared: App) -> Space:
    made = Space(shared)
    shared.calls(
        made.key,
        (
            "identify",
            {
                "userId": "u-1",
                "anonymousId": "a-1",
                "messageId": "m-1",
                "traits": {**TRAITS, "email": "Kim@Example.org"},
                "timestamp": iso(START_MS - 60 * SECOND),
            },
        ),
        *(
            (
                "track",
                {
                    "userId": "u-1",
                    "event": f"Song {n % 2}",
                    "properties": {"n": n},
                    "messageId": f"s-{n}",
                    "timestamp": iso(START_MS - (50 - n) * SECOND),
                },
            )
            for n in range(12)
        ),
        (
            "group",
            {"userId": "u-1", "groupId": "g/1", "traits": {"name": "Acme", "size": 7}},
        ),
        ("group", {"anonymousId": "a-9", "groupId": "g/1", "traits": {}}),
    )
    return made


@pytest.mark.parametrize(
    "key",
    ["user_id:u-1", "USER_ID:u-1", "anonymous_id:a-1", "email:KIM%40example.org", "userId:u-1"],
)
def test_a_user_is_found_by_every_kind_of_key(space: Space, key: str) -> None:
    found = space.found(f"users/profiles/{key}/traits?limit=200")
    assert found["traits"] == {**TRAITS, "email": "Kim@Example.org"}
    assert found["cursor"] == {"url": "", "has_more": False, "next": "", "limit": 200}


def test_traits_come_in_pages_by_name(space: Space) -> None:
    pages = space.pages("users/profiles/user_id:u-1/traits")
    assert [len(page["traits"]) for page in pages] == [10, 10, 6]
    names = [name for page in pages for name in page["traits"]]
    assert names == sorted([*TRAITS, "email"])


def test_some_traits_of_a_class_in_detail(space: Space) -> None:
    found = space.found("users/profiles/user_id:u-1/traits?include=t01,nothing&verbose=true")
    ((name, told),) = found["traits"].items()
    assert (name, told["value"]) == ("t01", 1)
    assert told["updated_at"] == iso(START_MS - 60 * SECOND)
    assert told["source_id"] in space.app.rooms.definitions.snapshot(space.app.sandbox.id).datasets
    for kind in ("audience", "computed_trait"):
        assert space.found(f"users/profiles/user_id:u-1/traits?class={kind}")["traits"] == {}


def test_external_ids_are_all_names_of_a_user(space: Space) -> None:
    found = space.found("users/profiles/user_id:u-1/external_ids")["data"]
    assert {(one["type"], one["id"]) for one in found} == {
        ("user_id", "u-1"),
        ("anonymous_id", "a-1"),
        ("email", "kim@example.org"),
    }
    by_type = {one["type"]: one for one in found}
    assert by_type["user_id"]["first_message_id"] == "m-1"
    assert by_type["user_id"]["created_at"] == iso(START_MS)
    assert by_type["email"]["created_at"] is None
    assert {one["encoding"] for one in found} == {"none"}
    only = space.found("users/profiles/user_id:u-1/external_ids?include=anonymous_id")["data"]
    assert [one["id"] for one in only] == ["a-1"]


def test_types_are_codes_in_snake_case(app: App) -> None:
    """One that would mean another namespace keeps its code."""
    key = app.account(account=app.sandbox.name)
    for code in ("memberId", "member_ID", "CRMID2", "member_card"):
        made = app.post(
            "/data/core/idnamespace/identities",
            {"name": code, "code": code, "idType": "CROSS_DEVICE"},
        )
        assert made.status_code == 200, made.text
    names = (
        *(("ECID", ecid(1)), ("Email", "kim@example.org"), ("memberId", "l-1")),
        *(("CRMID2", "c-1"), ("member_card", "m-1")),
    )
    app.ingest("Customer registrations", record(*names))
    url = "/collections/users/profiles/{}/external_ids"

    def found(asked: str) -> dict[str, str]:
        answer = app.space(key, url.format(asked), space=app.sandbox.name)
        assert answer.status_code == 200, answer.text
        return {one["type"]: one["id"] for one in answer.json()["data"]}

    every = found(f"ecid:{ecid(1)}")
    assert every == {
        "ecid": ecid(1),
        "email": "kim@example.org",
        "memberId": "l-1",
        "crmid2": "c-1",
        "member_card": "m-1",
    }
    for type_, value in (*every.items(), *names, ("MEMBERID", "l-1"), ("Crmid2", "c-1")):
        assert found(f"{type_}:{value}") == every
    answer = app.space(
        key, url.format("ecid:" + ecid(1)) + "?include=ECID,CRMID2", space=app.sandbox.name
    )
    assert [one["type"] for one in answer.json()["data"]] == ["ecid", "crmid2"]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_events_come_in_pages_each_once_and_in_order(space: Space, order: str) -> None:
    pages = space.pages(f"users/profiles/user_id:u-1/events?limit=5&sort={order}")
    times = [one["timestamp"] for page in pages for one in page["data"]]
    assert times == sorted(times, reverse=order == "desc")
    assert len({one["message_id"] for page in pages for one in page["data"]}) == len(times) == 14


def test_an_event_tells_its_message(space: Space) -> None:
    found = space.found("users/profiles/user_id:u-1/events?include=Song 1&limit=1")["data"]
    (event,) = found
    assert {(one["type"], one["id"]) for one in event["external_ids"]} >= {("user_id", "u-1")}
    assert (
        event.items()
        >= {
            "type": "track",
            "event": "Song 1",
            "message_id": "s-11",
            "properties": {"n": 11},
            "context": {},
            "related": {},
            "timestamp": iso(START_MS - 39 * SECOND),
        }.items()
    )
    grouped = space.found("users/profiles/user_id:u-1/events?include=group")["data"]
    assert grouped[0]["related"]["accounts"][0]["id"] == "g/1"


def test_events_are_chosen_by_name_and_time(space: Space) -> None:
    def names(query: str) -> set[str]:
        found = space.found(f"users/profiles/user_id:u-1/events?limit=100&{query}")
        return {one["event"] for one in found["data"]}

    assert names("include=Song 1") == names("include=song_1") == {"Song 1"}
    assert names("exclude=Song 1,Song 0") == {"identify", "group"}
    assert names(f"end={iso(START_MS - 59 * SECOND)}") == {"identify"}
    assert names(f"start={iso(START_MS)}") == {"group"}


def test_pages_are_chosen_by_the_names_that_they_are_shown_by(app: App) -> None:
    """A page without a name is shown as what it is, and so is a track call of that name."""
    space = Space(app)
    app.calls(
        space.key,
        ("page", {"userId": "u-1", "name": "Home"}),
        ("page", {"userId": "u-1", "name": "About Us"}),
        ("page", {"userId": "u-1"}),
        ("screen", {"userId": "u-1", "name": "home"}),
        ("track", {"userId": "u-1", "event": "Home"}),
        ("track", {"userId": "u-1", "event": "Page", "name": "About Us"}),
        ("identify", {"userId": "u-1", "name": "Home", "traits": {"a": 1}}),
    )

    def names(query: str) -> list[str]:
        pages = space.pages(f"users/profiles/user_id:u-1/events?{query}")
        return sorted(one["event"] for body in pages for one in body["data"])

    everything = ["About Us", "Home", "Home", "Page", "home", "identify", "page"]
    assert names("limit=100") == names("limit=2") == everything
    for limit in (1, 100):
        also = f"&limit={limit}"
        assert names(f"include=Home{also}") == ["Home", "Home", "home"]
        assert names(f"include=about us{also}") == ["About Us"]
        assert names(f"include=Page{also}") == ["Page", "page"]
        assert names(f"exclude=home{also}") == ["About Us", "Page", "identify", "page"]
        assert names(f"exclude=page,identify{also}") == ["About Us", "Home", "Home", "home"]
        assert names(f"include=Home,Page&exclude=Page{also}") == ["Home", "Home", "home"]
        assert names(f"include=screen{also}") == []


def test_a_malformed_key_is_told_before_a_malformed_position(space: Space) -> None:
    for view in VIEWS:
        for key, code in (("u-1", "validation_error"), ("user_id:u-1", "invalid_request_error")):
            status, body = space.ask(f"users/profiles/{key}/{view}?min_as_of=soon")
            assert (status, body["error"]["code"]) == (400, code)
        assert space.ask(f"others/profiles/user_id:u-1/{view}?min_as_of=soon")[0] == 404


def test_metadata_names_the_first_and_the_last_message(space: Space) -> None:
    found = space.found("users/profiles/user_id:u-1/metadata")["metadata"]
    assert found.keys() == {
        *("created_at", "updated_at", "expires_at", "first_message_id", "first_source_id"),
        *("last_message_id", "last_source_id"),
    }
    assert (found["created_at"], found["first_message_id"]) == (iso(START_MS), "m-1")
    assert found["updated_at"] == iso(START_MS)


def test_groups_and_their_people_are_linked(space: Space) -> None:
    (link,) = space.found("users/profiles/user_id:u-1/links")["data"]
    assert link == {
        "to_collection": "accounts",
        "external_ids": [
            {"collection": "accounts", "type": "group_id", "id": "g/1", "encoding": "none"}
        ],
    }
    back = space.pages("accounts/profiles/group_id:g%2F1/links?limit=1")
    assert [page["cursor"]["limit"] for page in back] == [1, 1]
    ids = {one["id"] for page in back for link in page["data"] for one in link["external_ids"]}
    assert ids == {"u-1", "a-9"}


def test_an_account_has_traits_of_its_own(space: Space) -> None:
    found = space.found("accounts/profiles/group_id:g%2F1/traits")
    assert found["traits"] == {"name": "Acme", "size": 7}
    (own,) = space.found("accounts/profiles/group_id:g/1/external_ids")["data"]
    assert (own["type"], own["id"], own["collection"]) == ("group_id", "g/1", "accounts")
    assert space.found("accounts/profiles/group_id:g%2F1/metadata")["metadata"]["updated_at"]
    told = space.found("accounts/profiles/group_id:g%2F1/events")["data"]
    assert [one["related"]["users"][0]["id"] for one in told] == ["a-9", "u-1"]


# Faults


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("users/profiles/user_id:none", 404, "not_found"),
        ("users/profiles/email:none@x", 404, "not_found"),
        ("users/profiles/device_id:none", 404, "not_found"),
        ("accounts/profiles/group_id:none", 404, "not_found"),
        ("things/profiles/user_id:u-1", 404, "not_found"),
        ("users/profiles/u-1", 400, "validation_error"),
        ("users/profiles/foo:u-1", 400, "validation_error"),
        ("users/profiles/group_id:g", 400, "validation_error"),
        ("accounts/profiles/user_id:u-1", 400, "validation_error"),
        ("users/profiles/user_id:" + "x" * 513, 400, "validation_error"),
        ("users/profiles/user_id:%FF", 400, "validation_error"),
    ],
)
def test_wrong_paths(space: Space, path: str, view: str, status: int, code: str) -> None:
    found, body = space.ask(f"{path}/{view}")
    assert (found, body["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("view", "query"),
    [
        *((view, "limit=0") for view in ("traits", "external_ids", "events", "links")),
        ("traits", "limit=201"),
        ("events", "limit=101"),
        ("links", "limit=21"),
        ("traits", "class=other"),
        ("traits", "verbose=maybe"),
        ("events", "sort=up"),
        ("events", "start=soon"),
        ("traits", "limit=1&limit=2"),
        *((view, "next=abc") for view in ("traits", "external_ids", "events", "links")),
    ],
)
def test_wrong_parameters(space: Space, view: str, query: str) -> None:
    status, body = space.ask(f"users/profiles/user_id:u-1/{view}?{query}")
    assert (status, body["error"]["code"]) == (400, "invalid_request_error")


def test_a_cursor_is_good_for_its_own_list_alone(space: Space) -> None:
    next_ = space.found("users/profiles/user_id:u-1/traits")["cursor"]["next"]
    for path in ("users/profiles/user_id:u-1/events", "users/profiles/anonymous_id:a-1/traits"):
        assert space.ask(f"{path}?next={next_}")[0] == 400


def test_a_space_needs_its_key(space: Space) -> None:
    path = "/collections/users/profiles/user_id:u-1/traits"
    assert space.app.space(None, path).status_code == 401
    assert space.app.space(space.key, path, space="other").status_code == 403


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(VIEWS),
    st.dictionaries(
        st.sampled_from(
            ["limit", "next", "include", "exclude", "start", "sort", "class", "verbose"]
        ),
        st.sampled_from(
            ["", "1", "-1", "x", "true", "asc", "%00", "%FF", "a,b", "2026-01-01", "é"]
        ),
        max_size=4,
    ),
)
def test_whatever_is_asked_is_answered_or_refused(
    space: Space, view: str, query: dict[str, str]
) -> None:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    status, _ = space.ask(f"users/profiles/user_id:u-1/{view}?{text}")
    assert status in (200, 400)
