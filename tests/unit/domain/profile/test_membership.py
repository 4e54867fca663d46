"""Memberships: which profiles a filter lets through, and that no form of a record breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.profile.membership import MembershipFilter, Segment

NOON_MS = 1_764_590_400_000  # 2025-12-01T12:00:00Z


def profile(status: str = "realized", at: str = "2025-12-01T12:00:00Z") -> dict[str, Any]:
    entry = {"status": status, "lastQualificationTime": at}
    return {"segmentMembership": {"ups": {"s1": entry}}}


def test_a_filter_that_asks_nothing_says_so() -> None:
    assert not MembershipFilter().asks
    assert MembershipFilter((Segment("s1"),)).asks
    assert MembershipFilter(start_ms=0).asks
    assert MembershipFilter(end_ms=0).asks


@pytest.mark.parametrize(
    ("status", "wanted", "found"),
    [
        ("realized", ("realized", "existing"), [0]),
        ("existing", ("realized", "existing"), [0]),
        ("exited", ("realized", "existing"), []),
        ("exited", ("exited",), [0]),
    ],
)
def test_the_status_decides(status: str, wanted: tuple[str, ...], found: list[int]) -> None:
    asked = MembershipFilter((Segment("s1", statuses=wanted),))
    assert asked.matching(profile(status)) == found


def test_a_membership_without_a_status_is_realized() -> None:
    asked = MembershipFilter((Segment("s1"),))
    assert asked.matching({"segmentMembership": {"ups": {"s1": {}}}}) == [0]


def test_namespaces_are_equal_in_any_case_and_segments_are_not() -> None:
    given = profile()
    for namespace, segment, found in (("UPS", "s1", [0]), ("ups", "S1", []), ("aam", "s1", [])):
        assert MembershipFilter((Segment(segment, namespace),)).matching(given) == found
    twice: dict[str, Any] = {"segmentMembership": {"UPS": {"a": {}}, "ups": {"b": {}}}}
    both = MembershipFilter((Segment("a"), Segment("b"), Segment("c")))
    assert both.matching(twice) == [0, 1]


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "found"),
    [
        (NOON_MS, None, [0]),
        (NOON_MS + 1, None, []),
        (None, NOON_MS, [0]),
        (None, NOON_MS - 1, []),
        (NOON_MS, NOON_MS, [0]),
    ],
)
def test_both_bounds_of_the_time_belong_to_it(
    start_ms: int | None, end_ms: int | None, found: list[int]
) -> None:
    asked = MembershipFilter((Segment("s1"),), start_ms, end_ms)
    assert asked.matching(profile()) == found
    assert MembershipFilter((), start_ms, end_ms).matching(profile()) == found


def test_without_segments_only_members_count() -> None:
    asked = MembershipFilter(start_ms=0)
    assert asked.matching(profile("exited")) == []
    assert asked.matching(profile("existing")) == [0]


@pytest.mark.parametrize("at", ["", "noon", 7, None])
def test_a_membership_without_a_time_is_in_no_stretch_of_time(at: Any) -> None:
    assert MembershipFilter((), 0).matching(profile(at=at)) == []


@pytest.mark.parametrize("said", [None, [], "x", {"ups": 7}, {"ups": {"s1": 7}}, {"ups": ["s1"]}])
def test_what_has_another_form_is_no_membership(said: Any) -> None:
    for asked in (MembershipFilter((Segment("s1"),)), MembershipFilter(start_ms=0)):
        assert asked.matching({"segmentMembership": said}) == []
    assert MembershipFilter((Segment("s1"),)).matching({}) == []
