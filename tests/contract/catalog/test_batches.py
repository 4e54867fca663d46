"""Batches in the catalogue: lists, single ones, and streamed records that failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onefold.control.starter import EVENTS, REGISTRATIONS
from onefold.testing.app import App
from tests.contract.asking import send
from tests.contract.imports.loading import (
    CATALOG,
    EXPORT,
    act,
    lines,
    loaded,
    opened,
    person,
    put,
    refused,
    shown,
)

LAST = "/data/foundation/catalog/lastBatches"
ONE = "/data/foundation/catalog/batch"


@pytest.fixture(scope="module")
def filled(fresh: Callable[[], Path]) -> Iterator[tuple[App, list[str]]]:
    """An application with a loaded, an aborted and two open batches, a second apart."""
    app = App(fresh())
    ids = [loaded(app, lines(person(1)), tags={"own": ["a:1"]})["id"]]
    for dataset in (EVENTS, EVENTS, REGISTRATIONS):
        app.clock.advance(ms=1000)
        ids.append(opened(app, dataset))
    act(app, ids[1], "ABORT")
    yield app, ids
    app.close()


def listed(app: App, query: str = "") -> list[str]:
    answer = app.get(f"{CATALOG}?{query}")
    assert answer.status_code == 200, answer.text
    assert all(key == value.get("id", key) for key, value in answer.json().items())
    return list(answer.json())


def test_batches_are_listed_newest_first(filled: tuple[App, list[str]]) -> None:
    app, ids = filled
    assert listed(app) == ids[::-1]
    assert listed(app, "limit=2") == [ids[3], ids[2]]
    assert listed(app, "limit=2&start=3") == [ids[0]]
    assert listed(app, "orderBy=asc:created") == ids


def test_lists_take_filters(filled: tuple[App, list[str]]) -> None:
    app, ids = filled
    at_ms = shown(app, ids[1])["created"]
    events = app.datasets[EVENTS].id
    assert listed(app, "status=success") == listed(app, "status=Active") == [ids[0]]
    assert listed(app, f"dataSet={events}") == [ids[2], ids[1]]
    assert listed(app, f"dataSet={events}&status=loading") == [ids[2]]
    assert listed(app, f"createdAfter={at_ms}") == [ids[3], ids[2]]
    assert listed(app, f"createdBefore={at_ms}") == [ids[0]]
    assert listed(app, f"created={at_ms}") == [ids[1]]
    assert listed(app, f"startAfter={at_ms - 9000}&endBefore={at_ms}") == [ids[0]]
    assert listed(app, f"externalId={ids[2]}") == [ids[2]]
    assert listed(app, f"createdUser={app.client_id}&limit=1") == [ids[3]]
    assert listed(app, "createdUser=nobody") == []
    assert listed(app, "tags=own:a*") == [ids[0]]
    assert listed(app, "property=metrics.inputRecordCount>0") == [ids[0]]
    assert listed(app, "property=status~^load") == [ids[3], ids[2]]


def test_properties_choose_what_is_shown(filled: tuple[App, list[str]]) -> None:
    app, ids = filled
    found = app.get(f"{CATALOG}?properties=status,odd&limit=1").json()
    assert found == {ids[3]: {"status": "loading"}}
    assert app.get(f"{CATALOG}/{ids[0]}?properties=status").json() == {
        ids[0]: {"status": "success"}
    }


def test_batches_are_counted(filled: tuple[App, list[str]]) -> None:
    app, _ = filled
    counted = app.get(f"{CATALOG}?aggregate").json()
    assert counted == {"count": 4, "status": {"success": 1, "aborted": 1, "loading": 2}}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "start=-1",
        "start=100001",
        "orderBy=up:created",
        "createdAfter=x",
        "tags=a",
        "property=a=b",
    ],
)
def test_wrong_parameters_are_refused(filled: tuple[App, list[str]], query: str) -> None:
    app, _ = filled
    refused(app.get(f"{CATALOG}?{query}"), 400, "CTL-1008")


def test_last_batches_are_one_of_each_dataset(filled: tuple[App, list[str]]) -> None:
    app, ids = filled
    assert list(app.get(LAST).json()) == [ids[3], ids[2]]
    assert list(app.get(f"{LAST}?dataSetId={app.datasets[EVENTS].id}").json()) == [ids[2]]
    assert app.get(f"{LAST}?dataSetId=none").json() == {}
    refused(app.get(f"{LAST}?limit=0"), 400, "CTL-1008")


def test_a_dataset_tells_its_last_batches(filled: tuple[App, list[str]]) -> None:
    app, ids = filled
    one = app.datasets[REGISTRATIONS].id
    url = "/data/foundation/catalog/dataSets"
    for found in (app.get(url).json(), app.get(f"{url}/{one}").json()):
        assert found[one]["lastBatchId"] == ids[3]
        assert found[one]["lastBatchStatus"] == "loading"
        assert found[one]["lastSuccessfulBatch"] == ids[0]


def test_a_batch_has_a_second_path(filled: tuple[App, list[str]]) -> None:
    app, ids = filled
    assert app.get(f"{ONE}/{ids[0]}").json() == app.get(f"{CATALOG}/{ids[0]}").json()
    for root in (ONE, CATALOG):
        refused(app.get(f"{root}/none"), 404, "BAT-1001")


def test_the_catalogue_makes_and_changes_batches(app: App) -> None:
    dataset = app.datasets[REGISTRATIONS].id
    answer = send(app, "POST", CATALOG, {"relatedObjects": [{"type": "dataSet", "id": dataset}]})
    assert answer.status_code == 201
    batch = answer.json()[0].removeprefix("@/batches/")
    assert answer.headers["location"] == f"{CATALOG}/{batch}"
    refused(send(app, "POST", CATALOG, {}), 400, "CTL-1008")
    for method, tags in (("PATCH", {"a": ["1"]}), ("PUT", {"b": ["2"]})):
        answer = send(app, method, f"{CATALOG}/{batch}", {"tags": tags, "status": "loading"})
        assert (answer.status_code, answer.json()) == (200, [f"@/batches/{batch}"])
    assert shown(app, batch)["tags"] == {"a": ["1"], "b": ["2"]}
    refused(send(app, "PATCH", f"{CATALOG}/{batch}", {"status": "success"}), 400, "CTL-1008")
    refused(send(app, "PATCH", f"{CATALOG}/{batch}", {"status": "inactive"}), 400, "BAT-1002")
    refused(send(app, "PATCH", f"{CATALOG}/{batch}", {"tags": 1}), 400, "API-1003")
    assert send(app, "PATCH", f"{CATALOG}/{batch}", {"status": "aborted"}).status_code == 200
    assert shown(app, batch)["status"] == "aborted"
    refused(send(app, "PATCH", f"{CATALOG}/none", {}), 404, "BAT-1001")


def test_a_batch_is_deleted_like_its_dataset(app: App) -> None:
    told = loaded(app, lines(person(1)))
    answer = send(app, "DELETE", f"{CATALOG}/{told['id']}")
    assert (answer.status_code, answer.json()) == (200, [f"@/batches/{told['id']}"])
    app.work()
    assert shown(app, told["id"])["status"] == "deleted"
    refused(send(app, "DELETE", f"{CATALOG}/none"), 404, "BAT-1001")


def test_progress_is_told_while_a_batch_is_loaded(app: App) -> None:
    batch = opened(app)
    put(app, batch, lines(*[person(n) for n in range(12)]))
    act(app, batch)
    assert shown(app, batch)["status"] == "loaded"
    app.jobs_round()  # all but the waiting for the pipeline
    told = shown(app, batch)
    assert (told["status"], told["metrics"]["inputRecordCount"]) == ("processing", 12)


def test_streamed_records_that_failed_are_batches_by_minute_and_dataset(app: App) -> None:
    bad = app.message(REGISTRATIONS, {"unknown": 1})
    for _ in range(2):
        app.collect(bad)
    app.clock.advance(ms=60_000)
    app.collect(bad)
    app.collect(app.message(EVENTS, {"unknown": 1}))
    app.drain()
    dataset = app.datasets[REGISTRATIONS].id
    found = app.get(f"{CATALOG}?status=failed&dataSet={dataset}").json()
    assert [one["metrics"]["failedRecordCount"] for one in found.values()] == [1, 2]
    assert [one["errors"][0]["code"] for one in found.values()] == ["REC-1001"] * 2
    assert len(listed(app, "status=failed")) == 3
    assert len(listed(app)) == 3
    assert listed(app, "status=success") == []
    older = list(found)[1]
    assert shown(app, older) == found[older]
    files = app.get(f"{EXPORT}/{older}/failed").json()["data"]
    assert [file["name"] for file in files] == ["_SUCCESS", "part-00000-0.json"]
    part = app.get(files[1]["_links"]["self"]["href"]).content
    assert len(part) == int(files[1]["length"])
    for line in part.splitlines():
        told = json.loads(line)
        assert told["body"]["xdmEntity"] == {"unknown": 1}
        assert told["_errors"]["_validationErrors"]


def test_exports_of_nothing_are_refused_or_empty(app: App) -> None:
    batch = opened(app)
    root = f"{EXPORT}/{batch}"
    assert [one["name"] for one in app.get(f"{root}/failed").json()["data"]] == ["_SUCCESS"]
    assert app.get(f"{root}/failed?path=_SUCCESS").content == b""
    assert app.get(f"{root}/failed?path=part-00000-0.json").content == b""
    listed_ = app.get(f"{root}/meta").json()["data"]
    assert [one["name"] for one in listed_] == ["input_files", "row_errors"]
    assert app.get(f"{root}/meta?path=row_errors").json()["data"] == []
    for tail in (
        "failed?path=../x",
        "failed?path=parsing_errors_0.json",
        "meta?path=other",
        "meta?path=input_files/other",
        "meta?path=row_errors/../../x",
    ):
        refused(app.get(f"{root}/{tail}"), 404, "BAT-1006")
    refused(app.get(f"{root}/failed?limit=0"), 400, "CTL-1008")
    for tail in ("failed", "meta"):
        refused(app.get(f"{EXPORT}/none/{tail}"), 404, "BAT-1001")
