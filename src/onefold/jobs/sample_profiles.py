"""The job of a sample: counts everybody under the default merge policy, and makes the reports.

It goes through the graphs in the order of their names, a page at a time, each page of one state of
the store. What was counted so far is the job's progress, so it goes on where it was stopped, with
the policy that it began with. People who are joined or parted meanwhile may be missed or counted
twice: a sample is of the time that it took. Graphs of more than 50 identities answer no lookup and
are left out.

Source: profile contract, 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import msgspec

from onefold.control import preview_samples
from onefold.domain.graph.settings import CLUSTER_LIMIT
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import SYSTEM_SOURCES
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.sample import Part, Person, Tallies, Timeline, in_sample
from onefold.domain.profile.sample_reports import Count, Named, day_of, reports
from onefold.jobs.workshop import Workshop
from onefold.store.engine import Reader
from onefold.store.tables import datasets, identities, profile_samples, survey
from onefold.store.tables.jobs import Job
from onefold.store.tables.profile_samples import Sample
from onefold.wire import JSON

PAGE_ROWS = 4_000
"""Identities of a step; some 0.1 seconds when each has a handful of events."""
KEEP_MS = 400 * 86_400_000
"""How long reports are kept."""
_AFTER_ALL = "\x7f"
"""Behind every XID, which are printable ASCII."""

_Row = tuple[Xid, Xid, int]
"""Cluster, XID, namespace."""
_cluster_of = itemgetter(0)


class _Progress(msgspec.Struct):
    """How far the job is. cursor: (cluster, XID) of the identity counted last. seen: people passed.
    percent: for whoever watches; 100 says that the sample is kept."""

    started_ms: int
    policy: MergePolicy
    population: int
    limit: int
    cursor: tuple[str, str] = ("", "")
    seen: int = 0
    percent: int = 0
    tallies: Tallies = msgspec.field(default_factory=Tallies)


def sample_profiles(job: Job, shop: Workshop) -> Iterator[JSON]:
    """Take one sample."""
    kept = job.progress
    if kept is not None and kept["percent"] == 100:
        return
    count = _Counting(shop, msgspec.convert(kept, _Progress) if kept else _begun(shop))
    while count.page():
        yield count.progress()
    yield count.finish()


def _begun(shop: Workshop) -> _Progress:
    policy = preview_samples.policy_of(shop.definitions.snapshot(shop.sandbox.id))
    return _Progress(
        started_ms=shop.clock.now_ms(),
        policy=policy,
        population=preview_samples.population(shop.places.profile(shop.sandbox.id), policy),
        limit=shop.settings.preview_profiles_max,
    )


class _Counting:
    """One count under way."""

    def __init__(self, shop: Workshop, so_far: _Progress) -> None:
        self._shop = shop
        self._so_far = so_far
        self._engine = shop.places.profile(shop.sandbox.id)
        snapshot = shop.definitions.snapshot(shop.sandbox.id)
        self._snapshot = snapshot
        policy = so_far.policy
        self._admits_all = policy.attribute_merge == "timestampOrdered" or (
            snapshot.event_datasets.isdisjoint(policy.order)
        )

    def progress(self) -> JSON:
        """What is kept of the job."""
        return msgspec.to_builtins(self._so_far)

    def page(self) -> bool:
        """Count the people of one page; answer whether there were any."""
        so_far = self._so_far
        with self._engine.reading() as reader:
            rows: Sequence[_Row] = identities.every_namespace(
                reader, after=so_far.cursor, limit=PAGE_ROWS
            )
            if not rows:
                return False
            if so_far.policy.identity_graph == "none":
                people = [{xid: namespace_id} for _, xid, namespace_id in rows]
                so_far.cursor = rows[-1][:2]
            else:
                people = self._graphs(rows)
            self._count(reader, people)
        so_far.tallies.let_go()
        so_far.percent = min(99, so_far.seen * 100 // max(so_far.population, 1))
        return True

    def _graphs(self, rows: Sequence[_Row]) -> list[dict[Xid, int]]:
        """The graphs that stand in the rows as a whole, without those that are too large; moves the
        cursor behind them. A graph that fills a page is too large, whatever follows of it."""
        so_far = self._so_far
        graphs = [
            (cluster, {xid: namespace_id for _, xid, namespace_id in members})
            for cluster, members in groupby(rows, key=_cluster_of)
        ]
        if len(rows) == PAGE_ROWS and len(graphs) > 1:
            graphs.pop()
        so_far.cursor = (graphs[-1][0], _AFTER_ALL)
        so_far.seen += len(graphs)
        return [members for _, members in graphs if len(members) <= CLUSTER_LIMIT]

    def _count(self, reader: Reader, people: Sequence[dict[Xid, int]]) -> None:
        so_far = self._so_far
        if so_far.policy.identity_graph == "none":
            so_far.seen += len(people)
        inside: list[dict[Xid, int]] = []
        outside: list[dict[Xid, int]] = []
        for person in people:
            chosen = in_sample(min(person), population=so_far.population, limit=so_far.limit)
            (inside if chosen else outside).append(person)
        for group, is_sampled in ((inside, True), (outside, False)):
            found = list(self._found(reader, group, is_sampled=is_sampled))
            for one in found:
                so_far.tallies.take(one, is_sampled=is_sampled, now_ms=so_far.started_ms)
            if is_sampled:
                owners = [line.owner for one in found for line in one.timelines]
                so_far.tallies.take_sizes(
                    size
                    for size in survey.sizes(
                        reader, list(dict.fromkeys(owners)), now_ms=so_far.started_ms
                    )
                    if self._admits_event(size.dataset)
                )

    def _found(
        self, reader: Reader, people: Sequence[dict[Xid, int]], *, is_sampled: bool
    ) -> Iterator[Person]:
        """What the store has of people, as far as the policy admits it. The datasets of events are
        only looked at where they are needed, since they stand in the rows."""
        xids = [xid for person in people for xid in person]
        policy = self._so_far.policy
        parts: dict[Xid, list[Part]] = {}
        for part in survey.parts(reader, xids, measured=is_sampled):
            if part.dataset not in SYSTEM_SOURCES and policy.admits_record(part.dataset):
                parts.setdefault(part.owner, []).append(part)
        lines: dict[Xid, list[Timeline]] = {}
        by_dataset = is_sampled or not self._admits_all
        for line in survey.timelines(reader, xids, by_dataset=by_dataset):
            if self._admits_event(line.dataset):
                lines.setdefault(line.owner, []).append(line)
        for person in people:
            yield Person(
                person,
                [part for xid in person for part in parts.get(xid, ())],
                [line for xid in person for line in lines.get(xid, ())],
            )

    def _admits_event(self, dataset: str) -> bool:
        if self._admits_all:
            return True
        return self._so_far.policy.admits_event(dataset, self._snapshot.event_datasets)

    def finish(self) -> JSON:
        """Make the reports and keep the sample; answer the job's result."""
        so_far, shop = self._so_far, self._shop
        tallies, policy = so_far.tallies, so_far.policy
        now_ms = shop.clock.now_ms()
        made = reports(
            Count(
                tallies=tallies,
                at_ms=now_ms,
                is_whole=tallies.sampled == tallies.profiles or not self._admits_all,
                datasets=self._named(),
                code_of=self._code_of,
            )
        )
        sample = Sample(
            day=day_of(now_ms),
            started_ms=so_far.started_ms,
            ended_ms=now_ms,
            population=so_far.population,
            profiles=tallies.profiles,
            sampled=tallies.sampled,
            fragments=tallies.fragments,
            documents=tallies.documents,
            policy=(policy.id, policy.version),
            strategy=preview_samples.strategy_of(policy),
        )
        with shop.places.work(shop.sandbox.id).transaction() as transaction:
            profile_samples.keep(transaction, sample, made)
            profile_samples.forget(transaction, before=day_of(now_ms - KEEP_MS))
        return {"percent": 100, "profiles": tallies.profiles, "sampled": tallies.sampled}

    def _named(self) -> dict[str, Named]:
        listed = datasets.of_sandbox(self._shop.places.control(), self._shop.sandbox.id)
        return {
            one.id: Named(
                one.name,
                one.description,
                one.created_by.user_id,
                one.id in self._snapshot.event_datasets,
            )
            for one in listed
        }

    def _code_of(self, namespace_id: int) -> str:
        namespace = self._snapshot.namespaces.by_id(namespace_id)
        return namespace.code if namespace is not None else str(namespace_id)
