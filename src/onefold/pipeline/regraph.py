"""Regraph: make a part of the graph anew from the sightings that are left.

The idea. What the limit and the rules did to a graph cannot be taken back link by link: without a
record somebody else would have had to leave. But records that share no identity, not even over
others, never have anything to do with each other. So the sightings that hang together with what was
touched are replayed, in their order, on an empty graph, by the same code that stitches new records;
what comes out is what would be there had the others never come.

A part that is too large for that is made anew from its links: exact as long as neither limit nor
rules took anything away from it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence, Set

from onefold.domain.graph.cluster import Stitching
from onefold.domain.graph.linking import Pair
from onefold.domain.graph.links import Link, Sighting, pairs, uncut
from onefold.domain.identity.identity import Xid
from onefold.pipeline.stitch import vertex
from onefold.store.engine import Transaction
from onefold.store.snapshot import Snapshot
from onefold.store.tables import cluster_history, cuts, identities, links, sightings
from onefold.store.tables.identities import Member
from onefold.store.tables.sightings import Seen

IDENTITIES_MAX = 10_000
SIGHTINGS_MAX = 100_000
"""Of one part of the graph that is replayed; a sighting counts for each identity that is looked at
in turn."""


class Regraph:
    """One change of the graph. doubtful: the pairs that lost a sighting, or are cut or mended: what
    may have changed, should a part be too large to be replayed. at_ms: when it was ordered.

    before, after: the clusters of the identities that moved.
    """

    def __init__(
        self, transaction: Transaction, snapshot: Snapshot, doubtful: Set[Pair], *, at_ms: int
    ) -> None:
        self._transaction = transaction
        self._snapshot = snapshot
        self._doubtful = doubtful
        self._at_ms = at_ms
        self._cuts = cuts.any(transaction)
        self.before: dict[Xid, Xid] = {}
        self.after: dict[Xid, Xid] = {}

    def around(self, touched: Set[Xid]) -> None:
        """Make the graph anew around the identities; unknown ones do no harm.

        Cost: some 0.3 ms for each part of the graph, and 20 µs for each of its sightings.
        """
        left = set(self._mates(touched))
        while left:
            start = min(left)
            part = self._part(start)
            if part is not None:
                known, seen = part
                members = self._members(known)
                cut = self._cut(members)
                self._replay(members, _linking(seen, cut, members))
            else:
                known = self._clusters_around(start)
                members = self._members(known)
                self._replay(members, _from_links(self._links(members)))
            left -= known

    def _part(self, start: Xid) -> tuple[set[Xid], list[Seen]] | None:
        """The identities that hang together with one over sightings, and these, by number; None
        when there are too many."""
        known: set[Xid] = set()
        seen: dict[tuple[Xid, int], Seen] = {}
        frontier = set(self._mates({start}))
        looked_at = 0
        while frontier:
            known |= frontier
            looked_at += sightings.count(self._transaction, sorted(frontier), limit=SIGHTINGS_MAX)
            if len(known) > IDENTITIES_MAX or looked_at > SIGHTINGS_MAX:
                return None
            cut = self._cut(frontier)
            reached: set[Xid] = set()
            for one in sightings.of(self._transaction, sorted(frontier)):
                seen[one.key] = one
                for xid in frontier.intersection(one.linked):
                    reached.update([x for x in one.linked if not cut or _pair(x, xid) not in cut])
            frontier = reached - known
        return known, sorted(seen.values(), key=lambda one: one.seq)

    def _clusters_around(self, start: Xid) -> set[Xid]:
        """The members of the cluster of an identity, and of those that doubtful pairs lead to."""
        peers: dict[Xid, set[Xid]] = {}
        for a, b in self._doubtful:
            peers.setdefault(a, set()).add(b)
            peers.setdefault(b, set()).add(a)
        known: set[Xid] = set()
        frontier = {start}
        while frontier:
            members = set(self._mates(frontier))
            known |= members
            frontier = {peer for xid in members for peer in peers.get(xid, ())} - known
        return known

    def _links(self, members: dict[Xid, Member]) -> list[Link]:
        """The links among members, the doubtful ones told by the sightings that are left."""
        cut = self._cut(members)
        found = [
            link
            for link in links.links_of(self._transaction, sorted(members))
            if (link.a, link.b) not in self._doubtful
        ]
        for pair in sorted(self._doubtful):
            if pair[0] in members and pair[1] in members and pair not in cut:
                found += self._told(pair)
        return found

    def _told(self, pair: Pair) -> list[Link]:
        """The links of one pair, as its sightings say."""
        times: dict[str, list[int]] = {}
        fewer = min(pair, key=lambda xid: sightings.count(self._transaction, [xid], limit=10**6))
        other = pair[1] if fewer == pair[0] else pair[0]
        for one in sightings.shared(self._transaction, fewer, other):
            if pair[0] in one.linked and pair[1] in one.linked:
                times.setdefault(one.dataset, []).append(one.at_ms)
        return [Link(*pair, dataset, min(at), max(at)) for dataset, at in sorted(times.items())]

    def _replay(self, members: dict[Xid, Member], linking: Sequence[Sighting]) -> None:
        """Write what the sightings make of an empty graph of these members."""
        alone = [
            Member(m.xid, m.xid, m.namespace_id, m.value, m.first_seen_ms) for m in members.values()
        ]
        stitching = Stitching(
            [vertex(member, self._snapshot) for member in alone],
            linking,
            rules=self._snapshot.rules,
        )
        if stitching.crowded():
            stitching.load(())
        changes = stitching.changes()
        self._write_links(members, changes.links)
        names = {xid: changes.clusters.get(xid, xid) for xid in members}
        moving = [member for xid, member in members.items() if member.cluster != names[xid]]
        if moving:
            identities.move(self._transaction, moving, names)
            cluster_history.note(self._transaction, moving, at_ms=self._at_ms)
            self.before |= {member.xid: member.cluster for member in moving}
            self.after |= {member.xid: names[member.xid] for member in moving}

    def _write_links(self, members: dict[Xid, Member], wanted: Iterable[Link]) -> None:
        stored = set(links.links_of(self._transaction, sorted(members)))
        wanted = set(wanted)
        stale = {(link.a, link.b) for link in stored - wanted}
        links.remove(self._transaction, sorted(stale))
        links.see(
            self._transaction,
            [link for link in wanted if link not in stored or (link.a, link.b) in stale],
        )

    def _mates(self, xids: Set[Xid]) -> list[Xid]:
        """Those of the identities that are known, and the other members of their clusters."""
        names = set(identities.clusters_of(self._transaction, sorted(xids)).values())
        return [m.xid for m in identities.members_of(self._transaction, sorted(names))]

    def _members(self, xids: Set[Xid]) -> dict[Xid, Member]:
        names = set(identities.clusters_of(self._transaction, sorted(xids)).values())
        found = identities.members_of(self._transaction, sorted(names))
        return {member.xid: member for member in found if member.xid in xids}

    def _cut(self, xids: Iterable[Xid]) -> set[Pair]:
        return cuts.among(self._transaction, sorted(xids)) if self._cuts else set()


def _linking(seen: Iterable[Seen], cut: Set[Pair], among: Container[Xid]) -> list[Sighting]:
    """What links these identities; a sighting that is cut may have a part that hangs together with
    others only."""
    whole = [one.sighting for one in seen if len(one.linked) > 1]
    parts = [part for one in whole for part in uncut(one, cut)]
    return [part for part in parts if part.xids[0] in among]


def _from_links(found: Iterable[Link]) -> list[Sighting]:
    """Sightings that make these links, and no others, the oldest first."""
    timed = {
        (at_ms, link.a, link.b, link.dataset)
        for link in found
        for at_ms in (link.first_ms, link.last_ms)
    }
    return [Sighting((a, b), dataset, at_ms) for at_ms, a, b, dataset in sorted(timed)]


def doubtful_pairs(seen: Iterable[Seen]) -> set[Pair]:
    """The pairs that these sightings link."""
    return {pair for one in seen for pair in pairs(one.sighting)}


def _pair(one: Xid, other: Xid) -> Pair:
    return (one, other) if one < other else (other, one)
