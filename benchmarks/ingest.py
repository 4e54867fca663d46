"""Ingestion: events a second from the first request until the last event is visible, and how soon
one write is."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from benchmarks import floors
from benchmarks.bench import Bench, median
from benchmarks.load import (
    Connections,
    Unexpected,
    ask,
    closed,
    expect,
    get,
    post,
    quantile,
    run_exact,
    run_fast,
    steady,
)
from benchmarks.loaded import (
    LoadedStore,
    accepted,
    batch_requests,
    checkpointed,
    drained,
    none_failed,
    pour,
)
from benchmarks.lookup import headers_of
from benchmarks.population import BATCH, EVENTS_EACH, Messages, Person, entity_query, person, visits
from benchmarks.report import against
from benchmarks.server import Installation, Server, init

STRANGERS = 10_000_000
"""Events of ingestion rounds are of people from this number on, whom no store knows yet, so that
every round does the same work."""
_SINGLE_CONNECTIONS = 32
_MARKERS_PER_SECOND = 20
_MARKER_CONNECTIONS = 64
_POLL_SECONDS = 0.001
_POLL_SHARE = 0.05
"""A write that is late is asked for less often, else the questions would make it later still; so an
age is up to 5 % too long."""
_SEEN_SECONDS = 30.0


class Rate(NamedTuple):
    """Events a second: until all are visible, and until all are acknowledged (durable)."""

    applied: float
    acknowledged: float


def measure_batches(bench: Bench, store: LoadedStore) -> float:
    """`ingest_batch` with its floor, and `ingest_growth`; answer events/s applied to the loaded
    store, of which freshness is taken at half."""
    rates: list[Rate] = []
    loaded_rates: list[Rate] = []
    floor_rates: list[float] = []
    events = bench.scale.ingest_events
    with Server(store.data) as full, bench.task("ingestion", bench.scale.rounds * 3) as task:
        _warm(full, store.facts.installation, "warm")
        for number in range(bench.scale.rounds):
            data = bench.scratch / f"ingest-{number}"
            rates.append(_fresh_rate(data, events, f"fresh{number}/"))
            bench.advanced(task)
            transactions = floors.transactions_of(_profile_file(data))
            journal = floors.journal_of(_profile_file(data).with_name("journal.db"))
            floor_rates.append(
                floors.written(bench.scratch / f"floor-{number}", transactions, journal)
            )
            bench.advanced(task)
            first = STRANGERS + events * (number + 1)
            installation = store.facts.installation
            loaded_rates.append(_rate(full, installation, first, events, f"full{number}/"))
            bench.advanced(task)
    value = median([rate.applied for rate in rates])
    loaded_value = median([rate.applied for rate in loaded_rates])
    growth = value / loaded_value
    bench.results += [
        against("ingest_batch", value, "events/s", median(floor_rates)),
        against("ingest_acknowledged", median([r.acknowledged for r in rates]), "events/s"),
        against("ingest_growth", growth, "x"),
    ]
    if store.loaded_now:
        speed = store.facts.records_per_second
        bench.results.append(against("load_records", speed, "records/s"))
    return loaded_value


def measure_single(bench: Bench) -> None:
    """`ingest_single`: one event a request, over many connections, acknowledged."""
    data = bench.scratch / "single"
    installation = init(data)
    messages = visits(Messages(installation), STRANGERS, bench.scale.single_posts, "single/")
    path = f"/collection/{installation.inlet_id}"
    requests = [post(path, message) for message in messages]

    async def posted(port: int) -> float:
        async with Connections(port, _SINGLE_CONNECTIONS) as opened, Connections(port, 1) as side:
            done = await closed(opened, iter(requests), expect(200))
            await drained(side)
            return done.per_second

    with Server(data) as server, bench.task("single posts", 1) as task:
        _warm(server, installation, "warm")
        bench.results.append(against("ingest_single", run_fast(posted(server.port)), "requests/s"))
        bench.advanced(task)


def measure_freshness(bench: Bench, store: LoadedStore, events_per_second: float) -> None:
    """`freshness_p99_ms`: from the answer to a write until a lookup shows it, at half load."""
    batches_per_second = max(events_per_second / 2 / BATCH, 1.0)
    installation = store.facts.installation
    messages = Messages(installation)
    seconds = bench.scale.steady_seconds
    wanted = int(batches_per_second * seconds)
    first = STRANGERS * 2
    stream = visits(messages, first, wanted * BATCH, "fresh/")
    requests = list(batch_requests(installation, stream))

    async def measured(server: Server) -> list[float]:
        port = server.port
        headers = headers_of(store.data, installation)
        async with (
            Connections(port, 4) as writers,
            Connections(port, _MARKER_CONNECTIONS) as side,
        ):
            load = steady(
                writers, iter(requests), accepted, per_second=batches_per_second, seconds=seconds
            )
            markers = _markers(side, installation, messages, headers, seconds)
            return (await asyncio.gather(markers, load))[0]

    with Server(store.data) as server, bench.task("freshness", 1) as task:
        _warm(server, installation, "warm-freshness")
        ages = run_exact(measured(server))
        bench.advanced(task)
    bench.say(f"freshness: {len(ages)} writes beside {batches_per_second * BATCH:,.0f} events/s")
    bench.results += [
        against("freshness_p50_ms", quantile(ages, 0.5) * 1000, "ms"),
        against("freshness_p99_ms", quantile(ages, 0.99) * 1000, "ms"),
    ]


def measure_disk(bench: Bench, store: LoadedStore) -> None:
    """`disk_bytes_per_event`: everything in the sandbox, per event; floor: the event as JSON."""
    messages = Messages(store.facts.installation)
    sample = [len(messages.event_entity(person(n), n % EVENTS_EACH, "")) for n in range(1000)]
    events = store.facts.people * EVENTS_EACH
    by_file = store.facts.bytes_by_file
    total = sum(by_file.values())
    bench.results.append(
        against("disk_bytes_per_event", total / events, "bytes", sum(sample) / len(sample))
    )
    for kind in ("profile", "journal"):
        value = by_file[f"{kind}.db"] / events
        bench.results.append(against(f"disk_{kind}_bytes_per_event", value, "bytes"))


def _fresh_rate(data: Path, events: int, stream: str) -> Rate:
    """The rate of one round into a store that was empty but for one batch."""
    installation = init(data)
    with Server(data) as server:
        _warm(server, installation, "warm")
        rate = _rate(server, installation, STRANGERS, events, stream)
    none_failed(data, events + BATCH)
    checkpointed(data)
    return rate


def _rate(server: Server, installation: Installation, first: int, events: int, stream: str) -> Rate:
    messages = visits(Messages(installation), first, events, stream)
    requests = list(batch_requests(installation, messages))
    sent, seconds = run_fast(pour(server.port, iter(requests)))
    return Rate(events / seconds, events / sent.seconds)


def _warm(server: Server, installation: Installation, stream: str) -> None:
    """One batch beforehand, so that schemas are compiled."""
    messages = visits(Messages(installation), STRANGERS * 9, BATCH, stream)
    run_fast(pour(server.port, batch_requests(installation, messages), connections=1))


async def _markers(
    side: Connections,
    installation: Installation,
    messages: Messages,
    headers: dict[str, str],
    seconds: float,
) -> list[float]:
    """Write app logins of new people by the clock, and look each up until it is there."""
    path = f"/collection/{installation.inlet_id}"
    ages: list[float] = []
    idle = deque(side.all)

    async def mark(who: Person) -> None:
        connection = idle.popleft()
        status, body = await ask(connection, post(path, messages.login(who)))
        if status != 200:
            raise Unexpected(f"A write was refused: status {status}, {body[:300]!r}")
        written = time.perf_counter()
        lookup = get(f"{floors.PATH}?{entity_query(who)}", headers)
        while (await ask(connection, lookup))[0] != 200:
            waited = time.perf_counter() - written
            if waited > _SEEN_SECONDS:
                raise Unexpected(f"A write was not visible within {_SEEN_SECONDS} seconds")
            await asyncio.sleep(max(_POLL_SECONDS, waited * _POLL_SHARE))
        ages.append(time.perf_counter() - written)
        idle.append(connection)

    async with asyncio.TaskGroup() as marks:
        for number in range(int(seconds * _MARKERS_PER_SECOND)):
            await asyncio.sleep(1 / _MARKERS_PER_SECOND)
            if idle:
                marks.create_task(mark(person(STRANGERS * 3 + number)))
    return ages


def _profile_file(data: Path) -> Path:
    return next((data / "sandboxes").rglob("profile.db"))
