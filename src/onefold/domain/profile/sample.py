"""The sample: what is counted of people, one after the other, and which of them are looked at
closely.

The idea. Everybody is counted; of the people in the sample it is also noted which datasets and
namespaces they have together, and how large and how old their records are. A person is in the
sample when a hash of its name falls below a bound, so the same people are in it each time, and in a
store of up to `limit` people everybody is. What is kept grows with the number of datasets,
namespaces and combinations, not with the number of people.

Source: profile contract, 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from onefold.domain.identity.identity import Xid

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
SUNDAY_MS = 3 * DAY_MS
"""The first Sunday of the epoch; weeks begin on Sundays."""
WEEKS_MAX = 520
"""What is older is counted in the oldest of these weeks."""
AGES = (7, 14, 30, 60, 90, 120, 365)
"""Days after which records might be let expire."""
PERIODS = (7, 30, 60, 90, 120)
"""Days without a new event."""
OVERLAPS_MAX = 10_000
"""Combinations that one report has, the most frequent ones."""
MOVE_PERCENT = 5
"""By how much the number of people has to move before they are counted anew."""


class Timeline(NamedTuple):
    """The events that one identity has of one dataset; `dataset` is empty when it was not looked
    at. newest_ms: the time of the newest one."""

    owner: Xid
    dataset: str
    events: int
    newest_ms: int


class Part(NamedTuple):
    """One fragment of a record: its identity, its dataset, its bytes in the store (0: not looked
    at)."""

    owner: Xid
    dataset: str
    size: int


class Size(NamedTuple):
    """Events of one dataset in one week: how many, their bytes in the store, and how many of them
    are no older than each of AGES."""

    dataset: str
    week_ms: int
    events: int
    size: int
    younger: Sequence[int]


class Person(NamedTuple):
    """One profile, as a merge policy sees it. namespaces: of each of its identities."""

    namespaces: Mapping[Xid, int]
    parts: Sequence[Part]
    timelines: Sequence[Timeline]


class DatasetTally(msgspec.Struct, array_like=True):
    """Of one dataset: profiles, those in the sample, fragments, events, bytes of fragments in the
    sample, and events in the sample that are no older than each of AGES."""

    profiles: int = 0
    sampled: int = 0
    fragments: int = 0
    events: int = 0
    size: int = 0
    younger: list[int] = msgspec.field(default_factory=lambda: [0] * len(AGES))
    weeks: dict[str, int] = {}
    """Bytes of events in the sample, by the time at which a week began."""


class NamespaceTally(msgspec.Struct, array_like=True):
    """Of one namespace: profiles that have it, those in the sample, and fragments under it."""

    profiles: int = 0
    sampled: int = 0
    fragments: int = 0


class Unstitched(msgspec.Struct, array_like=True):
    """Profiles of one fragment, and their events."""

    profiles: int = 0
    events: int = 0


class Tallies(msgspec.Struct):
    """What was counted so far. Keys of namespaces are their ids in digits.

    fragments: of records, and one for each identity that has events. documents: records and
    events. overlaps: by ids, comma-separated. unstitched: by namespace, for each of PERIODS.
    left_out: profiles in combinations that were let go of, of datasets and of namespaces.
    """

    profiles: int = 0
    sampled: int = 0
    fragments: int = 0
    documents: int = 0
    events: int = 0
    datasets: dict[str, DatasetTally] = {}
    namespaces: dict[str, NamespaceTally] = {}
    dataset_overlaps: dict[str, int] = {}
    namespace_overlaps: dict[str, int] = {}
    unstitched: dict[str, list[Unstitched]] = {}
    left_out: list[int] = msgspec.field(default_factory=lambda: [0, 0])

    def take(self, person: Person, *, is_sampled: bool, now_ms: int) -> None:
        """Count one person; one without a fragment or an event is no profile."""
        owners = dict.fromkeys(line.owner for line in person.timelines)
        fragments = len(person.parts) + len(owners)
        if not fragments:
            return
        events = sum(line.events for line in person.timelines)
        self.profiles += 1
        self.sampled += is_sampled
        self.fragments += fragments
        self.events += events
        self.documents += len(person.parts) + events
        for namespace_id in set(person.namespaces.values()):
            of_namespace = self._namespace(namespace_id)
            of_namespace.profiles += 1
            of_namespace.sampled += is_sampled
        for owner in (*(part.owner for part in person.parts), *owners):
            self._namespace(person.namespaces[owner]).fragments += 1
        known = self._take_datasets(person, is_sampled=is_sampled)
        if is_sampled:
            _bump(self.dataset_overlaps, ",".join(sorted(known)))
            ids = sorted(set(person.namespaces.values()))
            _bump(self.namespace_overlaps, ",".join(map(str, ids)))
        if fragments == len(person.namespaces) == 1:
            self._take_unstitched(person, events, now_ms)

    def take_sizes(self, sizes: Iterable[Size]) -> None:
        """Count events of people in the sample by week and age."""
        for one in sizes:
            tally = self._dataset(one.dataset)
            _bump(tally.weeks, str(one.week_ms), one.size)
            tally.younger = [a + b for a, b in zip(tally.younger, one.younger, strict=True)]

    def let_go(self) -> None:
        """Keep the tallies small: of combinations, when there are twice as many as are reported,
        only the most frequent ones."""
        for place, overlaps in enumerate((self.dataset_overlaps, self.namespace_overlaps)):
            if len(overlaps) > 2 * OVERLAPS_MAX:
                kept = most_frequent(overlaps)
                self.left_out[place] += sum(overlaps.values()) - sum(kept.values())
                overlaps.clear()
                overlaps.update(kept)

    def _take_datasets(self, person: Person, *, is_sampled: bool) -> set[str]:
        for part in person.parts:
            tally = self._dataset(part.dataset)
            tally.fragments += 1
            tally.size += part.size
        known = {part.dataset for part in person.parts}
        for line in person.timelines:
            if line.dataset:
                known.add(line.dataset)
                tally = self._dataset(line.dataset)
                tally.fragments += 1
                tally.events += line.events
        for dataset in known:
            tally = self._dataset(dataset)
            tally.profiles += 1
            tally.sampled += is_sampled
        return known

    def _take_unstitched(self, person: Person, events: int, now_ms: int) -> None:
        (namespace_id,) = person.namespaces.values()
        found = self.unstitched.setdefault(str(namespace_id), [Unstitched() for _ in PERIODS])
        newest_ms = max((line.newest_ms for line in person.timelines), default=None)
        for days, tally in zip(PERIODS, found, strict=True):
            if newest_ms is None or newest_ms < now_ms - days * DAY_MS:
                tally.profiles += 1
                tally.events += events

    def _dataset(self, dataset: str) -> DatasetTally:
        if (tally := self.datasets.get(dataset)) is None:
            tally = self.datasets[dataset] = DatasetTally()
        return tally

    def _namespace(self, namespace_id: int) -> NamespaceTally:
        key = str(namespace_id)
        if (tally := self.namespaces.get(key)) is None:
            tally = self.namespaces[key] = NamespaceTally()
        return tally


def most_frequent(overlaps: Mapping[str, int]) -> dict[str, int]:
    """The OVERLAPS_MAX combinations that most people have, the most frequent first; ties by key."""
    ordered = sorted(overlaps.items(), key=lambda one: (-one[1], one[0]))
    return dict(ordered[:OVERLAPS_MAX])


def in_sample(name: str, *, population: int, limit: int) -> bool:
    """Whether the person of this name is in a sample of about `limit` out of `population`."""
    if population <= limit:
        return True
    digest = blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * population < limit << 64


def has_moved(now: int, then: int) -> bool:
    """Whether a number of people has moved by more than MOVE_PERCENT."""
    return abs(now - then) * 100 > then * MOVE_PERCENT


def _bump(counts: dict[str, int], key: str, by: int = 1) -> None:
    counts[key] = counts.get(key, 0) + by
