"""Samples: what one person counts for, who is in a sample, and what is let go of."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from onefold.domain.identity.identity import Xid
from onefold.domain.profile import sample
from onefold.domain.profile.sample import (
    AGES,
    DAY_MS,
    Part,
    Person,
    Size,
    Tallies,
    Timeline,
    has_moved,
    in_sample,
    most_frequent,
)
from onefold.domain.profile.sample_reports import (
    CHARACTER_COUNT,
    DATASET,
    DATASET_OVERLAP,
    DATASET_STATS,
    NAMESPACE_OVERLAP,
    Count,
    Named,
    Report,
    day_of,
    reports,
    share,
    week_of,
)

NOW_MS = 1_767_225_600_000  # 2026-01-01, a Thursday
A, B = Xid("a"), Xid("b")


def take(tallies: Tallies, person: Person, *, is_sampled: bool = True) -> None:
    tallies.take(person, is_sampled=is_sampled, now_ms=NOW_MS)


def made(tallies: Tallies, **changed: Any) -> dict[str, Report]:
    given: dict[str, Any] = {
        "at_ms": NOW_MS,
        "is_whole": True,
        "datasets": {"E": Named("Events", has_events=True)},
        "code_of": lambda namespace_id: {4: "ECID", 6: "Email"}[namespace_id],
    }
    return reports(Count(tallies=tallies, **(given | changed)))


def test_somebody_without_anything_is_no_profile() -> None:
    tallies = Tallies()
    take(tallies, Person({A: 4}, [], []))
    assert tallies == Tallies()


def test_the_events_of_an_identity_are_one_fragment_however_many_datasets_they_are_of() -> None:
    tallies = Tallies()
    lines = [Timeline(A, "E", 3, 0), Timeline(A, "F", 2, 0), Timeline(B, "E", 1, 0)]
    take(tallies, Person({A: 4, B: 6}, [Part(B, "R", 10)], lines))
    assert (tallies.profiles, tallies.fragments, tallies.events, tallies.documents) == (1, 3, 6, 7)
    assert tallies.dataset_overlaps == {"E,F,R": 1}
    assert tallies.namespaces["6"].fragments == 2


def test_one_fragment_and_one_identity_are_unstitched() -> None:
    tallies = Tallies()
    take(tallies, Person({A: 4}, [Part(A, "R", 1)], []))
    take(tallies, Person({A: 4, B: 4}, [Part(A, "R", 1)], []))
    take(tallies, Person({A: 4}, [Part(A, "R", 1)], [Timeline(A, "E", 1, 0)]))
    take(tallies, Person({A: 4}, [], [Timeline(A, "E", 2, NOW_MS - 30 * DAY_MS)]))
    found = [(one.profiles, one.events) for one in tallies.unstitched["4"]]
    assert found == [(2, 2), (1, 0), (1, 0), (1, 0), (1, 0)]


def test_tallies_survive_json() -> None:
    tallies = Tallies()
    take(tallies, Person({A: 4}, [Part(A, "R", 5)], [Timeline(A, "E", 2, NOW_MS)]))
    tallies.take_sizes([Size("E", week_of(NOW_MS), 2, 99, [1] * len(AGES))])
    text = msgspec.json.encode(tallies)
    assert msgspec.json.decode(text, type=Tallies) == tallies


def test_only_the_most_frequent_combinations_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "OVERLAPS_MAX", 2)
    tallies = Tallies()
    for dataset, times in (("A", 3), ("B", 1), ("C", 2), ("D", 1)):
        for _ in range(times):
            take(tallies, Person({A: 4}, [Part(A, dataset, 1)], []))
    tallies.let_go()
    assert len(tallies.dataset_overlaps) == 4, "not before there are twice as many"
    take(tallies, Person({A: 4}, [Part(A, "E", 1)], []))
    tallies.let_go()
    assert tallies.dataset_overlaps == {"A": 3, "C": 2}
    take(tallies, Person({A: 4}, [Part(A, "F", 1)], []))
    found = made(tallies)
    assert found[DATASET_OVERLAP]["data"] == {"A": 3, "C": 2}
    assert found[DATASET_OVERLAP]["profilesLeftOut"] == 4
    assert found[NAMESPACE_OVERLAP] == {
        "data": {"ECID": 9},
        "reportTimestamp": "2026-01-01T00:00:00.000",
    }


def test_combinations_are_ordered_by_frequency_and_then_by_name() -> None:
    assert list(most_frequent({"b": 1, "c": 2, "a": 1})) == ["c", "a", "b"]


def test_codes_of_a_combination_are_sorted_by_code_point() -> None:
    tallies = Tallies(namespace_overlaps={"1,2,3": 5})
    codes = {1: "crmid", 2: "loyal", 3: "Email"}
    found = made(tallies, code_of=codes.__getitem__)
    assert found[NAMESPACE_OVERLAP]["data"] == {"Email,crmid,loyal": 5}


def test_a_sample_has_about_as_many_as_it_should() -> None:
    chosen = {n for n in range(10_000) if in_sample(f"p{n}", population=10_000, limit=2_500)}
    assert 2_300 < len(chosen) < 2_700
    smaller = {n for n in range(10_000) if in_sample(f"p{n}", population=10_000, limit=500)}
    assert smaller < chosen, "a smaller sample is a part of a larger one"
    assert all(in_sample(f"p{n}", population=100, limit=100) for n in range(100))


@pytest.mark.parametrize(
    ("now", "then", "moved"),
    [(105, 100, False), (106, 100, True), (95, 100, False), (94, 100, True), (0, 0, False)],
)
def test_a_move_is_more_than_five_percent(now: int, then: int, moved: bool) -> None:
    assert has_moved(now, then) is moved
    assert has_moved(1, 0)


def test_what_only_the_sample_tells_is_estimated_for_everybody() -> None:
    tallies = Tallies()
    take(tallies, Person({A: 4}, [Part(A, "R", 10)], [Timeline(A, "E", 4, NOW_MS)]))
    tallies.take_sizes([Size("E", week_of(NOW_MS), 4, 100, [3] * len(AGES))])
    for _ in range(2):
        outside = Person({A: 4}, [Part(A, "R", 0)], [Timeline(A, "", 1, NOW_MS)])
        take(tallies, outside, is_sampled=False)
    found = made(tallies, is_whole=False)
    counts = {row["value"]: row["fullIDsCount"] for row in found[DATASET]["data"]}
    assert counts == {"R": 3, "E": 3}
    stats = {row["datasetId"]: row for row in found[DATASET_STATS]["data"]}
    assert (stats["E"]["records"], stats["E"]["7days"]) == (12, 9)
    assert (stats["R"]["records"], stats["R"]["percentProfiles"]) == (3, 1.0)
    (model,) = found[CHARACTER_COUNT]["data"]
    sizes = {row["datasetId"]: row["weeks"] for row in model["datasetIds"]}
    week = day_of(week_of(NOW_MS))
    assert sizes == {
        "E": [{"size": 300, "week": week}],
        "R": [{"size": 30, "week": week}],
    }


def test_shares_have_six_decimals() -> None:
    assert share(1, 3) == 0.333333
    assert share(0, 0) == 0.0


def test_weeks_begin_on_sundays() -> None:
    assert day_of(week_of(NOW_MS)) == "2025-12-28"
    sunday_ms = week_of(NOW_MS)
    assert week_of(sunday_ms) == sunday_ms
    assert week_of(sunday_ms - 1) == sunday_ms - 7 * DAY_MS
