"""Simulations of linking rules over a store full of links, beside plainly reading these links."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import apsw

from benchmarks.bench import Bench, cores, median, pinned
from benchmarks.load import Unexpected
from benchmarks.population import Person, person
from benchmarks.report import against
from onefold.domain.graph.links import Link
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.xid import encode
from onefold.lookup.simulation import of_store
from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.tables import identities, links
from onefold.store.tables.identities import Member

CUSTOMER, EMAIL, ECID = 10_000_000, 6, 4
RULES = LinkingRules({CUSTOMER: 1, EMAIL: 2, ECID: 3}, frozenset((CUSTOMER,)))
LINKS_EACH = 3
SHARED_EVERY = 100
"""Of so many people one also uses the device of the next one, so that both are in one cluster."""
_SLICE = 10_000
_START_MS = 1_735_689_600_000


def measure(bench: Bench) -> None:
    """Links a second: of a simulation over all of them, and of reading them."""
    people = bench.scale.simulated_links // LINKS_EACH
    path = bench.scratch / "simulation.db"
    engine = opened(path, "profile")
    try:
        _filled(bench, engine, people)
        ours, floors = [], []
        with bench.task("simulating", bench.scale.rounds) as task, pinned(cores().server):
            for _ in range(bench.scale.rounds):
                floors.append(_read(path))
                ours.append(_simulated(engine, people))
                bench.advanced(task)
    finally:
        engine.close()
    bench.results.append(against("graph_simulation", median(ours), "links/s", median(floors)))
    bench.say(f"graph_simulation: {people:,} people, one in {SHARED_EVERY} on a shared device")


def _simulated(engine: Engine, people: int) -> float:
    started = time.perf_counter()
    outcome = of_store(engine, RULES, largest=10)
    seconds = time.perf_counter() - started
    if outcome.split != len(range(0, people - 1, SHARED_EVERY)):
        raise Unexpected(f"{outcome.split} clusters were split, of {people} people")
    return outcome.before.links / seconds


def _read(path: Path) -> float:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.execute("PRAGMA mmap_size=1073741824").fetchall()
    started = time.perf_counter()
    number = 0
    for _ in connection.execute(
        "SELECT xid, peer, dataset, first_ms, last_ms FROM links WHERE peer > xid"
    ):
        number += 1
    seconds = time.perf_counter() - started
    connection.close()
    return number / seconds


def _filled(bench: Bench, engine: Engine, people: int) -> None:
    with bench.task(f"writing {people * LINKS_EACH:,} links", people) as task:
        for start in range(0, people, _SLICE):
            numbers = range(start, min(start + _SLICE, people))
            with engine.transaction() as transaction:
                members: list[Member] = []
                seen: list[Link] = []
                for number in numbers:
                    members += _members(number, people)
                    seen += _links(number, people)
                identities.add(transaction, members)
                links.see(transaction, seen)
            bench.advanced(task, len(numbers))


def _members(number: int, people: int) -> Iterator[Member]:
    """A person's identities, in the cluster of both where two share a device."""
    own = _named(person(number))
    together = dict(own)
    for other in _sharing(number, people):
        together.update(_named(person(other)))
    name = min(together)
    for xid, (namespace, value) in own.items():
        yield Member(name, xid, namespace, value, _START_MS)


def _links(number: int, people: int) -> Iterator[Link]:
    own = sorted(_named(person(number)))
    for a, b in combinations(own, 2):
        yield Link(a, b, "set", _START_MS + number, _START_MS + number)
    if number % SHARED_EVERY == 0 and number + 1 < people:
        customer = encode(CUSTOMER, person(number).customer)
        a, b = sorted((customer, encode(ECID, person(number + 1).ecid)))
        yield Link(a, b, "set", _START_MS, _START_MS)


def _sharing(number: int, people: int) -> list[int]:
    """The other one of two people who share a device."""
    if number % SHARED_EVERY == 0 and number + 1 < people:
        return [number + 1]
    return [number - 1] if number % SHARED_EVERY == 1 else []


def _named(who: Person) -> dict[Xid, tuple[int, str]]:
    return {
        encode(namespace, value): (namespace, value)
        for namespace, value in ((CUSTOMER, who.customer), (EMAIL, who.email), (ECID, who.ecid))
    }
