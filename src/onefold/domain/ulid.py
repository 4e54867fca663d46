"""ULIDs: ids of batches, 26 characters that sort by the time at which they were given.

Ten characters are epoch milliseconds, sixteen are randomness, both in Crockford's base 32.
Source: ingestion contract, 7.1.
"""

from __future__ import annotations

import re

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_CHARS = 10
_RANDOM_CHARS = 16
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")

RANDOM_BYTES = 10


def ulid(at_ms: int, randomness: str) -> str:
    """The ULID of a time and of RANDOM_BYTES bytes, given as hexadecimal digits."""
    return _written(at_ms, _TIME_CHARS) + _written(int(randomness, 16), _RANDOM_CHARS)


def time_ms(text: str) -> int | None:
    """The time in a ULID; None for a text that is none."""
    if _ULID.fullmatch(text) is None:
        return None
    number = 0
    for char in text[:_TIME_CHARS]:
        number = number << 5 | _ALPHABET.index(char)
    return number


def _written(number: int, chars: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(chars)))
