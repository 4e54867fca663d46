"""Small worlds for the laws of undo: a real journal, a real store and a real pipeline, and
histories of records in which the same people are named over and over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from onefold import config, doctor
from onefold.control import datasets
from onefold.control.starter import EVENTS, LOGINS, REGISTRATIONS
from onefold.domain import removal, suppression
from onefold.domain.removal import Removal
from onefold.domain.suppression import Keys, Suppression
from onefold.effects import SystemIds
from onefold.journal import Accepted, Journal, PipeBell
from onefold.observe.metrics import Metrics
from onefold.pipeline.normalize import Normalizer
from onefold.pipeline.processor import Processor
from onefold.pipeline.work import Normalized
from onefold.store.engine import Engine
from onefold.store.migrate import opened
from onefold.store.packing import Packing
from onefold.store.snapshot import Definitions, Snapshot
from onefold.testing.app import CONTENT_TYPE, App
from onefold.testing.clock import START_MS, SimClock
from tests.contract.people import ecid, iso

VISITS, MATCHES, APART = "Visits", "Matches", "Apart"
"""Further datasets: events and records that feed only the graph, and records that link nothing."""

PEOPLE = [
    *[("ECID", ecid(n)) for n in range(1, 4)],
    *[("Email", f"{n}@example.com") for n in "abc"],
    *[("CRMID", f"C-{n}") for n in "xy"],
    ("AAID", "0123456789ABCDEF-0123456789ABCDEF"),
]
"""The last one never enters graphs."""


@dataclass(frozen=True)
class Definitions_:
    """The definitions of one sandbox, with rules or without; they never change."""

    snapshot_: Snapshot

    def snapshot(self, _: object) -> Snapshot:
        return self.snapshot_


@dataclass(frozen=True)
class Said:
    """One record of a history. operation: None for a whole one without a header that says so."""

    dataset: str
    named: tuple[int, ...]
    event_id: str
    at: int
    fields: tuple[tuple[str, int | None], ...]
    operation: str | None


def furnished(app: App) -> Snapshot:
    """Make the further datasets; answer the definitions."""
    control = app.places.control()
    people = app.datasets[REGISTRATIONS].schema_id
    visits = app.datasets[EVENTS].schema_id
    graph = {"unifiedIdentity": ["enabled:true"]}
    profile = {"unifiedProfile": ["enabled:true"]}
    for name, schema, tags in (
        (VISITS, visits, graph),
        (MATCHES, people, graph),
        (APART, people, profile),
    ):
        datasets.create(
            control, app.clock, SystemIds(), app.sandbox, name=name, schema_id=schema, tags=tags
        )
    return Definitions(control).snapshot(app.sandbox.id)


def said() -> st.SearchStrategy[Said]:
    """Any record."""
    return st.builds(
        Said,
        st.sampled_from(
            [EVENTS, EVENTS, REGISTRATIONS, REGISTRATIONS, LOGINS, VISITS, MATCHES, APART]
        ),
        st.lists(st.integers(0, len(PEOPLE) - 1), min_size=1, max_size=4, unique=True).map(tuple),
        st.sampled_from("efgh"),
        st.integers(0, 9),
        st.dictionaries(
            st.sampled_from(["firstName", "lastName", "middleName"]),
            st.one_of(st.none(), st.integers(0, 3)),
            max_size=3,
        ).map(lambda fields: tuple(sorted(fields.items()))),
        st.sampled_from([None, None, "create", "merge", "delete"]),
    )


class World:
    """One sandbox's journal and store in a directory."""

    def __init__(self, directory: Path, snapshot: Snapshot, *, records_max: int = 100) -> None:
        directory.mkdir(parents=True)
        self.snapshot = snapshot
        self.settings = config.settings(directory, environment={}, batch_records_max=records_max)
        self.bell = PipeBell()
        self.journal_engine = opened(directory / "journal.db", "journal")
        self.journal = Journal(self.journal_engine, self.bell)
        self.engine: Engine = opened(directory / "profile.db", "profile")
        self.processor = self.over(self.engine, records_max=records_max)
        self.sent = 0
        self.keys = Keys(snapshot.sandbox.id)
        self._normalizer = Normalizer(self.settings)

    def close(self) -> None:
        self.engine.close()
        self.journal_engine.close()
        self.bell.close()

    def over(self, engine: Engine, *, records_max: int) -> Processor:
        """A pipeline from this journal into a store."""
        return Processor(
            sandbox=self.snapshot.sandbox,
            journal=self.journal,
            engine=engine,
            definitions=Definitions_(self.snapshot),  # type: ignore[arg-type]
            clock=SimClock(START_MS + 1_000_000),
            settings=config.settings(Path("unused"), environment={}, batch_records_max=records_max),
            metrics=Metrics(),
        )

    def accepted(self, one: Said) -> Accepted:
        """A record as the inlet would have accepted it next."""
        by_name = {dataset.name: dataset for dataset in self.snapshot.datasets.values()}
        dataset = by_name[one.dataset]
        identity_map: dict[str, list[dict[str, Any]]] = {}
        for place, number in enumerate(one.named):
            code, value = PEOPLE[number]
            identity_map.setdefault(code, []).append({"id": value, "primary": place == 0})
        entity: dict[str, Any] = {"identityMap": identity_map}
        header: dict[str, Any] = {}
        if one.dataset in (EVENTS, VISITS):
            entity |= {"_id": one.event_id, "timestamp": iso(START_MS - one.at * 1000)}
        else:
            entity["person"] = {"name": {k: v if v is None else f"n{v}" for k, v in one.fields}}
            if one.operation is not None and one.dataset in (REGISTRATIONS, LOGINS):
                header["operations"] = {
                    "data": one.operation,
                    "identity": "create",
                    "identityDatasetId": by_name[MATCHES].id,
                }
                if one.at % 3 == 0:
                    header["operations"] = {"data": one.operation}
        reference = {"id": dataset.schema_id, "contentType": CONTENT_TYPE}
        message = {
            "header": {
                "schemaRef": reference,
                "imsOrgId": self.snapshot.org_id,
                "datasetId": dataset.id,
                **header,
            },
            "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
        }
        received_ms = START_MS + self.sent // 2
        inlet = next(iter(self.snapshot.inlets))
        trace = f"t{self.sent}"
        return Accepted(trace, received_ms, inlet, dataset.id, json.dumps(message).encode())

    def send(self, one: Said) -> int:
        """Append a record; answer its number."""
        return self._append(self.accepted(one))

    def order(self, what: Removal) -> int:
        """Append a removal; one that is empty only takes a place."""
        received_ms = START_MS + self.sent // 2
        return self._append(
            Accepted("order", received_ms, "", "", removal.encode(what), removal=True)
        )

    def drain(self) -> None:
        while self.processor.step():
            pass

    def normalized(self, seq: int, one: Accepted) -> Normalized | None:
        """What a record brings; None when it fails."""
        found = self._normalizer.normalized(seq, one, self.snapshot)
        return found if isinstance(found, Normalized) else None

    def undo(self, one: Normalized) -> Removal:
        """The order that undoes one record, and keeps it out."""
        assert one.owner is not None
        if one.event is not None:
            ids = self.engine.read(
                "SELECT seq FROM events WHERE xid = ? AND event_id = ?",
                (one.owner, one.event.event_id),
            )
            return Removal(
                records=[(one.owner, one.dataset, one.event.event_id, row[0]) for row in ids],
                suppress=self.suppressing(one),
            )
        if one.fragment is not None:
            return Removal(
                records=[(one.owner, one.dataset, "", one.seq)], suppress=self.suppressing(one)
            )
        return Removal(sightings=[(one.owner, one.seq)])

    def suppressing(self, one: Normalized) -> list[Suppression]:
        """What keeps a record out."""
        assert one.owner is not None
        if one.event is not None:
            return [suppression.of_event(self.keys, one.owner, one.event.event_id)]
        if one.fragment is not None:
            operation = one.change.operation if one.change is not None else "create"
            return [
                suppression.of_record(
                    self.keys, one.owner, one.dataset, one.fragment.body, operation=operation
                )
            ]
        return []

    def faults(self) -> list[doctor.Finding]:
        with self.engine.reading() as reader:
            return [one for one in doctor.examined(reader, self.journal) if not one.clean]

    def _append(self, one: Accepted) -> int:
        self.journal.append([one])
        self.sent += 1
        return self.sent


