"""Data Access: the records of a batch as a file, whole or in ranges, and a look into a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from onefold.api import route
from onefold.testing.app import App, json_of

ROOT = "/data/foundation/export"
EVENTS = "Customer events"


def event(number: int) -> dict[str, Any]:
    return {
        "_id": f"event-{number}",
        "timestamp": "2025-12-31T10:00:00Z",
        "identityMap": {"ECID": [{"id": "1" * 38, "primary": True}]},
    }


@pytest.fixture
def batch(app: App) -> str:
    """A streamed batch of three events."""
    app.ingest(EVENTS, *[event(n) for n in range(3)])
    app.land()
    listed = app.get("/data/foundation/catalog/batches")
    return next(iter(json_of(listed)))


def file_of(app: App, batch: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The batch's only file, its only part, and the URL of its bytes."""
    (file,) = json_of(app.get(f"{ROOT}/batches/{batch}/files"))["data"]
    (part,) = json_of(app.get(f"{ROOT}/files/{file['dataSetFileId']}"))["data"]
    return file, part, f"{ROOT}/files/{file['dataSetFileId']}?path={part['name']}"


def test_a_batch_s_file_holds_its_records_and_no_others(app: App, batch: str, tmp_path: Path):
    app.ingest(EVENTS, event(9))
    app.land()
    file, part, url = file_of(app, batch)
    assert file["records"] == 3
    assert file["isValid"] is True
    dataset = app.datasets[EVENTS].id
    shown = json_of(app.get(f"/data/foundation/catalog/dataSets/{dataset}"))[dataset]
    assert file["dataSetViewId"] == shown["viewId"]
    answer = app.get(url)
    assert answer.status_code == 200
    assert str(len(answer.content)) == part["length"] == answer.headers["content-length"]
    assert file["size"] == len(answer.content)
    assert answer.headers["content-type"] == "application/octet-stream"
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(answer.content)
    rows = duckdb.read_parquet(str(copy)).order("_seq").project("_id").fetchall()
    assert rows == [("event-0",), ("event-1",), ("event-2",)]


def test_links_lead_to_the_files(app: App, batch: str) -> None:
    file, part, _ = file_of(app, batch)
    for link in (file["_links"]["self"]["href"], part["_links"]["self"]["href"]):
        path = link.removeprefix(app.settings.base_url)
        assert path != link
        assert app.get(path).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "piece"),
    [
        ("bytes=0-3", slice(0, 4)),
        ("bytes=4-", slice(4, None)),
        ("bytes=-8", slice(-8, None)),
        ("bytes=10-99999999", slice(10, None)),
        ("bytes=-99999999", slice(None)),
        ("Bytes = 1 - 1".lower(), slice(1, 2)),
    ],
)
def test_a_range_is_answered_with_its_bytes(app: App, batch: str, wanted: str, piece: slice):
    _, part, url = file_of(app, batch)
    whole = app.get(url).content
    answer = app.get(url, range=wanted)
    assert answer.status_code == 206
    assert answer.content == whole[piece]
    first = whole.index(answer.content)
    last = first + len(answer.content) - 1
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{part['length']}"
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    "wanted", ["bytes=99999999-", "bytes=5-4", "bytes=-0", f"bytes={'9' * 30}-"]
)
def test_a_range_outside_of_the_file_is_416(app: App, batch: str, wanted: str) -> None:
    _, part, url = file_of(app, batch)
    answer = app.get(url, range=wanted)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{part['length']}"
    assert "DAT-1002" in answer.text


@pytest.mark.parametrize("wanted", ["bytes=-", "lines=1-2", "bytes=0-1,4-5", "x"])
def test_what_is_no_single_range_gets_the_whole_file(app: App, batch: str, wanted: str) -> None:
    _, part, url = file_of(app, batch)
    answer = app.get(url, range=wanted)
    assert answer.status_code == 200
    assert len(answer.content) == int(part["length"])


def test_head_tells_the_length_and_sends_nothing(app: App, batch: str) -> None:
    _, part, url = file_of(app, batch)
    answer = app.request("HEAD", url, headers=app.headers())
    assert answer.status_code == 200
    assert answer.headers["content-length"] == part["length"]
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.content == b""


def test_a_file_is_sent_in_pieces(app: App, batch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, url = file_of(app, batch)
    whole = app.get(url).content
    monkeypatch.setattr(route, "PIECE_BYTES", 7)
    assert app.get(url).content == whole


def test_files_of_a_batch_are_paged(app: App, batch: str) -> None:
    first = json_of(app.get(f"{ROOT}/batches/{batch}/files?limit=1"))
    assert first["_page"] == {"limit": 1, "count": 1}
    assert json_of(app.get(f"{ROOT}/batches/{batch}/files?start=1"))["data"] == []
    assert app.get(f"{ROOT}/batches/{batch}/files?limit=0").status_code == 400
    assert app.get(f"{ROOT}/batches/{batch}/files?start=x").status_code == 400


def test_batches_and_files_that_do_not_exist_are_404(app: App, batch: str) -> None:
    file, _, url = file_of(app, batch)
    for wrong in (
        f"{ROOT}/batches/01ARZ3NDEKTSV4RRFFQ69G5FAV/files",
        f"{ROOT}/files/nothing",
        f"{ROOT}/files/{'a' * 24}-{batch}",
        f"{ROOT}/files/{file['dataSetFileId']}?path=..%2Fcatalog.db",
        url + "x",
    ):
        assert app.get(wrong).status_code == 404, wrong


def test_a_removed_record_is_in_no_file_any_more(app: App, batch: str) -> None:
    _, _, url = file_of(app, batch)
    shop = app._jobs._all()[0][0]
    assert shop.lake.remove_batch(batch) == 3
    assert app.get(url).status_code == 404
    assert json_of(app.get(f"{ROOT}/batches/{batch}/files"))["data"] == []
    assert not list((shop.lake.directory / "exports").rglob("*"))


def test_preview_shows_the_last_records(app: App, batch: str) -> None:
    dataset = app.datasets[EVENTS].id
    shown = json_of(app.get(f"{ROOT}/datasets/{dataset}/preview?limit=2"))["data"]
    assert shown == [event(2), event(1)]
    assert len(json_of(app.get(f"{ROOT}/datasets/{dataset}/preview"))["data"]) == 3
    assert app.get(f"{ROOT}/datasets/{dataset}/preview?limit=101").status_code == 400
    assert app.get(f"{ROOT}/datasets/{'0' * 24}/preview").status_code == 404


def test_a_dataset_without_records_has_an_empty_preview(app: App) -> None:
    dataset = app.datasets[EVENTS].id
    assert json_of(app.get(f"{ROOT}/datasets/{dataset}/preview")) == {"data": []}


def test_the_catalogue_s_view_lists_the_files_of_all_batches(app: App, batch: str) -> None:
    dataset = app.datasets[EVENTS].id
    view = json_of(app.get(f"/data/foundation/catalog/dataSets/{dataset}"))[dataset]["viewId"]
    app.ingest(EVENTS, event(9))
    app.land()
    url = f"/data/foundation/catalog/dataSets/{dataset}/views/{view}/files"
    found = json_of(app.get(url))
    assert len(found) == 2
    assert sum(file["records"] for file in found.values()) == 4
    assert f"{dataset}-{batch}" in found
    assert len(json_of(app.get(url + "?limit=1"))) == 1


def test_files_are_for_known_callers(app: App) -> None:
    assert app.get(f"{ROOT}/files/x", authorization=None).status_code in (401, 403)
