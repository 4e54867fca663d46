"""Told: which names stand in a message, however it is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import msgspec

from onefold.wire import decode_json, encode_json

FEW = 16
"""Up to so many names are first looked for one after the other, which is faster than taking a
message apart."""

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')


def told(values: Collection[str]) -> Callable[[bytes], set[str]]:
    """A function that answers which of the values a message has as a text, key or value; of what is
    no JSON, which stand anywhere in it between quotes. Cost: a message is taken apart once, unless
    the values are few and none of them is in it."""
    by_text = {encode_json(value): value for value in values}

    def loosely(message: bytes) -> set[str]:
        return {value for text, value in by_text.items() if text in message}

    def tells(message: bytes) -> set[str]:
        if len(by_text) <= FEW and b"\\" not in message and not loosely(message):
            return set()
        try:
            plain = encode_json(decode_json(message))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return loosely(message)  # no JSON, as rows of broken files are none
        # What was found may lie between two texts, such as a comma.
        return {by_text[text] for text in by_text.keys() & set(_STRINGS.findall(plain))}

    return tells
