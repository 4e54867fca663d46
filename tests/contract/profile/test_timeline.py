"""The events of one person: `GET /data/core/ups/access/entities` for events. Source: profile
contract, 3.1, 3.3, 3.5 and acceptance vectors 4 to 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from onefold.control import merge_policies
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.identity.xid import encode
from onefold.store.tables import events
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.people import TIMELINE, ecid, event, further_dataset, further_policy

BROWSER, MOBILE, EMAIL = ("ECID", ecid(1)), ("ECID", ecid(2)), ("Email", "ada@example.com")
BROWSER_XID, MOBILE_XID = encode(4, ecid(1)), encode(4, ecid(2))
T0 = START_MS - 1_000_000
IDS = [f"e-{number:02d}" for number in range(12)]
"""Twelve events, a second apart but for 5 and 6, which fall into the same millisecond; even ones
are of the browser, odd ones of the app."""
TIMES = [T0 + 1000 * (5 if number == 6 else number) for number in range(12)]
PERSON = f"{TIMELINE}&relatedEntityId={ecid(1)}&relatedEntityIdNS=ecid"


def _event(number: int) -> dict[str, Any]:
    owner = MOBILE if number % 2 else BROWSER
    return event(
        IDS[number],
        owner,
        EMAIL,
        at_ms=TIMES[number],
        eventType="view" if number < 10 else "order.placement",
        web={"webPageDetails": {"name": f"page {number}", "pageViews": {"value": number}}},
        productListItems=[{"SKU": f"a{number}", "quantity": number}, {"SKU": "b"}],
        placeContext={"localTime": f"2026-01-{number + 1:02d}T10:00:00.000+01:00"},
    )


@pytest.fixture(scope="module")
def person(fresh: Callable[[], Path]) -> Iterator[App]:
    """The twelve events, which arrived out of order."""
    app = App(fresh())
    app.ingest(EVENTS, *(_event(number) for number in (7, 0, 11, 3, 6, 5, 1, 2, 10, 4, 9, 8)))
    assert app.failed() == []
    yield app
    app.close()


def _ids(app: App, extra: str = "") -> list[str]:
    answer = app.get(PERSON + extra)
    assert answer.status_code == 200, answer.text
    return [child["entityId"] for child in answer.json()["children"]]


# Who and what


@pytest.mark.parametrize(
    "query",
    [
        f"relatedEntityId={ecid(1)}&relatedEntityIdNS=ecid",
        f"relatedEntityId={ecid(2)}&relatedEntityIdNS=ECID",
        f"relatedEntityId={BROWSER_XID}",
        f"entityId={ecid(1)}&entityIdNS=ecid",
        f"entityId=nobody&relatedEntityId={BROWSER_XID}",
        f"entityId=nobody&entityIdNS=email&relatedEntityId={BROWSER_XID}",
        f"entityIdNS=ecid&relatedEntityId={ecid(1)}",
        f"entityId={ecid(1)}&relatedEntityIdNS=ecid",
        "relatedEntityId=ada%40example.com&relatedEntityIdNS=Email",
        f"relatedSchema.name=_xdm.context.profile&relatedEntityId={BROWSER_XID}",
        f"RELATEDENTITYID={ecid(1)}&relatedentityidns=ecid",
    ],
)
def test_events_of_all_identities_stand_in_one_timeline(person: App, query: str) -> None:
    answer = person.get(f"{TIMELINE}&{query}")
    assert answer.status_code == 200
    assert [child["entityId"] for child in answer.json()["children"]] == IDS


def test_schema_of_events_is_compared_without_regard_to_case(person: App) -> None:
    assert person.get(PERSON.replace("experienceevent", "experienceEvent")).status_code == 200


def test_child_has_exactly_the_documented_fields(person: App) -> None:
    child = person.get(PERSON).json()["children"][3]
    assert child == {
        "relatedEntityId": MOBILE_XID,
        "entityId": IDS[3],
        "sourceId": person.datasets[EVENTS].id,
        "timestamp": TIMES[3],
        "entity": _event(3),
        "lastModifiedAt": "2026-01-01T00:00:00Z",
    }


def test_whole_timeline_is_one_page(person: App) -> None:
    body = person.get(PERSON).json()
    assert body["_page"] == {"orderby": "timestamp", "start": IDS[0], "count": 12, "next": ""}
    assert body["_links"] == {"next": {"href": ""}}


def test_unknown_identity_has_an_empty_timeline(person: App) -> None:
    answer = person.get(f"{TIMELINE}&entityId={ecid(404)}&entityIdNS=ecid")
    assert answer.status_code == 200
    assert answer.json() == {
        "_page": {"orderby": "timestamp", "start": "", "count": 0, "next": ""},
        "children": [],
        "_links": {"next": {"href": ""}},
    }


def test_policy_without_a_graph_shows_the_asked_identitys_events_alone(person: App) -> None:
    policy = further_policy(person, "none", "timestampOrdered")
    assert _ids(person, f"&mergePolicyId={policy}") == IDS[::2]


@pytest.mark.parametrize("name", ["_xdm.context.experienceevent", "_xdm.context.account", "shop"])
def test_only_people_have_events(person: App, name: str) -> None:
    answer = person.get(f"{PERSON.partition('&')[0]}&relatedSchema.name={name}&entityId=1")
    assert answer.status_code == 400
    assert "relatedSchema.name" in answer.json()["message"]


def test_policy_by_precedence_shows_events_of_listed_datasets_if_any_is(app: App) -> None:
    """Record datasets of the order decide nothing about events. Source: profile contract, 4.5."""
    both = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
    further_dataset(app, "More events", EVENTS, **both)
    app.ingest(EVENTS, event("a", BROWSER, at_ms=T0), event("c", BROWSER, at_ms=T0 + 2))
    app.ingest("More events", event("b", BROWSER, at_ms=T0 + 1))
    shown = {}
    for order in ((REGISTRATIONS,), (REGISTRATIONS, EVENTS), ("More events",), tuple(app.datasets)):
        policy = further_policy(app, "pdg", "dataSetPrecedence", order)
        shown["+".join(order)] = _ids(app, f"&mergePolicyId={policy}&limit=2")
        merge_policies.delete(app.places.control(), app.sandbox, policy)
    assert list(shown.values()) == [["a", "b"], ["a", "c"], ["b"], ["a", "b"]]


# Order and window


@pytest.mark.parametrize("order", ["timestamp", "+timestamp", "%2Btimestamp", "%20timestamp", ""])
def test_timeline_goes_forward_unless_told_otherwise(person: App, order: str) -> None:
    assert _ids(person, f"&orderby={order}") == IDS
    assert _ids(person, f"&orderBy={order}") == IDS


def test_timeline_goes_backward_when_told_so(person: App) -> None:
    body = person.get(f"{PERSON}&orderby=-timestamp").json()
    assert [child["entityId"] for child in body["children"]] == IDS[::-1]
    assert body["_page"]["orderby"] == "-timestamp"


def test_events_of_one_millisecond_stand_in_the_order_of_their_ids(person: App) -> None:
    assert _ids(person, f"&startTime={TIMES[5]}&endTime={TIMES[5] + 1}") == ["e-05", "e-06"]
    assert _ids(person, f"&startTime={TIMES[5]}&endTime={TIMES[5] + 1}&orderby=-timestamp") == [
        "e-06",
        "e-05",
    ]


def test_start_of_the_window_is_inside_and_its_end_is_outside(person: App) -> None:
    assert _ids(person, f"&startTime={TIMES[2]}&endTime={TIMES[8]}") == IDS[2:8]
    assert _ids(person, f"&startTime={TIMES[9]}") == IDS[9:]
    assert _ids(person, f"&endTime={TIMES[3]}") == IDS[:3]
    assert _ids(person, "&startTime=&endTime=") == IDS
    assert _ids(person, "&startTime=-5") == IDS
    assert _ids(person, f"&startTime={TIMES[8]}&endTime={TIMES[2]}") == []


def test_ten_digits_are_milliseconds_too(person: App) -> None:
    assert _ids(person, f"&endTime={TIMES[3] // 1000}") == []
    assert _ids(person, f"&startTime={TIMES[3] // 1000}") == IDS


# Pages


def _pages(app: App, url: str, limit: int) -> list[list[dict[str, Any]]]:
    """All pages, by following `_links.next.href`."""
    pages = []
    following = f"{url}&limit={limit}"
    while following:
        body = app.get(following).json()
        pages.append(body["children"])
        assert body["_page"]["count"] == len(body["children"]) <= limit
        assert body["_page"]["start"] == body["children"][0]["entityId"]
        href = body["_links"]["next"]["href"]
        assert bool(href) == bool(body["_page"]["next"])
        if href:
            assert href.startswith(f"/entities?start={quote(body['_page']['next'])}&orderby=")
            assert "offsets=" in href
        following = f"/data/core/ups/access{href}" if href else ""
    return pages


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 11, 12, 13])
@pytest.mark.parametrize("order", ["timestamp", "-timestamp"])
def test_pages_show_every_event_once_in_order_and_of_the_same_owner(
    person: App, order: str, limit: int
) -> None:
    pages = _pages(person, f"{PERSON}&orderby={order}", limit)
    assert [len(page) for page in pages] == [
        min(limit, 12 - begin) for begin in range(0, 12, limit)
    ]
    whole = person.get(f"{PERSON}&orderby={order}").json()["children"]
    assert [child for page in pages for child in page] == whole


def test_next_link_repeats_the_callers_own_parameters(person: App) -> None:
    own = "&fields=eventType,_id&property=eventType%3D%22view%22&x=1%2B2"
    href = person.get(f"{PERSON}&limit=3{own}").json()["_links"]["next"]["href"]
    assert href.endswith(f"{PERSON.partition('?')[2]}&limit=3{own}")


@pytest.mark.parametrize("order", ["", "&orderby=-timestamp"])
def test_bare_start_is_the_id_of_the_first_event_of_the_page(person: App, order: str) -> None:
    ids = IDS[::-1] if order else IDS
    for position, event_id in enumerate(ids):
        assert _ids(person, f"{order}&start={event_id}") == ids[position:]


def test_client_that_repeats_its_parameters_with_offsets_only_reaches_the_end(person: App) -> None:
    """The published Python client reads `offsets=` out of the link and nothing else."""
    seen: list[str] = []
    offsets = ""
    own = f"{PERSON}&entityId=&entityIdNS=ecid&limit=5"
    while True:
        body = person.get(f"{own}&offsets={quote(offsets)}").json()
        seen += [child["entityId"] for child in body["children"]]
        href = body["_links"]["next"]["href"]
        if not href:
            break
        offsets = parse_qs(urlsplit(href).query)["offsets"][0]
    assert seen == IDS


def test_offsets_win_over_start(person: App) -> None:
    href = person.get(f"{PERSON}&limit=5").json()["_links"]["next"]["href"]
    offsets = parse_qs(urlsplit(href).query)["offsets"][0]
    assert _ids(person, f"&start=e-00&offsets={offsets}") == IDS[5:]
    assert _ids(person, "&start=e-03&offsets=") == IDS[3:]


def test_page_border_survives_an_event_that_arrives_meanwhile(app: App) -> None:
    app.ingest(EVENTS, *(_event(number) for number in range(12)))
    href = app.get(f"{PERSON}&limit=6").json()["_links"]["next"]["href"]
    app.ingest(EVENTS, event("e-00a", BROWSER, at_ms=TIMES[0]))
    app.ingest(EVENTS, event("e-05a", BROWSER, at_ms=TIMES[5]))
    body = app.get(f"/data/core/ups/access{href}").json()
    assert [child["entityId"] for child in body["children"]] == IDS[6:]


@pytest.mark.parametrize("order", ["timestamp", "-timestamp"])
def test_border_between_equal_ids_and_times_of_two_owners_loses_nothing(
    app: App, order: str
) -> None:
    for owner in (BROWSER, MOBILE):
        app.ingest(EVENTS, *(event(f"e-{n}", owner, EMAIL, at_ms=T0) for n in range(3)))
    pages = _pages(app, f"{PERSON}&orderby={order}", 1)
    seen = [(page[0]["entityId"], page[0]["relatedEntityId"]) for page in pages]
    wanted = sorted((f"e-{n}", xid) for n in range(3) for xid in (BROWSER_XID, MOBILE_XID))
    assert seen == (wanted if order == "timestamp" else wanted[::-1])


def test_page_has_a_thousand_events_at_most(app: App) -> None:
    for begin in range(0, 1001, 250):
        numbers = range(begin, min(begin + 250, 1001))
        app.ingest(EVENTS, *(event(f"e-{n:04d}", BROWSER, at_ms=T0 + n) for n in numbers))
    for limit in ("", "&limit=1000", "&limit=1001", "&limit=999999"):
        page = app.get(f"{PERSON}{limit}&fields=eventType").json()["_page"]
        assert (page["count"], page["next"]) == (1000, "e-1000")


# Fields and filters


@pytest.mark.parametrize(
    ("fields", "entity"),
    [
        ("eventType", {"eventType": "view"}),
        ("productListItems.SKU", {"productListItems": [{"SKU": "a3"}, {"SKU": "b"}]}),
        ("productListItems.quantity", {"productListItems": [{"quantity": 3}]}),
        ("web.webPageDetails.name", {"web": {"webPageDetails": {"name": "page 3"}}}),
        ("nothing", {}),
    ],
)
def test_fields_cut_down_the_entity_and_nothing_else(
    person: App, fields: str, entity: dict[str, Any]
) -> None:
    whole = person.get(PERSON).json()["children"][3]
    part = person.get(f"{PERSON}&fields={fields}").json()["children"][3]
    assert part == whole | {"entity": entity}


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (['eventType="order.placement"'], [10, 11]),
        (["eventType=order.placement"], [10, 11]),
        (['eventType!="view"'], [10, 11]),
        (["web.webPageDetails.pageViews.value>=9"], [9, 10, 11]),
        (["web.webPageDetails.pageViews.value<2"], [0, 1]),
        (["web.webPageDetails.pageViews.value>2", "web.webPageDetails.pageViews.value<=4"], [3, 4]),
        (['productListItems.SKU="a7"'], [7]),
        (["productListItems.quantity=7"], [7]),
        (['placeContext.localTime<="2026-01-02"'], [0]),
        (['placeContext.localTime<"20260103"'], [0, 1]),
        (["web.webPageDetails.isHomePage=true"], []),
        (["web.webPageDetails.isHomePage!=true"], list(range(12))),
        (['web.webPageDetails.name="a=b"'], []),
    ],
)
def test_property_filters_are_combined_with_and(
    person: App, filters: list[str], numbers: list[int]
) -> None:
    query = "".join(f"&property={quote(text)}" for text in filters)
    assert _ids(person, query) == [IDS[number] for number in numbers]


def test_filters_come_before_pages(person: App) -> None:
    query = f"&property={quote('productListItems.quantity>5')}"
    pages = _pages(person, PERSON + query, 4)
    assert [[child["entityId"] for child in page] for page in pages] == [IDS[6:10], IDS[10:]]


def test_small_page_of_rare_events_does_not_read_the_others_one_by_one(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    for begin in range(0, 2000, 500):
        numbers = range(begin, begin + 500)
        app.ingest(EVENTS, *(event(f"e-{n:04d}", BROWSER, at_ms=T0 + n) for n in numbers))
    for number in (1500, 2500):
        rare = event(f"r-{number}", BROWSER, at_ms=T0 + number, eventType="rare")
        app.ingest(EVENTS, rare)
    asked: list[int] = []

    def counted(*given: Any, limit: int) -> Any:
        asked.append(limit)
        return read(*given, limit=limit)

    read = events.timeline
    monkeypatch.setattr(events, "timeline", counted)
    body = app.get(f"{PERSON}&limit=1&property=eventType%3Drare").json()
    assert [child["entityId"] for child in body["children"]] == ["r-1500"]
    assert body["_page"]["next"] == "r-2500"
    assert len(asked) < 20
    asked.clear()
    assert _ids(app, "&limit=1") == ["e-0000"]
    assert asked == [2]


# What is refused


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=NaN",
        "limit=x",
        "limit=1.5",
        "limit=1e3",
        "limit=%2B5",
        "limit=" + "9" * 5000,
        "limit=%D9%A3",
        "startTime=yesterday",
        "endTime=1.0",
        "startTime=" + "9" * 19,
        "orderby=entityId",
        "orderby=--timestamp",
        "orderby=%2B%2Btimestamp",
        "start=nothing",
        "offsets=nothing",
        "offsets=%F0%9F%98%80",
        "offsets=W10",
        "offsets=" + "A" * 5000,
        "property=eventType",
        "property=%3Dview",
        "property=" + quote('eventType="view'),
        "property=",
        "&".join(["property=eventType%3Dview"] * 4),
        "fields=" + ",".join(f"f{n}" for n in range(501)),
        "fields=" + ".".join(["a"] * 33),
    ],
)
def test_parameter_with_a_wrong_value_is_a_400(person: App, query: str) -> None:
    answer = person.get(f"{PERSON}&{query}")
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body.keys() == {"message", "cause", "statusCode"}
    assert body["statusCode"] == "400"
    assert body["cause"].startswith("PRO-1002")


def test_three_property_filters_are_allowed(person: App) -> None:
    assert _ids(person, "&property=eventType%3Dview" * 3) == IDS[:10]


def test_start_at_an_event_of_somebody_else_is_a_400(app: App) -> None:
    app.ingest(EVENTS, event("mine", BROWSER), event("theirs", ("ECID", ecid(3))))
    assert app.get(f"{PERSON}&start=mine").status_code == 200
    assert app.get(f"{PERSON}&start=theirs").status_code == 400
