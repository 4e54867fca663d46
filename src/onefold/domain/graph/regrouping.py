"""Regrouping: what happened to people, told from where their identities were and where they are.

The idea. A cluster is named after its smallest XID, which is a member of it. So whether a cluster
lives on under its name shows in one identity, and what moved is enough to tell what became of whom:
the members that stayed where they were need not be known.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import StrEnum

import msgspec

from onefold.domain.identity.identity import Xid


class Kind(StrEnum):
    """What happened to a cluster, in the order in which it is told: whoever takes what joined
    another out and what came of a split in, one after the other, has the clusters that there are.
    """

    JOINED = "joined"
    SPLIT = "split"
    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


class Happening(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened to one cluster.

    others: of `joined`, the clusters whose members came into it, all of them or some; a cluster
    that only has another name now has joined the one of that name. Of `split`, the clusters that
    its members are in now, its own name among them if it goes on. By XID; empty for other kinds.
    """

    kind: Kind
    cluster: Xid
    others: tuple[Xid, ...] = ()


def happenings(
    before: Mapping[Xid, Xid], after: Mapping[Xid, Xid], changed: Set[Xid] = frozenset()
) -> list[Happening]:
    """Answer what happened to the clusters of the identities given, in order of kind and cluster.

    before, after: the cluster of each identity that may have moved, or is new (absent before) or
    forgotten (absent after). Identities that are in neither stayed where they were; those that did
    not move may be given, too. changed: clusters of which a fragment was written or removed.
    Whoever answers something else now is told of at least once: `changed` only where nothing else
    tells of it. Clusters that are no more are told of as split, as deleted, or as one of `others`
    of a cluster that they joined. Cost: linear.
    """
    sources: dict[Xid, set[Xid]] = {}
    targets: dict[Xid, set[Xid]] = {}
    touched = set(changed)
    for xid, origin in before.items():
        parts = targets.setdefault(origin, set())
        cluster = after.get(xid)
        if cluster is None:
            touched.add(origin)
        else:
            parts.add(cluster)
            sources.setdefault(cluster, set()).add(origin)
    reached = {cluster for xid, cluster in after.items() if xid not in before}
    touched |= reached
    for name in {*sources, *targets, *reached}:
        if name not in after and name not in before:
            sources.setdefault(name, set()).add(name)
            targets.setdefault(name, set()).add(name)
    split = {name: parts for name, parts in targets.items() if len(parts) > 1}
    joined = {
        name: origins - {name}
        for name, origins in sources.items()
        if origins != {name} and not (len(origins) == 1 and origins <= split.keys())
    }
    created = reached - sources.keys()
    told = created.union(joined, *split.values())
    return [
        *_told(Kind.JOINED, joined),
        *_told(Kind.SPLIT, split),
        *(Happening(Kind.CREATED, name) for name in sorted(created)),
        *(
            Happening(Kind.CHANGED, name)
            for name in sorted(touched - told)
            if after.get(name, None if name in before else name) == name
        ),
        *(Happening(Kind.DELETED, name) for name in sorted(targets) if not targets[name]),
    ]


def _told(kind: Kind, clusters: Mapping[Xid, set[Xid]]) -> list[Happening]:
    return [Happening(kind, name, tuple(sorted(clusters[name]))) for name in sorted(clusters)]
