"""XID: one identity as one opaque, URL-safe text, and back.

The idea: unpadded URL-safe base64 over `namespace head, format mark, value head, payload`. The
payload of the commonest kinds of value is binary (two integers for an ECID, 16 bytes for an AAID);
any other ASCII text is a row of tokens, each of which says kind and length in its first byte:

    00-7F  that ASCII character itself
    80+n   a run of 4 to 19 digits: a little-endian integer of n + 1 bytes
    90+n   the same, but the run begins with 0, which is stored as 1
    A0+n   2(n + 1) lower-case hexadecimal digits, raw; B0+n the same in upper case
    C0+n   n + 1 bytes of 6-bit units: A-Z a-z 0-9, and unit 63 in front of any other character
    E0+n   the same, but the last unit is only padding

The 6-bit alphabet is base64's own, so `binascii` packs and unpacks. `decode` reads loosely, encodes
again and compares: whatever is not the one right text of an identity is refused, without a rule for
each fault.

Source: profile contract, 2.3; identity contract, 3. The kinds A0, B0 and E0 are read out of
published XIDs beyond those listed there: SHA-256 values are two blocks of 32 digits, in either
case, and 19 units in 15 bytes carry the E0 that 18 units in 14 bytes do not. Without E0 a text and
the same text with an "A" behind it could share an XID.
"""

from __future__ import annotations

import re
import struct
from binascii import a2b_base64, b2a_base64
from typing import Final

from onefold.domain.identity.identity import Identity, Xid
from onefold.errors import Malformed

VALUE_CHARS_MAX: Final = 1024
"""The longest value of an identity, in characters. Source: identity contract, 4."""

NAMESPACE_BYTES_MAX: Final = 0xFF - 0x17
"""The longest namespace id, in bytes: its length must fit the first byte of the XID."""

# A character has at most 4 bytes of UTF-8, three bytes have 4 characters of base64.
_XID_CHARS_MAX: Final = (1 + NAMESPACE_BYTES_MAX + 2 + 4 * VALUE_CHARS_MAX) * 4 // 3 + 1

_ECID_CHARS: Final = 38
_AAID_CHARS: Final = 33

# The byte in front of the payload's length; a 38-digit number has none.
_AAID_MARK: Final = b"\x44"
_ASCII_MARK: Final = b"\x41"
_UNICODE_MARK: Final = b"\x42"  # the contract's choice: no sample shows a value beyond ASCII
_OLD_MARK: Final = b"\x5a\xea\xcf\x05"

# The byte in front of the payload is 60 + (length - 1), except that all lengths from 30 share one.
_LENGTH_OF_1: Final = 0x60
_LENGTH_OF_16: Final = 0x6F
_LENGTH_OPEN_FROM: Final = 30

_PACKED_BYTES_MAX: Final = 32

# The head of a namespace id from 0 to 24: one byte below 18, except that 0 needs the long form.
_HEADS: Final = (b"\x18\x00", *(bytes((id_ - 1,)) for id_ in range(1, 25)))

_ecid_bytes = struct.Struct("<BQQ").pack
_ecid_numbers = struct.Struct("<QQ").unpack

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")

_is_aaid = re.compile(r"[0-9A-F]{16}-[0-9A-F]{16}").fullmatch
_split_at_numbers = re.compile(r"([0-9]{4,19})").split
# A block of hexadecimal digits has a letter; without one it is a number.
_split_at_numbers_and_blocks = re.compile(
    r"((?=[0-9]{0,31}[a-f])[0-9a-f]{32}|(?=[0-9]{0,31}[A-F])[0-9A-F]{32}|[0-9]{4,19})"
).split
_BLOCK_CHARS: Final = 32
_NUMBER_CHARS_MAX: Final = 19

_literals = re.compile(rb"[\x00-\x7f]+").match

