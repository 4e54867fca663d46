"""Clusters, and who leaves when one is full. Source: identity contract, section 6."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from onefold.domain.graph.cluster import Changes, Stitching, Vertex, clusters
from onefold.domain.graph.links import Link, Sighting, mesh
from onefold.domain.graph.settings import CLUSTER_LIMIT
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import GraphClass
from onefold.errors import Defect

CLASS_OF = {"c": GraphClass.COOKIE, "d": GraphClass.DEVICE, "p": GraphClass.PERSON}


def vertex(xid: str, cluster: str | None = None) -> Vertex:
    return Vertex(Xid(xid), 0, "", CLASS_OF[xid[0]], Xid(cluster or xid), 0)


def seen(*xids: str, at_ms: int = 100, dataset: str = "set") -> Sighting:
    return Sighting(tuple(map(Xid, xids)), dataset, at_ms)


def changes(
    members: Sequence[str], stored: Sequence[Sighting], *batch: Sighting, limit: int
) -> Changes:
    """Apply a batch to one cluster that `stored` has linked, and to new identities."""
    links = [link for sighting in stored for link in mesh(sighting)]
    known = clusters([], links)
    stitching = Stitching([vertex(xid, known.get(Xid(xid))) for xid in members], batch, limit=limit)
    if stitching.crowded():
        stitching.load(links)
    return stitching.changes()


def test_a_lone_identity_is_its_own_cluster():
    assert clusters([Xid("x")], []) == {"x": "x"}


def test_a_cluster_is_named_by_its_smallest_identity():
    links = [
        link for one in (seen("c3", "c2"), seen("c1", "c3"), seen("d1", "d2")) for link in mesh(one)
    ]
    assert clusters([Xid("c9")], links) == {
        "c9": "c9",
        "c1": "c1",
        "c2": "c1",
        "c3": "c1",
        "d1": "d1",
        "d2": "d1",
    }


def test_a_bridge_unites_two_clusters_without_their_links():
    stitching = Stitching(
        [vertex("c1"), vertex("c2", "c1"), vertex("p1"), vertex("p2", "p1")],
        [seen("p2", "c2", at_ms=7)],
    )
    assert stitching.crowded() == frozenset()
    assert stitching.changes() == Changes(
        clusters={Xid("p1"): Xid("c1"), Xid("p2"): Xid("c1")},
        links=(Link(Xid("c2"), Xid("p2"), "set", 7, 7),),
        removed=(),
        evicted=(),
    )


def test_links_seen_again_are_combined_by_dataset():
    batch = [
        seen("c1", "p1", at_ms=5),
        seen("p1", "c1", at_ms=3),
        seen("c1", "p1", at_ms=4, dataset="other"),
    ]
    assert Stitching([vertex("c1"), vertex("p1", "c1")], batch).changes() == Changes(
        clusters={},
        links=(
            Link(Xid("c1"), Xid("p1"), "set", 3, 5),
            Link(Xid("c1"), Xid("p1"), "other", 4, 4),
        ),
        removed=(),
        evicted=(),
    )


def test_records_that_name_one_identity_or_none_change_nothing():
    batch = [seen(), seen("c1"), seen("c1", "c1")]
    assert Stitching([vertex("c1")], batch).changes() == Changes({}, (), (), ())
    assert Stitching([], []).changes() == Changes({}, (), (), ())


def test_the_lowest_class_leaves_first():
    """The person seen long ago stays, the device seen just now goes; a cookie before both."""
    stored = [seen("p1", "p2", at_ms=1), seen("p1", "d1", at_ms=99)]
    after = changes(["p1", "p2", "d1", "p3"], stored, seen("p1", "p3"), limit=3)
    assert after.evicted == ("d1",)
    assert after.removed == (("d1", "p1"),)
    assert after.clusters == {"p1": "p1", "p2": "p1", "p3": "p1"}


def test_of_one_class_the_one_not_seen_for_longest_leaves():
    """An identity is as old as its latest link, whatever dataset saw it."""
    stored = [
        seen("p1", "c1", at_ms=1),
        seen("p1", "c1", at_ms=9, dataset="other"),
        seen("p1", "c2", at_ms=5),
    ]
    after = changes(["p1", "c1", "c2", "p2"], stored, seen("p1", "p2"), limit=3)
    assert after.evicted == ("c2",)


def test_of_one_age_the_smaller_identity_leaves():
    stored = [seen("p1", "c2", "c1", at_ms=5)]
    after = changes(["p1", "c1", "c2", "p2"], stored, seen("p1", "p2"), limit=3)
    assert after.evicted == ("c1",)
    assert after.clusters == {"c2": "c2", "p1": "c2", "p2": "c2"}


def test_a_newcomer_may_itself_leave():
    """A record that comes late is as old as its own time."""
    stored = [seen("p1", "c2", at_ms=50), seen("p1", "c3", at_ms=50)]
    after = changes(["p1", "c1", "c2", "c3"], stored, seen("p1", "c1", at_ms=7), limit=3)
    assert after == Changes(clusters={}, links=(), removed=(), evicted=(Xid("c1"),))


def test_losing_the_newest_link_makes_an_identity_older():
    """c1 goes first, and with it what kept p1 young: then p1 is the oldest person."""
    stored = [seen("c1", "p1", at_ms=9), seen("p1", "p2", at_ms=1), seen("p2", "p3", at_ms=5)]
    after = changes(
        ["c1", "p1", "p2", "p3", "p4", "p5"], stored, seen("p3", "p4", "p5", at_ms=20), limit=4
    )
    assert after.evicted == ("c1", "p1")


def test_a_cluster_that_loses_its_bridge_falls_apart():
    stored = [seen("c1", "p1", at_ms=1), seen("c1", "p2", at_ms=2), seen("p2", "p4", at_ms=2)]
    after = changes(["c1", "p1", "p2", "p3", "p4"], stored, seen("p1", "p3"), limit=4)
    assert after.evicted == ("c1",)
    assert after.clusters == {"p1": "p1", "p3": "p1", "p2": "p2", "p4": "p2"}
    assert after.removed == (("c1", "p1"), ("c1", "p2"))


def test_parts_that_are_still_too_large_go_on_losing():
    stored = [
        seen("c1", "p1", "p2", "p3", at_ms=3),
        seen("c1", "p4", "p5", "p6", at_ms=2),
        seen("p1", "p2", "p3", at_ms=4),
    ]
    members = ["c1", "p1", "p2", "p3", "p4", "p5", "p6", "p7"]
    after = changes(members, stored, seen("p1", "p7", at_ms=9), limit=2)
    assert after.evicted == ("c1", "p2", "p3", "p4")
    assert after.clusters == {
        "p1": "p1",
        "p2": "p2",
        "p3": "p3",
        "p4": "p4",
        "p5": "p5",
        "p6": "p5",
        "p7": "p1",
    }


def test_one_record_alone_may_be_too_large():
    after = changes(["c1", "c2", "c3", "c4", "c5"], [], seen("c1", "c2", "c3", "c4", "c5"), limit=2)
    assert after.evicted == ("c1", "c2", "c3")
    assert after.links == tuple(mesh(seen("c4", "c5")))
    assert after.removed == ()


def test_a_record_that_comes_late_makes_no_pair_older():
    """Not even when c1 goes, whose link was as new as the pair's."""
    stored = [
        seen("d1", "p1", at_ms=9),
        seen("d1", "c1", at_ms=9),
        seen("d2", "p1", at_ms=5),
    ]
    late = seen("d1", "p1", at_ms=1)
    members = ["c1", "d1", "d2", "p1", "p2", "p3"]
    after = changes(members, stored, late, seen("p1", "p2", "p3"), limit=4)
    assert after.evicted == ("c1", "d2")


