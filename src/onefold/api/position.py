"""Positions in answers and requests, so that a client can read what it has written.

A write is an append to the sandbox's journal, and the journal numbers its appends. Whoever appends
answers the number; whoever reads may name the number that the answer has to know of.

A handler that appends to a journal puts `written(position)` among the headers of its response.
`position` is what `Journal.append` answers; of several appends, the last one's. Routes that read
what the pipeline writes say `reads=True`; route.py does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

from onefold.api.context import Response
from onefold.api.declared import NUMBER, Header, Parameter, Schema, header
from onefold.errors import Malformed

POSITION = "x-onefold-position"
"""Of answers to writes: where the write stands. Of answers to reads: they know all up to it."""

MIN_POSITION = "x-onefold-min-position"
"""Of reads: the position that the answer has to know of."""

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

PARAMETER: Parameter = header(
    MIN_POSITION,
    "`x-onefold-position` of a write that the answer has to know of.",
    _NUMBER,
)

_DIGITS_MAX = 15


def written(position: int) -> tuple[str, str]:
    """The header of an answer to a write."""
    return POSITION, str(position)


def known_to(response: Response, position: int) -> Response:
    """The response with the position that it knows of."""
    # Written out: lookups do it, and replace() takes three times as long.
    return Response(
        response.status,
        response.body,
        (*response.headers, (POSITION, str(position))),
        response.media_type,
        response.file,
        response.stream,
    )


def wanted(headers: Mapping[str, str]) -> int:
    """The position that a read names. Raises Malformed API-1008."""
    text = headers[MIN_POSITION].strip()
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX:
        return int(text)
    raise Malformed(
        "API-1008", f"{MIN_POSITION} is the number that a write answered", at=MIN_POSITION
    )
