"""`/data/core/ups/system/jobs`: deletions of datasets and batches of events, and their list.

Source: profile contract, 7.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.testing.app import App
from tests.contract.people import RECORD, ecid, event, identity_map, record
from tests.contract.profile.test_delete_entity import places, status, timeline

JOBS = "/data/core/ups/system/jobs"
ADA, ONE, TWO = ("Email", "ada@example.com"), ("ECID", ecid(1)), ("ECID", ecid(2))
JSON_FILE = {"content-type": "application/octet-stream"}


def order(app: App, **wanted: str) -> dict[str, Any]:
    answer = app.post(JOBS, wanted)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def got(app: App, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = app.get(f"{JOBS}/{job_id}").json()
    return found


def listed(app: App, query: str = "") -> tuple[dict[str, Any], list[str]]:
    body = app.get(JOBS + query).json()
    return body["_page"], [one["id"] for one in body["children"]]


def loaded(app: App, dataset: str, *entities: dict[str, Any]) -> str:
    """A batch of one file."""
    made = app.post(
        "/data/foundation/import/batches",
        {"datasetId": app.datasets[dataset].id, "inputFormat": {"format": "json"}},
    )
    batch: str = made.json()["id"]
    path = f"/data/foundation/import/batches/{batch}"
    file = f"{path}/datasets/{app.datasets[dataset].id}/files/part.json"
    content = "\n".join(json.dumps(entity) for entity in entities)
    sent = app.request("PUT", file, content=content, headers=app.headers() | JSON_FILE)
    assert sent.status_code == 200, sent.text
    done = app.request("POST", f"{path}?action=COMPLETE", headers=app.headers())
    assert done.status_code == 200, done.text
    app.work()
    app.drain()
    return batch


@pytest.fixture
def people(app: App) -> App:
    app.ingest(REGISTRATIONS, record(ADA, ONE, person={"name": {"firstName": "Ada"}}))
    app.ingest(EVENTS, event("e-1", ADA), event("e-2", TWO, ADA), event("e-3", TWO))
    app.land()
    return app


def test_a_new_job_has_the_fields_of_both_generations(people: App) -> None:
    dataset = people.datasets[REGISTRATIONS].id
    made = order(people, dataSetId=dataset)
    created = made.pop("createEpoch")
    assert made.pop("createdAt") == made.pop("updatedAt")
    assert made.pop("updateEpoch") == created
    assert made == {
        "id": made["id"],
        "requestId": made["id"],
        "imsOrgId": people.org_id,
        "dataSetId": dataset,
        "jobType": "DELETE",
        "requestType": "TRUNCATE_DATASET",
        "status": "NEW",
        "properties": {"datasetId": dataset},
        "sandbox": {
            "sandboxName": people.sandbox.name,
            "sandboxId": people.sandbox.public_id,
        },
    }


def test_times_are_whole_seconds_and_texts_with_microseconds(people: App) -> None:
    made = order(people, datasetId=people.datasets[REGISTRATIONS].id)
    assert made["createEpoch"] == people.clock.now_ms() // 1000
    assert len(made["createdAt"]) == len("2022-07-16T09:21:12.123456Z")
    assert made["createdAt"].endswith("000Z")


@pytest.mark.parametrize("spelling", ["dataSetId", "datasetId"])
def test_a_dataset_leaves_with_the_links_that_only_it_made(people: App, spelling: str) -> None:
    made = order(people, **{spelling: people.datasets[REGISTRATIONS].id})
    people.work()
    done = got(people, made["id"])
    assert done["status"] == "COMPLETED"
    assert places(done["receipt"]) == {
        "events": (0, 0, 0),
        "fragments": (1, 1, 0),
        "sightings": (1, 1, 0),
        "links": (1, 1, 0),
        "failedRecords": (0, 0, 0),
        "lake": (1, 1, 0),
        "journal": (1, 1, 0),
    }
    assert json.loads(done["metrics"]) == {"recordsProcessed": 5, "timeTakenInSec": 0}
    assert isinstance(done["metrics"], str)
    assert status(people, *ONE) == 404
    (found,) = people.get(f"{RECORD}&entityId={TWO[1]}&entityIdNS=ecid").json().values()
    assert "person" not in found["entity"]
    assert timeline(people, *ADA) == ["e-1", "e-2", "e-3"]
    assert people.faults() == []


def test_a_dataset_of_events_leaves_and_what_is_sent_later_stays(people: App) -> None:
    people.collect(people.message(EVENTS, {"x": 1, "identityMap": identity_map(ADA)}))
    people.drain()
    made = order(people, dataSetId=people.datasets[EVENTS].id)
    people.ingest(EVENTS, event("e-4", ADA))
    people.work()
    receipt = got(people, made["id"])["receipt"]
    assert places(receipt)["events"] == (3, 3, 0)
    assert places(receipt)["failedRecords"] == (1, 1, 0)
    assert places(receipt)["lake"] == (3, 3, 0)
    assert receipt["subject"] == {"datasetId": people.datasets[EVENTS].id}
    assert timeline(people, *ADA) == ["e-4"]
    assert status(people, *TWO) == 404
    people.land()
    lake = people.rooms.lakes.of(people.sandbox.id)
    assert lake.count(people.datasets[EVENTS].id) == 1
    assert people.faults() == []


def test_a_batch_of_events_leaves_the_profile_store_and_stays_in_the_lake(people: App) -> None:
    batch = loaded(people, EVENTS, event("f-1", ADA), event("f-2", TWO))
    made = order(people, batchId=batch)
    assert made["requestType"] == "DELETE_EE_BATCH"
    assert made["properties"] == {"datasetId": people.datasets[EVENTS].id, "batchId": batch}
    people.work()
    done = got(people, made["id"])
    assert done["status"] == "COMPLETED"
    assert places(done["receipt"]) == {"events": (2, 2, 0)}
    assert timeline(people, *ADA) == ["e-1", "e-2", "e-3"]
    lake = people.rooms.lakes.of(people.sandbox.id)
    assert lake.count(people.datasets[EVENTS].id) == 5
    assert people.faults() == []


def test_a_batch_of_streamed_events_can_be_deleted_too(people: App) -> None:
    lake = people.rooms.lakes.of(people.sandbox.id)
    (batch,) = [one.batch for one in lake.landed() if one.dataset == people.datasets[EVENTS].id]
    made = order(people, batchId=batch, datasetId=people.datasets[EVENTS].id)
    people.work()
    assert places(got(people, made["id"])["receipt"]) == {"events": (3, 3, 0)}
    assert timeline(people, *ADA) == []


def test_a_batch_of_records_is_refused_in_a_wrapped_error(people: App) -> None:
    batch = loaded(people, REGISTRATIONS, record(ADA))
    answer = people.post(JOBS, {"batchId": batch})
    dataset = people.datasets[REGISTRATIONS].id
    assert answer.status_code == 400
    assert answer.json() == {
        "requestId": answer.headers["x-request-id"],
        "errors": {
            "400": [
                {
                    "code": "400",
                    "message": f"Batch can only be specified for EE type '{dataset}'",
                }
            ]
        },
    }


def test_a_batch_that_the_dataset_does_not_have_is_refused(people: App) -> None:
    batch = loaded(people, EVENTS, event("f-1", ADA))
    dataset = people.datasets[REGISTRATIONS].id
    for wanted in ({"datasetId": dataset, "batchId": batch}, {"batchId": "none"}):
        answer = people.post(JOBS, wanted)
        (error,) = answer.json()["errors"]["400"]
        named = wanted.get("datasetId", "none")
        assert error["message"] == f"Batch not found for profile dataset '{named}'"


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"dataSetId": ""},
        {"dataSetId": "none"},
        {"dataSetId": "a", "datasetId": "b"},
        {"dataSetId": 7},
        [],
    ],
)
def test_a_request_that_names_no_data_is_refused(people: App, wanted: Any) -> None:
    answer = people.post(JOBS, wanted)
    assert answer.status_code == 400
    assert answer.json()["code"] == "400"
    assert set(answer.json()) == {"code", "message"}
    assert listed(people)[1] == []


def test_the_same_request_is_refused_while_it_is_open(people: App) -> None:
    dataset = people.datasets[REGISTRATIONS].id
    order(people, dataSetId=dataset)
    answer = people.post(JOBS, {"datasetId": dataset})
    assert (answer.status_code, answer.json()["code"]) == (422, "422")
    people.work()
    assert people.post(JOBS, {"datasetId": dataset}).status_code == 200


def test_the_list_is_told_in_pages_with_a_text_as_next(people: App) -> None:
    ids = []
    for _ in range(3):
        ids.append(order(people, dataSetId=people.datasets[REGISTRATIONS].id)["id"])
        people.work()
        people.at(people.clock.now_ms() + 1000)
    assert listed(people) == (
        {"count": 3, "next": "", "pageSize": 3, "start": "0", "totalCount": 3},
        ids,
    )
    page, found = listed(people, "?limit=2&start=0")
    assert (page["next"], found) == ("1", ids[:2])
    page, found = listed(people, "?limit=2&page=1")
    assert (page["next"], page["count"], page["totalCount"], found) == ("", 1, 3, ids[2:])
    assert listed(people, "?sort=createEpoch:desc")[1] == ids[::-1]
    assert listed(people, "?limit=2&page=7")[1] == []


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=x", "?page=-1", "?start=x", "?sort=nothing", "?sort=id:up"]
)
def test_a_wrong_parameter_of_the_list_is_refused(people: App, query: str) -> None:
    answer = people.get(JOBS + query)
    assert (answer.status_code, answer.json()["code"]) == (400, "400")


def test_removing_a_new_job_cancels_it(people: App) -> None:
    made = order(people, dataSetId=people.datasets[REGISTRATIONS].id)
    gone = people.request("DELETE", f"{JOBS}/{made['id']}", headers=people.headers())
    assert (gone.status_code, gone.content) == (200, b"")
    people.work()
    assert status(people, *ONE) == 200
    assert listed(people)[1] == []
    answer = people.get(f"{JOBS}/{made['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "404")


def test_removing_a_job_that_is_done_undoes_nothing(people: App) -> None:
    made = order(people, dataSetId=people.datasets[REGISTRATIONS].id)
    people.work()
    path = f"{JOBS}/{made['id']}"
    assert people.request("DELETE", path, headers=people.headers()).status_code == 200
    assert people.request("DELETE", path, headers=people.headers()).status_code == 404
    assert status(people, *ONE) == 404


def test_jobs_of_another_sandbox_are_not_found(people: App) -> None:
    made = order(people, dataSetId=people.datasets[REGISTRATIONS].id)
    people.post(
        "/data/foundation/sandbox-management/sandboxes",
        {"name": "other", "title": "Other", "type": "development"},
    )
    answer = people.get(f"{JOBS}/{made['id']}", x_sandbox_name="other")
    assert answer.status_code == 404
    assert people.get(JOBS, x_sandbox_name="other").json()["children"] == []
