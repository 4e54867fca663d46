"""Laws of the merge: the policy alone decides, never the order in which fragments come."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.profile.fragment import Fragment, without_nulls
from onefold.domain.profile.merge import merged
from onefold.domain.profile.merge_policy import MergePolicy
from tests.properties import strategies as any_

PLACED = ("identityMap", "segmentMembership", "userActivityRegions")


def cleaned(value: Any) -> Any:
    """A value as the merge emits it: nowhere a null."""
    if isinstance(value, dict):
        return {key: cleaned(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [cleaned(member) for member in value if member is not None]
    return value


def laid_over(older: Any, newer: Any) -> Any:
    """Rules 3 to 7 of profile contract 4.7, as one definition."""
    if isinstance(older, dict) and isinstance(newer, dict):
        return {
            key: laid_over(older[key], newer[key])
            if key in older and key in newer
            else older.get(key, newer.get(key))
            for key in [*older, *newer]
        }
    return newer


def ordinary(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key not in PLACED}


def rank(fragment: Fragment, policy: MergePolicy) -> tuple:
    by_time = (fragment.effective_ms, fragment.seq, fragment.dataset, fragment.xid)
    if policy.attribute_merge == "timestampOrdered":
        return by_time
    return (-policy.order.index(fragment.dataset), *by_time)


@given(any_.fragments, any_.policies, st.randoms())
def test_merge_ignores_order_and_repeats(fragments, policy, random):
    mixed = fragments * 2
    random.shuffle(mixed)
    assert merged(mixed, policy) == merged(fragments, policy)


@given(any_.fragments, any_.policies)
def test_merge_agrees_with_its_definition(fragments, policy):
    expected: Any = {}
    for fragment in sorted(
        (one for one in fragments if policy.admits_record(one.dataset)),
        key=lambda one: rank(one, policy),
    ):
        expected = laid_over(expected, cleaned(ordinary(fragment.attributes)))
    assert ordinary(merged(fragments, policy)) == expected


@given(any_.fragments, any_.policies)
def test_merge_changes_no_fragment(fragments, policy):
    before = deepcopy(fragments)
    merged(fragments, policy)
    assert fragments == before


@given(any_.attributes())
def test_what_is_stored_has_no_null_and_everything_else(attributes):
    assert without_nulls(attributes) == cleaned(attributes)


@given(any_.fragments, any_.policies)
def test_merge_never_emits_null(fragments, policy):
    answer = merged(fragments, policy)
    assert cleaned(answer) == answer


@given(any_.fragments, any_.policies)
def test_of_memberships_and_regions_the_newest_of_all_fragments_is_kept(fragments, policy):
    answer = merged(fragments, policy)
    admitted = [one.attributes for one in fragments if policy.admits_record(one.dataset)]
    for field, time_field, depth in (
        ("segmentMembership", "lastQualificationTime", 2),
        ("userActivityRegions", "captureTimestamp", 1),
    ):
        times: dict[tuple[str, ...], list[str]] = {}
        for attributes in admitted:
            for path, entry in entries(attributes.get(field), depth):
                times.setdefault(path, []).append(known_time(entry, time_field))
        kept = dict(entries(answer.get(field), depth))
        assert kept.keys() == times.keys()
        assert {path: known_time(entry, time_field) for path, entry in kept.items()} == {
            path: max(seen) for path, seen in times.items()
        }
    assert "identityMap" not in answer


def entries(value: Any, depth: int) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if isinstance(value, dict):
        if depth == 0:
            yield (), value
        else:
            for key, member in value.items():
                for path, entry in entries(member, depth - 1):
                    yield (key, *path), entry


def known_time(entry: dict[str, Any], field: str) -> str:
    """Instants of the strategies are all of one form, so their text orders them; others are old."""
    text = entry.get(field)
    return text if isinstance(text, str) and text.startswith("2022") else ""
