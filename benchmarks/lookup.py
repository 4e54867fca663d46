"""Lookups: how many a second, how long one takes beside ingestion, and whether it grows."""

from __future__ import annotations

import asyncio
import random
from itertools import cycle

import msgspec

from benchmarks.bench import Bench, cores, median, pinned
from benchmarks.floors import PATH as ENTITIES
from benchmarks.floors import BareServer
from benchmarks.load import (
    CONNECTIONS,
    Connections,
    Unexpected,
    ask,
    closed,
    closed_for,
    expect,
    get,
    quantile,
    run_exact,
    run_fast,
    steady,
)
from benchmarks.loaded import LoadedStore, accepted, batch_requests
from benchmarks.population import (
    BATCH,
    EVENTS_EACH,
    Messages,
    Person,
    entity_query,
    events_query,
    person,
    visits,
)
from benchmarks.report import against
from benchmarks.server import Installation, Server, onefold
from benchmarks.turns import beside_bare

STEADY_PER_SECOND = 500
INGEST_PER_SECOND = 1000
KEEP_NOTHING = {"ONEFOLD_ANSWERS_BYTES_MAX": "0"}
_STEADY_CONNECTIONS = 16
_SEED = 20_260_101


def headers_of(data: object, installation: Installation) -> dict[str, str]:
    """What every lookup carries."""
    return {
        "authorization": f"Bearer {onefold('token', '--data', str(data)).strip()}",
        "x-api-key": installation.client_id,
        "x-gw-ims-org-id": installation.org_id,
        "x-sandbox-name": "prod",
        "accept": "application/json",
    }


class Questions:
    """Requests about random people of one store. entities: a profile lookup of each of them."""

    def __init__(self, store: LoadedStore) -> None:
        self._headers = headers_of(store.data, store.facts.installation)
        people = store.facts.people
        rng = random.Random(_SEED)
        self.people = [person(number) for number in rng.sample(range(people), people)]
        self.entities = [self.entity(who) for who in self.people]

    def entity(self, who: Person) -> bytes:
        return get(f"{ENTITIES}?{entity_query(who)}", self._headers)

    def events(self, who: Person) -> bytes:
        return get(f"{ENTITIES}?{events_query(who)}", self._headers)


def measure_rate(bench: Bench, large: LoadedStore, small: LoadedStore) -> None:
    """`lookup_http` with its floor, `lookup_growth`, and timelines beside them.

    Everybody has been asked for once before, as in a server that has been up for a while: kept
    answers hold, and each is checked against the store. What a lookup costs that has to merge is
    measured apart, in `lookup_merged_http`.
    """
    placed = cores()
    bench.say(f"lookup_http, lookup_growth: {placed}; {CONNECTIONS} connections, 1 for growth")
    questions, fewer = Questions(large), Questions(small)
    ours: list[float] = []
    floor: list[float] = []
    one_large: list[float] = []
    one_small: list[float] = []
    seconds = bench.scale.lookup_seconds
    log = bench.scratch / "bare.log"
    with (
        pinned(placed.generator),
        Server(large.data, cores=placed.server) as server,
        Server(small.data, cores=placed.server) as little,
        bench.task("lookups", bench.scale.lookup_rounds * 4 + 1) as task,
    ):
        body_bytes = run_fast(_proved(server.port, questions))
        run_fast(_proved(little.port, fewer))
        run_fast(_all_asked(server.port, questions))
        run_fast(_all_asked(little.port, fewer))
        with BareServer(body_bytes, log, cores=placed.server) as bare:
            for _ in range(bench.scale.lookup_rounds):
                floor.append(closed_for(seconds, bare.port, questions.entities).per_second)
                bench.advanced(task)
                ours.append(closed_for(seconds, server.port, questions.entities).per_second)
                bench.advanced(task)
                one_small.append(_one_connection(little, fewer, seconds / 2))
                bench.advanced(task)
                one_large.append(_one_connection(server, questions, seconds / 2))
                bench.advanced(task)
        timelines = [questions.events(who) for who in questions.people]
        timeline = closed_for(seconds * 2, server.port, timelines).per_second
        bench.advanced(task)
    bench.say(f"lookup_http: answers of {body_bytes} bytes")
    bench.results += [
        against("lookup_http", median(ours), "requests/s", median(floor)),
        against("lookup_one_connection_ms", 1000 / median(one_large), "ms"),
        against("lookup_growth", median(one_small) / median(one_large), "x"),
        against("timeline_http", timeline, "requests/s"),
    ]


