"""Smile, the binary form of JSON that streaming clients may send: bytes to values.

The idea: after the header, every value and every key begins with one byte that tells its kind and
often its length, so a table of 256 functions for values and one for keys is the whole grammar. A
loop with its own stack, not recursion, walks the containers. Strings can refer back to earlier
ones; each of the two tables of earlier strings is emptied when it is full.

Python tells us most faults: IndexError where the document ends too early, UnicodeDecodeError for
bytes that are not the text that they claim to be. `decode` turns both into Malformed.

Source: ingestion contract, 10, whose tables were checked against Jackson's own output.
"""

from __future__ import annotations

import struct
from binascii import b2a_base64
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Final, Never, TypeAlias

import msgspec

from onefold.errors import Malformed, OverLimit
from onefold.wire import JSON

DEPTH_MAX: Final = 500
"""Containers within containers."""

NUMBER_BYTES_MAX: Final = 1024
"""Bytes of a big integer, or of a decimal without its point."""

SCALE_MAX: Final = 1000
"""Places by which a decimal's point may lie off its last digit, in either direction."""

REFERRED_CHARS_MAX: Final = 8 * 1024 * 1024
"""Characters of all strings that references stand for: one byte can stand for 65."""

_HEADER: Final = b":)\n"
_SHARED_NAMES: Final = 0x01
_SHARED_VALUES: Final = 0x02
_RESERVED_FLAGS: Final = 0xF8  # the version, which is 0, and a bit that is not in use

_SHARED_MAX: Final = 1024
_START_ARRAY: Final = 0xF8
_END_ARRAY: Final = 0xF9
_START_OBJECT: Final = 0xFA
_END_OBJECT: Final = 0xFB
_END_TEXT: Final = b"\xfc"
_END_CONTENT: Final = b"\xff"

_NEVER: Final = -1  # ends nothing: around the root there is no container

_encode_exactly = msgspec.json.Encoder(decimal_format="number").encode
_FLOAT32: Final = struct.Struct(">f")
_FLOAT64: Final = struct.Struct(">d")
_SEVEN_BITS: Final = tuple(f"{septet:07b}" for septet in range(128))


def decode(data: bytes) -> JSON:
    """Answer the value of one Smile document.

    data: header, one value, optionally the end mark, nothing else. The caller limits its size.
    Returns what JSON gives, and moreover int of any size and Decimal; binary is base64 text. Of
    duplicate keys the last wins. A 32-bit float becomes the float64 of exactly the same value.
    Raises Malformed SML-1001; OverLimit SML-1002 beyond one of the limits above.
    Cost: O(bytes). Source: ingestion contract, 10.
    """
    if data[:3] != _HEADER or len(data) < 5:
        raise Malformed("SML-1001", "no Smile header, or nothing behind it")
    if data[3] & _RESERVED_FLAGS:
        raise Malformed("SML-1001", "unknown version or flag in the header", at="3")
    reader = _Reader(data)
    try:
        value = _root(reader)
    except IndexError as error:
        raise Malformed("SML-1001", "the document ends too early") from error
    except UnicodeDecodeError as error:
        raise Malformed("SML-1001", "bytes that are not the text they claim to be") from error
    if data[reader.at :] not in (b"", _END_CONTENT):
        raise Malformed("SML-1001", "bytes behind the value", at=str(reader.at))
    return value


def to_json(data: bytes) -> bytes:
    """Answer the same document as JSON bytes; integers and decimals keep every digit.

    The answer can be longer than `data`, for it repeats what references stand for.
    Raises as `decode` does.
    """
    return _encode_exactly(decode(data))


_Kind: TypeAlias = "Callable[[_Reader, int], JSON]"


class _Reader:
    """Where we are in one document, and the strings that later bytes may refer to."""

    __slots__ = ("at", "data", "names", "referred_chars", "share_names", "share_values", "values")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = len(_HEADER) + 1
        self.share_names = bool(data[3] & _SHARED_NAMES)
        self.share_values = bool(data[3] & _SHARED_VALUES)
        self.names: list[str] = []
        self.values: list[str] = []
        self.referred_chars = 0

    def byte(self) -> int:
        byte = self.data[self.at]
        self.at += 1
        return byte

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise IndexError
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def take_text(self) -> bytes:
        end = self.data.find(_END_TEXT, self.at)
        if end < 0:
            raise IndexError
        taken = self.data[self.at : end]
        self.at = end + 1
        return taken

    def fail(self, detail: str) -> Never:
        raise Malformed("SML-1001", detail, at=str(self.at - 1))


