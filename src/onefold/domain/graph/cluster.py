"""Clusters: which identities are one person, and who has to leave when a cluster grows too large.

The idea. Links are the truth; a cluster is a connected component of them, named by its smallest
XID. To unite clusters their names and members are enough, so a batch of records works on a copy of
the clusters it touches and leaves their links in the store. Links matter only when a cluster would
exceed the limit, because then identities lose theirs and the cluster may fall apart.

Uniting never makes a component smaller. So a component that fits after all records of the batch
have been united also fitted after each of them, and nothing more needs to be known of it. Only the
others are *crowded*: for these the links are loaded and the records are replayed one by one. That
is why a batch ends exactly where its records would have ended one at a time.

Linking rules, where a sandbox has them, work the same way: uniting never takes a value of a unique
namespace away, so only components that end up with two values are crowded. Of each record its links
are judged by the rules first (linking.py), then what is left by the limit.

Source: identity contract, sections 6 and 7.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import heapify, heappop, heappush

import msgspec

from onefold.domain.graph.linking import Pair, may_conflict, relinked
from onefold.domain.graph.links import Link, Sighting, pairs
from onefold.domain.graph.settings import CLUSTER_LIMIT, LinkingRules
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import GraphClass
from onefold.errors import Defect

Times = dict[str, tuple[int, int]]  # dataset → first and last time, in epoch ms


class Vertex(msgspec.Struct, frozen=True, gc=False):
    """One identity of the graph; `cluster` is the smallest XID of its cluster, its own if alone."""

    xid: Xid
    namespace_id: int
    value: str
    graph_class: GraphClass
    cluster: Xid
    first_seen_ms: int


class Taken(msgspec.Struct, frozen=True, gc=False):
    """An identity that the rules took from a person: index of the sighting that did it, the
    identity, and the person's own name, of a unique namespace."""

    sighting: int
    xid: Xid
    owner: Xid


class Changes(msgspec.Struct, frozen=True):
    """What one batch of records does to the graph.

    clusters: new cluster names, only of identities whose cluster changed. removed: pairs, smaller
    XID first, whose stored links of all datasets are to be deleted before `links` are written.
    links: new or seen again, with the times of this batch only: first is to be lowered, last to be
    raised. evicted: identities that lost their links to the size limit, each once, by XID.
    handed: who was taken from whom, in order; empty unless the rules hand over.
    """

    clusters: dict[Xid, Xid]
    links: tuple[Link, ...]
    removed: tuple[Pair, ...]
    evicted: tuple[Xid, ...]
    handed: tuple[Taken, ...] = ()


def clusters(vertices: Iterable[Xid], links: Iterable[Link]) -> dict[Xid, Xid]:
    """Answer the cluster name of every identity, from the links alone: the rebuild from the truth.

    vertices: identities, linked or not; one that only a link names is answered, too. The size
    limit plays no part: links that it refused were deleted. Cost: near-linear (union-find).
    """
    parents = {xid: xid for xid in vertices}
    for link in links:
        parents.setdefault(link.a, link.a)
        parents.setdefault(link.b, link.b)
        _unite(parents, link.a, link.b)
    return {xid: _root(parents, xid) for xid in parents}


