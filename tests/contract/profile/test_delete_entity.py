"""`DELETE /data/core/ups/access/entities`: the person is gone everywhere, and stays away.

Source: profile contract, 3.7.
"""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain.identity import xid as xids
from onefold.testing.app import ENTITIES, App
from onefold.testing.clock import START_MS
from tests.contract.people import RECORD, TIMELINE, ecid, event, identity_map, record

SYSTEM_JOBS = "/data/core/ups/system/jobs"
RECEIPTS = "/onefold/v1/receipts"
PRIVACY = "/data/core/privacy/jobs"
MAIL = "ada@example.com"
ADA, ONE, TWO = ("Email", MAIL), ("ECID", ecid(1)), ("ECID", ecid(2))
BO = ("Email", "bo@example.com")
DAY_MS = 86_400_000


def delete(app: App, code: str, value: str, query: str = "") -> Any:
    return app.request(
        "DELETE",
        f"{RECORD}&entityId={value}&entityIdNS={code}{query}",
        headers=app.headers(),
    )


def status(app: App, code: str, value: str) -> int:
    return app.get(f"{RECORD}&entityId={value}&entityIdNS={code}").status_code


def timeline(app: App, code: str, value: str) -> list[str]:
    answer = app.get(
        f"{TIMELINE}&relatedSchema.name=_xdm.context.profile"
        f"&relatedEntityId={value}&relatedEntityIdNS={code}"
    )
    return [child["entityId"] for child in answer.json()["children"]]


