"""The streaming message: an envelope with a header and a body, and the checks of its form.

Source: ingestion contract, 2.2.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from onefold.errors import Malformed, OverLimit

DEPTH_MAX = 100
"""Levels of nesting in a message; XDM itself stays far below."""

MESSAGES_MAX = 5_000
"""Messages of one batch. A body of 1 MB holds some 2,500 well-formed ones; without a limit it could
hold half a million fragments, each of which would be refused on its own."""

_CONTENT_TYPE = re.compile(
    r"application/vnd\.adobe\.x(?:ed|dm)(?:-full)?(?:-notext)?\+json\s*;\s*(?:version=)?1(?:\.\d+)?\s*"
)


class SchemaRef(msgspec.Struct, frozen=True, rename="camel"):
    """Which schema the entity claims to follow."""

    id: str
    content_type: str


class Header(msgspec.Struct, frozen=True, rename="camel"):
    """What routes the message. `source` and `operations` are checked later than the envelope."""

    schema_ref: SchemaRef
    dataset_id: str
    ims_org_id: str | None = None
    flow_id: str | None = None
    created_at: str | int | None = None
    source: Any = UNSET
    operations: Any = UNSET


class XdmMeta(msgspec.Struct, frozen=True, rename="camel"):
    """The body's own claim of a schema; must be the header's."""

    schema_ref: SchemaRef


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """The entity, still as bytes; its absence is found at validation, not at the door."""

    xdm_meta: XdmMeta
    xdm_entity: msgspec.Raw | UnsetType = UNSET


class Message(msgspec.Struct, frozen=True):
    """One message whose envelope has the right form."""

    header: Header
    body: Body

    @property
    def entity(self) -> bytes | None:
        """The entity's JSON, None when the body has none."""
        raw = self.body.xdm_entity
        return None if isinstance(raw, UnsetType) else bytes(raw)

    @property
    def fault(self) -> str | None:
        """What validation says of the envelope itself; None when it is complete."""
        source = self.header.source
        if source is not UNSET and not (
            isinstance(source, dict) and isinstance(source.get("name"), str)
        ):
            return "Payload header is missing Source Name"
        if self.body.xdm_entity is UNSET:
            return "Payload body is missing xdmEntity"
        return None


class RawHeader(msgspec.Struct, frozen=True, rename="camel"):
    """What a sender of raw data may say; the flow knows the rest."""

    schema_ref: SchemaRef | None = None
    dataset_id: str | None = None
    ims_org_id: str | None = None
    created_at: str | int | None = None
    source: Any = None
    operations: Any = None


class RawMessage(msgspec.Struct, frozen=True, rename="camel"):
    """Raw data as the journal keeps it: a header that says where it goes, and the attributes as
    they were sent, which a mapping makes XDM of."""

    header: Header
    body: msgspec.Raw

    @property
    def flow_id(self) -> str:
        return self.header.flow_id or ""


class Messages:
    """Decoders of messages, made once."""

    def __init__(self) -> None:
        self._message = msgspec.json.Decoder(Message)
        self._raw = msgspec.json.Decoder(RawMessage)
        self._sent_raw = msgspec.json.Decoder(_SentRaw)
        self._envelope = msgspec.json.Decoder(_Batch)
        self._generic = msgspec.json.Decoder()

    def checked(self, body: bytes) -> None:
        """Raise Malformed INL-1001 unless the body is one well-formed JSON document.

        Everything a decoder may stumble over later is found here: bad UTF-8, lone surrogates, NaN,
        numbers beyond a double, endless nesting.
        """
        try:
            self._generic.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as bad:
            raise Malformed(
                "INL-1001", f"The body is not well-formed JSON: {_reason(bad)}"
            ) from bad

    def split(self, body: bytes) -> list[bytes]:
        """The messages of a batch body, undecoded.

        Raises Malformed INL-1001, OverLimit INL-1009 above MESSAGES_MAX.
        """
        try:
            messages = self._envelope.decode(body).messages
        except msgspec.MsgspecError as bad:
            raise Malformed("INL-1001", "The body needs a list `messages`") from bad
        if not messages:
            raise Malformed("INL-1001", "`messages` is empty")
        if len(messages) > MESSAGES_MAX:
            raise OverLimit("INL-1009", f"A batch has at most {MESSAGES_MAX} messages")
        return [bytes(message) for message in messages]

    def message(self, raw: bytes) -> Message:
        """One message. Raises Malformed INL-1002 when its envelope is not of the known form."""
        try:
            message = self._message.decode(raw)
        except (msgspec.MsgspecError, RecursionError) as bad:
            raise Malformed("INL-1002", "Message has unknown xdm format") from bad
        reference = message.header.schema_ref
        if message.body.xdm_meta.schema_ref.id != reference.id or not _CONTENT_TYPE.fullmatch(
            reference.content_type
        ):
            raise Malformed("INL-1002", "Message has unknown xdm format")
        return message

    def raw(self, kept: bytes) -> RawMessage:
        """A message of raw data from the journal. Raises Malformed INL-1002."""
        try:
            return self._raw.decode(kept)
        except (msgspec.MsgspecError, RecursionError) as bad:
            raise Malformed("INL-1002", "Message has no known form of raw data") from bad

    def sent_raw(self, body: bytes) -> tuple[RawHeader, bytes]:
        """Header and attributes of raw data as it was sent: an object of attributes, or an envelope
        of nothing but the objects `header` and `body`. Raises Malformed INL-1002."""
        try:
            sent = self._generic.decode(body)
            if not isinstance(sent, dict):
                raise Malformed("INL-1002", "Raw data is a JSON object")
            parts = [sent.get("header"), sent.get("body")]
            if len(sent) != 2 or not all(isinstance(part, dict) for part in parts):
                return RawHeader(), body
            envelope = self._sent_raw.decode(body)
        except (msgspec.MsgspecError, RecursionError) as bad:
            raise Malformed("INL-1002", "Message has an unusable header") from bad
        return envelope.header, bytes(envelope.body)

    def within_depth(self, raw: bytes) -> None:
        """Raise Malformed INL-1002 for a message that is nested too deeply."""
        if raw.count(b"{") + raw.count(b"[") > DEPTH_MAX and self._depth(raw) > DEPTH_MAX:
            raise Malformed("INL-1002", f"Message is nested deeper than {DEPTH_MAX} levels")

    def _depth(self, raw: bytes) -> int:
        depth, level = 0, [self._generic.decode(raw)]
        while level:
            depth += 1
            deeper: list[Any] = []
            for value in level:
                if isinstance(value, dict):
                    deeper.extend(v for v in value.values() if isinstance(v, dict | list))
                elif isinstance(value, list):
                    deeper.extend(v for v in value if isinstance(v, dict | list))
            level = deeper
        return depth


class _SentRaw(msgspec.Struct, frozen=True):
    header: RawHeader
    body: msgspec.Raw


class _Batch(msgspec.Struct, frozen=True):
    messages: list[msgspec.Raw]


def _reason(bad: Exception) -> str:
    if isinstance(bad, RecursionError):
        return "nested too deeply"
    if isinstance(bad, UnicodeDecodeError):
        return "not UTF-8"
    return str(bad)
