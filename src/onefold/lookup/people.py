"""People: everybody, one cluster after the other, for jobs that read all of them.

A page is read from one state of the store, so that each person is whole. Pages follow the names of
clusters: who is joined to others between two pages may be met twice, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

import msgspec

from onefold.domain.graph.settings import CLUSTER_LIMIT
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.lookup.owner import Owner
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.tables import fragments, identities
from onefold.store.tables.identities import Member

Cursor = tuple[str, str]
"""Cluster and XID behind which a page begins."""
START: Cursor = ("", "")
_LAST = "\U0010ffff"


class Person(msgspec.Struct, frozen=True, gc=False):
    """One person under a policy. cluster: where a later page goes on behind this one. fragments:
    those that the policy admits."""

    cluster: Xid
    owner: Owner
    fragments: list[Fragment]


def people(
    reader: Reader,
    packing: Packing,
    policy: MergePolicy,
    after: Cursor,
    *,
    members_max: int,
    limit: int | None = None,
) -> tuple[list[Person], Cursor | None]:
    """The people of up to `members_max` identities behind a cursor, and the cursor behind them;
    None: nobody is left.

    Clusters of more than `limit` identities, 50 when it is not given, are left out; members_max has
    to be larger than that. Under a policy without a graph each identity stands for itself.
    Source: profile contract, 4.6. Cost: a walk over the members, and a read by key for each
    identity's fragments.
    """
    found = identities.every_member(reader, after=after, limit=members_max)
    following = None
    if len(found) == members_max:
        found, following = _whole(found)
    of: dict[Xid, list[Fragment]] = {}
    for fragment in fragments.fragments_of(reader, packing, [member.xid for member in found]):
        if policy.admits_record(fragment.dataset):
            of.setdefault(fragment.xid, []).append(fragment)
    most = CLUSTER_LIMIT if limit is None else limit
    return list(_people(found, of, policy, most)), following


def behind(person: Person) -> Cursor:
    """The cursor of the page that begins behind a person's cluster."""
    return person.cluster, _LAST


def _whole(found: list[Member]) -> tuple[list[Member], Cursor]:
    """Members without those of the last cluster, of which there may be more; where that is all that
    there is, it has too many to be a person."""
    last = found[-1].cluster
    whole = [member for member in found if member.cluster != last]
    return whole, (whole[-1].cluster if whole else last, _LAST)


def _people(
    found: list[Member], of: dict[Xid, list[Fragment]], policy: MergePolicy, limit: int
) -> Iterator[Person]:
    for cluster, group in groupby(found, attrgetter("cluster")):
        members = sorted(group, key=_by_appearance)
        if policy.identity_graph == "none":
            for member in members:
                yield Person(cluster, Owner(member.xid, [member]), of.get(member.xid, []))
        elif len(members) <= limit:
            parts = [fragment for member in members for fragment in of.get(member.xid, ())]
            yield Person(cluster, Owner(members[0].xid, members), parts)


def _by_appearance(member: Member) -> tuple[int, Xid]:
    return (member.first_seen_ms, member.xid)
