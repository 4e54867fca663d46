"""Jobs: deletions of people to their receipts, and exports, a step at a time, with faults and
crashes inside the steps.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any
from unittest import mock

import duckdb
import msgspec

from onefold import doctor
from onefold.control import export_jobs as exports
from onefold.control.export_jobs import ExportDemand, ExportDestination, ExportSchema
from onefold.domain import removal
from onefold.domain.deletion import Kind, State
from onefold.domain.profile.projection import SCHEMA_NAME
from onefold.errors import Unavailable
from onefold.jobs import export_profiles
from onefold.journal import Accepted, Journal
from onefold.lake import columns
from onefold.lake.exports import Lakes
from onefold.store.tables import export_jobs
from onefold.store.tables.export_jobs import ExportJob
from onefold.store.union import Union
from onefold.testing.faults import Crash
from onefold.wire import JSON
from tests.simulation import auditor
from tests.simulation.auditor import expect
from tests.simulation.faults import for_jobs
from tests.simulation.model import Model, parsed
from tests.simulation.world import SilentBell, World

LAKE_BYTES = 512_000_000
PIECE_BYTES = 1_000
"""Of a piece of an export: so few that it has several."""
STEPS_MAX = 400
"""Of jobs, until everything that was asked for has to be done."""


class Labour:
    """Does the jobs of one world."""

    def __init__(self, world: World, models: Sequence[Model], random: Random) -> None:
        self.troubles: Counter[str] = Counter()
        self._world = world
        self._models = models
        self._random = random

    def step(self, chance: float = 0.4) -> bool:
        """One step in every place; answer whether anything was done. The models hear of the whole
        journal before anything of it is erased. chance: of a fault on the way."""
        for model in self._models:
            auditor.fed(self._world, model)
        trouble = for_jobs(self._random) if self._random.random() < chance else None
        fault = self._world.faults.arm(trouble.fault()) if trouble is not None else None
        try:
            done = self._world.jobs.round() > 0
        except Unavailable:
            done = False
        except Crash:
            self._world.crash()
            done = True
        if trouble is not None and fault is not None:
            self._world.faults.disarm(fault)
            if fault.struck:
                self.troubles[trouble.name] += 1
        return done

    def finish(self) -> None:
        """Every deletion has its receipt, and what it says is true."""
        for _ in range(STEPS_MAX):
            if not self._open_deletions():
                break
            if not self.step():
                self._world.clock.advance(ms=3_000)
            self._world.pipeline.drain()
        expect("deletions that are open", self._open_deletions(), [])
        self._world.jobs.land()
        for model in self._models:
            auditor.fed(self._world, model)
            self._receipts(model)
            self._lake(model)

    def export(self) -> None:
        """Export everybody, and compare; nothing else happens meanwhile but crashes."""
        with mock.patch.object(export_profiles, "PIECE_BYTES_MAX", PIECE_BYTES):
            for model in self._models:
                self._export(model)

    def _open_deletions(self) -> list[str]:
        return [one.id for one in self._deletions() if one.state is not State.COMPLETED]

    def _deletions(self, model: Model | None = None) -> list[Any]:
        return [
            one
            for place in self._world.places_of_senders
            if model is None or place is model.place
            for one in self._world.deletions.listed(
                place.sandbox.id, order="created", descending=False, offset=0, limit=1000
            )[0]
        ]

    def _receipts(self, model: Model) -> None:
        """Nothing is left over of anybody, and whatever the journal said of them is erased."""
        sandbox = model.place.sandbox.id
        done = {one.id: one for one in self._deletions(model) if one.kind is Kind.PERSON}
        for one in done.values():
            receipt = json.loads(self._world.deletions.receipt(sandbox, one.id))
            left = {place["place"]: place["leftOver"] for place in receipt["places"]}
            expect(f"left over by {one.id}", dict.fromkeys(left, 0), left)
            self.troubles["receipt of a deletion"] += 1
        expect("deletions in the journal have receipts", model.deleted.keys() - done.keys(), set())
        for seq, accepted in self._world.records(model.place):
            self._erased(seq, accepted, model)

    def _erased(self, seq: int, accepted: Accepted, model: Model) -> None:
        """A message is erased if it tells of anybody whose deletion came behind it, and only
        then; an order names nobody of them."""
        known = model.journal[seq]
        meant = [named for below, named in model.deleted.values() if seq <= below]
        gone = frozenset[str]().union(*meant)
        if known.removal:
            left = gone & set(_texts(msgspec.to_builtins(removal.decode(accepted.message))))
            expect(f"deleted people whom order {seq} names", left, frozenset())
            expect(f"order {seq} names nobody", auditor.is_erased(accepted), True)
            return
        told = bool(gone & set(_texts(json.loads(known.message))))
        self.troubles["message of a deleted person erased"] += told
        expect(f"message {seq} is erased", auditor.is_erased(accepted), told)

    def _lake(self, model: Model) -> None:
        sandbox = model.place.sandbox.id
        journal = Journal(self._world.places.journal(sandbox), SilentBell())
        lakes = Lakes(self._world.places, memory_bytes=LAKE_BYTES)
        figures = lakes.of(sandbox).figures()
        with self._world.places.profile(sandbox).reading() as reader:
            for finding in doctor.lake_examined(reader, journal, figures):
                expect(f"doctor: {finding.check}", finding.examples, [])
        lakes.forget(sandbox)

    def _export(self, model: Model) -> None:
        world, sandbox = self._world, model.place.sandbox.id
        work = world.places.work(sandbox)
        made = exports.create(
            world.control,
            work,
            world.clock,
            world.ids,
            world.definitions.snapshot(sandbox),
            ExportDemand(
                schema=ExportSchema(SCHEMA_NAME),
                destination=ExportDestination(dataset_id=model.place.union),
            ),
            client_id="simulation",
        )
        for _ in range(STEPS_MAX):
            job = self._of(model, made.id)
            if job.status not in ("NEW", "PROCESSING"):
                break
            crashes = self.troubles["crash inside a job"]
            if not self.step(chance=0.6):
                world.clock.advance(ms=3_000)
                world.pipeline.drain()
            crashed = self.troubles["crash inside a job"] > crashes
            self.troubles["export resumed after a crash"] += crashed and bool(job.progress)
        expect("status of the export", job.status, "SUCCEEDED")
        self.troubles["export of people"] += 1
        clusters = {min(model.cluster(xid)) for xid in model.identities}
        wanted = [model.merged(xid) for xid in clusters if model.parts(xid)]
        got = self._rows(model, job.demand["batches"][0])
        for entity in (*wanted, *got):
            _as_time(entity)
        expect("exported people", sorted(got, key=_text), sorted(wanted, key=_text))

    def _of(self, model: Model, number: int) -> ExportJob:
        found = export_jobs.get(self._world.places.work(model.place.sandbox.id), number)
        assert found is not None
        return found

    def _rows(self, model: Model, batch: str) -> list[dict[str, JSON]]:
        """The rows of a batch, out of the lake's files."""
        sandbox = model.place.sandbox.id
        lakes = Lakes(self._world.places, memory_bytes=LAKE_BYTES)
        union = self._world.definitions.snapshot(sandbox).union
        assert isinstance(union, Union)
        found: list[dict[str, JSON]] = []
        for file in lakes.exports(sandbox).of_batch(batch):
            with duckdb.connect() as connection:
                connection.execute("SET TimeZone = 'UTC'")
                read = connection.read_parquet(str(file.path))
                for (row,) in read.query("r", "SELECT to_json(r) FROM r").fetchall():
                    found.append(columns.entity_of(row, union.root))
        lakes.forget(sandbox)
        return found


def _texts(value: JSON) -> Iterator[str]:
    """Every text in a message, names of fields included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield key
            yield from _texts(below)
    elif isinstance(value, (list, tuple)):
        for below in value:
            yield from _texts(below)


def _as_time(entity: dict[str, JSON]) -> None:
    """A time is exported as a time, however it was written."""
    audit = entity.get("extSourceSystemAudit")
    if audit:
        entity["extSourceSystemAudit"] = {"lastUpdatedDate": parsed(audit["lastUpdatedDate"])}


def _text(value: JSON) -> str:
    """The same text for the same content."""
    return json.dumps(value, sort_keys=True)
