"""Measurements: the time series of observability, from counters and from the stores themselves.

A series is made of points: when, of which dataset, inlet or namespace, how many. What was counted
is kept by the hour; what is a state (how many graphs there are) is one point of now. Source:
platform contract, section 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from onefold.domain.categories import CATEGORIES
from onefold.domain.lifecycle import BatchState
from onefold.domain.sandbox import SandboxId
from onefold.effects import Clock
from onefold.store.places import Places
from onefold.store.snapshot import Definitions
from onefold.store.tables import batches, counters, datasets, identities
from onefold.store.tables.counters import HOUR_MS

DATASET, INLET, NAMESPACE, STRENGTH = "dataSetId", "inletId", "namespaceCode", "graphStrength"


class Point(NamedTuple):
    """One value. labels: what it is about, by the name that filters use."""

    at_ms: int
    labels: Mapping[str, str]
    value: int


class Counted(NamedTuple):
    """A metric that is a sum of counters. of: (database, counter) each. subject, detail: the label
    of each, empty for none. only: the one detail that counts, when it is not a label."""

    of: tuple[tuple[Literal["profile", "journal"], str], ...]
    subject: str = DATASET
    detail: str = ""
    only: str = ""


def _profile(*names: str, subject: str = DATASET, detail: str = "", only: str = "") -> Counted:
    return Counted(tuple([("profile", name) for name in names]), subject, detail, only)


def _inlet(*names: str) -> Counted:
    return Counted(tuple([("journal", name) for name in names]), INLET)


_INGESTION = "timeseries.ingestion.dataset."
_PROFILES = "timeseries.profiles.dataset."
_IDENTITY = "timeseries.identity.dataset."
_GRAPH = "timeseries.identity.graph.imsorg."
_COLLECTION = "timeseries.data.collection."
_CALLS = "timeseries.calls.dataset."

COUNTED: dict[str, Counted] = {
    _INGESTION + "recordsuccess.count": _profile("applied"),
    _INGESTION + "recordduplicate.count": _profile("duplicate"),
    _INGESTION + "recordfailed.count": _profile("failed"),
    _INGESTION + "dailysize": _profile("bytes"),
    _INGESTION + "size": _profile("bytes"),
    _PROFILES + "recordread.count": _profile(
        "profile.applied", "profile.duplicate", "profile.suppressed", "profile.failed"
    ),
    _PROFILES + "recordsuccess.count": _profile("profile.applied"),
    _PROFILES + "recordfailed.count": _profile("profile.failed"),
    _IDENTITY + "recordsuccess.count": _profile("identity.applied"),
    _IDENTITY + "recordfailed.count": _profile("identity.failed"),
    _IDENTITY + "link.count": _profile("link"),
    _IDENTITY + "namespacecode.recordsuccess.count": _profile("linked", detail=NAMESPACE),
    _IDENTITY + "namespacecode.recordskipped.count": _profile("alone", detail=NAMESPACE),
    _IDENTITY + "namespacecode.new.count": _profile("new", detail=NAMESPACE),
    _CALLS + "duplicatediffering.count": _profile("duplicate_differs"),
    _CALLS + "traitrefused.count": _profile("refused_traits"),
    _CALLS + "nameunplanned.count": _profile("unplanned"),
    _COLLECTION + "inlet.success": _inlet("accepted"),
    _COLLECTION + "inlet.failure": _inlet("refused"),
    _COLLECTION + "inlet.total.messages.received": _inlet("accepted", "refused"),
    _COLLECTION + "inlet.total.messages.size.received": _inlet("bytes"),
    _COLLECTION + "validation.total.messages.rate": Counted(
        (("profile", "valid"), ("profile", "invalid"), ("journal", "invalid")), INLET
    ),
    _COLLECTION + "validation.valid.messages.rate": _profile("valid", subject=INLET),
    _COLLECTION + "validation.invalid.messages.rate": Counted(
        (("profile", "invalid"), ("journal", "invalid")), INLET
    ),
} | {
    f"{_COLLECTION}validation.category.{category}.count": Counted(
        (("profile", "category"), ("journal", "category")), INLET, only=category
    )
    for category in CATEGORIES
}
"""Metrics from counters."""

NEW_DATASETS = _INGESTION + "new.count"
UNIQUE = _GRAPH + "uniqueidentities.count"
GRAPHS = _GRAPH + "numidgraphs.count"
BY_NAMESPACE = _GRAPH + "namespacecode.uniqueidentities.count"
BY_STRENGTH = _GRAPH + "graphstrength.uniqueidentities.count"
STATES: dict[str, tuple[str, ...]] = {
    UNIQUE: (),
    GRAPHS: (),
    BY_NAMESPACE: (NAMESPACE,),
    BY_STRENGTH: (STRENGTH,),
}
"""Metrics that are states of now, and their labels."""

_SUCCEEDED = (BatchState.SUCCESS, BatchState.INACTIVE, BatchState.DELETED)
BATCHES: dict[str, tuple[BatchState, ...]] = {
    _INGESTION + "batchsuccess.count": _SUCCEEDED,
    _INGESTION + "batchfailed.count": (BatchState.FAILED,),
    _PROFILES + "batchsuccess.count": _SUCCEEDED,
    _PROFILES + "batchfailed.count": (BatchState.FAILED,),
}
"""Metrics of batches, and the states of those that count; a batch that is inactive or deleted has
succeeded before. Those of profiles leave out datasets that do not feed the profile now."""

LABELS: dict[str, tuple[str, ...]] = {
    **{
        name: (of.subject, of.detail) if of.detail else (of.subject,)
        for name, of in COUNTED.items()
    },
    **dict.fromkeys((NEW_DATASETS, *BATCHES), (DATASET,)),
    **STATES,
}
"""Every metric, and the names of the labels that its points have."""


class Measurements:
    """The time series of all sandboxes."""

    def __init__(self, places: Places, definitions: Definitions, clock: Clock) -> None:
        self._places = places
        self._definitions = definitions
        self._clock = clock

    def points(self, sandbox: SandboxId, metric: str, *, start_ms: int, end_ms: int) -> list[Point]:
        """The points of a metric of LABELS from the hour of start_ms up to before end_ms.

        Raises NotFound AUT-1008. Cost: rows of the range; states read every identity once.
        """
        start_ms -= start_ms % HOUR_MS
        if metric in COUNTED:
            return list(self._counted(sandbox, COUNTED[metric], start_ms, end_ms))
        if metric in STATES:
            now_ms = self._clock.now_ms()
            return list(self._state(sandbox, metric)) if start_ms <= now_ms < end_ms else []
        if metric in BATCHES:
            return list(self._batches(sandbox, metric, start_ms, end_ms))
        return [
            Point(dataset.created_ms, {DATASET: dataset.id}, 1)
            for dataset in datasets.of_sandbox(self._places.control(), sandbox)
            if start_ms <= dataset.created_ms < end_ms
        ]

    def _counted(
        self, sandbox: SandboxId, metric: Counted, start_ms: int, end_ms: int
    ) -> Iterator[Point]:
        codes = self._codes(sandbox) if metric.detail == NAMESPACE else {}
        for database, name in metric.of:
            engine = (
                self._places.profile(sandbox)
                if database == "profile"
                else self._places.journal(sandbox)
            )
            for at_ms, subject, detail, value in counters.series(
                engine, name, start_ms=start_ms, end_ms=end_ms
            ):
                if metric.only and detail != metric.only:
                    continue
                labels = {metric.subject: subject}
                if metric.detail:
                    labels[metric.detail] = codes.get(detail, detail)
                yield Point(at_ms, labels, value)

    def _state(self, sandbox: SandboxId, metric: str) -> Iterator[Point]:
        now_ms = self._clock.now_ms()
        engine = self._places.profile(sandbox)
        if metric == BY_NAMESPACE:
            codes = self._codes(sandbox)
            for namespace_id, number in identities.by_namespace(engine):
                code = codes.get(str(namespace_id), str(namespace_id))
                yield Point(now_ms, {NAMESPACE: code}, number)
            return
        for size, clusters in identities.by_size(engine):
            if metric == BY_STRENGTH:
                yield Point(now_ms, {STRENGTH: str(size)}, size * clusters)
            elif metric == UNIQUE:
                yield Point(now_ms, {}, size * clusters)
            elif size > 1:
                yield Point(now_ms, {}, clusters)

    def _batches(
        self, sandbox: SandboxId, metric: str, start_ms: int, end_ms: int
    ) -> Iterator[Point]:
        known = self._definitions.snapshot(sandbox).datasets
        work = self._places.work(sandbox)
        for state in BATCHES[metric]:
            for at_ms, dataset in batches.ended(work, state, start_ms=start_ms, end_ms=end_ms):
                feeds = dataset in known and known[dataset].profile_enabled
                if feeds or not metric.startswith(_PROFILES):
                    yield Point(at_ms, {DATASET: dataset}, 1)

    def _codes(self, sandbox: SandboxId) -> dict[str, str]:
        book = self._definitions.snapshot(sandbox).namespaces
        return {str(namespace.id): namespace.code for namespace in book}
