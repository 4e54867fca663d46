"""Count: what a batch adds to the counters of observability.

They are written in the batch's own transaction, so a replay counts nothing twice. Source: platform
contract, section 10.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from onefold.domain import categories
from onefold.domain.failed_record import Fault
from onefold.journal import Accepted
from onefold.pipeline.work import Work
from onefold.store.snapshot import Flow
from onefold.store.tables.counters import BYTES, FLOW, Key
from onefold.store.tables.outcomes import Outcome
from onefold.wire import decode_json


def counted(work: Work, numbered: Sequence[tuple[int, Accepted]]) -> Counter[Key]:
    """What the records of one batch count for; removals are no records and count for nothing.

    By dataset: bytes, how records ended (also apart for datasets that feed profiles and graph),
    and how many named an identity of a namespace, linked or alone. By inlet: valid, invalid, and
    the categories of what is not valid. By flow: bytes, and how records ended.
    """
    found = Counter(work.counted)
    removals = {seq: one.dataset for seq, one in numbered if one.removal}
    failed = {record.seq for record in work.failed}
    records = [one for _, one in numbered if not one.removal]
    sizes = dict.fromkeys({one.dataset for one in records}, 0)
    for one in records:
        sizes[one.dataset] += len(one.message)
    came = Counter([one.inlet for one in records])
    came.pop("", None)  # records of files
    ends = Counter(work.outcomes)
    for seq, dataset in removals.items():
        ends[dataset, Outcome.FAILED if seq in failed else Outcome.APPLIED] -= 1
    for dataset, size in sizes.items():
        found["bytes", dataset, ""] += size
    _count_ends(found, work, ends)
    for record in work.failed:
        if record.seq in removals:
            continue
        if record.inlet:
            found["invalid", record.inlet, ""] += 1
            for category in _categories(record.fault):
                found["category", record.inlet, category] += 1
            came[record.inlet] -= 1
    for inlet, valid in came.items():
        found["valid", inlet, ""] += valid
    _count_identities(found, work)
    if work.snapshot.flows:
        _count_flows(found, work, [one for one in numbered if one[1].inlet and not one[1].removal])
    return found


def _count_ends(found: Counter[Key], work: Work, ends: Counter[tuple[str, Outcome]]) -> None:
    for (dataset, outcome), records in ends.items():
        found[outcome.value, dataset, ""] += records
        known = work.snapshot.datasets.get(dataset)
        if known is not None and known.profile_enabled:
            found[f"profile.{outcome.value}", dataset, ""] += records
        if known is not None and known.identity_enabled:
            found[f"identity.{outcome.value}", dataset, ""] += records


def _count_identities(found: Counter[Key], work: Work) -> None:
    named = Counter(
        [
            (
                record.dataset,
                record.sighting is not None and len(record.sighting.xids) > 1,
                identity.namespace_id,
            )
            for record in work.records
            for _, identity in record.identities
        ]
    )
    for (dataset, is_linked, namespace_id), records in named.items():
        found["linked" if is_linked else "alone", dataset, str(namespace_id)] += records


_DETAILS = (*[outcome.value for outcome in Outcome], BYTES)
_APPLIED, _DUPLICATE, _SUPPRESSED, _FAILED, _BYTES = range(len(_DETAILS))


class _Header(msgspec.Struct, rename="camel"):
    flow_id: str | None = None


class _Message(msgspec.Struct):
    header: _Header


_message = msgspec.json.Decoder(_Message).decode


def _count_flows(found: Counter[Key], work: Work, streamed: Sequence[tuple[int, Accepted]]) -> None:
    """Count the records that a flow took; those that came in beside all flows are in no count."""
    joining: dict[tuple[str, str], list[Flow]] = {}
    for flow in work.snapshot.flows.values():
        if flow.enabled:
            joining.setdefault((flow.inlet_id, flow.dataset_id), []).append(flow)
    raw = {inlet.id for inlet in work.snapshot.inlets.values() if inlet.data_type == "raw"}
    failed = [record.seq for record in work.failed]
    ends = dict.fromkeys([record.seq for record in work.records], _APPLIED)
    ends |= dict.fromkeys(work.suppressed, _SUPPRESSED)
    ends |= dict.fromkeys(failed, _FAILED)
    taken = {flow_id: [0] * len(_DETAILS) for flow_id in work.snapshot.flows}
    for seq, one in streamed:
        if one.inlet in raw:
            flow_id = _named(one)
            if flow_id not in taken:
                continue  # it is gone
        else:
            flows = joining.get((one.inlet, one.dataset))
            if flows is None:
                continue
            flow_id = flows[0].id if len(flows) == 1 else _chosen(one, flows)
        counts = taken[flow_id]
        counts[ends.get(seq, _DUPLICATE)] += 1
        counts[_BYTES] += len(one.message)
    for flow_id, counts in taken.items():
        if not counts[_BYTES]:
            continue
        for detail, value in zip(_DETAILS, counts, strict=True):
            found[FLOW, flow_id, detail] += value


def _chosen(one: Accepted, flows: Sequence[Flow]) -> str:
    """Which of several flows from its inlet to its dataset a record of XDM took: the one that its
    header names, else the oldest."""
    named = _named(one)
    return named if any(flow.id == named for flow in flows) else flows[0].id


def _named(one: Accepted) -> str:
    """The flow that a message names. The door writes it into every message of raw data."""
    try:
        return _message(one.message).header.flow_id or ""
    except msgspec.MsgspecError:
        return ""  # its message was taken out


def _categories(fault: Fault) -> set[str]:
    if fault.code != "REC-1001":
        return {categories.of_code(fault.code)}
    return categories.of_violations(one["keyword"] for one in decode_json(fault.errors))
