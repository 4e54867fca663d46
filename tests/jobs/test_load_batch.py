"""Loading batches: every row once whatever happens, what is told of bad rows, and taking back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.journal import Journal
from onefold.store.tables import events, jobs
from onefold.store.tables.jobs import State
from onefold.store.tables.outcomes import Outcome
from onefold.testing.app import CONTENT_TYPE, App
from tests.contract.asking import send
from tests.contract.imports.loading import EXPORT, act, lines, loaded, opened, person, put, shown
from tests.contract.people import RECORD, ecid, event
from tests.jobs.killing import jobs_of, killed_behind


def happened(number: int) -> Any:
    return event(f"e-{number}", ("ECID", ecid(number)))


def stored(app: App) -> list[str]:
    profile = app.places.profile(app.sandbox.id)
    return sorted(row[1] for row in events.numbered(profile, first=0, last=10**9, limit=10_000))


def completed(app: App, *contents: bytes, dataset: str = EVENTS, **said: Any) -> str:
    batch = opened(app, dataset, **said)
    for number, content in enumerate(contents):
        assert put(app, batch, content, f"{number}.json", dataset=dataset).status_code == 200
    assert act(app, batch).status_code == 200
    return batch


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of few rows."""
    monkeypatch.setattr("onefold.jobs.stage_batch.STEP_ROWS", 4)
    monkeypatch.setattr("onefold.jobs.load_batch.APPEND_ROWS", 3)
    monkeypatch.setattr("onefold.jobs.load_batch.STEP_APPENDS", 1)


def test_a_process_killed_again_and_again_loads_every_row_once(app: App, small: None) -> None:
    """Reading begins anew with each process, so each is given a step more than the last."""
    batch = completed(app, lines(*map(happened, range(7))), lines(*map(happened, range(7, 12))))
    for steps in range(1, 30):
        work = jobs_of(app)
        for _ in range(steps):
            work.round()
        app.drain()
        if shown(app, batch)["status"] == "success":
            break
    assert stored(app) == sorted(f"e-{n}" for n in range(12))
    assert app.ended()[Outcome.APPLIED] == 12
    assert app.ended()[Outcome.DUPLICATE] == 0


@pytest.mark.parametrize("name", ["hold", "append"])
@pytest.mark.parametrize("at", range(8))
def test_a_process_killed_behind_a_commit_repeats_no_row(
    app: App, small: None, monkeypatch: pytest.MonkeyPatch, name: str, at: int
) -> None:
    """Killed when an append is durable and the job's progress is not, and the other way about."""
    batch = completed(app, lines(*map(happened, range(11))))
    with killed_behind(monkeypatch, jobs if name == "hold" else Journal, name, at=at):
        jobs_of(app).drain()
    for _ in range(100):
        jobs_of(app).drain()
        app.drain()
        if shown(app, batch)["status"] == "success":
            break
    assert stored(app) == sorted(f"e-{n}" for n in range(11))
    assert app.ended() == {**dict.fromkeys(Outcome, 0), Outcome.APPLIED: 11}


def test_bad_rows_beyond_what_is_tolerated_leave_nothing_behind(app: App) -> None:
    told = loaded(app, lines(happened(1), b"{broken", happened(2)), dataset=EVENTS)
    assert told["status"] == "failed"
    assert told["metrics"]["inputRecordCount"] == 3
    assert told["metrics"]["outputRecordCount"] == 0
    assert told["metrics"]["failedRecordCount"] == 1
    assert [error["code"] for error in told["errors"]] == ["INGEST-1401-400", "INGEST-1211-400"]
    assert all("recordCount" not in error for error in told["errors"])
    assert sum(app.ended().values()) == 0