# Unit 63 is base64's "/". Behind it: the place of the character among the printable ones that are
# neither letter nor digit, counted from the end ("~" is 0), as base64's character of that number.
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SPECIAL: Final = "~}|{`_^]\\[@?>=<;:/.-,+*)('&%$#\"! "
_ESCAPES: Final = {char: "/" + _BASE64[place] for place, char in enumerate(_SPECIAL)}
_UNESCAPES: Final = {escape: char for char, escape in _ESCAPES.items()}
_escape = re.compile(r"[^0-9A-Za-z]").sub
_unescape = re.compile(r"/.?").sub

# The old family has no escapes: its last two units are two characters.
_OLD_UNITS: Final = str.maketrans("+/", "@.")


def encode(namespace_id: int, value: str) -> Xid:
    """Answer the XID of one identity; equal identities, and only they, have equal XIDs.

    namespace_id: 0 or more. value: 1 to 1024 characters, any of Unicode but lone surrogates.
    Raises Malformed XID-1001 outside of these bounds. Cost: O(length).
    Source: profile contract, 2.3.
    """
    head = _head(namespace_id)
    chars = len(value)
    if chars == _ECID_CHARS and value.isascii() and value.isdigit():
        return _text(head + _ecid_bytes(_LENGTH_OF_16, int(value[:19]), int(value[19:])))
    if not 0 < chars <= VALUE_CHARS_MAX:
        raise Malformed("XID-1001", f"a value has 1 to {VALUE_CHARS_MAX} characters", chars=chars)
    if not value.isascii():
        return _text(head + _UNICODE_MARK + _sized(_utf8(value)))
    if chars == _AAID_CHARS and _is_aaid(value):
        return _text(head + _AAID_MARK + _sized(bytes.fromhex(value[:16] + value[17:])))
    return _text(head + _ASCII_MARK + _sized(_tokens(value)))


def decode(xid: str) -> Identity:
    """Answer the identity that an XID stands for: the inverse of `encode`.

    The older form of packed e-mail addresses is read too, though never written.
    Raises Malformed XID-1001 for everything else that `encode` does not write. Cost: O(length).
    Source: profile contract, 2.3.
    """
    if len(xid) > _XID_CHARS_MAX:
        raise Malformed("XID-1001", f"longer than {_XID_CHARS_MAX} characters")
    try:
        raw = a2b_base64(xid.encode("ascii").translate(_FROM_URL) + b"=" * (-len(xid) % 4))
        namespace_id, body = _namespace(raw)
        if body.startswith(_OLD_MARK):
            return _decoded_old(xid, namespace_id, body[len(_OLD_MARK) + 1 :])
        value = _value(body)
        canonical = encode(namespace_id, value)
    except (ValueError, LookupError, struct.error) as error:
        # Bad base64, UTF-8 or units, and tokens that end too early.
        raise Malformed("XID-1001") from error
    if canonical != xid:
        raise Malformed("XID-1001", "not the text that the identity has as XID")
    return Identity(namespace_id, value)


def _decoded_old(xid: str, namespace_id: int, payload: bytes) -> Identity:
    units = _units(payload[0], payload[1:])
    canonical = _text(_head(namespace_id) + _OLD_MARK + _sized(_packed(units)))
    if canonical != xid:
        raise Malformed("XID-1001", "not one packed text of the old form")
    return Identity(namespace_id, units.translate(_OLD_UNITS))


# Bytes and text


