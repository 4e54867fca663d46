"""`/onefold/v1/failed-records`: list, look, mend, replay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from onefold.api.onefold.failed_records import CODES_MAX, PAGE_MAX
from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.domain import removal
from onefold.domain.failed_record import Repeat
from onefold.domain.removal import Removal
from onefold.errors import CODES
from onefold.inlet.inbox import REPLAYS_MAX
from onefold.journal import Accepted, Journal
from onefold.store.tables import failed_records, outcomes
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from onefold.wire import iso_millis
from tests.contract.accesscontrol.test_acl import project
from tests.contract.asking import other_organisation, send
from tests.contract.onefold.mending import INBOX, failed, inbox, mend, unfit, unfit_event
from tests.contract.people import RECORD, TIMELINE, ecid, event, record

JSON = dict[str, Any]
ADA = ("ECID", ecid(1))


def _refused(answer: Any, status: int, code: str) -> JSON:
    assert answer.status_code == status, answer.text
    body: JSON = answer.json()
    assert body["type"] == f"http://ns.adobe.com/aep/errors/{code}-{status}"
    assert (body["status"], body["title"]) == (status, CODES[code].meaning.rstrip("."))
    assert body["detail"]
    return body


def _replay(app: App, number: int) -> JSON:
    answer = app.post(f"{INBOX}/{number}/replay", None)
    assert answer.status_code == 202, answer.text
    app.drain()
    return failed(app, number)


def _blank(app: App, number: int) -> None:
    """What a deletion of a person does to a failed record."""
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    message = removal.encode(Removal(failed=[number]))
    journal.append([Accepted("job", app.clock.now_ms(), "", "", message, removal=True)])
    app.drain()


def _ends(app: App, **expected: int) -> None:
    assert {outcome.value: n for outcome, n in app.ended().items() if n} == expected
    assert app.faults() == []


# One


def test_failed_record_tells_all_that_is_known_of_it(app: App) -> None:
    message = app.message(REGISTRATIONS, unfit(app))
    trace = app.collect(message).json()["xactionId"]
    app.clock.advance(ms=250)
    app.drain()
    found = failed(app, 1)
    (violation,) = found.pop("errors")
    assert violation["keyword"] == "additionalProperties"
    assert "shoeSize" in found.pop("detail")
    assert found == {
        "number": 1,
        "kind": "record",
        "state": "open",
        "step": "normalize",
        "code": "REC-1001",
        "meaning": CODES["REC-1001"].meaning,
        "remedy": CODES["REC-1001"].remedy,
        "at": f"/{app.tenant}",
        "datasetId": app.datasets[REGISTRATIONS].id,
        "datasetName": REGISTRATIONS,
        "inletId": app.inlet,
        "batchId": None,
        "xactionId": trace,
        "receivedAt": iso_millis(START_MS),
        "failedAt": iso_millis(START_MS + 250),
        "replays": None,
        "replay": None,
        "message": message,
    }


def test_message_is_shown_to_the_digit(app: App) -> None:
    raw = json.dumps(app.message(REGISTRATIONS, {**unfit(app), "n": "@"}))
    raw = raw.replace('"@"', "1.10000000000000000001")
    headers = {"content-type": "application/json"}
    sent = app.request("POST", f"/collection/{app.inlet}", content=raw, headers=headers)
    assert sent.status_code == 200, sent.text
    app.drain()
    assert "1.10000000000000000001" in app.get(f"{INBOX}/1").text


@pytest.mark.parametrize("number", ["2", "0", "-1", "x", "1e1", "9" * 30, "%C2%B2"])
def test_number_that_no_failed_record_has_is_not_found(app: App, number: str) -> None:
    app.ingest(REGISTRATIONS, unfit(app), record(ADA))
    _refused(app.get(f"{INBOX}/{number}"), 404, "FLR-1001")
    _refused(app.post(f"{INBOX}/{number}/replay", None), 404, "FLR-1001")
    _refused(app.post(f"{INBOX}/{number}/dismiss", None), 404, "FLR-1001")


# Lists


def _three(app: App) -> None:
    """1: REC-1001 in registrations; 2 and 3, a minute later: REC-1001, REC-1002 in events."""
    app.ingest(REGISTRATIONS, unfit(app))
    app.clock.advance(ms=60_000)
    nobody = event("e-2", ADA, at_ms=START_MS)
    del nobody["identityMap"]
    app.ingest(EVENTS, unfit_event(app, "e-1"), nobody)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [3, 2, 1]),
        ("?order=oldest", [1, 2, 3]),
        ("?code=REC-1002", [3]),
        ("?code=REC-1002&code=REC-1001&order=oldest", [1, 2, 3]),
        ("?code=REC-9999", []),
        ("?dataset={events}", [3, 2]),
        ("?dataset={events}&code=REC-1001", [2]),
        ("?inlet={inlet}&limit=1", [3]),
        ("?inlet=other", []),
        ("?batch=other", []),
        ("?state=open&start=3", [2, 1]),
        ("?state=replayed", []),
        (f"?receivedAfter={START_MS + 1}", [3, 2]),
        (f"?receivedBefore={START_MS + 60_000}", [1]),
        (f"?failedAfter={iso_millis(START_MS + 60_000)}", [3, 2]),
        ("?failedBefore=2026-01-01T01:00:30%2B01:00", [1]),
        ("?failedBefore=2026-01-01T01:00:30+01:00", [1]),
    ],
)
def test_filters_leave_what_they_name(app: App, query: str, numbers: list[int]) -> None:
    _three(app)
    query = query.replace("{events}", app.datasets[EVENTS].id).replace("{inlet}", app.inlet)
    found = inbox(app, query)
    assert [one["number"] for one in found] == numbers
    assert all("message" not in one and "errors" not in one for one in found)


def test_pages_lead_to_each_other(app: App) -> None:
    _three(app)
    first = app.get(f"{INBOX}?limit=2").json()
    assert first["_page"] == {"limit": 2, "count": 2, "next": "2"}
    app.ingest(REGISTRATIONS, unfit(app))
    second = app.get(f"{INBOX}?limit=2&start={first['_page']['next']}").json()
    assert [one["number"] for one in second["failedRecords"]] == [1]
    assert second["_page"] == {"limit": 2, "count": 1, "next": None}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        f"limit={PAGE_MAX + 1}",
        "limit=x",
        "start=x",
        "start=-1",
        "order=sideways",
        "state=lost",
        "failedAfter=yesterday",
        "receivedBefore=2026-01-01",
        "failedAfter=99999999999999999999",
        "colour=red",
        "limit=1&limit=2",
        "&".join(f"code={n}" for n in range(CODES_MAX + 1)),
        "&".join(f"code={n}" for n in range(CODES_MAX * 9)),
    ],
)
def test_parameters_that_mean_nothing_are_refused(shared: App, query: str) -> None:
    _refused(shared.get(f"{INBOX}?{query}"), 400, "CTL-1008")


def test_summary_counts_by_dataset_code_and_state(app: App) -> None:
    empty = app.get(f"{INBOX}/summary").json()
    assert empty == {"total": {"open": 0, "replayed": 0, "resolved": 0}, "counts": []}
    _three(app)
    _replay(app, 3)
    counted = app.get(f"{INBOX}/summary").json()
    assert counted["total"] == {"open": 3, "replayed": 1, "resolved": 0}
    rows = {
        (row["datasetName"], row["code"], row["state"]): row["count"] for row in counted["counts"]
    }
    assert rows == {
        (REGISTRATIONS, "REC-1001", "open"): 1,
        (EVENTS, "REC-1001", "open"): 1,
        (EVENTS, "REC-1002", "open"): 1,
        (EVENTS, "REC-1002", "replayed"): 1,
    }
    first = next(row for row in counted["counts"] if row["datasetName"] == REGISTRATIONS)
    assert first["datasetId"] == app.datasets[REGISTRATIONS].id
    assert first["firstFailedAt"] == first["lastFailedAt"] == iso_millis(START_MS)
    _refused(app.get(f"{INBOX}/summary?code=REC-1001"), 400, "CTL-1008")


def test_inbox_is_the_sandbox_s_own(app: App) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    theirs = other_organisation(app)
    assert app.get(INBOX, **theirs).json()["failedRecords"] == []
    _refused(app.get(f"{INBOX}/1", **theirs), 404, "FLR-1001")


# Replays


def test_replay_applies_a_record_whose_schema_was_mended(app: App) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    app.clock.advance(ms=60_000)
    mend(app, REGISTRATIONS)
    answer = app.post(f"{INBOX}/1/replay", None)
    assert answer.status_code == 202
    assert answer.json().keys() == {"number", "xactionId"}
    assert failed(app, 1)["state"] == "open"
    app.clock.advance(ms=5)
    app.drain()
    found = failed(app, 1)
    assert found["state"] == "replayed"
    at = iso_millis(START_MS + 60_005)
    assert found["replay"] == {"number": 2, "at": at, "outcome": "applied"}
    (profile,) = app.get(f"{RECORD}&entityId={ADA[1]}&entityIdNS=ECID").json().values()
    assert profile["entity"][app.tenant] == {"shoeSize": "41"}
    (tag,) = profile["tags"]
    assert tag.startswith(answer.json()["xactionId"])
    assert profile["lastModifiedAt"].startswith(iso_millis(START_MS)[:19])
    _ends(app, failed=1, applied=1)


def test_replay_that_fails_again_is_a_failed_record_of_its_own(app: App) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    first = _replay(app, 1)
    assert (first["state"], first["replay"]["outcome"]) == ("replayed", "failed")
    second = failed(app, first["replay"]["number"])
    assert (second["state"], second["replays"]) == ("open", 1)
    assert second["message"] == first["message"]
    assert second["receivedAt"] == first["receivedAt"]
    assert second["inletId"] == first["inletId"]
    assert [one["number"] for one in inbox(app, "?state=open")] == [2]
    mend(app, REGISTRATIONS)
    assert _replay(app, 2)["replay"]["outcome"] == "applied"
    _ends(app, failed=2, applied=1)


def test_replay_of_an_event_that_came_by_another_way_is_a_known_duplicate(app: App) -> None:
    app.ingest(EVENTS, unfit_event(app, "e-1"))
    app.ingest(EVENTS, event("e-1", ADA))
    mend(app, EVENTS)
    assert _replay(app, 1)["replay"]["outcome"] == "duplicate"
    _ends(app, failed=1, applied=1, duplicate=1)


def test_record_that_was_replayed_is_not_replayed_again(app: App) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    _replay(app, 1)
    for act in ("replay", "dismiss"):
        body = _refused(app.post(f"{INBOX}/1/{act}", None), 409, "FLR-1002")
        assert "as record 2: failed" in body["detail"]


def test_record_whose_message_was_taken_out_is_not_replayed(app: App) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    _blank(app, 1)
    found = failed(app, 1)
    assert (found["state"], found["message"], found["detail"]) == ("resolved", None, "")
    for act in ("replay", "dismiss"):
        _refused(app.post(f"{INBOX}/1/{act}", None), 410, "FLR-1003")
    assert app.faults() == []


def test_two_replays_at_once_apply_a_record_once(app: App) -> None:
    """Both are accepted before the pipeline comes to the first of them. Between them a newer record
    says something else, which the second must not undo."""
    app.ingest(REGISTRATIONS, unfit(app))
    mend(app, REGISTRATIONS)
    assert app.post(f"{INBOX}/1/replay", None).status_code == 202
    newer = {**unfit(app), app.tenant: {"shoeSize": "42"}}
    assert app.collect(app.message(REGISTRATIONS, newer)).status_code == 200
    assert app.post(f"{INBOX}/1/replay", None).status_code == 202
    app.drain()
    assert failed(app, 1)["replay"] | {"at": ""} == {"number": 2, "at": "", "outcome": "applied"}
    (profile,) = app.get(f"{RECORD}&entityId={ADA[1]}&entityIdNS=ECID").json().values()
    assert profile["entity"][app.tenant] == {"shoeSize": "42"}
    _ends(app, failed=1, applied=2, duplicate=1)
    store = app.places.profile(app.sandbox.id)
    assert outcomes.left_out(store, first=1, last=9) == {4}


def test_replay_that_a_deletion_overtook_brings_nothing_back(app: App) -> None:
    """The message was read before it was taken out, and the pipeline comes to it afterwards."""
    app.ingest(REGISTRATIONS, unfit(app))
    mend(app, REGISTRATIONS)
    whole = app.failed()[0]
    _blank(app, 1)
    app.rooms.inlets.repeat(app.sandbox.id, [whole])
    app.drain()
    assert app.get(f"{RECORD}&entityId={ADA[1]}&entityIdNS=ECID").status_code == 404
    assert failed(app, 1)["state"] == "resolved"
    _ends(app, failed=1, applied=1, duplicate=1)


def test_removal_that_a_defect_stopped_is_replayed_as_a_removal(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    with monkeypatch.context() as broken:
        broken.setattr("onefold.store.tables.failed_records.blank", None)
        _blank(app, 1)
    parked = failed(app, 2)
    assert (parked["kind"], parked["code"], parked["message"]) == ("removal", "REC-9001", None)
    assert failed(app, 1)["state"] == "open"
    assert _replay(app, 2)["replay"]["outcome"] == "applied"
    assert failed(app, 1)["state"] == "resolved"
    _ends(app, failed=2, applied=1)


def test_repeats_are_known_again_when_a_journal_is_applied_anew(app: App) -> None:
    """A store that was lost is made from its journal in large batches. In one of them a failed
    record, its repeat, and the repeat of that meet."""
    app.ingest(EVENTS, unfit_event(app, "e-1"))
    app.post(f"{INBOX}/1/replay", None)
    app.drain()
    app.post(f"{INBOX}/2/replay", None)
    app.drain()
    before = [failed(app, number) for number in (1, 2, 3)]
    data = app.places.data
    app.places.close()
    for file in (data / "sandboxes").glob("*/profile.db*"):
        file.unlink()
    again = App(data)
    again.drain()
    assert [failed(again, number) for number in (1, 2, 3)] == before
    assert again.faults() == []
    again.close()


def test_time_of_a_replayed_record_is_judged_as_it_was_received(app: App) -> None:
    """An event from the future stays one, however long one waits."""
    app.ingest(EVENTS, event("e-1", ADA, at_ms=START_MS + 3_600_000))
    app.clock.advance(ms=7_200_000)
    assert _replay(app, 1)["replay"]["outcome"] == "failed"
    assert failed(app, 2)["code"] == "REC-1005"


def test_replays_do_not_make_the_backlog_look_old(app: App) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    app.clock.advance(ms=86_400_000)
    assert app.post(f"{INBOX}/1/replay", None).status_code == 202
    (backlog,) = app.rooms.backlogs.now()
    assert (backlog.records, backlog.age_seconds) == (1, 0)


# Many at once


def test_replay_by_filters_says_how_many_remain(app: App) -> None:
    app.ingest(REGISTRATIONS, *(unfit(app, person) for person in range(1, 6)))
    app.ingest(EVENTS, unfit_event(app, "e-1"))
    mend(app, REGISTRATIONS)
    body = {"dataset": app.datasets[REGISTRATIONS].id, "code": "REC-1001", "limit": 2}
    numbers: list[int] = []
    start: str | None = ""
    for remaining in (3, 1, 0):
        answer = app.post(f"{INBOX}/replay", {**body, "start": start})
        assert answer.status_code == 202, answer.text
        told = answer.json()
        numbers += [one["number"] for one in told["replayed"]]
        assert told["refused"] == []
        assert told["_page"]["remaining"] == remaining
        start = told["_page"]["next"]
    assert numbers == [1, 2, 3, 4, 5]
    assert start is None
    app.drain()
    assert app.post(f"{INBOX}/replay", body).json()["_page"] == {
        "count": 0,
        "remaining": 0,
        "next": None,
    }
    assert [one["number"] for one in inbox(app, "?state=open")] == [6]
    _ends(app, failed=6, applied=5)


def test_replay_without_filters_means_all_that_are_open(app: App) -> None:
    _three(app)
    told = app.post(f"{INBOX}/replay", {}).json()
    assert [one["number"] for one in told["replayed"]] == [1, 2, 3]
    app.drain()
    _ends(app, failed=6)


def test_replay_by_time_takes_both_forms_of_time(app: App) -> None:
    _three(app)
    told = app.post(f"{INBOX}/replay", {"failedBefore": START_MS + 1, "state": "open"}).json()
    assert [one["number"] for one in told["replayed"]] == [1]
    moment = iso_millis(START_MS + 60_000)
    told = app.post(f"{INBOX}/replay", {"receivedAfter": moment, "code": ["REC-1002"]}).json()
    assert [one["number"] for one in told["replayed"]] == [3]


def test_replay_by_numbers_answers_each(app: App) -> None:
    _three(app)
    _replay(app, 2)
    _blank(app, 3)
    answer = app.post(f"{INBOX}/replay", {"numbers": [1, 2, 3, 99, 1]})
    assert answer.status_code == 202
    told = answer.json()
    assert [one["number"] for one in told["replayed"]] == [1]
    assert [(one["number"], one["status"], one["code"]) for one in told["refused"]] == [
        (2, 409, "FLR-1002"),
        (3, 410, "FLR-1003"),
        (99, 404, "FLR-1001"),
    ]
    assert all(one["detail"] for one in told["refused"])
    app.drain()
    assert app.faults() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "API-1003"),
        ([], "API-1003"),
        ({"numbers": "1"}, "API-1003"),
        ({"colour": "red"}, "API-1003"),
        ({"state": "replayed"}, "API-1003"),
        ({"numbers": []}, "CTL-1008"),
        ({"numbers": [0]}, "CTL-1008"),
        ({"numbers": [2**60]}, "CTL-1008"),
        ({"numbers": [*range(1, REPLAYS_MAX + 2)]}, "CTL-1008"),
        ({"numbers": [1], "code": "REC-1001"}, "CTL-1008"),
        ({"limit": 0}, "CTL-1008"),
        ({"limit": REPLAYS_MAX + 1}, "CTL-1008"),
        ({"start": "x"}, "CTL-1008"),
        ({"failedAfter": "yesterday"}, "CTL-1008"),
        ({"code": [str(n) for n in range(CODES_MAX + 1)]}, "CTL-1008"),
    ],
)
def test_replays_of_a_wrong_form_are_refused(shared: App, body: Any, code: str) -> None:
    _refused(shared.post(f"{INBOX}/replay", body), 400, code)


def test_replays_wait_when_the_pipeline_is_far_behind(data: Any) -> None:
    app = App(data, journal_backlog_max=1)
    app.ingest(REGISTRATIONS, unfit(app))
    for n in range(2):
        assert app.collect(app.message(REGISTRATIONS, record(("ECID", ecid(n))))).status_code == 200
    for url, body in (("1/replay", None), ("replay", {}), ("1/dismiss", None)):
        answer = app.post(f"{INBOX}/{url}", body)
        _refused(answer, 503, "INL-1017")
        assert int(answer.headers["retry-after"]) > 0
    app.close()


# Dismissals


def test_dismissed_record_keeps_its_place_in_the_counts_and_loses_its_message(app: App) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    answer = app.post(f"{INBOX}/1/dismiss", None)
    assert answer.status_code == 202
    assert answer.json().keys() == {"number", "xactionId"}
    app.drain()
    found = failed(app, 1)
    assert (found["state"], found["message"], found["errors"]) == ("resolved", None, [])
    assert found["code"] == "REC-1001"
    assert app.get(f"{INBOX}/summary").json()["total"]["resolved"] == 1
    _refused(app.post(f"{INBOX}/1/replay", None), 410, "FLR-1003")
    _ends(app, failed=1, applied=1)


# Whoever may


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/summary"),
        ("GET", "/1"),
        ("POST", "/1/replay"),
        ("POST", "/1/dismiss"),
        ("POST", "/replay"),
    ],
)
def test_doors_are_behind_the_gateway(shared: App, method: str, path: str) -> None:
    answer = send(shared, method, INBOX + path, {}, authorization=None)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "403010")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_may_only_look_may_not_replay(app: App, method: str) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    looking = project(app, {"*": ("view-datasets",)})
    if method == "GET":
        for path in ("", "/summary", "/1"):
            assert app.get(INBOX + path, **looking).status_code == 200
        return
    for path in ("/1/replay", "/1/dismiss", "/replay"):
        _refused(app.post(INBOX + path, {}, **looking), 403, "AUT-1009")


# The doctor


def test_doctor_sees_a_replay_that_repeats_nothing(app: App) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    journal = Journal(app.places.journal(app.sandbox.id), app.bell)
    dataset = app.datasets[REGISTRATIONS].id
    journal.append([Accepted("t", START_MS, "", dataset, b"{}", replays=77)])
    app.drain()
    (finding,) = app.faults()
    assert finding.check == "replays repeat failed records"
    assert finding.examples == ["record 2 repeats 77, which is no failed record"]
    assert app.ended()[Outcome.DUPLICATE] == 1


def test_doctor_sees_a_replayed_record_without_its_replay(app: App) -> None:
    app.ingest(REGISTRATIONS, unfit(app))
    store = app.places.profile(app.sandbox.id)
    with store.transaction() as transaction:
        failed_records.close(transaction, [(1, Repeat(1, START_MS, "applied"))])
    (finding,) = app.faults()
    assert finding.examples == ["failed record 1 is said to be repeated by 1"]


def test_timeline_shows_a_replayed_event_in_its_place(app: App) -> None:
    app.ingest(EVENTS, unfit_event(app, "e-1", at_ms=START_MS - 2000))
    app.ingest(EVENTS, event("e-2", ADA, at_ms=START_MS - 1000))
    mend(app, EVENTS)
    _replay(app, 1)
    answer = app.get(f"{TIMELINE}&relatedEntityId={ADA[1]}&relatedEntityIdNS=ECID").json()
    assert [child["entityId"] for child in answer["children"]] == ["e-1", "e-2"]
