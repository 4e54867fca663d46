"""JSON encoders and decoders, made once per type, and the wire's forms of time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

JSON = Any  # what json gives: dict[str, JSON] | list[JSON] | str | int | float | bool | None

encode_json = msgspec.json.Encoder().encode
decode_json = msgspec.json.Decoder().decode


def iso_millis(epoch_ms: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    return f"{iso_seconds(epoch_ms)[:-1]}.{epoch_ms % 1000:03d}Z"


def iso_seconds(epoch_ms: int) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`, whole seconds, truncated. Source: profile contract, 1.2."""
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).isoformat()[:19] + "Z"
