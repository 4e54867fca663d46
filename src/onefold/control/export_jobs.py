"""Exports of profiles: what may be asked for, and by what ids. `jobs/export_profiles.py` does them.

Source: profile contract, 9; segmentation contract, 9.
"""

from __future__ import annotations

import msgspec

from onefold.domain.profile import membership
from onefold.domain.profile.event import timestamp_ms
from onefold.domain.profile.project import selector
from onefold.domain.ulid import RANDOM_BYTES, ulid
from onefold.domain.xdm.schema import PROFILE_UNION
from onefold.effects import Clock, Ids
from onefold.errors import Malformed, NotFound, OverLimit
from onefold.store.engine import Engine, Reader
from onefold.store.snapshot import PROFILE_CLASS, Snapshot
from onefold.store.tables import datasets, export_jobs
from onefold.store.tables.export_jobs import ExportJob
from onefold.wire import JSON

SEGMENTS_MAX = 100
FIELDS_CHARS_MAX = 50_000
NUMBER_DIGITS_MAX = 15


class ExportSchema(msgspec.Struct, frozen=True):
    """A schema by its name."""

    name: str


class ExportDestination(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The dataset that is written, in either spelling; a batch for each segment, or one."""

    dataset_id: str = ""
    data_set_id: str = ""
    segment_per_batch: bool | None = None


class ExportPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """A merge policy, and which version of it."""

    id: str
    version: int | None = None


class WantedSegment(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A segment whose profiles are wanted, in some statuses."""

    segment_id: str
    segment_ns: str | None = None
    status: list[str] | None = None


class QualifiedBetween(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A stretch of time, each end RFC 3339."""

    start_time: str | None = None
    end_time: str | None = None


class ExportFilter(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Which profiles are wanted."""

    segments: list[WantedSegment] | None = None
    segment_qualification_time: QualifiedBetween | None = None
    from_ingest_timestamp: str | None = None
    empty_profiles: bool | None = None


class ArrivedSince(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Events that arrived at a moment or later."""

    from_ingest_timestamp: str | None = None


class ExportedEvents(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which events stand with a profile, and what of them."""

    fields: str | None = None
    filter: ArrivedSince | None = None


class ExportedBesides(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What else is exported."""

    event_list: ExportedEvents | None = None


class ExportDemand(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An export as it is asked for."""

    schema: ExportSchema
    destination: ExportDestination
    fields: str | None = None
    merge_policy: ExportPolicy | None = None
    filter: ExportFilter | None = None
    additional_fields: ExportedBesides | None = None
    evaluation_info: dict[str, JSON] | None = None


def create(
    control: Reader,
    work: Engine,
    clock: Clock,
    ids: Ids,
    snapshot: Snapshot,
    demand: ExportDemand,
    *,
    client_id: str,
) -> ExportJob:
    """Ask for an export.

    Raises Malformed CTL-1008 for values that are not allowed: another schema, a dataset that is not
    of the union or not persisted, a time that is none; Malformed PRO-1002 for too many fields,
    NotFound PRO-1005 for an unknown merge policy or version, OverLimit PRO-1007 without any.
    """
    if demand.schema.name != PROFILE_CLASS:
        raise _wrong(f"The schema is {PROFILE_CLASS}", "schema.name")
    dataset_id = _dataset(control, snapshot, demand.destination)
    wanted = demand.filter or ExportFilter()
    found = membership_filter(wanted)
    moment(wanted.from_ingest_timestamp, "filter.fromIngestTimestamp")
    events = demand.additional_fields.event_list if demand.additional_fields else None
    _check_fields(demand.fields or "", "fields")
    if events is not None:
        _check_fields(events.fields or "", "additionalFields.eventList.fields")
        since = events.filter.from_ingest_timestamp if events.filter else None
        moment(since, "additionalFields.eventList.filter.fromIngestTimestamp")
    by_segment = bool(demand.destination.segment_per_batch)
    if by_segment and not found.segments:
        raise _wrong("Batches by segment need filter.segments", "destination.segmentPerBatch")
    now_ms = clock.now_ms()
    count = len(found.segments) if by_segment else 1
    said = msgspec.to_builtins(demand)
    kept: JSON = {
        **{name: said[name] for name in ("schema", "fields", "additionalFields") if name in said},
        **({"filter": said["filter"]} if "filter" in said else {}),
        "datasetId": dataset_id,
        "segmentPerBatch": by_segment,
        "mergePolicy": _policy(snapshot, demand.merge_policy),
        "batches": [ulid(now_ms, ids.hex(bytes_=RANDOM_BYTES)) for _ in range(count)],
        "requestId": ids.hex(bytes_=16),
        "clientId": client_id,
    }
    with work.transaction() as transaction:
        number = export_jobs.add(transaction, kept, now_ms)
    return got(work, str(number))


def got(work: Reader, text: str) -> ExportJob:
    """The export with this id. Raises NotFound CTL-1007."""
    number = int(text) if _is_number(text) else 0
    found = export_jobs.get(work, number) if number else None
    if found is None:
        raise NotFound("CTL-1007", "No export job has this id")
    return found


def listed(work: Reader, *, status: str, offset: str, limit: int) -> tuple[list[ExportJob], str]:
    """A page of the exports, the newest first, and the offset of the next one; empty: none is left.

    status: empty for any. offset: as a page before gave it. Raises Malformed CTL-1008.
    """
    if status and status not in export_jobs.STATUSES:
        raise _wrong(f"status is one of {', '.join(export_jobs.STATUSES)}", "status")
    behind = None
    if offset:
        created, _, number = offset.partition("_")
        if not (_is_number(created) and _is_number(number)):
            raise _wrong("offset is <creationTime>_<id>, as a page gave it", "offset")
        behind = int(created), int(number)
    found = export_jobs.listed(work, status=status, behind=behind, limit=limit + 1)
    page = found[:limit]
    return page, token(page[-1]) if len(found) > limit else ""


def token(export: ExportJob) -> str:
    """The offset of the page that begins behind an export."""
    return f"{export.created_ms}_{export.id}"


def cancel(work: Engine, clock: Clock, text: str) -> None:
    """Call an export off; one that has ended, or is just landing, stays as it is. Raises NotFound
    CTL-1007."""
    found = got(work, text)
    with work.transaction() as transaction:
        export_jobs.cancel(transaction, found.id, clock.now_ms())


def membership_filter(wanted: ExportFilter) -> membership.MembershipFilter:
    """The filter on memberships. Raises Malformed CTL-1008."""
    segments = wanted.segments or []
    if len(segments) > SEGMENTS_MAX:
        raise _wrong(f"At most {SEGMENTS_MAX} segments", "filter.segments")
    between = wanted.segment_qualification_time or QualifiedBetween()
    return membership.MembershipFilter(
        tuple(_segment(one) for one in segments),
        moment(between.start_time, "filter.segmentQualificationTime.startTime"),
        moment(between.end_time, "filter.segmentQualificationTime.endTime"),
    )


def moment(text: str | None, at: str) -> int | None:
    """Epoch milliseconds of an RFC 3339 time, if there is one. Raises Malformed CTL-1008."""
    if text is None:
        return None
    found = timestamp_ms(text)
    if found is None:
        raise _wrong("A time is RFC 3339, such as 2026-01-01T00:00:00Z", at)
    return found


def _segment(one: WantedSegment) -> membership.Segment:
    statuses = tuple(one.status) if one.status is not None else membership.MEMBERS
    if not one.segment_id:
        raise _wrong("A segment needs its id", "filter.segments.segmentId")
    if not statuses or not set(statuses) <= set(membership.STATUSES):
        allowed = ", ".join(membership.STATUSES)
        raise _wrong(f"status holds one or more of {allowed}", "filter.segments.status")
    return membership.Segment(one.segment_id, one.segment_ns or "ups", statuses)


def _dataset(control: Reader, snapshot: Snapshot, destination: ExportDestination) -> str:
    id_ = destination.dataset_id or destination.data_set_id
    dataset = datasets.by_id(control, snapshot.sandbox.id, id_)
    at = "destination.datasetId"
    if dataset is None:
        raise _wrong("No dataset has this id", at)
    if dataset.schema_id != PROFILE_UNION:
        raise _wrong(f"The dataset's schema is not {PROFILE_UNION}", at)
    description = dataset.details.get("fileDescription")
    if not isinstance(description, dict) or description.get("persisted") is not True:
        raise _wrong("The dataset needs fileDescription.persisted: true", at)
    return id_


def _policy(snapshot: Snapshot, asked: ExportPolicy | None) -> JSON:
    """Id and version of the policy. Only the newest version is kept: an older one stands for it."""
    if asked is None:
        if snapshot.default_policy is None:
            raise OverLimit("PRO-1007", "No default merge policy, and none was named")
        return {"id": snapshot.default_policy.id, "version": snapshot.default_policy.version}
    policy = snapshot.policies.get(asked.id)
    if policy is None:
        raise NotFound("PRO-1005", "The merge policy does not exist", at="mergePolicy.id")
    if asked.version is not None and not 0 <= asked.version <= policy.version:
        raise NotFound("PRO-1005", "The merge policy has no such version", at="mergePolicy.version")
    return {"id": policy.id, "version": policy.version}


def _check_fields(fields: str, at: str) -> None:
    if len(fields) > FIELDS_CHARS_MAX:
        raise _wrong(f"At most {FIELDS_CHARS_MAX} characters", at)
    selector(fields.split(","))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX


def _wrong(detail: str, at: str) -> Malformed:
    return Malformed("CTL-1008", detail, at=at)