def state(engine: Engine) -> dict[str, list[Any]]:
    """All that is true in a store, and what follows from it; without what tells of its past."""
    unpack = Packing(engine).unpack
    tables = {
        "members": "SELECT cluster, xid, namespace_id, value, first_seen_ms FROM members",
        "identities": "SELECT xid, cluster FROM identities",
        "links": "SELECT xid, peer, dataset, first_ms, last_ms FROM links",
        "sightings": "SELECT xid, seq, owner, dataset, source, graph_only, at_ms, received_ms,"
        " named FROM sightings",
        "fragments": "SELECT xid, dataset, seq, ingested_ms, effective_ms, tag, body"
        " FROM fragments",
        "superseded": "SELECT xid, dataset, seq, ingested_ms, effective_ms, tag, operation, body"
        " FROM superseded",
        "events": "SELECT xid, event_id, timestamp_ms, dataset, seq, ingested_ms, body FROM events",
        "cuts": "SELECT xid, peer FROM cuts",
    }
    found: dict[str, list[Any]] = {}
    for name, sql in tables.items():
        rows = engine.read(sql)
        if name in ("fragments", "superseded", "events"):
            rows = [(*row[:-1], unpack(row[-1]) if row[-1] else b"") for row in rows]
        found[name] = sorted(rows)
    return found


def everything(engine: Engine) -> dict[str, list[Any]]:
    """All of a store, with bodies as values: the order of fields says nothing."""
    found = state(engine)
    for name in ("fragments", "superseded", "events"):
        found[name] = [
            (*row[:-1], json.dumps(json.loads(row[-1] or b"null"), sort_keys=True))
            for row in found[name]
        ]
    for name, sql in (
        ("feed", "SELECT * FROM feed"),
        ("taken", "SELECT * FROM taken"),
        ("finders", "SELECT * FROM finders"),
        ("customer_ids", "SELECT * FROM customer_ids"),
        ("handovers", "SELECT * FROM handovers"),
        ("calls", "SELECT * FROM calls"),
        ("outcomes", "SELECT * FROM outcomes"),
        ("failed", "SELECT seq, code, state FROM failed_records"),
    ):
        found[name] = sorted(engine.read(sql))
    return found
