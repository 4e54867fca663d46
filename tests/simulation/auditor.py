"""The auditor: compares what the product answers and stores with what the model says.

Every check raises Difference, whose text names the check and both values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from onefold import doctor
from onefold.journal import Journal
from onefold.lookup.entity import ProfileEntity
from onefold.lookup.owner import Asked
from onefold.lookup.profiles import Profiles
from onefold.lookup.timeline import LIMIT_MAX, TimelineQuery
from onefold.store.engine import Engine, Row
from onefold.store.packing import Packing
from onefold.testing.clock import SimClock
from onefold.testing.faults import Faults, FaultyPlaces
from onefold.wire import encode_json
from tests.simulation.model import DAY_MS, Model
from tests.simulation.world import NAMESPACE_IDS, SilentBell, World, copied, pipeline_of

PAGE_EVENTS = 3
"""On a page, when pages are walked: by one identity of each cluster. The others ask for all."""
TABLES = {
    "identities": "SELECT xid, cluster FROM identities ORDER BY xid",
    "members": (
        "SELECT xid, cluster, namespace_id, value, first_seen_ms FROM members ORDER BY xid"
    ),
    "links": (
        "SELECT xid, peer, dataset, first_ms, last_ms FROM links ORDER BY xid, peer, dataset"
    ),
    "fragments": (
        "SELECT xid, dataset, seq, ingested_ms, effective_ms, tag, body FROM fragments"
        " ORDER BY xid, dataset"
    ),
    "events": (
        "SELECT xid, event_id, timestamp_ms, dataset, seq, ingested_ms, body FROM events"
        " ORDER BY xid, event_id"
    ),
    "failed_records": (
        "SELECT seq, step, code, at, detail, errors, dataset, inlet, trace, received_ms, message"
        " FROM failed_records ORDER BY seq"
    ),
    "outcomes": "SELECT dataset, outcome, records FROM outcomes ORDER BY dataset, outcome",
    "progress": "SELECT consumer, position, records FROM progress",
}
"""Everything that a profile store holds, but for the time at which a record was judged, and for how
bodies are packed."""
PACKED_TABLES = frozenset(("fragments", "events", "failed_records"))
"""Their last column is a packed body."""

GRAPH_TABLES = frozenset(("identities", "members", "links"))
Dump = dict[str, list[Row]]


class Difference(AssertionError):
    """The product and the model disagree."""


def expect(what: str, got: object, wanted: object) -> None:
    """Raise Difference unless the two are equal."""
    if got != wanted:
        raise Difference(f"{what}\n   got: {_short(got, wanted)}\nwanted: {_short(wanted, got)}")


def audited(world: World, model: Model) -> None:
    """Everything that can be asked about one place, after its journal was drained."""
    engine = world.places.profile(model.place.sandbox.id)
    _tables(engine, model)
    _lookups(world.profiles, model)
    _strangers(world.profiles, model)
    with engine.reading() as moment:
        journal = Journal(world.places.journal(model.place.sandbox.id), SilentBell())
        for finding in doctor.examined(moment, journal):
            expect(f"doctor: {finding.check}", finding.examples, [])


def replayed(
    world: World, model: Model, root: Path, faults: Faults, *, batches: tuple[int, int]
) -> None:
    """Apply the whole journal to an empty store, in batches of another size, then once more.

    The first time everything is the same. The second time nothing is new but counts: events are
    known, rows are replaced by themselves. Links that a full cluster or a rule gave up may come
    back then, so the graph is compared only if none was.
    """
    data = copied(world.data, root / f"replay-{model.place.tenant}")
    sandbox = model.place.sandbox.id
    for left in data.glob("sandboxes/*/profile.db*"):
        left.unlink()
    places = FaultyPlaces(data, faults)
    clock = SimClock(world.clock.now_ms() + 100 * DAY_MS)
    pipeline_of(places, world.definitions, clock, records_max=batches[0]).drain()
    engine = places.profile(sandbox)
    first = dump(engine)
    _same_dump("replay into an empty store", first, dump(world.places.profile(sandbox)))
    with engine.transaction() as transaction:
        transaction.write("UPDATE progress SET position = 0, records = 0")
    again = pipeline_of(places, world.definitions, clock, records_max=batches[1])
    again.round()
    for table in ("fragments", "events"):
        expect(f"replay over itself, its beginning: {table}", dump(engine)[table], first[table])
    again.drain()
    second = dump(engine)
    lost = model.troubles["identity evicted"] + model.troubles["link removed by a rule"]
    loose = GRAPH_TABLES if lost else frozenset()
    for table in TABLES.keys() - {"outcomes"} - loose:
        expect(f"replay over itself: {table}", second[table], first[table])
    expect("replay over itself: outcomes", _counts(second), _twice(model))
    places.close()


def dump(engine: Engine) -> Dump:
    """All rows of a profile store, their bodies unpacked."""
    tables = {table: engine.read(sql) for table, sql in TABLES.items()}
    unpack = Packing(engine).unpack
    for table in PACKED_TABLES:
        tables[table] = [(*row[:-1], unpack(row[-1])) for row in tables[table]]
    return tables


def dictionaries(world: World) -> int:
    """How many dictionaries the stores have learnt."""
    stores = [world.places.profile(place.sandbox.id) for place in world.places_of_senders]
    return sum(len(store.read("SELECT id FROM dictionaries")) for store in stores)


def _same_dump(what: str, got: Dump, wanted: Dump) -> None:
    for table in TABLES:
        expect(f"{what}: {table}", got[table], wanted[table])


def _counts(tables: Dump) -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): row[2] for row in tables["outcomes"]}


def _twice(model: Model) -> dict[tuple[str, str], int]:
    """The counts after a second time: applied events are duplicates then, others end as before."""
    counts = model.outcomes + model.outcomes
    events = model.place.events[0]
    applied = model.outcomes[events, "applied"]
    counts[events, "applied"] -= applied
    counts[events, "duplicate"] += applied
    return dict(+counts)


def _tables(engine: Engine, model: Model) -> None:
    tables = dump(engine)
    name = {xid: min(model.cluster(xid)) for xid in model.identities}
    expect("identities", dict(tables["identities"]), name)
    expect(
        "members",
        {row[0]: row[1:] for row in tables["members"]},
        {
            xid: (name[xid], NAMESPACE_IDS[code], value, model.first_seen_ms[xid])
            for xid, (code, value) in model.identities.items()
        },
    )
    both_ways = {
        ends: times
        for (a, b, dataset), times in model.links.items()
        for ends in ((a, b, dataset), (b, a, dataset))
    }
    expect("links", {row[:3]: row[3:] for row in tables["links"]}, both_ways)
    expect("failed records", {row[0]: row[2] for row in tables["failed_records"]}, model.failed)
    expect("outcomes", _counts(tables), dict(+model.outcomes))
    expect("progress", [row[2] for row in tables["progress"]], [model.fed])
    expect(
        "fragments",
        {row[:2]: (*row[2:6], json.loads(row[6])) for row in tables["fragments"]},
        {
            key: (row["seq"], row["ingested_ms"], row["effective_ms"], row["tag"], row["entity"])
            for key, row in model.fragments.items()
        },
    )
    expect(
        "events",
        {row[:2]: (*row[2:6], json.loads(row[6])) for row in tables["events"]},
        {
            key: (one["at_ms"], one["dataset"], one["seq"], one["ingested_ms"], one["entity"])
            for key, one in model.events.items()
        },
    )


def _lookups(profiles: Profiles, model: Model) -> None:
    for number, (xid, (code, value)) in enumerate(sorted(model.identities.items())):
        asked = Asked(value, code.lower()) if number % 2 else Asked(xid)
        _entity(profiles, model, xid, asked)
        limit = PAGE_EVENTS if xid == min(model.cluster(xid)) else LIMIT_MAX
        query = TimelineQuery(limit=limit, descending=number % 3 == 0)
        _timeline(profiles, model, xid, asked, query)


def _entity(profiles: Profiles, model: Model, xid: str, asked: Asked) -> None:
    found = profiles.entity(model.place.sandbox.id, asked)
    assert found is not None, asked
    parts = model.parts(xid)
    expect(f"{asked}: xid", found.xid, xid)
    expect(f"{asked}: graph", found.graph, model.members(xid)[::-1])
    expect(f"{asked}: attributes", found.attributes, model.merged(xid))
    expect(f"{asked}: tags", found.tags, [row["tag"] for _, _, row in parts])
    sources = list(dict.fromkeys(dataset for _, dataset, _ in parts)) or [""]
    expect(f"{asked}: sources", found.sources, sources)
    if parts:
        newest_ms = max(row["ingested_ms"] for _, _, row in parts)
        expect(f"{asked}: last modified", found.last_modified_ms, newest_ms)
    answer = profiles.answer(model.place.sandbox.id, asked, _plain)
    expect(f"{asked}: the kept answer", answer, (xid, _plain(found)))


def _plain(found: ProfileEntity) -> bytes:
    """All of a profile but the identity that was asked for."""
    return encode_json([found.sources, found.tags, found.graph, found.attributes])


def _timeline(
    profiles: Profiles, model: Model, xid: str, asked: Asked, query: TimelineQuery
) -> None:
    """Walk all pages, and compare what they show with the model's events."""
    wanted = model.timeline(xid)
    if query.descending:
        wanted.reverse()
    seen: list[tuple[int, str, str]] = []
    while True:
        _, page = profiles.events(model.place.sandbox.id, asked, query)
        for item in page.items:
            event = item.event
            seen.append((event.timestamp_ms, event.event_id, event.xid))
            known = model.events[event.xid, event.event_id]
            expect(f"{asked}: event", json.loads(bytes(item.entity)), known["entity"])
        if page.next is None:
            break
        expect(f"{asked}: full page", len(page.items), query.limit)
        query = msgspec.structs.replace(query, at=page.next)
    expect(f"{asked}: timeline", seen, wanted)


