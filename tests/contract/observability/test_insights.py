"""Observability: real counters, by hour, day and month. Source: platform contract, 10."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from onefold.control import accounts
from onefold.domain.categories import CATEGORIES
from onefold.domain.lifecycle import BatchState
from onefold.lookup.measurements import LABELS
from onefold.store.tables import batches
from onefold.store.tables.accounts import Account
from onefold.store.tables.batches import Batch
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from onefold.wire import iso_seconds
from tests.contract.people import event, record, second_sandbox

URL = "/data/infrastructure/observability/insights/metrics"
HOUR = 3_600_000
DAY = 24 * HOUR
INGESTION = "timeseries.ingestion.dataset."
PROFILES = "timeseries.profiles.dataset."
IDENTITY = "timeseries.identity.dataset."
GRAPH = "timeseries.identity.graph.imsorg."
COLLECTION = "timeseries.data.collection."
RECORDS, EVENTS = "Customer registrations", "Customer events"


def ask(app: App, *metrics: Any, **changed: Any) -> Any:
    """The answer to a query about the first day of the simulated world."""
    body = {
        "start": iso_seconds(START_MS),
        "end": iso_seconds(START_MS + DAY),
        "granularity": "DAY",
        "metrics": [m if isinstance(m, dict) else {"name": m} for m in metrics],
    }
    return app.post(URL, body | changed)


def total(app: App, metric: str, **labels: str) -> int:
    """The sum of a metric over the first day, filtered by labels."""
    filters = [{"name": name, "value": value} for name, value in labels.items()]
    answer = ask(app, {"name": metric, "filters": filters, "aggregator": "sum"})
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["metricResponses"]
    (series,) = found["datapoints"]
    return sum(series["dps"].values())


def people(app: App, count: int = 2, start: int = 0) -> None:
    app.ingest(
        RECORDS,
        *[
            record(("Email", f"p{n}@example.com"), ("CRMID", f"C{n}"))
            for n in range(start, start + count)
        ],
    )


def test_answer_has_the_documented_form(app: App) -> None:
    people(app)
    dataset = app.datasets[RECORDS].id
    one = {"name": "dataSetId", "value": f"{dataset}|other", "groupBy": True}
    asked = {"name": INGESTION + "recordsuccess.count", "filters": [one], "aggregator": "sum"}
    assert ask(app, asked).json() == {
        "metricResponses": [
            {
                "metric": INGESTION + "recordsuccess.count",
                "filters": [one],
                "datapoints": [
                    {"groupBy": {"dataSetId": dataset}, "dps": {"2026-01-01T00:00:00Z": 2}}
                ],
                "granularity": "DAY",
            }
        ]
    }


def test_every_metric_can_be_asked_for(app: App) -> None:
    people(app)
    for metric in LABELS:
        assert total(app, metric) >= 0


def test_records_by_their_end(app: App) -> None:
    people(app, 3)
    app.ingest(EVENTS, event("e1", ("Email", "p0@example.com")), event("e2", ("CRMID", "C0")))
    app.ingest(EVENTS, event("e1", ("Email", "p0@example.com")), event("", ("CRMID", "C0")))
    assert total(app, INGESTION + "recordsuccess.count") == 5
    assert total(app, INGESTION + "recordsuccess.count", dataSetId=app.datasets[EVENTS].id) == 2
    assert total(app, INGESTION + "recordduplicate.count") == 1
    assert total(app, INGESTION + "recordfailed.count") == 1
    assert total(app, PROFILES + "recordread.count") == 7
    assert total(app, PROFILES + "recordsuccess.count") == 5
    assert total(app, PROFILES + "recordfailed.count") == 1
    assert total(app, IDENTITY + "recordsuccess.count") == 5
    assert total(app, IDENTITY + "recordfailed.count") == 1
    assert total(app, INGESTION + "size") == total(app, INGESTION + "dailysize") > 7 * 100
    ended = app.ended()
    assert sum(ended.values()) == total(app, PROFILES + "recordread.count")


def test_what_was_noted_of_calls(app: App) -> None:
    key = app.account(account=app.sandbox.name)
    accounts.set_rules(
        app.places.control(),
        client="acme",
        account=app.sandbox.name,
        protected=["credit"],
        plan_events=["Seen"],
        plan_traits=["a", "credit"],
    )
    app.segment("/v1/t", {"userId": "u-1", "event": "Seen"}, user=key.write_key or "")
    traits = {"a": 1, "b": 2, "credit": 9}
    app.segment("/v1/i", {"userId": "u-1", "traits": traits}, user=key.write_key or "")
    for number in (1, 2):
        app.call(key, "track", {"userId": "u-1", "event": "Other", "messageId": "m", "n": number})
    app.drain()
    dataset = _account(app).calls
    metrics = app.request("GET", "/metrics").text
    for metric, counter, wanted in (
        ("duplicatediffering", "onefold_calls_differing_total", 1),
        ("traitrefused", "onefold_traits_refused_total", 1),
        ("nameunplanned", "onefold_names_unplanned_total", 2),
    ):
        assert total(app, f"timeseries.calls.dataset.{metric}.count") == wanted
        assert total(app, f"timeseries.calls.dataset.{metric}.count", dataSetId=dataset) == wanted
        assert f"{counter} {float(wanted)}\n" in metrics


def _account(app: App) -> Account:
    found = app.rooms.definitions.snapshot(app.sandbox.id).account
    assert found is not None
    return found


def test_identities_by_namespace(app: App) -> None:
    people(app, 2)
    app.ingest(RECORDS, record(("Email", "lonely@example.com")))
    linked = IDENTITY + "namespacecode.recordsuccess.count"
    assert total(app, linked, namespaceCode="Email") == 2
    assert total(app, linked) == 4
    skipped = IDENTITY + "namespacecode.recordskipped.count"
    assert total(app, skipped, namespaceCode="Email") == 1
    assert total(app, IDENTITY + "namespacecode.new.count", namespaceCode="Email") == 3
    people(app, 2)
    assert total(app, IDENTITY + "namespacecode.new.count", namespaceCode="Email") == 3
    assert total(app, IDENTITY + "link.count") == 4
    assert total(app, GRAPH + "uniqueidentities.count") == 5
    assert total(app, GRAPH + "numidgraphs.count") == 2
    by_code = GRAPH + "namespacecode.uniqueidentities.count"
    assert total(app, by_code, namespaceCode="CRMID") == 2
    by_size = GRAPH + "graphstrength.uniqueidentities.count"
    assert (total(app, by_size, graphStrength="1"), total(app, by_size, graphStrength="2")) == (
        1,
        4,
    )


def test_states_are_of_now_and_of_no_other_time(app: App) -> None:
    people(app)
    app.clock.advance(ms=2 * DAY)
    assert total(app, GRAPH + "uniqueidentities.count") == 0


def test_inlets_count_what_they_take_and_refuse(app: App) -> None:
    good = app.message(RECORDS, record(("Email", "a@example.com")))
    bad = app.message(RECORDS, record(("Email", "a@example.com"), person={"name": 7}))
    assert app.collect(good).status_code == 200
    assert app.collect({"header": {}}).status_code == 400
    assert app.collect(bad, "?syncValidation=true").status_code == 400
    batch = {"messages": [good, {"header": {}}, bad]}
    assert app.request("POST", f"/collection/batch/{app.inlet}", json=batch).status_code == 207
    app.drain()
    inlet = COLLECTION + "inlet."
    assert total(app, inlet + "success", inletId=app.inlet) == 3
    assert total(app, inlet + "failure", inletId=app.inlet) == 3
    assert total(app, inlet + "total.messages.received", inletId=app.inlet) == 6
    assert total(app, inlet + "total.messages.size.received") > 4 * 100
    assert total(app, inlet + "success", inletId="other") == 0
    validation = COLLECTION + "validation."
    assert total(app, validation + "total.messages.rate") == 4
    assert total(app, validation + "valid.messages.rate") == 2
    assert total(app, validation + "invalid.messages.rate", inletId=app.inlet) == 2
    found = {
        name: total(app, f"{validation}category.{name}.count", inletId=app.inlet)
        for name in CATEGORIES
    }
    assert {name: count for name, count in found.items() if count} == {"type": 2}


def test_failed_records_are_in_their_categories(app: App) -> None:
    app.ingest(EVENTS, event("", ("Email", "a@example.com")))
    app.ingest(EVENTS, event("e", ("Email", "a@example.com"), at_ms=START_MS + DAY))
    app.ingest(RECORDS, {"person": {"name": {"firstName": "A"}}})
    category = COLLECTION + "validation.category."
    assert total(app, category + "presence.count") >= 1
    assert total(app, category + "range.count") == 1


def test_series_are_by_hour_day_and_month(app: App) -> None:
    people(app, 1)
    app.clock.advance(ms=HOUR)
    people(app, 2, start=1)
    app.clock.advance(ms=31 * DAY)
    people(app, 4, start=3)
    end = iso_seconds(START_MS + 40 * DAY)

    def dps(granularity: str, **changed: Any) -> dict[str, int]:
        answer = ask(
            app,
            INGESTION + "recordsuccess.count",
            granularity=granularity,
            **{"end": end} | changed,
        )
        found: dict[str, int] = answer.json()["metricResponses"][0]["datapoints"][0]["dps"]
        return found

    assert dps("month") == {"2026-01-01T00:00:00Z": 3, "2026-02-01T00:00:00Z": 4}
    assert dps("DAY") == {"2026-01-01T00:00:00Z": 3, "2026-02-01T00:00:00Z": 4}
    assert dps("HOUR", end=iso_seconds(START_MS + DAY)) == {
        "2026-01-01T00:00:00Z": 1,
        "2026-01-01T01:00:00Z": 2,
    }
    assert dps("HOUR", end=iso_seconds(START_MS + HOUR)) == {"2026-01-01T00:00:00Z": 1}


def test_counters_survive_a_restart(app: App, data: Path) -> None:
    people(app)
    assert app.collect({"header": {}}).status_code == 400
    app.rooms.inlets.tallies.tell()  # what the supervisor does every few seconds and at the end
    again = App(data)
    assert total(again, INGESTION + "recordsuccess.count") == 2
    assert total(again, COLLECTION + "inlet.failure") == 1
    again.close()


def test_sandboxes_are_counted_apart(app: App) -> None:
    sandbox, _, _ = second_sandbox(app)
    people(app)
    body = {
        "start": iso_seconds(START_MS),
        "end": iso_seconds(START_MS + DAY),
        "metrics": [{"name": INGESTION + "recordsuccess.count"}],
    }
    answer = app.post(URL, body, x_sandbox_name=sandbox.name).json()
    assert answer["metricResponses"][0]["datapoints"] == [{"groupBy": {}, "dps": {}}]


def test_new_datasets_are_counted_by_when_they_were_made(app: App) -> None:
    assert total(app, INGESTION + "new.count") == len(app.datasets)


def test_batches_are_counted_by_when_they_were_completed(app: App) -> None:
    one = Batch(
        id="1",
        dataset=app.datasets[RECORDS].id,
        external_id="1",
        created_ms=START_MS,
        updated_ms=START_MS,
        completed_ms=START_MS + HOUR,
    )
    states = (BatchState.SUCCESS, BatchState.INACTIVE, BatchState.FAILED, BatchState.LOADING)
    with app.places.work(app.sandbox.id).transaction() as transaction:
        for number, state in enumerate(states):
            name = str(number)
            batches.insert(transaction, replace(one, id=name, external_id=name, status=state))
        batches.insert(
            transaction,
            replace(one, id="9", external_id="9", status=BatchState.SUCCESS, dataset="plain"),
        )
    assert total(app, INGESTION + "batchsuccess.count") == 3
    assert total(app, PROFILES + "batchsuccess.count") == 2
    assert total(app, INGESTION + "batchfailed.count") == 1
    assert total(app, PROFILES + "batchfailed.count", dataSetId=one.dataset) == 1


NAME = INGESTION + "recordsuccess.count"


@pytest.mark.parametrize(
    "changed",
    [
        {"metrics": [{"name": "timeseries.nothing"}]},
        {"metrics": []},
        {"metrics": [{"name": NAME}] * 21},
        {"metrics": [{"name": NAME, "aggregator": "max"}]},
        {"metrics": [{"name": NAME, "downsample": "avg"}]},
        {"metrics": [{"name": NAME, "filters": [{"name": "inletId", "value": "x"}]}]},
        {"metrics": [{"name": NAME, "filters": [{"name": "dataSetId", "value": "|" * 100}]}]},
        {"metrics": [{"name": NAME, "filters": [{"name": "dataSetId"}] * 11}]},
        {"metrics": [{}]},
        {"granularity": "WEEK"},
        {"start": "yesterday"},
        {"start": "2026-01-03T00:00:00Z"},
        {"granularity": "HOUR", "end": "2026-03-01T00:00:00Z"},
        {"end": "2028-01-01T00:00:00Z"},
        {"granularity": "MONTH", "end": "2066-01-01T00:00:00Z"},
    ],
)
def test_wrong_queries_are_a_400(app: App, changed: Any) -> None:
    answer = ask(app, NAME, **changed)
    assert answer.status_code == 400
    assert answer.json().keys() == {"type", "title", "status", "detail", "report"}


def test_an_unknown_metric_is_answered_with_those_that_exist(app: App) -> None:
    detail = ask(app, "timeseries.nothing").json()["detail"]
    assert NAME in detail


def test_the_old_form(app: App) -> None:
    people(app)
    app.clock.advance(ms=DAY)
    people(app, 1, start=5)
    read = PROFILES + "recordread.count"
    dataset = app.datasets[RECORDS].id
    answer = app.get(f"{URL}?metric={NAME}&metric={read}&id={dataset}")
    assert answer.json() == {
        "id": dataset,
        "imsOrgId": app.org_id,
        "timeseries": {
            "granularity": "DAY",
            "items": [
                {"timestamp": "2026-01-01T00:00:00Z", "metrics": {NAME: 2, read: 2}},
                {"timestamp": "2026-01-02T00:00:00Z", "metrics": {NAME: 1, read: 1}},
            ],
            "_page": None,
            "_links": None,
        },
        "stats": {},
    }
    one_day = "dateRange=2026-01-01T00:00:00Z/2026-01-02T00:00:00Z"
    items = app.get(f"{URL}?metric={NAME}&{one_day}").json()["timeseries"]["items"]
    assert items == [{"timestamp": "2026-01-01T00:00:00Z", "metrics": {NAME: 2}}]
    assert app.get(f"{URL}?metric={NAME}&id=other").json()["timeseries"]["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "metric=timeseries.nothing",
        f"metric={NAME}&dateRange=today",
        f"metric={NAME}&dateRange=2026-01-02T00:00:00Z/2026-01-01T00:00:00Z",
        f"metric={GRAPH}numidgraphs.count&id=x",
    ],
)
def test_wrong_queries_of_the_old_form_are_a_400(app: App, query: str) -> None:
    assert app.get(f"{URL}?{query}").status_code == 400
