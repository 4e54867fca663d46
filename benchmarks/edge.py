"""The edge: how long a page waits for an answer, how soon it follows, how fast it is filled."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from itertools import cycle

import msgspec

from benchmarks.bench import Bench, cores, median, pinned
from benchmarks.floors import PATH as ENTITIES
from benchmarks.floors import BareServer
from benchmarks.load import (
    Connection,
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
from benchmarks.loaded import LoadedStore, drained
from benchmarks.lookup import headers_of
from benchmarks.population import Messages, Person, batches, person
from benchmarks.report import against
from benchmarks.server import Server, patient

PER_SECOND = 500
ROUNDS = 3
FOLLOWED = 200
FILL_SECONDS = 600
CONFIG = "/data/core/ups/config"
_LENIENT = {"ONEFOLD_LENIENT_CONTENT_TYPES": "1"}
_CONNECTIONS = 16
_SEED = 20_260_102
_DESTINATION = {
    "type": "EDGE",
    "dataCenters": ["OR2"],
    "ttl": 604_800,
    "replicationPolicy": "PROACTIVE",
}
_PROJECTION = {"name": "greeting", "selector": "person,homeAddress.city,preferredLanguage"}


def measure(bench: Bench, store: LoadedStore) -> None:
    """`edge_fill`: people a second, when a projection is made of a store full of them.

    `edge_lookup_p99_ms` and `edge_lookup_p50_ms`, at a steady rate, in turns with the same from a
    bare route: medians of the rounds. `edge_freshness_p99_ms`: from the answer to a write until the
    edge shows it, with nothing else to do.
    """
    placed = cores()
    headers = headers_of(store.data, store.facts.installation)
    bench.say(f"edge_lookup_p99_ms: {placed}; {PER_SECOND} lookups/s, {_CONNECTIONS} connections")
    ours: list[list[float]] = []
    floor: list[list[float]] = []
    seconds = bench.scale.steady_seconds / ROUNDS
    with (
        pinned(placed.generator),
        Server(store.data, cores=placed.server, settings=_LENIENT) as server,
        bench.task("the edge", ROUNDS * 2 + 2) as task,
    ):
        to, per_second = run_fast(_filled(server.port, headers, store.facts.people))
        bench.advanced(task)
        who = random.Random(_SEED).sample(range(store.facts.people), store.facts.people)
        everybody = [person(number) for number in who]
        questions = [_question(to, one, headers) for one in everybody]
        body_bytes = run_fast(_proved(server.port, questions))
        with BareServer(body_bytes, bench.scratch / "bare.log", cores=placed.server) as bare:
            bare_question = get(ENTITIES, headers)
            for _ in range(ROUNDS):
                floor.append(_latencies(bare.port, cycle([bare_question]), seconds))
                bench.advanced(task)
                ours.append(_latencies(server.port, cycle(questions), seconds))
                bench.advanced(task)
        ages = run_exact(_followed(server.port, store, to, everybody[:FOLLOWED], headers))
        bench.advanced(task)
    bench.say(f"edge_lookup_p99_ms: answers of {body_bytes} bytes")
    bench.results += [
        against(
            f"edge_lookup_p{round(share * 100)}_ms",
            median([quantile(one, share) * 1000 for one in ours]),
            "ms",
            median([quantile(one, share) * 1000 for one in floor]),
        )
        for share in (0.5, 0.99)
    ]
    bench.results += [
        against("edge_freshness_p99_ms", quantile(ages, 0.99) * 1000, "ms"),
        against("edge_fill", per_second, "people/s"),
    ]


def _question(to: str, who: Person, headers: dict[str, str]) -> bytes:
    return get(f"/onefold/v1/edge/{to}?entityId={who.ecid}&entityIdNS=ECID", headers)


def _latencies(port: int, requests: Iterator[bytes], seconds: float) -> list[float]:
    async def work() -> list[float]:
        async with Connections(port, _CONNECTIONS) as opened:
            await closed(opened, requests, expect(200), seconds=seconds / 10)
            return await steady(
                opened, requests, expect(200), per_second=PER_SECOND, seconds=seconds
            )

    return run_exact(work())


async def _filled(port: int, headers: dict[str, str], people: int) -> tuple[str, float]:
    """Make a destination with a projection; answer its id, and the people a second that fill it."""
    async with Connections(port, 1) as opened:
        connection = opened.all[0]
        made = await _made(connection, f"{CONFIG}/destinations", _DESTINATION, headers)
        to: str = made["id"]
        started = time.perf_counter()
        of = f"{CONFIG}/projections?schemaName=_xdm.context.profile"
        await _made(connection, of, {**_PROJECTION, "destinationId": to}, headers)
        patience = patient(FILL_SECONDS)
        while time.monotonic() < patience:
            await asyncio.sleep(0.05)
            _, body = await ask(connection, get(f"{CONFIG}/destinations/{to}", headers))
            state = msgspec.json.decode(body)["onefold:state"]
            if state["status"] == "current":
                if state["people"] < people:
                    raise Unexpected(f"The edge has {state['people']} people of {people}")
                return to, state["people"] / (time.perf_counter() - started)
    raise Unexpected(f"The edge was not filled within {FILL_SECONDS} seconds")


async def _made(
    connection: Connection, path: str, body: object, headers: dict[str, str]
) -> dict[str, str]:
    status, answer = await ask(connection, post(path, msgspec.json.encode(body), headers))
    if status != 200:
        raise Unexpected(f"Status {status}: {answer[:300]!r}")
    return msgspec.json.decode(answer, type=dict)


async def _proved(port: int, questions: list[bytes]) -> int:
    """Check that the edge answers what it should, and warm it; answer an answer's mean bytes."""
    async with Connections(port, 1) as opened:
        sizes = []
        for question in questions[:500]:
            status, body = await ask(opened.all[0], question)
            found = msgspec.json.decode(body)["projections"]["greeting"] if status == 200 else {}
            if set(found) != {"person", "homeAddress", "preferredLanguage"}:
                raise Unexpected(f"Not what is projected: {status}, {body[:300]!r}")
            sizes.append(len(body))
        await closed(opened, iter(questions), expect(200), seconds=None)
        return sum(sizes) // len(sizes)


async def _followed(
    port: int, store: LoadedStore, to: str, people: list[Person], headers: dict[str, str]
) -> list[float]:
    """Seconds from the answer to a write until the edge shows it, one after the other."""
    installation = store.facts.installation
    messages = Messages(installation)
    ages = []
    async with Connections(port, 1) as opened:
        connection = opened.all[0]
        await drained(opened)
        for who in people:
            question = _question(to, who, headers)
            _, before = await ask(connection, question)
            (body,) = batches(iter([messages.login(who)]))
            status, _ = await ask(
                connection, post(f"/collection/batch/{installation.inlet_id}", body)
            )
            if status != 207:
                raise Unexpected(f"Status {status} of a write")
            answered = time.perf_counter()
            while (await ask(connection, question))[1] == before:
                pass
            ages.append(time.perf_counter() - answered)
    return ages
