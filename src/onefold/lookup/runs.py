"""Runs of flows: what went through a flow in an hour, from what the pipeline has counted.

A stream has no executions of its own, so an hour in which a flow took records is one. Source:
platform contract, 9.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import NamedTuple

from onefold.store.engine import Reader
from onefold.store.tables import counters
from onefold.store.tables.counters import BYTES, FLOW, HOUR_MS
from onefold.store.tables.outcomes import Outcome

KEPT_MS = 90 * 24 * HOUR_MS
"""How far back runs are told: a list reads all of them."""


class Run(NamedTuple):
    """One hour of a flow. Records by how they ended; bytes of their messages as they came in."""

    flow_id: str
    start_ms: int
    applied: int
    duplicate: int
    suppressed: int
    failed: int
    bytes: int

    @property
    def id(self) -> str:
        """Follows from flow and hour, so it stays as the run grows."""
        return f"{self.flow_id}-{self.start_ms}"

    @property
    def end_ms(self) -> int:
        return self.start_ms + HOUR_MS

    @property
    def records(self) -> int:
        """All that came in; each has one end."""
        return self.applied + self.duplicate + self.suppressed + self.failed

    def state(self, now_ms: int) -> str:
        """`inProgress` in its own hour, then `failed` when no record got through, else
        `success`."""
        if now_ms < self.end_ms:
            return "inProgress"
        return "failed" if self.failed == self.records else "success"


def runs(profile: Reader, *, now_ms: int, flow_id: str = "") -> list[Run]:
    """The runs of the last 90 days, the newest first; of one flow when it is given.

    profile: the sandbox's profile store. Flows that are gone have runs too. Cost: one row for each
    end of records in each hour of each flow.
    """
    rows = counters.series(
        profile, FLOW, start_ms=now_ms - KEPT_MS, end_ms=now_ms + 1, subject=flow_id
    )
    found = [
        _run(subject, hour_ms, {detail: value for _, _, detail, value in group})
        for (hour_ms, subject), group in groupby(rows, lambda row: row[:2])
    ]
    return found[::-1]


def _run(flow_id: str, hour_ms: int, counted: Mapping[str, int]) -> Run:
    return Run(
        flow_id,
        hour_ms,
        counted.get(Outcome.APPLIED, 0),
        counted.get(Outcome.DUPLICATE, 0),
        counted.get(Outcome.SUPPRESSED, 0),
        counted.get(Outcome.FAILED, 0),
        counted.get(BYTES, 0),
    )
