"""Laws of simulations: they tell what would really happen, and change nothing."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from onefold.domain.graph.links import Link, Sighting
from onefold.domain.graph.settings import CLUSTER_LIMIT, LinkingRules
from onefold.domain.graph.simulate import Outcome, Simulation, simulated
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import GraphClass
from tests.properties import strategies as any_
from tests.properties.test_graph import StoredGraph


def namespace_of(xid: Xid) -> int:
    return any_.NAMESPACES[xid[-1]]


def class_of(namespace_id: int) -> GraphClass:
    return next(any_.CLASSES[one] for one, id_ in any_.NAMESPACES.items() if id_ == namespace_id)


def groups(cluster_of: dict[Xid, Xid]) -> set[frozenset[Xid]]:
    return {
        frozenset(xid for xid, name in cluster_of.items() if name == cluster)
        for cluster in cluster_of.values()
    }


def linked(stored: StoredGraph) -> set[tuple[Xid, Xid]]:
    return {key[:2] for key in stored.facts}


def simulated_on(stored: StoredGraph, rules: LinkingRules, largest: int) -> Outcome:
    """As the lookup does it: cluster by cluster, links only when asked for."""
    simulation = Simulation(rules, largest=largest)
    asked: list[Xid] = []

    def links(xids):
        asked.extend(xids)
        return [Link(*key, *times) for key, times in stored.facts.items() if key[0] in xids]

    for group in groups(stored.cluster):
        simulation.take([(xid, namespace_of(xid)) for xid in sorted(group)], links)
    outcome = simulation.outcome(len(linked(stored)))
    assert len(asked) == len(set(asked))
    return outcome


@given(any_.batches(), any_.rules)
def test_a_simulation_tells_what_becomes_of_graphs_when_they_are_next_updated(batches, rules):
    stored = StoredGraph(CLUSTER_LIMIT)
    for batch in batches:
        stored.apply(batch)
    before, links_before = groups(stored.cluster), linked(stored)
    outcome = simulated_on(stored, rules, largest=100)
    stored.rules = rules
    # An event of each graph that is older than all others and says nothing new.
    stored.apply([Sighting((a, b), "A", -1) for a, b, _ in stored.facts])
    after = groups(stored.cluster)
    assert outcome.before.identities == outcome.after.identities == len(stored.cluster)
    assert outcome.before.links == len(links_before)
    assert outcome.after.links == len(linked(stored))
    assert outcome.links_removed == len(links_before) - len(linked(stored))
    assert outcome.before.clusters == sum(1 for one in before if len(one) > 1)
    assert outcome.after.clusters == sum(1 for one in after if len(one) > 1)
    changed = before - after
    assert outcome.split == len(changed)
    assert {frozenset(change.members) for change in outcome.changes} == changed
    for change in outcome.changes:
        assert {frozenset(part) for part in change.parts} <= after
        assert sorted(xid for part in change.parts for xid in part) == sorted(change.members)


@given(any_.batches(), any_.rules, st.integers(0, 3))
def test_the_largest_changes_are_shown(batches, rules, number):
    stored = StoredGraph(CLUSTER_LIMIT)
    for batch in batches:
        stored.apply(batch)
    every = simulated_on(stored, rules, largest=100).changes
    assert list(every) == sorted(every, key=lambda one: (-len(one.members), one.members))
    assert simulated_on(stored, rules, largest=number).changes == every[:number]


@given(st.lists(any_.sightings, max_size=24), any_.rules, st.none() | any_.rules)
def test_a_simulation_of_events_tells_what_the_events_would_make(stream, rules, now):
    namespaces = {xid: namespace_of(xid) for sighting in stream for xid in sighting.xids}
    outcome = simulated(stream, namespaces, class_of, now=now, tried=rules, largest=100)
    accepted = [one for one in stream if not refused(one, rules)]
    assert outcome.refused == len(stream) - len(accepted)
    stored = StoredGraph(CLUSTER_LIMIT, rules)
    for xid in namespaces:
        stored.cluster[xid] = xid
    for sighting in accepted:
        stored.apply([sighting])
    after = groups(stored.cluster)
    assert outcome.after.links == len(linked(stored))
    assert outcome.after.clusters == sum(1 for one in after if len(one) > 1)
    assert {frozenset(part) for one in outcome.changes for part in one.parts} <= after
    if now == rules:
        assert outcome.before == outcome.after
        assert not outcome.changes
    if now is None and not outcome.refused:
        assert not outcome.joined


@given(st.lists(any_.sightings, max_size=24), any_.rules)
def test_rules_that_hold_already_change_nothing(stream, rules):
    assume(not any(refused(one, rules) for one in stream))
    stored = StoredGraph(CLUSTER_LIMIT, rules)
    stored.apply(stream)
    assert simulated_on(stored, rules, largest=9).changes == ()


def refused(sighting: Sighting, rules: LinkingRules) -> bool:
    named = [namespace_of(xid) for xid in set(sighting.xids)]
    highest = min(named, key=lambda one: rules.ranks[one])
    return any(named.count(one) > 1 for one in (highest, *rules.unique))
