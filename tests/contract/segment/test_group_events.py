"""The events of groups in the Segment Profile API. Source: Intilery contract, 13.4, 13.7 and 14."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control.keys import NewKey
from onefold.domain import suppression
from onefold.lookup import feeds
from onefold.store.tables import suppressions
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS
from tests.contract.people import iso

JSON = dict[str, Any]
SECOND = 1_000
EVENTS = "accounts/profiles/group_id:g-1/events"


class Company:
    """An application with a group, and a key for its space."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.key: NewKey = app.account(rate=1_000_000, burst=1_000_000)
        self.call("group", {"userId": "u-1", "groupId": "g-1", "traits": {"name": "Initech"}})

    def call(self, kind: str, body: JSON) -> None:
        self.app.calls(self.key, (kind, body))

    def track(self, event: str, seconds: int, **said: Any) -> tuple[str, JSON]:
        """An event that many seconds ago; of u-1 unless it says whose."""
        whose = said if {"userId", "anonymousId"} & said.keys() else {"userId": "u-1", **said}
        return ("track", {"event": event, "timestamp": iso(START_MS - seconds * SECOND), **whose})

    def told(self, *calls: tuple[str, JSON]) -> None:
        self.app.calls(self.key, *calls)

    def found(self, query: str = "", key: NewKey | None = None, path: str = EVENTS) -> JSON:
        answer = self.app.space(key or self.key, f"/collections/{path}?{query}")
        assert answer.status_code == 200, answer.text
        return json_of(answer)

    def events(self, query: str = "limit=100", key: NewKey | None = None) -> list[str]:
        return [one["event"] for one in self.found(query, key)["data"]]

    def pages(self, query: str) -> list[list[str]]:
        """The events of every page, as `next` leads through them."""
        body = self.found(query)
        pages = [[one["event"] for one in body["data"]]]
        while body["cursor"]["has_more"]:
            body = self.found(f"{query}&next={body['cursor']['next']}")
            pages.append([one["event"] for one in body["data"]])
        return pages

    def suppress(self, user: str) -> None:
        """Keep a user out."""
        sandbox = self.app.sandbox.id
        with self.app.rooms.profiles.sight(sandbox) as (reader, _, _):
            rows = reader.read("SELECT xid FROM members WHERE value = ?", (user,))
        out = suppression.of_identity(
            suppression.Keys(sandbox), rows[0][0], until_ms=suppression.EVER
        )
        with self.app.places.profile(sandbox).transaction() as transaction:
            suppressions.add(transaction, [out], made_ms=START_MS)


@pytest.fixture
def company(app: App) -> Company:
    return Company(app)


def test_whoever_did_it_the_events_that_name_a_group_are_its_own(company: Company) -> None:
    company.told(
        company.track("Root", 50, groupId="g-1"),
        company.track("Spelt", 45, group_id=" g-1 "),
        company.track("Context", 40, userId="u-2", context={"groupId": "g-1"}),
        company.track("Nobody known", 30, anonymousId="a-3", groupId="g-1"),
        company.track("Other group", 20, groupId="g-2", context={"groupId": "g-1"}),
        company.track("No group", 10),
        company.track("In properties", 5, properties={"groupId": "g-1"}),
    )
    assert company.events() == ["group", "Nobody known", "Context", "Spelt", "Root"]


def test_an_integer_names_a_group_as_its_decimal_text(company: Company) -> None:
    company.told(
        ("group", {"userId": "u-1", "groupId": 7, "traits": {"name": "Seven"}}),
        company.track("Integer", 20, groupId=7),
        company.track("Text", 10, groupId="7"),
    )
    found = company.found("limit=9", path="accounts/profiles/group_id:7/events")["data"]
    assert [one["event"] for one in found] == ["group", "Text", "Integer"]


def test_an_event_tells_the_group_and_whose_it_is(company: Company) -> None:
    company.told(
        company.track(
            "Paid",
            10,
            userId="u-2",
            messageId="m-1",
            properties={"n": 1},
            context={"groupId": "g-1"},
        ),
        company.track("Seen", 5, anonymousId="a-3", groupId="g-1"),
    )
    (paid,) = company.found("include=Paid")["data"]
    source = paid.pop("source_id")
    assert source in company.app.rooms.definitions.snapshot(company.app.sandbox.id).datasets
    assert paid == {
        "external_ids": [
            {"collection": "accounts", "type": "group_id", "id": "g-1", "encoding": "none"}
        ],
        "context": {"groupId": "g-1"},
        "type": "track",
        "message_id": "m-1",
        "timestamp": iso(START_MS - 10 * SECOND),
        "properties": {"n": 1},
        "event": "Paid",
        "related": {"users": [{"collection": "users", "type": "user_id", "id": "u-2"}]},
    }
    (seen,) = company.found("include=Seen")["data"]
    assert seen["related"] == {
        "users": [{"collection": "users", "type": "anonymous_id", "id": "a-3"}]
    }
    (same,) = company.found("include=Paid", path="users/profiles/user_id:u-2/events")["data"]
    assert same["related"] == {
        "accounts": [{"collection": "accounts", "type": "group_id", "id": "g-1"}]
    }
    assert {(one["type"], one["id"]) for one in same["external_ids"]} == {("user_id", "u-2")}


def test_an_event_makes_nobody_one_of_the_group(company: Company) -> None:
    company.told(company.track("Paid", 10, userId="u-2", groupId="g-1"))
    (link,) = company.found(path="accounts/profiles/group_id:g-1/links")["data"]
    assert [one["id"] for one in link["external_ids"]] == ["u-1"]
    assert company.found(path="users/profiles/user_id:u-2/links")["data"] == []


