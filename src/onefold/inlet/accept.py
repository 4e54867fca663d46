"""Accept records: the only functions that append to a journal.

An accepted record is durable. What is checked here is what a sender must hear at once: the form of
the envelope, the organisation, the dataset and its schema; the entity itself is checked here only
when the sender asks for it. Source: ingestion contract, 2 and 3.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence

import msgspec

from onefold import smile
from onefold.config import Settings
from onefold.domain import categories, removal
from onefold.domain.failed_record import FailedRecord
from onefold.domain.message import Message, Messages
from onefold.domain.profile import partial
from onefold.domain.removal import Removal
from onefold.domain.sandbox import SandboxId
from onefold.domain.xdm.validate import Violation
from onefold.effects import Clock
from onefold.errors import Malformed, NotFound, OverLimit, PlatformError, Rejected, Unavailable
from onefold.inlet import raw
from onefold.inlet.tallies import Tallies
from onefold.journal import Accepted, Bell, End, Journal
from onefold.observe.metrics import Metrics
from onefold.store.places import Places
from onefold.store.snapshot import Definitions, Flow, Inlet, Snapshot
from onefold.store.tables import sync_validations
from onefold.store.tables.progress import progress
from onefold.wire import decode_json

SMILE = "application/x-jackson-smile"
BACKLOG_RETRY_SECONDS = 5


class Receipt(msgspec.Struct, frozen=True):
    """What the sender of one message gets: its trace (xactionId), when it arrived, and where it
    stands in the sandbox's journal."""

    trace: str
    received_ms: int
    position: int


class BatchReceipt(msgspec.Struct, frozen=True):
    """What the sender of a batch gets: for each message, in order, its trace or its error, and
    where they all stand in the sandbox's journal; 0 when none was accepted."""

    batch_id: str
    received_ms: int
    results: Sequence[str | PlatformError]
    position: int = 0


