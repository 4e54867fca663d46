"""Deletions from profiles as callers ask for them: of a dataset, of a batch of events, of a person.

What has to be done is done by jobs/delete_data.py and jobs/delete_people.py. Of a person's deletion
the first part, after which the person is not found any more, is appended here, so that nobody has
to wait for a job to begin. Source: profile contract, 3.7 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from onefold.domain import suppression
from onefold.domain.deletion import Deletion, Kind, Person, State
from onefold.domain.identity.identity import Xid
from onefold.domain.removal import Leaving, Removal
from onefold.domain.sandbox import Sandbox, SandboxId
from onefold.effects import Clock, Ids
from onefold.errors import Malformed, NotFound, OverLimit, Unavailable
from onefold.inlet.accept import Inlets
from onefold.store.engine import Reader, Transaction
from onefold.store.places import Places
from onefold.store.snapshot import Dataset, Definitions, Snapshot
from onefold.store.tables import batches, deletions, jobs, outcomes

DELETE_DATA, DELETE_PEOPLE = "delete_data", "delete_people"
"""Kinds of jobs."""

GRACE_MS = 60_000
"""How old a person's deletion is before a job does the first part of it: that its process died
before it could say whether it had."""

_WRONG = "Invalid delete request (Profile System Job)"


class Deletions:
    """The deletions of every sandbox."""

    def __init__(
        self, *, places: Places, definitions: Definitions, inlets: Inlets, clock: Clock, ids: Ids
    ) -> None:
        self._places = places
        self._definitions = definitions
        self._inlets = inlets
        self._clock = clock
        self._ids = ids

    def data(self, sandbox: Sandbox, *, dataset: str, batch: str) -> Deletion:
        """Ask for the deletion of what a dataset has brought, or of the events of a batch; one of
        the two may be empty.

        Raises Malformed DEL-1001 when both are empty or the dataset does not exist, DEL-1002 for a
        batch that the dataset does not have, DEL-1003 for a batch of records, and OverLimit
        DEL-1004 while the same is being deleted.
        """
        kind = Kind.BATCH if batch else Kind.DATASET
        dataset = self._checked(sandbox, dataset, batch)
        end = self._inlets.end(sandbox.id)
        now_ms = self._clock.now_ms()
        asked = Deletion(
            id=self._ids.uuid(),
            kind=kind,
            state=State.NEW,
            dataset=dataset,
            batch=batch,
            position=end.position,
            number=end.records + 1,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        asked = replace(asked, job=asked.id)
        with self._places.work(sandbox.id).transaction() as transaction:
            if deletions.is_open(transaction, kind=kind, dataset=dataset, batch=batch):
                raise OverLimit("DEL-1004", f"{_WRONG}: the same request is open")
            deletions.add(transaction, asked)
            jobs.add(
                transaction,
                jobs.Job(id=asked.id, kind=DELETE_DATA, created_ms=now_ms, updated_ms=now_ms),
            )
        return asked

    def person(self, sandbox: Sandbox, whom: Sequence[tuple[Xid, int, str]]) -> Deletion:
        """Delete the person who has these identities, given as (xid, namespace id, value).

        When this returns the order stands in the journal: who asks when the pipeline has passed it
        finds nobody. Raises Unavailable INL-1017: nothing was done; and with another code when it
        is not known whether the order stands: then the deletion does, and a job orders it again.
        """
        now_ms = self._clock.now_ms()
        keys = suppression.Keys(sandbox.id)
        asked = Deletion(
            id=self._ids.uuid(),
            kind=Kind.PERSON,
            state=State.PROCESSING,
            person=Person(list(whom), sorted(keys.identity(one[0]) for one in whom)),
            started_ms=now_ms,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        work = self._places.work(sandbox.id)
        with work.transaction() as transaction:
            deletions.add(transaction, asked)
            self._have_job(transaction, due_ms=now_ms + GRACE_MS, now_ms=now_ms)
        try:
            position, number = self._inlets.order(
                sandbox.id, first_part(asked, keys), trace=asked.id
            )
        except Unavailable as refusal:
            if refusal.code == "INL-1017":
                with work.transaction() as transaction:
                    deletions.remove(transaction, asked.id)
            raise
        asked = replace(asked, position=position, number=number)
        with work.transaction() as transaction:
            deletions.update(transaction, asked)
            self._have_job(transaction, due_ms=now_ms, now_ms=now_ms)
        return asked

    def listed(
        self, sandbox: SandboxId, *, order: str, descending: bool, offset: int, limit: int
    ) -> tuple[list[Deletion], int]:
        """A page of the deletions, and how many there are. order: one of `deletions.ORDERS`."""
        with self._places.work(sandbox).reading() as reader:
            found = deletions.listed(
                reader, order=order, descending=descending, offset=offset, limit=limit
            )
            return [_as_is(reader, one) for one in found], deletions.count(reader)

    def got(self, sandbox: SandboxId, deletion_id: str) -> Deletion:
        """The deletion with this id. Raises NotFound DEL-1005, also when it was dismissed."""
        with self._places.work(sandbox).reading() as reader:
            found = deletions.get(reader, deletion_id)
            if found is None or found.dismissed:
                raise NotFound("DEL-1005", "No system job has this id")
            return _as_is(reader, found)

    def receipt(self, sandbox: SandboxId, deletion_id: str) -> str:
        """The receipt of a deletion that is done, as JSON. Raises NotFound DEL-1006."""
        found = deletions.get(self._places.work(sandbox), deletion_id)
        if found is None or found.receipt is None:
            raise NotFound("DEL-1006", "No deletion that is done has this id")
        return found.receipt

    def dismiss(self, sandbox: SandboxId, deletion_id: str) -> None:
        """Remove a deletion from the list. One that is new is cancelled; every other one goes on,
        and what is gone stays gone. Raises NotFound DEL-1005."""
        with self._places.work(sandbox).transaction() as transaction:
            found = deletions.get(transaction, deletion_id)
            if found is None or found.dismissed:
                raise NotFound("DEL-1005", "No system job has this id")
            if found.state is State.NEW:
                deletions.remove(transaction, deletion_id)
            else:
                deletions.dismiss(transaction, deletion_id)

    def _checked(self, sandbox: Sandbox, dataset: str, batch: str) -> str:
        """The dataset whose data is meant."""
        snapshot = self._definitions.snapshot(sandbox.id)
        if not dataset and not batch:
            raise Malformed("DEL-1001", f"{_WRONG}: dataSetId or batchId is needed")
        if dataset and dataset not in snapshot.datasets:
            # One that was deleted may have left data.
            counts = outcomes.counts(self._places.profile(sandbox.id))
            if not any(named == dataset for named, _ in counts):
                raise Malformed("DEL-1001", f"{_WRONG}: no dataset has this id")
        if not batch:
            return dataset
        found = batches.get(self._places.work(sandbox.id), batch)
        if found is None or (dataset and found.dataset != dataset):
            raise Malformed("DEL-1002", f"Batch not found for profile dataset '{dataset or batch}'")
        known = snapshot.datasets.get(found.dataset)
        if known is None or not _is_of_events(known, snapshot):
            raise Malformed(
                "DEL-1003", f"Batch can only be specified for EE type '{found.dataset}'"
            )
        return found.dataset

    def _have_job(self, transaction: Transaction, *, due_ms: int, now_ms: int) -> None:
        """One job takes up all people that wait when it begins: what it has to read through it
        reads once for all of them."""
        jobs.have(
            transaction,
            jobs.Job(id=self._ids.uuid(), kind=DELETE_PEOPLE, created_ms=now_ms, updated_ms=now_ms),
            due_ms=due_ms,
        )


def first_part(asked: Deletion, keys: suppression.Keys) -> Removal:
    """The order after which a person is not found, and does not come back by records that are not
    younger than the request. One that has a number already means what came before that, and goes
    with a regulation, which says by itself what is kept out."""
    whom = asked.person.whom
    if asked.number:
        return Removal(people=[Leaving(xid, asked.number, asked.id) for xid, _, _ in whom])
    return Removal(
        people=[Leaving(xid, 0, asked.id) for xid, _, _ in whom],
        suppress=[
            suppression.of_identity(
                keys, xid, until_ms=asked.created_ms, detail=str(namespace_id), request=asked.id
            )
            for xid, namespace_id, _ in whom
        ],
    )


def _as_is(reader: Reader, one: Deletion) -> Deletion:
    """A deletion whose job could not be done has failed, though it could not say so itself."""
    if one.state not in (State.NEW, State.PROCESSING) or not one.job:
        return one
    job = jobs.get(reader, one.job)
    failed = job is not None and job.state is jobs.State.FAILED
    return replace(one, state=State.ERROR) if failed else one


def _is_of_events(dataset: Dataset, snapshot: Snapshot) -> bool:
    schema = snapshot.schemas.get(dataset.schema_id)
    return schema is not None and schema.behaviour == "time-series"
