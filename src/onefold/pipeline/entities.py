"""Entities: from a message as it was accepted to the XDM entity that it brings, mapping included,
or to the reason why it brings none.

Calls are read by calls.py. Source: ingestion contract, 2.5, 4.1 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from onefold.domain.calls.call import INLET as CALLS
from onefold.domain.failed_record import Fault
from onefold.domain.message import Header, Message, Messages
from onefold.domain.profile import partial
from onefold.domain.profile.partial import Operation, Operations, operations_of
from onefold.domain.xdm.validate import Violation
from onefold.errors import Malformed, Rejected
from onefold.journal import Accepted
from onefold.pipeline.calls import CallMark, Calls
from onefold.store.snapshot import Dataset, Schema, Snapshot
from onefold.wire import JSON, decode_json, encode_json

STEP = "normalize"


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """One entity that fits its schema, and where it belongs.

    operation: whether it replaces, changes or removes what the dataset says. asked: what the header
    asked for, None when it asked for nothing. call: of which call it is, if of one.
    """

    dataset: Dataset
    schema: Schema
    entity: dict[str, JSON]
    operation: Operation = "create"
    asked: Operations | None = None
    call: CallMark | None = None


class Entities:
    """Reads accepted messages. Keeps decoders: make one and use it for many.

    judged: the records were found to fit their schemas before, so nobody looks again.
    """

    def __init__(self, *, judged: bool = False) -> None:
        self._messages = Messages()
        self._calls = Calls(judged=judged)
        self._judged = judged

    def entity_of(self, accepted: Accepted, snapshot: Snapshot) -> Arrived | Fault:
        """The entity of an accepted record, by one generation's definitions.

        Of partial records (operation `merge`) nulls are kept: they say that a field goes. Raises
        Rejected for what a step above would call a fault: `fault_of` makes one of it.
        """
        if accepted.inlet == CALLS:
            return self._of_call(accepted, snapshot)
        inlet = snapshot.inlets.get(accepted.inlet)
        if inlet is not None and inlet.data_type == "raw":
            return self._of_raw(accepted, snapshot)
        try:
            message = self._messages.message(accepted.message)
        except Malformed:
            if inlet is None and accepted.inlet:  # its connection is gone: was it of raw data?
                return self._of_raw(accepted, snapshot)
            raise
        dataset = snapshot.datasets.get(accepted.dataset)
        schema = snapshot.schemas.get(dataset.schema_id) if dataset else None
        if dataset is None or schema is None:
            return Fault(STEP, "REC-1007", "The dataset or its schema does not exist any more")
        return _of_xdm(message, dataset, schema, judged=self._judged)

    def _of_call(self, accepted: Accepted, snapshot: Snapshot) -> Arrived | Fault:
        dataset = snapshot.datasets.get(accepted.dataset)
        schema = snapshot.schemas.get(dataset.schema_id) if dataset else None
        if dataset is not None and schema is not None and snapshot.account is not None:
            brought = self._calls.brought(accepted, snapshot.account)
            if brought is not None:
                return Arrived(
                    dataset, schema, brought.entity, brought.operation, call=brought.mark
                )
        return Fault(STEP, "REC-1007", "The dataset or its schema does not exist any more")

    def _of_raw(self, accepted: Accepted, snapshot: Snapshot) -> Arrived | Fault:
        message = self._messages.raw(accepted.message)
        flow = snapshot.flows.get(message.flow_id)
        if flow is None or flow.dataset_id != accepted.dataset:
            return Fault(STEP, "REC-1011", "The record's flow does not exist any more")
        dataset = snapshot.datasets.get(accepted.dataset)
        schema = snapshot.schemas.get(dataset.schema_id) if dataset else None
        if dataset is None or schema is None:
            return Fault(STEP, "REC-1007", "The dataset or its schema does not exist any more")
        if flow.mapping is None:
            return Fault(STEP, "REC-1011", "The mapping does not fit the schema any more")
        operation, asked = _operation(message.header, dataset)
        mapped = flow.mapping.applied(decode_json(message.body), nulls=operation != "create")
        if mapped.misfits:
            first = mapped.misfits[0]
            errors = encode_json([msgspec.to_builtins(misfit) for misfit in mapped.misfits])
            return Fault(STEP, "REC-1012", first.detail, first.at, errors)
        if not (dataset.validation_disabled or self._judged):
            if operation != "create":
                violations = partial.violations(schema.compiled, mapped.entity)
            else:
                violations = schema.compiled.violations(mapped.entity)
            if violations:
                return _invalid(violations)
        return Arrived(dataset, schema, mapped.entity, operation, asked)


def fault_of(rejected: Rejected) -> Fault:
    """A rejection as a record's fault."""
    return Fault(STEP, rejected.code, rejected.detail, rejected.at)


def _of_xdm(message: Message, dataset: Dataset, schema: Schema, *, judged: bool) -> Arrived | Fault:
    """The decoded entity if it fits its schema. Hot: most records come this way."""
    if message.fault is not None:
        return Fault(STEP, "REC-1008", message.fault)
    raw = message.entity
    assert raw is not None  # its absence is a fault
    entity = decode_json(raw)
    if not isinstance(entity, dict):
        return Fault(STEP, "REC-1001", "The entity is not an object", "")
    judged = judged or dataset.validation_disabled
    if message.header.operations is not msgspec.UNSET or dataset.upserts:
        operation, asked = _operation(message.header, dataset)
        if operation != "create":
            violations = [] if judged else partial.violations(schema.compiled, entity)
            if violations:
                return _invalid(violations)
            return Arrived(dataset, schema, entity, operation, asked)
    else:
        asked = None
    if not judged and not schema.compiled.accepts(raw):
        return _invalid(schema.compiled.violations(entity))
    return Arrived(dataset, schema, entity, "create", asked)


def _operation(header: Header, dataset: Dataset) -> tuple[Operation, Operations | None]:
    """What the header asks for; else what the dataset's tag says. Raises Malformed REC-1010."""
    asked = operations_of(header.operations)
    if asked is not None:
        return asked.data, asked
    return ("merge" if dataset.upserts else "create"), None


def _invalid(violations: Sequence[Violation]) -> Fault:
    first = violations[0]
    return Fault(
        STEP,
        "REC-1001",
        first.message,
        first.pointer.removeprefix("#"),
        encode_json([msgspec.to_builtins(violation) for violation in violations]),
    )
