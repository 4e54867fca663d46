"""Files of batches: whole and in ranges, their paths, and their limits."""

from __future__ import annotations

import pytest

from onefold.control.starter import EVENTS
from onefold.errors import Malformed
from onefold.inlet.uploads import checked_path
from onefold.store.places import SPOOL
from onefold.testing.app import App
from tests.contract.imports.loading import (
    BATCHES,
    act,
    lines,
    opened,
    person,
    put,
    refused,
    shown,
)


def spooled(app: App) -> list[str]:
    directory = app.settings.data / SPOOL
    return [file.name for file in directory.iterdir()] if directory.exists() else []


def test_a_file_that_is_sent_again_replaces_the_first(app: App) -> None:
    batch = opened(app)
    for content in (lines(person(1)), lines(person(2), person(3))):
        answer = put(app, batch, content)
        assert (answer.status_code, answer.content) == (200, b"")
    assert spooled(app) == []
    act(app, batch)
    app.work()
    assert shown(app, batch)["metrics"]["inputFileCount"] == 1
    assert shown(app, batch)["metrics"]["inputRecordCount"] == 2


@pytest.mark.parametrize(
    "path",
    [
        "a//x.json",
        "%2e%2e%2fx.json",
        "%2E%2E/x.json",
        "a%2Fb.json",
        "a%5cb.json",
        "a%00b.json",
        "%252e%252e%252fx.json",
        "a%0Ab.json",
        "x" * 1025,
    ],
)
def test_a_path_that_is_no_plain_name_is_refused(app: App, path: str) -> None:
    batch = opened(app)
    refused(put(app, batch, b"{}", path), 400, "BAT-1003")
    assert not (app.places.files(app.sandbox.id) / batch).exists()
    assert spooled(app) == []


@pytest.mark.parametrize("path", ["", ".", "..", "../x", "a/../x", "a/./x", "/x", "a/", "a\\b"])
def test_a_path_that_clients_tidy_up_themselves_is_refused(path: str) -> None:
    with pytest.raises(Malformed, match="BAT-1003"):
        checked_path(path)


@pytest.mark.parametrize("path", ["x.json", "a=b/x.parquet", "..x", "a..b/…/c d.json", ".hidden"])
def test_a_path_of_plain_names_is_taken(path: str) -> None:
    checked_path(path)


def test_a_file_needs_a_batch_and_its_dataset(app: App) -> None:
    refused(put(app, "0" * 26, b"{}"), 404, "BAT-1001")
    batch = opened(app)
    refused(put(app, batch, b"{}", dataset=EVENTS), 404, "CTL-1007")
    refused(put(app, batch, b"{}", dataset="none"), 404, "CTL-1007")
    assert spooled(app) == []


def test_a_file_beyond_the_limit_is_refused(data: object, app: App) -> None:
    batch = opened(app)
    limited = App(app.settings.data, file_bytes_max=10, batch_bytes_max=15)
    try:
        refused(put(limited, batch, b"x" * 11), 413, "API-1005")
        assert put(limited, batch, b"x" * 10).status_code == 200
        refused(put(limited, batch, b"x" * 10, "b.json"), 400, "BAT-1004")
        assert put(limited, batch, b"y" * 10).status_code == 200
        assert spooled(limited) == []
    finally:
        limited.close()


def test_a_batch_has_a_limit_of_files(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onefold.inlet.uploads.FILES_MAX", 2)
    batch = opened(app)
    answers = [put(app, batch, b"{}", f"{n}.json") for n in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    refused(answers[2], 400, "BAT-1004")
    assert put(app, batch, b"{} ", "1.json").status_code == 200


def test_a_body_with_a_coding_or_of_parts_is_refused(app: App) -> None:
    batch = opened(app)
    refused(put(app, batch, b"{}", content_encoding="gzip"), 415, "INL-1010")
    url = f"{BATCHES}/{batch}/datasets/{app.datasets[EVENTS].id}/files/a.json"
    headers = {**app.headers(), "content-type": "multipart/form-data; boundary=x"}
    answer = app.request("PUT", url, content=b"--x--", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (400, "BadRequestError")


def test_a_large_file_comes_in_ranges_in_any_order(app: App) -> None:
    batch, content = opened(app), lines(*[person(n) for n in range(20)])
    half, end = len(content) // 2, len(content) - 1
    begun = put(app, batch, b"", method="POST", query="?action=initialize")
    assert (begun.status_code, begun.content) == (201, b"")
    refused(act(app, batch), 400, "BAT-1002")
    for first, last in ((half, end), (0, half - 1), (0, half - 1)):
        said = f"bytes {first}-{last}/{len(content)}"
        part = content[first : last + 1]
        answer = put(app, batch, part, method="PATCH", content_range=said)
        assert answer.status_code == 200
    assert answer.json() == {"name": "a.json", "sizeInBytes": len(content)}
    head = put(app, batch, b"", method="HEAD")
    assert head.status_code == 200
    assert head.headers["range"] == answer.headers["range"] == f"bytes=0-{end}"
    for _ in range(2):
        ended = put(app, batch, b"", method="POST", query="?action=COMPLETE")
        assert ended.status_code == 200
    act(app, batch)
    app.work()
    assert shown(app, batch)["metrics"]["inputRecordCount"] == 20


@pytest.mark.parametrize(
    "ranges",
    [
        [],
        [(0, 3), (5, 9)],
        [(0, 5), (5, 9)],
        [(1, 9)],
        [(0, 8)],
    ],
    ids=str,
)
def test_ranges_that_make_no_file_are_refused_at_the_end(
    app: App, ranges: list[tuple[int, int]]
) -> None:
    batch = opened(app)
    put(app, batch, b"", method="POST", query="?action=INITIALIZE")
    for first, last in ranges:
        said = f"bytes {first}-{last}/10"
        part = b"x" * (last - first + 1)
        assert put(app, batch, part, method="PATCH", content_range=said).status_code == 200
    refused(put(app, batch, b"", method="POST", query="?action=COMPLETE"), 400, "BAT-1005")


@pytest.mark.parametrize(
    "said", ["", "bytes 0-1", "bytes 1-0/2", "bytes 0-2/2", "octets 0-2/3", "bytes a-b/c"]
)
def test_a_range_that_does_not_fit_is_refused(app: App, said: str) -> None:
    batch = opened(app)
    put(app, batch, b"", method="POST", query="?action=INITIALIZE")
    refused(put(app, batch, b"xyz", method="PATCH", content_range=said), 400, "CTL-1008")


def test_a_range_needs_a_file_that_was_begun(app: App) -> None:
    batch = opened(app)
    said = "bytes 0-2/3"
    refused(put(app, batch, b"xyz", method="PATCH", content_range=said), 404, "BAT-1006")
    put(app, batch, b"xyz")
    refused(put(app, batch, b"xyz", method="PATCH", content_range=said), 404, "BAT-1006")
    answer = put(app, batch, b"", "b.json", method="POST", query="?action=COMPLETE")
    refused(answer, 404, "BAT-1006")
    refused(put(app, batch, b"", method="POST", query="?action=EXPLODE"), 400, "CTL-1008")
    assert put(app, batch, b"", "b.json", method="HEAD").status_code == 404
