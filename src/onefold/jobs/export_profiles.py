"""The job of an export: every profile, merged under a policy, as rows of Parquet in the lake.

It begins when the pipeline has applied what was accepted before, and walks all clusters in pages,
each read from one state of the store. Some pages become a piece: a Parquet file beside the lake,
written anew when the step is done once more. When nobody is left the export is marked as landing,
which calling it off respects, and all pieces come into the lake in one transaction. So an export is
not one instant, but each profile is, and until the end nothing of it can be seen. After a crash the
pieces that are noted are found again; where one is missing, since a removal has deleted it, the
export begins anew.

Source: profile contract, 9; segmentation contract, 9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from onefold.control.export_jobs import (
    ExportDemand,
    ExportDestination,
    ExportFilter,
    membership_filter,
    moment,
)
from onefold.domain.calls.marks import message_in, stays_here
from onefold.domain.lifecycle import BatchState
from onefold.domain.profile.merge import merged
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.project import Selector, selected, selector
from onefold.domain.xdm.schema import TIMELINE
from onefold.errors import NotFound
from onefold.jobs.workshop import WAIT, Workshop
from onefold.lake.columns import is_whole
from onefold.lake.lake import PIECES
from onefold.lake.landing import Landing
from onefold.lake.pieces import Export, Pieces
from onefold.lookup.entity import identity_map
from onefold.lookup.people import START, Cursor, Person, behind, people
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import batches, datasets, events, export_jobs, jobs
from onefold.store.tables.batches import Batch, Details
from onefold.store.tables.jobs import Job, State
from onefold.store.tables.progress import progress
from onefold.store.union import Union
from onefold.wire import JSON, decode_json, encode_json

MEMBERS_MAX = 600
"""Identities of a page: more of them at once make garbage collection slow."""
EVENTS_MAX = 10_000
"""Events that stand with one profile; the newest ones."""
PAGES_OF_STEP = 10
PAGES_MAX = 200
"""Of one piece, where few people are wanted."""
PIECE_ROWS = 5_000
PIECE_BYTES_MAX = 16_000_000
"""Rows, and bytes of JSON, above which a piece gets no further page, or profile."""
NUMBER_BITS = 32
"""Of a row's number within its export; above them stands the export's id."""
TABLE_TAG = "adobe/pqs/table"
_ALWAYS = ("identityMap", "segmentMembership")


def export_profiles(job: Job, shop: Workshop) -> Iterator[JSON]:
    """Do what an export asks for."""
    return _Export(job, shop).steps()


class Progress(msgspec.Struct, rename="camel"):
    """How far an export has come. after: where the next page begins; None: all pages are done.
    pieces, rows: by batch. profiles: how many were exported; namespaces: how many of them have an
    identity of a namespace, by its code. Times in epoch ms."""

    after: Cursor | None = START
    pieces: dict[str, int] = {}
    rows: dict[str, int] = {}
    profiles: int = 0
    namespaces: dict[str, int] = {}
    begun_ms: int = 0
    read_ms: int = 0
    landed_ms: int = 0


class _Piece:
    """Rows for a piece, by batch. names: of the fields at the root of any of them. number: of the
    row before."""

    def __init__(self, number: int) -> None:
        self.rows: dict[str, list[Landing]] = {}
        self.names: set[str] = set()
        self.bytes = 0
        self._number = number
        self._before = number

    @property
    def is_full(self) -> bool:
        return self.bytes > PIECE_BYTES_MAX or self._number - self._before >= PIECE_ROWS

    def add(self, entity: dict[str, JSON], batches: Sequence[str], trace: str, now_ms: int) -> None:
        """Add one profile as a row of each of these batches."""
        body = encode_json(entity)
        self.names.update(entity)
        for batch in batches:
            self._number += 1
            row = Landing(self._number, trace, now_ms, body)
            self.rows.setdefault(batch, []).append(row)
            self.bytes += len(body)


class _Export:
    """One export, from where it was left."""

    def __init__(self, job: Job, shop: Workshop) -> None:
        self._shop = shop
        self._number: int = job.argument["export"]
        self._demand = job.argument
        self._batches: Sequence[str] = job.argument["batches"]
        self._wanted = _Wanted(job.argument)
        self._work = shop.places.work(shop.sandbox.id)
        self._profile = shop.places.profile(shop.sandbox.id)
        self._packing = Packing(self._profile)
        self._pieces = Pieces(_directory(shop, self._number))
        kept = job.progress if isinstance(job.progress, dict) and "pieces" in job.progress else {}
        self._at = msgspec.convert(kept, Progress)

    def steps(self) -> Iterator[JSON]:
        at, clock = self._at, self._shop.clock
        _tidy(self._shop)
        if not at.landed_ms and not self._is_whole():
            at = self._at = Progress()
        if not at.begun_ms:
            yield from self._caught_up()
            at.begun_ms = clock.now_ms()
        while at.after is not None and not self._is_canceled():
            yield from self._piece()
            at.read_ms = clock.now_ms()
            yield msgspec.to_builtins(at)
        if not at.landed_ms and self._may_land():
            self._land()
            at.landed_ms = clock.now_ms()
            yield msgspec.to_builtins(at)
        self._pieces.remove()

    def _is_whole(self) -> bool:
        """Whether every piece that is noted is there."""
        return all(
            path.exists()
            for batch, count in self._at.pieces.items()
            for path in self._pieces.paths(batch, count)
        )

    def _is_canceled(self) -> bool:
        return export_jobs.is_canceled(self._work, self._number)

    def _caught_up(self) -> Iterator[JSON]:
        """Wait until the pipeline has passed what was accepted before."""
        end = self._shop.journal.end().position
        while progress(self._profile).position < end and not self._is_canceled():
            yield WAIT

    def _piece(self) -> Iterator[JSON]:
        """Make a piece of the pages behind the cursor, and move on. What it yields in between is
        the progress as it was."""
        at, kept = self._at, msgspec.to_builtins(self._at)
        snapshot = self._shop.definitions.snapshot(self._shop.sandbox.id)
        union = _union(snapshot, self._demand["datasetId"])
        piece = _Piece((self._number << NUMBER_BITS) + sum(at.rows.values()))
        after, pages = at.after, 0
        while after is not None and not piece.is_full and pages < PAGES_MAX:
            after = self._page(after, piece, snapshot)
            pages += 1
            if pages % PAGES_OF_STEP == 0:
                yield kept
                if self._is_canceled():
                    return
        keeps = _is_loose(union, snapshot, piece.names)
        for batch, rows in piece.rows.items():
            self._write(rows, batch, union, piece.names, keeps=keeps)
        at.after = after

    def _page(self, after: Cursor, piece: _Piece, snapshot: Snapshot) -> Cursor | None:
        """Add the people of one page; answer where the next one begins."""
        wanted, policy = self._wanted, self._policy(snapshot)
        now_ms, trace = self._shop.clock.now_ms(), self._demand["requestId"]
        limit = snapshot.cluster_limit if snapshot.account is not None else None
        with self._profile.reading() as reader:
            found, following = people(
                reader,
                self._packing,
                policy,
                after,
                members_max=MEMBERS_MAX if limit is None else max(MEMBERS_MAX, limit + 1),
                limit=limit,
            )
            fresh = wanted.fresh(reader, found)
            for index, person in enumerate(found):
                if fresh is not None and index not in fresh:
                    continue
                attributes = _attributes(person, policy, snapshot)
                chosen = wanted.batches_of(person, attributes, self._batches)
                if not chosen:
                    continue
                entity = wanted.shown(attributes)
                if wanted.with_events:
                    told = wanted.timeline(reader, self._packing, person, policy, snapshot)
                    entity = {**entity, TIMELINE: told}
                piece.add(entity, chosen, trace, now_ms)
                self._count(person, snapshot)
                if piece.bytes > PIECE_BYTES_MAX and _ends_cluster(found, index):
                    return following if index + 1 == len(found) else behind(person)
        return following

    def _write(
        self, rows: list[Landing], batch: str, union: Union, names: set[str], *, keeps: bool
    ) -> None:
        at = self._at
        count = at.pieces.get(batch, 0)
        self._pieces.write(
            self._shop.lake.prepared(),
            union.root,
            rows,
            batch=batch,
            number=count,
            names=names,
            keeps=keeps,
        )
        at.pieces[batch] = count + 1
        at.rows[batch] = at.rows.get(batch, 0) + len(rows)

    def _count(self, person: Person, snapshot: Snapshot) -> None:
        self._at.profiles += 1
        counted = self._at.namespaces
        for namespace_id in {member.namespace_id for member in person.owner.members}:
            namespace = snapshot.namespaces.by_id(namespace_id)
            code = namespace.code if namespace is not None else str(namespace_id)
            counted[code] = counted.get(code, 0) + 1

    def _policy(self, snapshot: Snapshot) -> MergePolicy:
        policy = snapshot.policies.get(self._demand["mergePolicy"]["id"])
        if policy is None:
            raise NotFound("PRO-1005", "The merge policy does not exist any more")
        return policy

    def _may_land(self) -> bool:
        """Mark the export as landing; from here on it cannot be called off."""
        with self._work.transaction() as transaction:
            return export_jobs.land(transaction, self._number, self._shop.clock.now_ms())

    def _land(self) -> None:
        shop, at, dataset = self._shop, self._at, self._demand["datasetId"]
        snapshot = shop.definitions.snapshot(shop.sandbox.id)
        union = _union(snapshot, dataset)
        stored = datasets.by_id(shop.places.control(), shop.sandbox.id, dataset)
        tags = stored.tags if stored is not None else {}
        exports = [
            Export(
                dataset=dataset,
                table=next(iter(tags.get(TABLE_TAG, ())), "") or snapshot.datasets[dataset].name,
                root=union.root,
                batch=batch,
                files=self._pieces.paths(batch, at.pieces.get(batch, 0)),
                records=at.rows.get(batch, 0),
                first_ms=at.begun_ms,
                last_ms=at.read_ms,
            )
            for batch in self._batches
        ]
        shop.lake.publish(exports)
        with self._work.transaction() as transaction:
            for export in exports:
                batches.insert(transaction, self._batch(export))

    def _batch(self, export: Export) -> Batch:
        """What the catalogue says of an export."""
        now_ms = self._shop.clock.now_ms()
        return Batch(
            id=export.batch,
            dataset=export.dataset,
            status=BatchState.SUCCESS,
            origin="export",
            external_id=export.batch,
            client=self._demand["clientId"],
            details=Details(
                metrics={
                    "inputRecordCount": export.records,
                    "outputRecordCount": export.records,
                    "failedRecordCount": 0,
                }
            ),
            created_ms=self._at.begun_ms,
            updated_ms=now_ms,
            started_ms=self._at.begun_ms,
            completed_ms=now_ms,
        )


class _Wanted:
    """Which profiles an export asks for, and what of them."""

    def __init__(self, said: Mapping[str, JSON]) -> None:
        demand = msgspec.convert(
            {
                "schema": said["schema"],
                "destination": msgspec.to_builtins(ExportDestination()),
                **{name: said[name] for name in _KEPT if name in said},
            },
            ExportDemand,
        )
        asked = demand.filter or ExportFilter()
        listed = demand.additional_fields.event_list if demand.additional_fields else None
        self._memberships = membership_filter(asked)
        self._by_segment: bool = said["segmentPerBatch"]
        self._since_ms = moment(asked.from_ingest_timestamp, "filter.fromIngestTimestamp")
        self._with_empty = bool(asked.empty_profiles)
        self._selector = _selector(demand.fields, _ALWAYS)
        self.with_events = listed is not None
        self._event_selector = _selector(listed.fields if listed else None)
        since = listed.filter.from_ingest_timestamp if listed and listed.filter else None
        self._events_since_ms = moment(since, "eventList.filter.fromIngestTimestamp") or 0

    def fresh(self, reader: Reader, found: Sequence[Person]) -> set[int] | None:
        """The positions of those of whom something has arrived since; None: that was not asked."""
        since_ms = self._since_ms
        if since_ms is None:
            return None
        fresh = {
            position
            for position, person in enumerate(found)
            if any(fragment.ingested_ms >= since_ms for fragment in person.fragments)
        }
        others = {
            member.xid: position
            for position, person in enumerate(found)
            if position not in fresh
            for member in person.owner.members
        }
        newest = events.newest_of(reader, list(others))
        return fresh | {others[xid] for xid, at_ms in newest.items() if at_ms >= since_ms}

    def batches_of(
        self, person: Person, attributes: Mapping[str, JSON], batches: Sequence[str]
    ) -> list[str]:
        """Those of an export's batches that a profile belongs into."""
        if not person.fragments and not self._with_empty:
            return []
        if not self._memberships.asks:
            return [batches[0]]
        found = self._memberships.matching(attributes)
        if self._by_segment:
            return [batches[position] for position in found]
        return [batches[0]] if found else []

    def shown(self, attributes: dict[str, JSON]) -> dict[str, JSON]:
        """What is exported of a profile."""
        return selected(attributes, self._selector)

    def timeline(
        self,
        reader: Reader,
        packing: Packing,
        person: Person,
        policy: MergePolicy,
        snapshot: Snapshot,
    ) -> list[JSON]:
        """The events that stand with a profile, without those that are to go nowhere.
        Source: Intilery contract, 13.4."""
        owners = [member.xid for member in person.owner.members]
        found = events.arrived(
            reader, packing, owners, since_ms=self._events_since_ms, limit=EVENTS_MAX
        )
        told = (
            decode_json(event.body)
            for event in found
            if policy.admits_event(event.dataset, snapshot.event_datasets)
        )
        return [selected(one, self._event_selector) for one in told if not _stays_here(one)]


