"""A record that was accepted and could not be applied: failure as data, never as a lost record."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_STREAMING_FAULT = "Payload header is missing Source Name"
"""The one fault that is reported as one of streaming. Source: ingestion contract, 8."""


class State(StrEnum):
    """Whether somebody has seen to a failed record. Each leaves `open` once and never comes back.

    replayed: it was repeated; what failed again is a failed record of its own. resolved: its
    message was taken out, since it was dismissed or by a deletion, so it cannot be repeated.
    """

    OPEN = "open"
    REPLAYED = "replayed"
    RESOLVED = "resolved"


class Fault(msgspec.Struct, frozen=True):
    """Why one record cannot be applied. at: JSON pointer into its entity; errors: JSON array of all
    violations that were found."""

    step: str
    code: str
    detail: str
    at: str | None = None
    errors: bytes = b"[]"


class Repeat(msgspec.Struct, frozen=True):
    """The repeat of a failed record: its number in the journal, when it ended, and how (an
    Outcome)."""

    seq: int
    at_ms: int
    outcome: str


class FailedRecord(msgspec.Struct, frozen=True):
    """One failed record with all that is needed to judge it and to send it again.

    seq: its number in the journal. trace: the xactionId that the sender got. message: as sent;
    empty once it was taken out. batch: the id of the batch whose file it stood in. replays: the
    number of the failed record that it repeated in vain. repeat: of a replayed one. removal: it is
    an order to take out rows (removal.py), which a defect stopped; no sender sent it.
    """

    seq: int
    fault: Fault
    dataset: str
    inlet: str
    trace: str
    received_ms: int
    failed_ms: int
    message: bytes
    batch: str = ""
    replays: int = 0
    state: State = State.OPEN
    repeat: Repeat | None = None
    removal: bool = False


def as_export_line(record: FailedRecord) -> bytes:
    """The record as one line of a file of failed records: the message's own members, mostly
    `header` and `body`, and `_errors`. Without the line's end.

    A message that is no JSON object stands under `_corrupt_record`, as text; one that was taken
    out leaves `_errors` alone. Source: ingestion contract, 8.
    """
    return _encode({**_members(record.message), "_errors": _errors(record.fault)})


def _members(message: bytes) -> dict[str, Any]:
    if not message:
        return {}
    try:
        found = _decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    return {"_corrupt_record": message.decode("utf-8", "replace")}


def _errors(fault: Fault) -> dict[str, Any]:
    violations = _decode(fault.errors)
    if violations:
        found = [
            {
                "causingExceptions": [],
                "keyword": violation["keyword"],
                "message": violation["message"],
                "pointerToViolation": violation["pointer"],
                "schemaLocation": violation["schema_location"],
            }
            for violation in violations
        ]
        return {"_validationErrors": found}
    if fault.detail == _STREAMING_FAULT:
        return {"_streamingValidation": [{"message": fault.detail}]}
    error = {"code": fault.code, "message": fault.detail}
    if fault.at is not None:
        error["pointerToViolation"] = f"#{fault.at}"
    return {"_validationErrors": [error]}
