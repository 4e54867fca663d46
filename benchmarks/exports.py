"""Exports of profiles: profiles a second from the first one that is read until all are in the lake.

The floor is what DuckDB takes to write the same rows as Parquet when it has them ready in memory:
without reading a store, merging, or making columns of documents.
"""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.bench import Bench, median
from benchmarks.load import Unexpected
from benchmarks.loaded import LoadedStore
from benchmarks.lookup import headers_of
from benchmarks.report import against
from benchmarks.server import Server

ROUNDS = 3
_POLL_SECONDS = 0.2
_UNION = "https://ns.adobe.com/xdm/context/profile__union"
_JOBS = "/data/core/ups/export/jobs"
_DATASETS = "/data/foundation/catalog/dataSets"
_FILES = "/data/foundation/export"


def measure(bench: Bench, store: LoadedStore) -> None:
    """`export_profiles`: everybody of the loaded store, with all fields."""
    rates: list[float] = []
    floors: list[float] = []
    with bench.task("exports", 2 * ROUNDS) as task, Server(store.data) as server:
        client = _Client(server.port, headers_of(store.data, store.facts.installation))
        dataset = client.dataset()
        for _ in range(ROUNDS):
            job = client.exported(dataset)
            metrics = job["metrics"]
            people = metrics["totalExportedProfileCounter"]
            if people != store.facts.people:
                raise Unexpected(f"{people} profiles were exported of {store.facts.people}")
            begun_ms = metrics["profileExportTime"]["startTimeInMs"]
            ended_ms = metrics["aCPDatasetWriteTime"]["endTimeInMs"]
            rates.append(people / (ended_ms - begun_ms) * 1000)
            bench.advanced(task)
            file = client.file(job["destination"]["batchId"], bench.scratch)
            floors.append(people / _floor(file, bench.scratch))
            file.unlink()
            bench.advanced(task)
    bench.results.append(against("export_profiles", median(rates), "profiles/s", median(floors)))


class _Client:
    """Asks one server."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self._headers = {**headers, "content-type": "application/json"}

    def dataset(self) -> str:
        """The id of a new dataset of the union."""
        body = {
            "name": "Exported people",
            "schemaRef": {"id": _UNION},
            "fileDescription": {"persisted": True},
        }
        return str(json.loads(self._asked("POST", _DATASETS, body))[0]).rpartition("/")[2]

    def exported(self, dataset: str) -> Any:
        """An export of everybody, once it is done."""
        body = {
            "schema": {"name": "_xdm.context.profile"},
            "destination": {"datasetId": dataset},
        }
        job = json.loads(self._asked("POST", _JOBS, body))
        while job["status"] != "SUCCEEDED":
            if job["status"] == "FAILED":
                raise Unexpected(f"The export has failed: {job['errors']}")
            time.sleep(_POLL_SECONDS)
            job = json.loads(self._asked("GET", f"{_JOBS}/{job['id']}"))
        return job

    def file(self, batch: str, scratch: Path) -> Path:
        """The file of a batch, fetched."""
        (file,) = json.loads(self._asked("GET", f"{_FILES}/batches/{batch}/files"))["data"]
        url = f"{_FILES}/files/{file['dataSetFileId']}"
        (part,) = json.loads(self._asked("GET", url))["data"]
        path = scratch / str(part["name"])
        path.write_bytes(self._asked("GET", f"{url}?path={part['name']}"))
        return path

    def _asked(self, method: str, path: str, body: Any = None) -> bytes:
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, path, sent, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise Unexpected(f"{method} {path}: status {answer.status}, {content[:300]!r}")
        return content


def _floor(file: Path, scratch: Path) -> float:
    """Seconds in which DuckDB writes the file's rows, which it has in memory, as Parquet."""
    to = scratch / "floor.parquet"
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.read_parquet(str(file)).create("ready")
        started = time.perf_counter()
        connection.table("ready").write_parquet(str(to), compression="zstd")
        seconds = time.perf_counter() - started
    to.unlink()
    return seconds
