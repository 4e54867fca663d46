"""The job that deletes people: one for all whose deletion was asked for before it begins.

The first part of each deletion was ordered with the request (inlet/deletions.py): the pipeline
takes the person out of the profile store in one transaction, and keeps out what comes late. Here is
what takes longer: failed records, the lake, the journal, and what privacy jobs gathered. Each of
these is gone through once for all people together, and then all places are searched again.

What arrived after the order is somebody new and stays: every search is bounded by the order's
number. Source: profile contract, 3.7; platform contract, 12, "Delete semantics".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from onefold.domain import removal, suppression
from onefold.domain.calls.ids import customer_id
from onefold.domain.deletion import REQUEST_TYPES, Deletion, Person, State
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.removal import ROWS_MAX, Leaving, Removal
from onefold.inlet.deletions import GRACE_MS, first_part
from onefold.jobs.land_dataset import landed
from onefold.jobs.orders import applied, order
from onefold.jobs.receipts import sealed
from onefold.jobs.sweep import Place, Sweep, waited
from onefold.jobs.told import told
from onefold.jobs.whose import Whose
from onefold.jobs.workshop import Workshop
from onefold.journal import Accepted
from onefold.pipeline.belonging import split
from onefold.store.engine import Engine, Transaction
from onefold.store.packing import Packing
from onefold.store.tables import (
    customer_ids,
    deletions,
    erasures,
    events,
    failed_records,
    feed,
    finders,
    fragments,
    identities,
    jobs,
    links,
    sightings,
    suppressions,
)
from onefold.store.tables.jobs import Job
from onefold.wire import JSON, iso_millis

PEOPLE_MAX = 1_000
"""Of one job; the others wait for the next."""
PAGE_ROWS = 500
PAGE_RECORDS = 2_000

STORE = {
    "events": "by owner",
    "fragments": "by owner, with what they superseded",
    "sightings": "by every identity that a record named",
    "recordsOfOthers": "records of others that name the person, by their sightings",
    "links": "by either end",
    "identities": "by name, as far as nothing newer names them",
    "feed": "entries of the timelines of accounts, and what computed traits took of them, by owner",
    "finders": "names that lead to a customer, by whose fragment says them",
    "customerIds": "by identity",
}
FAILED = {"failedRecords": "every message, by the values of the identities"}
LAKE = {"lake": "every table: identityMap, marked fields and records kept as they were sent"}
JOURNAL = {"journal": "every message, by the values of the identities"}
ARCHIVES = {"privacyArchives": "what privacy jobs gathered, by the identities that they gathered"}


def delete_people(job: Job, shop: Workshop) -> Iterator[JSON]:
    """Delete everybody who waits for it, with a receipt for each."""
    work = shop.places.work(shop.sandbox.id)
    people = _taken(job, shop, work)
    if not people:
        return
    yield from ordered(people, shop, work)
    people = deletions.taken(work, job.id)
    sweep = Sweep(shop.clock, job.progress)
    places = _Places(people, shop, sweep).all()
    for step in sweep.steps(places):
        yield waited(step, sweep.kept())
    _finish(people, shop, sweep, places)
    yield sweep.kept()


def _taken(job: Job, shop: Workshop, work: Engine) -> list[Deletion]:
    """The people of this job: those that it has taken up, or takes up now. Others have a job of
    their own from then on, which they lack who asked while this one waited to go on."""
    now_ms = shop.clock.now_ms()
    with work.transaction() as transaction:
        taken = deletions.taken(transaction, job.id)
        if not taken and job.progress is None:
            waiting = deletions.untaken(transaction, made_ms=now_ms - GRACE_MS, limit=PEOPLE_MAX)
            taken = [replace(one, job=job.id, updated_ms=now_ms) for one in waiting]
            for one in taken:
                deletions.update(transaction, one)
        _have_next(job, transaction, shop, now_ms=now_ms)
    return taken


def _have_next(job: Job, transaction: Transaction, shop: Workshop, *, now_ms: int) -> None:
    """A job for those whom no job has taken up. Of some it is not known yet whether the order
    stands: these have to wait."""
    ready = deletions.untaken(transaction, made_ms=now_ms - GRACE_MS, limit=1)
    left = ready or deletions.untaken(transaction, made_ms=now_ms, limit=1)
    if left:
        more = Job(id=shop.ids.uuid(), kind=job.kind, created_ms=now_ms, updated_ms=now_ms)
        due_ms = now_ms if ready else left[0].created_ms + GRACE_MS
        jobs.have(transaction, more, due_ms=due_ms)


def ordered(people: Iterable[Deletion], shop: Workshop, work: Engine) -> Iterator[JSON]:
    """Order the first part of those for whom nobody has said yet that it was."""
    keys = suppression.Keys(shop.sandbox.id)
    for one in people:
        if one.position:
            continue
        position = order(shop, one.id, first_part(one, keys))
        (chunk,) = shop.journal.read(position - 1, records_max=1)
        with work.transaction() as transaction:
            now_ms = shop.clock.now_ms()
            deletions.update(
                transaction,
                replace(
                    one,
                    position=position,
                    number=one.number or chunk.first,
                    updated_ms=now_ms,
                ),
            )
        yield None


def _finish(people: list[Deletion], shop: Workshop, sweep: Sweep, places: list[Place]) -> None:
    """Write the receipts, and forget who it was about."""
    profile, work = shop.places.profile(shop.sandbox.id), shop.places.work(shop.sandbox.id)
    now_ms = shop.clock.now_ms()
    kept = suppressions.known(profile, sorted({key for one in people for key in one.person.keys}))
    with work.transaction() as transaction:
        for one in people:
            left = sweep.left_over(one.id)
            receipt = {
                "id": one.id,
                "requestType": REQUEST_TYPES[one.kind],
                "subject": {"identities": len(one.person.keys), "keys": one.person.keys},
                "requestedAt": iso_millis(one.created_ms),
                "completedAt": iso_millis(now_ms),
                "position": max(one.position, sweep.position),
                "rounds": sweep.round,
                "places": sweep.told(one.id, places),
                "suppressions": [
                    {"kind": kept[key].kind, "key": key, "until": _until(kept[key].until_ms)}
                    for key in one.person.keys
                    if key in kept
                ],
            }
            done = replace(
                one,
                state=State.ERROR if left else State.COMPLETED,
                person=one.person if left else Person([], one.person.keys),
                records=sweep.removed(one.id),
                receipt=sealed(receipt),
                updated_ms=now_ms,
            )
            deletions.update(transaction, done)


def _until(until_ms: int) -> str | None:
    """None: until it is lifted, since a regulation keeps the person out, too."""
    return None if until_ms >= suppression.EVER else iso_millis(until_ms)


class _Places:
    """Where a person's data lies. below: of each identity, the number of the first record that is
    not meant. subject: whose an identity is, by XID and by value; equal values of two namespaces
    are told apart by neither messages nor here, and go together. What is of somebody else, though
    it names one of them, is neither searched for nor counted (whose.py)."""

    def __init__(self, people: list[Deletion], shop: Workshop, sweep: Sweep) -> None:
        self._people = people
        self._shop = shop
        self._sweep = sweep
        self._profile: Engine = shop.places.profile(shop.sandbox.id)
        self._packing = Packing(self._profile)
        self._whom: dict[Xid, tuple[Deletion, Identity]] = {
            xid: (one, identity)
            for one in people
            for xid, identity in one.person.identities().items()
        }
        self._numbers = {one.id: one.number for one in people}
        self._tells = told([identity.value for _, identity in self._whom.values()])
        self._last = max(people, key=lambda one: one.position)

    def all(self) -> list[Place]:
        """The places, in the order in which they are done."""
        return [
            Place(STORE, self._search_store, self._clear_store),
            Place(FAILED, self._search_failed, self._clear_failed),
            Place(LAKE, self._search_lake, self._clear_lake),
            Place(JOURNAL, self._search_journal, self._clear_journal, always=True),
            Place(ARCHIVES, self._search_archives, self._clear_archives),
        ]

    def _search_store(self) -> Iterator[JSON]:
        """At first what the pipeline has removed, and what is there nevertheless."""
        yield from applied(self._shop, self._last.position)
        if self._sweep.round == 1:
            requests = sorted(self._numbers)
            for (request, name), removed in erasures.of(self._profile, requests).items():
                self._sweep.found(request, name, removed)
        for xid, (one, _) in self._whom.items():
            for name, number in self._stored(xid, one).items():
                self._sweep.found(one.id, name, number)

    def _stored(self, xid: Xid, one: Deletion) -> Mapping[str, int]:
        """What the profile store has of an identity of a person, and should not have."""
        profile, below = self._profile, one.number
        rules = self._shop.definitions.snapshot(self._shop.sandbox.id).rules
        seen = split(profile, rules, dict.fromkeys(one.person.identities(), below), of=[xid])
        others = seen.numbers
        owned = [row for row in events.below(profile, xid, below) if row[2] not in others]
        kept = [row for row in fragments.below(profile, {xid: below}) if row[2] not in others]
        found = {"events": len(owned), "fragments": len(kept), "sightings": len(seen.theirs)}
        number = len(seen.theirs)
        if (
            sightings.count(profile, [xid], limit=number) == number
        ):  # neither newer nor others' ones
            found["links"] = len({(one.a, one.b) for one in links.of_identity(profile, xid)})
            owning = [*events.owning(profile, [xid]), *fragments.owning(profile, [xid])]
            if not owning and identities.cluster_of(profile, xid) is not None:
                found["identities"] = 1
        found["feed"] = feed.left(profile, xid)
        found["finders"] = finders.left(profile, xid)
        if identities.cluster_of(profile, xid) is None:
            id_ = customer_id(self._shop.sandbox.id, xid)
            found["customerIds"] = len(customer_ids.known(profile, [id_]))
        return found

    def _clear_store(self) -> Iterator[JSON]:
        left = [
            (xid, one, found)
            for xid, (one, _) in self._whom.items()
            if any((found := self._stored(xid, one)).values())
        ]
        alone = [xid for xid, _, found in left if found.get("identities")]
        orders = [Removal(identities=alone)]
        for start in range(0, len(left), ROWS_MAX):
            some = left[start : start + ROWS_MAX]
            orders.append(
                Removal(people=[Leaving(xid, one.number, one.id) for xid, one, _ in some])
            )
        yield from self._order(orders)

    def _order(self, orders: Sequence[Removal]) -> Iterator[JSON]:
        """Have them carried out; the cursor is where the last one stands, once they are ordered."""
        sweep = self._sweep
        if not sweep.cursor and any(orders):
            for what in orders:
                position = order(self._shop, self._last.job, what)
                sweep.position = max(position, sweep.position)
            sweep.cursor = sweep.position
            yield None
        yield from applied(self._shop, sweep.cursor)

    def _whose(self) -> Whose:
        """What is whose, as the store has it at this moment."""
        with self._profile.reading() as reader:
            return Whose(
                reader,
                self._shop.definitions.snapshot(self._shop.sandbox.id),
                {xid: (one.id, identity) for xid, (one, identity) in self._whom.items()},
                below=self._numbers,
                tells=self._tells,
                unnamed=erasures.records_of(reader, sorted(self._numbers)),
            )

    def _search_failed(self) -> Iterator[JSON]:
        sweep, whose = self._sweep, self._whose()
        while page := failed_records.listed(
            self._profile, self._packing, after=sweep.cursor, limit=PAGE_ROWS
        ):
            for record in page:
                meant = set() if record.removal else whose.of_message(record, record.seq)
                for subject in meant:
                    sweep.found(subject, "failedRecords")
                if meant:
                    sweep.numbers.append(record.seq)
            sweep.cursor = page[-1].seq
            yield None

    def _clear_failed(self) -> Iterator[JSON]:
        numbers = self._sweep.numbers
        yield from self._order(
            [
                Removal(failed=numbers[start : start + ROWS_MAX])
                for start in range(0, len(numbers), ROWS_MAX)
            ]
        )

    def _in_lake(self) -> dict[str, dict[int, set[str]]]:
        """By dataset and number, the people whose rows these are."""
        lake, whose = self._shop.lake, self._whose()
        snapshot = self._shop.definitions.snapshot(self._shop.sandbox.id)
        below = {identity: one.number for one, identity in self._whom.values()}
        found = lake.naming(below, snapshot)
        return whose.of_rows(found, lake.holding(whose.numbers, snapshot))

    def _search_lake(self) -> Iterator[JSON]:
        yield from landed(self._shop)
        for rows in self._in_lake().values():
            for subjects in rows.values():
                for subject in subjects:
                    self._sweep.found(subject, "lake")

    def _clear_lake(self) -> Iterator[JSON]:
        self._shop.lake.remove(self._in_lake())
        yield from ()

    def _search_journal(self) -> Iterator[JSON]:
        sweep, whose = self._sweep, self._whose()
        while sweep.cursor < self._last.position:
            chunks = self._shop.journal.read(sweep.cursor, records_max=PAGE_RECORDS)
            for chunk in chunks:
                for seq, record in enumerate(chunk.records, chunk.first):
                    meant = set() if record.removal else whose.of_message(record, seq)
                    for subject in meant:
                        sweep.found(subject, "journal")
            sweep.cursor = chunks[-1].position if chunks else self._last.position
            yield None

    def _clear_journal(self) -> Iterator[JSON]:
        """What was sent, and the orders that name the people, these and others: both of its readers
        have passed it by now."""
        sweep, journal = self._sweep, self._shop.journal
        to = max(self._last.position, sweep.position)
        kept = partial(self._erased, self._whose())
        while sweep.cursor < to:
            sweep.cursor, _ = journal.erase(kept, after=sweep.cursor, to=to)
            yield None

    def _erased(self, whose: Whose, number: int, record: Accepted) -> Accepted:
        if record.removal:
            what = removal.decode(record.message)
            ours = record.trace == self._last.job or record.trace in self._numbers
            whom = {xid for xid, (one, _) in self._whom.items() if ours or number <= one.number}
            left = removal.without(what, whom)
            return record if left == what else replace(record, message=removal.encode(left))
        return replace(record, message=b"") if whose.of_message(record, number) else record

    def _search_archives(self) -> Iterator[JSON]:
        whose = {
            (identity.namespace_id, identity.value): one.id for one, identity in self._whom.values()
        }
        for _, named in self._archives():
            for subject in {whose[one] for one in named & whose.keys()}:
                self._sweep.found(subject, "privacyArchives")
        yield from ()

    def _clear_archives(self) -> Iterator[JSON]:
        meant = {(one.namespace_id, one.value) for _, one in self._whom.values()}
        for path, named in self._archives():
            if named & meant:
                path.unlink(missing_ok=True)
        yield from ()

    def _archives(self) -> Iterator[tuple[Path, set[tuple[int, str]]]]:
        """The archives that are there, each with the identities that it is about."""
        directory = self._shop.places.exports(self._shop.sandbox.id)
        work = self._shop.places.work(self._shop.sandbox.id)
        for path in sorted(directory.glob("*.zip")):
            job = jobs.get(work, path.stem)
            if job is None:
                continue
            named = {(one["namespaceId"], one["value"]) for one in job.argument["userIds"]}
            members = (job.progress or {}).get("members") or ()
            yield path, named | {(member[1], member[2]) for member in members}
