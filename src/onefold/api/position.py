"""Positions in answers and requests, so that a client can read what it has written.

A write is an append to the sandbox's journal, and the journal numbers its appends. Whoever appends
answers the number; whoever reads may name the number that the answer has to know of.

A handler that appends to a journal puts `written(position)` among the headers of its response.
`position` is what `Journal.append` answers; of several appends, the last one's. Routes that read
what the pipeline writes say `reads=True`; route.py does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from onefold.api.context import Response
from onefold.api.declared import NUMBER, Header, Parameter, Schema, header, query
from onefold.errors import Malformed

POSITION = "x-onefold-position"
"""Of answers to writes: where the write stands. Of answers to reads: they know all up to it."""

MIN_POSITION = "x-onefold-min-position"
"""Of reads: the position that the answer has to know of."""

AS_OF = "x-profile-as-of"
"""The same of answers in the dialects of calls. Source: Intilery contract, section 5."""

MIN_AS_OF = "min_as_of"
"""Of their reads, a parameter of the query: the position that the answer has to know of."""

WAIT_SECONDS = 0.5
"""How long a read waits for the position that it names."""

LOOK_SECONDS = 0.004
"""Between two looks at first; each waits half as long again as the one before, up to MOST."""
LOOK_SECONDS_MOST = 0.02

READ_CODES = ("API-1008", "API-9003")
"""What a read answers, besides its own errors."""

_NUMBER: Schema = {**NUMBER, "minimum": 0}
WRITTEN: dict[str, Header] = {
    POSITION: Header("Where the write stands in the sandbox's journal.", _NUMBER)
}
"""The header of an answer to a write, for `Answer.headers`."""
KNOWN: dict[str, Header] = {
    POSITION: Header("The answer knows of all writes up to this position.", _NUMBER)
}
"""The header of the answers of routes that read."""

KNOWN_AS_OF: dict[str, Header] = {AS_OF: KNOWN[POSITION]}
"""The header of the answers of reads in the dialects of calls."""

AS_OF_PARAMETER: Parameter = query(
    MIN_AS_OF, "`x-profile-as-of` of a write that the answer has to know of.", _NUMBER
)
PARAMETER: Parameter = header(
    MIN_POSITION,
    "`x-onefold-position` of a write that the answer has to know of.",
    _NUMBER,
)

_DIGITS_MAX = 15


def written(position: int, name: str = POSITION) -> tuple[str, str]:
    """The header of an answer to a write."""
    return name, str(position)


def known_to(response: Response, position: int, *, of_calls: bool = False) -> Response:
    """The response with the position that it knows of. of_calls: in a dialect of calls."""
    # Written out: lookups do it, and replace() takes three times as long.
    return Response(
        response.status,
        response.body,
        (*response.headers, (AS_OF if of_calls else POSITION, str(position))),
        response.media_type,
        response.file,
        response.stream,
    )


def wanted(headers: Mapping[str, str]) -> int:
    """The position that a read names. Raises Malformed API-1008."""
    return _number(headers[MIN_POSITION], MIN_POSITION)


def wanted_as_of(raw_query: str) -> int | None:
    """The position that a read in a dialect of calls names, if any; an empty one is none. Raises
    Malformed API-1008, also when it stands twice. Source: Intilery contract, 5 (D35)."""
    if MIN_AS_OF not in raw_query:
        return None
    named = [text for name, text in parse_qsl(raw_query) if name == MIN_AS_OF]
    if len(named) > 1:
        raise Malformed("API-1008", f"{MIN_AS_OF} may stand once", at=MIN_AS_OF)
    return _number(named[0], MIN_AS_OF) if named else None


def _number(text: str, name: str) -> int:
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX:
        return int(text)
    raise Malformed("API-1008", f"{name} is the number that a write answered", at=name)
