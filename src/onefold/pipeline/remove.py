"""Remove: take rows out of the profile store, and rebuild the clusters that lose a link by it.

Source: platform contract, 12, and ingestion contract, 7.4, for what a deletion has to reach.
"""

from __future__ import annotations

from onefold.domain.graph.cluster import clusters as rebuilt
from onefold.domain.identity.identity import Xid
from onefold.domain.removal import Removal
from onefold.store.engine import Transaction
from onefold.store.tables import (
    cluster_history,
    clusters,
    events,
    failed_records,
    fragments,
    identities,
    links,
)


def remove(transaction: Transaction, seq: int, removal: Removal, *, at_ms: int) -> None:
    """Take out what the removal names, as far as it is still there.

    seq: the removal's number in the journal; clusters that answer something else now note it.
    at_ms: when it was asked for; identities that change their cluster by it note that.
    """
    events.remove(transaction, removal.events)
    fragments.remove(transaction, removal.fragments)
    failed_records.blank(transaction, removal.failed)
    owners = {row[0] for row in (*removal.events, *removal.fragments)} | set(removal.identities)
    before = identities.clusters_of(transaction, sorted(owners))
    if removal.identities:
        _unlink(transaction, set(removal.identities) & before.keys(), at_ms)
    after = set(identities.clusters_of(transaction, sorted(owners)).values())
    touched = set(before.values()) | after
    living = {member.cluster for member in identities.members_of(transaction, sorted(touched))}
    clusters.change(transaction, living, seq)
    clusters.forget(transaction, touched - living)


def _unlink(transaction: Transaction, leaving: set[Xid], at_ms: int) -> None:
    """Delete all links of the identities; those that own nothing are then unknown."""
    names = set(identities.clusters_of(transaction, sorted(leaving)).values())
    members = {m.xid: m for m in identities.members_of(transaction, sorted(names))}
    known = links.links_of(transaction, sorted(members))
    links.remove(
        transaction, {(link.a, link.b) for link in known if link.a in leaving or link.b in leaving}
    )
    staying = [link for link in known if link.a not in leaving and link.b not in leaving]
    renamed = {
        xid: name for xid, name in rebuilt(members, staying).items() if name != members[xid].cluster
    }
    moving = [members[xid] for xid in renamed]
    if moving:
        identities.move(transaction, moving, renamed)
        cluster_history.note(transaction, moving, at_ms=at_ms)
    owning = set(fragments.owning(transaction, sorted(leaving)))
    owning |= set(events.owning(transaction, sorted(leaving)))
    identities.forget(
        transaction,
        [(renamed.get(xid, members[xid].cluster), xid) for xid in sorted(leaving - owning)],
    )
    cluster_history.forget(transaction, sorted(leaving - owning))
    living = {m.cluster for m in identities.members_of(transaction, sorted(set(renamed.values())))}
    clusters.forget(transaction, set(renamed.values()) - living)
