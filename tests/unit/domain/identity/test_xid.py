"""XID: the published samples byte for byte, and the edges of every token."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress

import pytest

from onefold.domain.identity.identity import Identity
from onefold.domain.identity.xid import NAMESPACE_BYTES_MAX, VALUE_CHARS_MAX, decode, encode
from onefold.errors import Malformed

# Profile contract, 2.3.
CONTRACT_VECTORS = (
    (4, "12507560687324495704459439363261812234", "A28iM3aJBJRbEQpOnUh5HOM9"),
    (4, "12019606991718502754997192487345616673", "A28jSB484ziuECF3fEoXmFlF"),
    (4, "38335942889672702722192106363935964471", "A2-AP9zOsakzNTe9Rqwf7Wse"),
    (4, "17403431921341035514381613541323453523", "A2__MWya6fAmGFM0oBFNns48"),
    (4, "79943948563923140522865572770524243489", "A2_ETHkJxMvxbiEmIZlAj8Qn"),
    (4, "89149270342662559642753730269986316601", "A29cgveD5y64ezlhxjUXNzcm"),
    (4, "89149270342662559642753730269986316900", "A29cgveD5y64e2RixjUXNzcm"),
    (4, "89149270342662559642753730269986316602", "A29cgveD5y64ezphxjUXNzcm"),
    (7, "+32473622044+06022022-01", "BkFuK4QcJpSPByuSBnr0LTAx"),
    (7, "+32473622044+18112024-01", "BkFvK4QcJpSPByuDGF4UAS0wMQ"),
    (
        6,
        "woutervangeluwe+06022022-01@gmail.com",
        "BUF9zMKLrXq72p4HpbsHv1SSBnr0LTAxQGdtYWlsLmNvbQ",
    ),
    (
        6,
        "woutervangeluwe+18112024-01@gmail.com",
        "BUF9zMKLrXq72p4HpbsHv1SDGF4UAS0wMUBnbWFpbC5jb20",
    ),
    (6, "vangeluw-18032019-3@adobe.com", "BUF5dmFuZ2VsdXctg5MlEwEtM0BhZG9iZS5jb20"),
    (10, "6108AAEBC4697958-66BCCC1083D28AF1", "CURvYQiq68RpeVhmvMwQg9KK8Q"),
    (11443152, "1478212", "GtCbrkFjgkSOFg"),
    (11443272, "5415776", "GkicrkFjgmCjUg"),
    (19199932, "3688250", "G7z3JAFBY4I6Rzg"),
    (77386, "50353446361742744826197433431642033796", "GkouAW-yD9aoRCPhRYROJ-TetAFW"),
    (441179, "0473622044-18032019-3", "Glu7BkFskxyw1Vctg5MlEwEtMw"),
    (74200, "test1", "GtghAUFkdGVzdDE"),
    (81636, "2334262", "GuQ-AUFjgjaeIw"),
    (81676, "2334262", "Ggw_AUFjgjaeIw"),
)

# Printed beside their identities in Adobe's public tutorials of 2019 and 2020.
TUTORIAL_VECTORS = (
    (
        11,
        "05b0af02ffcbdedaca8efdd48c96db6aa827d26592e1ddade10dd11b8576b81c",
        "CkF9rwWwrwL_y97ayo791IyW22qvqCfSZZLh3a3hDdEbhXa4HA",
    ),
    (
        11,
        "32d731e23b6cb8742c279ff88b61cce0ef5758f30b1e098a2c0770bbdc430a84",
        "CkF9rzLXMeI7bLh0LCef-IthzOCv71dY8wseCYosB3C73EMKhA",
    ),
    (
        20896,
        "03F87FDD39A3CADE193407F5526219641C78034638736C5FF67777B8474369AF",
        "GaBRQX2_A_h_3Tmjyt4ZNAf1UmIZZL8ceANGOHNsX_Z3d7hHQ2mv",
    ),
    (747, "GA1.2.1600423169.1590665761", "GesCQXBHQTEuMi6DAYVkXy6DIaLPXg"),
    (10000555, "+32473622044+28052020-10", "GquYmEFvK4QcJpSPByuDNAqsAS0xMA"),
)

OLD_VECTORS = (
    (6, "janedoe@example.com", "BVrqzwVv7o2p3naHvnsWpqZXv3KJgA"),
    (6, "test@adobetest.com", "BVrqzwVuzbXrLfmnaG3rXrLf3KJg"),
)


def raw(xid: str) -> bytes:
    return urlsafe_b64decode(xid + "=" * (-len(xid) % 4))


def text(raw_: bytes) -> str:
    return urlsafe_b64encode(raw_).rstrip(b"=").decode()


def payload(value: str) -> bytes:
    """The tokens of a value, without the heads."""
    return raw(encode(6, value))[3:]


def refused(xid: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode(xid)
    assert caught.value.code == "XID-1001"


@pytest.mark.parametrize(("namespace_id", "value", "xid"), CONTRACT_VECTORS + TUTORIAL_VECTORS)
def test_published_samples_are_reproduced(namespace_id, value, xid):
    assert encode(namespace_id, value) == xid
    assert decode(xid) == Identity(namespace_id, value)


@pytest.mark.parametrize(("namespace_id", "value", "xid"), OLD_VECTORS)
def test_the_older_form_is_read_but_never_written(namespace_id, value, xid):
    assert decode(xid) == Identity(namespace_id, value)
    assert encode(namespace_id, value) != xid


@pytest.mark.parametrize(
    ("namespace_id", "head"),
    [
        (0, "1800"),
        (1, "00"),
        (24, "17"),
        (25, "1819"),
        (255, "18ff"),
        (256, "190001"),
        (411, "199b01"),
        (65536, "1a000001"),
        (2**24, "1b00000001"),
    ],
)
def test_namespace_ids_up_to_24_take_one_byte_and_others_as_few_as_possible(namespace_id, head):
    xid = encode(namespace_id, "x")
    assert raw(xid).hex() == head + "4160" + b"x".hex()
    assert decode(xid) == Identity(namespace_id, "x")


def test_the_largest_namespace_id_is_the_one_whose_length_fits_the_first_byte():
    largest = 256**NAMESPACE_BYTES_MAX - 1
    assert decode(encode(largest, "x")) == Identity(largest, "x")
    with pytest.raises(Malformed):
        encode(largest + 1, "x")
    with pytest.raises(Malformed):
        encode(-1, "x")


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("123", b"123"),
        ("1234", b"\x81\xd2\x04"),
        ("0000", b"\x91\xe8\x03"),
        ("9" * 19, b"\x87" + (10**19 - 1).to_bytes(8, "little")),
        ("0" * 19, b"\x97" + (10**18).to_bytes(8, "little")),
        ("9" * 20, b"\x87" + (10**19 - 1).to_bytes(8, "little") + b"9"),
        ("1" * 19 + "0004", b"\x87" + (10**19 // 9).to_bytes(8, "little") + b"\x91\xec\x03"),
    ],
)
def test_runs_of_4_to_19_digits_become_integers(value, tokens):
    assert payload(value) == tokens


def test_thirty_eight_digits_are_two_integers_with_leading_zeros():
    assert raw(encode(4, "0" * 38)) == b"\x03\x6f" + bytes(16)
    assert decode(encode(4, "0" * 38)).value == "0" * 38


def test_thirty_eight_digits_outside_ascii_are_text():
    value = "\N{ARABIC-INDIC DIGIT ONE}" * 38
    assert raw(encode(4, value))[1] == 0x42
    assert decode(encode(4, value)).value == value


def test_aaid_needs_upper_case():
    assert raw(encode(10, "6108AAEBC4697958-66BCCC1083D28AF1"))[1] == 0x44
    assert raw(encode(10, "6108aaebc4697958-66bccc1083d28af1"))[1] == 0x41
    assert raw(encode(10, "6108AAEBC4697958-66BCCC1083D28AG1"))[1] == 0x41


def test_text_is_packed_only_where_that_is_shorter():
    assert payload("abcdefg") == b"abcdefg"
    assert payload("abcdefgh")[0] == 0xC5
    assert payload("+-@.+-@.abc") == b"+-@.+-@.abc"


def test_text_whose_last_unit_is_padding_has_a_kind_of_its_own():
    assert payload("abcdefghijk")[0] == 0xE8
    assert payload("abcdefghijkA")[0] == 0xC8
    assert payload("abcdefghijk")[1:] == payload("abcdefghijkA")[1:]


def test_packed_text_has_at_most_32_bytes():
    assert payload("z" * 42)[0] == 0xDF
    assert payload("z" * 43) == b"z" * 43


def test_every_printable_character_can_be_packed():
    for code in range(0x20, 0x7F):
        value = "abcdefghijkl" + chr(code)
        assert payload(value)[0] >= 0xC0
        assert decode(encode(6, value)).value == value


def test_the_escapes_count_from_the_end_of_ascii():
    packed = payload("abcdefghijkl+")
    assert packed[-2] << 8 | packed[-1] == (63 << 6 | 21) << 4


def test_text_with_control_characters_is_not_packed():
    for value in ("abcdefghijkl\x00", "abcdefghijkl\x7f", "abc\ndefghijkl"):
        assert payload(value) == value.encode()
        assert decode(encode(6, value)).value == value


def test_hexadecimal_blocks_of_32_digits_of_one_case_are_raw():
    block = "0123456789abcdef" * 2
    assert payload(block) == b"\xaf" + bytes.fromhex(block)
    assert payload(block.upper()) == b"\xbf" + bytes.fromhex(block)
    assert payload("x-" + block) == b"x-\xaf" + bytes.fromhex(block)
    for value in (block[1:], block.title(), "1" * 32, block + block.upper(), block * 3 + "a"):
        assert decode(encode(6, value)).value == value
    assert payload("1" * 32)[0] == 0x87
    assert 0xAF not in payload(block[1:])


def test_payloads_of_30_bytes_and_more_share_one_length():
    assert raw(encode(6, "\x01" * 29))[2] == 0x7C
    assert raw(encode(6, "\x01" * 30))[2] == 0x7D
    assert raw(encode(6, "\x01" * 1024))[2] == 0x7D


def test_text_beyond_ascii_is_utf8():
    assert raw(encode(6, "jürgen")) == b"\x05\x42\x66" + "jürgen".encode()
    longest = "\U0001f600" * VALUE_CHARS_MAX
    assert decode(encode(6, longest)) == Identity(6, longest)


@pytest.mark.parametrize("value", ["", "x" * (VALUE_CHARS_MAX + 1), "\ud800", "a\udfff"])
def test_values_that_no_identity_has_have_no_xid(value):
    with pytest.raises(Malformed) as caught:
        encode(6, value)
    assert caught.value.code == "XID-1001"


@pytest.mark.parametrize(
    "xid",
    [
        "",
        "=",
        "A",
        "A===",
        "A28iM3aJBJRbEQpOnUh5HOM",
        "A28iM3aJBJRbEQpOnUh5HOM9AA",
        "A28iM3aJBJRbEQpOnUh5HOM9=",
        "A28iM3aJBJRbEQpOnUh5HOM9====",
        " A28iM3aJBJRbEQpOnUh5HOM9",
        "A28iM3aJBJRbEQpOnUh5HOM9\n",
        "A28i!M3aJBJRbEQpOnUh5HOM9",
        "A2+AP9zOsakzNTe9Rqwf7Wse",  # the other alphabet of base64
        "GtghAUFkdGVzdDF",  # a spare bit is set
        "GtghAUFkdGVzdDE=",
        "jürgen",
        "\ud800",
        "janedoe@example.com",
        "12507560687324495704459439363261812234",
        "x" * 10_000_000,
    ],
)
def test_text_that_is_not_an_xid_is_refused(xid):
    refused(xid)


@pytest.mark.parametrize(
    "hexadecimal",
    [
        "05",  # nothing behind the namespace
        "180541 60 78",  # a namespace in more bytes than it needs
        "1a010041 60 78",
        "1a01",
        "05 01 60 78",  # marks that are not in use
        "05 43 60 78",
        "05 41",
        "05 41 60",
        "05 41 61 78",  # a wrong length
        "05 41 7d 78",
        "05 42 60 78",  # ASCII as UTF-8
        "05 42 60 ff",
        "05 42 62 eda080",
        "03 6f" + "ff" * 16,  # 20 digits
        "03 6f" + "00" * 15,
        "09 44 6f" + "00" * 15,
        "09 44 6e" + "00" * 15,
        "05 41 6f 3132333435363738 3930 313233343536",  # digits left as text
        "05 41 62 81 d2",  # ends inside a token
        "05 41 60 81",
        "05 41 61 80 01",  # fewer than 4 digits
        "05 41 63 82 d20400",  # a leading zero byte
        "05 41 63 91 d207",  # 2002 does not stand for a run that begins with 0
        "05 41 63 c1 0000",  # packing that does not pay
        "05 41 68 c8 69b71d79f8218a39259a",
        "05 41 6a c8 69b71d79f8218a3925 61",  # text outside the token
        "05 41 65 c4 ffffffffff",  # no such escape
        "05 41 68 c7 69b71d79f82192bf",  # a dangling escape
        "05 41 68 c7 69b71d79f82193ff",
        "05 41 6f a0 ab" + "78" * 13,  # a short block
        "05 5aeacf05",
        "05 5aeacf05 60 78",
        "05 5aeacf05 6f ee8da9de7687be7b16a6a657bf728981",  # the padding unit is set
        "05 5aeacf05 6e ee8da9de7687be7b16a6a657bf728980",
        "05 5aeacf05 6f ce8da9de7687be7b16a6a657bf728980 00",
        "05 5aeacf05 61 c5 00",
        "05 5aeacf05 7d ff" + "00" * 40,
        "1805 5aeacf05 6e cdb5eb2df9a7686deb5eb2dfdca260",
    ],
)
def test_bytes_that_are_not_canonical_are_refused(hexadecimal):
    refused(text(bytes.fromhex(hexadecimal)))


def test_samples_are_refused_when_truncated():
    """Except that cutting 31 bytes of payload to 30 may give the XID of a shorter value."""
    for _, _, xid in CONTRACT_VECTORS + TUTORIAL_VECTORS + OLD_VECTORS:
        whole = raw(xid)
        for size in range(len(whole)):
            cut = text(whole[:size])
            if whole[2] == 0x7D and size >= 33:
                with suppress(Malformed):
                    identity = decode(cut)
                    assert encode(identity.namespace_id, identity.value) == cut
            else:
                refused(cut)
