"""The reports of a sample: what was counted, in the forms of the API.

Each report is made once, with its sample, and kept; names and codes in it are those of that moment.
Source: profile contract, 8.2, and 1.2 for the forms of time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from onefold.domain.profile.sample import (
    AGES,
    PERIODS,
    SUNDAY_MS,
    WEEK_MS,
    DatasetTally,
    Tallies,
    Unstitched,
    most_frequent,
)

DATASET = "dataset"
NAMESPACE = "namespace"
DATASET_OVERLAP = "dataset/overlap"
NAMESPACE_OVERLAP = "namespace/overlap"
UNSTITCHED = "unstitchedProfiles"
DATASET_STATS = "dataset_stats"
CHARACTER_COUNT = "character_count"
KINDS = (
    DATASET,
    NAMESPACE,
    DATASET_OVERLAP,
    NAMESPACE_OVERLAP,
    UNSTITCHED,
    DATASET_STATS,
    CHARACTER_COUNT,
)
MODEL = "_xdm.context.profile"

Report = dict[str, Any]


class Named(msgspec.Struct, frozen=True):
    """What a report says of a dataset besides its numbers."""

    name: str = ""
    description: str = ""
    created_user: str = ""
    has_events: bool = False


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """A count that has ended, and what its reports need besides. at_ms: when it ended.

    is_whole: the datasets of all events were looked at, not only of those of the sample.
    datasets: what is known of those that exist; the tallies may have others. code_of: the code of
    a namespace.
    """

    tallies: Tallies
    at_ms: int
    is_whole: bool
    datasets: Mapping[str, Named]
    code_of: Callable[[int], str]

    @property
    def scale(self) -> float:
        """By what a number of the sample is multiplied to estimate that of everybody."""
        tallies = self.tallies
        return tallies.profiles / tallies.sampled if tallies.sampled else 1.0


def reports(count: Count) -> dict[str, Report]:
    """All reports by kind.

    Exact in stores of any size: counts of profiles, fragments and events, all that is said of
    namespaces except samples and combinations, unstitched profiles, and of datasets of records
    their profiles and fragments. Estimated from the sample where it is not everybody: the same of
    datasets of events unless `is_whole`, their records, ages, and bytes.
    """
    stamp = _millis(count.at_ms)
    return {
        DATASET: {"data": _datasets(count, stamp), "reportTimestamp": stamp},
        NAMESPACE: {"data": _namespaces(count, stamp), "reportTimestamp": stamp},
        DATASET_OVERLAP: _overlap(count, 0, count.tallies.dataset_overlaps, stamp),
        NAMESPACE_OVERLAP: _overlap(count, 1, _by_code(count), stamp),
        UNSTITCHED: {"data": _unstitched(count), "reportTimestamp": stamp},
        DATASET_STATS: {"data": _stats(count), "reportTimestamp": stamp},
        CHARACTER_COUNT: _sizes(count, f"{stamp}Z"),
    }


def share(part: int, whole: int) -> float:
    """A part of a whole as a fraction with 6 decimals; 0.0 of nothing."""
    return round(part / whole, 6) if whole else 0.0


def _datasets(count: Count, stamp: str) -> list[Report]:
    tallies = count.tallies
    rows = []
    for dataset, tally in _ordered(count):
        named = count.datasets.get(dataset, Named())
        profiles = _profiles(count, tally)
        rows.append(
            {
                "sampleCount": tally.sampled,
                "samplePercentage": share(tally.sampled, tallies.sampled),
                "fullIDsCount": profiles,
                "fullIDsPercentage": share(profiles, tallies.profiles),
                "name": named.name,
                "description": named.description,
                "value": dataset,
                "streamingIngestionEnabled": "",
                "createdUser": named.created_user,
                "reportTimestamp": stamp,
            }
        )
    return rows


def _namespaces(count: Count, stamp: str) -> list[Report]:
    tallies = count.tallies
    ordered = sorted(tallies.namespaces.items(), key=lambda one: (-one[1].profiles, int(one[0])))
    return [
        {
            "sampleCount": tally.sampled,
            "samplePercentage": share(tally.sampled, tallies.sampled),
            "reportTimestamp": stamp,
            "fullIDsFragmentCount": tally.fragments,
            "fullIDsCount": tally.profiles,
            "fullIDsPercentage": share(tally.profiles, tallies.profiles),
            "code": count.code_of(int(namespace_id)),
            "value": namespace_id,
        }
        for namespace_id, tally in ordered
    ]


def _by_code(count: Count) -> dict[str, int]:
    found = {}
    for ids, profiles in count.tallies.namespace_overlaps.items():
        found[",".join(sorted(count.code_of(int(one)) for one in ids.split(",")))] = profiles
    return found


def _overlap(count: Count, place: int, overlaps: Mapping[str, int], stamp: str) -> Report:
    kept = most_frequent(overlaps)
    left_out = count.tallies.left_out[place] + sum(overlaps.values()) - sum(kept.values())
    body: Report = {"data": kept, "reportTimestamp": stamp}
    return body | {"profilesLeftOut": left_out} if left_out else body


def _unstitched(count: Count) -> Report:
    found: Report = {}
    for place, days in enumerate(PERIODS):
        by_code = {
            count.code_of(int(namespace_id)): tally[place]
            for namespace_id, tally in sorted(count.tallies.unstitched.items())
            if tally[place].profiles
        }
        total = Unstitched(
            sum(tally.profiles for tally in by_code.values()),
            sum(tally.events for tally in by_code.values()),
        )
        distribution = {code: _counted(tally) for code, tally in sorted(by_code.items())}
        found[f"{days}days"] = {**_counted(total), "nsDistribution": distribution}
    return {
        "totalNumberOfProfiles": count.tallies.profiles,
        "totalNumberOfEvents": count.tallies.events,
        UNSTITCHED: found,
    }


def _counted(tally: Unstitched) -> Report:
    return {"countOfProfiles": tally.profiles, "eventsAssociated": tally.events}


def _stats(count: Count) -> list[Report]:
    all_events = count.tallies.events
    all_records = count.tallies.documents - all_events
    rows = []
    for dataset, tally in _ordered(count):
        is_events = _has_events(count, dataset, tally)
        records = _estimated(count, tally.events) if is_events else tally.fragments
        ages = {
            f"{days}days": round(younger * count.scale)
            for days, younger in zip(AGES, tally.younger, strict=True)
        }
        rows.append(
            {
                **ages,
                "datasetId": dataset,
                "datasetType": "ExperienceEvents" if is_events else "Profiles",
                "percentEvents": share(records, all_events) if is_events else 0.0,
                "percentProfiles": 0.0 if is_events else share(records, all_records),
                "profileFragments": _estimated(count, tally.fragments)
                if is_events
                else tally.fragments,
                "records": records,
                "totalProfiles": _profiles(count, tally),
            }
        )
    return rows


def _sizes(count: Count, stamp: str) -> Report:
    rows = []
    for dataset, tally in _ordered(count):
        is_events = _has_events(count, dataset, tally)
        if is_events:
            weeks = sorted(((int(week), size) for week, size in tally.weeks.items()), reverse=True)
        else:
            weeks = [(week_of(count.at_ms), tally.size)]
        rows.append(
            {
                "datasetId": dataset,
                "recordType": "timeseries" if is_events else "keyvalue",
                "weeks": [
                    {"size": round(size * count.scale), "week": day_of(week)}
                    for week, size in weeks
                ],
            }
        )
    model = {"datasetIds": rows, "modelName": MODEL, "reportTimestamp": stamp}
    return {"data": [model], "reportTimestamp": stamp}


def _ordered(count: Count) -> list[tuple[str, DatasetTally]]:
    """Datasets of which somebody has something, those that most profiles have first."""
    return sorted(
        count.tallies.datasets.items(), key=lambda one: (-_profiles(count, one[1]), one[0])
    )


def _profiles(count: Count, tally: DatasetTally) -> int:
    return _estimated(count, tally.profiles) if tally.events else tally.profiles


def _estimated(count: Count, number: int) -> int:
    """Of everybody, what was looked at only in the sample."""
    return number if count.is_whole else round(number * count.scale)


def _has_events(count: Count, dataset: str, tally: DatasetTally) -> bool:
    return tally.events > 0 or count.datasets.get(dataset, Named()).has_events


def week_of(at_ms: int) -> int:
    """When the week of a moment began, in epoch ms."""
    return at_ms - (at_ms - SUNDAY_MS) % WEEK_MS


def day_of(at_ms: int) -> str:
    """`YYYY-MM-DD`, in UTC."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d")


def _millis(at_ms: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmm`, without a zone."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}"