def test_tolerated_bad_rows_are_counted_told_and_kept(app: App) -> None:
    missing = {key: value for key, value in happened(3).items() if key != "_id"}
    wrong = {**happened(4), "unknown": True}
    rows = [happened(1), b"[", missing, wrong, *map(happened, range(10, 26))]
    told = loaded(
        app,
        lines(*rows),
        dataset=EVENTS,
        partialIngestionPercentage=15,
        enableErrorDiagnostics=True,
    )
    assert told["status"] == "success"
    assert told["metrics"]["failedRecordCount"] == 3
    assert told["metrics"]["outputRecordCount"] == 17
    counted = {error["code"]: error.get("recordCount") for error in told["errors"]}
    assert counted == {
        "INGEST-1401-400": 1,
        "INGEST-1555-400": 1,
        "XDM-2001": 1,
        "INGEST-1212-400": None,
    }
    assert len(app.failed()) == 2
    assert {failed.batch for failed in app.failed()} == {told["id"]}
    assert {failed.trace for failed in app.failed()} == {f"{told['id']}:{n}" for n in (2, 3)}


def test_diagnostics_and_failed_rows_are_files(app: App) -> None:
    rows = [happened(1), b"[7", {**happened(2), "unknown": 1}]
    told = loaded(
        app,
        lines(*rows),
        "F1.json",
        dataset=EVENTS,
        partialIngestionPercentage=70,
        enableErrorDiagnostics=True,
    )
    root = f"{EXPORT}/{told['id']}"
    inputs = app.get(f"{root}/meta?path=input_files").json()
    assert inputs["_page"] == {"limit": 100, "count": 1}
    (one,) = inputs["data"]
    assert json.loads(app.get(one["_links"]["self"]["href"]).content) == {"path": "F1.json"}
    listed = app.get(f"{root}/meta?path=row_errors").json()["data"]
    assert [file["name"] for file in listed] == [
        "conversion_errors_0.json",
        "parsing_errors_0.json",
    ]
    parsing = app.get(listed[1]["_links"]["self"]["href"])
    assert int(listed[1]["length"]) == len(parsing.content)
    told_of = json.loads(parsing.content)
    assert (told_of["_corrupt_record"], told_of["_filename"]) == ("[7", "F1.json")
    assert told_of["_errors"][0]["code"] == "1401"
    files = app.get(f"{root}/failed").json()["data"]
    assert [file["name"] for file in files] == [
        "_SUCCESS",
        "part-00000-0.json",
        "conversion_errors_0.json",
        "parsing_errors_0.json",
    ]
    assert files[0]["length"] == "0"
    part = json.loads(app.get(files[1]["_links"]["self"]["href"]).content)
    assert part["body"]["xdmEntity"]["_id"] == "e-2"
    assert part["_errors"]["_validationErrors"]


@pytest.mark.parametrize(
    ("content", "said", "code"),
    [
        (b"", {}, "106"),
        (b" \n ", {}, "106"),
        (b"PAR1 not really PAR1", {"inputFormat": {"format": "parquet"}}, "INGEST-1401-400"),
        (b"{}", {"inputFormat": {"format": "parquet"}}, "INGEST-1401-400"),
        (b" ,\n1,2\n", {"inputFormat": {"format": "csv"}}, "118"),
        (b"\xff\xfe,\n1,2\n", {"inputFormat": {"format": "csv"}}, "INGEST-1401-400"),
        (
            b"a\n1\n",
            {"inputFormat": {"format": "csv"}, "tags": {"aep_sip_mapper": ["mapping-set-id:x"]}},
            "CTL-1007",
        ),
    ],
)
def test_a_file_that_cannot_be_read_fails_its_batch(
    app: App, content: bytes, said: Any, code: str
) -> None:
    batch = completed(app, lines(happened(1)), content, **said)
    app.work()
    told = shown(app, batch)
    assert told["status"] == "failed"
    assert [error["code"] for error in told["errors"]][:1] == [code]
    assert sum(app.ended().values()) == 0
    assert not _folder(app, batch).exists()


def test_values_are_converted_as_far_as_their_types_allow(app: App) -> None:
    row = {**person(1), "person": {"name": {"firstName": 7}, "birthYear": "1815"}}
    told = loaded(app, lines(row), dataset=REGISTRATIONS)
    assert (told["status"], told["errors"]) == ("success", [])
    told = loaded(app, lines({**person(1), "person": {"birthYear": True}}), dataset=REGISTRATIONS)
    assert told["status"] == "failed"
    assert told["errors"][0]["code"] == "XDM-2001"


