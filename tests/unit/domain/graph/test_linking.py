"""Linking rules: the published scenarios, event by event. Source: identity contract, 7.6.

C is a customer number, M a hashed e-mail address, P a hashed phone number, L a login, G and I are
advertising ids, E is an ECID. A configuration lists namespaces by priority; `!` marks unique ones.
"""

from __future__ import annotations

from itertools import combinations

import pytest

from onefold.domain.graph.cluster import Stitching, Vertex, clusters
from onefold.domain.graph.linking import Pair, relinked
from onefold.domain.graph.links import Link, Sighting
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import GraphClass

CLASS_OF = {
    **dict.fromkeys("CMPL", GraphClass.PERSON),
    **dict.fromkeys("GI", GraphClass.DEVICE),
    "E": GraphClass.COOKIE,
}
SHARED = "C:Tom,M:aa,P:123; C:Tom,E:111; C:Tom,E:222,I:A; C:Summer,M:dd,P:765; C:Summer,E:333"
LOGINS = "C:Tom,L:A; C:Tom,L:B; L:A,E:111; C:Summer,L:C; C:Summer,L:D; L:C,E:222"
VECTORS = [
    pytest.param(events, config, expected, id=name)
    for name, events, config, expected in (
        (
            "shared device",
            "C:Tom,E:111; C:Summer,E:111",
            "C! E",
            "C:Summer,E:111; C:Tom",
        ),
        (
            "e-mail that is not unique",
            "C:Tom,M:aa; C:Tom,E:111; C:Summer,M:dd; C:Summer,E:222; C:Summer,M:aa",
            "C! M E",
            "C:Summer,E:222,M:aa,M:dd; C:Tom,E:111",
        ),
        (
            "shared device with an advertising id",
            f"{SHARED}; C:Summer,E:444,G:B; C:Tom,E:444,G:B",
            "C! M P G I E",
            "C:Tom,M:aa,P:123,E:111,E:222,I:A,E:444,G:B; C:Summer,M:dd,P:765,E:333",
        ),
        (
            "another device, the same advertising id",
            f"{SHARED}; C:Summer,E:444,G:B; C:Summer,E:555,I:A",
            "C! M P G I E",
            "C:Summer,M:dd,P:765,E:333,E:444,G:B,E:555,I:A; C:Tom,M:aa,P:123,E:111,E:222",
        ),
        (
            "a phone changes hands",
            "C:Tom,M:aa,P:123; C:Tom,E:111; C:Summer,M:dd,P:765; C:Summer,P:123",
            "C! M P! E",
            "C:Summer,M:dd,P:123; C:Tom,M:aa,E:111; P:765",
        ),
        (
            "logins on a shared device",
            f"{LOGINS}; L:C,E:111",
            "C! L E",
            "C:Tom,L:A,L:B; C:Summer,L:C,L:D,E:222,E:111",
        ),
        (
            "a login changes hands",
            f"{LOGINS}; C:Tom,L:D",
            "C! L E",
            "C:Tom,L:A,L:B,L:D,E:111; C:Summer,L:C,E:222",
        ),
        (
            "dangling login",
            "C:Tom,L:A; C:Tom,L:B; L:A,E:111; L:C,E:111",
            "C! L E",
            "C:Tom,L:A,L:B,L:C,E:111",
        ),
        (
            "dangling login of somebody else",
            "C:Tom,L:A; C:Tom,L:B; L:A,E:111; L:C,E:111; C:Summer,L:C,E:111; L:A,E:111",
            "C! M P L E",
            "C:Tom,L:A,L:B,E:111; C:Summer,L:C",
        ),
        (
            "two unique namespaces",
            "C:Tom,M:tom; C:Tom,E:111; M:summer,E:111",
            "C! M! E",
            "C:Tom,M:tom; M:summer,E:111",
        ),
        (
            "no namespace in common",
            "C:Tom,E:111; M:summer,E:111",
            "C! M! E",
            "C:Tom,E:111,M:summer",
        ),
        (
            "no customer number",
            "M:tom,E:111; M:summer,E:111",
            "C! M! E",
            "M:summer,E:111; M:tom",
        ),
        (
            "names that follow one another",
            "M:tom,E:111; M:tom,C:Tom; C:Tom,E:111",
            "C! M! E",
            "C:Tom,M:tom,E:111",
        ),
    )
]  # fmt: skip


