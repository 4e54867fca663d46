"""Reads in the dialects of calls: traits a second, beside a bare route of as many bytes.

A store of its own: every customer has one identify call of TRAITS traits, and those who are asked
for have some events besides.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks import timelines
from benchmarks.bench import Bench, cores, pinned
from benchmarks.calls import taken
from benchmarks.floors import PATH as BARE
from benchmarks.load import (
    CONNECTIONS,
    Connections,
    Unexpected,
    ask,
    closed,
    expect,
    get,
    post,
    run_fast,
)
from benchmarks.loaded import none_failed, pour
from benchmarks.server import Server, init, onefold
from benchmarks.turns import beside_bare

FIGURES = ("traits_read", *timelines.FIGURES)
ASKED_MAX = 20_000
"""Customers that are asked for by name; lists tell of all."""
TRAITS = 50
EVENTS = 9
"""Of each customer that is asked for, the identify call besides."""
_BATCH = 100
_SEED = 20_260_102
_LIMITS = ("RATE_PER_SECOND", "RATE_BURST", "SEGMENT_RATE_PER_SECOND", "SEGMENT_RATE_BURST")
_UNLIMITED = {f"ONEFOLD_{name}": "1000000" for name in _LIMITS}
"""A generator of one key must not be held back by the limit of a key."""
_PROFILES = "/track/measured/measured/MEASURED/v1/profiles"


class _Key(msgspec.Struct, frozen=True):
    auth_token: str
    write_key: str


class Store(NamedTuple):
    """An account with its customers, the first of whom are asked for by name."""

    data: Path
    key: _Key
    customers: int
    asked: int


def measure(bench: Bench) -> None:
    """All figures, from one store."""
    store = _filled(bench)
    _measure_traits(bench, store)
    names = [_name(number) for number in range(store.asked)]
    base, token = _PROFILES.removesuffix("/profiles"), store.key.auth_token
    account = timelines.Asked(
        store.data, base, token, names, EVENTS + 1, store.customers, _UNLIMITED
    )
    timelines.measure(bench, account)


def _measure_traits(bench: Bench, store: Store) -> None:
    """`traits_read`, when everybody has been asked for once before, as `lookup_http` has it."""
    placed = cores()
    headers = {"auth-token": store.key.auth_token}
    numbers = random.Random(_SEED).sample(range(store.asked), store.asked)
    asked = [get(f"{_PROFILES}/userId:{_name(number)}/traits", headers) for number in numbers]
    with (
        pinned(placed.generator),
        Server(store.data, cores=placed.server, settings=_UNLIMITED) as server,
        bench.task("traits", bench.scale.lookup_rounds) as task,
    ):
        body_bytes = run_fast(_proved(server.port, asked))
        result = beside_bare(
            *(bench, "traits_read", server, asked),
            bare=get(BARE, headers),
            body_bytes=body_bytes,
            placed=placed,
            task=task,
        )
    bench.say(f"traits_read: answers of {body_bytes} bytes; {placed}")
    bench.results.append(result)


async def _proved(port: int, asked: list[bytes]) -> int:
    """Ask for everybody once and check some of it; answer an answer's mean bytes."""
    async with Connections(port, CONNECTIONS) as opened:
        sizes = []
        for request in asked[:500]:
            status, body = await ask(opened.all[0], request)
            if status != 200 or len(msgspec.json.decode(body)) != TRAITS + 2:
                raise Unexpected(f"Not the traits that were sent: {status}, {body[:300]!r}")
            sizes.append(len(body))
        await closed(opened, iter(asked), expect(200), seconds=None)
    return sum(sizes) // len(sizes)


def _filled(bench: Bench) -> Store:
    """A fresh account, filled through the door of libraries."""
    data = bench.scratch / "dialect"
    init(data)
    made = onefold(
        *("key", "create", "--data", str(data), "--client", "measured", "--account", "measured")
    )
    key = msgspec.json.decode(made, type=_Key)
    customers = bench.scale.people
    asked = min(customers, ASKED_MAX)
    with Server(data, settings=_UNLIMITED) as server, bench.task("customers", 1) as task:
        run_fast(pour(server.port, _requests(customers, asked, key.write_key), check=taken))
        bench.advanced(task)
    none_failed(data, customers * 2 + asked * EVENTS)  # identify: an event and a record of traits
    return Store(data, key, customers, asked)


def _requests(customers: int, asked: int, write_key: str) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    calls = _calls(customers, asked)
    while part := list(islice(calls, _BATCH)):
        yield post("/v1/batch", encode({"batch": part, "writeKey": write_key}))


def _calls(customers: int, asked: int) -> Iterator[dict[str, object]]:
    for number in range(customers):
        yield {"type": "identify", "userId": _name(number), "traits": _traits(number)}
    for event in range(EVENTS):
        for number in range(asked):
            yield {
                "type": "track",
                "userId": _name(number),
                "event": f"Seen {event}",
                "properties": {"n": number},
                "timestamp": f"2026-01-0{1 + event}T10:00:00Z",
            }


def _traits(number: int) -> dict[str, object]:
    kinds = (f"word {number}", number, number % 2 == 0, number / 7)
    found: dict[str, object] = {f"trait{n:02d}": kinds[n % 4] for n in range(TRAITS - 1)}
    return {**found, "email": f"{_name(number)}@example.org"}


def _name(number: int) -> str:
    return f"C{number:08d}"
