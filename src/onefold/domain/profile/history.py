"""History: the records that one dataset sent of one identity, and what stands after them.

A whole record stands for itself, a partial one changes what stood before, and a stamped one lays
values over it that each have a time of their own. So what stands follows from the records behind
the last whole one, and any record can be taken out as if it had never come, as long as what it
changed or replaced is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from onefold.domain.profile.fragment import STAMPS, effective_ms
from onefold.domain.profile.partial import merged_into
from onefold.domain.profile.stamped import effective_ms as stamped_ms
from onefold.domain.profile.stamped import stamped_into

Said = Literal["create", "merge", "stamp", "delete", "gone"]
"""What a row of a history is: a whole record, a partial one, a stamped one, the dataset's word that
there is nothing any more, or the place of older ones that are not kept."""

_CHANGING = frozenset(("merge", "stamp"))

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

NOTHING = b"null"
"""The body of a `gone` row after which nothing stood."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a history.

    body: what was sent, as JSON, nulls of partial records included. Of a `gone` row: what stood
    after the records in its place, NOTHING, or empty when that is not kept; its seq, times and tag
    are those of the last of them.
    """

    seq: int
    ingested_ms: int
    effective_ms: int
    tag: str
    operation: Said
    body: bytes


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What stands after a history: a whole record, or None for nothing. Not known: it rests on
    records that are not kept."""

    record: Record | None
    known: bool = True


def standing(history: Sequence[Record]) -> Standing:
    """Answer what stands after the records. history: all of one key, by seq.

    Cost: what stands behind the last whole record is merged, O(fields) each.
    """
    if not history:
        return Standing(None)
    start = _last_base(history)
    base = history[start] if start is not None else None
    behind = history[start + 1 if start is not None else 0 :]
    if base is not None and base.operation == "gone" and not base.body:
        return Standing(None, known=False)
    attributes = _attributes(base)
    if not behind:
        if base is None or attributes is None:
            return Standing(None)
        return Standing(msgspec.structs.replace(base, operation="create"))
    for record in behind:
        attributes = standing_after(attributes, record.operation, _decode(record.body))
    last = behind[-1]
    return Standing(
        Record(
            last.seq,
            last.ingested_ms,
            standing_ms(attributes or {}, last.ingested_ms),
            last.tag,
            "create",
            _encode(attributes),
        )
    )


def standing_after(
    stored: dict[str, Any] | None, operation: Said, sent: dict[str, Any]
) -> dict[str, Any]:
    """What a fragment says after a partial or stamped record. stored: None when there was none;
    stays as it is."""
    if operation == "stamp":
        return stamped_into(stored, sent)
    return merged_into(stored or {}, sent)


def standing_ms(attributes: dict[str, Any], ingested_ms: int) -> int:
    """The time that counts of a fragment, as it is stored, when fragments are compared; epoch ms.

    Of a stamped one it follows from its stamps, so the order in which calls came does not matter.
    """
    if STAMPS in attributes:
        return stamped_ms(attributes, ingested_ms)
    return effective_ms(attributes, ingested_ms)


def is_known_without(history: Sequence[Record], seq: int) -> bool:
    """Whether it is known what stands once the record `seq` is taken out. Bodies are not looked at,
    but for whether that of a `gone` row is empty."""
    if any(one.operation == "gone" and one.seq >= seq for one in history):
        return False
    left = [one for one in history if one.seq != seq]
    start = _last_base(left)
    return start is None or left[start].operation != "gone" or bool(left[start].body)


def shortened(history: Sequence[Record], number: int) -> Record:
    """The `gone` row that takes the place of the first `number` records. What stood after them is
    kept in it only where the record behind changes it; the others do not rest on it."""
    last = history[number - 1]
    body = b""
    if number < len(history) and history[number].operation in _CHANGING:
        stood = standing(history[:number])
        if stood.known:
            body = stood.record.body if stood.record is not None else NOTHING
    return Record(last.seq, last.ingested_ms, last.effective_ms, last.tag, "gone", body)


def _last_base(history: Sequence[Record]) -> int | None:
    for at in range(len(history) - 1, -1, -1):
        if history[at].operation not in _CHANGING:
            return at
    return None


def _attributes(base: Record | None) -> dict[str, Any] | None:
    if base is None or base.operation == "delete":
        return None
    attributes: dict[str, Any] | None = _decode(base.body)
    return attributes
