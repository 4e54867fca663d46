"""Sweep: search the places where data lies, take out what is found, and search again, until a
search of every place has found nothing.

How far it has come is plain JSON and kept with the job: what was counted before it was removed is
not counted again, wherever the job was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from onefold.effects import Clock
from onefold.jobs.workshop import WAIT
from onefold.wire import JSON, iso_millis

ROUNDS = 3
"""How often what is found is removed; what a search finds afterwards is left over."""

Steps = Callable[[], Iterator[JSON]]


class Place(NamedTuple):
    """One place. names: what it counts, and how that is searched. search: steps that count with
    `Sweep.found`; clear: steps that remove what there is. always: it is cleared even when nothing
    was found in it, if something was elsewhere."""

    names: Mapping[str, str]
    search: Steps
    clear: Steps
    always: bool = False


class Sweep:
    """One sweep for one or several subjects, which are counted apart.

    cursor: how far the place was gone through that is being searched or cleared, 0 at first: steps
    that do not move it are done again after a stop. numbers: what was found in this round and has
    to be remembered by number. position: of the last order that the sweep put into the journal.
    """

    def __init__(self, clock: Clock, kept: JSON) -> None:
        kept = kept or {}
        self._clock = clock
        self.round: int = kept.get("round", 1)
        self._at: int = kept.get("at", 0)
        self._clears: bool = kept.get("clears", False)
        self.cursor: JSON = kept.get("cursor", 0)
        self.numbers: list[int] = kept.get("numbers", [])
        self.position: int = kept.get("position", 0)
        self._counts: dict[str, dict[str, list[int]]] = kept.get("counts", {})
        self._times: dict[str, list[int]] = kept.get("times", {})

    def kept(self) -> dict[str, JSON]:
        """What is kept of it."""
        return {
            "round": self.round,
            "at": self._at,
            "clears": self._clears,
            "cursor": self.cursor,
            "numbers": self.numbers,
            "position": self.position,
            "counts": self._counts,
            "times": self._times,
        }

    def found(self, subject: str, name: str, number: int = 1) -> None:
        """Count what a search has found."""
        if number:
            rounds = self._counts.setdefault(subject, {}).setdefault(name, [])
            rounds += [0] * (self.round - len(rounds))
            rounds[-1] += number

    def steps(self, places: Sequence[Place]) -> Iterator[JSON]:
        """The steps through all places. Yields WAIT, or anything else when something was done.

        All places are searched before anything is taken out of one of them: what lies in one often
        goes with what lies in another, and would not be counted.
        """
        while True:
            yield from self._through(places, self._search, clears=False)
            if not self._found_now(places) or self.round > ROUNDS:
                return
            yield from self._through(places, self._clear, clears=True)
            self.round, self._clears, self.numbers = self.round + 1, False, []
            yield None

    def removed(self, subject: str) -> int:
        """How much was found of a subject, and is not left over."""
        counts = self._counts.get(subject, {})
        return sum(sum(rounds) - self._left(rounds) for rounds in counts.values())

    def left_over(self, subject: str) -> int:
        """How much of a subject the last search has found."""
        return sum(self._left(rounds) for rounds in self._counts.get(subject, {}).values())

    def told(self, subject: str, places: Sequence[Place]) -> JSON:
        """What was searched for a subject, and found."""
        counts = self._counts.get(subject, {})
        told = []
        for place in places:
            for name, how in place.names.items():
                rounds = counts.get(name, [])
                left = self._left(rounds)
                started_ms, finished_ms = self._times[next(iter(place.names))]
                told.append(
                    {
                        "place": name,
                        "searched": how,
                        "found": sum(rounds),
                        "removed": sum(rounds) - left,
                        "leftOver": left,
                        "startedAt": iso_millis(started_ms),
                        "finishedAt": iso_millis(finished_ms),
                    }
                )
        return told

    def _left(self, rounds: Sequence[int]) -> int:
        """What the last search has found: the one after the last removal."""
        return rounds[ROUNDS] if len(rounds) > ROUNDS else 0

    def _through(
        self, places: Sequence[Place], do: Callable[[Place], Iterator[JSON]], *, clears: bool
    ) -> Iterator[JSON]:
        """Do something with each place, unless that was done before the last stop."""
        if self._clears and not clears:
            return
        while self._at < len(places):
            yield from do(places[self._at])
            self._at, self.cursor = self._at + 1, 0
            yield None
        self._at, self._clears = 0, True

    def _search(self, place: Place) -> Iterator[JSON]:
        times = self._times.setdefault(next(iter(place.names)), [self._clock.now_ms(), 0])
        yield from place.search()
        times[1] = self._clock.now_ms()

    def _clear(self, place: Place) -> Iterator[JSON]:
        if self._found_now([place]) or (place.always and self.round == 1):
            yield from place.clear()

    def _found_now(self, places: Sequence[Place]) -> bool:
        """Whether this round has found anything in the places."""
        names = {name for place in places for name in place.names}
        return any(
            len(rounds) == self.round and rounds[-1]
            for counts in self._counts.values()
            for name, rounds in counts.items()
            if name in names
        )


def waited(step: JSON, progress: JSON) -> JSON:
    """What a job yields for a step of a sweep."""
    return WAIT if step is WAIT else progress
