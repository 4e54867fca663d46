"""The job of a privacy request: gather what is known under some identities, or delete it.

Deletion takes one place after the other: the profile store by removals through the journal, the
lake, the failed records, and at last the journal itself. After a crash the place that was being
done is done again, which does no harm. What was found is counted in the progress, by product.

Source: platform contract, 12, "Delete semantics": the profile loses what is stored under the
identity, and records of others that name it; the graph loses the identity; the lake loses records
that name it as primary or secondary. Intilery contract, 11.2: where devices are handed over,
records that are another person's are no part of any of it, and what they name stays in the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from onefold.domain import suppression
from onefold.domain.failed_record import FailedRecord
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.profile.fragment import Fragment
from onefold.domain.removal import ROWS_MAX, Removal
from onefold.domain.suppression import Suppression
from onefold.jobs.archive import Archive, expire
from onefold.jobs.land_dataset import landed
from onefold.jobs.orders import applied, order
from onefold.jobs.told import told
from onefold.jobs.whose import Whose
from onefold.jobs.workshop import Workshop
from onefold.journal import Accepted
from onefold.lake.lake import EVER
from onefold.pipeline.belonging import Split, split, unnamed
from onefold.pipeline.forget import last_of_each
from onefold.store.engine import Engine
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import (
    events,
    failed_records,
    fragments,
    identities,
    links,
    suppressions,
)
from onefold.store.tables.events import StoredEvent
from onefold.store.tables.jobs import Job
from onefold.store.tables.progress import progress
from onefold.store.tables.sightings import Seen
from onefold.wire import JSON, decode_json, iso_millis

PAGE_ROWS = 500
PROFILE, GRAPH, LAKE = "profileService", "identity", "aepDataLake"


def privacy(job: Job, shop: Workshop) -> Iterator[JSON]:
    """Do what one job of a privacy request asks for."""
    if job.argument["action"] == "access":
        return _Gathering(job, shop).steps()
    return _Deletion(job, shop).steps()


class _Request:
    """What the job is about, and how far it has come.

    counts: by product, what was found. stage: how many places are done. cursor: how far the place
    was gone through that is being done.
    """

    def __init__(self, job: Job, shop: Workshop) -> None:
        self.shop = shop
        self.job_id = job.id
        self.asked_ms = job.created_ms
        self.include: Sequence[str] = job.argument["include"]
        kept = job.progress or {}
        self.stage: int = kept.get("stage", 0)
        self.cursor: int = kept.get("cursor", 0)
        self.counts: dict[str, dict[str, int]] = kept.get("results", {})
        self.engine: Engine = shop.places.profile(shop.sandbox.id)
        self.packing = Packing(self.engine)
        named = [Identity(u["namespaceId"], u["value"]) for u in job.argument["userIds"]]
        self.whom = {xids.encode(one.namespace_id, one.value): one for one in named}
        members = kept.get("members")
        if members is None and job.argument["expandIds"]:
            members = self._members()
        for xid, namespace_id, value in members or ():
            self.whom[xid] = Identity(namespace_id, value)
        self.members: JSON = members
        """The other identities of the clusters, found before anything was taken apart."""
        unnamed: JSON = kept.get("unnamed")
        self.unnamed: JSON = self._found_unnamed() if unnamed is None else unnamed
        """Their records that name none of them, as erasures notes them; found as early."""

    def _members(self) -> JSON:
        known = identities.clusters_of(self.engine, sorted(self.whom))
        found = identities.members_of(self.engine, sorted(set(known.values())))
        return [(member.xid, member.namespace_id, member.value) for member in found]

    def snapshot(self) -> Snapshot:
        """The sandbox's definitions, as they are now."""
        return self.shop.definitions.snapshot(self.shop.sandbox.id)

    def seen(self) -> Split:
        """What the store has seen of the identities, and whose it is."""
        return split(self.engine, self.snapshot().rules, self.below())

    def below(self) -> dict[Xid, int]:
        """All that is known of the identities."""
        return dict.fromkeys(self.whom, EVER)

    def whose(self) -> Whose:
        """What is whose, as the store has it at this moment."""
        with self.engine.reading() as reader:
            return Whose(
                reader,
                self.snapshot(),
                {xid: (self.job_id, identity) for xid, identity in self.whom.items()},
                below={self.job_id: EVER},
                tells=told([one.value for one in self.whom.values()]),
                unnamed=[(self.job_id, number, call) for number, call in self.unnamed],
            )

    def in_lake(self) -> dict[str, dict[int, set[str]]]:
        """By dataset and number, the rows that are about the identities."""
        lake, snapshot, whose = self.shop.lake, self.snapshot(), self.whose()
        found = lake.naming(dict.fromkeys(self.whom.values(), EVER), snapshot)
        return whose.of_rows(found, lake.holding(whose.numbers, snapshot))

    def _found_unnamed(self) -> JSON:
        account = self.snapshot().account
        found = unnamed(self.seen().theirs, self.whom)
        if account is None or not found:
            return []
        stored = events.of_numbers(self.engine, [one.seq for one in found])
        calls = {seq: name for seq, _, name, dataset in stored if dataset == account.calls}
        return [(one.seq, calls.get(one.seq, "")) for one in found]

    def note(self, product: str, **found: int) -> None:
        """Add to a product's counts."""
        counts = self.counts.setdefault(product, {})
        for name, number in found.items():
            counts[name] = counts.get(name, 0) + number

    def progress(self) -> JSON:
        """What is kept of the job."""
        return {
            "stage": self.stage,
            "cursor": self.cursor,
            "members": self.members,
            "unnamed": self.unnamed,
            "results": self.counts,
        }

    def fragments(self) -> list[Fragment]:
        """What the profile store has under the identities."""
        others = self.seen().numbers
        found = fragments.fragments_of(self.engine, self.packing, sorted(self.whom))
        return [one for one in found if one.seq not in others]

    def of_others(self) -> list[Seen]:
        """Events and profile records of others that name one of the identities."""
        return [
            one for one in self.seen().theirs if one.owner not in self.whom and not one.graph_only
        ]

    def events(self) -> Iterator[list[tuple[Xid, int, StoredEvent]]]:
        """(owner, record number, event), in pages."""
        others = self.seen().numbers
        for owner in sorted(self.whom):
            after = ""
            while page := events.of_owner(
                self.engine, self.packing, owner, after=after, limit=PAGE_ROWS
            ):
                after = page[-1][0]
                yield [(owner, seq, event) for _, seq, event in page if seq not in others]

    def failed(self) -> Iterator[list[FailedRecord]]:
        """Failed records behind the cursor whose message names one of the identities, in pages that
        may be empty; moves the cursor."""
        whose = self.whose()
        while page := failed_records.listed(
            self.engine, self.packing, after=self.cursor, limit=PAGE_ROWS
        ):
            self.cursor = page[-1].seq
            yield [
                record
                for record in page
                if not record.removal and whose.of_message(record, record.seq)
            ]


