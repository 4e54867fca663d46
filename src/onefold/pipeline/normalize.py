"""Normalize: from a message as it was sent to the record that will be stored, or to the reason why
it cannot be. Pure but for the snapshot: one generation judges one batch.

Source: ingestion contract, 2.5, 6 and 9; identity contract, 4 and 7.
"""

from __future__ import annotations

import functools

import msgspec

from onefold.config import Settings
from onefold.domain.calls.marks import mark_of
from onefold.domain.calls.message import EVENT_BYTES_MAX
from onefold.domain.failed_record import Fault
from onefold.domain.graph.links import Sighting
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity import xid
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.identity.records import Extracted, alone, extracted, without
from onefold.domain.profile import business
from onefold.domain.profile.event import timestamp_ms
from onefold.domain.profile.fragment import STAMPS, own_ms, without_nulls
from onefold.domain.profile.partial import Operations
from onefold.domain.profile.stamped import effective_ms as stamped_ms
from onefold.errors import CODES, Rejected
from onefold.journal import Accepted
from onefold.pipeline.entities import STEP, Arrived, Entities, fault_of
from onefold.pipeline.work import Change, Normalized
from onefold.store.snapshot import Dataset, Snapshot
from onefold.store.tables.events import NewEvent
from onefold.store.tables.fragments import NewFragment
from onefold.wire import encode_json

Named = tuple[tuple[Xid, Identity], ...]
EVENT_ID_CHARS_MAX = 1024
XIDS_REMEMBERED = 65_536
"""People come in sessions: their identities are encoded once, not once an event."""