def test_an_identity_may_come_back_and_leave_again():
    stored = [seen("c1", "p1", at_ms=1), seen("p1", "p2", at_ms=50)]
    after = changes(
        ["c1", "p1", "p2", "p3"],
        stored,
        seen("p2", "p3", at_ms=60),
        seen("c1", "p1", at_ms=70),
        limit=3,
    )
    assert after.evicted == ("c1",)
    assert after.removed == (("c1", "p1"),)
    assert after.links == (Link(Xid("p2"), Xid("p3"), "set", 60, 60),)


def test_a_pair_removed_may_live_again_in_the_same_batch():
    stored = [seen("c1", "p1", at_ms=1), seen("c2", "p1", at_ms=50)]
    after = changes(
        ["c1", "c2", "p1", "p2"],
        stored,
        seen("p1", "p2", at_ms=60),  # c1 leaves
        seen("c1", "p1", at_ms=70),  # c1 returns, so c2 leaves
        limit=3,
    )
    assert after.evicted == ("c1", "c2")
    assert after.removed == (("c1", "p1"), ("c2", "p1"))
    assert after.links == (
        Link(Xid("p1"), Xid("p2"), "set", 60, 60),
        Link(Xid("c1"), Xid("p1"), "set", 70, 70),
    )
    assert after.clusters == {"c2": "c2", "p2": "c1"}


def test_the_limit_is_fifty():
    fifty = [f"c{n:02}" for n in range(CLUSTER_LIMIT)]
    vertices = [vertex(xid, "c00") for xid in fifty] + [vertex("p1")]
    fits = Stitching(vertices, [seen("c00", "c01")])
    assert fits.crowded() == frozenset()
    crowds = Stitching(vertices, [seen("c00", "p1")])
    assert crowds.crowded() == {one.xid for one in vertices}
    links = [link for xid in fifty[1:] for link in mesh(seen("c00", xid, at_ms=int(xid[1:])))]
    crowds.load(links[:20])
    crowds.load([*links[20:], *mesh(seen("d8", "d9"))])
    after = crowds.changes()
    assert after.evicted == ("c01",)
    assert after.clusters == {"c01": "c01", "p1": "c00"}


def test_links_of_crowded_identities_must_be_loaded():
    stitching = Stitching([vertex("c1"), vertex("c2")], [seen("c1", "c2")], limit=1)
    with pytest.raises(Defect):
        stitching.changes()


def test_every_identity_of_a_record_must_be_among_the_vertices():
    with pytest.raises(Defect):
        Stitching([vertex("c1")], [seen("c1", "c2")])


def test_clusters_that_fit_are_left_alone_by_a_crowded_neighbour():
    batch = [seen("c1", "c2"), seen("d1", "d2", "d3"), seen("c2", "c1", at_ms=200)]
    stitching = Stitching([vertex(x) for x in ("c1", "c2", "d1", "d2", "d3")], batch, limit=2)
    assert stitching.crowded() == {"d1", "d2", "d3"}
    stitching.load([])
    after = stitching.changes()
    assert after.evicted == ("d1",)
    assert after.clusters == {"c2": "c1", "d3": "d2"}
    assert after.removed == ()  # nothing was stored yet
    assert Link(Xid("c1"), Xid("c2"), "set", 100, 200) in after.links
