"""Chains: how two identities hang together, link by link, or which links are missing between them.

The idea. Every pair of identities that some record named together is a step that could be taken;
a pair that is linked costs nothing but its length, one that is not linked is a gap. The chain with
the fewest gaps, and of those the shortest, is the story to tell: without a gap it says why two
identities are one person, and else which pairs would have to be linked for that.

Source: identity contract, sections 6 and 7.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from heapq import heappop, heappush

from onefold.domain.graph.linking import Pair
from onefold.domain.graph.settings import CLUSTER_LIMIT, LinkingRules
from onefold.domain.identity.identity import Xid


class Apart(StrEnum):
    """Why two identities are not one person, or why a pair that was named together is not linked.

    unknownIdentity: nothing is known of one of them. neverNamedTogether: no record, nor any chain
    of records, names both. namedWithoutLinking: a record names both, and one of them takes no part
    in the graph there (its namespace, its dataset, or a record with more than 20 identities).
    cutByHand: the link was undone. uniqueNamespace: together they would have two values of a
    namespace that is unique per graph. clusterLimit: together they would have more than 50
    identities. bygoneRule: a rule or the limit unlinked them, and nothing would today; the next
    record that names both links them. evidenceTooLarge: too much hangs together to follow it all.
    """

    UNKNOWN = "unknownIdentity"
    NEVER = "neverNamedTogether"
    NOT_LINKING = "namedWithoutLinking"
    CUT = "cutByHand"
    UNIQUE = "uniqueNamespace"
    LIMIT = "clusterLimit"
    BYGONE = "bygoneRule"
    TOO_LARGE = "evidenceTooLarge"


def chain(
    start: Xid, end: Xid, linked: Iterable[Pair], named: Iterable[Pair] = ()
) -> list[Xid] | None:
    """The identities from one to another: along links, and where that does not lead there, along
    pairs that were only named together, as few of these as possible; None when nothing leads there.

    linked, named: pairs in either order, linked ones in both or in `linked` alone. Equal chains:
    the one with the smallest XIDs. Cost: O(pairs · log pairs).
    """
    steps: dict[Xid, dict[Xid, int]] = {}
    for gap, pairs in ((1, named), (0, linked)):
        for a, b in pairs:
            steps.setdefault(a, {})[b] = gap
            steps.setdefault(b, {})[a] = gap
    came: dict[Xid, Xid] = {}
    waiting: list[tuple[int, int, Xid, Xid]] = [(0, 0, start, start)]
    while waiting:
        gaps, length, here, before = heappop(waiting)
        if here in came:
            continue
        came[here] = before
        if here == end:
            return _walked_back(came, end)
        for there, gap in steps.get(here, {}).items():
            if there not in came:
                heappush(waiting, (gaps + gap, length + 1, there, here))
    return None


def apart(
    one: Mapping[Xid, int],
    other: Mapping[Xid, int],
    *,
    cut: bool,
    rules: LinkingRules | None,
    limit: int | None = None,
) -> tuple[Apart, tuple[Xid, ...]]:
    """Why a pair that records name together is not linked, and the identities that say so: two of
    one unique namespace, or nobody.

    one, other: the members of the clusters of either end, each with the id of its namespace; the
    same one when the two hang together some other way. cut: whether the pair was undone by hand.
    limit: most identities of a cluster; None: as the rules say.
    """
    if limit is None:
        limit = rules.limit if rules is not None else CLUSTER_LIMIT
    if cut:
        return Apart.CUT, ()
    together = {**one, **other}
    doubled = _doubled(one, other, rules) if rules is not None else ()
    if doubled:
        return Apart.UNIQUE, doubled
    return (Apart.LIMIT if len(together) > limit else Apart.BYGONE), ()


def _doubled(
    one: Mapping[Xid, int], other: Mapping[Xid, int], rules: LinkingRules
) -> tuple[Xid, ...]:
    """The first two identities, by XID, that are of one unique namespace and are not merged: those
    of a mergeable one have to come from either side."""
    first: dict[int, Xid] = {}
    for xid, namespace in sorted({**one, **other}.items()):
        if namespace in rules.unique:
            known = first.setdefault(namespace, xid)
            if known != xid and (
                namespace not in rules.mergeable or (known in one) != (xid in one)
            ):
                return known, xid
    return ()


def _walked_back(came: Mapping[Xid, Xid], end: Xid) -> list[Xid]:
    walk = [end]
    while (before := came[walk[-1]]) != walk[-1]:
        walk.append(before)
    return walk[::-1]
