"""Links and identities: facts that stand under both ends, and clusters in two directions."""

from __future__ import annotations

from random import Random

from onefold.domain.graph.links import Link
from onefold.domain.identity.identity import Xid
from onefold.store.engine import LIST_MAX, Engine
from onefold.store.tables import cluster_history, identities, links
from onefold.store.tables.cluster_history import KEPT_MS, Departure
from onefold.store.tables.identities import Member

A, B, C, D = (Xid(name) for name in "ABCD")


def _see(engine: Engine, *seen: Link) -> None:
    with engine.transaction() as transaction:
        links.see(transaction, seen)


def _every(engine: Engine) -> list[Link]:
    """All rows, read in pages of three."""
    found: list[Link] = []
    after = ("", "", "")
    while page := links.every(engine, after=after, limit=3):
        found += page
        after = (page[-1].a, page[-1].b, page[-1].dataset)
    return found


def test_link_stands_under_both_ends(engine: Engine) -> None:
    _see(engine, Link(A, B, "ds", 1, 2))
    assert _every(engine) == [Link(A, B, "ds", 1, 2), Link(B, A, "ds", 1, 2)]
    assert links.links_of(engine, [A, B]) == [Link(A, B, "ds", 1, 2)]
    assert links.links_of(engine, [B]) == []


def test_first_time_only_falls_and_last_time_only_rises(engine: Engine) -> None:
    for first, last in ((5, 6), (7, 9), (3, 4), (4, 8)):
        _see(engine, Link(A, B, "ds", first, last))
    assert links.links_of(engine, [A]) == [Link(A, B, "ds", 3, 9)]


def test_order_of_sightings_changes_nothing(engine: Engine) -> None:
    random = Random(3)
    xids = [Xid(f"x{n:02d}") for n in range(12)]
    seen = []
    for _ in range(300):
        a, b = sorted(random.sample(xids, 2))
        at = random.randrange(100)
        seen.append(Link(a, b, random.choice(("one", "two")), at, at + random.randrange(5)))
    _see(engine, *seen)
    once = _every(engine)
    random.shuffle(seen)
    for start in range(0, len(seen), 7):
        _see(engine, *seen[start : start + 7])
    assert _every(engine) == once
    assert len(once) == 2 * len({(link.a, link.b, link.dataset) for link in seen})


def test_links_of_two_datasets_are_two_links(engine: Engine) -> None:
    _see(engine, Link(A, B, "one", 1, 1), Link(A, B, "two", 2, 2))
    assert len(_every(engine)) == 4


def test_removing_a_pair_removes_its_links_of_all_datasets_both_ways(engine: Engine) -> None:
    _see(engine, Link(A, B, "one", 1, 1), Link(A, B, "two", 2, 2), Link(B, C, "one", 1, 1))
    with engine.transaction() as transaction:
        links.remove(transaction, [(A, B), (A, D)])
    assert _every(engine) == [Link(B, C, "one", 1, 1), Link(C, B, "one", 1, 1)]


def _member(cluster: Xid, xid: Xid, at_ms: int = 1) -> Member:
    return Member(cluster, xid, 4, f"value of {xid}", at_ms)


def _agree(engine: Engine) -> dict[Xid, Xid]:
    """Cluster by identity, which both directions tell alike."""
    one_way = dict(identities.every(engine, after="", limit=10_000))
    members = identities.every_member(engine, after=("", ""), limit=10_000)
    assert {m.xid: m.cluster for m in members} == one_way
    assert len(members) == len(one_way)
    return one_way


def test_identity_is_found_in_both_directions(engine: Engine) -> None:
    with engine.transaction() as transaction:
        identities.add(transaction, [_member(A, B, 7), _member(A, A, 5), _member(C, C)])
    assert identities.cluster_of(engine, B) == A
    assert identities.cluster_of(engine, D) is None
    assert identities.clusters_of(engine, [A, B, C, D]) == {A: A, B: A, C: C}
    assert sorted(identities.members_of(engine, [A]), key=lambda m: m.xid) == [
        _member(A, A, 5),
        _member(A, B, 7),
    ]
    assert _agree(engine) == {A: A, B: A, C: C}