def test_csv_columns_are_paths_of_the_schema(app: App) -> None:
    told = loaded(
        app,
        b"_id,timestamp,eventType\ne-1,2025-01-01T00:00:00Z,a\n",
        dataset=EVENTS,
        inputFormat={"format": "csv"},
        partialIngestionPercentage=100,
    )
    assert told["metrics"]["inputRecordCount"] == 1
    (failed,) = app.failed()  # a flat file has no identity map
    entity = json.loads(failed.message)["body"]["xdmEntity"]
    assert entity == {"_id": "e-1", "timestamp": "2025-01-01T00:00:00Z", "eventType": "a"}


def test_a_journal_that_is_far_ahead_gets_no_more(app: App, small: None) -> None:
    behind = App(app.settings.data, journal_backlog_max=6)
    try:
        batch = completed(behind, lines(*map(happened, range(12))))
        work = jobs_of(behind)
        work.drain()
        journal = Journal(behind.places.journal(behind.sandbox.id), behind.bell)
        assert journal.end().records == 6
        assert shown(behind, batch)["status"] == "processing"
        while shown(behind, batch)["status"] != "success":
            behind.drain()
            work.drain()
        assert stored(behind) == sorted(f"e-{n}" for n in range(12))
    finally:
        behind.close()


def test_a_dataset_that_is_gone_fails_the_batch(app: App) -> None:
    batch = completed(app, lines(happened(1)))
    answer = app.request(
        "DELETE",
        f"/data/foundation/catalog/dataSets/{app.datasets[EVENTS].id}",
        headers=app.headers(),
    )
    assert answer.status_code == 200, answer.text
    app.work()
    assert shown(app, batch)["errors"][0]["code"] == "CTL-1007"


def test_nothing_of_a_loaded_batch_stays_on_the_disk_but_diagnostics(app: App) -> None:
    told = loaded(
        app,
        lines(happened(1), b"["),
        dataset=EVENTS,
        partialIngestionPercentage=50,
        enableErrorDiagnostics=True,
    )
    assert [path.name for path in _folder(app, told["id"]).iterdir()] == ["errors"]
    act(app, told["id"], "REVERT")
    app.work()
    assert not _folder(app, told["id"]).exists()


def test_rows_of_an_upserting_dataset_change_only_what_they_have(app: App) -> None:
    dataset = app.datasets[REGISTRATIONS]
    url = f"/data/foundation/catalog/dataSets/{dataset.id}"
    for tags in (["enabled:false"], ["enabled:true", "isUpsert:true"]):
        assert send(app, "PATCH", url, {"tags": {"unifiedProfile": tags}}).status_code == 200
    name = {"person": {"name": {"firstName": "Ada", "lastName": "L"}, "birthYear": 1815}}
    loaded(app, lines(person(1, **name)))
    told = loaded(app, lines(person(1, person={"name": {"lastName": "K"}, "birthYear": None})))
    assert (told["status"], told["errors"]) == ("success", [])
    (found,) = app.get(f"{RECORD}&entityId={ecid(1)}&entityIdNS=ecid&fields=person").json().values()
    assert found["entity"]["person"] == {"name": {"firstName": "Ada", "lastName": "K"}}


def test_csv_is_mapped_by_the_mapping_set_that_the_batch_names(app: App) -> None:
    schema = {"id": app.datasets[EVENTS].schema_id, "contentType": CONTENT_TYPE}
    pairs = (("id", "_id"), ("at", "timestamp"), ("ecid", "identityMap.ECID[0].id"))
    mappings = [
        {"sourceType": "ATTRIBUTE", "source": source, "destination": destination}
        for source, destination in pairs
    ]
    body = {"version": 0, "outputSchema": {"schemaRef": schema}, "mappings": mappings}
    made = send(app, "POST", "/data/foundation/conversion/mappingSets", body)
    assert made.status_code in (200, 201), made.text
    content = f"id,at,ecid,other\ne-1,2025-01-01T00:00:00Z,{ecid(1)},x\n".encode()
    told = loaded(
        app,
        content,
        dataset=EVENTS,
        inputFormat={"format": "CSV"},
        tags={"aep_sip_mapper": [f"mapping-set-id:{made.json()['id']}", "mapping-set-version:0"]},
    )
    assert (told["status"], told["metrics"]["outputRecordCount"]) == ("success", 1), told
    assert stored(app) == ["e-1"]


