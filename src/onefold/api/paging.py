"""Lists of documents: filters on properties, ordering, limits. Two APIs speak this dialect.

Source: platform contract, sections 6.3 and 7.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from onefold.api.declared import TEXT, array, query
from onefold.domain.xdm import patterns
from onefold.errors import Malformed
from onefold.wire import JSON

FILTERS_MAX = 50
PROPERTY = query(
    "property",
    "`NAME==VALUE`, or with `!=`, `<`, `>`, `<=`, `>=`, `~` (a regular expression), or a bare name"
    " that has to be there. May be sent several times; all count.",
    array(TEXT),
)
_FILTER = re.compile(r"([^=!<>~]+)(==|!=|<=|>=|<|>|~)(.*)", re.DOTALL)
_NEXT = re.compile(r",(?=[@A-Za-z_][^,=!<>~]*(?:==|!=|<=|>=|<|>|~))")
_COMPARE: dict[str, Callable[[JSON, JSON], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Filter(NamedTuple):
    """One condition. op: empty asks whether the property is there. pattern: of `~` only."""

    name: str
    op: str = ""
    value: str = ""
    pattern: re.Pattern[str] | None = None

    def matches(self, document: JSON) -> bool:
        """Whether a document fulfils it; of a list, whether any of its elements does."""
        found = value_at(document, self.name)
        if not self.op:
            return found is not None
        values = found if isinstance(found, list) else [] if found is None else [found]
        if self.op == "!=":
            return all(_text(value) != self.value for value in values)
        return any(self._holds(value) for value in values)

    def _holds(self, value: JSON) -> bool:
        text = _text(value)
        if self.op == "==":
            return text == self.value
        if self.pattern is not None:
            return self.pattern.search(text[: patterns.PATTERN_TEXT_MAX]) is not None
        if type(value) in (int, float):
            number = _number(self.value)
            return number is not None and _COMPARE[self.op](value, number)
        return _COMPARE[self.op](text, self.value)


def filters(texts: Iterable[str]) -> list[Filter]:
    """Read `name op value` and bare names; several may stand in one text, with commas between.

    Raises Malformed CTL-1008 for anything else, FILTERS_MAX or a pattern that cannot be used.
    """
    found = [_filter(part) for text in texts if text for part in _NEXT.split(text)]
    if len(found) > FILTERS_MAX:
        raise Malformed("CTL-1008", f"At most {FILTERS_MAX} filters", at="property")
    return found


def _filter(text: str) -> Filter:
    split = _FILTER.fullmatch(text)
    if split is None:
        if re.search(r"[=!<>~]", text):
            raise Malformed("CTL-1008", "property is name, operator, value", at="property")
        return Filter(text.strip())
    name, op, value = split.groups()
    if op != "~":
        return Filter(name.strip(), op, value)
    try:
        return Filter(name.strip(), op, value, patterns.compiled(value, "property"))
    except Malformed as bad:
        raise Malformed("CTL-1008", bad.detail, at="property") from bad


def value_at(document: JSON, name: str) -> JSON:
    """The property of a name, which may hold dots, or the one at a dot path; None if absent."""
    if not isinstance(document, dict):
        return None
    if name in document:
        return document[name]
    first, dot, rest = name.partition(".")
    return value_at(document.get(first), rest) if dot else None


def ordered(documents: Iterable[JSON], by: Sequence[tuple[str, bool]]) -> list[JSON]:
    """The documents in the order of (name, descending) pairs, the first one first.

    Equal ones keep their order; those without the property come last.
    """
    found = list(documents)
    for name, descending in reversed(by):
        having = [d for d in found if value_at(d, name) is not None]
        lacking = [d for d in found if value_at(d, name) is None]
        found = sorted(having, key=lambda d: _key(value_at(d, name)), reverse=descending)
        found += lacking
    return found


def whole(
    text: str, name: str, default: int, *, least: int, most: int, code: str = "CTL-1008"
) -> int:
    """A whole number of a query. Raises Malformed `code` for another text or out of range."""
    if not text:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 15 and least <= int(text) <= most:
        return int(text)
    raise Malformed(code, f"{name} is a whole number from {least} to {most}", at=name)


def _key(value: JSON) -> tuple[bool, float, str]:
    if type(value) in (int, float):
        return False, value, ""
    return True, 0, _text(value)


def _text(value: JSON) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
