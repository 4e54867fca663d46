"""What goes wrong in the simulation: faults of the databases, and records that raise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from onefold.testing.faults import Call, Crash, Fault, Point, unavailable
from tests.simulation.model import xid_of
from tests.simulation.workload import POISON_EVENT, POISONED_EMAIL, SHAKY_EVENT

SHAKY_TIMES = 2
"""How often a shaky record raises: with its batch, and the first time alone."""


class Poison(Exception):
    """A defect that one record provokes."""


class Content:
    """Raises for certain records, wherever they are written: always, or the first times only."""

    def __init__(self) -> None:
        self.raised: Counter[str] = Counter()
        self._poisoned = xid_of("Email", POISONED_EMAIL)

    def fault(self) -> Fault:
        """The fault to arm. Knows its records even after a crash."""
        return Fault(lambda: Poison("a step raised"), self._due, times=None)

    def _due(self, call: Call) -> bool:
        if call.point is not Point.WRITE:
            return False
        if call.sql.startswith("INSERT INTO fragments"):
            return any(row[0] == self._poisoned for row in call.rows)
        if not call.sql.startswith("INSERT INTO events"):
            return False
        named = [str(row[1]) for row in call.rows]
        for name in named:
            if name.startswith(SHAKY_EVENT):
                self.raised[name] += 1
        return any(
            name.startswith(POISON_EVENT) or 0 < self.raised[name] <= SHAKY_TIMES for name in named
        )


class Trouble(NamedTuple):
    """One fault to come. durable: whether a commit that it strikes has happened nevertheless."""

    name: str
    error: Callable[[], BaseException]
    database: str
    points: tuple[Point, ...]
    skip: int = 0

    def fault(self) -> Fault:
        return Fault(
            self.error,
            lambda call: call.database == self.database and call.point in self.points,
            self.skip,
        )

    @property
    def durable(self) -> bool:
        return Point.COMMITTED in self.points


_KINDS: tuple[tuple[str, Callable[[], BaseException]], ...] = (
    ("crash", Crash),
    ("unavailable", unavailable),
)


def for_senders(random: Random) -> Trouble:
    """Something that happens while records are accepted."""
    kind, error = random.choice(_KINDS)
    point = random.choice((Point.BEGIN, Point.WRITE, Point.COMMIT, Point.COMMIT, Point.COMMITTED))
    points = (Point.READ, Point.BEGIN) if point is Point.WRITE else (point,)
    name = f"journal: {kind} {point.value if point is not Point.WRITE else 'on the way'}"
    return Trouble(name, error, "journal", points)


def for_pipeline(random: Random) -> Trouble:
    """Something that happens while records are applied and projected."""
    kind, error = random.choice(_KINDS)
    point = random.choice((Point.WRITE, Point.COMMIT, Point.COMMIT, Point.COMMITTED))
    named, database = random.choice((("store", "profile"),) * 3 + (("edge", "edge"),))
    if point is Point.WRITE:
        points = (Point.READ, Point.BEGIN, Point.WRITE)
        return Trouble(
            f"{named}: {kind} on the way", error, database, points, random.randint(0, 14)
        )
    return Trouble(f"{named}: {kind} {point.value}", error, database, (point,))


def for_jobs(random: Random) -> Trouble:
    """Something that happens while a job does a step."""
    kind, error = random.choice(_KINDS)
    database = random.choice(("work", "work", "profile", "journal"))
    points = (Point.READ, Point.BEGIN, Point.WRITE, Point.COMMIT, Point.COMMITTED)
    return Trouble(f"{kind} inside a job", error, database, points, random.randint(0, 12))


def for_deletions(random: Random) -> Trouble:
    """Something that happens while a person's deletion is accepted."""
    kind, error = random.choice(_KINDS)
    database, point = random.choice(
        (
            ("work", Point.COMMIT),
            ("work", Point.COMMITTED),
            ("journal", Point.COMMIT),
            ("journal", Point.COMMITTED),
        )
    )
    skip = random.randint(0, 1) if database == "work" else 0
    return Trouble(
        f"{kind} {point.value} while a deletion is asked for", error, database, (point,), skip
    )
