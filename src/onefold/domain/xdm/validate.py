"""Whether an entity fits a schema, and if not, why.

Two ways to one answer: `accepts` decodes the bytes into types made from the schema (a few
microseconds), `violations` walks the decoded entity and explains. The law that binds them is
tested: an entity is accepted exactly when it has no violations.

What counts: types, required and unknown keys, choices, bounds, lengths, patterns, and the forms of
date and date-time. JSON null is a violation wherever the schema describes a field. Integers are
written without fraction and exponent; numbers may be written as integers. Formats other than date
and date-time (uri, email, ipv4) are not checked. Source: ingestion contract, sections 2.4 and 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from onefold.domain.xdm.decoder import decoder
from onefold.domain.xdm.explain import Explainer
from onefold.domain.xdm.paths import Path, pointer
from onefold.domain.xdm.types import JSON, Field, XdmType, descendants
from onefold.errors import Malformed

VIOLATIONS_MAX = 5
"""Violations that are reported per message. Source: ingestion contract, section 2.4."""


class Violation(msgspec.Struct, frozen=True):
    """One reason why an entity does not fit.

    keyword: of JSON schema, such as `required`. pointer: JSON pointer into the entity, `#` first.
    schema_location: JSON pointer into the resolved schema, `#` first.
    """

    keyword: str
    message: str
    pointer: str
    schema_location: str


class CompiledSchema:
    """One schema version, ready to judge entities. Immutable and safe to share between threads."""

    def __init__(self, root: Field) -> None:
        self.root = root
        self._typed = decoder(root)
        # Struct decoding skips what an open object does not name, without looking whether it could
        # be decoded at all; so the bytes of such schemas are decoded a second time.
        self._has_open_object = any(
            field.xdm_type is XdmType.OBJECT and not field.closed for field in descendants(root)
        )
        self._any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

    def accepts(self, raw: bytes) -> bool:
        """Whether the bytes are one JSON entity without violations. Never raises.

        False also for what is not well-formed JSON, or nested too deep to decode. Of a key that is
        written twice the later value counts, as everywhere.
        """
        try:
            self._typed.decode(raw)
            if self._has_open_object:
                self._any.decode(raw)
        except msgspec.ValidationError:
            # Rare and about to be explained anyway; and the typed decoder also looks at the earlier
            # value of a key that is written twice, which does not count.
            return self._fits(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return True

    def _fits(self, raw: bytes) -> bool:
        try:
            return not self.violations(self._any.decode(raw), limit=1)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False

    def violations(self, entity: JSON, *, limit: int = VIOLATIONS_MAX) -> list[Violation]:
        """Why a decoded entity does not fit, the first `limit` reasons; empty if it fits.

        Order: missing keys, then unknown keys, then what is wrong below, in the entity's own order.
        """
        explainer = Explainer(limit)
        explainer.walk(self.root, entity, "#", "#")
        return [Violation(*finding) for finding in explainer.found]


def compiled(root: Field, *, required_paths: Sequence[Path] = ()) -> CompiledSchema:
    """Make a resolved schema ready to judge entities, once per schema version.

    required_paths: of primary identity descriptors; every step of each becomes required.
    Raises Malformed XDM-1006 if a path leads through anything but objects of the schema.
    Cost: milliseconds. Source: ingestion contract, section 2.5.
    """
    for path in required_paths:
        root = with_required(root, path)
    return CompiledSchema(root)


def with_required(root: Field, path: Path) -> Field:
    """The schema with every step of a path required. Raises Malformed XDM-1006 as `compiled`."""
    if not path:
        return root
    name, *rest = path
    child = root.properties.get(name)
    if child is None:
        raise Malformed(
            "XDM-1006", "A required path leads through fields of the schema.", at=pointer(path)
        )
    properties = {**root.properties, name: with_required(child, tuple(rest))}
    required = tuple(sorted({*root.required, name}))
    return replace(root, properties=properties, required=required)
