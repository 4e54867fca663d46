"""Stitch: make identities known, write their links, and keep the clusters that follow from them.

Reads the touched clusters, lets the domain decide, writes what changed.
"""

from __future__ import annotations

from collections import Counter

from onefold.domain.graph.cluster import Stitching, Vertex
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.identity.namespace import GraphClass
from onefold.pipeline.work import Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.snapshot import Snapshot
from onefold.store.tables import cluster_history, identities, links
from onefold.store.tables.identities import Member


def stitch(transaction: Transaction, work: Work) -> None:
    """Bring identities, links and clusters up to what the records of this batch say."""
    seen: dict[Xid, tuple[Identity, Normalized]] = {}
    for record in work.records:
        for xid, identity in record.identities:
            seen.setdefault(xid, (identity, record))
    if not seen:
        return
    known = identities.clusters_of(transaction, sorted(seen))
    new = {
        xid: Member(xid, xid, identity.namespace_id, identity.value, record.received_ms)
        for xid, (identity, record) in seen.items()
        if xid not in known
    }
    sightings = [record.sighting for record in work.records if record.sighting is not None]
    touched = {known[xid] for sighting in sightings for xid in sighting.xids if xid in known}
    members = (
        {m.xid: m for m in identities.members_of(transaction, sorted(touched))} if touched else {}
    )
    stitching = Stitching(
        [_vertex(member, work.snapshot) for member in (*members.values(), *new.values())],
        sightings,
        rules=work.snapshot.rules,
    )
    crowded = stitching.crowded()
    if crowded:
        stitching.load(links.links_of(transaction, sorted(crowded)))
    changes = stitching.changes()
    moved = changes.clusters
    identities.add(
        transaction,
        (_in_cluster(member, moved.get(member.xid, member.xid)) for member in new.values()),
    )
    moving = [members[xid] for xid in moved if xid in members]
    if moving:
        identities.move(transaction, moving, moved)
        arrived_ms = max(record.received_ms for record in work.records)
        cluster_history.note(transaction, moving, at_ms=arrived_ms)
    links.remove(transaction, changes.removed)
    links.see(transaction, changes.links)
    work.evicted += len(changes.evicted)
    for dataset, number in Counter([link.dataset for link in changes.links]).items():
        work.counted["link", dataset, ""] += number
    work.counted.update(
        ("new", seen[xid][1].dataset, str(member.namespace_id)) for xid, member in new.items()
    )
    work.clusters = {xid: moved.get(xid, known.get(xid, xid)) for xid in seen}
    names = {members[xid].cluster for xid in moved if xid in members} | set(moved.values())
    work.gone = {name for name in names if moved.get(name, name) != name}
    work.regrouped = names - work.gone


def _vertex(member: Member, snapshot: Snapshot) -> Vertex:
    namespace = snapshot.namespaces.by_id(member.namespace_id)
    return Vertex(
        member.xid,
        member.namespace_id,
        member.value,
        namespace.graph_class if namespace is not None else GraphClass.NONE,
        member.cluster,
        member.first_seen_ms,
    )


def _in_cluster(member: Member, cluster: Xid) -> Member:
    return Member(cluster, member.xid, member.namespace_id, member.value, member.first_seen_ms)
