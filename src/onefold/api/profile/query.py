"""The parameters of profile access, from a query string or a body, checked once.

Source: profile contract, 3.1, 3.4, 3.5 and 3.6.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from onefold.domain.profile.business import NAMESPACES
from onefold.domain.profile.project import selector
from onefold.domain.profile.property_filter import parse
from onefold.errors import Malformed
from onefold.lookup.owner import Asked
from onefold.lookup.timeline import LIMIT_MAX, TimelineQuery
from onefold.store.tables.events import SortKey

PROFILE = "_xdm.context.profile"
EVENT = "_xdm.context.experienceevent"
SERVED = (PROFILE, EVENT, *NAMESPACES)
"""The classes that can be looked up."""
PROPERTIES_MAX = 3
PARAMETERS_MAX = 1000


class Parameters:
    """The decoded parameters of one GET: names in any case, the last one of a name wins."""

    def __init__(self, raw_query: str) -> None:
        self._values: dict[str, str] = {}
        self.properties: list[str] = []
        if raw_query.count("&") >= PARAMETERS_MAX:
            raise Malformed("PRO-1002", f"More than {PARAMETERS_MAX} parameters")
        for pair in raw_query.split("&"):
            name, _, value = pair.partition("=")
            folded = _decoded(name).lower()
            if folded == "property":
                self.properties.append(_decoded(value))
            else:
                self._values[folded] = _decoded(value)

    def get(self, name: str) -> str:
        """The value, empty when the parameter is absent."""
        return self._values.get(name.lower(), "")

    def needed(self, name: str) -> str:
        """The value. Raises Malformed PRO-1001 when it is absent or empty."""
        value = self.get(name)
        if not value:
            raise Malformed("PRO-1001", f"The parameter {name} is missing", at=name)
        return value

    @property
    def fields(self) -> list[str]:
        text = self.get("fields")
        return text.split(",") if text else []


def _decoded(text: str) -> str:
    """Percent-decoded once; a raw `+` is a space. Most names and values have neither."""
    return unquote_plus(text) if "%" in text or "+" in text else text


def schema_name(value: str) -> str:
    """The class that is asked for. Raises Malformed PRO-1002 for one that is not served."""
    name = _folded(value)
    if name not in SERVED:
        raise Malformed(
            "PRO-1002", "schema.name is not a class that can be looked up", at="schema.name"
        )
    return name


def check_related_schema(value: str) -> None:
    """Whose events are asked for: only people have any, and they are meant when nothing is said.

    Raises Malformed PRO-1002.
    """
    if value and _folded(value) != PROFILE:
        raise Malformed(
            "PRO-1002", f"relatedSchema.name must be {PROFILE}", at="relatedSchema.name"
        )


def _folded(name: str) -> str:
    """In lower case; a published client sends names without their underscore."""
    folded = name.lower()
    return folded if folded.startswith("_") else f"_{folded}"


def check_truth(value: Any, name: str) -> None:
    """Whether a switch is well-formed: a boolean, or the text of one, or absent. There are no
    computed attributes, so `withCA` has no more to say. Raises Malformed PRO-1002."""
    said = value.lower() if isinstance(value, str) else value
    if not (said is None or isinstance(said, bool) or said in ("", "true", "false")):
        raise Malformed("PRO-1002", f"{name} must be true or false", at=name)


def asked(entity_id: str, namespace: str, *, at: str) -> Asked:
    """The identity that is asked for."""
    if not entity_id:
        raise Malformed("PRO-1001", f"The parameter {at} is missing", at=at)
    return Asked(entity_id, namespace or None)


def owner_asked(
    entity_id: str, namespace: str, related_id: str, related_namespace: str, *, at: str
) -> Asked:
    """Whose events are asked for: those of `relatedEntityId`, or of `entityId` when there is none.

    Its namespace may be named by `entityIdNS` too, but not when `entityId` is there and has that
    one for itself: then `relatedEntityId` is an XID. A published client sends both.
    """
    if not related_id:
        return asked(entity_id, related_namespace or namespace, at=at)
    return asked(related_id, related_namespace or ("" if entity_id else namespace), at=at)


def timeline_query(
    *,
    start_time: Any,
    end_time: Any,
    limit: Any,
    order: str,
    properties: Sequence[str],
    fields: Sequence[str],
    start: str,
    offsets: str = "",
) -> TimelineQuery:
    """The part of a timeline that is asked for. Raises Malformed PRO-1002."""
    if len(properties) > PROPERTIES_MAX:
        raise Malformed("PRO-1002", f"At most {PROPERTIES_MAX} property filters", at="property")
    count = _whole(limit, "limit")
    if count is not None and count < 1:
        raise Malformed("PRO-1002", "limit must be at least 1", at="limit")
    return TimelineQuery(
        start_ms=_whole(start_time, "startTime"),
        end_ms=_whole(end_time, "endTime"),
        limit=LIMIT_MAX if count is None else min(count, LIMIT_MAX),
        descending=_descending(order),
        start=start or None,
        at=sort_key(offsets) if offsets else None,
        properties=tuple(parse(text) for text in properties),
        selector=selector(fields),
    )


def page_token(key: SortKey) -> str:
    """The opaque form of a sort key, as `offsets` carries it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def sort_key(token: str) -> SortKey:
    """The sort key that `offsets` carries. Raises Malformed PRO-1002."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=tuple[int, str, str])
    except (ValueError, msgspec.MsgspecError) as bad:
        raise Malformed("PRO-1002", "offsets is not a page token", at="offsets") from bad


def _descending(order: str) -> bool:
    # A raw `+` in a query string decodes to a space; here it was surely meant as a plus.
    name = order.replace(" ", "+", 1) if order.startswith(" ") else order
    if name in ("", "timestamp", "+timestamp"):
        return False
    if name == "-timestamp":
        return True
    raise Malformed("PRO-1002", "orderby must be timestamp, +timestamp or -timestamp", at="orderby")


def _whole(value: Any, name: str) -> int | None:
    if value is None or value == "":
        return None
    text = str(value)
    digits = text.removeprefix("-")
    if isinstance(value, bool) or not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise Malformed("PRO-1002", f"{name} must be a whole number", at=name)
    return int(text)
