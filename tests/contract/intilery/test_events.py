"""The events of a customer and of a whole account: what an item says, filters, order and paging.

Source: Intilery contract, 7; the vectors are those of its section 17.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

import pytest

from onefold.api.cursor import IDLE_MS
from onefold.control.keys import NewKey
from onefold.control.starter import EVENTS
from onefold.testing.app import App, json_of
from onefold.testing.clock import START_MS
from tests.contract.intilery.timelines import (
    JSON,
    application,
    identify,
    page,
    refused,
    send,
    track,
    walked,
)
from tests.contract.people import event, iso

NOW_MS = START_MS + 86_400_000
K = "/profiles/userId:u-1/events"
L = "/profiles/userId:u-2/events"
BOTH = "/profiles/email:kim@example.org/events"
NAMES = ("Email Opened", "Page", "Logged In", "Registered", "identify", "Order #2!")


class World(NamedTuple):
    """An application, its key, and the ids of the events of K, the newest first."""

    app: App
    key: NewKey
    ids: list[str]


@pytest.fixture(scope="module")
def world(fresh: Callable[[], Path]) -> Iterator[World]:
    """K and L with the same address; K has 130 events, one every second, L one between each."""
    with application(fresh()) as app:
        key = app.account()
        app.at(NOW_MS)
        calls = [
            track(
                "u-1" if number % 2 == 0 else "u-2",
                NAMES[number // 2 % len(NAMES)],
                START_MS + number * 500,
                properties={"n": number, "deep": {"er": [1, "two"]}, "a.b": True},
                messageId=f"m-{number}",
            )
            for number in range(260)
        ]
        ids = send(app, key, calls)
        send(app, key, [identify("u-1", email="Kim@Example.org", n=1)])
        send(app, key, [identify("u-2", email="kim@example.org")])
        whole = walked(app, key, K)
        assert {one["eventId"] for one in whole} >= set(ids[::2])
        yield World(app, key, [one["eventId"] for one in whole])


def _ids(found: list[JSON]) -> list[str]:
    return [one["eventId"] for one in found]


def _asked(world: World, parameters: str, url: str = K) -> list[JSON]:
    found: list[JSON] = page(world.app, world.key, f"{url}?{parameters}")["data"]
    return found


def _ask_one(world: World, **parameters: Any) -> JSON:
    found = _asked(world, "&".join(f"{k}={v}" for k, v in parameters.items()))
    assert len(found) == 1
    return found[0]


def test_v15_a_page_has_100_events_the_newest_first_and_a_scroll_id(world: World) -> None:
    first = page(world.app, world.key, K)
    assert first["scrollId"]
    assert _ids(first["data"]) == world.ids[:100]
    times = [one["eventTime"] for one in first["data"]]
    assert times == sorted(times, reverse=True)


def test_an_item_says_what_happened_to_whom_when_and_where(world: World) -> None:
    found = _ask_one(world, size=1, sort="asc")
    traits = json_of(world.app.ask(world.key, "/profiles/userId:u-1/traits"))
    assert found == {
        "id": traits["id"],
        "customerId": traits["id"],
        "externalId": "u-1",
        "email": "Kim@Example.org",
        "userId": "u-1",
        "eventId": world.ids[-1],
        "eventTime": "2026-01-01T00:00:00.000Z",
        "receivedTime": "2026-01-02T00:00:00.000Z",
        "eventAction": "email_opened",
        "clientId": "acme",
        "accountId": "acme",
        "brandId": "ACME",
        "source": "SEGMENT_API",
        "rawData": {
            "type": "track",
            "action": "track",
            "userId": "u-1",
            "event": "Email Opened",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "messageId": "m-0",
            "properties": {"n": 0, "deep": {"er": [1, "two"]}, "a.b": True},
        },
    }


def test_v9_tenants_are_shown_in_their_own_case(world: World) -> None:
    answer = world.app.request(
        "GET", f"/track/ACME/acme/Acme/v1{K}", headers={"auth-token": world.key.auth_token}
    )
    same = world.app.ask(world.key, K)
    assert answer.status_code == 200
    assert answer.json()["data"] == same.json()["data"]


@pytest.mark.parametrize(
    "asked",
    [
        *("size=0", "size=101", "size=x", "from=-1", "sort=up", "start=soon"),
        *("size=1.0", "size=%2B5", "size=9999999999999999", "from=1e3", "end=2026-02-30"),
        *("orderBy=name", "size=5&size=5", "sort=asc&sort=asc", "scrollId=x&scrollid=x"),
        *("properties.=1", "include=" + "a," * 101, "limit=0"),
    ],
)
@pytest.mark.parametrize("url", [K, "/events"])
def test_v16_a_parameter_that_makes_no_sense_is_refused(world: World, url: str, asked: str) -> None:
    refused(world.app, world.key, f"{url}?{asked}")


def test_v17_from_reaches_10_000_and_the_refusal_names_the_ways_out(world: World) -> None:
    assert _asked(world, "from=9950&size=50") == []
    text = refused(world.app, world.key, f"{K}?from=9951&size=50")
    assert all(word in text for word in ("10000", "start", "end", "scrollId"))
    refused(world.app, world.key, f"{K}?from=9999999999999")


@pytest.mark.parametrize(
    "asked", ["email_opened", "Email%20Opened", "Email+Opened", "email_opened,", ",,EMAIL-OPENED"]
)
def test_v18_an_action_is_asked_for_by_slug_or_by_name(world: World, asked: str) -> None:
    found = _asked(world, f"include={asked}")
    assert {one["eventAction"] for one in found} == {"email_opened"}
    assert len(found) == 22


def test_lists_may_stand_several_times_and_blank_ones_count_as_absent(world: World) -> None:
    assert _asked(world, "include=page,order_2") == _asked(
        world, "include=page&include=Order%20%232"
    )
    assert _asked(world, "include=,%20,&include=") == _asked(world, "")
    assert _asked(world, "include=page,order_2&exclude=order_2") == _asked(world, "include=page")
    assert _asked(world, "include=page&exclude=page") == []


def test_v19_excluded_actions_are_not_there(world: World) -> None:
    found = _asked(world, "exclude=page,logged_in,registered,identify")
    assert {one["eventAction"] for one in found} == {"email_opened", "order_2"}


@pytest.mark.parametrize("middle_ms", [START_MS + 30_000, START_MS + 30_001, START_MS + 29_999])
def test_v20_windows_tile_without_loss_or_repeat(world: World, middle_ms: int) -> None:
    t, u, w = iso(START_MS + 5_000), iso(middle_ms), iso(START_MS + 60_000)
    first, second = _asked(world, f"start={t}&end={u}"), _asked(world, f"start={u}&end={w}")
    assert set(_ids(first)).isdisjoint(_ids(second))
    assert second + first == _asked(world, f"start={t}&end={w}")
    assert len(first + second) == 55


@pytest.mark.parametrize(
    ("start", "events"),
    [
        ("2026-01-01", 130),
        ("2026-01-01T00:00:30Z", 100),
        ("2026-01-01T00:00:30", 100),
        ("2026-01-01T01:00:30+01:00", 100),  # the plus comes as a space
        ("2026-01-01T01:00:30%2B01:00", 100),
        ("2025-12-31T23:00:30-0100", 100),
        ("2026-01-01T00:00:30.0001Z", 99),
        ("2026-01-01 00:00:30", 100),
    ],
)
def test_dates_are_midnights_and_times_may_have_offsets(
    world: World, start: str, events: int
) -> None:
    asked = f"start={start}&end=2026-01-01T12:00:00Z"
    assert len(walked(world.app, world.key, K, asked)) == events


def test_a_window_that_ends_before_it_begins_is_empty(world: World) -> None:
    assert _asked(world, "start=2026-01-02&end=2026-01-01") == []
    assert _asked(world, "start=2026-01-01&end=2026-01-01") == []


def test_from_passes_over_events_and_limit_stands_for_size(world: World) -> None:
    assert _ids(_asked(world, "from=10&size=7")) == world.ids[10:17]
    assert _ids(_asked(world, "from=10&limit=7")) == world.ids[10:17]
    assert _ids(_asked(world, "limit=3&size=7")) == world.ids[:7]
    assert _asked(world, "from=1000") == []


def test_unknown_and_empty_parameters_are_passed_over(world: World) -> None:
    assert (
        _ids(_asked(world, "size=&from=&sort=&start=&colour=red&colour=blue&SIZE=3"))
        == (world.ids[:100])
    )


def test_sorting_turns_round_the_whole_order(world: World) -> None:
    for word in ("asc", "ASC"):
        assert _ids(walked(world.app, world.key, K, f"sort={word}")) == world.ids[::-1]
    assert _ids(walked(world.app, world.key, K, "sort=Desc")) == world.ids


def test_a_cursor_goes_on_with_the_question_and_may_be_used_again(world: World) -> None:
    first = page(world.app, world.key, f"{K}?include=page&size=5&sort=asc&from=2")
    everything = _ids(_asked(world, "include=page&sort=asc"))
    for _ in range(2):
        cursor = quote(first["scrollId"])
        further = page(world.app, world.key, f"{K}?SCROLLID={cursor}&size=0&sort=up")
        assert _ids(first["data"]) == everything[2:7]
        assert _ids(further["data"]) == everything[7:12]


def test_a_cursor_comes_with_an_empty_page_and_finds_what_comes_later(world: World) -> None:
    app, key = world.app, world.key
    send(app, key, [track("later", "One", NOW_MS - 1000)])
    url = "/profiles/userId:later/events"
    first = page(app, key, f"{url}?sort=asc")
    empty = page(app, key, f"{url}?scrollId={first['scrollId']}")
    assert (len(first["data"]), empty["data"]) == (1, [])
    send(app, key, [track("later", "Two", NOW_MS - 500), track("later", "Zero", NOW_MS - 2000)])
    further = page(app, key, f"{url}?scrollId={empty['scrollId']}")
    assert [one["eventAction"] for one in further["data"]] == ["two"]


def test_v22_a_cursor_is_of_no_use_altered_elsewhere_or_too_late(world: World) -> None:
    app, key = world.app, world.key
    cursor = page(app, key, K)["scrollId"]
    texts = set()
    for place in (0, len(cursor) // 2, len(cursor) - 1):
        for other in "Ab_":
            changed = cursor[:place] + other + cursor[place + 1 :]
            if changed != cursor:
                texts.add(refused(app, key, f"{K}?scrollId={changed}"))
    texts.add(refused(app, key, f"{L}?scrollId={cursor}"))
    texts.add(refused(app, key, f"/events?scrollId={cursor}"))
    texts.add(refused(app, key, f"{K}?scrollId={'A' * 20_000}"))
    texts.add(refused(app, key, f"{K}?scrollId=%00%FF"))
    tenant, sandbox = app.tenant_path, app.sandbox
    stranger = app.account(account="other")
    send(app, stranger, [track("u-1", "One", START_MS)])
    texts.add(refused(app, stranger, f"{K}?scrollId={cursor}"))
    app.tenant_path, app.sandbox = tenant, sandbox
    now_ms = app.clock.now_ms()
    app.at(now_ms + IDLE_MS)
    page(app, key, f"{K}?scrollId={cursor}")
    app.at(now_ms + IDLE_MS + 1)
    texts.add(refused(app, key, f"{K}?scrollId={cursor}"))
    assert len(texts) == 1


def test_v23_by_a_shared_address_the_events_of_all_stand_in_one_timeline(world: World) -> None:
    found = walked(world.app, world.key, BOTH, "end=2026-01-01T12:00:00Z&sort=asc")
    assert [one["externalId"] for one in found] == ["u-1", "u-2"] * 130
    assert [one["rawData"]["properties"]["n"] for one in found] == list(range(260))
    assert {one["externalId"]: one["email"] for one in found} == {
        "u-1": "Kim@Example.org",
        "u-2": "kim@example.org",
    }


def test_the_address_of_a_cursor_may_be_spelled_in_another_way(world: World) -> None:
    cursor = page(world.app, world.key, BOTH)["scrollId"]
    page(world.app, world.key, f"/profiles/email:KIM%40EXAMPLE.ORG/events?scrollId={cursor}")


def test_nobody_has_no_timeline_and_a_customer_without_matches_an_empty_one(world: World) -> None:
    for whom in ("userId:none", "email:nobody@x", "id:7d7c2d2c-0000-4000-8000-000000000000"):
        answer = world.app.ask(world.key, f"/profiles/{whom}/events")
        assert answer.status_code == 404
        error = {"code": "not_found", "message": "Profile was not found."}
        assert answer.json() == {"error": error}
    assert _asked(world, "include=never") == []


def test_a_malformed_key_is_told_before_a_malformed_parameter(world: World) -> None:
    answer = world.app.ask(world.key, "/profiles/u-1/events?size=0")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")
    for view in ("traits", "audiences", "meta", "metadata", "events"):
        for wrong in ("soon", "999999999", "0&min_as_of=0"):
            answer = world.app.ask(world.key, f"/profiles/u-1/{view}?min_as_of={wrong}")
            said = (answer.status_code, answer.json()["error"]["code"])
            assert said == (400, "validation_error"), (view, wrong)
            answer = world.app.ask(world.key, f"/profiles/userId:none/{view}?min_as_of={wrong}")
            said = (answer.status_code, answer.json()["error"]["code"])
            assert said == (400, "invalid_request_error"), (view, wrong)
    answer = world.app.ask(world.key, "/profiles/userId:none/events?size=0")
    assert answer.json()["error"]["code"] == "invalid_request_error"


def test_the_account_has_the_events_of_all_with_or_without_a_slash(world: World) -> None:
    window = "start=2026-01-01&end=2026-01-01T12:00:00Z"
    found = walked(world.app, world.key, "/events", window)
    assert [one["rawData"]["properties"]["n"] for one in found] == list(range(259, -1, -1))
    assert {one["externalId"] for one in found} == {"u-1", "u-2"}
    assert page(world.app, world.key, f"/events/?{window}")["data"] == found[:100]
    assert (
        _ids(_asked(world, f"{window}&include=page&from=3&size=2", "/events"))
        == [one["eventId"] for one in found if one["eventAction"] == "page"][3:5]
    )


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ("properties.n=12", [12]),
        ("properties.deep.er=two&properties.n=14", [14]),
        ("properties.deep.er=1&properties.a.b=true&properties.n=0", [0]),
        ("properties.n=1&properties.n=2", []),
        ("properties.none=1", []),
        ("properties.deep=1", []),
        ("properties.n.x=1", []),
        ("properties.n=012", []),
    ],
)
def test_events_are_found_by_what_their_properties_say(
    world: World, asked: str, numbers: list[int]
) -> None:
    found = page(world.app, world.key, f"/events?{asked}")
    assert [one["rawData"]["properties"]["n"] for one in found["data"]] == numbers
    assert "truncated" not in found


def test_pages_of_found_events_are_full_and_go_on(world: World) -> None:
    asked = "properties.deep.er=two&include=page&size=7"
    found = walked(world.app, world.key, "/events", asked)
    assert _ids(found) == _ids(walked(world.app, world.key, "/events", "include=page"))
    skipped = page(world.app, world.key, f"/events?{asked}&from=9")
    assert _ids(skipped["data"]) == _ids(found)[9:16]


def test_a_search_that_stops_early_says_so_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onefold.lookup.feeds.LOOKED_MAX", 50)
    monkeypatch.setattr("onefold.lookup.feeds.STEP", 10)
    found: list[int] = []
    asked = page(world.app, world.key, "/events?properties.n=0&size=10")
    pages = 1
    while asked.get("truncated"):
        found += [one["rawData"]["properties"]["n"] for one in asked["data"]]
        asked = page(world.app, world.key, f"/events?scrollId={asked['scrollId']}")
        pages += 1
    found += [one["rawData"]["properties"]["n"] for one in asked["data"]]
    assert found == [0]
    assert pages > 5


def test_ordered_by_receipt_late_events_come_last(world: World) -> None:
    app, key = world.app, world.key
    app.clock.advance(ms=60_000)
    now_ms = app.clock.now_ms()
    first = page(app, key, f"/events?orderBy=received&sort=asc&start={iso(now_ms)}")
    assert first["data"] == []
    late = send(app, key, [track("late", "Late", START_MS - 86_400_000)])
    further = page(app, key, f"/events?scrollId={first['scrollId']}")
    assert _ids(further["data"]) == late
    assert _asked(world, f"start={iso(now_ms)}", "/events") == []
    asked = f"orderBy=received&start={iso(now_ms)}"
    assert _ids(_asked(world, asked, "/events")) == late
    own = _asked(world, asked, "/profiles/userId:late/events")
    assert _ids(own) == late


def test_a_key_of_one_brand_sees_the_events_of_that_brand(world: World) -> None:
    app = world.app
    red = app.account(brand="RED")
    answer = app.request(
        "POST",
        "/track/acme/acme/red/v1/track",
        json={"userId": "u-9", "event": "Seen", "properties": {"of": "red"}},
        headers={"auth-token": red.auth_token},
    )
    assert answer.status_code == 200
    send(app, world.key, [track("u-9", "Seen", START_MS, properties={"of": "acme"})])
    tenant = app.tenant_path
    app.tenant_path = "/track/acme/acme/RED/v1"
    for url in ("/profiles/userId:u-9/events", "/events"):
        found = page(app, red, url)["data"]
        assert [(one["brandId"], one["rawData"]["properties"]) for one in found] == [
            ("RED", {"of": "red"})
        ]
    everything = page(app, world.key, "/profiles/userId:u-9/events")
    assert {one["brandId"] for one in everything["data"]} == {"RED", "ACME"}
    refused(app, red, f"/profiles/userId:u-9/events?scrollId={everything['scrollId']}")
    app.tenant_path = tenant


def test_events_of_the_other_doors_stand_in_the_timeline(world: World) -> None:
    app = world.app
    prod = next(s for s in app.rooms.definitions.sandboxes() if s.name == "prod")
    key = app.account(client="acme", account="prod")
    assert key.sandbox is not None
    assert key.sandbox.id == prod.id
    try:
        app.ingest(
            EVENTS,
            event(
                "e-1",
                ("userId", "u-1"),
                at_ms=START_MS + 7,
                eventType="commerce.purchases",
                commerce={"order": {"priceTotal": 5}},
            ),
        )
        [found] = page(app, key, "/events")["data"]
        assert str(UUID(found["eventId"])) == found["eventId"]
        assert found | {"id": "", "customerId": "", "eventId": "", "receivedTime": ""} == {
            "id": "",
            "customerId": "",
            "externalId": "u-1",
            "userId": "u-1",
            "eventId": "",
            "eventTime": iso(START_MS + 7),
            "receivedTime": "",
            "eventAction": "commerce_purchases",
            "clientId": "acme",
            "accountId": "prod",
            "brandId": "PROD",
            "source": "ADOBE_API",
            "rawData": {
                "userId": "u-1",
                "action": "track",
                "event": "commerce.purchases",
                "properties": {"commerce": {"order": {"priceTotal": 5}}},
                "timestamp": iso(START_MS + 7),
                "messageId": "e-1",
            },
        }
        assert page(app, key, "/events?properties.commerce.order.priceTotal=5")["data"] == [found]
    finally:
        app.tenant_path = "/track/acme/acme/ACME/v1"


def test_events_of_the_other_doors_have_ids_of_their_own_wherever_they_are_shown(app: App) -> None:
    """Two people may have events of one id, and an event may change hands."""
    key = app.account(client="acme", account="prod")
    visitor = ("anonymousId", "v-1")
    app.ingest(
        EVENTS,
        event("e-1", visitor, at_ms=START_MS + 1, eventType="seen"),
        event("e-1", ("userId", "u-2"), at_ms=START_MS + 2, eventType="seen"),
    )
    app.calls(key, ("track", {"userId": "u-3", "event": "Seen", "messageId": "e-1"}))

    def ids(url: str) -> list[str]:
        return [one["eventId"] for one in page(app, key, url)["data"]]

    everybodys = ids("/events?include=seen&sort=asc")
    assert len(set(everybodys)) == 3
    assert all(str(UUID(one)) == one for one in everybodys)
    found = page(app, key, "/events?include=seen")["data"]
    assert {one["rawData"]["messageId"] for one in found} == {"e-1"}
    [visitors] = ids("/profiles/anonymousId:v-1/events?include=seen")
    meta = page(app, key, "/profiles/anonymousId:v-1/meta")
    for end in ("firstEvent", "lastEvent"):
        assert (meta[end]["seen"]["eventId"], meta[end]["seen"]["messageId"]) == (visitors, "e-1")
    app.calls(
        key,
        ("identify", {"userId": "u-1", "anonymousId": "v-1"}),
        ("identify", {"userId": "u-2", "anonymousId": "v-1"}),
    )
    assert ids("/profiles/userId:u-1/events?include=seen") == [visitors]
    assert sorted(ids("/events?include=seen")) == sorted(everybodys)
    assert app.faults() == []


def test_events_say_by_which_kind_of_door_they_came(app: App) -> None:
    key = app.account(client="acme", account="prod")
    app.ingest(EVENTS, event("e-1", ("userId", "u-1"), at_ms=START_MS + 1))
    dataset = app.datasets[EVENTS].id
    made = app.post(
        "/data/foundation/import/batches",
        {"datasetId": dataset, "inputFormat": {"format": "json"}},
    ).json()["id"]
    path = f"/data/foundation/import/batches/{made}"
    sent = app.request(
        "PUT",
        f"{path}/datasets/{dataset}/files/seen.json",
        content=json.dumps(event("e-2", ("userId", "u-1"), at_ms=START_MS + 2)),
        headers=app.headers() | {"content-type": "application/octet-stream"},
    )
    assert sent.status_code == 200, sent.text
    assert app.post(f"{path}?action=COMPLETE", {}).status_code == 200
    app.work()
    send(app, key, [track("u-1", "Seen", START_MS)])
    for url in ("/profiles/userId:u-1/events", "/events"):
        found = page(app, key, f"{url}?sort=asc")["data"]
        assert [(one["rawData"].get("messageId"), one["source"]) for one in found] == [
            (None, "SEGMENT_API"),
            ("e-1", "ADOBE_API"),
            ("e-2", "FILE"),
        ]
