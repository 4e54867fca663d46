"""A sample record of a schema: every field that can have a value has one, and all of it fits.

For most fields a value follows from the limits. A text for a `pattern` is made by walking the
expression and taking the first thing that each part matches, in a few ways; what comes out is
checked like any record's value, so an expression that this cannot follow costs the field, not the
promise. Source: platform contract, section 6.3, `rpc/sampledata`.
"""

from __future__ import annotations

from collections.abc import Iterator

from onefold.domain.xdm.backtracking import Group, matched, parsed
from onefold.domain.xdm.explain import scalar_violation
from onefold.domain.xdm.paths import escaped
from onefold.domain.xdm.patterns import PATTERN_TEXT_MAX
from onefold.domain.xdm.types import INTEGERS, JSON, STRINGS, Field, XdmType
from onefold.domain.xdm.values import limits
from onefold.errors import Malformed

TEXT = "Sample value"
KEY = "sample"
_DAYS = ("2026-01-31",)
_INSTANTS = ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00+00:00")
_LIKED = "aA0bB1 -_."
_REPEATS = (0, 1, 2, 3, 8, 16, 64)
_TURNS = 3


def sample(root: Field) -> dict[str, JSON]:
    """A record that fits a schema.

    root: of a schema, primary identities already required (`validate.with_required`). Fields for
    which no value is found are left out, texts of more than PATTERN_TEXT_MAX characters among them.
    Raises Malformed REG-1008, `at` the field as a pointer without `properties`, when one of these
    is required. Cost: O(fields).
    """
    made: dict[str, JSON] = _value(root, "")
    return made


class _None(Exception):
    """There is no value for a field."""

    def __init__(self, at: str) -> None:
        super().__init__(at)
        self.at = at


def _value(field: Field, at: str) -> JSON:
    try:
        return _made(field, at)
    except _None as none:
        detail = "No value was found for a required field."
        raise Malformed("REG-1008", detail, at=none.at) from none


def _made(field: Field, at: str) -> JSON:
    if field.xdm_type is XdmType.OBJECT:
        return _object(field, at)
    if field.xdm_type is XdmType.ARRAY:
        return [TEXT] if field.items is None else _one(field.items, f"{at}/0")
    if field.xdm_type is XdmType.MAP:
        inner = [TEXT] if field.values is None else _one(field.values, f"{at}/{KEY}")
        return dict.fromkeys([KEY][: len(inner)], *inner)
    for candidate in _candidates(field):
        if scalar_violation(field, candidate) is None:
            return candidate
    raise _None(at)


def _one(field: Field, at: str) -> list[JSON]:
    """One value in a list, or none: arrays and maps may be empty."""
    try:
        return [_made(field, at)]
    except _None:
        return []


def _object(field: Field, at: str) -> JSON:
    made: dict[str, JSON] = {}
    for name, child in field.properties.items():
        try:
            made[name] = _made(child, f"{at}/{escaped(name)}")
        except _None:
            if name in field.required:
                raise
    return made | {name: TEXT for name in field.required if name not in field.properties}


def _candidates(field: Field) -> Iterator[JSON]:
    limit = limits(field)
    if field.enum:
        yield from field.enum
    elif field.xdm_type is XdmType.BOOLEAN:
        yield True
    elif field.xdm_type is XdmType.DATE:
        yield from _DAYS
    elif field.xdm_type is XdmType.DATE_TIME:
        yield from _INSTANTS
    elif field.xdm_type in STRINGS:
        yield from _texts(field)
    else:
        whole = field.xdm_type in INTEGERS
        for number in (1, limit.low, limit.high):
            if number is not None:
                yield number if whole else float(number)


def _texts(field: Field) -> Iterator[str]:
    limit = limits(field)
    least = min(limit.min_length or 0, PATTERN_TEXT_MAX)
    most = len(TEXT) if limit.max_length is None else limit.max_length
    yield TEXT[: max(most, least)].ljust(least, "e")
    if field.pattern is None:
        return
    tree = parsed(field.pattern)
    for repeats in (*_REPEATS, least):
        for turn in range(_TURNS):
            text = _text(tree, repeats, turn)
            yield text
            yield text.ljust(least, "a")
            yield text.rjust(least, "a")


def _text(group: Group, repeats: int, turn: int) -> str:
    """A text that a group matches, at best. repeats: how often beyond the least what may repeat
    does. turn: which alternatives are taken."""
    parts: list[str] = []
    length = 0
    for item in group.alternatives[turn % len(group.alternatives)]:
        if isinstance(item.what, Group):
            text = _text(item.what, repeats, turn)
        else:
            known = matched(item.what)
            text = next((char for char in _LIKED if char in known), min(known, default=""))
        times = min(item.least + repeats, item.most, PATTERN_TEXT_MAX - length)
        parts.append(text[:PATTERN_TEXT_MAX] * times)
        length += len(parts[-1])
        if length >= PATTERN_TEXT_MAX:
            break
    return "".join(parts)[:PATTERN_TEXT_MAX]
