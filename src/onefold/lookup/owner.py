"""Owner: the person behind the identity that was asked for.

Source: profile contract, 2.2, 2.3 and 4.6.
"""

from __future__ import annotations

import msgspec

from onefold.domain.graph.settings import CLUSTER_LIMIT
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.profile.business import is_of_any
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.errors import Malformed, OverLimit
from onefold.store.engine import Reader
from onefold.store.snapshot import Snapshot
from onefold.store.tables import identities
from onefold.store.tables.identities import Member


class Asked(msgspec.Struct, frozen=True):
    """An identity as a caller names it: an id with a namespace code, or an XID alone."""

    entity_id: str
    namespace: str | None = None


class Owner(msgspec.Struct, frozen=True):
    """Who is behind an identity. members: the identities of the cluster, as far as the policy's
    graph reaches; empty when the identity was never seen."""

    xid: Xid
    members: list[Member]

    @property
    def known(self) -> bool:
        return bool(self.members)


def identity_of(snapshot: Snapshot, asked: Asked) -> tuple[Xid, Identity]:
    """The identity that is asked for. Raises Malformed PRO-1003 for an unknown namespace and
    PRO-1002 for something that should be an XID and is not."""
    if asked.namespace:
        namespace = snapshot.namespaces.by_code(asked.namespace)
        if namespace is None:
            raise Malformed("PRO-1003", "The namespace is unknown", at="entityIdNS")
        if not asked.entity_id:
            raise Malformed("PRO-1001", "entityId is missing", at="entityId")
        return xids.encode(namespace.id, asked.entity_id), Identity(namespace.id, asked.entity_id)
    try:
        identity = xids.decode(asked.entity_id)
    except Malformed as bad:
        raise Malformed(
            "PRO-1002", "Without entityIdNS, entityId must be an XID", at="entityId"
        ) from bad
    if snapshot.namespaces.by_id(identity.namespace_id) is None:
        raise Malformed("PRO-1003", "The XID's namespace is unknown", at="entityId")
    return xids.encode(identity.namespace_id, identity.value), identity


def owner(reader: Reader, snapshot: Snapshot, asked: Asked, policy: MergePolicy) -> Owner:
    """Who is behind the identity, under the policy's graph.

    Raises OverLimit PRO-1006 when the graph has more than 50 identities. Cost: two reads by key.
    """
    xid, identity = identity_of(snapshot, asked)
    cluster = cluster_of_person(reader, snapshot, xid, identity)
    if cluster is None:
        return Owner(xid, [])
    return owner_in(reader, xid, cluster, policy)


def cluster_of_person(
    reader: Reader, snapshot: Snapshot, xid: Xid, identity: Identity
) -> Xid | None:
    """The cluster of an identity; None when it was never seen, or is one of a business."""
    if is_of_any(snapshot.namespaces.by_id(identity.namespace_id)):
        return None
    return identities.cluster_of(reader, xid)


def owner_in(reader: Reader, xid: Xid, cluster: Xid, policy: MergePolicy) -> Owner:
    """Who is behind an identity of which the cluster is known. Raises OverLimit PRO-1006."""
    members = identities.members(reader, cluster)
    if policy.identity_graph == "none":
        members = [member for member in members if member.xid == xid]
    if len(members) > CLUSTER_LIMIT:
        raise OverLimit(
            "PRO-1006",
            f"Too many related identities. Got: {len(members)}, max: {CLUSTER_LIMIT}",
            xid=xid,
            graph=policy.identity_graph,
        )
    members.sort(key=_by_appearance)
    return Owner(xid, members)


def _by_appearance(member: Member) -> tuple[int, Xid]:
    return (member.first_seen_ms, member.xid)
