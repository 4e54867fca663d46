"""`/data/core/privacy/jobs`: one job a user and action; what it finds, and what it leaves nowhere.

Source: platform contract, 12.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain import removal
from onefold.domain.removal import Removal
from onefold.jobs.archive import KEEP_MS
from onefold.journal import Accepted, Journal
from onefold.testing.app import App
from tests.contract.people import RECORD, TIMELINE, ecid, event, identity_map, record

JOBS = "/data/core/privacy/jobs"
MAIL = "ada@example.com"
ONE = ("ECID", ecid(1))
TWO = ("ECID", ecid(2))
ADA = ("Email", MAIL)
EVERYTHING = ["profileService", "identity", "aepDataLake"]


def _demand(app: App, *actions: str, **changed: Any) -> dict[str, Any]:
    user = {
        "key": "case-17",
        "action": list(actions),
        "userIDs": [{"namespace": "email", "value": MAIL, "type": "standard"}],
    }
    return {
        "companyContexts": [{"namespace": "imsOrgID", "value": app.org_id}],
        "users": [user],
        "include": EVERYTHING,
        "regulation": "gdpr",
        **changed,
    }


def _order(app: App, *actions: str, **changed: Any) -> list[str]:
    answer = app.post(JOBS, _demand(app, *actions, **changed))
    assert answer.status_code == 202, answer.text
    return [job["jobId"] for job in answer.json()["jobs"]]


def _job(app: App, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = app.get(f"{JOBS}/{job_id}").json()
    return found


def _results(app: App, job_id: str) -> dict[str, Any]:
    return {
        one["product"]: one["productStatusResponse"]["results"]
        for one in _job(app, job_id)["productResponses"]
    }


def _lines(answer: httpx.Response) -> dict[str, list[Any]]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {
            name: [json.loads(line) for line in archive.read(name).splitlines()]
            for name in archive.namelist()
        }


@pytest.fixture
def people(app: App) -> App:
    """Ada by e-mail and two browsers, a stranger, and a broken record that names Ada."""
    app.ingest(REGISTRATIONS, record(ADA, ONE, person={"name": {"firstName": "Ada"}}))
    app.ingest(EVENTS, event("e-1", ADA, ONE), event("e-2", TWO, ADA), event("e-3", TWO))
    app.ingest(REGISTRATIONS, record(("Email", "bo@example.com"), person={}))
    app.collect(app.message(REGISTRATIONS, {"x": 1, "identityMap": identity_map(ADA)}))
    app.drain()
    return app


def test_a_request_becomes_one_job_a_user_and_action(app: App) -> None:
    answer = app.post(JOBS, _demand(app, "access", "delete"))
    body = answer.json()
    assert answer.status_code == 202
    assert body["totalRecords"] == 2
    users = [job["customer"]["user"] for job in body["jobs"]]
    assert [user["action"] for user in users] == [["access"], ["delete"]]
    assert users[0]["userIDs"] == [
        {
            "namespace": "Email",
            "value": MAIL,
            "type": "standard",
            "namespaceId": 6,
            "isDeletedClientSide": False,
        }
    ]
    first = _job(app, body["jobs"][0]["jobId"])
    assert (first["status"], first["requestId"]) == ("submitted", body["requestId"])


def test_access_gathers_what_is_stored_under_the_identity(people: App) -> None:
    (job_id,) = _order(people, "access")
    people.work()
    job = _job(people, job_id)
    assert (job["status"], job["userKey"]) == ("complete", "case-17")
    assert job["downloadUrl"].endswith(f"{JOBS}/{job_id}/content")
    answer = people.get(f"{JOBS}/{job_id}/content")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    found = _lines(answer)
    assert [one["attributes"]["person"] for one in found["profile/fragments.jsonl"]] == [
        {"name": {"firstName": "Ada"}}
    ]
    assert [one["event"]["_id"] for one in found["profile/events.jsonl"]] == ["e-1"]
    assert len(found["profile/failed.jsonl"]) == 1
    assert {
        tuple(sorted(one["namespace"] for one in link["identities"]))
        for link in found["identity/links.jsonl"]
    } == {("ECID", "Email")}
    assert len(found["lake/records.jsonl"]) == 3, "primary in two, secondary in one"
    assert _results(people, job_id)["aepDataLake"] == {"records": 3}


def test_access_changes_nothing(people: App) -> None:
    before = people.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").json()
    _order(people, "access")
    people.work()
    assert people.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").json() == before
    assert people.faults() == []


def test_deletion_leaves_nothing_of_the_identity_anywhere(people: App) -> None:
    (job_id,) = _order(people, "delete")
    people.work()
    assert _job(people, job_id)["status"] == "complete"
    results = _results(people, job_id)
    assert results["profileService"] == {
        "events": 1,
        "fragments": 1,
        "recordsOfOthers": 1,
        "failedRecords": 1,
        "journalRecords": 4,
    }
    assert results["identity"] == {"identities": 1, "links": 3}
    assert results["aepDataLake"] == {"records": 3}
    assert people.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").status_code == 404
    one = people.get(f"{RECORD}&entityId={ONE[1]}&entityIdNS=ecid")
    assert one.status_code == 404, "only her records named it"
    timeline = people.get(
        f"{TIMELINE}&relatedSchema.name=_xdm.context.profile"
        f"&relatedEntityId={TWO[1]}&relatedEntityIdNS=ecid"
    )
    assert [child["entityId"] for child in timeline.json()["children"]] == ["e-3"], "e-2 names her"
    assert people.faults() == []
    (again,) = _order(people, "access")
    people.work()
    assert _results(people, again) == {
        "profileService": {"fragments": 0, "events": 0, "failedRecords": 0},
        "identity": {"links": 0},
        "aepDataLake": {"records": 0},
    }


def test_deletion_reaches_the_bytes_at_rest(data: Path) -> None:
    """In work.db the request itself stays, which is the proof of the deletion."""
    app = App(data)
    app.ingest(EVENTS, event("e-4", ("Email", "only@example.com")))
    app.ingest(REGISTRATIONS, record(("Email", "only@example.com")))
    app.ingest(REGISTRATIONS, record(("Email", "only@example.com"), person={}))
    app.ingest(REGISTRATIONS, record(TWO, ("Email", "only@example.com")), record(TWO))
    app.ingest(EVENTS, event("e-5", TWO, ("Email", "only@example.com")))
    app.land()
    assert _holding(data, b"only@example.com") != set()
    identity = {"namespace": "Email", "value": "only@example.com", "type": "standard"}
    _order(app, users=[{"key": "k", "action": ["delete"], "userIDs": [identity]}])
    app.work()
    assert app.faults() == []
    app.close()
    assert _holding(data, b"only@example.com") == {"work.db"}


def _holding(data: Path, value: bytes) -> set[str]:
    files = (path for path in (data / "sandboxes").rglob("*") if path.is_file())
    return {path.name for path in files if value in path.read_bytes()}


def test_removals_in_the_journal_are_no_messages(people: App) -> None:
    """They are not JSON; one with a backslash in it would stop a search that took it for some."""
    journal = Journal(people.places.journal(people.sandbox.id), people.bell)
    for what in (removal.encode(Removal(failed=[0x5C])), b"\\ no removal at all"):
        journal.append([Accepted("job", people.clock.now_ms(), "", "", what, removal=True)])
    people.drain()
    access, delete = _order(people, "access", "delete")
    people.work()
    assert {_job(people, job)["status"] for job in (access, delete)} == {"complete"}
    assert people.faults() == []


def test_only_what_is_included_is_touched(people: App) -> None:
    _order(people, "delete", include=["aepDataLake"])
    people.work()
    assert people.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").status_code == 200
    (again,) = _order(people, "access")
    people.work()
    assert _results(people, again)["aepDataLake"] == {"records": 0}
    assert _results(people, again)["profileService"]["fragments"] == 1


def test_expanding_takes_the_whole_cluster(people: App) -> None:
    _order(people, "delete", expandIds=True)
    people.work()
    for code, value in (("email", MAIL), ("ecid", ONE[1]), ("ecid", TWO[1])):
        url = f"{RECORD}&entityId={value}&entityIdNS={code}"
        assert people.get(url).status_code == 404
    bo = people.get(f"{RECORD}&entityId=bo@example.com&entityIdNS=email")
    assert bo.status_code == 200
    assert people.faults() == []


def test_a_deletion_that_is_killed_between_two_steps_is_finished(people: App) -> None:
    (job_id,) = _order(people, "delete")
    for _ in range(40):
        other = App(people.places.data, now_ms=people.clock.now_ms())
        other.jobs_round()
        other.drain()
        status = _job(people, job_id)["status"]
        other.close()
        if status == "complete":
            break
    assert status == "complete"
    people.work()
    assert people.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").status_code == 404
    assert people.faults() == []


def test_jobs_are_listed_by_page_and_filtered(app: App) -> None:
    ids = [*_order(app, "access", "delete"), *_order(app, "access", regulation="ccpa")]
    listed = app.get(JOBS).json()
    assert (listed["totalRecords"], {job["jobId"] for job in listed["jobDetails"]}) == (3, set(ids))
    pages = [app.get(f"{JOBS}?size=2&page={page}").json()["jobDetails"] for page in (1, 2)]
    assert [len(page) for page in pages] == [2, 1]
    assert app.get(f"{JOBS}?regulation=ccpa").json()["totalRecords"] == 1
    assert app.get(f"{JOBS}?regulation=*&status=submitted").json()["totalRecords"] == 3
    assert app.get(f"{JOBS}?status=complete").json()["totalRecords"] == 0
    assert app.get(f"{JOBS}?fromDate=2999-01-01").json()["totalRecords"] == 0
    assert app.get(f"{JOBS}?toDate=2999-01-01").json()["totalRecords"] == 3


@pytest.mark.parametrize(
    "query", ["status=done", "size=0", "size=101", "page=-1", "fromDate=soon", "toDate=2026-13-01"]
)
def test_a_list_with_a_wrong_parameter_is_refused(app: App, query: str) -> None:
    answer = app.get(f"{JOBS}?{query}")
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"companyContexts": []}, "companyContexts"),
        ({"companyContexts": [{"namespace": "imsOrgID", "value": "X@AdobeOrg"}]}, "imsOrgID"),
        ({"users": []}, "user"),
        ({"include": []}, "include"),
        ({"include": ["Analytics"]}, "include"),
        ({"regulation": "no such law"}, "regulation"),
        ({"users": [{"key": "", "action": ["access"], "userIDs": []}]}, "key"),
        ({"users": [{"key": "k", "action": ["forget"], "userIDs": []}]}, "action"),
        ({"users": [{"key": "k", "action": ["access"], "userIDs": []}]}, "identity"),
    ],
)
def test_a_request_with_a_wrong_part_is_refused_whole(
    app: App, changed: dict[str, Any], at: str
) -> None:
    answer = app.post(JOBS, _demand(app, "access", **changed))
    assert answer.status_code == 400
    assert at in answer.json()["detail"]
    assert app.get(JOBS).json()["totalRecords"] == 0


@pytest.mark.parametrize(
    "identity",
    [
        {"namespace": "nowhere", "value": "v", "type": "standard"},
        {"namespace": 999_999_999, "value": "v", "type": "namespaceId"},
        {"namespace": "x", "value": "v", "type": "namespaceId"},
        {"namespace": "email", "value": "v", "type": "unregistered"},
        {"namespace": "email", "value": " ", "type": "standard"},
        {"namespace": "email", "value": "v" * 1025, "type": "standard"},
    ],
)
def test_an_identity_that_cannot_be_is_refused(app: App, identity: dict[str, Any]) -> None:
    users = [{"key": "k", "action": ["access"], "userIDs": [identity]}]
    assert app.post(JOBS, _demand(app, users=users)).status_code == 400


def test_more_than_a_thousand_identities_are_refused(app: App) -> None:
    ids = [{"namespace": "email", "value": f"{n}@x", "type": "standard"} for n in range(1001)]
    users = [{"key": "k", "action": ["access"], "userIDs": ids}]
    assert app.post(JOBS, _demand(app, users=users)).status_code == 400


def test_there_is_no_content_before_the_end_nor_of_deletions_nor_for_ever(app: App) -> None:
    access, delete = _order(app, "access", "delete")
    assert app.get(f"{JOBS}/{access}/content").status_code == 404
    app.work()
    assert app.get(f"{JOBS}/{access}/content").status_code == 200
    assert app.get(f"{JOBS}/{delete}/content").status_code == 404
    assert _job(app, delete)["downloadUrl"] == ""
    path = app.places.exports(app.sandbox.id) / f"{access}.zip"
    assert path.stat().st_mode & 0o777 == 0o600
    app.at(int(path.stat().st_mtime * 1000) + KEEP_MS + 1)
    _order(app, "access")
    app.work()
    assert app.get(f"{JOBS}/{access}/content").status_code == 404


def test_an_unknown_job_is_not_found(app: App) -> None:
    for path in ("nobody", "nobody/content"):
        assert app.get(f"{JOBS}/{path}").status_code == 404


def test_what_was_deleted_does_not_come_back_late(people: App) -> None:
    """The same event, and the same profile record, sent again; an event that is new comes in."""
    _order(people, "delete")
    people.work()
    people.ingest(EVENTS, event("e-1", ADA, ONE))
    people.ingest(REGISTRATIONS, record(ADA, ONE, person={"name": {"firstName": "Ada"}}))
    assert people.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").status_code == 404
    now_ms = people.clock.now_ms() + 1000
    people.at(now_ms)
    people.ingest(EVENTS, event("new", ADA, at_ms=now_ms))
    assert people.get(f"{RECORD}&entityId={MAIL}&entityIdNS=email").status_code == 200
