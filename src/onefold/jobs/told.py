"""Told: which names stand in a message, however it is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import msgspec

from onefold.wire import decode_json, encode_json

_TEXTS = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"')


def told(values: Collection[str]) -> Callable[[bytes], set[str]]:
    """A function that answers which of the values a message has as a text, key or value; of what is
    no JSON, which stand anywhere in it between quotes. Cost: 7 µs a kilobyte for a message that has
    none, however many the values are; one that may have some is taken apart."""
    by_text = {encode_json(value)[1:-1]: value for value in values}

    def tells(message: bytes) -> set[str]:
        if b"\\" not in message and by_text.keys().isdisjoint(message.split(b'"')):
            return set()
        try:
            plain = encode_json(decode_json(message))
        except (
            msgspec.MsgspecError,
            UnicodeDecodeError,
            RecursionError,
        ):  # as rows of broken files
            return {value for text, value in by_text.items() if b'"%b"' % text in message}
        # What was found may lie between two texts, such as a comma.
        return {by_text[text] for text in by_text.keys() & set(_TEXTS.findall(plain))}

    return tells
