"""What a read asks for in its query string, as these dialects read it.

Unknown parameters are passed over, and so is a known one without a value. One that takes a single
value may stand once; lists may stand several times, and are then one list.
Source: Intilery contract, 5 (D35) and 7.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from onefold.errors import Malformed

FIELDS_MAX = 1_000
"""Parameters of one query string."""
NAMES_MAX = 100
"""Elements of one list."""
LIST_CHARS_MAX = 4_000
"""Characters of one list, without its commas: lists go into scroll ids, which go into URLs."""
_DIGITS_MAX = 15

_MOMENT = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[Tt ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r" ?(?:[Zz]|([-+ ])(\d{2}):?(\d{2})?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Query:
    """The parameters of one request that have a value."""

    def __init__(self, raw_query: str) -> None:
        """raw_query: as it was sent. Raises Malformed ASK-1001 for more than FIELDS_MAX."""
        text = raw_query.encode("latin-1", "replace").decode("utf-8", "replace")
        try:
            self._pairs = parse_qsl(text, max_num_fields=FIELDS_MAX)
        except ValueError as bad:
            raise Malformed("ASK-1001", "Too many parameters") from bad

    def text(self, *names: str, any_case: bool = False) -> str | None:
        """The value of the first of the names that has one; None when none has. any_case: letter
        case of names does not count. Raises Malformed ASK-1001 when one stands twice."""
        for name in names:
            found = list(self._values(name, any_case=any_case))
            if len(found) > 1:
                raise Malformed("ASK-1001", f"{name} may stand once", at=name)
            if found:
                return found[0]
        return None

    def names(self, name: str) -> tuple[str, ...]:
        """The elements of a list with commas between them, without blank ones. Raises Malformed
        ASK-1001 beyond NAMES_MAX or LIST_CHARS_MAX."""
        found = [
            element.strip()
            for value in self._values(name)
            for element in value.split(",")
            if element.strip()
        ]
        if len(found) > NAMES_MAX or sum(map(len, found)) > LIST_CHARS_MAX:
            raise Malformed("ASK-1001", f"{name} is too long", at=name)
        return tuple(found)

    def under(self, prefix: str) -> list[tuple[str, str]]:
        """The parameters whose names begin with a prefix, as (rest of the name, value). Raises
        Malformed ASK-1001 beyond NAMES_MAX or LIST_CHARS_MAX, or without a rest."""
        found = [
            (name.removeprefix(prefix), value)
            for name, value in self._pairs
            if name.startswith(prefix)
        ]
        if len(found) > NAMES_MAX or sum(len(n) + len(v) for n, v in found) > LIST_CHARS_MAX:
            raise Malformed("ASK-1001", f"Too much of {prefix}NAME", at=prefix)
        if not all(name for name, _ in found):
            raise Malformed("ASK-1001", f"{prefix}NAME needs a name", at=prefix)
        return found

    def whole(self, *names: str, default: int, least: int, most: int | None = None) -> int:
        """A whole number within bounds. Raises Malformed ASK-1001 for anything else: nothing is cut
        to what would fit."""
        text = self.text(*names)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX:
            number = int(text)
            if least <= number and (most is None or number <= most):
                return number
        bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
        raise Malformed("ASK-1001", f"{names[0]} is a whole number {bounds}", at=names[0])

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        """One of some words, in any case. Raises Malformed ASK-1001."""
        text = self.text(name)
        if text is None:
            return default
        if text.lower() in choices:
            return text.lower()
        raise Malformed("ASK-1001", f"{name} is {' or '.join(choices)}", at=name)

    def flag(self, name: str) -> bool:
        """`true` or `false`, which is the default. Raises Malformed ASK-1001."""
        return self.choice(name, ("true", "false"), default="false") == "true"

    def moment_ms(self, name: str) -> int | None:
        """A date or time as epoch ms, None when it is not there. Raises Malformed ASK-1001."""
        text = self.text(name)
        if text is None:
            return None
        found = moment_ms(text)
        if found is None:
            raise Malformed(
                "ASK-1001", f"{name} is a date or a time like 2026-01-31T08:00:00Z", at=name
            )
        return found

    def _values(self, name: str, *, any_case: bool = False) -> Iterator[str]:
        wanted = name.lower()
        for given, value in self._pairs:
            if given == name or (any_case and given.lower() == wanted):
                yield value


def moment_ms(text: str) -> int | None:
    """ISO 8601 as epoch ms: a date is its midnight; without an offset it is UTC. None when it
    cannot be read.

    A plus that came as a space is one. Parts of milliseconds are rounded up, so that both `at or
    after` and `before` mean what was asked. Source: Intilery contract, 7.4 (D44).
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    *parts, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        offset = _offset(sign, hours, minutes)
    except ValueError:
        return None
    nanos = int((fraction or "").ljust(9, "0"))
    seconds = (at - _EPOCH) // timedelta(seconds=1) - offset
    return seconds * 1000 - -nanos // 1_000_000


def _offset(sign: str | None, hours: str | None, minutes: str | None) -> int:
    """In seconds. Raises ValueError for one that no clock has."""
    if sign is None or hours is None:
        return 0
    if int(hours) > 23 or int(minutes or 0) > 59:
        raise ValueError(hours)
    seconds = int(hours) * 3600 + int(minutes or 0) * 60
    return -seconds if sign == "-" else seconds