def job(app: App, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = app.get(f"{SYSTEM_JOBS}/{job_id}").json()
    return found


def places(receipt: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {
        one["place"]: (one["found"], one["removed"], one["leftOver"]) for one in receipt["places"]
    }


def holding(app: App, *texts: str) -> set[str]:
    """The tables of a sandbox in which one of the texts stands, in any column."""
    found = set()
    for name in ("profile", "work", "journal"):
        engine = getattr(app.places, name)(app.sandbox.id)
        for (table,) in engine.read("SELECT name FROM sqlite_master WHERE type = 'table'"):
            for row in engine.read(f"SELECT * FROM {table}"):  # noqa: S608 - the schema's own names
                if any(text in repr(row) for text in texts):
                    found.add(f"{name}.{table}")
    return found


@pytest.fixture
def people(app: App) -> App:
    """Ada by e-mail and two browsers, a stranger, and a broken record that names Ada."""
    app.ingest(REGISTRATIONS, record(ADA, ONE, person={"name": {"firstName": "A"}}))
    app.ingest(REGISTRATIONS, record(ADA, ONE, person={"name": {"firstName": "Ada"}}))
    app.ingest(EVENTS, event("e-1", ADA, ONE), event("e-2", TWO, ADA), event("e-3", TWO))
    app.ingest(REGISTRATIONS, record(BO, person={"name": {"firstName": "Bo"}}))
    app.collect(app.message(REGISTRATIONS, {"x": 1, "identityMap": identity_map(ADA)}))
    app.drain()
    app.land()
    return app


def test_the_answer_is_a_202_without_a_body_that_names_its_job(people: App) -> None:
    answer = delete(people, *ADA)
    assert (answer.status_code, answer.content) == (202, b"")
    assert "content-type" not in answer.headers
    found = job(people, answer.headers["x-onefold-job"])
    assert (found["status"], found["requestType"]) == ("PROCESSING", "DELETE_ENTITY")
    assert int(answer.headers["x-onefold-position"]) > 0


def test_the_person_is_not_found_as_soon_as_the_pipeline_has_passed_the_order(people: App) -> None:
    """No job has to have begun."""
    delete(people, *ADA)
    people.drain()
    for named in (ADA, ONE, TWO):
        assert status(people, *named) == 404
        assert timeline(people, *named) == []
    assert status(people, *BO) == 200
    assert people.faults() == []


def test_a_deleted_person_leaves_every_place_and_the_receipt_says_so(people: App) -> None:
    job_id = delete(people, *TWO).headers["x-onefold-job"]
    people.work()
    found = job(people, job_id)
    assert found["status"] == "COMPLETED"
    assert places(found["receipt"]) == {
        "events": (3, 3, 0),
        "fragments": (2, 2, 0),
        "sightings": (4, 4, 0),
        "recordsOfOthers": (0, 0, 0),
        "links": (2, 2, 0),
        "identities": (3, 3, 0),
        "feed": (0, 0, 0),
        "finders": (0, 0, 0),
        "customerIds": (0, 0, 0),
        "failedRecords": (1, 1, 0),
        "lake": (5, 5, 0),
        "journal": (6, 6, 0),
        "privacyArchives": (0, 0, 0),
    }
    assert people.get(f"{RECEIPTS}/{job_id}").json() == found["receipt"]
    assert people.faults() == []
    assert holding(people, xids.encode(6, MAIL), xids.encode(4, ecid(1))) == {"profile.changes"}
    people.rooms.lakes.forget(people.sandbox.id)
    people.places.close()
    left = [path for path in people.settings.data.rglob("*") if path.is_file()]
    assert [path for path in left if MAIL.encode() in path.read_bytes()] == []


def test_late_and_repeated_records_do_not_bring_a_deleted_person_back(people: App) -> None:
    """A late event, one that is sent again, a profile record that says nothing of its age, and a
    failed record that is replayed."""
    (failed,) = people.failed()
    delete(people, *ADA)
    people.at(START_MS + DAY_MS)
    people.ingest(EVENTS, event("late", ADA, at_ms=START_MS - DAY_MS), event("e-1", ADA, ONE))
    people.ingest(REGISTRATIONS, record(ADA, ONE, person={"name": {"firstName": "Ada"}}))
    people.post(f"/onefold/v1/failed-records/{failed.seq}/replay", {})
    people.drain()
    for named in (ADA, ONE, TWO):
        assert status(people, *named) == 404
    people.work()
    people.ingest(EVENTS, event("later", ADA, at_ms=START_MS - 1))
    assert status(people, *ADA) == 404
    assert people.faults() == []


def test_who_comes_back_after_the_deletion_is_somebody_new(people: App) -> None:
    """Also while the job is not done: it leaves the new person alone."""
    job_id = delete(people, *ADA).headers["x-onefold-job"]
    people.drain()
    people.at(START_MS + 1000)
    people.ingest(EVENTS, event("new-1", ADA, ONE, at_ms=START_MS + 1000))
    assert timeline(people, *ONE) == ["new-1"]
    people.work()
    assert job(people, job_id)["status"] == "COMPLETED"
    assert timeline(people, *ADA) == ["new-1"]
    people.land()
    lake = people.rooms.lakes.of(people.sandbox.id)
    assert lake.count(people.datasets[EVENTS].id) == 1
    assert people.faults() == []


def test_a_second_deletion_deletes_the_new_person(people: App) -> None:
    delete(people, *ADA)
    people.work()
    people.at(START_MS + 1000)
    people.ingest(EVENTS, event("new-1", ADA, ONE, at_ms=START_MS + 1000))
    job_id = delete(people, *ADA).headers["x-onefold-job"]
    people.work()
    assert places(job(people, job_id)["receipt"])["events"] == (1, 1, 0)
    people.ingest(EVENTS, event("late", ADA, at_ms=START_MS + 900))
    assert status(people, *ADA) == 404


def test_a_policy_without_a_graph_deletes_one_identity(people: App) -> None:
    """Records of others that name it are undone, since they tell of it."""
    policy = people.post(
        "/data/core/ups/config/mergePolicies",
        {
            "name": "alone",
            "identityGraph": {"type": "none"},
            "attributeMerge": {"type": "timestampOrdered"},
            "schema": {"name": "_xdm.context.profile"},
        },
    ).json()["id"]
    job_id = delete(people, *ADA, f"&mergePolicyId={policy}").headers["x-onefold-job"]
    people.work()
    receipt = job(people, job_id)["receipt"]
    assert receipt["subject"]["identities"] == 1
    assert places(receipt)["recordsOfOthers"] == (1, 1, 0)
    assert status(people, *ADA) == 404
    assert timeline(people, *TWO) == ["e-3"]
    assert people.faults() == []


def test_a_receipt_names_nobody(people: App) -> None:
    job_id = delete(people, *ADA).headers["x-onefold-job"]
    people.work()
    text = people.get(f"{RECEIPTS}/{job_id}").text
    receipt = people.get(f"{RECEIPTS}/{job_id}").json()
    assert MAIL not in text
    assert ecid(1) not in text
    assert len(receipt["subject"]["keys"]) == receipt["subject"]["identities"] == 3
    assert [one["kind"] for one in receipt["suppressions"]] == ["identity"] * 3
    assert receipt["digest"].startswith("sha256:")


def test_a_receipt_outlives_its_job(people: App) -> None:
    job_id = delete(people, *ADA).headers["x-onefold-job"]
    assert people.get(f"{RECEIPTS}/{job_id}").status_code == 404
    people.work()
    assert (
        people.request("DELETE", f"{SYSTEM_JOBS}/{job_id}", headers=people.headers()).status_code
        == 200
    )
    assert people.get(f"{SYSTEM_JOBS}/{job_id}").status_code == 404
    assert people.get(f"{RECEIPTS}/{job_id}").status_code == 200


def test_removing_the_job_from_the_list_does_not_stop_the_deletion(people: App) -> None:
    job_id = delete(people, *ADA).headers["x-onefold-job"]
    people.request("DELETE", f"{SYSTEM_JOBS}/{job_id}", headers=people.headers())
    people.work()
    assert places(people.get(f"{RECEIPTS}/{job_id}").json())["lake"] == (5, 5, 0)


def test_what_was_gathered_about_the_person_goes_too(people: App) -> None:
    demand = {
        "companyContexts": [{"namespace": "imsOrgID", "value": people.org_id}],
        "users": [
            {
                "key": "1",
                "action": ["access"],
                "userIDs": [{"namespace": "email", "value": MAIL, "type": "standard"}],
            }
        ],
        "include": ["profileService"],
        "regulation": "gdpr",
    }
    (asked,) = people.post(PRIVACY, demand).json()["jobs"]
    people.work()
    content = f"{PRIVACY}/{asked['jobId']}/content"
    assert people.get(content).status_code == 200
    job_id = delete(people, *ADA).headers["x-onefold-job"]
    people.work()
    assert people.get(content).status_code == 404
    assert places(job(people, job_id)["receipt"])["privacyArchives"] == (1, 1, 0)


def test_people_who_wait_together_are_deleted_by_one_job(people: App) -> None:
    ids = [delete(people, *named).headers["x-onefold-job"] for named in (ADA, BO)]
    people.work()
    receipts = [job(people, one)["receipt"] for one in ids]
    assert [places(one)["fragments"] for one in receipts] == [(2, 2, 0), (1, 1, 0)]
    assert [places(one)["lake"] for one in receipts] == [(5, 5, 0), (1, 1, 0)]
    assert [places(one)["journal"] for one in receipts] == [(6, 6, 0), (1, 1, 0)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?entityId=a&entityIdNS=email", 400),
        ("?schema.name=_xdm.context.experienceevent&entityId=a&entityIdNS=email", 400),
        ("?schema.name=_xdm.context.account&entityId=a&entityIdNS=email", 400),
        ("?schema.name=_xdm.context.profile&entityIdNS=email", 400),
        ("?schema.name=_xdm.context.profile&entityId=a", 400),
        ("?schema.name=_xdm.context.profile&entityId=a&entityIdNS=nobody", 400),
        ("?schema.name=_xdm.context.profile&entityId=a@b.c&entityIdNS=email", 404),
        (
            f"?schema.name=_xdm.context.profile&entityId={MAIL}&entityIdNS=email"
            "&mergePolicyId=11111111-1111-1111-1111-111111111111",
            404,
        ),
    ],
)
def test_what_cannot_be_deleted_is_refused(people: App, query: str, expected: int) -> None:
    answer = people.request("DELETE", ENTITIES + query, headers=people.headers())
    assert answer.status_code == expected
    if expected == 404:
        assert answer.json() == {"statusCode": "404"}
    else:
        assert set(answer.json()) == {"message", "cause", "statusCode"}
    people.drain()
    assert status(people, *ADA) == 200