def test_a_group_that_only_events_name_is_unknown(company: Company) -> None:
    """No `group` call has told of it."""
    company.told(company.track("Paid", 10, groupId="g-9"))
    answer = company.app.space(company.key, "/collections/accounts/profiles/group_id:g-9/events")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_have_each_event_once_and_in_order(company: Company, order: str) -> None:
    """Also where people are kept out, whose events are left out of pages that are full still."""
    calls = [
        company.track(f"n{n:02d}", 100 - n, userId=f"u-{n % 3}", groupId="g-1") for n in range(12)
    ]
    company.told(*calls)
    every = [body["event"] for _, body in calls] + ["group"]
    if order == "desc":
        every.reverse()
    for limit in (1, 4, 5, 13):
        pages = company.pages(f"limit={limit}&sort={order}")
        assert [name for page in pages for name in page] == every
        assert {len(page) for page in pages[:-1]} <= {limit}
        assert pages[-1]
    company.suppress("u-2")
    left = [name for name in every if name == "group" or int(name[1:]) % 3 != 2]
    for limit in (1, 4, 5, 9):
        pages = company.pages(f"limit={limit}&sort={order}")
        assert [name for page in pages for name in page] == left
        assert {len(page) for page in pages[:-1]} <= {limit}


def test_a_page_ends_where_enough_was_passed_over(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it may be short, and the cursor goes on."""
    monkeypatch.setattr(feeds, "LOOKED_MAX", 4)
    monkeypatch.setattr(feeds, "STEP", 2)
    company.told(
        *(company.track(f"n{n:02d}", 100 - n, userId="u-2", groupId="g-1") for n in range(9)),
        company.track("First", 200, groupId="g-1"),
    )
    company.suppress("u-2")
    pages = company.pages("limit=1")
    assert [name for page in pages for name in page] == ["group", "First"]
    assert [] in pages


def test_events_are_chosen_by_name_and_time(company: Company) -> None:
    company.told(
        *(company.track(f"Song {n % 2}", 50 - n, groupId="g-1") for n in range(4)),
    )
    assert company.events("include=Song 1") == company.events("include=song_1") == ["Song 1"] * 2
    assert company.events("exclude=Song 1,group") == ["Song 0"] * 2
    assert company.events(f"start={iso(START_MS - 48 * SECOND)}&exclude=group") == [
        "Song 1",
        "Song 0",
    ]
    assert company.events(f"end={iso(START_MS - 49 * SECOND)}") == ["Song 0"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "sort=up", "start=soon", "next=abc", "limit=1&limit=2"]
)
def test_wrong_parameters(company: Company, query: str) -> None:
    answer = company.app.space(company.key, f"/collections/{EVENTS}?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request_error")


def test_a_key_of_one_brand_sees_its_events_alone(company: Company) -> None:
    beta = company.app.account(brand="BETA")
    company.told(company.track("Ours", 10, groupId="g-1"))
    answer = company.app.segment(
        "/v1/track",
        {"userId": "u-2", "event": "Theirs", "groupId": "g-1"},
        user=beta.write_key or "",
    )
    assert answer.status_code == 200, answer.text
    company.app.drain()
    assert set(company.events()) == {"group", "Ours", "Theirs"}
    assert company.events(key=beta) == ["Theirs"]


def test_events_of_who_is_kept_out_or_deleted_are_not_told(company: Company) -> None:
    company.told(
        company.track("Ours", 30, groupId="g-1"),
        company.track("Quiet", 20, userId="u-2", groupId="g-1"),
        company.track("Gone", 10, userId="u-3", groupId="g-1"),
    )
    for kind, user in (("SUPPRESS_ONLY", "u-2"), ("SUPPRESS_WITH_DELETE", "u-3")):
        answer = company.app.post("/onefold/v1/regulations", {"kind": kind, "userIds": [user]})
        assert answer.status_code == 202, answer.text
    company.app.drain()
    company.app.work()
    assert company.events() == ["group", "Ours"]
    assert company.app.faults() == []


def test_an_event_stays_with_its_group_when_it_goes_to_another_person(company: Company) -> None:
    """A device that two people use one after the other."""
    company.told(
        company.track("Came", 25, anonymousId="a-1", userId="u-1"),
        company.track("Before", 20, anonymousId="a-1", groupId="g-1"),
        company.track("Came", 15, anonymousId="a-1", userId="u-2"),
        company.track("After", 10, anonymousId="a-1", groupId="g-1"),
        company.track("Late", 18, anonymousId="a-1", groupId="g-1"),
    )
    found = {one["event"]: one["related"] for one in company.found("limit=100")["data"]}
    assert found.keys() == {"group", "Before", "Late", "After"}
    whose = {name: told["users"][0]["id"] for name, told in found.items()}
    assert (whose["Before"], whose["Late"], whose["After"]) == ("u-1", "u-1", "u-2")
    assert company.app.faults() == []


def test_what_a_batch_says_in_its_context_counts_for_its_messages(company: Company) -> None:
    body = {
        "batch": [
            {"type": "track", "userId": "u-1", "event": "In"},
            {"type": "track", "userId": "u-1", "event": "Out", "context": {"groupId": "g-2"}},
        ],
        "context": {"groupId": "g-1"},
    }
    answer = company.app.segment("/v1/batch", body, user=company.key.write_key or "")
    assert answer.status_code == 200, answer.text
    company.app.drain()
    assert set(company.events()) == {"group", "In"}
