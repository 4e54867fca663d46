"""Batch ingestion: records a second from the completion of a batch until it has succeeded, when
every record is in profiles and in the lake.

The floor is what DuckDB takes to read the same files and write one Parquet file: what a lake alone
would cost, without validation, identities or profiles.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.bench import Bench, median
from benchmarks.load import Unexpected
from benchmarks.lookup import headers_of
from benchmarks.population import EVENTS_EACH, Messages, person
from benchmarks.report import against
from benchmarks.server import Installation, Server, init

RECORDS = {"full": 1_000_000, "small": 50_000}
ROUNDS = {"full": 1, "small": 3}
_FILE_RECORDS = 125_000
_POLL_SECONDS = 0.2
_IMPORT = "/data/foundation/import/batches"
_DATASET = "Customer events"


def measure(bench: Bench) -> None:
    """`batch_ingest`: JSON lines of new people's events, in files of 125,000."""
    scale = "full" if bench.scale.people > 10_000 else "small"
    rates: list[float] = []
    floors: list[float] = []
    with bench.task("batches", 2 * ROUNDS[scale]) as task:
        for number in range(ROUNDS[scale]):
            data = bench.scratch / f"batch-{number}"
            installation = init(data)
            files = list(_files(bench.scratch, Messages(installation), RECORDS[scale]))
            with Server(data) as server:
                rates.append(RECORDS[scale] / _loaded(server, data, installation, files))
            bench.advanced(task)
            floors.append(RECORDS[scale] / _floor(files, bench.scratch))
            bench.advanced(task)
            for file in files:
                file.unlink()
    bench.results.append(against("batch_ingest", median(rates), "records/s", median(floors)))


def _files(scratch: Path, messages: Messages, records: int) -> Iterator[Path]:
    people = records // EVENTS_EACH
    for first in range(0, records, _FILE_RECORDS):
        path = scratch / f"events-{first}.json"
        with path.open("wb") as file:
            for number in range(first, min(first + _FILE_RECORDS, records)):
                who, event = person(number % people), number // people
                file.write(messages.event_entity(who, event, "batch/") + b"\n")
        yield path


def _loaded(server: Server, data: Path, installation: Installation, files: list[Path]) -> float:
    """Send and load the files; answer the seconds between completion and success."""
    headers = {**headers_of(data, installation), "content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)

    def ask(method: str, path: str, body: Any = None, **more: str) -> Any:
        connection.request(method, path, body, {**headers, **more})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Unexpected(f"{method} {path}: status {answer.status}, {text[:300]!r}")
        return json.loads(text) if text else None

    dataset = installation.datasets[_DATASET].id
    batch = ask("POST", _IMPORT, json.dumps({"datasetId": dataset}))["id"]
    for path in files:
        with path.open("rb") as file:
            to = f"{_IMPORT}/{batch}/datasets/{dataset}/files/{path.name}"
            length = str(path.stat().st_size)
            octets = {"content-type": "application/octet-stream", "content-length": length}
            ask("PUT", to, file, **octets)
    started = time.perf_counter()
    ask("POST", f"{_IMPORT}/{batch}?action=COMPLETE")
    while True:
        told = ask("GET", f"/data/foundation/catalog/batches/{batch}")[batch]
        if told["status"] == "success":
            break
        if told["status"] == "failed":
            raise Unexpected(f"The batch has failed: {told['errors']}")
        time.sleep(_POLL_SECONDS)
    seconds = time.perf_counter() - started
    connection.close()
    if told["metrics"]["failedRecordCount"]:
        raise Unexpected(f"Records have failed: {told['metrics']}")
    return seconds


def _floor(files: list[Path], scratch: Path) -> float:
    """Seconds in which DuckDB reads the files and writes them as Parquet."""
    to = scratch / "floor.parquet"
    started = time.perf_counter()
    with duckdb.connect() as connection:
        names = [str(file) for file in files]
        read = connection.read_json(names, format="newline_delimited")  # type: ignore[arg-type]  # takes lists
        read.write_parquet(str(to))
    seconds = time.perf_counter() - started
    to.unlink()
    return seconds
