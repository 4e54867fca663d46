"""Patterns: those that users write, and those that dates must match.

A user's `pattern` is an ECMA expression, searched for anywhere in the text. Python's engine runs it
(`ecma.py`). That engine backtracks, so a hostile expression could hold a worker; three limits keep
it short: the length of the expression, the length of the text that it is run on, and no expression
that
`backtracking.py` calls dangerous, as `(a+)+`. What is left is polynomial.
"""

from __future__ import annotations

import re

from onefold.domain.xdm.backtracking import is_dangerous
from onefold.domain.xdm.ecma import python_form
from onefold.errors import Malformed

PATTERN_LENGTH_MAX = 256
"""Characters of a `pattern`."""
PATTERN_TEXT_MAX = 1024
"""Characters of a text that a `pattern` is run on; a longer text is a violation (maxLength)."""

_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY_OF_YEAR = (
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DAY = rf"(?!0000)(?:[0-9]{{4}}-{_DAY_OF_YEAR}|{_LEAP_YEAR}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
_OFFSET = r"(?:Z|[+-](?:(?:0[0-9]|1[0-7]):[0-5][0-9]|18:00))"

DATE = rf"\A{_DAY}\Z"
"""A day that exists, `yyyy-MM-dd`, years 0001 to 9999."""
DATE_TIME = rf"\A{_DAY}T{_TIME}{_OFFSET}\Z"
"""The four forms of the ingestion contract, 2.4: seconds, up to nine decimals, `Z` or an offset of
at most 18 hours. No leap seconds."""


def compiled(pattern: str, at: str) -> re.Pattern[str]:
    """The Python expression of a user's pattern; use its `search`.

    Raises Malformed XDM-1005 if it is longer than PATTERN_LENGTH_MAX, is not an expression, or is
    dangerous.
    """
    if len(pattern) > PATTERN_LENGTH_MAX:
        raise Malformed(
            "XDM-1005", f"A pattern has at most {PATTERN_LENGTH_MAX} characters.", at=at
        )
    try:
        if is_dangerous(pattern):
            raise Malformed("XDM-1005", "The pattern could run for ever, as (a+)+ could.", at=at)
        return re.compile(python_form(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise Malformed("XDM-1005", "The pattern is not a regular expression.", at=at) from error