def groups(text: str) -> list[tuple[Xid, ...]]:
    return [tuple(Xid(one.strip()) for one in part.split(",")) for part in text.split(";")]


def rules_of(config: str) -> LinkingRules:
    named = config.split()
    return LinkingRules(
        {ord(one[0]): rank for rank, one in enumerate(named, 1)},
        frozenset(ord(one[0]) for one in named if one.endswith("!")),
    )


def sightings(events: str) -> list[Sighting]:
    return [Sighting(xids, "set", at_ms) for at_ms, xids in enumerate(groups(events), 1)]


def applied(batches: list[list[Sighting]], rules: LinkingRules) -> set[frozenset[Xid]]:
    """The clusters after the batches, with everything stored in between."""
    cluster: dict[Xid, Xid] = {}
    stored: dict[Pair, tuple[int, int]] = {}
    for batch in batches:
        for sighting in batch:
            for xid in sighting.xids:
                cluster.setdefault(xid, xid)
        vertices = [
            Vertex(xid, ord(xid[0]), xid, CLASS_OF[xid[0]], name, 0)
            for xid, name in cluster.items()
        ]
        stitching = Stitching(vertices, batch, rules=rules)
        if stitching.crowded():
            stitching.load(Link(*pair, "set", *times) for pair, times in stored.items())
        changes = stitching.changes()
        for pair in changes.removed:
            del stored[pair]
        for link in changes.links:
            first, _ = stored.get((link.a, link.b), (link.first_ms, 0))
            stored[link.a, link.b] = (first, link.last_ms)
        cluster.update(changes.clusters)
    rebuilt = clusters(cluster, [Link(*pair, "set", *times) for pair, times in stored.items()])
    assert rebuilt == cluster
    return {frozenset(x for x, n in cluster.items() if n == name) for name in cluster.values()}


@pytest.mark.parametrize(("events", "config", "expected"), VECTORS)
def test_published_scenarios_event_by_event(events, config, expected):
    wanted = {frozenset(group) for group in groups(expected)}
    assert applied([[one] for one in sightings(events)], rules_of(config)) == wanted


@pytest.mark.parametrize(("events", "config", "expected"), VECTORS)
def test_published_scenarios_in_one_batch(events, config, expected):
    wanted = {frozenset(group) for group in groups(expected)}
    assert applied([sightings(events)], rules_of(config)) == wanted


@pytest.mark.parametrize(("events", "config", "expected"), VECTORS)
def test_published_scenarios_from_scratch(events, config, expected):
    links: dict[Pair, int] = {}
    for sighting in sightings(events):
        for a, b in combinations(sorted(sighting.xids), 2):
            links[a, b] = sighting.at_ms
    members = {xid for pair in links for xid in pair}
    namespaces = {xid: ord(xid[0]) for xid in members}
    parts, removed = relinked(members, links, namespaces, rules_of(config))
    assert {frozenset(part) for part in parts} == {frozenset(group) for group in groups(expected)}
    assert set(removed) <= links.keys()


def test_a_late_event_does_not_take_a_device_from_who_was_seen_there_after_it():
    events = [Sighting(xids, "set", at_ms) for xids, at_ms in (
        (groups("C:Tom,E:111")[0], 20), (groups("C:Summer,E:111")[0], 10)
    )]  # fmt: skip
    assert applied([[one] for one in events], rules_of("C! E")) == {
        frozenset({"C:Tom", "E:111"}),
        frozenset({"C:Summer"}),
    }


def test_a_removed_link_is_forgotten_and_a_later_event_can_make_it_again():
    events = sightings("C:Tom,E:111; C:Summer,E:111; C:Tom,E:111")
    assert applied([[one] for one in events], rules_of("C! E")) == {
        frozenset({"C:Tom", "E:111"}),
        frozenset({"C:Summer"}),
    }
