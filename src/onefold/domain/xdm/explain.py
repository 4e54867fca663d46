"""Why an entity does not fit its schema: the violations, worded as the platform words them.

The platform's validator is a Java JSON-schema validator, and clients read its texts; so types have
Java names here. Source: ingestion contract, section 2.4.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from onefold.domain.xdm.paths import escaped
from onefold.domain.xdm.types import INTEGER_RANGE, INTEGERS, JSON, STRINGS, Field, XdmType
from onefold.domain.xdm.values import is_day, is_instant, limits

SHOWN_MAX = 256
"""Characters of a sender's text that a message repeats."""

_DATE_TIME_FORMS = ", ".join(
    f"yyyy-MM-dd'T'HH:mm:ss{fraction}{zone}"
    for zone in ("Z", "[+-]HH:mm")
    for fraction in ("", ".[0-9]{1,9}")
)


class Finding(NamedTuple):
    """What a violation consists of; `validate.Violation` says what each part means."""

    keyword: str
    message: str
    pointer: str
    schema_location: str


class Explainer:
    """Walks one entity beside its schema and collects violations until there are enough."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.found: list[Finding] = []

    def walk(self, field: Field, value: JSON, pointer: str, location: str) -> None:
        """Collect what is wrong at and below one place. Depth is the schema's, not the entity's."""
        if len(self.found) >= self._limit:
            return
        expected = java_type(field)
        if not _has_type(field, value):
            self._add(
                "type", f"expected type: {expected}, found: {found_type(value)}", pointer, location
            )
        elif field.xdm_type is XdmType.OBJECT:
            self._object(field, value, pointer, location)
        elif field.xdm_type is XdmType.ARRAY and field.items is not None:
            for index, item in enumerate(value):
                self.walk(field.items, item, f"{pointer}/{index}", f"{location}/items")
        elif field.xdm_type is XdmType.MAP and field.values is not None:
            for key, item in value.items():
                below = f"{location}/additionalProperties"
                self.walk(field.values, item, f"{pointer}/{escaped(key)}", below)
        else:
            fault = scalar_violation(field, value)
            if fault is not None:
                self._add(*fault, pointer, location)

    def _object(self, field: Field, value: dict[str, JSON], pointer: str, location: str) -> None:
        for name in field.required:
            if name not in value:
                self._add("required", f"required key [{name}] not found", pointer, location)
        known = field.properties
        for key in value:
            # A required key that nothing describes is wanted, so it is not extraneous.
            if field.closed and key not in known and key not in field.required:
                message = f"extraneous key [{_shown(key)}] is not permitted"
                self._add("additionalProperties", message, pointer, location)
        for key, item in value.items():
            if key in known:
                step = escaped(key)
                self.walk(known[key], item, f"{pointer}/{step}", f"{location}/properties/{step}")

    def _add(self, keyword: str, message: str, pointer: str, location: str) -> None:
        if len(self.found) < self._limit:
            self.found.append(Finding(keyword, message, pointer, location))


def scalar_violation(field: Field, value: JSON) -> tuple[str, str] | None:
    """Keyword and message for a scalar of the right type that breaks a limit; None if it breaks
    none."""
    limit = limits(field)
    if field.xdm_type in STRINGS:
        if limit.choices is not None and value not in limit.choices:
            return "enum", f"[{_shown(value)}] is not a valid enum value"
        return _text_violation(field, value)
    if field.xdm_type is XdmType.BOOLEAN:
        return None
    # The decoder reads a number as a double before it compares, so we do too.
    size = float(value) if field.xdm_type is XdmType.NUMBER else value
    if limit.low is not None and size < limit.low:
        return "minimum", f"{value} is not greater or equal to {limit.low}"
    if limit.high is not None and size > limit.high:
        return "maximum", f"{value} is not less or equal to {limit.high}"
    if limit.choices is not None and value not in limit.choices:
        return "enum", f"[{value}] is not a valid enum value"
    return None


def _text_violation(field: Field, text: str) -> tuple[str, str] | None:
    limit = limits(field)
    if limit.min_length is not None and len(text) < limit.min_length:
        return "minLength", f"expected minLength: {limit.min_length}, actual: {len(text)}"
    if limit.max_length is not None and len(text) > limit.max_length:
        return "maxLength", f"expected maxLength: {limit.max_length}, actual: {len(text)}"
    if field.xdm_type is XdmType.DATE and not is_day(text):
        return "format", f"[{_shown(text)}] is not a valid date. Expected [yyyy-MM-dd]"
    if field.xdm_type is XdmType.DATE_TIME and not is_instant(text):
        return "format", f"[{_shown(text)}] is not a valid date-time. Expected [{_DATE_TIME_FORMS}]"
    if limit.search is not None and re.search(limit.search, text) is None:
        return "pattern", f"string [{_shown(text)}] does not match pattern {limit.written_pattern}"
    return None


def java_type(field: Field) -> str:
    """The Java name of what a field expects."""
    if field.xdm_type in STRINGS:
        return "String"
    if field.xdm_type in INTEGERS:
        return "Long" if field.xdm_type is XdmType.LONG else "Integer"
    names = {XdmType.BOOLEAN: "Boolean", XdmType.NUMBER: "Double", XdmType.ARRAY: "JSONArray"}
    return names.get(field.xdm_type, "JSONObject")


def found_type(value: JSON) -> str:
    """The Java name of what an entity holds. Whole numbers are Long even when they are small, as in
    the published sample. Source: ingestion contract, 2.4.
    """
    if type(value) is int:
        low, high = INTEGER_RANGE[XdmType.LONG]
        return "Long" if low <= value <= high else "BigInteger"
    names = {str: "String", bool: "Boolean", float: "Double", dict: "JSONObject", list: "JSONArray"}
    return names.get(type(value), "Null")


def _has_type(field: Field, value: JSON) -> bool:
    xdm_type = field.xdm_type
    if xdm_type in STRINGS:
        return type(value) is str
    if xdm_type in INTEGERS:
        return type(value) is int
    if xdm_type is XdmType.NUMBER:
        return type(value) is float or (type(value) is int and _fits_double(value))
    if xdm_type is XdmType.BOOLEAN:
        return type(value) is bool
    return type(value) is (list if xdm_type is XdmType.ARRAY else dict)


def _fits_double(value: int) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"
