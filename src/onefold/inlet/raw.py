"""Raw data at the door: which flow it takes, and the envelope in which the journal keeps it.

The attributes are kept as they were sent; the pipeline maps them. So a record that failed because
of its mapping can be sent again once the mapping is mended. Source: ingestion contract, 4.1 and 5.
"""

from __future__ import annotations

import msgspec

from onefold.domain.message import Header, Messages
from onefold.domain.profile import partial
from onefold.domain.profile.partial import operations_of
from onefold.domain.xdm.validate import Violation
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.snapshot import Dataset, Flow, Inlet, Snapshot
from onefold.wire import decode_json, encode_json

CONTENT_TYPE = "application/vnd.adobe.xed-full+json;version=1.0"


def flow_of(inlet: Inlet, flow_id: str, snapshot: Snapshot) -> Flow | None:
    """The flow that raw data takes; None at an inlet of XDM, where a flow need not be named.

    Raises Conflict INL-1020 when the inlet or the flow is disabled, Malformed INL-1018 when raw
    data names no flow, NotFound INL-1019 when the inlet has no such flow.
    """
    if not inlet.enabled:
        raise Conflict("INL-1020", "The connection is disabled")
    flow = snapshot.flows.get(flow_id) if flow_id else None
    if inlet.data_type == "raw":
        if not flow_id:
            raise Malformed("INL-1018", "Raw data needs the id of a flow as x-adobe-flow-id")
        if flow is None or flow.inlet_id != inlet.id:
            raise NotFound("INL-1019", "The inlet has no flow with this id")
    if flow is not None:
        require_enabled(flow)
    return flow if inlet.data_type == "raw" else None


def require_enabled(flow: Flow) -> None:
    """Raises Conflict INL-1020."""
    if not flow.enabled:
        raise Conflict("INL-1020", "The flow is disabled")


def enveloped(
    messages: Messages, sent: bytes, flow: Flow, inlet: Inlet, snapshot: Snapshot
) -> bytes:
    """The message that the journal keeps of raw data.

    What a header says of organisation, dataset or schema must be what the flow says. Raises
    Malformed INL-1002 for another form, INL-1003, INL-1005, INL-1006.
    """
    header, attributes = messages.sent_raw(sent)
    messages.within_depth(sent)
    if header.ims_org_id not in (None, inlet.org_id):
        raise Malformed("INL-1003", "Message has an absent or wrong ims org in the header")
    dataset = snapshot.datasets.get(flow.dataset_id)
    if dataset is None:
        raise Malformed("INL-1005", "The flow's dataset does not exist any more")
    if header.dataset_id not in (None, dataset.id):
        raise Malformed("INL-1005", "Message has another dataset in the header than its flow")
    if header.schema_ref is not None and header.schema_ref.id != dataset.schema_id:
        raise Malformed("INL-1006", "Message has a schema in the header that is not its dataset's")
    said = {
        "createdAt": header.created_at,
        "source": header.source,
        "operations": header.operations,
    }
    return encode_json(
        {
            "header": {
                "schemaRef": {"id": dataset.schema_id, "contentType": CONTENT_TYPE},
                "imsOrgId": inlet.org_id,
                "datasetId": dataset.id,
                "flowId": flow.id,
                **{name: value for name, value in said.items() if value is not None},
            },
            "body": msgspec.Raw(attributes),
        }
    )


def is_partial(header: Header, dataset: Dataset) -> bool:
    """Whether a record changes or removes a fragment instead of replacing it, as far as the door
    can tell; the pipeline refuses operations that are none."""
    try:
        operations = operations_of(header.operations)
    except Malformed:
        return False
    return dataset.upserts if operations is None else operations.data != "create"


def violations(messages: Messages, kept: bytes, flow: Flow, snapshot: Snapshot) -> list[Violation]:
    """What synchronous validation says of an enveloped message: of what its mapping makes of it."""
    dataset = snapshot.datasets[flow.dataset_id]
    schema = snapshot.schemas.get(dataset.schema_id)
    if flow.mapping is None or schema is None:
        return [Violation("type", "The mapping does not fit the schema any more", "#", "#")]
    message = messages.raw(kept)
    whole = not is_partial(message.header, dataset)
    mapped = flow.mapping.applied(decode_json(message.body), nulls=not whole)
    if mapped.misfits:
        return [Violation("type", misfit.detail, f"#{misfit.at}", "#") for misfit in mapped.misfits]
    if dataset.validation_disabled:
        return []
    if whole:
        return schema.compiled.violations(mapped.entity)
    return partial.violations(schema.compiled, mapped.entity)
