"""The inbox of failed records: look, mend the definitions, and have records accepted once more.

Reads the store, and writes nothing to it: repeats and dismissals go through the journal, in order
with everything else, and the pipeline notes what became of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from onefold.domain.failed_record import FailedRecord, State
from onefold.domain.sandbox import SandboxId
from onefold.errors import Conflict, NotFound, Rejected
from onefold.inlet.accept import Inlets
from onefold.store.packing import Packing
from onefold.store.places import Places
from onefold.store.tables import failed_records
from onefold.store.tables.failed_records import Filter, Tally

REPLAYS_MAX = 1_000
"""Records that one call repeats."""

_AT_ONCE = 50
"""Messages that are held in memory at a time: each may have a megabyte."""


class Replayed(msgspec.Struct, frozen=True):
    """What came of one call. accepted: (number, new trace); last: the highest number that was seen;
    remaining: how many behind it match, too."""

    accepted: list[tuple[int, str]]
    last: int
    remaining: int


class Inbox:
    """The failed records of every sandbox."""

    def __init__(self, places: Places, inlets: Inlets) -> None:
        self._places = places
        self._inlets = inlets

    def listed(
        self,
        sandbox: SandboxId,
        which: Filter,
        *,
        start: int | None,
        limit: int,
        newest_first: bool,
    ) -> list[FailedRecord]:
        """A page of failed records, without their messages. start: the last number before it."""
        return failed_records.matching(
            self._places.profile(sandbox),
            which,
            start=start,
            limit=limit,
            newest_first=newest_first,
        )

    def tallies(self, sandbox: SandboxId) -> list[Tally]:
        """How many there are by dataset, code and state."""
        return failed_records.tallies(self._places.profile(sandbox))

    def got(self, sandbox: SandboxId, number: int) -> FailedRecord:
        """One with its message. Raises NotFound FLR-1001."""
        found = self._named(sandbox, [number])
        if number not in found:
            raise NotFound("FLR-1001", f"No failed record has the number {number}")
        return found[number]

    def replay(
        self, sandbox: SandboxId, numbers: Sequence[int]
    ) -> Iterator[tuple[int, str | Rejected]]:
        """Have the records of these numbers accepted once more; answer each with its new trace, or
        why it cannot be: NotFound FLR-1001, Conflict FLR-1002 or FLR-1003.

        A number that stands twice is repeated once. Raises Unavailable INL-1017; what was answered
        before stays accepted.
        """
        for at in range(0, len(numbers), _AT_ONCE):
            some = list(dict.fromkeys(numbers[at : at + _AT_ONCE]))
            found = self._named(sandbox, some)
            judged = [(number, _refused(number, found.get(number))) for number in some]
            fit = [found[number] for number, refused in judged if refused is None]
            traces = iter(self._inlets.repeat(sandbox, fit) if fit else ())
            for number, refused in judged:
                yield number, next(traces) if refused is None else refused

    def replay_matching(
        self, sandbox: SandboxId, which: Filter, *, after: int, limit: int
    ) -> Replayed:
        """Have up to `limit` matching open records behind number `after` accepted once more, the
        oldest first. Raises Unavailable INL-1017.

        They stay open until the pipeline has come to their repeats: whoever goes on should do so
        behind `last`.
        """
        which = msgspec.structs.replace(which, state=State.OPEN)
        page = self.listed(sandbox, which, start=after, limit=limit, newest_first=False)
        last = page[-1].seq if page else after
        results = self.replay(sandbox, [record.seq for record in page])
        accepted = [(number, trace) for number, trace in results if isinstance(trace, str)]
        return Replayed(accepted, last, self.count(sandbox, which, after=last))

    def count(self, sandbox: SandboxId, which: Filter, *, after: int = 0) -> int:
        """How many records match, behind number `after`."""
        return failed_records.count(self._places.profile(sandbox), which, after=after)

    def dismiss(self, sandbox: SandboxId, number: int) -> str:
        """Have the message of an open record taken out for good, since nobody needs it; answer the
        trace of that. Raises NotFound FLR-1001, Conflict FLR-1002 or FLR-1003, and Unavailable
        INL-1017.
        """
        record = self.got(sandbox, number)
        refused = _refused(number, record)
        if refused is not None:
            raise refused
        return self._inlets.blank(sandbox, record)

    def _named(self, sandbox: SandboxId, numbers: Sequence[int]) -> dict[int, FailedRecord]:
        store = self._places.profile(sandbox)
        return failed_records.named(store, Packing(store), numbers)


def _refused(number: int, record: FailedRecord | None) -> Rejected | None:
    """Why a record can be neither replayed nor dismissed; None when it can."""
    if record is None:
        return NotFound("FLR-1001", f"No failed record has the number {number}")
    if record.repeat is not None:
        repeat = record.repeat
        return Conflict(
            "FLR-1002",
            f"Failed record {number} was replayed as record {repeat.seq}: {repeat.outcome}",
        )
    if record.state is State.RESOLVED:
        return Conflict("FLR-1003", f"The message of failed record {number} was taken out")
    return None
