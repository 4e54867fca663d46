"""Laws of the identity graph: a slow and obvious model agrees, however records are batched."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import event, given
from hypothesis import strategies as st

from onefold.domain.graph.cluster import Stitching, Vertex, clusters
from onefold.domain.graph.linking import Pair
from onefold.domain.graph.links import Link, Sighting, combined, mesh, pairs
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Xid
from tests.properties import strategies as any_

LinkKey = tuple[Xid, Xid, str]
Facts = dict[LinkKey, tuple[int, int]]


def component(start: Xid, linked: Iterable[Pair]) -> set[Xid]:
    """Breadth-first search over a plain list of pairs."""
    linked = list(linked)
    reached, frontier = {start}, [start]
    while frontier:
        xid = frontier.pop(0)
        for a, b in linked:
            for one, other in ((a, b), (b, a)):
                if one == xid and other not in reached:
                    reached.add(other)
                    frontier.append(other)
    return reached


def people(members: Iterable[Xid], linked: Iterable[Pair], rules: LinkingRules) -> list[str]:
    """The values of unique namespaces among some identities, by letter; those that pairs merge
    count as one."""
    unique = [xid for xid in members if any_.NAMESPACES[xid[-1]] in rules.unique]
    merging = [
        (a, b)
        for a, b in linked
        if a[-1] == b[-1] and any_.NAMESPACES[a[-1]] in rules.mergeable and {a, b} <= set(unique)
    ]
    return [min(group)[-1] for group in {frozenset(component(xid, merging)) for xid in unique}]


class NaiveGraph:
    """The rules of identity contract sections 6 and 7.3, word for word, rebuilt from the links each
    time."""

    def __init__(self, limit: int, rules: LinkingRules | None = None) -> None:
        self.limit = limit
        self.rules = rules
        self.facts: Facts = {}
        self.xids: set[Xid] = set()
        self.evicted: list[Xid] = []

    def see(self, sighting: Sighting) -> None:
        self.xids.update(sighting.xids)
        for a in sighting.xids:
            for b in sighting.xids:
                if a < b:
                    key = (a, b, sighting.dataset)
                    first, last = self.facts.get(key, (sighting.at_ms, sighting.at_ms))
                    self.facts[key] = (min(first, sighting.at_ms), max(last, sighting.at_ms))
        linked = {(a, b) for a, b, _ in self.facts}
        if len(set(sighting.xids)) > 1 and self.in_conflict(self.cluster(sighting.xids[0]), linked):
            self.replay(sighting)
        while full := [xid for xid in sorted(self.xids) if len(self.cluster(xid)) > self.limit]:
            self.evict(min(self.cluster(full[0]), key=self.rank))

    def replay(self, sighting: Sighting) -> None:
        """Take all links of a component away and put them back, but for those that conflict."""
        assert self.rules is not None
        members = self.cluster(sighting.xids[0])
        last_ms: dict[Pair, int] = {}
        for (a, b, _), (_, last) in self.facts.items():
            if a in members:
                last_ms[a, b] = max(last, last_ms.get((a, b), last))
        newest_ms = max(last_ms.values())
        latest = {pair for pair in last_ms if last_ms[pair] == newest_ms}
        if sighting.at_ms == newest_ms:
            latest = {pair for pair in last_ms if set(pair) <= set(sighting.xids)}
        held: list[Pair] = []
        for pair in sorted(
            last_ms,
            key=lambda pair: (
                not self.merges(pair),
                pair not in latest,
                self.rank_sum(pair),
                -last_ms[pair],
                pair,
            ),
        ):
            tried = [*held, pair]
            if not self.in_conflict(component(pair[0], tried), tried):
                held.append(pair)
        self.facts = {
            key: times
            for key, times in self.facts.items()
            if key[0] not in members or key[:2] in held
        }

    def in_conflict(self, members: set[Xid], linked: Iterable[Pair]) -> bool:
        if self.rules is None:
            return False
        found = people(members, linked, self.rules)
        return len(found) > len(set(found))

    def merges(self, pair: Pair) -> bool:
        assert self.rules is not None
        return pair[0][-1] == pair[1][-1] and (any_.NAMESPACES[pair[0][-1]] in self.rules.mergeable)

    def rank_sum(self, pair: Pair) -> int:
        assert self.rules is not None
        return sum(self.rules.ranks[any_.NAMESPACES[xid[-1]]] for xid in pair)

    def cluster(self, xid: Xid) -> set[Xid]:
        return component(xid, [(a, b) for a, b, _ in self.facts])

    def rank(self, xid: Xid) -> tuple[int, int, Xid]:
        last = max(times[1] for key, times in self.facts.items() if xid in key[:2])
        return any_.CLASSES[xid[-1]], last, xid

    def evict(self, xid: Xid) -> None:
        self.evicted.append(xid)
        self.facts = {key: times for key, times in self.facts.items() if xid not in key[:2]}

    def clusters(self) -> dict[Xid, Xid]:
        return {xid: min(self.cluster(xid)) for xid in self.xids}


class StoredGraph:
    """What a store holds, changed batch by batch exactly as the pipeline does it."""

    def __init__(self, limit: int, rules: LinkingRules | None = None) -> None:
        self.limit = limit
        self.rules = rules
        self.facts: Facts = {}
        self.cluster: dict[Xid, Xid] = {}
        self.evicted: list[Xid] = []

    def apply(self, batch: list[Sighting]) -> None:
        named = {xid for sighting in batch for xid in sighting.xids}
        for xid in named:
            self.cluster.setdefault(xid, xid)
        touched = {self.cluster[xid] for xid in named}
        stitching = Stitching(
            [
                Vertex(xid, any_.NAMESPACES[xid[-1]], "", any_.CLASSES[xid[-1]], name, 0)
                for xid, name in self.cluster.items()
                if name in touched
            ],
            batch,
            limit=self.limit,
            rules=self.rules,
        )
        if crowded := stitching.crowded():
            stitching.load(
                Link(a, b, dataset, first, last)
                for (a, b, dataset), (first, last) in self.facts.items()
                if a in crowded
            )
        changes = stitching.changes()
        stored = {key[:2] for key in self.facts}
        assert set(changes.removed) <= stored
        self.facts = {
            key: times for key, times in self.facts.items() if key[:2] not in changes.removed
        }
        for link in changes.links:
            first, last = self.facts.get(
                (link.a, link.b, link.dataset), (link.first_ms, link.last_ms)
            )
            self.facts[link.a, link.b, link.dataset] = (
                min(first, link.first_ms),
                max(last, link.last_ms),
            )
        assert all(self.cluster[xid] != name for xid, name in changes.clusters.items())
        self.cluster.update(changes.clusters)
        self.evicted.extend(changes.evicted)


limits = st.integers(2, 6)
some_rules = st.none() | any_.rules


@given(st.lists(any_.sightings, max_size=24), limits, some_rules)
def test_records_applied_one_by_one_agree_with_the_naive_model(stream, limit, rules):
    naive, stored = NaiveGraph(limit, rules), StoredGraph(limit, rules)
    for sighting in stream:
        naive.see(sighting)
        stored.apply([sighting])
        assert stored.facts == naive.facts
        assert stored.cluster == naive.clusters()
    assert sorted(stored.evicted) == sorted(naive.evicted)
    event("evicted" if naive.evicted else "all fitted")


@given(any_.batches(), limits, some_rules)
def test_batches_change_nothing(batches, limit, rules):
    naive, stored = NaiveGraph(limit, rules), StoredGraph(limit, rules)
    for batch in batches:
        for sighting in batch:
            naive.see(sighting)
        stored.apply(batch)
        assert stored.facts == naive.facts
        assert stored.cluster == naive.clusters()
    assert set(stored.evicted) == set(naive.evicted)


@given(any_.batches(), limits, some_rules)
def test_clusters_can_be_rebuilt_from_the_links_at_any_time(batches, limit, rules):
    stored = StoredGraph(limit, rules)
    for batch in batches:
        stored.apply(batch)
        rebuilt = clusters(
            stored.cluster, [Link(*key, *times) for key, times in stored.facts.items()]
        )
        assert rebuilt == stored.cluster
        sizes = [list(rebuilt.values()).count(name) for name in set(rebuilt.values())]
        assert max(sizes, default=0) <= limit


@given(any_.batches(), any_.rules)
def test_a_cluster_never_has_two_values_of_a_unique_namespace_that_are_not_merged(batches, rules):
    stored = StoredGraph(50, rules)
    for batch in batches:
        stored.apply(batch)
        linked = {key[:2] for key in stored.facts}
        for name in set(stored.cluster.values()):
            found = people((x for x, of in stored.cluster.items() if of == name), linked, rules)
            assert len(found) == len(set(found))


@given(any_.batches(), any_.rules)
def test_values_that_a_record_merges_stay_together(batches, rules):
    stored = StoredGraph(50, rules)
    for batch in batches:
        stored.apply(batch)
    named = [pair for batch in batches for sighting in batch for pair in pairs(sighting)]
    merged = [
        (a, b) for a, b in named if a[-1] == b[-1] and any_.NAMESPACES[a[-1]] in rules.mergeable
    ]
    event("merged" if merged else "nothing to merge")
    assert all(stored.cluster[a] == stored.cluster[b] for a, b in merged)


@given(any_.batches(), any_.batches(), limits, any_.rules)
def test_rules_take_hold_of_older_graphs_when_these_are_next_updated(older, newer, limit, rules):
    naive, stored = NaiveGraph(limit), StoredGraph(limit)
    for graph in (naive, stored):
        for batch in older:
            if isinstance(graph, StoredGraph):
                graph.apply(batch)
            else:
                for sighting in batch:
                    graph.see(sighting)
        graph.rules = rules
    for batch in newer:
        for sighting in batch:
            naive.see(sighting)
        stored.apply(batch)
        assert stored.facts == naive.facts
        assert stored.cluster == naive.clusters()


@given(st.sets(any_.xids), st.lists(any_.links(), max_size=15))
def test_clusters_are_those_of_a_naive_search(alone, links):
    pairs = [(link.a, link.b) for link in links]
    everyone = alone | {xid for pair in pairs for xid in pair}
    assert clusters(alone, links) == {xid: min(component(xid, pairs)) for xid in everyone}


@given(st.lists(any_.links(), min_size=1, max_size=6), st.randoms())
def test_combining_ignores_order_and_repeats(links, random):
    same = [Link(Xid("0c"), Xid("1c"), "A", link.first_ms, link.last_ms) for link in links]
    mixed = same * 2
    random.shuffle(mixed)
    total = mixed[0]
    for link in mixed[1:]:
        total = combined(total, link)
    assert total.first_ms == min(link.first_ms for link in links)
    assert total.last_ms == max(link.last_ms for link in links)


@given(any_.sightings)
def test_mesh_holds_every_pair_once(sighting):
    links = mesh(sighting)
    everyone = set(sighting.xids)
    assert {(link.a, link.b) for link in links} == {
        (a, b) for a in everyone for b in everyone if a < b
    }
    assert len(links) == len(everyone) * (len(everyone) - 1) // 2
    assert {(link.dataset, link.first_ms, link.last_ms) for link in links} <= {
        (sighting.dataset, sighting.at_ms, sighting.at_ms)
    }
