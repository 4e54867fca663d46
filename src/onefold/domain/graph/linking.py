"""Linking rules: which links of a graph hold when it would have two values of a unique namespace.

The idea. A graph in conflict is built anew, link by link, in the order of their worth, and a link
that would bring two values of a unique namespace together is left out. First come the links of the
latest event, since a shared device belongs to whoever used it last; then the others by the sum of
their ends' ranks, so that the links between persons' own names hold before those to devices; of
equal sums the newer first.

Before all of them come links between two values of a unique namespace, where records may merge on
purpose (`LinkingRules.mergeable`): such values count as one.

The latest event is the latest by its own time. A record that arrives late does not take a device
away from somebody who was seen there after it.

Source: identity contract, 7.3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Xid

Pair = tuple[Xid, Xid]


def may_conflict(
    members: Iterable[Xid], namespaces: Mapping[Xid, int], rules: LinkingRules
) -> bool:
    """Whether two of these identities are of one unique namespace. namespaces: their ids. It is a
    conflict unless links merge the two: `relinked` tells."""
    unique = rules.unique
    seen: set[int] = set()
    for xid in members:
        namespace = namespaces[xid]
        if namespace in unique:
            if namespace in seen:
                return True
            seen.add(namespace)
    return False


def relinked(
    members: Iterable[Xid],
    links: Mapping[Pair, int],
    namespaces: Mapping[Xid, int],
    rules: LinkingRules,
    *,
    latest: Collection[Pair] = (),
) -> tuple[list[set[Xid]], list[Pair]]:
    """Build a graph anew; answer the parts into which it falls, and the pairs that do not hold.

    links: every pair, smaller XID first, and when it was last seen. latest: the pairs of the latest
    event; when not given, those last seen at the latest time of all. Every part has one value of
    each unique namespace at most, merged ones counted as one; an identity whose links all fell away
    is a part of its own. Ties of time are broken by XIDs. Cost: O(links · log links).
    """
    if not latest:
        newest_ms = max(links.values(), default=0)
        latest = {pair for pair, at_ms in links.items() if at_ms == newest_ms}
    parts = {xid: {xid} for xid in members}
    held: dict[int, dict[int, Xid]] = {
        id(part): {namespaces[xid]: xid} if namespaces[xid] in rules.unique else {}
        for xid, part in parts.items()
    }

    def merges(pair: Pair) -> bool:
        return namespaces[pair[0]] == namespaces[pair[1]] and namespaces[pair[0]] in rules.mergeable

    def worth(pair: Pair) -> tuple[bool, bool, int, int, Pair]:
        ranks = rules.rank(namespaces[pair[0]]) + rules.rank(namespaces[pair[1]])
        return (not merges(pair), pair not in latest, ranks, -links[pair], pair)

    removed: list[Pair] = []
    for pair in sorted(links, key=worth):
        small, large = sorted((parts[pair[0]], parts[pair[1]]), key=len)
        if small is large:
            continue
        mine, theirs = held[id(small)], held[id(large)]
        if mine.keys() & theirs.keys() and not merges(pair):
            removed.append(pair)
            continue
        theirs.update(mine)
        large |= small
        parts.update(dict.fromkeys(small, large))
    return list({id(part): part for part in parts.values()}.values()), removed
