"""`/onefold/v1/changes`: what happened to people, page by page and as a stream."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.api import streams
from onefold.api.onefold import changes as door
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.identity.xid import encode
from onefold.domain.removal import Removal
from onefold.errors import CODES
from onefold.lookup import changes as looked
from onefold.store.tables import changes as rows
from onefold.testing.app import App
from onefold.wire import iso_millis
from tests.contract.accesscontrol.test_acl import project
from tests.contract.asking import send
from tests.contract.onefold.following import CHANGES, Event, follow
from tests.contract.people import RECORD, ecid, event, record
from tests.jobs.test_removal import _remove

JSON = dict[str, Any]
ADA, BOB, CYD = (("ECID", ecid(number)) for number in (1, 2, 3))
MAIL = ("Email", "ada@example.com")
XID = {
    **{name: encode(4, ecid(number)) for name, number in (("ada", 1), ("bob", 2), ("cyd", 3))},
    "mail": encode(6, MAIL[1]),
}


def page(app: App, query: str = "after=0") -> JSON:
    answer = app.get(f"{CHANGES}?{query}")
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def happened(app: App, query: str = "after=0") -> list[tuple[str, str, list[str]]]:
    return [(one["kind"], one["cluster"], one["others"]) for one in page(app, query)["changes"]]


def refused(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["title"] == CODES[code].meaning.rstrip(".")


def names(*people: str) -> list[str]:
    return sorted(XID[name] for name in people)


# What is told


def test_a_new_person_is_created_and_a_profile_record_changes_them(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA))
    assert happened(app) == [("created", XID["ada"], [])]
    app.ingest(REGISTRATIONS, record(ADA, person={"name": {"firstName": "Ada"}}))
    assert happened(app, "after=1") == [("changed", XID["ada"], [])]


def test_events_of_known_people_are_no_changes(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA))
    app.ingest(EVENTS, event("e-2", ADA), event("e-1", ADA))
    assert happened(app) == [("created", XID["ada"], [])]


def test_people_who_turn_out_to_be_one_are_joined(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA), event("e-2", BOB))
    app.ingest(EVENTS, event("e-3", ADA, BOB))
    first, second = names("ada", "bob")
    assert happened(app, "after=2") == [("joined", first, [second])]


def test_a_further_identity_changes_the_person(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA))
    app.ingest(EVENTS, event("e-2", ADA, MAIL))
    first, second = names("ada", "mail")
    told = ("changed", first, []) if first == XID["ada"] else ("joined", first, [second])
    assert happened(app, "after=1") == [told]


def test_who_falls_apart_is_split(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA, MAIL), event("e-2", BOB, MAIL))
    name = page(app)["changes"][0]["cluster"]
    before = page(app)["_page"]["next"]
    _remove(app, Removal(identities=[XID["mail"]]))
    told = happened(app, f"after={before}")
    assert ("split", name, names("ada", "bob")) in told


def test_who_has_nothing_left_is_deleted(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA))
    number = app.places.profile(app.sandbox.id).read("SELECT seq FROM fragments")[0][0]
    dataset = app.datasets[REGISTRATIONS].id
    what = Removal(fragments=[(XID["ada"], dataset, number)], identities=[XID["ada"]])
    _remove(app, what)
    assert happened(app, "after=1") == [("deleted", XID["ada"], [])]


def test_a_change_says_when_and_which_record_and_can_be_looked_up(app: App) -> None:
    app.ingest(REGISTRATIONS, record(ADA, person={"name": {"firstName": "Ada"}}))
    (one,) = page(app)["changes"]
    assert one == {
        "number": 1,
        "kind": "created",
        "time": iso_millis(app.clock.now_ms()),
        "record": 1,
        "cluster": XID["ada"],
        "others": [],
    }
    found = app.get(f"{RECORD}&entityId={one['cluster']}").json()
    assert found[XID["ada"]]["entity"]["person"]["name"]["firstName"] == "Ada"


# Pages


def test_pages_follow_each_other_without_gap_or_repeat(app: App) -> None:
    app.ingest(EVENTS, *(event(f"e-{n}", ("ECID", ecid(n))) for n in range(1, 8)))
    numbers: list[int] = []
    query = "after=0&limit=3"
    for _ in range(3):
        found = page(app, query)
        numbers += [one["number"] for one in found["changes"]]
        query = f"after={found['_page']['next']}&limit=3"
    assert numbers == list(range(1, 8))
    assert (found["_page"]["count"], found["_page"]["more"]) == (1, False)


def test_without_a_cursor_the_page_is_empty_and_names_the_newest(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA))
    found = page(app, "")
    assert (found["changes"], found["_page"]["more"]) == ([], False)
    app.ingest(EVENTS, event("e-2", BOB))
    assert happened(app, f"after={found['_page']['next']}") == [("created", XID["bob"], [])]


def test_kinds_are_chosen_and_a_page_goes_on_past_what_it_leaves_out(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looked, "LOOKED_MAX", 2)
    app.ingest(EVENTS, event("e-1", ADA), event("e-2", BOB))
    app.ingest(EVENTS, event("e-3", ADA, BOB))
    found = page(app, "after=0&kinds=joined,split")
    assert (found["changes"], found["_page"]["more"]) == ([], True)
    found = page(app, f"after={found['_page']['next']}&kinds=joined,split")
    assert [one["kind"] for one in found["changes"]] == ["joined"]


def test_a_cursor_that_the_log_has_lost_is_gone(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "KEPT_MAX", 2)
    monkeypatch.setattr(rows, "TRIM_EVERY", 1)
    for number in range(1, 6):
        app.ingest(EVENTS, event(f"e-{number}", ("ECID", ecid(number))))
    refused(app.get(f"{CHANGES}?after=1"), 410, "CHG-1001")
    assert len(page(app, "after=3")["changes"]) == 2


def test_a_cursor_beyond_the_log_or_of_another_store_is_gone(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA))
    refused(app.get(f"{CHANGES}?after=2"), 410, "CHG-1001")
    refused(app.get(f"{CHANGES}?after=1.00000000"), 410, "CHG-1001")


@pytest.mark.parametrize(
    "query",
    [
        *(
            "after=x",
            "after=-1",
            "after=1.zz",
            "after=" + "9" * 16,
            "kinds=gone",
            "kinds=changed,x",
        ),
        *("limit=0", "limit=1001", "limit=x", "what=ever", "after=1&after=2"),
    ],
)
def test_wrong_parameters_are_refused(app: App, query: str) -> None:
    refused(app.get(f"{CHANGES}?{query}"), 400, "CTL-1008")
    refused(app.get(f"{CHANGES}?{query}", accept="text/event-stream"), 400, "CTL-1008")


def test_changes_need_the_permission_to_see_profiles(app: App) -> None:
    assert app.get(CHANGES, **project(app, {"*": ("view-datasets",)})).status_code == 403
    assert app.get(CHANGES).status_code == 200


# The stream


def test_a_stream_begins_with_what_comes_from_now_on(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA))
    app.collect(app.message(EVENTS, event("e-2", BOB)))
    answer = follow(app, events=1, steps=[app.drain])
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers
    assert answer.text.startswith("retry: 1000\nid: 1.")
    _, told = answer.events
    assert (told.name, told.data["cluster"], told.data["number"]) == ("created", XID["bob"], 2)
    assert told.id == page(app)["_page"]["next"]
    assert told.data["position"] == 2


@pytest.mark.parametrize("way", ["header", "query", "number"])
def test_a_stream_goes_on_behind_the_last_event(app: App, way: str) -> None:
    app.ingest(EVENTS, *(event(f"e-{n}", ("ECID", ecid(n))) for n in range(1, 6)))
    last = follow(app, query="after=0", events=2).events[2]
    assert last.data["number"] == 2
    if way == "header":  # which a browser sends with the address it began with
        answer = follow(app, query="after=0", last_event_id=last.id, events=3)
    else:
        answer = follow(app, query=f"after={last.id if way == 'query' else 2}", events=3)
    assert [told.data["number"] for told in answer.events[1:]] == [3, 4, 5]


def test_a_stream_sends_more_than_one_page(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "STREAM_PAGE", 2)
    app.ingest(EVENTS, *(event(f"e-{n}", ("ECID", ecid(n))) for n in range(1, 6)))
    answer = follow(app, query="after=0", events=5)
    assert [told.data["number"] for told in answer.events[1:]] == [1, 2, 3, 4, 5]


def test_a_stream_of_some_kinds_says_how_far_it_has_looked(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a reader of rare kinds would come back with a cursor that the log has lost."""
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.0)
    app.ingest(EVENTS, event("e-1", ADA), event("e-2", BOB))
    answer = follow(app, query="after=0&kinds=deleted", until=lambda text: "id: 2." in text)
    assert all(told.data is None for told in answer.events)