class Stitching:
    """The touched part of the graph, during one batch of records.

    First ask `crowded()`; when it names identities, `load()` their links; then ask `changes()`.
    """

    def __init__(
        self,
        vertices: Iterable[Vertex],
        sightings: Iterable[Sighting],
        *,
        limit: int | None = None,
        rules: LinkingRules | None = None,
    ) -> None:
        """Take a copy of what the batch touches.

        vertices: all members of every cluster that a sighting touches, and the new identities,
        each its own cluster. sightings: in the order of the records. rules: None where the sandbox
        has none. limit: most identities of a cluster; None: as the rules say.
        Raises Defect if a sighting names an identity that is not among the vertices.
        """
        self._vertices = {vertex.xid: vertex for vertex in vertices}
        self._sightings = tuple(sightings)
        if limit is None:
            limit = rules.limit if rules is not None else CLUSTER_LIMIT
        self._limit = limit
        self._rules = rules if rules is not None and rules.unique else None
        self._links: list[Link] | None = None
        self._parents: dict[Xid, Xid] = {}
        self._unite_all()
        self._crowded = self._overfull()

    def crowded(self) -> frozenset[Xid]:
        """The identities whose links are needed: members of components that would not fit, or
        perhaps would break a rule."""
        return self._crowded

    def load(self, links: Iterable[Link]) -> None:
        """Take the stored links between crowded identities; links of others are ignored."""
        crowded = self._crowded
        loaded = [link for link in links if link.a in crowded and link.b in crowded]
        self._links = loaded if self._links is None else self._links + loaded

    def changes(self) -> Changes:
        """Apply the sightings in order, one at a time, and answer what has changed.

        A component that has two values of a unique namespace, once a record links anything in it,
        loses the links that the rules do not let hold. One that grows beyond the limit loses
        identities until it fits: the lowest class first (cookie, device, person), in it the one
        whose latest link is oldest, then the smallest XID. An identity deleted so stays known,
        alone in its own cluster.
        Raises Defect if identities are crowded and no links were loaded.
        Cost: near-linear; each record in a crowded component costs some 20 µs more.
        Source: identity contract, section 6, "Size limit 50", and 7.3.
        """
        if self._crowded and self._links is None:
            raise Defect("the links of crowded identities were not loaded")
        crowd = _Crowd(
            (self._vertices[xid] for xid in self._crowded),
            self._links or (),
            limit=self._limit,
            rules=self._rules,
        )
        pending: dict[Pair, Times] = {}
        removed: set[Pair] = set()
        handed: list[Taken] = []
        for index, sighting in enumerate(self._sightings):
            seen = pairs(sighting)
            for pair in seen:
                _note(pending.setdefault(pair, {}), sighting.dataset, sighting.at_ms)
            if seen and seen[0][0] in self._crowded:
                for pair in crowd.see(seen, sighting.at_ms):
                    pending.pop(pair, None)
                    if pair in crowd.stored:
                        removed.add(pair)
                handed += [Taken(index, xid, owner) for xid, owner in crowd.taken]
        links = tuple(
            Link(a, b, dataset, first_ms, last_ms)
            for (a, b), times in pending.items()
            for dataset, (first_ms, last_ms) in times.items()
        )
        return Changes(
            self._moved(crowd),
            links,
            tuple(sorted(removed)),
            tuple(sorted(crowd.evicted)),
            tuple(handed),
        )

    def _unite_all(self) -> None:
        vertices, parents = self._vertices, self._parents
        for vertex in vertices.values():
            parents[vertex.cluster] = vertex.cluster
        try:
            for sighting in self._sightings:
                named = [vertices[xid].cluster for xid in sighting.xids]
                for other in named[1:]:
                    _unite(parents, named[0], other)
        except KeyError as unknown:
            raise Defect("a sighting names an identity that is not among the vertices") from unknown

    def _overfull(self) -> frozenset[Xid]:
        parents = self._parents
        names = {xid: _root(parents, vertex.cluster) for xid, vertex in self._vertices.items()}
        sizes = Counter(names.values())
        doubled = self._doubled(names)
        if max(sizes.values(), default=0) <= self._limit and not doubled:
            return frozenset()
        limit = self._limit
        return frozenset(
            xid for xid, name in names.items() if sizes[name] > limit or name in doubled
        )

    def _doubled(self, names: dict[Xid, Xid]) -> set[Xid]:
        """The components that have two values of a unique namespace."""
        if self._rules is None:
            return set()
        unique, vertices = self._rules.unique, self._vertices
        values = Counter(
            (name, vertices[xid].namespace_id)
            for xid, name in names.items()
            if vertices[xid].namespace_id in unique
        )
        return {name for (name, _), number in values.items() if number > 1}

    def _moved(self, crowd: _Crowd) -> dict[Xid, Xid]:
        """The new cluster name of every identity whose cluster has changed."""
        names = crowd.names()
        moved = {}
        for xid, vertex in self._vertices.items():
            name = names.get(xid) or _root(self._parents, vertex.cluster)
            if name != vertex.cluster:
                moved[xid] = name
        return moved