class Normalizer:
    """Judges records by the limits of one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._entities = Entities()
        self._xid = functools.lru_cache(XIDS_REMEMBERED)(xid.encode)

    def normalized(self, seq: int, accepted: Accepted, snapshot: Snapshot) -> Normalized | Fault:
        """What the record brings, or its fault. Faults are data; only defects raise.

        Times are judged by when the record was received, so that its fate is the same whenever the
        pipeline comes to it, and when the journal is applied anew.
        """
        try:
            return self._normalized(seq, accepted, snapshot)
        except Rejected as rejected:
            return fault_of(rejected)

    def _normalized(self, seq: int, accepted: Accepted, snapshot: Snapshot) -> Normalized | Fault:
        arrived = self._entities.entity_of(accepted, snapshot)
        if isinstance(arrived, Fault):
            return arrived
        dataset, schema = arrived.dataset, arrived.schema
        linking = dataset if arrived.asked is None else _linking(arrived.asked, dataset, snapshot)
        is_event = schema.behaviour == "time-series"
        if arrived.operation != "create":
            if is_event or not dataset.profile_enabled:
                return Fault(STEP, "REC-1010", "Only records of datasets for Profile can change")
        elif not (dataset.profile_enabled or linking.identity_enabled):
            return Normalized(seq, dataset.id, accepted.received_ms, call=arrived.call)
        rules = snapshot.rules
        ranks = rules.ranks if rules is not None and is_event and rules.names_primary else None
        found = extracted(arrived.entity, snapshot.namespaces, schema.identities, ranks)
        if snapshot.lookup_only:
            found = without(found, snapshot.lookup_only, snapshot.namespaces)
        if dataset.business:
            if not business.is_of(
                snapshot.namespaces.by_id(found.primary.namespace_id), dataset.business
            ):
                wanted = " or ".join(business.NAMESPACES[dataset.business])
                return Fault(STEP, "REC-1009", f"The primary identity must be of {wanted}")
            found = alone(found)
        if rules is not None:
            # An alias that names two visitors says itself whose event it is.
            is_plain = is_event and not (arrived.call is not None and arrived.call.previous_id)
            refusal = _refusal(rules, found, dataset, linking, snapshot, is_plain_event=is_plain)
            if refusal is not None:
                return refusal
        if is_event:
            event = self._event(seq, accepted, arrived, linking, found)
            if snapshot.account is None or isinstance(event, Fault):
                return event
            return _of_account(event, accepted, arrived, snapshot)
        return self._record(seq, accepted, arrived, linking, found)

    def _event(
        self,
        seq: int,
        accepted: Accepted,
        arrived: Arrived,
        linking: Dataset,
        found: Extracted,
    ) -> Normalized | Fault:
        dataset, entity = arrived.dataset, arrived.entity
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
        bytes_max = self._settings.event_bytes_max if arrived.call is None else EVENT_BYTES_MAX
        if len(body) > bytes_max:
            return _too_large("event", len(body), bytes_max)
        named = self._named(found)
        owner = named[0][0]
        event = NewEvent(owner, event_id, at_ms, dataset.id, seq, accepted.received_ms, body)
        return Normalized(
            seq,
            dataset.id,
            accepted.received_ms,
            owner,
            at_ms,
            named if dataset.profile_enabled else _linked(named, found),
            _sighting(linking, named, found, at_ms),
            event if dataset.profile_enabled else None,
        )

    def _record(
        self, seq: int, accepted: Accepted, arrived: Arrived, linking: Dataset, found: Extracted
    ) -> Normalized | Fault:
        dataset, entity = arrived.dataset, arrived.entity
        whole = arrived.operation == "create"
        if whole and b"null" in accepted.message:
            entity = without_nulls(entity)
        if arrived.call is None and STAMPS in entity:
            return Fault(STEP, "REC-1001", "The name is of the platform", f"/{STAMPS}")
        body = encode_json(entity)
        if len(body) > self._settings.record_bytes_max:
            return _too_large("record", len(body), self._settings.record_bytes_max)
        named = self._named(found)
        owner = named[0][0]
        linked_ms = accepted.received_ms
        if arrived.call is None:
            own = own_ms(entity)
        else:
            # A late call takes no device from who used it since: it links at its own time.
            own = linked_ms = stamped_ms(entity, accepted.received_ms)
        fragment = NewFragment(
            owner,
            dataset.id,
            seq,
            accepted.received_ms,
            own if own is not None else accepted.received_ms,
            accepted.trace,
            body,
        )
        return Normalized(
            seq,
            dataset.id,
            accepted.received_ms,
            owner,
            own,
            named if dataset.profile_enabled and not dataset.business else _linked(named, found),
            _sighting(linking, named, found, linked_ms),
            fragment=fragment if dataset.profile_enabled else None,
            change=None
            if whole
            else Change(arrived.operation, accepted, self._settings.record_bytes_max),
            call=arrived.call,
        )

    def _named(self, found: Extracted) -> Named:
        """Every identity with its xid, the primary one first."""
        return tuple([(self._xid(one.namespace_id, one.value), one) for one in found.identities])


def _of_account(
    event: Normalized, accepted: Accepted, arrived: Arrived, snapshot: Snapshot
) -> Normalized:
    """An event of an account, whoever sent it, with what its timelines go by. An event of another
    door is of the account's own brand; of one of a file nobody was there when it came.

    Source: Intilery contract, 7.3, 8 and 13.4.
    """
    account = snapshot.account
    assert account is not None
    mark = mark_of(arrived.entity, account.brand, snapshot.namespaces, account.computed)
    return msgspec.structs.replace(
        event,
        call=arrived.call,
        action=mark.action,
        brand=mark.brand,
        active=mark.active and bool(accepted.inlet),
        group=mark.group,
        taken=mark.taken,
    )


def _linking(asked: Operations, dataset: Dataset, snapshot: Snapshot) -> Dataset:
    """The dataset whose links a record with operations makes; one that makes none when it asks for
    none. Raises Rejected REC-1010. Source: ingestion contract, 5."""
    if asked.identity_dataset is None:
        return msgspec.structs.replace(dataset, identity_enabled=False)
    other = snapshot.datasets.get(asked.identity_dataset)
    if (
        other is None
        or other.id == dataset.id
        or other.schema_id != dataset.schema_id
        or other.profile_enabled
        or not other.identity_enabled
    ):
        raise Rejected(
            "REC-1010",
            "identityDatasetId names another dataset of the schema, which feeds only identities",
        )
    return other


def _refusal(
    rules: LinkingRules,
    found: Extracted,
    dataset: Dataset,
    linking: Dataset,
    snapshot: Snapshot,
    *,
    is_plain_event: bool,
) -> Fault | None:
    """Why linking rules do not take a record. Either reason fails the whole record: one that were
    stored without its links, or linked without being stored, could never be put right.

    Source: identity contract, 7.2.
    """
    doubled = rules.doubled(found.linkable) if linking.identity_enabled else None
    if doubled is not None:
        namespace = snapshot.namespaces.by_id(doubled)
        code = namespace.code if namespace is not None else str(doubled)
        return Fault(STEP, "REC-2001", f"Two values of {code}, which is unique per graph")
    if (
        is_plain_event
        and rules.names_primary
        and dataset.profile_enabled
        and rules.several(found.primary, found.identities)
    ):
        return Fault(STEP, "REC-2002", CODES["REC-2002"].meaning, "/identityMap")
    return None


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
