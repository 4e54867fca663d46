"""Graphs: the linked identities around some identities, with the links between them.

A graph has two identities or more: an identity that is alone, or was never seen, has none. Source:
identity contract, sections 1 and 8.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from onefold.domain.graph.links import Link
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.graph.simulate import Outcome
from onefold.domain.identity.identity import Xid
from onefold.domain.sandbox import SandboxId
from onefold.lookup.connection import Connection, connection
from onefold.lookup.simulation import of_store
from onefold.store.places import Places
from onefold.store.tables import cluster_history, identities, links
from onefold.store.tables.identities import Member


class Edge(msgspec.Struct, frozen=True):
    """Two linked identities, `a` the smaller XID: since when, until when, by which datasets."""

    a: Member
    b: Member
    first_ms: int
    last_ms: int
    datasets: tuple[str, ...]


class Graph(msgspec.Struct, frozen=True):
    """The linked identities of one person. members: in order of appearance. edges: in order of
    XIDs; empty when they were not asked for."""

    cluster: Xid
    members: tuple[Member, ...]
    edges: tuple[Edge, ...]

    def updated_ms(self) -> dict[Xid, int]:
        """When each member was last seen with another one."""
        latest = {member.xid: 0 for member in self.members}
        for edge in self.edges:
            for end in (edge.a.xid, edge.b.xid):
                latest[end] = max(latest[end], edge.last_ms)
        return latest


class Stay(msgspec.Struct, frozen=True):
    """A time that an identity spent in a cluster, until it went into the next one."""

    cluster: Xid
    since_ms: int


class Graphs:
    """Lookups of graphs over all sandboxes. Safe to share between threads."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def around(
        self, sandbox: SandboxId, xids: Sequence[Xid], *, with_edges: bool = False
    ) -> dict[Xid, Graph]:
        """The graph of each identity that has one; those in one graph share one value.

        All are of one state of the store. Cost: two reads by key for all of them, three with edges.
        """
        with self._places.profile(sandbox).reading() as reader:
            cluster_of = identities.clusters_of(reader, xids)
            members = identities.members_of(reader, sorted(set(cluster_of.values())))
            by_cluster = _by_cluster(members)
            linked = [m.xid for together in by_cluster.values() for m in together]
            seen = links.links_of(reader, linked) if with_edges else []
        edges = _edges(seen, {member.xid: member for member in members})
        graphs = {
            cluster: Graph(cluster, together, tuple(edges.get(cluster, ())))
            for cluster, together in by_cluster.items()
        }
        return {xid: graphs[cluster_of[xid]] for xid in xids if cluster_of.get(xid) in by_cluster}

    def simulated(self, sandbox: SandboxId, rules: LinkingRules, *, largest: int) -> Outcome:
        """What linking rules would make of the sandbox's graphs; see lookup/simulation.py."""
        return of_store(self._places.profile(sandbox), rules, largest=largest)

    def connection(
        self, sandbox: SandboxId, rules: LinkingRules | None, one: Xid, other: Xid
    ) -> Connection:
        """Why two identities are, or are not, one person; see lookup/connection.py."""
        with self._places.profile(sandbox).reading() as reader:
            return connection(reader, rules, one, other)

    def histories(
        self, sandbox: SandboxId, xids: Sequence[Xid], *, since_ms: int
    ) -> dict[Xid, list[Stay]]:
        """The clusters that each known identity was in at `since_ms` or later, in order of time.

        The first stay may have begun earlier than that, with the first record that named the
        identity. Stays that began and ended within one batch of records are not known.
        """
        with self._places.profile(sandbox).reading() as reader:
            cluster_of = identities.clusters_of(reader, xids)
            members = identities.members_of(reader, sorted(set(cluster_of.values())))
            departures = cluster_history.of(reader, list(cluster_of))
        first_ms = {member.xid: member.first_seen_ms for member in members}
        histories: dict[Xid, list[Stay]] = {}
        for xid, cluster in cluster_of.items():
            left = departures.get(xid, [])
            begun_ms = [first_ms[xid], *(one.left_ms for one in left)]
            clusters = [*(one.cluster for one in left), cluster]
            stays = [Stay(*stay) for stay in zip(clusters, begun_ms, strict=True)]
            over = sum(1 for one in left if one.left_ms <= since_ms)
            histories[xid] = stays[over:]
        return histories


def _by_cluster(members: Iterable[Member]) -> dict[Xid, tuple[Member, ...]]:
    found: dict[Xid, list[Member]] = {}
    for member in members:
        found.setdefault(member.cluster, []).append(member)
    return {
        cluster: tuple(sorted(together, key=_by_appearance))
        for cluster, together in found.items()
        if len(together) > 1
    }


def _edges(seen: Iterable[Link], member_of: dict[Xid, Member]) -> dict[Xid, list[Edge]]:
    """The links of each cluster, those of one pair put together whatever datasets saw them."""
    pairs: dict[tuple[Xid, Xid], list[Link]] = {}
    for link in seen:
        pairs.setdefault((link.a, link.b), []).append(link)
    found: dict[Xid, list[Edge]] = {}
    for (a, b), same in sorted(pairs.items()):
        edge = Edge(
            member_of[a],
            member_of[b],
            min(link.first_ms for link in same),
            max(link.last_ms for link in same),
            tuple(sorted(link.dataset for link in same)),
        )
        found.setdefault(member_of[a].cluster, []).append(edge)
    return found


def _by_appearance(member: Member) -> tuple[int, Xid]:
    return (member.first_seen_ms, member.xid)