def _text(raw: bytes) -> Xid:
    return Xid(b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii"))


def _utf8(value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise Malformed("XID-1001", "a value has no lone surrogates") from error


def _head(namespace_id: int) -> bytes:
    if 0 <= namespace_id <= 24:
        return _HEADS[namespace_id]
    size = (namespace_id.bit_length() + 7) // 8
    if namespace_id < 0 or size > NAMESPACE_BYTES_MAX:
        raise Malformed("XID-1001", f"a namespace id has 0 to {NAMESPACE_BYTES_MAX} bytes")
    return bytes((0x17 + size,)) + namespace_id.to_bytes(size, "little")


def _namespace(raw: bytes) -> tuple[int, bytes]:
    size = raw[0] - 0x17
    if size <= 0:
        return raw[0] + 1, raw[1:]
    return int.from_bytes(raw[1 : 1 + size], "little"), raw[1 + size :]


def _sized(payload: bytes) -> bytes:
    return bytes((_LENGTH_OF_1 + min(len(payload), _LENGTH_OPEN_FROM) - 1,)) + payload


# Values


def _value(body: bytes) -> str:
    if body[0] == _LENGTH_OF_16:
        first, last = _ecid_numbers(body[1:])
        return f"{first:019d}{last:019d}"
    # The length at body[1] is not read: encoding again shows whether it was right.
    mark, payload = body[:1], body[2:]
    if mark == _ASCII_MARK:
        return _untokenized(payload)
    if mark == _UNICODE_MARK:
        return payload.decode()
    if mark == _AAID_MARK:
        return f"{payload[:8].hex()}-{payload[8:].hex()}".upper()
    raise Malformed("XID-1001", "unknown format mark")


# Tokens


def _tokens(value: str) -> bytes:
    split = _split_at_numbers if len(value) < _BLOCK_CHARS else _split_at_numbers_and_blocks
    pieces = split(value)
    if len(pieces) == 1:
        return _text_token(value)
    # A split at one group gives text and match by turns, text first and last.
    return b"".join(
        _run_token(piece) if at & 1 else _text_token(piece) for at, piece in enumerate(pieces)
    )


def _run_token(run: str) -> bytes:
    if len(run) > _NUMBER_CHARS_MAX:
        return (b"\xaf" if run.islower() else b"\xbf") + bytes.fromhex(run)
    kind, number = (0x80, int(run)) if run[0] != "0" else (0x90, int("1" + run[1:]))
    size = (number.bit_length() + 7) >> 3
    return bytes((kind + size - 1,)) + number.to_bytes(size, "little")


def _text_token(text: str) -> bytes:
    # Packing saves nothing below 8 characters. Control characters have no unit.
    if len(text) > 7 and text.isprintable():
        units = _escape(_escaped, text)
        size = (6 * len(units) + 7) >> 3
        if size <= _PACKED_BYTES_MAX and 1 + size < len(text):
            return _packed(units)
    return text.encode("ascii")


def _untokenized(payload: bytes) -> str:
    parts = []
    at = 0
    while at < len(payload):
        if literals := _literals(payload, at):
            parts.append(literals[0].decode("ascii"))
            at = literals.end()
            continue
        token = payload[at]
        size = (token & (0x0F if token < 0xC0 else 0x1F)) + 1
        parts.append(_run(token, payload[at + 1 : at + 1 + size]))
        at += 1 + size
    return "".join(parts)


def _run(token: int, body: bytes) -> str:
    if token >= 0xC0:
        return _unescape(_unescaped, _units(token, body))
    if token >= 0xA0:
        return body.hex() if token < 0xB0 else body.hex().upper()
    number = str(int.from_bytes(body, "little"))
    return number if token < 0x90 else "0" + number[1:]


# Packed text: 6-bit units, written as characters of base64


def _escaped(match: re.Match[str]) -> str:
    return _ESCAPES[match[0]]


def _unescaped(match: re.Match[str]) -> str:
    return _UNESCAPES[match[0]]


def _packed(units: str) -> bytes:
    missing = -len(units) % 4
    size = (6 * len(units) + 7) >> 3
    # One missing unit leaves no spare bits to tell it by, hence a kind of its own.
    kind = 0xE0 if missing == 1 else 0xC0
    return bytes((kind + size - 1,)) + a2b_base64(units + "A" * missing)[:size]


def _units(token: int, body: bytes) -> str:
    count = len(body) * 8 // 6 - (token >= 0xE0)
    return b2a_base64(body, newline=False)[:count].decode("ascii")
