"""Smile: Jackson's bytes are read, and nothing that Smile does not define is."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from decimal import Decimal

import pytest

from onefold.errors import Malformed, OverLimit
from onefold.smile import (
    DEPTH_MAX,
    NUMBER_BYTES_MAX,
    REFERRED_CHARS_MAX,
    SCALE_MAX,
    decode,
    to_json,
)
from onefold.testing.smile_encoder import Document, Float32, encode

HEADER = b":)\n\x01"
SHARING = b":)\n\x03"

MIXED = {
    "a": {"b": "x", "é": "é"},
    "c": [{"b": "x"}, -1, 16, 1000, -2147483649, 7.8, True, None, ""],
}
BINARY = bytes.fromhex("001d3a577491aecbe805")
FLOAT_MINUS_TENTH = -0.10000000149011612  # what 32 bits can hold
NUMBERS = [1.5, FLOAT_MINUS_TENTH, Decimal("12345.6789"), Decimal("-0.001"), "AB06V3SRrsvoBQ=="]
NUMBERS_SENT = [
    Float32(1.5),
    Float32(-0.1),
    Decimal("12345.6789"),
    Decimal("-0.001"),
    BINARY,
]

# Ingestion contract, 10.8: written by Jackson.
VECTORS: tuple[tuple[Document, Document, dict[str, bool], str], ...] = (
    ({"a": 1}, {"a": 1}, {}, "3a290a01fa8061c2fb"),
    ([1], [1], {"share_values": True, "end_mark": True}, "3a290a03f8c2f9ff"),
    ([2**64], [2**64], {}, "3a290a01f826890040000000000000000000f9"),
    (
        MIXED,
        MIXED,
        {},
        "3a290a01fa8061fa80624078c0c3a980c3a9fb8063f8fa414078fbc124a0241f9025200000008129"
        "00400f4c6633194c6633232120f9fb",
    ),
    (
        MIXED,
        MIXED,
        {"share_values": True},
        "3a290a03fa8061fa80624078c0c3a980c3a9fb8063f8fa4101fbc124a0241f902520000000812900"
        "400f4c6633194c6633232120f9fb",
    ),
    (
        NUMBERS,
        NUMBERS_SENT,
        {},
        "3a290a01f828037e000000287b6e33194d2a888403567951052a86817f01e88a000727253b52232e"
        "657a0005f9",
    ),
    (
        NUMBERS,
        NUMBERS_SENT,
        {"raw_binary": True},
        "3a290a05f828037e000000287b6e33194d2a888403567951052a86817f01fd8a001d3a577491aecbe805f9",
    ),
)


def refused(data: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        decode(data)
    assert caught.value.code == "SML-1001"


def over_limit(data: bytes) -> None:
    with pytest.raises(OverLimit) as caught:
        decode(data)
    assert caught.value.code == "SML-1002"


def round_trip(value: Document, **options: bool) -> None:
    data = encode(value, **options)
    assert decode(data) == value
    assert json.loads(to_json(data)) == value


@pytest.mark.parametrize(("value", "sent", "options", "hexadecimal"), VECTORS)
def test_bytes_written_by_jackson_are_read_and_written(value, sent, options, hexadecimal):
    assert decode(bytes.fromhex(hexadecimal)) == value
    assert encode(sent, **options).hex() == hexadecimal


def test_json_has_the_exact_numbers():
    assert to_json(encode(NUMBERS_SENT)) == (
        b'[1.5,-0.10000000149011612,12345.6789,-0.001,"AB06V3SRrsvoBQ=="]'
    )
    large = [2**64, -(2**64), 2**8000, Decimal("1.20"), Decimal(f"{2**8000}E-1000")]
    exact = json.loads(to_json(encode(large)), parse_float=Decimal)
    assert exact == large
    assert to_json(encode(Decimal("1.20"))) == b"1.20"


def test_widths_of_integers():
    edges = [bound + by for power in (4, 5, 6, 13, 31, 32, 63, 64, 65) for bound in (2**power,)
             for by in (-1, 0, 1)]  # fmt: skip
    round_trip([*edges, *(-edge for edge in edges), 0])


def test_lengths_of_strings_and_keys():
    for size in (0, 1, 2, 31, 32, 33, 34, 56, 57, 58, 63, 64, 65, 66, 200, 5000):
        for text in ("x" * size, "é" * size, "x" + "é" * size):
            round_trip({text: [text, text], "again": [{text: text}]})
            round_trip({text: [text, text], "again": [{text: text}]}, share_values=True)


def test_scalars_may_be_the_whole_document():
    scalars: tuple[Document, ...] = (None, True, 0, 1000, 1.5, "", "x", [], {})
    for value in scalars:
        round_trip(value)
        round_trip(value, end_mark=True)


def test_binary_of_every_remainder_becomes_base64():
    for size in range(30):
        binary = bytes(range(255, 255 - size, -1))
        for raw_binary in (False, True):
            decoded = decode(encode([binary, 7], raw_binary=raw_binary))
            assert decoded == [b64encode(binary).decode(), 7]


def test_the_last_of_duplicate_keys_wins():
    assert decode(HEADER + b"\xfa\x80a\xc2\x40\xc4\xfb") == {"a": 2}


def test_tables_of_strings_are_emptied_when_1024_are_in_them():
    names = {f"k{number}": number for number in range(2500)}
    texts = [f"v{number}" for number in range(1030)]
    round_trip([names, names, texts, texts[::-1], texts[-6:]], share_values=True)
    many = b"".join(b"\x43%04d" % number for number in range(1025))
    # Only the newest is left, at place 0.
    assert decode(SHARING + b"\xf8" + many + b"\x01\xf9")[-1] == "1024"
    refused(SHARING + b"\xf8" + many + b"\x02\xf9")
    # Before the last one, all were there.
    assert decode(SHARING + b"\xf8" + many[:-5] + b"\xef\xff\xf9")[-1] == "1023"


def test_long_and_empty_strings_are_not_shared():
    assert decode(SHARING + b"\xf8\x20\xe0x\xfc\x40y\x01\xf9") == ["", "x", "y", "y"]
    refused(SHARING + b"\xf8\x20\xe0x\xfc\x01\xf9")
    keys = b"\xf8\xfa\x20\xc0\x34x\xfc\xc0\x80y\xc0\xfb\xfa\x40\xc2\xfb\xf9"
    assert decode(HEADER + keys) == [{"": 0, "x": 0, "y": 0}, {"y": 1}]


def test_references_need_the_flag_of_the_header_and_a_place_in_the_table():
    for reference in (b"\x01", b"\xec\x00", b"\xef\xff"):
        refused(HEADER + b"\xf8\x40x" + reference + b"\xf9")
    assert decode(SHARING + b"\xf8\x40x\x01\xf9") == ["x", "x"]
    refused(SHARING + b"\xf8\x40x\x02\xf9")
    keys = b"\xfa\x80x\xc0\x40\xc0\xfb"
    assert decode(HEADER + keys) == {"x": 0}
    refused(b":)\n\x00" + keys)
    refused(HEADER + b"\xfa\x80x\xc0\x41\xc0\xfb")
    refused(HEADER + b"\xfa\x80x\xc0\x30\x40\xc0\xfb")


@pytest.mark.parametrize(
    "header", [b"", b":", b":)", b":)\n", b":(\n\x01", b":)\r\x01", b":)\n\x11", b":)\n\x09"]
)
def test_the_header_is_required_with_a_known_version(header):
    refused(header + b"\xc0")
    refused(header)


def test_reserved_bytes_are_refused_as_values():
    reserved = [0x00, 0x27, *range(0x2B, 0x40), 0xE1, 0xE2, 0xE3, 0xE5, 0xE6, 0xE7, 0xE9, 0xEA,
                0xEB, *range(0xF0, 0xF8), 0xFB, 0xFC, 0xFE, 0xFF]  # fmt: skip
    for token in reserved:
        refused(HEADER + bytes((token,)) + bytes(20))
        refused(HEADER + b"\xf8" + bytes((token,)) + b"\x81" * 20 + b"\xf9")
        refused(HEADER + b"\xfa\x80a" + bytes((token,)) + b"\x81" * 20 + b"\xfb")
    refused(HEADER + b"\xf9")
    refused(HEADER + b"\xfa\x80a\xf9\xfb")


def test_reserved_bytes_are_refused_as_keys():
    reserved = [*range(0x20), *range(0x21, 0x30), *range(0x35, 0x40), 0xF8, 0xF9, 0xFA,
                *range(0xFC, 0x100)]  # fmt: skip
    for token in reserved:
        refused(HEADER + b"\xfa" + bytes((token,)) + b"a\xc0\xfb")


def test_documents_are_refused_when_truncated_anywhere():
    document = [MIXED, NUMBERS_SENT, "x" * 70, "é" * 70, {"k" * 70: 1}, 2**70, "again", "again"]
    for options in ({}, {"share_values": True, "raw_binary": True}):
        data = encode(document, **options)
        for size in range(len(data)):
            refused(data[:size])


def test_bytes_behind_the_value_are_refused():
    for trailing in (b"\xc0", b"\xff\xff", b"\xff\xc0", HEADER + b"\xc0", b"\x00"):
        refused(HEADER + b"\xf8\xf9" + trailing)


@pytest.mark.parametrize(
    "body",
    [
        b"\x40\xc3",  # not ASCII
        b"\x80\xc3\x28",
        b"\x80\xc0\x80",  # overlong
        b"\x81\xed\xa0\x80",  # a lone surrogate
        b"\xe0\xc3\xa9\xfc",
        b"\xe4\xed\xa0\x80\xfc",
        b"\xe4\xff\xfc",
        b"\xfa\x80\xff\xc0\xfb",
        b"\xfa\xc1\xed\xa0\x80\xc0\xfb",
        b"\xfa\x34\xff\xfc\xc0\xfb",
    ],
)
def test_text_that_is_not_unicode_is_refused(body):
    refused(HEADER + body)


def test_floats_that_json_does_not_have_are_refused():
    for name in ("nan", "inf", "-inf"):
        refused(encode(float(name)))
        refused(encode([Float32(name)]))


def test_bytes_of_eight_bits_where_seven_are_due_are_refused():
    refused(HEADER + b"\x28\x80\x00\x00\x00\x00")
    refused(HEADER + b"\x29" + b"\x00" * 9 + b"\x80")
    refused(HEADER + b"\x26\x81\x80\x00")


def test_integers_wider_than_they_say_are_refused():
    assert decode(HEADER + b"\x24\x1f\x7f\x7f\x7f\xbf") == -(2**31)
    refused(HEADER + b"\x24\x20\x00\x00\x00\x80")
    refused(HEADER + b"\x24" + b"\x7f" * 100_000 + b"\x80")
    assert decode(HEADER + b"\x25\x03" + b"\x7f" * 8 + b"\xbf") == -(2**63)
    refused(HEADER + b"\x25\x04" + b"\x00" * 8 + b"\x80")
    refused(HEADER + b"\xfd\x7f\x7f\x7f\x7f\xbf")


def test_lengths_beyond_the_document_are_refused():
    for token in (b"\xe8", b"\xfd"):
        refused(HEADER + token + b"\x0f\x7f\x7f\x7f\xbf" + b"\x00" * 50)


def test_numbers_have_limits():
    over_limit(encode(2 ** (8 * NUMBER_BYTES_MAX)))
    assert decode(encode(2 ** (8 * NUMBER_BYTES_MAX - 2))) == 2 ** (8 * NUMBER_BYTES_MAX - 2)
    over_limit(encode(Decimal(2 ** (8 * NUMBER_BYTES_MAX))))
    for exponent in (SCALE_MAX, -SCALE_MAX):
        number = Decimal(f"7E{exponent}")
        assert decode(encode(number)) == number
        assert Decimal(to_json(encode(number)).decode()) == number
        over_limit(encode(Decimal(f"7E{exponent * 2}")))
    over_limit(HEADER + b"\x2a\x1f\x7f\x7f\x7f\xbf\x81\x00\x00")
    refused(HEADER + b"\x26\x80")
    refused(HEADER + b"\x2a\x80\x80")


def test_depth_has_a_limit():
    deepest = HEADER + b"\xf8" * DEPTH_MAX + b"\xf9" * DEPTH_MAX
    assert to_json(deepest) == b"[" * DEPTH_MAX + b"]" * DEPTH_MAX
    over_limit(HEADER + b"\xf8" * (DEPTH_MAX + 1) + b"\xf9" * (DEPTH_MAX + 1))
    over_limit(HEADER + b"\xfa\x80a" * 100_000)
    objects = HEADER + b"\xfa\x20" * DEPTH_MAX + b"\xc0" + b"\xfb" * DEPTH_MAX
    assert to_json(objects) == b'{"":' * DEPTH_MAX + b"0" + b"}" * DEPTH_MAX


def test_references_cannot_make_a_small_document_large():
    times = REFERRED_CHARS_MAX // 64
    first = SHARING + b"\xf8\x7f" + b"x" * 64
    assert len(decode(first + b"\x01" * times + b"\xf9")) == times + 1
    over_limit(first + b"\x01" * (times + 1) + b"\xf9")


@pytest.mark.parametrize(
    "unit", [b"\xc0", b"\xf8", b"\xf8\xf9", b"\x24\x00", b"\x40x", b"\xe0x", b"\xe8\x80", b"\x80"]
)
@pytest.mark.timeout(20)
def test_time_grows_with_the_size_only(unit):
    """Half a megabyte of any one thing takes well below a second; the square of it, hours."""
    with suppress(Malformed, OverLimit):
        decode(HEADER + b"\xf8" + unit * (500_000 // len(unit)) + b"\xf9")


def test_the_encoder_refuses_what_smile_has_no_form_for():
    with pytest.raises(TypeError):
        encode({1, 2})
    with pytest.raises(TypeError):
        encode(Decimal("Infinity"))