def measure_merging(bench: Bench, store: LoadedStore) -> None:
    """`lookup_merged_http`: the same with a server that keeps no answer and merges every time."""
    placed = cores()
    questions = Questions(store)
    with (
        pinned(placed.generator),
        Server(store.data, cores=placed.server, settings=KEEP_NOTHING) as server,
        bench.task("lookups that merge", bench.scale.lookup_rounds) as task,
    ):
        body_bytes = run_fast(_proved(server.port, questions))
        result = beside_bare(
            *(bench, "lookup_merged_http", server, questions.entities),
            bare=questions.entities[0],
            body_bytes=body_bytes,
            placed=placed,
            task=task,
        )
    bench.results.append(result)


async def _all_asked(port: int, questions: Questions) -> None:
    """Ask for everybody once."""
    requests = iter(questions.entities)
    async with Connections(port, CONNECTIONS) as connections:
        await closed(connections, requests, expect(200), seconds=None)


def measure_latency(bench: Bench, store: LoadedStore) -> None:
    """`lookup_p50_ms` and `lookup_p99_ms` at a steady rate beside ingestion; then the worker's
    memory."""
    installation = store.facts.installation
    questions = Questions(store)
    seconds = bench.scale.steady_seconds
    per_second = INGEST_PER_SECOND / BATCH
    events = int(per_second * (seconds + 1)) * BATCH
    bodies = list(
        batch_requests(installation, visits(Messages(installation), 0, events, "beside/"))
    )

    async def measured(port: int) -> list[float]:
        async with (
            Connections(port, _STEADY_CONNECTIONS) as readers,
            Connections(port, 2) as writers,
        ):
            await closed(readers, cycle(questions.entities), expect(200), seconds=seconds / 10)
            writing = steady(
                writers, iter(bodies), accepted, per_second=per_second, seconds=seconds
            )
            reading = steady(
                readers,
                cycle(questions.entities),
                expect(200),
                per_second=STEADY_PER_SECOND,
                seconds=seconds,
            )
            return (await asyncio.gather(reading, writing))[0]

    bench.say(
        f"lookup_p99_ms: {STEADY_PER_SECOND} lookups/s beside {INGEST_PER_SECOND} events/s;"
        " processes on any core"
    )
    with Server(store.data) as server, bench.task("lookups beside ingestion", 1) as task:
        latencies = run_exact(measured(server.port))
        bench.advanced(task)
        memory = server.memory()
    bench.results += [
        against("lookup_p50_ms", quantile(latencies, 0.5) * 1000, "ms"),
        against("lookup_p99_ms", quantile(latencies, 0.99) * 1000, "ms"),
        against("rss_mb_per_worker", memory.resident_mb, "MB"),
        against("rss_anonymous_mb_per_worker", memory.anonymous_mb, "MB"),
    ]


def _one_connection(server: Server, questions: Questions, seconds: float) -> float:
    return closed_for(seconds, server.port, questions.entities, connections=1).per_second


async def _proved(port: int, questions: Questions) -> int:
    """Check that the store holds what it should, and warm it; answer an answer's mean bytes."""
    async with Connections(port, 1) as opened:
        connection = opened.all[0]
        sizes = []
        for who in questions.people[:500]:
            status, body = await ask(connection, questions.entity(who))
            found = next(iter(msgspec.json.decode(body).values())) if status == 200 else {}
            if len(found.get("identityGraph", ())) != 3 or len(found["sources"]) != 2:
                raise Unexpected(f"Not the profile that was loaded: {status}, {body[:300]!r}")
            sizes.append(len(body))
        status, body = await ask(connection, questions.events(questions.people[0]))
        if status != 200 or msgspec.json.decode(body)["_page"]["count"] != EVENTS_EACH:
            raise Unexpected(f"Not the timeline that was loaded: {status}, {body[:300]!r}")
        await closed(opened, cycle(questions.entities), expect(200), seconds=1.0)
        return sum(sizes) // len(sizes)