def test_a_stream_says_that_it_is_still_there(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.0)
    answer = follow(app, until=lambda text: text.count("\n:\n") >= 2)
    assert answer.events[1:] == [Event("", "", None)] * len(answer.events[1:])


def test_a_cursor_that_is_lost_begins_a_stream_with_a_reset(app: App) -> None:
    app.ingest(EVENTS, event("e-1", ADA), event("e-2", BOB))
    app.collect(app.message(EVENTS, event("e-3", CYD)))
    answer = follow(app, query="after=77", events=2, steps=[lambda: None, app.drain])
    _, reset, told = answer.events
    assert (reset.name, reset.data) == ("reset", {"number": 2})
    assert (told.name, told.data["number"]) == ("created", 3)


def test_a_stream_ends_with_its_sandbox(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.0)
    app.ingest(EVENTS, event("e-1", ADA))
    cursor = page(app)["_page"]["next"]

    def reset() -> None:
        body = {"action": "reset"}
        path = "/data/foundation/sandbox-management/sandboxes/prod"
        assert send(app, "PUT", path, body).status_code == 202
        app.drain()

    assert follow(app, until=lambda _: False, steps=[reset]).ended
    # Numbers begin anew; the old cursor does not stand for one of them.
    refused(app.get(f"{CHANGES}?after={cursor}"), 410, "CHG-1001")


def test_a_stream_ends_with_its_token(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.0)
    later = app.clock.now_ms() + app.settings.token_seconds * 1000 + 1
    assert follow(app, until=lambda _: False, steps=[lambda: app.at(later)]).ended


def test_streams_end_when_the_server_stops(app: App) -> None:
    def stop() -> None:
        app.rooms.streams.ending = True

    assert follow(app, until=lambda _: False, steps=[stop]).ended


def test_streams_beyond_the_limit_are_refused_until_one_has_ended(app: App) -> None:
    app.rooms.streams._most = 1
    refusals: list[Any] = []

    def another() -> None:
        refusals.append(app.get(CHANGES, accept="text/event-stream"))

    follow(app, steps=[another])
    (refusal,) = refusals
    refused(refusal, 503, "CHG-1002")
    assert refusal.headers["retry-after"] == str(streams.RETRY_SECONDS)
    assert follow(app).status == 200


def test_head_of_a_stream_has_no_body(app: App) -> None:
    answer = follow(app, method="HEAD")
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["content-type"] == "text/event-stream"
    app.rooms.streams._most = 1
    assert follow(app).status == 200
