"""A record that was accepted and could not be applied: failure as data, never as a lost record."""

from __future__ import annotations

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """Why one record cannot be applied. at: JSON pointer into its entity; errors: JSON array of all
    violations that were found."""

    step: str
    code: str
    detail: str
    at: str | None = None
    errors: bytes = b"[]"


class FailedRecord(msgspec.Struct, frozen=True):
    """One failed record with all that is needed to judge it and to send it again.

    seq: its number in the journal. trace: the xactionId that the sender got. message: as sent.
    """

    seq: int
    fault: Fault
    dataset: str
    inlet: str
    trace: str
    received_ms: int
    failed_ms: int
    message: bytes
