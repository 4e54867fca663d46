"""What the steps of the pipeline hand on: one batch of records between journal and store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from onefold.domain.failed_record import FailedRecord, Fault
from onefold.domain.graph.links import Sighting
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.profile.partial import Operation
from onefold.journal import Accepted
from onefold.pipeline.calls import CallMark
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables.calls import Seen
from onefold.store.tables.counters import Key
from onefold.store.tables.events import NewEvent
from onefold.store.tables.fragments import NewFragment
from onefold.store.tables.outcomes import Outcome
from onefold.store.tables.superseded import Key as FragmentKey
from onefold.store.tables.superseded import Next, Superseded


class Change(msgspec.Struct, frozen=True, gc=False):
    """A fragment that changes (or removes) the stored one instead of replacing it. The record as it
    was accepted, and the largest body that may come of it: whether it fits shows only then."""

    operation: Operation
    accepted: Accepted
    body_bytes_max: int


class Normalized(msgspec.Struct, frozen=True, gc=False):
    """One record that can be applied: whom it names and what it brings (an event, a fragment, or
    nothing when its dataset feeds only the graph, or neither). owner: its primary identity, empty
    when it feeds neither. own_ms: the time that it gives itself; None when it gives none. change:
    of partial and stamped records; their fragment's body is what was sent, nulls included.

    call: of which call it is, if of one. action, brand, active, group: of events of accounts,
    whoever sent them: what happened, through which brand, whether somebody was there, and to which
    group it is tied. taken: what computed traits take of it."""

    seq: int
    dataset: str
    received_ms: int
    owner: Xid | None = None
    own_ms: int | None = None
    identities: tuple[tuple[Xid, Identity], ...] = ()
    sighting: Sighting | None = None
    event: NewEvent | None = None
    fragment: NewFragment | None = None
    change: Change | None = None
    call: CallMark | None = None
    action: str = ""
    brand: str = ""
    active: bool = True
    group: Xid | None = None
    taken: tuple[tuple[str, str], ...] = ()


class Folded(msgspec.Struct, frozen=True):
    """What the fragments of a batch come to. written: one a key. removed: (owner, dataset, number
    of the stored record). after: of every key, the first record of the batch, which comes after
    what is stored. earlier: the records that are to be kept beside the fragments."""

    written: list[NewFragment]
    removed: list[tuple[Xid, str, int]]
    after: dict[FragmentKey, Next]
    earlier: list[Superseded]


@dataclass(slots=True)
class Work:
    """One batch on its way through the steps. Steps read the snapshot and change the rest.

    clusters: of every identity that the batch names, after stitching. regrouped: clusters that got
    or lost members. gone: names of clusters that exist no more. before, after: the clusters of
    identities that are new (absent before) or have moved. counted: for observability, what
    count.py cannot tell from the rest. folded: None when the batch has no fragments. suppressed:
    numbers of the records that were kept out. calls: the records of calls that were normalized,
    with what they are of, by number. known: the calls among them that came before.
    """

    snapshot: Snapshot
    packing: Packing
    now_ms: int = 0
    records: list[Normalized] = field(default_factory=list)
    failed: list[FailedRecord] = field(default_factory=list)
    outcomes: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    counted: Counter[Key] = field(default_factory=Counter)
    folded: Folded | None = None
    evicted: int = 0
    clusters: dict[Xid, Xid] = field(default_factory=dict)
    regrouped: set[Xid] = field(default_factory=set)
    gone: set[Xid] = field(default_factory=set)
    before: dict[Xid, Xid] = field(default_factory=dict)
    after: dict[Xid, Xid] = field(default_factory=dict)
    suppressed: list[int] = field(default_factory=list)
    calls: dict[int, tuple[CallMark, Accepted]] = field(default_factory=dict)
    known: dict[str, Seen] = field(default_factory=dict)

    def absorb(self, other: Work) -> None:
        """Take over what another part of the batch brought about."""
        self.records += other.records
        self.failed += other.failed
        self.outcomes += other.outcomes
        self.counted += other.counted
        self.evicted += other.evicted
        self.suppressed += other.suppressed

    def fail(self, seq: int, accepted: Accepted, fault: Fault, *, now_ms: int) -> None:
        """End a record as failed."""
        self.failed.append(
            FailedRecord(
                seq,
                fault,
                accepted.dataset,
                accepted.inlet,
                accepted.trace,
                accepted.received_ms,
                now_ms,
                accepted.message,
                accepted.batch,
                accepted.replays,
                removal=accepted.removal,
            )
        )
        self.outcomes[accepted.dataset, Outcome.FAILED] += 1