_KEPT = ("fields", "filter", "additionalFields")


def _stays_here(event: Mapping[str, JSON]) -> bool:
    message = message_in(event)
    return message is not None and stays_here(message)


def _selector(fields: str | None, always: Sequence[str] = ()) -> Selector | None:
    """What a list of paths selects; None: everything."""
    paths = [path for path in (fields or "").split(",") if path]
    return selector([*paths, *always]) if paths else None


def _attributes(person: Person, policy: MergePolicy, snapshot: Snapshot) -> dict[str, JSON]:
    """The merged profile, as a lookup shows it."""
    return {
        **merged(person.fragments, policy),
        "identityMap": identity_map(person.owner, snapshot),
    }


def _ends_cluster(found: Sequence[Person], index: int) -> bool:
    """Whether the next person is of another cluster, so that a page may end here."""
    return index + 1 == len(found) or found[index + 1].cluster != found[index].cluster


def _union(snapshot: Snapshot, dataset: str) -> Union:
    """The form of the rows. Raises NotFound CTL-1007 for a dataset that is gone, XDM-1001 for
    schemas that have no union."""
    if dataset not in snapshot.datasets:
        raise NotFound("CTL-1007", "The destination does not exist any more")
    form = snapshot.form_of(dataset)
    if not isinstance(form, Union):
        raise NotFound("XDM-1001", "The schemas of people have no union")
    return form


def _is_loose(union: Union, snapshot: Snapshot, names: set[str]) -> bool:
    """Whether columns may not hold all that a profile says: they never can, a dataset was not
    checked, or a field is of a schema that is in the union no more."""
    return (
        not names <= union.root.properties.keys()
        or not is_whole(union.root)
        or any(d.validation_disabled and d.profile_enabled for d in snapshot.datasets.values())
    )


def _directory(shop: Workshop, number: int) -> Path:
    return shop.lake.directory / PIECES / str(number)


def _tidy(shop: Workshop) -> None:
    """Delete the pieces of exports that have failed."""
    work = shop.places.work(shop.sandbox.id)
    for directory in (shop.lake.directory / PIECES).glob("*"):
        job = jobs.get(work, export_jobs.job_id(int(directory.name)))
        if job is None or job.state in (State.DONE, State.FAILED):
            Pieces(directory).remove()
