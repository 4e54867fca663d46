"""The auditor: compares what the product answers and stores with what the model says.

Every check raises Difference, whose text names the check and both values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from onefold import doctor
from onefold.domain import removal
from onefold.domain.identity.identity import Xid
from onefold.journal import Accepted, Journal
from onefold.lookup.entity import ProfileEntity
from onefold.lookup.owner import Asked
from onefold.lookup.profiles import Profiles
from onefold.lookup.timeline import LIMIT_MAX, TimelineQuery
from onefold.server import Pipeline
from onefold.store.engine import Engine, Row
from onefold.store.packing import Packing
from onefold.store.tables import edge, sightings
from onefold.testing.clock import SimClock
from onefold.testing.faults import Faults, FaultyPlaces
from onefold.wire import encode_json
from tests.simulation.model import DAY_MS, Model
from tests.simulation.world import NAMESPACE_IDS, PROJECTED, SilentBell, World, copied, pipeline_of

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
    "sightings": (
        "SELECT xid, seq, owner, dataset, source, graph_only, at_ms, received_ms, named"
        " FROM sightings ORDER BY xid, seq"
    ),
    "superseded": (
        "SELECT xid, dataset, seq, ingested_ms, effective_ms, tag, operation, body FROM superseded"
        " ORDER BY xid, dataset, seq"
    ),
    "cuts": "SELECT xid, peer, seq, made_ms, reason FROM cuts ORDER BY xid, peer",
    "suppressions": (
        "SELECT key, kind, detail, until_ms, made_ms, request FROM suppressions ORDER BY key"
    ),
    "outcomes": "SELECT dataset, outcome, records FROM outcomes ORDER BY dataset, outcome",
    "progress": "SELECT consumer, position, records FROM progress",
}
"""Everything that a profile store holds, but for the time at which a record was judged, and for how
bodies are packed."""
PACKED_TABLES = frozenset(("superseded", "fragments", "events", "failed_records"))
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
    _edge(world, model)
    with engine.reading() as moment:
        journal = Journal(world.places.journal(model.place.sandbox.id), SilentBell())
        for finding in doctor.examined(moment, journal):
            expect(f"doctor: {finding.check}", finding.examples, [])


def replayed(
    world: World, model: Model, root: Path, faults: Faults, *, batches: tuple[int, int]
) -> None:
    """Apply the whole journal to an empty store, in batches of another size, then once more.

    The first time everything is the same, but for how those records ended whose messages were
    erased. The second time nothing is new but counts: events are known, rows are replaced by
    themselves, what was undone and deleted is suppressed. Links that a full cluster or a rule gave
    up may come back then, and records that may come again since that was lifted, so the graph is
    compared only if there are none.

    An order to delete a person that is not erased yet takes the person's names out of younger
    records, too, when it is met for the second time: then there is none.
    """
    data = copied(world.data, root / f"replay-{model.place.tenant}")
    sandbox = model.place.sandbox.id
    for left in (*data.glob("sandboxes/*/profile.db*"), *data.glob("sandboxes/*/edge/*")):
        left.unlink()
    places = FaultyPlaces(data, faults)
    clock = SimClock(world.clock.now_ms() + 100 * DAY_MS)
    pipeline_of(places, world.definitions, clock, records_max=batches[0]).drain()
    engine = places.profile(sandbox)
    again = Model(model.place, dict(model.keys))
    journal = world.records(model.place)
    for seq, accepted in journal:
        again.feed(seq, accepted)
    _tables(engine, again)
    first = dump(engine)
    _same_dump("replay into an empty store", first, dump(world.places.profile(sandbox)), journal)
    if not any(accepted.removal and _names_people(accepted) for _, accepted in journal):
        _replayed_over_itself(
            engine,
            again,
            journal,
            pipeline_of(places, world.definitions, clock, records_max=batches[1]),
        )
    places.close()


def _names_people(accepted: Accepted) -> bool:
    return bool(removal.decode(accepted.message).people)


def _replayed_over_itself(
    engine: Engine, model: Model, journal: Sequence[tuple[int, Accepted]], pipeline: Pipeline
) -> None:
    first = dump(engine)
    with engine.transaction() as transaction:
        transaction.write("UPDATE progress SET position = 0, records = 0")
    pipeline.round()
    if not model.troubles["suppression lifted"]:
        for table in ("fragments", "events"):
            what = f"replay over itself, its beginning: {table}"
            expect(what, dump(engine)[table], first[table])
    pipeline.drain()
    second = dump(engine)
    lost = model.troubles["identity evicted"] + model.troubles["link removed by a rule"]
    lifted = model.troubles["suppression lifted"]
    loose = (GRAPH_TABLES if lost or lifted else set()) | ({"sightings"} if lifted else set())
    for table in TABLES.keys() - {"outcomes"} - loose:
        expect(f"replay over itself: {table}", second[table], first[table])
    for seq, accepted in journal:
        model.feed(seq, accepted)
    expect("replay over itself: outcomes", _counts(second), dict(+model.outcomes))


def dump(engine: Engine) -> Dump:
    """All rows of a profile store, their bodies unpacked."""
    tables = {table: engine.read(sql) for table, sql in TABLES.items()}
    unpack = Packing(engine).unpack
    for table in PACKED_TABLES:
        tables[table] = [(*row[:-1], unpack(row[-1]) if row[-1] else b"") for row in tables[table]]
    return tables


def dictionaries(world: World) -> int:
    """How many dictionaries the stores have learnt."""
    stores = [world.places.profile(place.sandbox.id) for place in world.places_of_senders]
    return sum(len(store.read("SELECT id FROM dictionaries")) for store in stores)


def _same_dump(what: str, got: Dump, wanted: Dump, journal: Sequence[tuple[int, Accepted]]) -> None:
    """The same rows, unless messages were erased: then how their records ended is another."""
    erased = {seq for seq, accepted in journal if not accepted.message}
    for table in TABLES.keys() - ({"outcomes"} if erased else set()):
        if table == "failed_records" and erased:
            for rows in (got, wanted):
                rows[table] = [row for row in rows[table] if row[0] not in erased]
        expect(f"{what}: {table}", got[table], wanted[table])


def _counts(tables: Dump) -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): row[2] for row in tables["outcomes"]}


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
        "superseded",
        {row[:3]: (*row[3:7], json.loads(row[7])) for row in tables["superseded"]},
        {
            key: (row["ingested_ms"], row["effective_ms"], row["tag"], "create", row["entity"])
            for key, row in model.superseded.items()
        },
    )
    expect("sightings", _sightings(engine), model.sightings)
    names = {
        (xid, seq)
        for seq, (owner, *_, linked, others) in model.sightings.items()
        for xid in {owner, *linked, *others}
    }
    expect("names of sightings", {row[:2] for row in tables["sightings"]}, names)
    expect(
        "cuts",
        {row[:2]: row[2:] for row in tables["cuts"]},
        {ends: cut for (a, b), cut in model.cuts.items() for ends in ((a, b), (b, a))},
    )
    expect("suppressions", {row[0]: row[1:] for row in tables["suppressions"]}, model.suppressed)
    expect(
        "events",
        {row[:2]: (*row[2:6], json.loads(row[6])) for row in tables["events"]},
        {
            key: (one["at_ms"], one["dataset"], one["seq"], one["ingested_ms"], one["entity"])
            for key, one in model.events.items()
        },
    )


def _sightings(engine: Engine) -> dict[int, tuple[Any, ...]]:
    """What the store knows of who was seen with whom, by record number."""
    return {
        one.seq: (
            one.owner,
            one.dataset,
            one.at_ms,
            one.received_ms,
            set(one.linked),
            set(one.others),
        )
        for one in sightings.every(engine, after=("", 0), limit=1_000_000)
        if (one.source, one.graph_only) == (one.dataset, False)
    }


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


def _edge(world: World, model: Model) -> None:
    """Everybody is on the edge as the model believes them, and nobody else."""
    place = model.place
    store = world.places.edge(place.sandbox.id, place.edge)
    got = {
        entry.cluster: (set(entry.xids), {name: json.loads(body) for _, name, body in entry.bodies})
        for entry, _ in edge.every(store, after=Xid(""), limit=1_000_000)
    }
    wanted = {}
    for cluster in {min(model.cluster(xid)) for xid in model.identities}:
        merged = model.merged(cluster)
        parts = {number: part_of(merged, PROJECTED[name]) for number, name in place.projections}
        wanted[cluster] = (model.cluster(cluster), parts)
    expect("people on the edge", sorted(got), sorted(wanted))
    expect("what the edge says", got, wanted)


def part_of(entity: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """What lies at some paths, which go through no arrays."""
    part: dict[str, Any] = {}
    for path in paths:
        *above, leaf = path.split(".")
        value: Any = entity
        for step in above:
            value = value.get(step, {})
        if leaf in value:
            into = part
            for step in above:
                into = into.setdefault(step, {})
            into[leaf] = value[leaf]
    return part


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
    sending and the trace of every record in the journal. Orders have the number 0.

    What was fed may have been erased since, and nothing else has changed.
    """
    sendings: list[tuple[int, str]] = []
    for seq, accepted in world.records(model.place):
        if seq > model.fed:
            model.feed(seq, accepted)
            model.journal[seq] = accepted
        known = model.journal[seq]
        if accepted.message != known.message:
            expect(f"record {seq} is as it was sent, or erased", is_erased(accepted), True)
        expect(f"trace of record {seq}", accepted.trace, known.trace)
        sendings.append((number_of(known), accepted.trace))
    return sendings


def number_of(accepted: Accepted) -> int:
    """The number of the sending; 0 for an order."""
    if accepted.removal:
        return 0
    number: int = json.loads(accepted.message)["header"]["createdAt"]
    return number


def is_erased(accepted: Accepted) -> bool:
    """Whether a record says nothing any more, or an order names nobody."""
    if accepted.removal:
        return not _names_people(accepted)
    return not accepted.message