class _Crowd:
    """The crowded part of the graph, link by link, while the records are replayed on it."""

    def __init__(
        self,
        vertices: Iterable[Vertex],
        links: Iterable[Link],
        *,
        limit: int,
        rules: LinkingRules | None,
    ) -> None:
        self.stored: set[Pair] = set()
        self.evicted: set[Xid] = set()
        self.taken: list[tuple[Xid, Xid]] = []  # by the last record: (identity, from whom)
        self._limit = limit
        self._rules = rules
        self._namespaces: dict[Xid, int] = {}
        self._classes: dict[Xid, GraphClass] = {}
        self._components: dict[Xid, set[Xid]] = {}  # one set for all members of a component
        self._neighbours: dict[Xid, dict[Xid, int]] = {}  # → last time of the pair, any dataset
        self._last_ms: dict[Xid, int] = {}  # the latest of these times
        clusters: dict[Xid, set[Xid]] = {}
        for vertex in vertices:
            xid = vertex.xid
            self._classes[xid] = vertex.graph_class
            self._namespaces[xid] = vertex.namespace_id
            self._components[xid] = clusters.setdefault(vertex.cluster, set())
            self._components[xid].add(xid)
            self._neighbours[xid] = {}
            self._last_ms[xid] = _NEVER
        for link in links:
            self.stored.add((link.a, link.b))
            self._touch(link.a, link.b, link.last_ms)

    def see(self, seen: list[Pair], at_ms: int) -> list[Pair]:
        """Link the pairs of one record; answer the pairs that are unlinked to keep the rules and
        the limit."""
        for a, b in seen:
            self._touch(a, b, at_ms)
        cut: list[Pair] = []
        self.taken = []
        named = {xid for pair in seen for xid in pair}
        persons = self._persons(named)
        members = self._united(named)
        crowded = self._ruled(members, seen, at_ms, cut)
        if persons and len(crowded) > 1:
            self._note_taken(persons, crowded)
        while crowded:
            members = crowded.pop()
            if len(members) > self._limit:
                parts = self._thinned(members, cut)
                self._fell_apart(parts)
                crowded.extend(parts)
        return cut

    def names(self) -> dict[Xid, Xid]:
        """The name of every identity's component, its smallest XID."""
        components = {id(members): members for members in self._components.values()}
        names: dict[Xid, Xid] = {}
        for members in components.values():
            names.update(dict.fromkeys(members, min(members)))
        return names

    def _ruled(
        self, members: set[Xid], seen: list[Pair], at_ms: int, cut: list[Pair]
    ) -> list[set[Xid]]:
        """Remove the links that the rules do not let hold; answer the parts of the component."""
        rules = self._rules
        if rules is None or not may_conflict(members, self._namespaces, rules):
            return [members]
        links = {
            (a, b): last_ms for a in members for b, last_ms in self._neighbours[a].items() if a < b
        }
        is_latest = at_ms >= max(links.values())
        parts, removed = relinked(
            members, links, self._namespaces, rules, latest=seen if is_latest else ()
        )
        for a, b in removed:
            del self._neighbours[a][b]
            del self._neighbours[b][a]
        for xid in {xid for pair in removed for xid in pair}:
            self._last_ms[xid] = max(self._neighbours[xid].values(), default=_NEVER)
        cut.extend(removed)
        self._fell_apart(parts)
        return parts

    def _persons(self, named: set[Xid]) -> dict[Xid, list[Xid]]:
        """The persons' own names of each component that is about to be united, under each of its
        members; nothing unless the rules hand over."""
        rules = self._rules
        if rules is None or not rules.hands_over:
            return {}
        persons: dict[Xid, list[Xid]] = {}
        for members in {
            id(part): part for part in map(self._components.__getitem__, named)
        }.values():
            own = [xid for xid in members if self._namespaces[xid] in rules.unique]
            persons.update(dict.fromkeys(members, own))
        return persons

    def _note_taken(self, persons: dict[Xid, list[Xid]], parts: Iterable[set[Xid]]) -> None:
        """Note who is no longer with the person that it was with. Of several such, the one whose
        namespace ranks highest, then the smallest XID."""
        rules, namespaces = self._rules, self._namespaces
        assert rules is not None
        for part in parts:
            for xid in part:
                if namespaces[xid] in rules.unique:
                    continue
                kept = {namespaces[own] for own in persons[xid] if own in part}
                lost = [own for own in persons[xid] if namespaces[own] not in kept]
                if lost:
                    owner = min(lost, key=lambda own: (rules.rank(namespaces[own]), own))
                    self.taken.append((xid, owner))
        self.taken.sort()

    def _fell_apart(self, parts: Iterable[set[Xid]]) -> None:
        for part in parts:
            self._components.update(dict.fromkeys(part, part))

    def _touch(self, a: Xid, b: Xid, at_ms: int) -> None:
        neighbours, last_ms = self._neighbours, self._last_ms
        if at_ms > neighbours[a].get(b, _NEVER):
            neighbours[a][b] = neighbours[b][a] = at_ms
            last_ms[a] = max(last_ms[a], at_ms)
            last_ms[b] = max(last_ms[b], at_ms)

    def _united(self, xids: set[Xid]) -> set[Xid]:
        components = {id(members): members for members in map(self._components.__getitem__, xids)}
        smaller = sorted(components.values(), key=len)
        largest = smaller.pop()
        for members in smaller:
            largest |= members
            for xid in members:
                self._components[xid] = largest
        return largest

    def _thinned(self, members: set[Xid], cut: list[Pair]) -> list[set[Xid]]:
        """Delete identities until the rest fits or falls apart; answer the parts of the rest.

        The heap keeps outdated ranks. They do no harm: losing a link only lowers a rank, so the
        true one, pushed at that moment, comes out before them.
        """
        heap = [self._rank(xid) for xid in members]
        heapify(heap)
        while len(members) > self._limit:
            xid = heappop(heap)[2]
            if xid not in members:
                continue
            members.discard(xid)
            lost = self._deleted(xid, cut)
            for neighbour in lost:
                heappush(heap, self._rank(neighbour))
            parts = self._parts(lost)
            if len(parts) > 1:
                return parts
        return [members]

    def _rank(self, xid: Xid) -> tuple[GraphClass, int, Xid]:
        return self._classes[xid], self._last_ms[xid], xid

    def _deleted(self, xid: Xid, cut: list[Pair]) -> list[Xid]:
        """Delete all links of one identity and leave it alone; answer its former neighbours."""
        lost = self._neighbours[xid]
        for neighbour, at_ms in lost.items():
            theirs = self._neighbours[neighbour]
            del theirs[xid]
            if at_ms == self._last_ms[neighbour]:
                self._last_ms[neighbour] = max(theirs.values(), default=_NEVER)
            cut.append((xid, neighbour) if xid < neighbour else (neighbour, xid))
        self._neighbours[xid] = {}
        self._last_ms[xid] = _NEVER
        self._components[xid] = {xid}
        self.evicted.add(xid)
        return list(lost)

    def _parts(self, lost: list[Xid]) -> list[set[Xid]]:
        """The parts into which a component fell when an identity lost these neighbours.

        Every part holds a neighbour. At most one part, perhaps incomplete, when it held together:
        the first search ends as soon as it has met all neighbours, in a mesh at once.
        """
        wanted = set(lost)
        parts: list[set[Xid]] = []
        while wanted:
            start = wanted.pop()
            part = {start}
            frontier = [start]
            while frontier and (wanted or parts):
                for xid in self._neighbours[frontier.pop()]:
                    if xid not in part:
                        part.add(xid)
                        frontier.append(xid)
                        wanted.discard(xid)
            parts.append(part)
        return parts


_NEVER = -(2**63)


def _note(times: Times, dataset: str, at_ms: int) -> None:
    first_ms, last_ms = times.get(dataset, (at_ms, at_ms))
    times[dataset] = (min(first_ms, at_ms), max(last_ms, at_ms))


def _root(parents: dict[Xid, Xid], xid: Xid) -> Xid:
    """The smallest XID of the component so far; halves the path to it on the way."""
    while (parent := parents[xid]) != xid:
        parents[xid] = xid = parents[parent]
    return xid


def _unite(parents: dict[Xid, Xid], one: Xid, other: Xid) -> None:
    one, other = _root(parents, one), _root(parents, other)
    if one < other:
        parents[other] = one
    elif other < one:
        parents[one] = other
