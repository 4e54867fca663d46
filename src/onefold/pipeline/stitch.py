"""Stitch: make identities known, note which were seen together, write their links, and keep the
clusters that follow from them.

Reads the touched clusters, lets the domain decide, writes what changed.
"""

from __future__ import annotations

from collections import Counter

from onefold.domain.graph.cluster import Stitching, Vertex
from onefold.domain.graph.links import Sighting, uncut
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.identity.namespace import GraphClass
from onefold.pipeline.handover import Parted, hand_over
from onefold.pipeline.work import Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.snapshot import Snapshot
from onefold.store.tables import cluster_history, cuts, identities, links, sightings
from onefold.store.tables.identities import Member
from onefold.store.tables.sightings import Seen


def stitch(transaction: Transaction, work: Work) -> None:
    """Bring identities, links and clusters up to what the records of this batch say.

    Raises Parted when one of several records takes an identity from a person."""
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
    sightings.add(transaction, [_seen(record) for record in work.records if _is_seen(record)])
    whose, linking = _linking(transaction, work)
    touched = {known[xid] for sighting in linking for xid in sighting.xids if xid in known}
    members = (
        {m.xid: m for m in identities.members_of(transaction, sorted(touched))} if touched else {}
    )
    stitching = Stitching(
        [vertex(member, work.snapshot) for member in (*members.values(), *new.values())],
        linking,
        rules=work.snapshot.rules,
    )
    crowded = stitching.crowded()
    if crowded:
        stitching.load(links.links_of(transaction, sorted(crowded)))
    changes = stitching.changes()
    if changes.handed and len(work.records) > 1:
        raise Parted(whose[one.sighting] for one in changes.handed)
    hand_over(transaction, work, changes.handed)
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
    work.before = {member.xid: member.cluster for member in moving}
    work.after = {**{xid: xid for xid in new}, **moved}


def _linking(transaction: Transaction, work: Work) -> tuple[list[int], list[Sighting]]:
    """What the records link, in their order, without the pairs that are cut; and whose it is, by
    the numbers of the records."""
    linking = [(one.seq, one.sighting) for one in work.records if one.sighting is not None]
    if linking and cuts.any(transaction):
        named = {xid for _, one in linking for xid in one.xids}
        cut = cuts.among(transaction, sorted(named))
        linking = [(seq, part) for seq, one in linking for part in uncut(one, cut)]
    return [seq for seq, _ in linking], [one for _, one in linking]


def _is_seen(record: Normalized) -> bool:
    """Whether the identities that a record names cannot be told from its event or fragment."""
    number = len(record.identities)
    is_told = record.event is not None or record.fragment is not None
    return number > 1 or (number == 1 and (not is_told or record.owner != record.identities[0][0]))


def _seen(record: Normalized) -> Seen:
    sighting = record.sighting
    linked = sighting.xids if sighting is not None else ()
    assert record.owner is not None  # a record that names somebody has one
    return Seen(
        record.seq,
        record.owner,
        sighting.dataset if sighting is not None else record.dataset,
        sighting.at_ms if sighting is not None else record.received_ms,
        record.received_ms,
        linked,
        tuple([xid for xid, _ in record.identities if xid not in linked]),
        record.dataset,
        record.event is None and record.fragment is None,
    )


def vertex(member: Member, snapshot: Snapshot) -> Vertex:
    """A member as the graph knows it."""
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