def _root(reader: _Reader) -> JSON:
    """Read one value, with all that is in it.

    items: what the innermost open container holds so far; of an object, keys and values by turns.
    closing: the byte that ends it; the stack has the same two of every container around it.
    """
    data = reader.data
    items: list[JSON] = []
    closing = _NEVER
    stack: list[tuple[list[JSON], int]] = []
    while True:
        token = data[reader.at]
        reader.at += 1
        if token == closing:
            value = (
                dict(zip(items[::2], items[1::2], strict=True)) if token == _END_OBJECT else items
            )
            items, closing = stack.pop()
        else:
            if closing == _END_OBJECT:
                items.append(_KEYS[token](reader, token))
                token = data[reader.at]
                reader.at += 1
            if token in (_START_ARRAY, _START_OBJECT):
                if len(stack) == DEPTH_MAX:
                    raise OverLimit("SML-1002", f"more than {DEPTH_MAX} containers in each other")
                stack.append((items, closing))
                items, closing = [], token + 1
                continue
            value = _VALUES[token](reader, token)
        if not stack:
            return value
        items.append(value)


# Kinds of values: what follows the byte `token`


def _refused(reader: _Reader, token: int) -> Never:
    reader.fail(f"byte {token:02x} has no meaning here")


def _constant(value: JSON) -> _Kind:
    return lambda _reader, _token: value


def _small_integer(_reader: _Reader, token: int) -> int:
    return _zigzag(token & 0x1F)


def _int32(reader: _Reader, _token: int) -> int:
    return _zigzag(_vint(reader, 32))


def _int64(reader: _Reader, _token: int) -> int:
    return _zigzag(_vint(reader, 64))


def _big_integer(reader: _Reader, _token: int) -> int:
    size = _vint(reader, 31)
    if size > NUMBER_BYTES_MAX:
        raise OverLimit("SML-1002", f"a number of more than {NUMBER_BYTES_MAX} bytes")
    if size == 0:
        reader.fail("a number without bytes")
    return int.from_bytes(_septets(reader, size), "big", signed=True)


def _big_decimal(reader: _Reader, token: int) -> Decimal:
    scale = _int32(reader, token)
    if abs(scale) > SCALE_MAX:
        raise OverLimit("SML-1002", f"a decimal with a scale beyond {SCALE_MAX}")
    # From text, because arithmetic would round to the context's precision.
    return Decimal(f"{_big_integer(reader, token)}E{-scale}")


def _float32(reader: _Reader, _token: int) -> float:
    return _finite(reader, _FLOAT32, 5)


def _float64(reader: _Reader, _token: int) -> float:
    return _finite(reader, _FLOAT64, 10)


def _finite(reader: _Reader, form: struct.Struct, septets: int) -> float:
    # Bits above the float's own say nothing: Jackson repeats a 32-bit float's sign there.
    bits = _joined(reader, reader.take(septets)) & (1 << 8 * form.size) - 1
    number: float = form.unpack(bits.to_bytes(form.size, "big"))[0]
    if not isfinite(number):
        reader.fail("a float that JSON does not have")
    return number


def _short_ascii(reader: _Reader, token: int) -> str:
    text = reader.take((token & 0x3F) + 1).decode("ascii")
    if reader.share_values:
        _share(reader.values, text)
    return text


def _short_unicode(reader: _Reader, token: int) -> str:
    text = reader.take((token & 0x3F) + 2).decode()
    if reader.share_values:
        _share(reader.values, text)
    return text


def _long_ascii(reader: _Reader, _token: int) -> str:
    return reader.take_text().decode("ascii")


def _long_unicode(reader: _Reader, _token: int) -> str:
    return reader.take_text().decode()


def _short_value_reference(reader: _Reader, token: int) -> str:
    return _shared(reader, reader.values, token - 1)


def _long_value_reference(reader: _Reader, token: int) -> str:
    return _shared(reader, reader.values, (token & 3) << 8 | reader.byte())


def _septet_binary(reader: _Reader, _token: int) -> str:
    return _base64(_septets(reader, _vint(reader, 31)))


def _raw_binary(reader: _Reader, _token: int) -> str:
    return _base64(reader.take(_vint(reader, 31)))


