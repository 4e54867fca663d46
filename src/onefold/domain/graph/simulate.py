"""Simulation: what linking rules would make of a graph, without changing it.

The idea. Rules only ever act on a cluster that has two values of a unique namespace, or grows
beyond the limit. So of the clusters that exist only their members are looked at, one cluster after
the other; links are asked for where a cluster is in conflict, and only these are replayed. Nothing
is kept of a cluster that stays as it is, so memory does not grow with the graph.

Of events that are only thought of, everything is known: they are applied to an empty graph, once
under the rules that hold now and once under those to be tried, as the pipeline would apply them.

Source: identity contract, 7.1 and 7.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heappush, heapreplace

import msgspec

from onefold.domain.graph.cluster import Stitching, Vertex, clusters
from onefold.domain.graph.linking import Pair, may_conflict, relinked
from onefold.domain.graph.links import Link, Sighting, mesh
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import GraphClass

Classes = Callable[[int], GraphClass]
"""The graph class of a namespace, by its id."""


class Size(msgspec.Struct, frozen=True):
    """How large a graph is. identities: linked or not. links: pairs. clusters: of two identities or
    more."""

    identities: int
    links: int
    clusters: int


class Change(msgspec.Struct, frozen=True):
    """One cluster that would not stay as it is. parts: the clusters in which its members would be
    then, whole, the largest first; identities that come from other clusters stand in them, too."""

    members: tuple[Xid, ...]
    parts: tuple[tuple[Xid, ...], ...]


class Outcome(msgspec.Struct, frozen=True):
    """What the rules would do.

    refused: events that the rules would not take. split: clusters whose members would be in
    several. joined: clusters that would be made of several, or of identities that are alone now.
    over_limit: graphs that would grow beyond the limit and lose identities to it.
    links_removed: pairs that are linked before and not after. changes: of the largest clusters, the
    largest first.
    """

    before: Size
    after: Size
    refused: int
    split: int
    joined: int
    over_limit: int
    links_removed: int
    changes: tuple[Change, ...]


class Simulation:
    """The clusters of a graph, one after the other. First `take` each of them, then `outcome`."""

    def __init__(self, rules: LinkingRules, *, largest: int) -> None:
        """largest: how many changes are kept in detail."""
        self._rules = rules
        self._identities = 0
        self._clusters = 0
        self._made = 0
        self._split = 0
        self._removed = 0
        self._largest = _Largest(largest)

    def take(
        self, members: Sequence[tuple[Xid, int]], links: Callable[[Sequence[Xid]], Iterable[Link]]
    ) -> None:
        """Look at one cluster, and at what becomes of it when a record next updates it without
        saying anything new.

        members: all of it, each with the id of its namespace. links: asked for the links among the
        members, and only if the rules do something to the cluster.

        Cost: some 0.2 µs a member; a cluster in conflict O(links · log links).
        """
        self._identities += len(members)
        if len(members) == 1:
            return
        self._clusters += 1
        self._made += 1
        namespaces = dict(members)
        if not may_conflict(namespaces, namespaces, self._rules):
            return
        last_ms: dict[Pair, int] = {}
        for link in links(list(namespaces)):
            pair = link.a, link.b
            last_ms[pair] = max(link.last_ms, last_ms.get(pair, link.last_ms))
        parts, removed = relinked(namespaces, last_ms, namespaces, self._rules)
        if len(parts) == 1:  # what is doubled was merged on purpose
            return
        self._made += sum(1 for part in parts if len(part) > 1) - 1
        self._split += 1
        self._removed += len(removed)
        self._largest.offer(_change(namespaces, parts))

    def outcome(self, links: int) -> Outcome:
        """What was found. links: how many pairs are linked in the whole graph.

        Nothing is ever joined, and no cluster grows: rules only take links away.
        """
        return Outcome(
            Size(self._identities, links, self._clusters),
            Size(self._identities, links - self._removed, self._made),
            0,
            self._split,
            0,
            0,
            self._removed,
            self._largest.sorted(),
        )


def simulated(
    sightings: Sequence[Sighting],
    namespaces: Mapping[Xid, int],
    classes: Classes,
    *,
    now: LinkingRules | None,
    tried: LinkingRules,
    largest: int,
) -> Outcome:
    """What events would make of an empty graph, under the rules that hold now and under others.

    sightings: of the events, in their order; those of fewer than two identities link nothing.
    namespaces: of every identity that they name. now: None while there are no rules.
    """
    before_of, links_before, _ = _grown(
        _taken(sightings, namespaces, now), namespaces, classes, now
    )
    taken = _taken(sightings, namespaces, tried)
    refused = len(sightings) - len(taken)
    after_of, links_after, evicted = _grown(taken, namespaces, classes, tried)
    before, after = _groups(before_of), _groups(after_of)
    whole = {after_of[group[0]]: group for group in after}
    kept = _Largest(largest)
    split = 0
    for group in before:
        names = {after_of[xid] for xid in group}
        parts = [whole[name] for name in names]
        split += len(parts) > 1
        if len(group) > 1 and (len(parts) > 1 or set(parts[0]) != set(group)):
            kept.offer(_change(group, parts))
    return Outcome(
        Size(len(namespaces), len(links_before), sum(1 for group in before if len(group) > 1)),
        Size(len(namespaces), len(links_after), sum(1 for group in after if len(group) > 1)),
        refused,
        split,
        sum(1 for group in after if len({before_of[xid] for xid in group}) > 1),
        _over_limit(taken, evicted),
        len(links_before - links_after),
        kept.sorted(),
    )


def _taken(
    sightings: Sequence[Sighting], namespaces: Mapping[Xid, int], rules: LinkingRules | None
) -> list[Sighting]:
    """The events that the rules do not refuse. Source: identity contract, 7.2."""
    if rules is None:
        return list(sightings)
    taken = []
    for sighting in sightings:
        named = Counter(namespaces[xid] for xid in set(sighting.xids))
        highest = min(named, key=rules.rank, default=0)
        if named[highest] <= 1 and all(named[one] <= 1 for one in rules.unique):
            taken.append(sighting)
    return taken


def _entering(
    sighting: Sighting, namespaces: Mapping[Xid, int], rules: LinkingRules | None
) -> Sighting:
    """An event without the identities that find somebody and link nobody, except its primary one,
    which is of the highest namespace."""
    if rules is None or not rules.lookup_only:
        return sighting
    highest = min((namespaces[xid] for xid in sighting.xids), key=rules.rank, default=0)
    xids = [
        xid
        for xid in sighting.xids
        if namespaces[xid] == highest or namespaces[xid] not in rules.lookup_only
    ]
    return Sighting(tuple(xids), sighting.dataset, sighting.at_ms)


def _grown(
    sightings: Sequence[Sighting],
    namespaces: Mapping[Xid, int],
    classes: Classes,
    rules: LinkingRules | None,
) -> tuple[dict[Xid, Xid], set[Pair], tuple[Xid, ...]]:
    """The cluster of every identity, all links, and who left a full cluster, after events on an
    empty graph."""
    vertices = [
        Vertex(xid, namespace, "", classes(namespace), xid, 0)
        for xid, namespace in namespaces.items()
    ]
    entering = [_entering(sighting, namespaces, rules) for sighting in sightings]
    stitching = Stitching(vertices, entering, rules=rules)
    stitching.load(())
    changes = stitching.changes()
    return (
        {xid: changes.clusters.get(xid, xid) for xid in namespaces},
        {(link.a, link.b) for link in changes.links},
        changes.evicted,
    )


def _over_limit(sightings: Iterable[Sighting], evicted: Iterable[Xid]) -> int:
    """In how many of the graphs that the events would make without any rule the limit made
    identities leave."""
    links = [link for sighting in sightings for link in mesh(sighting)]
    cluster_of = clusters((), links)
    return len({cluster_of[xid] for xid in evicted})


def _groups(cluster_of: Mapping[Xid, Xid]) -> list[list[Xid]]:
    groups: dict[Xid, list[Xid]] = {}
    for xid, name in cluster_of.items():
        groups.setdefault(name, []).append(xid)
    return list(groups.values())


def _change(members: Iterable[Xid], parts: Iterable[Iterable[Xid]]) -> Change:
    found = [tuple(sorted(part)) for part in parts]
    return Change(tuple(sorted(members)), tuple(sorted(found, key=lambda part: (-len(part), part))))


class _Largest:
    """The changes of the largest clusters; of equal ones, those with the smallest XIDs."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._heap: list[tuple[int, _Reversed, Change]] = []

    def offer(self, change: Change) -> None:
        entry = (len(change.members), _Reversed(change.members), change)
        if len(self._heap) < self._number:
            heappush(self._heap, entry)
        elif self._heap and self._heap[0][:2] < entry[:2]:
            heapreplace(self._heap, entry)

    def sorted(self) -> tuple[Change, ...]:
        return tuple(
            sorted(
                (change for _, _, change in self._heap), key=lambda c: (-len(c.members), c.members)
            )
        )


class _Reversed(tuple[Xid, ...]):
    """Members that compare the other way round, for a heap whose smallest entry leaves first."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return isinstance(other, tuple) and tuple.__gt__(self, other)
