"""Normalize: from a message as it was sent to the record that will be stored, or to the reason why
it cannot be. Pure but for the snapshot: one generation judges one batch.

Source: ingestion contract, 2.5, 6 and 9; identity contract, 4.
"""

from __future__ import annotations

import functools

import msgspec

from onefold.config import Settings
from onefold.domain.failed_record import Fault
from onefold.domain.graph.links import Sighting
from onefold.domain.identity import xid
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.identity.records import Extracted, extracted
from onefold.domain.message import Message, Messages
from onefold.domain.profile.event import timestamp_ms
from onefold.domain.profile.fragment import effective_ms, without_nulls
from onefold.errors import Rejected
from onefold.journal import Accepted
from onefold.pipeline.work import Normalized
from onefold.store.snapshot import Dataset, Schema, Snapshot
from onefold.store.tables.events import NewEvent
from onefold.store.tables.fragments import NewFragment
from onefold.wire import JSON, decode_json, encode_json

STEP = "normalize"

Named = tuple[tuple[Xid, Identity], ...]
EVENT_ID_CHARS_MAX = 1024
XIDS_REMEMBERED = 65_536
"""People come in sessions: their identities are encoded once, not once an event."""


class Normalizer:
    """Judges records by the limits of one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._messages = Messages()
        self._xid = functools.lru_cache(XIDS_REMEMBERED)(xid.encode)

    def normalized(self, seq: int, accepted: Accepted, snapshot: Snapshot) -> Normalized | Fault:
        """What the record brings, or its fault. Faults are data; only defects raise.

        Times are judged by when the record was received, so that its fate is the same whenever the
        pipeline comes to it, and when the journal is applied anew.
        """
        try:
            return self._normalized(seq, accepted, snapshot)
        except Rejected as rejected:
            return Fault(STEP, rejected.code, rejected.detail, rejected.at)

    def _normalized(self, seq: int, accepted: Accepted, snapshot: Snapshot) -> Normalized | Fault:
        message = self._messages.message(accepted.message)
        dataset = snapshot.datasets.get(accepted.dataset)
        schema = snapshot.schemas.get(dataset.schema_id) if dataset else None
        if dataset is None or schema is None:
            return Fault(STEP, "REC-1007", "The dataset or its schema does not exist any more")
        entity = _entity(message, dataset, schema)
        if isinstance(entity, Fault):
            return entity
        if not (dataset.profile_enabled or dataset.identity_enabled):
            return Normalized(seq, dataset.id, accepted.received_ms)
        found = extracted(entity, snapshot.namespaces, schema.identities)
        if schema.behaviour == "time-series":
            return self._event(seq, accepted, dataset, entity, found)
        return self._record(seq, accepted, dataset, entity, found)

    def _event(
        self,
        seq: int,
        accepted: Accepted,
        dataset: Dataset,
        entity: JSON,
        found: Extracted,
    ) -> Normalized | Fault:
        event_id = entity.get("_id")
        if not isinstance(event_id, str) or not 0 < len(event_id) <= EVENT_ID_CHARS_MAX:
            return Fault(
                STEP, "REC-1004", f"_id must have 1 to {EVENT_ID_CHARS_MAX} characters", "/_id"
            )
        stamp = entity.get("timestamp")
        at_ms = timestamp_ms(stamp) if isinstance(stamp, str) else None
        if at_ms is None:
            return Fault(STEP, "REC-1005", "timestamp is missing or no date-time", "/timestamp")
        if at_ms > accepted.received_ms + self._settings.future_seconds_max * 1000:
            return Fault(STEP, "REC-1005", "timestamp is in the future", "/timestamp")
        body = encode_json(entity)
        if len(body) > self._settings.event_bytes_max:
            return _too_large("event", len(body), self._settings.event_bytes_max)
        named = self._named(found)
        owner = named[0][0]
        event = NewEvent(owner, event_id, at_ms, dataset.id, seq, accepted.received_ms, body)
        return Normalized(
            seq,
            dataset.id,
            accepted.received_ms,
            named if dataset.profile_enabled else _linked(named, found),
            _sighting(dataset, named, found, at_ms),
            event if dataset.profile_enabled else None,
        )

    def _record(
        self, seq: int, accepted: Accepted, dataset: Dataset, entity: JSON, found: Extracted
    ) -> Normalized | Fault:
        if b"null" in accepted.message:
            entity = without_nulls(entity)
        body = encode_json(entity)
        if len(body) > self._settings.record_bytes_max:
            return _too_large("record", len(body), self._settings.record_bytes_max)
        named = self._named(found)
        fragment = NewFragment(
            named[0][0],
            dataset.id,
            seq,
            accepted.received_ms,
            effective_ms(entity, accepted.received_ms),
            accepted.trace,
            body,
        )
        return Normalized(
            seq,
            dataset.id,
            accepted.received_ms,
            named if dataset.profile_enabled else _linked(named, found),
            _sighting(dataset, named, found, accepted.received_ms),
            fragment=fragment if dataset.profile_enabled else None,
        )

    def _named(self, found: Extracted) -> Named:
        """Every identity with its xid, the primary one first."""
        return tuple([(self._xid(one.namespace_id, one.value), one) for one in found.identities])


def _entity(message: Message, dataset: Dataset, schema: Schema) -> JSON | Fault:
    """The decoded entity if it fits its schema."""
    if message.fault is not None:
        return Fault(STEP, "REC-1008", message.fault)
    operations = message.header.operations
    if isinstance(operations, dict) and operations.get("data", "create") != "create":
        return Fault(STEP, "REC-1010", "Only the operation data: create is supported")
    raw = message.entity
    assert raw is not None  # its absence is a fault
    entity = decode_json(raw)
    if not isinstance(entity, dict):
        return Fault(STEP, "REC-1001", "The entity is not an object", "")
    if not dataset.validation_disabled and not schema.compiled.accepts(raw):
        violations = schema.compiled.violations(entity)
        first = violations[0]
        return Fault(
            STEP,
            "REC-1001",
            first.message,
            first.pointer.removeprefix("#"),
            encode_json([msgspec.to_builtins(violation) for violation in violations]),
        )
    return entity


def _linked(named: Named, found: Extracted) -> Named:
    """Of a dataset that feeds only the graph: the identities that enter the graph."""
    return tuple([one for one in named if one[1] in found.linkable])


def _sighting(dataset: Dataset, named: Named, found: Extracted, at_ms: int) -> Sighting | None:
    if not (dataset.identity_enabled and found.linkable):
        return None
    return Sighting(tuple([one[0] for one in _linked(named, found)]), dataset.id, at_ms)


def _too_large(kind: str, body_bytes: int, body_bytes_max: int) -> Fault:
    return Fault(
        STEP, "REC-1006", f"The {kind} has {body_bytes} bytes; the limit is {body_bytes_max}", ""
    )