# Kinds of keys


def _ascii_key(reader: _Reader, token: int) -> str:
    name = reader.take((token & 0x3F) + 1).decode("ascii")
    if reader.share_names:
        _share(reader.names, name)
    return name


def _unicode_key(reader: _Reader, token: int) -> str:
    name = reader.take((token & 0x3F) + 2).decode()
    if reader.share_names:
        _share(reader.names, name)
    return name


def _short_key_reference(reader: _Reader, token: int) -> str:
    return _shared(reader, reader.names, token & 0x3F)


def _long_key_reference(reader: _Reader, token: int) -> str:
    return _shared(reader, reader.names, (token & 3) << 8 | reader.byte())


# Parts


def _share(table: list[str], text: str) -> None:
    if len(table) == _SHARED_MAX:
        table.clear()
    table.append(text)


def _shared(reader: _Reader, table: list[str], place: int) -> str:
    if place >= len(table):
        reader.fail("a reference to a string that was not sent")
    text = table[place]
    reader.referred_chars += len(text)
    if reader.referred_chars > REFERRED_CHARS_MAX:
        raise OverLimit("SML-1002", f"references to more than {REFERRED_CHARS_MAX} characters")
    return text


def _vint(reader: _Reader, bits_max: int) -> int:
    """An unsigned integer: 7 bits a byte; the last byte has its top bit set and gives 6."""
    number = 0
    while (byte := reader.byte()) < 0x80:
        number = number << 7 | byte
        if number >> bits_max:
            break
    number = number << 6 | byte & 0x3F
    if number >> bits_max:
        reader.fail(f"an integer of more than {bits_max} bits")
    return number


def _zigzag(number: int) -> int:
    return number >> 1 ^ -(number & 1)


def _joined(reader: _Reader, block: bytes) -> int:
    """The bits of bytes that carry 7 each. Python joins them in linear time as text in base 2."""
    if not block.isascii():
        reader.fail("a byte of more than 7 bits")
    return int("".join([_SEVEN_BITS[byte] for byte in block]), 2)


def _septets(reader: _Reader, size: int) -> bytes:
    """`size` bytes, sent as 7 bits a byte; the last byte has what remains, at its right end."""
    if size == 0:
        return b""
    full, rest = divmod(size * 8, 7)
    block = reader.take(full + (rest > 0))
    bits = _joined(reader, block[:full])
    if rest:
        bits = bits << rest | block[-1] & (1 << rest) - 1
    return bits.to_bytes(size, "big")


def _base64(binary: bytes) -> str:
    return b2a_base64(binary, newline=False).decode("ascii")


def _table(*rows: tuple[int, int, _Kind]) -> tuple[_Kind, ...]:
    table: list[_Kind] = [_refused] * 256
    for first, last, kind in rows:
        table[first : last + 1] = [kind] * (last + 1 - first)
    return tuple(table)


# Source: ingestion contract, 10.4. Containers are not here: `_root` itself opens and closes them.
_VALUES: Final = _table(
    (0x01, 0x1F, _short_value_reference),
    (0x20, 0x20, _constant("")),
    (0x21, 0x21, _constant(None)),
    (0x22, 0x22, _constant(False)),
    (0x23, 0x23, _constant(True)),
    (0x24, 0x24, _int32),
    (0x25, 0x25, _int64),
    (0x26, 0x26, _big_integer),
    (0x28, 0x28, _float32),
    (0x29, 0x29, _float64),
    (0x2A, 0x2A, _big_decimal),
    (0x40, 0x7F, _short_ascii),
    (0x80, 0xBF, _short_unicode),
    (0xC0, 0xDF, _small_integer),
    (0xE0, 0xE0, _long_ascii),
    (0xE4, 0xE4, _long_unicode),
    (0xE8, 0xE8, _septet_binary),
    (0xEC, 0xEF, _long_value_reference),
    (0xFD, 0xFD, _raw_binary),
)

# Source: ingestion contract, 10.5.
_KEYS: Final = _table(
    (0x20, 0x20, _constant("")),
    (0x30, 0x33, _long_key_reference),
    (0x34, 0x34, _long_unicode),
    (0x40, 0x7F, _short_key_reference),
    (0x80, 0xBF, _ascii_key),
    (0xC0, 0xF7, _unicode_key),
)
