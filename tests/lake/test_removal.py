"""Removal: everybody's records are found wherever their identity stands, and leave no byte."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.identity.identity import Identity
from onefold.errors import Unavailable
from onefold.lake import removal
from onefold.lake.exports import Exports
from onefold.lake.lake import EVER, Lake
from onefold.lake.sql import place
from onefold.testing.app import App
from tests.lake.shared import MEMORY_BYTES, holding

EMAIL_ID, ECID_ID = 6, 4
ECID = "1" * 38


def event(app: App, number: int, email: str, **fields: Any) -> dict[str, Any]:
    return {
        "_id": f"event-{number}",
        "timestamp": "2025-12-31T10:00:00Z",
        "identityMap": {
            "ECID": [{"id": ECID, "primary": True}],
            "Email": [{"id": email}],
        },
        **fields,
    }


@pytest.fixture
def lake(app: App) -> Lake:
    """The lake of the jobs, for writing."""
    return Lake(app.places.lake(app.sandbox.id), memory_bytes=MEMORY_BYTES)


def landed(app: App, *entities: dict[str, Any], dataset: str = "Customer events") -> str:
    """Land records; answer their dataset's id."""
    app.ingest(dataset, *entities)
    app.land()
    app._jobs.close()
    return app.datasets[dataset].id


def ids(app: App, lake: Lake, dataset: str) -> list[str]:
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    root = snapshot.schemas[snapshot.datasets[dataset].schema_id].root
    return sorted(row["_id"] for row in lake.rows(dataset, root, limit=1000))


def test_a_removed_person_leaves_no_byte_in_any_file(app: App, lake: Lake) -> None:
    entities = [event(app, n, f"kept-{n}@example.com") for n in range(20)]
    entities[3]["identityMap"]["Email"][0]["id"] = "zz-secret@example.com"
    dataset = landed(app, *entities[:10])
    landed(app, *entities[10:])
    exports = Exports(lake)
    batches = {one.batch for one in lake.landed()}
    assert all(exports.of_batch(batch) for batch in batches)
    directory = lake.directory
    lake.close()
    assert holding(directory, "zz-secret@example.com") != []
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    who = dict.fromkeys([Identity(EMAIL_ID, "zz-secret@example.com")], EVER)
    assert [row["record"]["_id"] for row in lake.records(lake.naming(who, snapshot), snapshot)] == [
        "event-3"
    ]
    assert lake.remove(lake.naming(who, snapshot)) == 1
    assert list(lake.records(lake.naming(who, snapshot), snapshot)) == []
    assert lake.remove(lake.naming(who, snapshot)) == 0
    lake.close()
    assert holding(directory, "zz-secret") == []
    assert holding(directory, "secret") == []
    assert len(ids(app, lake, dataset)) == 19
    assert app.faults() == []
    lake.close()


def test_bounds_of_columns_stay_true_after_a_removal(app: App, lake: Lake) -> None:
    """DuckDB answers by them that nothing is there."""
    dataset = landed(app, *[event(app, n, f"{c}@example.com") for n, c in enumerate("amz")])
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    lake.remove(lake.naming(dict.fromkeys([Identity(EMAIL_ID, "a@example.com")], EVER), snapshot))
    lake.close()
    landed(app, event(app, 9, "n@example.com"))
    table = {"table": place(lake.tables()[dataset])}
    for number in (1, 2, 9):
        query = "SELECT count(*) FROM {table} WHERE _id = ?"
        assert lake.run(query, (f"event-{number}",), table) == [(1,)]
    lake.close()


def test_a_person_is_found_in_marked_fields_and_by_the_namespace_s_number(
    app: App, lake: Lake
) -> None:
    tenant = app.tenant
    marked = event(app, 1, "a@example.com")
    marked[tenant] = {"identification": {"core": {"email": "marked@example.com"}}}
    numbered = event(app, 2, "b@example.com")
    numbered["identityMap"] = {"ECID": [{"id": ECID, "primary": True}], "6": [{"id": "n@x.org"}]}
    other = event(app, 3, "c@example.com")
    other["identityMap"]["CRMID"] = [{"id": "n@x.org"}]
    dataset = landed(app, marked, numbered, other)
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    who = dict.fromkeys(
        [Identity(EMAIL_ID, "n@x.org"), Identity(EMAIL_ID, "marked@example.com")], EVER
    )
    found = {row["record"]["_id"] for row in lake.records(lake.naming(who, snapshot), snapshot)}
    assert found == {"event-1", "event-2"}
    assert lake.remove(lake.naming(who, snapshot)) == 2
    assert ids(app, lake, dataset) == ["event-3"]
    lake.close()


def test_a_person_is_found_in_records_that_are_kept_as_sent(app: App, lake: Lake) -> None:
    dataset_id = app.datasets["Customer events"].id
    tags = {"acp_validationContext": ["disabled"], "unifiedProfile": ["enabled:false"]}
    answer = app.request(
        "PATCH",
        f"/data/foundation/catalog/dataSets/{dataset_id}",
        headers={"content-type": "application/json", **app.headers()},
        json={"tags": {**tags, "unifiedIdentity": ["enabled:false"]}},
    )
    assert answer.status_code == 200, answer.text
    odd = {"identityMap": {"Email": [{"id": "odd@x.org"}, 7]}, "timestamp": 5}
    quoting: dict[str, Any] = {"note": "odd@x.org", "timestamp": "never"}
    landed(app, odd, quoting)
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    assert (
        lake.remove(lake.naming(dict.fromkeys([Identity(EMAIL_ID, "odd@x.org")], EVER), snapshot))
        == 1
    )
    rows = app.get(f"/data/foundation/export/datasets/{dataset_id}/preview").json()["data"]
    assert rows == [quoting]
    lake.close()


def test_a_removed_batch_takes_only_its_own_records(app: App, lake: Lake) -> None:
    dataset = landed(app, event(app, 1, "one@example.com"))
    landed(app, event(app, 2, "two@example.com"))
    first, _ = [one.batch for one in lake.landed()]
    assert lake.remove_batch(first) == 1
    assert lake.remove_batch(first) == 0
    assert ids(app, lake, dataset) == ["event-2"]
    lake.close()
    assert holding(lake.directory, "one@example.com") == []
    assert app.faults() == []


def test_many_small_files_become_few_and_nothing_is_lost(
    app: App, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "FILES_MAX", 2)
    for number in range(4):
        dataset = landed(app, event(app, number, f"{number}@example.com"))
    lake.tidy()
    assert ids(app, lake, dataset) == [f"event-{n}" for n in range(4)]
    lake.tidy()
    files = list((lake.directory / "data").rglob("*.parquet"))
    assert len(files) == 1
    assert ids(app, lake, dataset) == [f"event-{n}" for n in range(4)]
    lake.close()
    assert app.faults() == []


def test_a_removal_that_was_cut_short_is_finished_by_the_next(
    app: App, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(app, event(app, 1, "zz-secret@example.com"), event(app, 2, "two@example.com"))
    snapshot = app.rooms.definitions.snapshot(app.sandbox.id)
    who = dict.fromkeys([Identity(EMAIL_ID, "zz-secret@example.com")], EVER)

    def cut(*_: object) -> None:
        raise Unavailable("API-9002", "cut")

    with monkeypatch.context() as patched:
        patched.setattr(removal, "_forget_states", cut)
        with pytest.raises(Unavailable):
            lake.remove(lake.naming(who, snapshot))
    lake.remove(lake.naming(who, snapshot))
    lake.close()
    assert holding(lake.directory, "zz-secret") == []
    assert app.faults() == []
