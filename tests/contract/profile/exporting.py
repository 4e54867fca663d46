"""How tests export profiles: a dataset of the union, jobs, and the rows that come of them."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import httpx

from onefold.domain.xdm.schema import PROFILE_UNION
from onefold.lake import columns
from onefold.store.union import Union
from onefold.testing.app import App, json_of

JOBS = "/data/core/ups/export/jobs"
DATASETS = "/data/foundation/catalog/dataSets"
FILES = "/data/foundation/export"
PERSISTED = {"persisted": True, "containerFormat": "parquet", "format": "parquet"}


def union_dataset(app: App, name: str = "Exported people", **said: Any) -> str:
    """A dataset into which profiles can be exported; answers its id."""
    body = {"name": name, "schemaRef": {"id": PROFILE_UNION}, "fileDescription": PERSISTED, **said}
    answer = app.post(DATASETS, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()[0]).rpartition("/")[2]


def asked(app: App, dataset: str, **said: Any) -> httpx.Response:
    """The answer to an export that is asked for. said: more of the body; `destination` is added
    to."""
    destination = {"datasetId": dataset, **said.pop("destination", {})}
    body = {"schema": {"name": "_xdm.context.profile"}, "destination": destination, **said}
    return app.post(JOBS, body)


def started(app: App, dataset: str, **said: Any) -> dict[str, Any]:
    """An export that was asked for."""
    answer = asked(app, dataset, **said)
    assert answer.status_code == 200, answer.text
    return json_of(answer)


def done(app: App, dataset: str, **said: Any) -> dict[str, Any]:
    """An export that was asked for and has succeeded."""
    job = started(app, dataset, **said)
    app.work()
    told = json_of(app.get(f"{JOBS}/{job['id']}"))
    assert told["status"] == "SUCCEEDED", told
    return told


def rows(app: App, batch: str) -> list[dict[str, Any]]:
    """The profiles of an exported batch, out of its file as Data Access gives it."""
    files = json_of(app.get(f"{FILES}/batches/{batch}/files"))["data"]
    found: list[dict[str, Any]] = []
    union = app.rooms.definitions.snapshot(app.sandbox.id).union
    assert isinstance(union, Union)
    for file in files:
        (part,) = json_of(app.get(f"{FILES}/files/{file['dataSetFileId']}"))["data"]
        answer = app.get(f"{FILES}/files/{file['dataSetFileId']}?path={part['name']}")
        copy = app.settings.data / f"{batch}.parquet"
        copy.write_bytes(answer.content)
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            read = connection.read_parquet(str(copy)).order("_seq")
            for (row,) in _json(read):
                assert json.loads(row)["_batch_id"] == batch
                found.append(columns.entity_of(row, union.root))
    return found


def _json(read: Any) -> list[tuple[str]]:
    found: list[tuple[str]] = read.query("r", "SELECT to_json(r) FROM r").fetchall()
    return found


def exported(app: App, dataset: str, **said: Any) -> list[dict[str, Any]]:
    """The profiles of an export into one batch."""
    told = done(app, dataset, **said)
    return rows(app, told["destination"]["batchId"])