def _strangers(profiles: Profiles, model: Model) -> None:
    """Nobody is known who was never applied, such as the other place's people."""
    for value in ("nobody", "poison@example.com", *(f"person{n}@example.com" for n in range(9))):
        known = any(value == identity[1] for identity in model.identities.values())
        found = profiles.entity(model.place.sandbox.id, Asked(value, "Email"))
        expect(f"{value} is known", found is not None, known)


def _short(value: object, other: object) -> str:
    """What of a value is worth reading: of mappings and lists only where they differ."""
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        value = {k: v for k, v in value.items() if k not in other or other[k] != v}
    elif isinstance(value, list) and isinstance(other, list):
        value = [item for item in value if item not in other] or value
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 2000 else text[:2000] + " ..."


def fed(world: World, model: Model) -> list[tuple[int, str]]:
    """Feed the model with what the journal holds behind what it knows; answer the number of the
    sending and the trace of every record in the journal."""
    sendings: list[tuple[int, str]] = []
    for seq, record in world.records(model.place):
        number = json.loads(record.message)["header"]["createdAt"]
        sendings.append((number, record.trace))
        if seq > model.fed:
            model.feed(
                seq,
                trace=record.trace,
                received_ms=record.received_ms,
                dataset=record.dataset,
                message=record.message,
            )
    return sendings