def test_identities_that_move_keep_everything_but_their_cluster(engine: Engine) -> None:
    with engine.transaction() as transaction:
        identities.add(transaction, [_member(A, A), _member(B, B, 8), _member(B, C, 9)])
    with engine.transaction() as transaction:
        identities.move(transaction, [_member(B, B, 8), _member(B, C, 9)], {B: A, C: A})
    assert _agree(engine) == {A: A, B: A, C: A}
    assert _member(A, C, 9) in identities.members_of(engine, [A])
    assert identities.members_of(engine, [B]) == []
    with engine.transaction() as transaction:
        identities.move(transaction, [_member(A, A), _member(A, B, 8)], {A: A, B: B})
    assert _agree(engine) == {A: A, B: B, C: A}


def test_two_clusters_may_change_names_at_once(engine: Engine) -> None:
    with engine.transaction() as transaction:
        identities.add(transaction, [_member(A, A), _member(B, B)])
    with engine.transaction() as transaction:
        identities.move(transaction, [_member(A, A), _member(B, B)], {A: B, B: A})
    assert _agree(engine) == {A: B, B: A}


def test_many_identities_are_asked_in_parts(engine: Engine) -> None:
    xids = [Xid(f"x{n}") for n in range(2 * LIST_MAX + 3)]
    with engine.transaction() as transaction:
        identities.add(transaction, [_member(xid, xid) for xid in xids])
    assert identities.clusters_of(engine, [*xids, A]) == {xid: xid for xid in xids}
    assert len(identities.members_of(engine, xids)) == len(xids)
    assert identities.clusters_of(engine, []) == {}


def test_pages_of_identities_and_members_miss_nothing(engine: Engine) -> None:
    with engine.transaction() as transaction:
        identities.add(transaction, [_member(A, xid) for xid in (A, B, C, D)])
    assert identities.every(engine, after=B, limit=1) == [(C, A)]
    assert [m.xid for m in identities.every_member(engine, after=(A, B), limit=9)] == [C, D]
    assert identities.every(engine, after=D, limit=9) == []


def test_departures_are_kept_in_order_and_the_first_of_one_time_counts(engine: Engine) -> None:
    with engine.transaction() as transaction:
        cluster_history.note(transaction, [_member(B, C), _member(B, D)], at_ms=5)
        cluster_history.note(transaction, [_member(A, C)], at_ms=5)
        cluster_history.note(transaction, [_member(A, C)], at_ms=7)
    assert cluster_history.of(engine, [A, C, D]) == {
        C: [Departure(C, 5, B), Departure(C, 7, A)],
        D: [Departure(D, 5, B)],
    }


def test_old_departures_are_forgotten_but_for_the_last_of_them(engine: Engine) -> None:
    with engine.transaction() as transaction:
        for at_ms in (1, 2, 3, KEPT_MS + 2, KEPT_MS + 3):
            cluster_history.note(transaction, [_member(B, C)], at_ms=at_ms)
    left = [one.left_ms for one in cluster_history.of(engine, [C])[C]]
    assert left == [2, 3, KEPT_MS + 2, KEPT_MS + 3]
    with engine.transaction() as transaction:
        cluster_history.note(transaction, [_member(B, C)], at_ms=KEPT_MS + 9)
        cluster_history.note(transaction, [_member(B, D)], at_ms=KEPT_MS + 9)
    left = [one.left_ms for one in cluster_history.of(engine, [C])[C]]
    assert left == [3, KEPT_MS + 2, KEPT_MS + 3, KEPT_MS + 9]


def test_departures_of_identities_can_be_forgotten(engine: Engine) -> None:
    with engine.transaction() as transaction:
        cluster_history.note(transaction, [_member(B, C), _member(B, D)], at_ms=5)
        cluster_history.forget(transaction, [C])
    assert cluster_history.of(engine, [C, D]) == {D: [Departure(D, 5, B)]}


def test_linked_pairs_are_counted_once(engine: Engine) -> None:
    _see(engine, Link(A, B, "one", 1, 1), Link(A, B, "two", 2, 2), Link(B, C, "one", 1, 1))
    assert links.count(engine) == 2


def test_members_can_be_read_in_pages_with_their_namespaces(engine: Engine) -> None:
    with engine.transaction() as transaction:
        identities.add(transaction, [_member(A, A), _member(A, C), _member(B, B)])
    first = identities.every_namespace(engine, after=("", ""), limit=2)
    assert first == [(A, A, 4), (A, C, 4)]
    assert identities.every_namespace(engine, after=(A, C), limit=2) == [(B, B, 4)]
