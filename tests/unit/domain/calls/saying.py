"""Calls for tests: messages as their senders write them."""

from __future__ import annotations

from typing import Any

import msgspec

from onefold.domain.calls.call import Call, Door, Understood, understood
from onefold.domain.calls.message import NOTHING
from onefold.wire import encode_json

RECEIVED_MS = 1_700_000_000_000
RECEIVED = "2023-11-14T22:13:20.000Z"
KIM = {"userId": "u-1"}


def call(
    message: Any,
    *,
    door: Door = "write",
    kind: str = "",
    sent_at: Any = None,
    context: Any = None,
    integrations: Any = None,
    ip: str = "",
) -> Call:
    """A call with this message; bytes are taken as they are."""
    raw = message if isinstance(message, bytes) else encode_json(message)
    return Call(
        door,
        "ACME",
        "e-1",
        msgspec.Raw(raw),
        call=kind,
        sent_at=sent_at,
        context=NOTHING if context is None else msgspec.Raw(encode_json(context)),
        ip=ip,
        integrations=NOTHING if integrations is None else msgspec.Raw(encode_json(integrations)),
    )


def said(message: Any, protected: frozenset[str] = frozenset(), **around: Any) -> Understood:
    """What such a call says, received at RECEIVED_MS."""
    return understood(call(message, **around), RECEIVED_MS, protected)
