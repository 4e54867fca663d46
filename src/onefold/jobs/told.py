"""Told: which names stand in a message, however it is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import msgspec

from onefold.wire import decode_json, encode_json

FEW = 16
"""Up to so many names are looked for one after the other, which is faster than taking a message
apart."""

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')


def told(values: Collection[str]) -> Callable[[bytes], set[str]]:
    """A function that answers which of the values a message has as a text, key or value. Cost: of
    many values, one look at each text of the message."""
    by_text = {encode_json(value): value for value in values}

    def found(message: bytes) -> set[str]:
        if len(by_text) <= FEW:
            return {value for text, value in by_text.items() if text in message}
        return {by_text[text] for text in by_text.keys() & set(_STRINGS.findall(message))}

    def tells(message: bytes) -> set[str]:
        if b"\\" not in message:
            return found(message)
        try:
            return found(message) | found(encode_json(decode_json(message)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return found(message)  # no JSON, as rows of broken files are none

    return tells
