"""Stores full of people, loaded through the public batch endpoint and kept for later runs."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import apsw
import msgspec

from benchmarks.bench import Bench
from benchmarks.load import Check, Closed, Connections, Unexpected, ask, closed, get, post, run_fast
from benchmarks.population import BATCH, EVENTS_EACH, Messages, batches, everything
from benchmarks.server import Installation, Server, init, patient, sandbox_files

CONNECTIONS = 4
DRAIN_SECONDS = 300
_SLICE = 50
_BACKLOG_MAX = 50_000
_POLL_SECONDS = 0.005
_RECORDS_EACH = 2 + EVENTS_EACH
_ROOT = Path(__file__).resolve().parent.parent
_MADE_OF = (
    "benchmarks/population.py",
    "src/onefold/control/starter.py",
    "src/onefold/journal.py",
    "src/onefold/store/packing.py",
    "src/onefold/store/schema/*.sql",
    "src/onefold/domain/identity/xid.py",
    "src/onefold/domain/xdm/standard/*.json",
)
"""Whatever decides what lies in a loaded store."""


class Facts(msgspec.Struct, frozen=True):
    """What is known of a loaded store. bytes_by_file: after a checkpoint of all its files."""

    installation: Installation
    people: int
    records_per_second: float
    bytes_by_file: dict[str, int]


class LoadedStore(msgspec.Struct, frozen=True):
    """A store full of people in a directory that may be changed. loaded_now: in this run."""

    data: Path
    facts: Facts
    loaded_now: bool


def loaded(bench: Bench, people: int) -> LoadedStore:
    """A copy for this run of the kept store with so many people, which is made when absent."""
    kept = bench.cache / f"{people}-{_fingerprint()}"
    facts_file = kept / "facts.json"
    loaded_now = bench.fresh or not facts_file.exists()
    if loaded_now:
        for old in bench.cache.glob(f"{people}-*"):
            shutil.rmtree(old)
        kept.mkdir(parents=True)
        facts = _load(bench, kept / "data", people)
        facts_file.write_bytes(msgspec.json.encode(facts))
    facts = msgspec.json.decode(facts_file.read_bytes(), type=Facts)
    data = bench.scratch / f"people-{people}"
    shutil.copytree(kept / "data", data)
    return LoadedStore(data, facts, loaded_now)


def accepted(status: int, body: bytes) -> None:
    """The check of batches: every message was taken."""
    if status != 207 or b'"statusCode"' in body:
        raise Unexpected(f"A batch was not accepted whole: status {status}, {body[:300]!r}")


async def pour(
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int = CONNECTIONS,
    check: Check = accepted,
) -> tuple[Closed, float]:
    """Send the batches and wait until all is applied; answer the loop, and the seconds from the
    first request until the journal was empty. check: of their answers."""
    async with Connections(port, connections) as opened, Connections(port, 1) as side:
        started = time.perf_counter()
        sent = await closed(opened, requests, check)
        await drained(side)
        return sent, time.perf_counter() - started


async def drained(side: Connections, *, records_max: int = 0) -> None:
    """Wait until at most `records_max` accepted records are not visible yet."""
    request = get("/health/ready", {})
    patience = patient(DRAIN_SECONDS)
    while time.monotonic() < patience:
        status, body = await ask(side.all[0], request)
        if status != 200:
            raise Unexpected(f"Status {status} of the health check: {body[:300]!r}")
        backlog = msgspec.json.decode(body)["backlog"]
        if sum(one["records"] for one in backlog.values()) <= records_max:
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise Unexpected(f"The pipeline did not catch up within {DRAIN_SECONDS} seconds")


def batch_requests(installation: Installation, messages: Iterator[bytes]) -> Iterator[bytes]:
    """Requests that send the messages in batches to the open inlet."""
    path = f"/collection/batch/{installation.inlet_id}"
    return (post(path, body) for body in batches(messages))


def checkpointed(data: Path) -> dict[str, int]:
    """Fold the write-ahead logs of a stopped server into their files; answer the files' bytes."""
    for path in (data / "sandboxes").rglob("*.db"):
        connection = apsw.Connection(str(path))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.close()
    return sandbox_files(data)


def none_failed(data: Path, expected: int) -> None:
    """Raise unless a stopped server's store has applied exactly so many records."""
    counts: dict[str, int] = {}
    for path in (data / "sandboxes").rglob("profile.db"):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        counts.update(
            connection.execute("SELECT outcome, sum(records) FROM outcomes GROUP BY outcome")
        )
        connection.close()
    if counts != {"applied": expected}:
        raise Unexpected(f"Records did not end as they should: {counts}, not {expected} applied")


def _load(bench: Bench, data: Path, people: int) -> Facts:
    installation = init(data)
    requests = batch_requests(installation, everything(Messages(installation), people))
    total = people * _RECORDS_EACH
    with Server(data) as server:
        started = time.perf_counter()
        run_fast(_poured(bench, server.port, requests, total))
        seconds = time.perf_counter() - started
    none_failed(data, total)
    return Facts(installation, people, total / seconds, checkpointed(data))


async def _poured(bench: Bench, port: int, requests: Iterator[bytes], total: int) -> None:
    with bench.task(f"loading {total:,} records", total) as task:
        async with Connections(port, CONNECTIONS) as opened, Connections(port, 1) as side:
            for start in range(0, total, _SLICE * BATCH):
                part = [request for _, request in zip(range(_SLICE), requests, strict=False)]
                await closed(opened, iter(part), accepted)
                await drained(side, records_max=_BACKLOG_MAX)
                bench.advanced(task, min(_SLICE * BATCH, total - start))
            await drained(side)


def _fingerprint() -> str:
    digest = blake2b(digest_size=6)
    for pattern in _MADE_OF:
        for path in sorted(_ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()
