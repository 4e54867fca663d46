"""Every metric of Onefold, in one table, and the way to count them.

When ONEFOLD's parent process has named a directory for shared metrics (config.shared_metrics), each
process writes its numbers there and a scrape of any of them answers the sum of all.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FRESHNESS_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
REQUEST_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

UNTOLD_MAX = 64
UNTOLD_S = 1.0
"""Requests, and seconds, after which a worker tells the shared numbers at its next request."""

METRICS = {
    "requests": ("onefold_requests", "HTTP requests by route, method and status."),
    "seconds": (
        "onefold_request_seconds",
        "Seconds from the first byte of a request to its answer.",
    ),
    "accepted": ("onefold_records_accepted", "Records that inlets made durable."),
    "refused": ("onefold_messages_refused", "Messages of batches that were refused at the door."),
    "ended": (
        "onefold_records_ended",
        "Records by their end: applied, duplicate, suppressed or failed.",
    ),
    "failed": ("onefold_records_failed", "Failed records by code."),
    "differing": (
        "onefold_calls_differing",
        "Calls that are left out as repeats although they say something else.",
    ),
    "traits_refused": (
        "onefold_traits_refused",
        "Traits of calls that their door must not set, and that were left out.",
    ),
    "unplanned": (
        "onefold_names_unplanned",
        "Actions and traits that the plan of an account does not have, of calls that were taken.",
    ),
    "evicted": ("onefold_identities_evicted", "Identities that left a full cluster."),
    "fresh": ("onefold_freshness_seconds", "Seconds from acceptance to visible, once an append."),
    "depth": ("onefold_journal_depth", "Accepted records that are not applied yet, by sandbox."),
    "age": ("onefold_journal_age_seconds", "Age of the oldest record that is not applied yet."),
}
"""What -> (name, help). Counters are exposed with the suffix `_total`."""


class _Tally:
    """Requests of one route, method and status that are not told yet."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.seconds = 0.0
        self.buckets = [0] * (len(REQUEST_BUCKETS_S) + 1)


class Metrics:
    """The metrics of one process. `shared`: directory of the numbers of all processes, if any."""

    def __init__(self, shared: str | None = None) -> None:
        self._shared = shared
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            *METRICS["requests"], ("route", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            *METRICS["seconds"], ("route",), registry=registry, buckets=REQUEST_BUCKETS_S
        )
        self._tallies: dict[tuple[str, str, int], _Tally] = {}
        self._untold = 0
        self._told_s = 0.0
        self._turn = threading.Lock()
        self._accepted = Counter(*METRICS["accepted"], registry=registry)
        self._refused = Counter(*METRICS["refused"], registry=registry)
        self._ended = Counter(*METRICS["ended"], ("outcome",), registry=registry)
        self._failed = Counter(*METRICS["failed"], ("code",), registry=registry)
        self._of_calls = {
            name: Counter(*METRICS[name], registry=registry)
            for name in ("differing", "traits_refused", "unplanned")
        }
        self._evicted = Counter(*METRICS["evicted"], registry=registry)
        self._fresh = Histogram(*METRICS["fresh"], registry=registry, buckets=FRESHNESS_BUCKETS_S)
        self._depth = Gauge(
            *METRICS["depth"], ("sandbox",), registry=registry, multiprocess_mode="mostrecent"
        )
        self._age = Gauge(
            *METRICS["age"], ("sandbox",), registry=registry, multiprocess_mode="mostrecent"
        )

    def request(
        self, route: str, method: str, status: int, *, seconds: float, now_s: float
    ) -> None:
        """One HTTP request; `route` is the template, never the path that was asked. now_s: of a
        stopwatch, when it was answered.

        Requests are tallied here and told to the shared numbers some at a time, since telling one
        costs as much as a tenth of a lookup.
        """
        with self._turn:
            tally = self._tallies.get((route, method, status))
            if tally is None:
                tally = self._tallies[route, method, status] = _Tally()
            tally.seconds += seconds
            tally.buckets[bisect_left(REQUEST_BUCKETS_S, seconds)] += 1
            self._untold += 1
            if self._untold >= UNTOLD_MAX or now_s - self._told_s > UNTOLD_S:
                self._told_s = now_s
                self._tell()

    def _tell(self) -> None:
        """Add what was tallied to the shared numbers."""
        for (route, method, status), tally in self._tallies.items():
            if not any(tally.buckets):
                continue
            seconds = self._seconds.labels(route)
            # What observe() does, for many at once; the library has no public way to.
            seconds._sum.inc(tally.seconds)
            for bucket, requests in enumerate(tally.buckets):
                if requests:
                    seconds._buckets[bucket].inc(requests)
            self._requests.labels(route, method, str(status)).inc(sum(tally.buckets))
            tally.clear()
        self._untold = 0

    def accepted(self, records: int) -> None:
        self._accepted.inc(records)

    def refused(self, messages: int) -> None:
        self._refused.inc(messages)

    def ended(self, outcome: str, records: int) -> None:
        self._ended.labels(outcome).inc(records)

    def failed(self, code: str) -> None:
        self._failed.labels(code).inc()

    def calls(self, *, differing: int, traits_refused: int, unplanned: int) -> None:
        """What was noted of calls on their way."""
        self._of_calls["differing"].inc(differing)
        self._of_calls["traits_refused"].inc(traits_refused)
        self._of_calls["unplanned"].inc(unplanned)

    def evicted(self, identities: int) -> None:
        self._evicted.inc(identities)

    def fresh(self, seconds: Iterable[float]) -> None:
        """How long each append of a batch took to become visible."""
        for one in seconds:
            self._fresh.observe(one)

    def backlog(self, sandbox: str, *, records: int, age_seconds: float) -> None:
        """How far the pipeline is behind the journal of a sandbox."""
        self._depth.labels(sandbox).set(records)
        self._age.labels(sandbox).set(age_seconds)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        with self._turn:
            self._tell()
        if self._shared is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=self._shared)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