def test_diagnostics_are_kept_for_a_month(app: App) -> None:
    kept: Any = {"partialIngestionPercentage": 50, "enableErrorDiagnostics": True}
    told = loaded(app, lines(happened(1), b"["), dataset=EVENTS, **kept)
    errors = _folder(app, told["id"]) / "errors"
    for days, there in ((29, True), (31, False)):
        at_s = (app.clock.now_ms() / 1000) - days * 86_400
        os.utime(errors, (at_s, at_s))
        loaded(app, lines(happened(2)), dataset=EVENTS)
        assert errors.exists() is there


def test_a_batch_that_a_defect_stopped_is_stalled(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("made up")

    monkeypatch.setattr("onefold.jobs.load_batch.staged", broken)
    batch = completed(app, lines(happened(1)))
    for _ in range(4):
        app.work()
        app.clock.advance(ms=3_600_000)
    assert shown(app, batch)["status"] == "stalled"


def test_reverting_leaves_no_trace_of_failed_rows(app: App) -> None:
    told = loaded(
        app,
        lines(happened(1), {**happened(2), "unknown": 1}),
        dataset=EVENTS,
        partialIngestionPercentage=50,
    )
    act(app, told["id"], "REVERT")
    app.work()
    assert [failed.message for failed in app.failed()] == [b""]
    assert stored(app) == []
    assert app.faults() == []


def test_a_job_that_is_done_once_more_changes_nothing(app: App) -> None:
    batch = completed(app, lines(happened(1)))
    app.work()
    for kind in ("load_batch", "revert_batch"):
        if kind == "revert_batch":
            act(app, batch, "REVERT")
            app.work()
        engine = app.places.work(app.sandbox.id)
        job = jobs.get(engine, f"{kind}:{batch}")
        assert job is not None
        assert job.state is State.DONE
        before = shown(app, batch)
        with engine.transaction() as transaction:
            jobs.put_back(transaction, job.id, due_ms=0, now_ms=app.clock.now_ms())
        app.work()
        assert shown(app, batch) == before


ROWS = st.lists(
    st.one_of(
        st.integers(0, 50).map(happened),
        st.sampled_from([b"{", b"7", b"null", b'"a"', b"x[1", b"\xff", b"{}", b'{"_id": null}']),
    ),
    min_size=1,
    max_size=12,
)


@given(st.lists(ROWS, min_size=1, max_size=3), st.integers(0, 100))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_row_ends_once_and_the_counts_balance(
    shared: App, files: list[list[Any]], percent: int
) -> None:
    before = sum(shared.ended().values())
    batch = completed(shared, *[lines(*rows) for rows in files], partialIngestionPercentage=percent)
    shared.work()
    told = shown(shared, batch)
    rows = [row for file in files for row in file]
    corrupt = sum(row in (b"{", b"7", b"null", b'"a"', b"x[1", b"\xff") for row in rows)
    bad = sum(isinstance(row, bytes) for row in rows)
    metrics = told["metrics"]
    ended = sum(shared.ended().values()) - before
    assert metrics["inputRecordCount"] == len(rows)
    if bad * 100 > percent * len(rows):
        assert (told["status"], ended, metrics["failedRecordCount"]) == ("failed", 0, bad)
    else:
        assert (told["status"], ended) == ("success", len(rows) - corrupt)
        assert metrics["outputRecordCount"] + metrics["failedRecordCount"] == len(rows)
    assert shared.faults() == []


def _folder(app: App, batch: str) -> Path:
    return app.places.files(app.sandbox.id) / batch
