"""Preview sample status and its reports over HTTP. Source: profile contract, 8, 1.2 and 1.3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.asking import other_organisation, send
from tests.contract.imports import loading
from tests.contract.people import RECORD, ecid, event, further_dataset, record, second_sandbox

URL = "/data/core/ups/previewsamplestatus"
REPORT = f"{URL}/report"
REFRESH = "/onefold/v1/previewsamplestatus/refresh"
POLICIES = "/data/core/ups/config/mergePolicies"
DAY_MS = 86_400_000
STAMP = "2026-01-01T00:00:00.000"
ADA, ADA_MAIL = ("ECID", ecid(1)), ("Email", "ada@example.com")
BO, CY = ("ECID", ecid(2)), ("ECID", ecid(3))
JSON = dict[str, Any]


@pytest.fixture
def people(app: App) -> App:
    """Ada by two identities, with two records and an event; Bo by an event of forty days ago; Cy by
    two events, one of them of today; Di by her address alone, in no profile dataset."""
    app.ingest(REGISTRATIONS, record(ADA_MAIL, ADA, person={"name": {"firstName": "Ada"}}))
    app.ingest(LOGINS, record(ADA, timeZone="Europe/Oslo"))
    app.ingest(EVENTS, event("e-1", ADA, ADA_MAIL))
    app.ingest(EVENTS, event("e-2", BO, at_ms=START_MS - 40 * DAY_MS))
    app.ingest(EVENTS, event("e-3", CY), event("e-4", CY, at_ms=START_MS - 100 * DAY_MS))
    return app


def sampled(app: App) -> JSON:
    """Have a sample taken; answer the status."""
    answer = app.post(REFRESH, {})
    assert answer.status_code == 202, answer.text
    app.work()
    return status(app)


def status(app: App, **headers: str | None) -> JSON:
    answer = app.get(URL, **headers)
    assert answer.status_code == 200, answer.text
    body: JSON = answer.json()
    return body


def report(app: App, kind: str, query: str = "") -> JSON:
    answer = app.get(f"{REPORT}/{kind}{query}")
    assert answer.status_code == 200, answer.text
    body: JSON = answer.json()
    return body


def _unmake_default(app: App) -> None:
    (policy,) = app.get(POLICIES).json()["children"]
    change = [{"op": "replace", "path": "/default", "value": False}]
    assert send(app, "PATCH", f"{POLICIES}/{policy['id']}", change).status_code == 200


def refused(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.keys() == {"message", "statusCode"}
    assert body["statusCode"] == str(status)
    assert body["message"].startswith(f"{code}: ")


# Status


def test_before_the_first_sample_the_status_says_zero(app: App) -> None:
    assert status(app) == {
        "numRowsToRead": "0",
        "sampleJobRunning": {"status": False, "submissionTimestamp": ""},
        "sampleJobPercent": 0,
        "docCount": '"0"',
        "cosmosDocCount": '"0"',
        "totalFragmentCount": 0,
        "lastSuccessfulBatchTimestamp": '"null"',
        "streamingDriven": '"false"',
        "totalRows": "0",
        "lastBatchId": '"null"',
        "status": "TASK_NOT_STARTED",
        "samplingRatio": 0.0,
        "mergeStrategy": "timestampOrdered_auto",
        "lastSampledTimestamp": "",
    }


def test_the_status_counts_profiles_fragments_and_documents(people: App) -> None:
    """Fragments: two of records, and one for the events of each of three identities."""
    assert sampled(people) == {
        "numRowsToRead": "3",
        "sampleJobRunning": {"status": False, "submissionTimestamp": "2026-01-01 00:00:00.0"},
        "sampleJobPercent": 100,
        "docCount": '"6"',
        "cosmosDocCount": '"6"',
        "totalFragmentCount": 5,
        "lastSuccessfulBatchTimestamp": '"null"',
        "streamingDriven": '"false"',
        "totalRows": "3",
        "lastBatchId": '"null"',
        "status": "TASK_FINISHED",
        "samplingRatio": 1.0,
        "mergeStrategy": "timestampOrdered_auto",
        "lastSampledTimestamp": "2026-01-01 00:00:00.0",
    }


def test_the_status_tells_that_a_sample_is_being_taken_and_since_when(people: App) -> None:
    people.clock.advance(ms=1_234)
    asked = people.post(REFRESH, {}).json()
    waiting = status(people)
    assert waiting["sampleJobRunning"] == {
        "status": True,
        "submissionTimestamp": "2026-01-01 00:00:01.2",
    }
    assert asked["submissionTimestamp"] == "2026-01-01 00:00:01.2"
    assert (waiting["status"], waiting["sampleJobPercent"]) == ("TASK_RUNNING", 0)
    people.jobs_round()
    assert status(people)["sampleJobPercent"] == 99
    people.work()
    assert not status(people)["sampleJobRunning"]["status"]


def test_an_older_sample_stands_until_the_next_is_there(people: App) -> None:
    sampled(people)
    people.ingest(EVENTS, event("e-9", ("ECID", ecid(9))))
    people.post(REFRESH, {})
    during = status(people)
    assert during["sampleJobRunning"]["status"]
    assert (during["status"], during["totalRows"]) == ("TASK_FINISHED", "3")
    people.work()
    assert status(people)["totalRows"] == "4"


def test_asking_twice_takes_one_sample(people: App) -> None:
    first, second = people.post(REFRESH, {}).json(), people.post(REFRESH, {}).json()
    assert first == second
    people.work()
    third = people.post(REFRESH, {}).json()
    assert third["jobId"] != first["jobId"]


def test_the_status_names_the_batch_that_was_loaded_last(people: App) -> None:
    batch = loading.opened(people)
    lines = json.dumps([record(("ECID", ecid(7)), person={"name": {"firstName": "Gus"}})])
    assert loading.put(people, batch, lines.encode()).status_code == 200
    people.clock.advance(ms=500)
    assert loading.act(people, batch).status_code == 200
    people.work()
    assert loading.shown(people, batch)["status"] == "success"
    found = status(people)
    assert found["lastBatchId"] == f'"{batch}"'
    assert found["lastSuccessfulBatchTimestamp"] == '"2026-01-01 00:00:00.5"'


def test_the_strategy_is_that_of_the_default_policy(people: App) -> None:
    answer = people.post(
        POLICIES,
        {
            "name": "Alone",
            "schema": {"name": "_xdm.context.profile"},
            "identityGraph": {"type": "none"},
            "attributeMerge": {"type": "timestampOrdered"},
            "default": True,
        },
    )
    assert answer.status_code == 200, answer.text
    assert status(people)["mergeStrategy"] == "timestampOrdered_none"
    found = sampled(people)
    assert found["mergeStrategy"] == "timestampOrdered_none"
    assert found["totalRows"] == "4", "each identity that owns something is a profile of its own"


def test_samples_are_of_one_sandbox(people: App) -> None:
    sampled(people)
    second_sandbox(people)
    assert status(people, x_sandbox_name="other")["totalRows"] == "0"
    refused(people.get(f"{REPORT}/dataset", x_sandbox_name="other"), 404, "SMP-1001")
    theirs = other_organisation(people)
    assert status(people, **theirs)["totalRows"] == "0"


def test_without_a_default_policy_nobody_can_be_counted(people: App) -> None:
    sampled(people)
    _unmake_default(people)
    refused(people.post(REFRESH, {}), 422, "PRO-1007")
    assert status(people)["mergeStrategy"] == "timestampOrdered_auto", "of the last sample"


def test_a_job_that_fails_shows_in_the_status(people: App) -> None:
    people.post(REFRESH, {})
    _unmake_default(people)
    people.work()
    found = status(people)
    assert (found["status"], found["mergeStrategy"]) == ("TASK_FAILED", "")
    assert not found["sampleJobRunning"]["status"]


# Reports


def test_profiles_by_dataset(people: App) -> None:
    sampled(people)
    body = report(people, "dataset")
    ids = {name: people.datasets[name].id for name in (REGISTRATIONS, LOGINS, EVENTS)}
    assert body["reportTimestamp"] == STAMP
    assert body["data"][0] == {
        "sampleCount": 3,
        "samplePercentage": 1.0,
        "fullIDsCount": 3,
        "fullIDsPercentage": 1.0,
        "name": EVENTS,
        "description": body["data"][0]["description"],
        "value": ids[EVENTS],
        "streamingIngestionEnabled": "",
        "createdUser": "",
        "reportTimestamp": STAMP,
    }
    counted = {row["value"]: (row["sampleCount"], row["fullIDsCount"]) for row in body["data"]}
    assert counted == {ids[EVENTS]: (3, 3), ids[REGISTRATIONS]: (1, 1), ids[LOGINS]: (1, 1)}
    assert {row["samplePercentage"] for row in body["data"]} == {1.0, 0.333333}


def test_profiles_by_namespace_count_once_for_each_namespace_they_have(people: App) -> None:
    sampled(people)
    body = report(people, "namespace")
    assert body["reportTimestamp"] == STAMP
    assert body["data"] == [
        {
            "sampleCount": 3,
            "samplePercentage": 1.0,
            "reportTimestamp": STAMP,
            "fullIDsFragmentCount": 4,
            "fullIDsCount": 3,
            "fullIDsPercentage": 1.0,
            "code": "ECID",
            "value": "4",
        },
        {
            "sampleCount": 1,
            "samplePercentage": 0.333333,
            "reportTimestamp": STAMP,
            "fullIDsFragmentCount": 1,
            "fullIDsCount": 1,
            "fullIDsPercentage": 0.333333,
            "code": "Email",
            "value": "6",
        },
    ]


def test_overlaps_count_exact_combinations(people: App) -> None:
    sampled(people)
    ids = {name: people.datasets[name].id for name in (REGISTRATIONS, LOGINS, EVENTS)}
    assert report(people, "dataset/overlap") == {
        "data": {ids[EVENTS]: 2, ",".join(sorted(ids.values())): 1},
        "reportTimestamp": STAMP,
    }
    assert report(people, "namespace/overlap") == {
        "data": {"ECID": 2, "ECID,Email": 1},
        "reportTimestamp": STAMP,
    }


def test_unstitched_profiles_have_one_fragment_and_no_new_event(people: App) -> None:
    sampled(people)
    body = report(people, "unstitchedProfiles")
    bo = {
        "countOfProfiles": 1,
        "eventsAssociated": 1,
        "nsDistribution": {"ECID": {"countOfProfiles": 1, "eventsAssociated": 1}},
    }
    nobody = {"countOfProfiles": 0, "eventsAssociated": 0, "nsDistribution": {}}
    assert body == {
        "data": {
            "totalNumberOfProfiles": 3,
            "totalNumberOfEvents": 4,
            "unstitchedProfiles": {
                "7days": bo,
                "30days": bo,
                "60days": nobody,
                "90days": nobody,
                "120days": nobody,
            },
        },
        "reportTimestamp": STAMP,
    }


def test_the_older_name_has_the_older_key(people: App) -> None:
    sampled(people)
    new, old = report(people, "unstitchedProfiles"), report(people, "unknownProfiles")
    assert old["data"].keys() == {
        "totalNumberOfProfiles",
        "totalNumberOfEvents",
        "unknownProfiles",
    }
    assert old["data"]["unknownProfiles"] == new["data"]["unstitchedProfiles"]


def test_dataset_stats_tell_how_many_records_an_expiry_would_leave(people: App) -> None:
    sampled(people)
    body = report(people, "dataset_stats")
    by_id = {row["datasetId"]: row for row in body["data"]}
    events = people.datasets[EVENTS].id
    assert by_id[events] == {
        "7days": 2,
        "14days": 2,
        "30days": 2,
        "60days": 3,
        "90days": 3,
        "120days": 4,
        "365days": 4,
        "datasetId": events,
        "datasetType": "ExperienceEvents",
        "percentEvents": 1.0,
        "percentProfiles": 0.0,
        "profileFragments": 3,
        "records": 4,
        "totalProfiles": 3,
    }
    assert by_id[people.datasets[LOGINS].id] == {
        **{f"{days}days": 0 for days in (7, 14, 30, 60, 90, 120, 365)},
        "datasetId": people.datasets[LOGINS].id,
        "datasetType": "Profiles",
        "percentEvents": 0.0,
        "percentProfiles": 0.5,
        "profileFragments": 1,
        "records": 1,
        "totalProfiles": 1,
    }
    assert body["reportTimestamp"] == STAMP


def test_character_count_has_bytes_by_week(people: App) -> None:
    """Weeks begin on Sundays; of records only the present week is told."""
    sampled(people)
    body = report(people, "character_count")
    (model,) = body["data"]
    assert body["reportTimestamp"] == model["reportTimestamp"] == f"{STAMP}Z"
    assert model["modelName"] == "_xdm.context.profile"
    rows = {row["datasetId"]: row for row in model["datasetIds"]}
    events, logins = rows[people.datasets[EVENTS].id], rows[people.datasets[LOGINS].id]
    assert (events["recordType"], logins["recordType"]) == ("timeseries", "keyvalue")
    assert [week["week"] for week in events["weeks"]] == ["2025-12-28", "2025-11-16", "2025-09-21"]
    assert [week["week"] for week in logins["weeks"]] == ["2025-12-28"]
    assert all(week["size"] > 0 for row in rows.values() for week in row["weeks"])


KINDS = (
    "dataset",
    "namespace",
    "dataset/overlap",
    "namespace/overlap",
    "unstitchedProfiles",
    "unknownProfiles",
    "dataset_stats",
    "character_count",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_date_asks_for_the_latest_report_of_that_day(people: App, kind: str) -> None:
    refused(people.get(f"{REPORT}/{kind}"), 404, "SMP-1001")
    sampled(people)
    people.clock.advance(ms=3_600_000)
    sampled(people)
    first = report(people, kind)
    assert first["reportTimestamp"].startswith("2026-01-01T01:00:00.000")
    people.clock.advance(ms=3 * DAY_MS)
    sampled(people)
    assert report(people, kind)["reportTimestamp"].startswith("2026-01-04T01:00:00.000")
    assert report(people, kind, "?date=2026-01-01") == first
    assert report(people, kind, "?date=2026-1-1") == first
    assert report(people, kind, "?date=") == report(people, kind)
    refused(people.get(f"{REPORT}/{kind}?date=2026-01-02"), 404, "SMP-1001")


@pytest.mark.parametrize(
    "day", ["today", "2026-02-30", "2026-13-01", "20260101", "2026-01-01T00:00:00Z", "0000-01-01"]
)
def test_what_is_no_day_is_refused(app: App, day: str) -> None:
    refused(app.get(f"{REPORT}/dataset?date={day}"), 400, "PRO-1002")


def test_reports_are_kept_for_400_days(people: App) -> None:
    sampled(people)
    people.clock.advance(ms=400 * DAY_MS)
    sampled(people)
    assert report(people, "dataset", "?date=2026-01-01")["reportTimestamp"] == STAMP
    people.clock.advance(ms=DAY_MS)
    sampled(people)
    refused(people.get(f"{REPORT}/dataset?date=2026-01-01"), 404, "SMP-1001")


def test_the_headers_of_published_clients_are_taken(people: App) -> None:
    sampled(people)
    for header in ({"x_model_name": "_xdm.context.profile"}, {"accept": "application/json"}):
        assert people.get(f"{REPORT}/dataset/overlap", **header).status_code == 200
    assert people.get(f"{URL}/").json() == status(people)


def test_an_empty_store_can_be_sampled(app: App) -> None:
    found = sampled(app)
    assert (found["totalRows"], found["samplingRatio"], found["status"]) == (
        "0",
        1.0,
        "TASK_FINISHED",
    )
    assert report(app, "dataset")["data"] == []
    assert report(app, "namespace/overlap")["data"] == {}


def test_people_of_whom_only_the_graph_is_known_are_no_profiles(app: App) -> None:
    further_dataset(app, "Pairs", REGISTRATIONS, unifiedIdentity=["enabled:true"])
    app.ingest("Pairs", record(ADA, ADA_MAIL))
    app.ingest(EVENTS, event("e-1", BO))
    assert app.get(f"{RECORD}&entityId={ADA[1]}&entityIdNS=ecid").status_code == 200
    assert sampled(app)["totalRows"] == "1"