class _Gathering:
    """Access: everything that is known under the identities, as one archive."""

    def __init__(self, job: Job, shop: Workshop) -> None:
        self._of = _Request(job, shop)
        self._shop = shop
        self._directory = shop.places.exports(shop.sandbox.id)

    def steps(self) -> Iterator[JSON]:
        of, shop = self._of, self._shop
        expire(self._directory, now_ms=shop.clock.now_ms())
        of.counts.clear()
        of.cursor = 0
        archive = Archive(self._directory / f"{of.job_id}.zip")
        if PROFILE in of.include:
            of.note(PROFILE, fragments=archive.add("profile/fragments.jsonl", self._fragments()))
            yield of.progress()
            of.note(PROFILE, events=archive.add("profile/events.jsonl", self._events()))
            yield of.progress()
            of.note(PROFILE, failedRecords=archive.add("profile/failed.jsonl", self._failed()))
            yield of.progress()
        if GRAPH in of.include:
            of.note(GRAPH, links=archive.add("identity/links.jsonl", self._links()))
        if LAKE in of.include:
            yield from landed(shop)
            found = shop.lake.records(of.in_lake(), of.snapshot())
            of.note(LAKE, records=archive.add("lake/records.jsonl", found))
        archive.add("about.jsonl", [of.counts])
        archive.finish()
        yield of.progress()

    def _fragments(self) -> Iterator[JSON]:
        of = self._of
        for one in of.fragments():
            yield {
                "identity": self._name(one.xid),
                "dataset": one.dataset,
                "receivedAt": iso_millis(one.ingested_ms),
                "attributes": one.attributes,
            }

    def _events(self) -> Iterator[JSON]:
        for page in self._of.events():
            for owner, _, event in page:
                yield {
                    "identity": self._name(owner),
                    "dataset": event.dataset,
                    "receivedAt": iso_millis(event.ingested_ms),
                    "event": decode_json(event.body),
                }

    def _failed(self) -> Iterator[JSON]:
        for page in self._of.failed():
            for record in page:
                yield {
                    "dataset": record.dataset,
                    "receivedAt": iso_millis(record.received_ms),
                    "code": record.fault.code,
                    "message": _readable(record.message),
                }

    def _links(self) -> Iterator[JSON]:
        for xid in sorted(self._of.whom):
            for link in links.of_identity(self._of.engine, xid):
                yield {
                    "identities": [self._name(link.a), self._name(link.b)],
                    "dataset": link.dataset,
                    "firstSeen": iso_millis(link.first_ms),
                    "lastSeen": iso_millis(link.last_ms),
                }

    def _name(self, xid: Xid) -> JSON:
        identity = xids.decode(xid)
        book = self._of.snapshot().namespaces
        namespace = book.by_id(identity.namespace_id)
        code = namespace.code if namespace is not None else str(identity.namespace_id)
        return {"namespace": code, "id": identity.value}