class InvalidMessage(Malformed):
    """A message that was refused by synchronous validation, with the violations found."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("INL-1007", "Message is invalid")
        self.violations = violations


class Inlets:
    """The inlets of an installation. `origin` tells this process from others in traces."""

    def __init__(
        self,
        *,
        places: Places,
        definitions: Definitions,
        bell: Bell,
        clock: Clock,
        settings: Settings,
        metrics: Metrics,
        origin: int,
    ) -> None:
        self._places = places
        self._definitions = definitions
        self._bell = bell
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._origin = origin
        self._messages = Messages()
        self._numbers = itertools.count(1)
        self._done: dict[SandboxId, int] = {}
        self._journals: dict[SandboxId, Journal] = {}
        self._journals_lock = threading.Lock()
        self.tallies = Tallies(places, definitions, clock)
        """What observability knows of refusals."""
        definitions.when_gone(self._forget)

    def inlet(self, inlet_id: str) -> Inlet:
        """The inlet with this id. Raises NotFound INL-1008."""
        inlet = self._definitions.inlet(inlet_id)
        if inlet is None:
            raise NotFound("INL-1008", "Inlet does not exist")
        return inlet

    def accept_one(
        self, inlet: Inlet, body: bytes, *, validate: bool, flow_id: str = ""
    ) -> Receipt:
        """Accept a body that is one message (JSON).

        flow_id: of the flow that it takes; raw data needs one. validate: check the entity against
        its schema too, and drop it when it does not fit (InvalidMessage); allowed
        `sync_validations_per_minute` times a minute and inlet (OverLimit INL-1011). Raises
        Malformed INL-1001 to INL-1006, Unavailable INL-1017 when overloaded, and as `raw.flow_of`.
        """
        snapshot = self._definitions.snapshot(inlet.sandbox_id)
        received_ms = self._clock.now_ms()
        try:
            if validate:
                self._count_validation(inlet, received_ms)
            flow = raw.flow_of(inlet, flow_id, snapshot)
            self._messages.checked(body)
            dataset, message = self._taken(body, inlet, flow, snapshot, validate=validate)
            trace = self._trace(received_ms)
            record = Accepted(trace, received_ms, inlet.id, dataset, message)
            position = self.append(inlet.sandbox_id, [record])
        except PlatformError as refused:
            self.tallies.saw(
                inlet.sandbox_id, inlet.id, accepted=0, refused=1, body_bytes=len(body)
            )
            if isinstance(refused, InvalidMessage):
                keywords = [violation.keyword for violation in refused.violations]
                self.tallies.invalid(inlet, categories.of_violations(keywords))
            raise
        self.tallies.saw(inlet.sandbox_id, inlet.id, accepted=1, refused=0, body_bytes=len(body))
        return Receipt(trace, received_ms, position)

    def accept_many(self, inlet: Inlet, body: bytes, *, flow_id: str = "") -> BatchReceipt:
        """Accept a body that is a list of messages (JSON). Each message stands for itself: those
        with a fault are answered with it, the others become durable together.

        Raises Malformed INL-1001 when the body as a whole is unreadable, OverLimit INL-1009 when it
        has too many messages, Unavailable INL-1017, and as `raw.flow_of`.
        """
        try:
            receipt = self._accept_many(inlet, body, flow_id)
        except PlatformError:
            self.tallies.saw(
                inlet.sandbox_id, inlet.id, accepted=0, refused=1, body_bytes=len(body)
            )
            raise
        refused = sum(isinstance(result, PlatformError) for result in receipt.results)
        accepted = len(receipt.results) - refused
        self._metrics.refused(refused)
        self.tallies.saw(
            inlet.sandbox_id, inlet.id, accepted=accepted, refused=refused, body_bytes=len(body)
        )
        return receipt

    def _accept_many(self, inlet: Inlet, body: bytes, flow_id: str) -> BatchReceipt:
        snapshot = self._definitions.snapshot(inlet.sandbox_id)
        flow = raw.flow_of(inlet, flow_id, snapshot)
        received_ms = self._clock.now_ms()
        self._messages.checked(body)
        batch_id = self._trace(received_ms)
        results: list[str | PlatformError] = []
        accepted: list[Accepted] = []
        for index, sent in enumerate(self._messages.split(body)):
            try:
                dataset, message = self._taken(sent, inlet, flow, snapshot, validate=False)
            except Rejected as fault:
                results.append(fault)
                continue
            trace = f"{batch_id}:{index}"
            results.append(trace)
            accepted.append(Accepted(trace, received_ms, inlet.id, dataset, message))
        position = self.append(inlet.sandbox_id, accepted) if accepted else 0
        return BatchReceipt(batch_id, received_ms, results, position)

    def repeat(self, sandbox: SandboxId, failed: Sequence[FailedRecord]) -> list[str]:
        """Accept failed records of a sandbox once more; answer their new traces, in their order.

        Message, dataset, inlet and batch stay, and so does the time at which each was received: it
        is judged, and its times are noted, as if what was in its way had never been. Its place in
        the order is new: it replaces what came in meanwhile. Raises Unavailable INL-1017.
        """
        now_ms = self._clock.now_ms()
        records = [
            Accepted(
                self._trace(now_ms),
                one.received_ms,
                one.inlet,
                one.dataset,
                one.message,
                batch=one.batch,
                replays=one.seq,
                removal=one.removal,
            )
            for one in failed
        ]
        self.append(sandbox, records, appended_ms=now_ms)
        return [record.trace for record in records]

    def blank(self, sandbox: SandboxId, failed: FailedRecord) -> str:
        """Have the message of a failed record taken out; answer the trace of the order to do so.
        Raises Unavailable INL-1017."""
        now_ms = self._clock.now_ms()
        order = Accepted(
            self._trace(now_ms),
            now_ms,
            "",
            failed.dataset,
            removal.encode(Removal(failed=[failed.seq])),
            removal=True,
        )
        self.append(sandbox, [order])
        return order.trace

    def _taken(
        self, sent: bytes, inlet: Inlet, flow: Flow | None, snapshot: Snapshot, *, validate: bool
    ) -> tuple[str, bytes]:
        """The dataset that one message is for, and the message as the journal keeps it."""
        if flow is None:
            message = self._envelope(sent, inlet, snapshot)
            if validate:
                self._validate(message, snapshot)
            return message.header.dataset_id, sent
        kept = raw.enveloped(self._messages, sent, flow, inlet, snapshot)
        found = raw.violations(self._messages, kept, flow, snapshot) if validate else []
        if found:
            raise InvalidMessage(found)
        return flow.dataset_id, kept

    def _envelope(self, sent: bytes, inlet: Inlet, snapshot: Snapshot) -> Message:
        message = self._messages.message(sent)
        self._messages.within_depth(sent)
        header = message.header
        if header.ims_org_id is not None and header.ims_org_id != inlet.org_id:
            raise Malformed("INL-1003", "Message has an absent or wrong ims org in the header")
        if header.schema_ref.id not in snapshot.schemas:
            raise Malformed("INL-1004", "Message has an unknown schema in the header")
        dataset = snapshot.datasets.get(header.dataset_id)
        if dataset is None:
            raise Malformed("INL-1005", "Message has an unknown dataset in the header")
        if dataset.schema_id != header.schema_ref.id:
            raise Malformed(
                "INL-1006", "Message has a schema in the header that is not its dataset's"
            )
        if header.flow_id is not None and header.flow_id in snapshot.flows:
            raw.require_enabled(snapshot.flows[header.flow_id])
        return message

    def _validate(self, message: Message, snapshot: Snapshot) -> None:
        fault = message.fault
        if fault is not None:
            raise InvalidMessage([Violation("required", fault, "#", "#")])
        dataset = snapshot.datasets[message.header.dataset_id]
        compiled = snapshot.schemas[dataset.schema_id].compiled
        entity = message.entity
        assert entity is not None  # its absence is a fault
        if dataset.validation_disabled or compiled.accepts(entity):
            return
        if raw.is_partial(message.header, dataset):
            found = partial.violations(compiled, decode_json(entity))
        else:
            found = compiled.violations(decode_json(entity))
        if found:
            raise InvalidMessage(found)

    def _count_validation(self, inlet: Inlet, now_ms: int) -> None:
        count = sync_validations.counted(
            self._places.journal(inlet.sandbox_id), inlet.id, minute=now_ms // 60_000
        )
        if count > self._settings.sync_validations_per_minute:
            raise OverLimit(
                "INL-1011",
                "More synchronous validations than an inlet allows in a minute",
                retry_after_seconds=60 - now_ms // 1000 % 60,
            )

    def order(self, sandbox: SandboxId, what: Removal, *, trace: str) -> tuple[int, int]:
        """Have something taken out of the profile store; answer position and number of the order in
        the journal. Raises Unavailable INL-1017."""
        now_ms = self._clock.now_ms()
        message = removal.encode(what)
        order = Accepted(trace, now_ms, "", "", message, removal=True)
        position = self.append(sandbox, [order])
        (chunk,) = self._journal(sandbox).read(position - 1, records_max=1)
        return position, chunk.first

    def orders(self, sandbox: SandboxId, what: Sequence[Removal], *, trace: str) -> End:
        """Have the pipeline carry out some orders, with nothing in between; answer how far the
        journal reached then. Raises Unavailable INL-1017."""
        now_ms = self._clock.now_ms()
        position = self.append(
            sandbox,
            [Accepted(trace, now_ms, "", "", removal.encode(one), removal=True) for one in what],
        )
        (chunk,) = self._journal(sandbox).read(position - 1, records_max=1)
        return End(position, chunk.first + len(what) - 1)

    def end(self, sandbox: SandboxId) -> End:
        """How far the journal reaches now."""
        return self._journal(sandbox).end()

    def reached(self, sandbox: SandboxId) -> int:
        """The position of the last append of this object: at or behind whatever the caller has had
        accepted."""
        return self._journal(sandbox).reached.position

    def append(
        self, sandbox: SandboxId, records: Sequence[Accepted], *, appended_ms: int | None = None
    ) -> int:
        """Make the records of one request durable, together; answer where they stand in the
        sandbox's journal. appended_ms: as `Journal.append` takes it. Raises Unavailable INL-1017
        when too many records wait for the pipeline."""
        journal = self._journal(sandbox)
        self._refuse_when_behind(sandbox, journal)
        position = journal.append(records, appended_ms=appended_ms)
        self._metrics.accepted(len(records))
        return position

    def _refuse_when_behind(self, sandbox: SandboxId, journal: Journal) -> None:
        """Raise Unavailable when too many records wait for the pipeline.

        The pipeline only goes forward, so what it had done when last asked bounds the backlog from
        above: the store is asked again only when that bound is passed.
        """
        backlog_max = self._settings.journal_backlog_max
        if journal.reached.records - self._done.get(sandbox, 0) <= backlog_max:
            return
        done = self._done[sandbox] = progress(self._places.profile(sandbox)).records
        if journal.end().records - done > backlog_max:
            raise Unavailable("INL-1017", retry_after_seconds=BACKLOG_RETRY_SECONDS)

    def _journal(self, sandbox: SandboxId) -> Journal:
        with self._journals_lock:
            journal = self._journals.get(sandbox)
            if journal is None:
                journal = Journal(self._places.journal(sandbox), self._bell)
                self._journals[sandbox] = journal
            return journal

    def _forget(self, sandbox: SandboxId) -> None:
        self._done.pop(sandbox, None)
        with self._journals_lock:
            self._journals.pop(sandbox, None)

    def _trace(self, received_ms: int) -> str:
        return f"{received_ms}:{self._origin}:{next(self._numbers)}"


def json_body(body: bytes, media_type: str) -> bytes:
    """The body as JSON. Raises Malformed INL-1010 for media types other than JSON and Smile,
    Malformed or OverLimit SML-* for a broken Smile document."""
    essence = media_type.partition(";")[0].strip().lower()
    if essence == SMILE:
        return smile.to_json(body)
    if essence == "application/json":
        return body
    raise Malformed("INL-1010", "Content-Type must be application/json or " + SMILE)
