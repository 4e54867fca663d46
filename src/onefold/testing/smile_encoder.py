"""Writes Smile: for tests, and for clients that want to send it.

It writes what Jackson writes, choice by choice, so that its bytes can be compared with Jackson's.
Source: ingestion contract, 10.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

Document: TypeAlias = Any
"""None, bool, int, float, Float32, Decimal, str, bytes, and sequences and mappings of these."""

_SHARED_MAX = 1024


class Float32(float):
    """A float to be sent in 32 bits; digits that do not fit are lost."""


def encode(
    value: Document,
    *,
    share_names: bool = True,
    share_values: bool = False,
    raw_binary: bool = False,
    end_mark: bool = False,
) -> bytes:
    """Answer one Smile document.

    share_names, share_values: repeated keys or strings become references to the first one.
    raw_binary: bytes go as they are, not as 7 bits a byte. end_mark: close with FF.
    Raises TypeError for a value that Smile has no form for. Depth is limited by Python's stack.
    """
    flags = share_names | share_values << 1 | raw_binary << 2
    writer = _Writer(share_names=share_names, share_values=share_values, raw_binary=raw_binary)
    writer.value(value)
    return b":)\n" + bytes((flags,)) + bytes(writer.out) + (b"\xff" if end_mark else b"")


class _Shared:
    """The strings that were written, as the reader counts them."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.count = 0

    def add(self, text: str) -> None:
        if self.count == _SHARED_MAX:
            self.places.clear()
            self.count = 0
        # A reference must not contain FE or FF, so these entries count but are never referred to.
        if self.count & 0xFF < 0xFE:
            self.places[text] = self.count
        self.count += 1


class _Writer:
    def __init__(self, *, share_names: bool, share_values: bool, raw_binary: bool) -> None:
        self.out = bytearray()
        self.names = _Shared() if share_names else None
        self.values = _Shared() if share_values else None
        self.raw_binary = raw_binary

    def value(self, value: Document) -> None:
        if value is None or isinstance(value, bool):
            self.out.append({None: 0x21, False: 0x22, True: 0x23}[value])
        elif isinstance(value, str):
            self.text(value)
        elif isinstance(value, int):
            self.integer(value)
        elif isinstance(value, float):
            self.float(value)
        elif isinstance(value, Decimal):
            self.decimal(value)
        elif isinstance(value, bytes):
            self.binary(value)
        elif isinstance(value, Mapping):
            self.object(value)
        elif isinstance(value, Sequence):
            self.out.append(0xF8)
            for item in value:
                self.value(item)
            self.out.append(0xF9)
        else:
            raise TypeError(f"Smile has no {type(value).__name__}")

    def object(self, members: Mapping[str, Document]) -> None:
        self.out.append(0xFA)
        for key, value in members.items():
            self.key(key)
            self.value(value)
        self.out.append(0xFB)

    # Strings

    def text(self, text: str) -> None:
        if self.values and text in self.values.places:
            self.reference(self.values.places[text], short_max=31, short=0x01, long=0xEC)
            return
        raw = text.encode()
        ascii_ = text.isascii()
        if not raw:
            self.out.append(0x20)
        elif len(raw) <= (64 if ascii_ else 65):
            self.out.append(0x40 + len(raw) - 1 if ascii_ else 0x80 + len(raw) - 2)
            self.out += raw
            if self.values:
                self.values.add(text)
        else:
            self.out.append(0xE0 if ascii_ else 0xE4)
            self.out += raw + b"\xfc"

    def key(self, key: str) -> None:
        if self.names and key in self.names.places:
            self.reference(self.names.places[key], short_max=64, short=0x40, long=0x30)
            return
        raw = key.encode()
        ascii_ = key.isascii()
        if not raw:
            self.out.append(0x20)
        elif len(raw) <= (64 if ascii_ else 57):
            self.out.append(0x80 + len(raw) - 1 if ascii_ else 0xC0 + len(raw) - 2)
            self.out += raw
            if self.names:
                self.names.add(key)
        else:
            self.out.append(0x34)
            self.out += raw + b"\xfc"

    def reference(self, place: int, *, short_max: int, short: int, long: int) -> None:
        if place < short_max:
            self.out.append(short + place)
        else:
            self.out += bytes((long | place >> 8, place & 0xFF))

    # Numbers and binary

    def integer(self, number: int) -> None:
        if -16 <= number <= 15:
            self.out.append(0xC0 + _zigzag(number))
        elif -(1 << 31) <= number < 1 << 31:
            self.out.append(0x24)
            self.vint(_zigzag(number))
        elif -(1 << 63) <= number < 1 << 63:
            self.out.append(0x25)
            self.vint(_zigzag(number))
        else:
            self.out.append(0x26)
            self.counted(_two_complement(number))

    def float(self, number: float) -> None:
        narrow = isinstance(number, Float32)
        self.out.append(0x28 if narrow else 0x29)
        # The first byte has room for more than 32 bits; Jackson repeats the sign there.
        raw = struct.pack(">f" if narrow else ">d", number)
        bits = int.from_bytes(raw, "big", signed=narrow)
        self.out += bytes(bits >> shift & 0x7F for shift in range(28 if narrow else 63, -1, -7))

    def decimal(self, number: Decimal) -> None:
        sign, digits, exponent = number.as_tuple()
        if not isinstance(exponent, int):
            raise TypeError("Smile has no decimal that is not finite")
        unscaled = int("".join(map(str, digits)))
        self.out.append(0x2A)
        self.vint(_zigzag(-exponent))
        self.counted(_two_complement(-unscaled if sign else unscaled))

    def binary(self, binary: bytes) -> None:
        if self.raw_binary:
            self.out.append(0xFD)
            self.vint(len(binary))
            self.out += binary
        else:
            self.out.append(0xE8)
            self.counted(binary)

    def counted(self, raw: bytes) -> None:
        """The length, then every 7 bytes as 8 of 7 bits; what remains of the last one, alone."""
        self.vint(len(raw))
        for at in range(0, len(raw), 7):
            block = raw[at : at + 7]
            bits, rest = int.from_bytes(block, "big"), len(block)
            self.out += bytes(
                bits >> shift & 0x7F for shift in range(8 * rest - 7, rest - 1, -7)
            ) + bytes((bits & (1 << rest) - 1,))

    def vint(self, number: int) -> None:
        groups = [number & 0x3F | 0x80]
        number >>= 6
        while number:
            groups.append(number & 0x7F)
            number >>= 7
        self.out += bytes(reversed(groups))


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else ~number << 1 | 1


def _two_complement(number: int) -> bytes:
    size = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return number.to_bytes(size, "big", signed=True)
