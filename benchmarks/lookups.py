"""Lookups by the size of what is looked up, at a fixed rate: p99 for clusters of 1 to 50 identities
with 1 to 20 fragments, for pages of timelines of 10 to 10,000 events, for 100 people at once, and
under each kind of merge policy.

The server keeps no answers, so each of them is merged. The floor is a bare route that answers as
many bytes, at the same rate, in turns with ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from benchmarks import shapes
from benchmarks.bench import Bench, cores, pinned
from benchmarks.floors import PATH as ENTITIES
from benchmarks.floors import BareServer
from benchmarks.load import (
    Check,
    Connections,
    Unexpected,
    expect,
    get,
    post,
    quantile,
    run_exact,
    run_fast,
    steady,
)
from benchmarks.loaded import batch_requests, none_failed, pour
from benchmarks.lookup import KEEP_NOTHING, headers_of
from benchmarks.report import against
from benchmarks.server import Server, init
from benchmarks.shapes import GRID, TIMELINES, TYPICAL, Desk, Shape

LOOKUPS_PER_SECOND = 100
PAGES_PER_SECOND = 10
BULKS_PER_SECOND = 10
SAMPLES_MIN = 40
"""Of one turn."""
_CONNECTIONS = 8
_OK = expect(200)
_LARGEST = max(shapes.FRAGMENTS)
_RANKED_SHAPE = Shape(10, 20)
_RECORD = f"{ENTITIES}?schema.name=_xdm.context.profile&entityIdNS=ECID"
_TIMELINE = f"{ENTITIES}?schema.name=_xdm.context.experienceevent&relatedEntityIdNS=ECID"
_POLICIES = "/data/core/ups/config/mergePolicies"


class Asked(NamedTuple):
    """One request; a POST when it has a body."""

    path: str
    body: object = None

    def encoded(self, headers: Mapping[str, str]) -> bytes:
        if self.body is None:
            return get(self.path, dict(headers))
        return post(self.path, json.dumps(self.body).encode(), headers)


class Row(NamedTuple):
    """Requests that are asked in turns, so many a second."""

    name: str
    asked: list[Asked]
    per_second: float


def lookup_name(shape: Shape) -> str:
    """The figure of a shape of the grid; the one with the most fragments has the shortest name."""
    fragments = "" if shape.fragments == _LARGEST else f"_fragments_{shape.fragments}"
    return f"lookup_cluster_{shape.identities}{fragments}_p99_ms"


def timeline_name(shape: Shape) -> str:
    """The figure of a shape of timelines."""
    events = shape.events
    return f"timeline_{f'{events // 1000}k' if events >= 1000 else events}_p99_ms"


FIGURES = (
    *(lookup_name(shape) for shape in GRID),
    *(timeline_name(shape) for shape in TIMELINES),
    "bulk_100_p99_ms",
    *(f"lookup_policy_{kind}_p99_ms" for kind in ("timestamp", "precedence", "alone")),
)


def measure(bench: Bench) -> None:
    """All rows, from one store."""
    few = bench.scale.people <= 10_000
    data = bench.scratch / "shapes"
    installation = init(data)
    placed = cores()
    headers = headers_of(data, installation)
    with (
        pinned(placed.generator),
        Server(data, cores=placed.server, settings=KEEP_NOTHING) as server,
        bench.task("lookups by size", len(FIGURES) + 1) as task,
    ):
        desk = Desk(server.port, headers)
        sources = shapes.datasets(desk, installation)
        messages = list(shapes.everything(installation, sources, few=few))
        run_fast(pour(server.port, batch_requests(installation, iter(messages))))
        bench.advanced(task)
        for row in _rows(desk, sources, few=few):
            _measured(bench, server, headers, row)
            bench.advanced(task)
    none_failed(data, len(messages))


def _rows(desk: Desk, sources: list[str], *, few: bool) -> Iterator[Row]:
    for shape in GRID:
        asked = [Asked(_entity(shape, n)) for n in range(shapes.people(shape, few=few))]
        _check(desk, shape, asked[0])
        yield Row(lookup_name(shape), asked, LOOKUPS_PER_SECOND)
    for shape in TIMELINES:
        owners = [shapes.ecid(shape, n, 1) for n in range(shapes.people(shape, few=few))]
        pages = [page for owner in owners for page in _pages(desk, owner, shape.events)]
        yield Row(timeline_name(shape), pages, PAGES_PER_SECOND)
    identities = [
        {"entityId": shapes.ecid(TYPICAL, number), "entityIdNS": {"code": "ECID"}}
        for number in range(shapes.BULK_PEOPLE)
    ]
    bulk = Asked(ENTITIES, {"schema": {"name": "_xdm.context.profile"}, "identities": identities})
    if len(desk.told("POST", *bulk)) != shapes.BULK_PEOPLE:
        raise Unexpected("Not all of the hundred were found")
    yield Row("bulk_100_p99_ms", [bulk], BULKS_PER_SECOND)
    for kind, graph, merge in (
        ("timestamp", "pdg", {"type": "timestampOrdered"}),
        ("precedence", "pdg", {"type": "dataSetPrecedence", "order": sources[::-1]}),
        ("alone", "none", {"type": "timestampOrdered"}),
    ):
        body = {
            "schema": {"name": "_xdm.context.profile"},
            "identityGraph": {"type": graph},
            "attributeMerge": merge,
        }
        policy = desk.told("POST", _POLICIES, body)["id"]
        asked = [
            Asked(f"{_entity(_RANKED_SHAPE, n)}&mergePolicyId={policy}")
            for n in range(shapes.people(_RANKED_SHAPE, few=few))
        ]
        yield Row(f"lookup_policy_{kind}_p99_ms", asked, LOOKUPS_PER_SECOND)


def _entity(shape: Shape, number: int) -> str:
    """Asked for by the last identity, which owns nothing unless it is the only one."""
    return f"{_RECORD}&entityId={shapes.ecid(shape, number, shape.identities - 1)}"


def _check(desk: Desk, shape: Shape, asked: Asked) -> None:
    (found,) = desk.told("GET", asked.path).values()
    seen = (len(found["identityGraph"]), len(found["sources"]))
    if seen != (shape.identities, shape.fragments):
        raise Unexpected(f"{shape} has {seen[0]} identities and {seen[1]} fragments")


def _pages(desk: Desk, owner: str, events: int) -> list[Asked]:
    """Every page of a timeline, as its links lead through it."""
    path = f"{_TIMELINE}&relatedEntityId={owner}"
    pages = [path]
    count = 0
    while True:
        page = desk.told("GET", pages[-1])
        count += page["_page"]["count"]
        href = page["_links"]["next"]["href"]
        if not href:
            break
        pages.append(f"{path}&offsets={parse_qs(urlsplit(href).query)['offsets'][0]}")
    if count != events:
        raise Unexpected(f"A timeline has {count} events instead of {events}")
    return [Asked(page) for page in pages]


def _measured(bench: Bench, server: Server, headers: Mapping[str, str], row: Row) -> None:
    requests = [one.encoded(headers) for one in row.asked]
    sizes: list[int] = []

    def sized(status: int, body: bytes) -> None:
        _OK(status, body)
        sizes.append(len(body))

    seconds = max(bench.scale.lookup_seconds, SAMPLES_MIN / row.per_second)
    _asked(server.port, requests, row.per_second, len(requests) / row.per_second, sized)
    body_bytes = sum(sizes) // len(sizes)
    ours: list[float] = []
    floor: list[float] = []
    with BareServer(body_bytes, bench.scratch / "bare.log", cores=cores().server) as bare:
        for _ in range(bench.scale.rounds):
            floor += _asked(bare.port, requests, row.per_second, seconds)
            ours += _asked(server.port, requests, row.per_second, seconds)
    p50, p95, p99 = (quantile(ours, share) * 1000 for share in (0.5, 0.95, 0.99))
    bench.say(
        f"{row.name}: p50 {p50:.2f} ms, p95 {p95:.2f} ms at {row.per_second:g} requests/s,"
        f" {body_bytes:,} bytes an answer"
    )
    bench.results.append(against(row.name, p99, "ms", quantile(floor, 0.99) * 1000))


def _asked(
    port: int,
    requests: list[bytes],
    per_second: float,
    seconds: float,
    check: Check = _OK,
) -> list[float]:
    async def work() -> list[float]:
        async with Connections(port, _CONNECTIONS) as opened:
            return await steady(
                opened, cycle(requests), check, per_second=per_second, seconds=seconds
            )

    return run_exact(work())
