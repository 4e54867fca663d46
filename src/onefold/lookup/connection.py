"""Connection: why two identities are one person, or why they are not, with the records that say so.

The links of the store tell what holds; the sightings tell what was ever said. Where no chain of
links leads from one to the other, the sightings are followed instead, and the pairs on the way that
are not linked are what keeps the two apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from onefold.domain.graph.chain import Apart, apart, chain
from onefold.domain.graph.linking import Pair
from onefold.domain.graph.links import Sighting, pairs
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader
from onefold.store.tables import cuts, events, identities, links, sightings, superseded
from onefold.store.tables.identities import Member
from onefold.store.tables.sightings import Seen

FOLLOWED_MAX = 10_000
"""Identities around the first one that are looked at, where no chain of links leads on."""
SIGHTINGS_MAX = 100_000
"""Sightings of them."""
STEPS_MAX = 100
"""Links of a chain that is told."""
SHOWN_AT_EACH_END = 10
"""Records of one link that are told: its first ones and its last ones."""


class Evidence(msgspec.Struct, frozen=True):
    """One record that names both ends of a link. event_id: while it is an event of the store.
    is_current: of a profile record, whether its dataset has said nothing of its owner since;
    None for what is none."""

    seen: Seen
    event_id: str | None
    is_current: bool | None


class Step(msgspec.Struct, frozen=True):
    """Two identities of a chain. rule: why they are not linked, None when they are; because: the
    identities that make the rule hold. records: how many link them, in all; first_ms, last_ms:
    their times; evidence: the first and the last of them, by number."""

    a: Xid
    b: Xid
    rule: Apart | None
    because: tuple[Xid, ...]
    records: int
    first_ms: int
    last_ms: int
    evidence: tuple[Evidence, ...]


class Connection(msgspec.Struct, frozen=True):
    """What is between two identities. rule: None when they are one person. unknown: those of the
    two that nothing is known of. steps: of a chain between them; empty when there is none."""

    rule: Apart | None
    unknown: tuple[Xid, ...] = ()
    steps: tuple[Step, ...] = ()


def connection(reader: Reader, rules: LinkingRules | None, one: Xid, other: Xid) -> Connection:
    """Why two identities are, or are not, one person.

    Cost: of one person, two reads by key and some for each link; else up to FOLLOWED_MAX identities
    and SIGHTINGS_MAX sightings are read.
    """
    known = identities.clusters_of(reader, [one, other])
    unknown = tuple(xid for xid in dict.fromkeys((one, other)) if xid not in known)
    if unknown:
        return Connection(Apart.UNKNOWN, unknown)
    if known[one] == known[other]:
        members = [member.xid for member in identities.members(reader, known[one])]
        walk = chain(one, other, _linked(reader, members)) or [one]
        return Connection(None, (), _steps(reader, walk))
    return _apart(reader, rules, one, other)


def _apart(reader: Reader, rules: LinkingRules | None, one: Xid, other: Xid) -> Connection:
    """Of two that are not one person."""
    both = _shared(reader, one, other)
    followed, named, is_whole = _followed(reader, one)
    walk = chain(one, other, _linked(reader, sorted(followed)), named)
    if walk is None and both:
        evidence = _step(reader, one, other, both, Apart.NOT_LINKING)
        return Connection(Apart.NOT_LINKING, (), (evidence,))
    if walk is None:
        return Connection(Apart.NEVER if is_whole else Apart.TOO_LARGE)
    if len(walk) > STEPS_MAX + 1:
        return Connection(Apart.TOO_LARGE)
    steps = _steps(reader, walk, rules)
    return Connection(next(step.rule for step in steps if step.rule is not None), (), steps)


def _followed(reader: Reader, start: Xid) -> tuple[set[Xid], set[Pair], bool]:
    """The identities that hang together with one by what records said, the pairs that records name
    together, and whether that is all of it."""
    reached, named = {start}, set[Pair]()
    frontier, left = [start], SIGHTINGS_MAX
    while frontier:
        left -= sightings.count(reader, frontier, limit=left + 1)
        if left < 0 or len(reached) > FOLLOWED_MAX:
            return reached, named, False
        said = sightings.of(reader, frontier)
        for seen in said:
            named.update(pairs(Sighting(seen.linked, seen.dataset, seen.at_ms)))
        frontier = sorted({xid for seen in said for xid in seen.linked} - reached)
        reached.update(frontier)
    return reached, named, True


def _steps(
    reader: Reader, walk: Sequence[Xid], rules: LinkingRules | None = None
) -> tuple[Step, ...]:
    """The steps of a chain, with their evidence, and with a reason where no link is."""
    cluster_of = identities.clusters_of(reader, walk)
    members: dict[Xid, list[Member]] = {}
    for member in identities.members_of(reader, sorted(set(cluster_of.values()))):
        members.setdefault(member.cluster, []).append(member)
    linked = _linked(reader, [m.xid for together in members.values() for m in together])
    undone = cuts.among(reader, walk)
    steps = []
    for a, b in pairwise(walk):
        pair = min(a, b), max(a, b)
        both = [seen for seen in _shared(reader, a, b) if {a, b} <= set(seen.linked)]
        rule: Apart | None = None
        because: tuple[Xid, ...] = ()
        if pair not in linked:
            rule, because = apart(
                _namespaces(members[cluster_of[a]]),
                _namespaces(members[cluster_of[b]]),
                cut=pair in undone,
                rules=rules,
            )
        steps.append(_step(reader, a, b, both, rule, because))
    return tuple(steps)


def _step(
    reader: Reader,
    a: Xid,
    b: Xid,
    both: Sequence[Seen],
    rule: Apart | None,
    because: tuple[Xid, ...] = (),
) -> Step:
    shown = list(both)
    if len(both) > 2 * SHOWN_AT_EACH_END:
        shown = [*both[:SHOWN_AT_EACH_END], *both[-SHOWN_AT_EACH_END:]]
    times = [seen.at_ms for seen in both] or [0]
    return Step(
        a, b, rule, because, len(both), min(times), max(times), tuple(_evidence(reader, shown))
    )


def _evidence(reader: Reader, shown: Sequence[Seen]) -> list[Evidence]:
    numbered = events.of_numbers(reader, [seen.seq for seen in shown])
    event_of = {number: event_id for number, _, event_id, _ in numbered}
    evidence = []
    for seen in shown:
        event_id, is_current = event_of.get(seen.seq), None
        if event_id is None and not seen.graph_only:
            history = superseded.outline(reader, (seen.owner, seen.source))
            known = [record for record in history if record.operation != "gone"]
            is_current = bool(known) and known[-1].seq == seen.seq
        evidence.append(Evidence(seen, event_id, is_current))
    return evidence


def _shared(reader: Reader, a: Xid, b: Xid) -> list[Seen]:
    """The sightings that name both, looked for among those of the one that has fewer."""
    of_a = sightings.count(reader, [a], limit=SIGHTINGS_MAX)
    of_b = sightings.count(reader, [b], limit=of_a)
    return sightings.shared(reader, a, b) if of_a <= of_b else sightings.shared(reader, b, a)


def _linked(reader: Reader, xids: Sequence[Xid]) -> set[Pair]:
    return {(link.a, link.b) for link in links.links_of(reader, xids)}


def _namespaces(members: Iterable[Member]) -> Mapping[Xid, int]:
    return {member.xid: member.namespace_id for member in members}