def _readable(message: bytes) -> JSON:
    """A message as JSON; one that cannot be decoded, such as that of a call that failed for it, as
    text."""
    try:
        return decode_json(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return message.decode("utf-8", "replace")


class _Deletion:
    """Delete: first what is there is counted, since a removal that is done again finds less; then
    it is removed, place by place. `places` is their order, and the request's stage counts them."""

    def __init__(self, job: Job, shop: Workshop) -> None:
        self._of = _Request(job, shop)
        self._shop = shop
        self.places = (
            (self._counted, {PROFILE, GRAPH, LAKE}),
            (self._profile, {PROFILE}),
            (self._graph, {GRAPH}),
            (self._failed, {PROFILE}),
            (self._lake, {LAKE}),
            (self._journal, {PROFILE}),
        )

    def steps(self) -> Iterator[JSON]:
        of = self._of
        while of.stage < len(self.places):
            place, products = self.places[of.stage]
            if products & set(of.include):
                yield from place()
            of.stage += 1
            of.cursor = 0
            yield of.progress()

    def _counted(self) -> Iterator[JSON]:
        of, include = self._of, self._of.include
        of.counts.clear()
        if PROFILE in include:
            of.note(
                PROFILE,
                events=sum(len(page) for page in of.events()),
                fragments=len(of.fragments()),
                recordsOfOthers=len(of.of_others()),
                failedRecords=sum(len(page) for page in of.failed()),
            )
        if GRAPH in include:
            known = identities.clusters_of(of.engine, sorted(of.whom))
            found = {link for xid in known for link in links.of_identity(of.engine, xid)}
            of.note(GRAPH, identities=len(known), links=len(found))
        if LAKE in include:
            yield from landed(self._shop)
            of.note(LAKE, records=sum(map(len, of.in_lake().values())))

    def _profile(self) -> Iterator[JSON]:
        """What is stored under the identities, what it superseded included, and what is stored
        under others and names them; from here on what comes late is kept out."""
        of = self._of
        suppress = self._unsuppressed()
        for start in range(0, len(suppress), ROWS_MAX):
            self._append(Removal(suppress=suppress[start : start + ROWS_MAX]))
        for page in filter(None, of.events()):
            self._append(Removal(events=[(owner, e.event_id, seq) for owner, seq, e in page]))
        seen = of.seen()
        kept = fragments.below(of.engine, of.below())
        staying, shared = seen.numbers, seen.shared
        rows = last_of_each([row for row in kept if row[:2] not in shared])
        for start in range(0, len(rows), ROWS_MAX):
            self._append(Removal(fragments=rows[start : start + ROWS_MAX]))
        alone = [
            (owner, dataset, "", number)
            for owner, dataset, number in kept
            if (owner, dataset) in shared and number not in staying
        ]
        for start in range(0, len(alone), ROWS_MAX):
            self._append(Removal(records=alone[start : start + ROWS_MAX]))
        others = of.of_others()
        for start in range(0, len(others), ROWS_MAX):
            some = others[start : start + ROWS_MAX]
            ids = {seq: name for _, name, seq in events.among(of.engine, [s.seq for s in some])}
            records = [(one.owner, one.source, ids.get(one.seq, ""), one.seq) for one in some]
            self._append(Removal(records=records))
        yield from applied(self._shop)

    def _unsuppressed(self) -> list[Suppression]:
        """What keeps the identities out, as far as it is not in force yet."""
        of = self._of
        keys = suppression.Keys(self._shop.sandbox.id)
        wanted = [
            suppression.of_identity(
                keys,
                xid,
                until_ms=of.asked_ms,
                detail=str(identity.namespace_id),
                request=of.job_id,
            )
            for xid, identity in sorted(of.whom.items())
        ]
        known = suppressions.known(of.engine, [one.key for one in wanted])
        return [
            one for one in wanted if one.key not in known or known[one.key].until_ms < one.until_ms
        ]

    def _graph(self) -> Iterator[JSON]:
        """What others' records name stays, once nothing under it is left that is not theirs."""
        of = self._of
        known = set(identities.clusters_of(of.engine, sorted(of.whom)))
        if PROFILE in of.include:
            known -= {xid for one in of.seen().others for xid in (one.owner, *one.named)}
        self._append(Removal(identities=sorted(known)))
        yield from applied(self._shop)

    def _failed(self) -> Iterator[JSON]:
        for page in self._of.failed():
            self._append(Removal(failed=[record.seq for record in page]))
            yield self._of.progress()
        yield from applied(self._shop)

    def _lake(self) -> Iterator[JSON]:
        yield from landed(self._shop)
        self._shop.lake.remove(self._of.in_lake())

    def _journal(self) -> Iterator[JSON]:
        """What was sent is still in the journal; both of its readers have passed it by now."""
        of = self._of
        yield from landed(self._shop)
        to = progress(of.engine).position
        whose = of.whose()

        def kept(number: int, record: Accepted) -> Accepted:
            meant = not record.removal and whose.of_message(record, number)
            return replace(record, message=b"") if meant else record

        while of.cursor < to:
            of.cursor, erased = self._shop.journal.erase(kept, after=of.cursor, to=to)
            of.note(PROFILE, journalRecords=erased)
            yield of.progress()

    def _append(self, what: Removal) -> None:
        order(self._shop, self._of.job_id, what)
