"""Parts of JSON that cannot be decoded as a whole, since a number in it is out of range or it is
nested too deeply: a batch must not be lost for one such call, nor a call's ids for one such value.

Parts are found by strings and brackets alone, in linear time and without recursion: 0.1 s for a
megabyte of calls, 0.4 s for one of nothing but brackets. What lies in them is not looked at until
somebody decodes it.
Source: Intilery contract, 12.5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Final, NoReturn

import msgspec

_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_SCALAR: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^ \t\n\r,:"\[\]{}]++')
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(")|([\[{]++)|([\]}]++)')
"""A string; else, as groups: a string without an end, brackets that open, brackets that close."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def members(text: bytes) -> dict[str, bytes]:
    """The members of an object, their values as they are written; of a name that stands twice the
    last one. Raises ValueError for what is no object."""
    return {_decode(name): value for name, value in _inside(text, is_object=True)}


def items(text: bytes, *, most: int) -> list[bytes]:
    """The items of an array, as they are written; of an array of more than `most`, one more than
    these. Raises ValueError for what is no array, as far as it looks."""
    return [value for _, value in islice(_inside(text, is_object=False), most + 1)]


def joined(said: Mapping[str, bytes]) -> bytes:
    """An object of these members."""
    return b"{%b}" % b",".join([b"%b:%b" % (_encode(name), said[name]) for name in said])


def scalars(said: Mapping[str, bytes]) -> dict[str, Any]:
    """Of members those that are neither objects nor arrays, as far as they can be decoded."""
    found = {}
    for name, value in said.items():
        with suppress(ValueError):
            if value[:1] not in (b"{", b"["):
                found[name] = _decode(value)
    return found


def top(text: bytes) -> dict[str, Any]:
    """`scalars` of an object; empty for what is none."""
    try:
        return scalars(members(text))
    except ValueError:
        return {}


def is_json(text: bytes) -> bool:
    """Whether it is JSON, be it with numbers out of range. What is nested deeper than anybody
    decodes counts as such when its brackets fit."""
    try:
        _decode(text)
        return True
    except (ValueError, RecursionError):
        pass
    try:
        _GRAMMAR.decode(text.decode())
    except RecursionError:
        return _has_parts(text)
    except ValueError:
        return False
    return True


def _has_parts(text: bytes) -> bool:
    try:
        for _ in _inside(text, is_object=text[:1] == b"{"):
            pass
    except ValueError:
        return False
    return True


def _inside(text: bytes, *, is_object: bool) -> Iterator[tuple[bytes, bytes]]:
    """(name, value) of each member, or (nothing, value) of each item."""
    opens, closes = (b"{", b"}") if is_object else (b"[", b"]")
    at = _after(text, _past(text, 0), opens)
    mark = text[at : at + 1]
    if mark == closes:
        at = _past(text, at + 1)
    while mark != closes:
        name = b""
        if is_object:
            found = _STRING.match(text, at)
            name = found[0] if found is not None else _no_json()
            at = _after(text, _past(text, at + len(name)), b":")
        end = _end(text, at)
        yield name, text[at:end]
        at = _past(text, end)
        mark = text[at : at + 1]
        at = _after(text, at, closes if mark == closes else b",")
    if at != len(text):
        _no_json()


def _end(text: bytes, start: int) -> int:
    """Where the value ends that begins at `start`."""
    if text[start : start + 1] not in (b"{", b"["):
        scalar = _SCALAR.match(text, start)
        return scalar.end() if scalar is not None else _no_json()
    depth = 0
    for found in _TOKEN.finditer(text, start):
        kind = found.lastindex
        if kind == 2:
            depth += found.end() - found.start()
        elif kind == 3:
            depth -= found.end() - found.start()
            if depth <= 0:
                return found.end() + depth
        elif kind == 1:
            break
    return _no_json()


def _after(text: bytes, at: int, mark: bytes) -> int:
    """Where something stands again behind this mark, which has to stand at `at`."""
    return _past(text, at + 1) if text[at : at + 1] == mark else _no_json()


def _past(text: bytes, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space is not None else at


def _no_json(*_: str) -> NoReturn:
    raise ValueError("no JSON")


_GRAMMAR: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_json)
"""Reads no number, so none is out of range; NaN and Infinity are no JSON."""
