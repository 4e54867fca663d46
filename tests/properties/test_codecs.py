"""Laws of the codecs: what is written is read again, and no bytes bring a reader down."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from onefold import smile
from onefold.domain.identity import xid
from onefold.domain.identity.identity import Identity
from onefold.errors import Malformed, OverLimit
from onefold.testing.smile_encoder import encode

namespace_ids = st.integers(0, 30) | st.integers(0, 2**32) | st.integers(min_value=0)

# Arbitrary text hardly ever has what the XID's tokens look for; hence also text of such parts.
parts = st.one_of(
    st.text("0123456789", min_size=1, max_size=45),
    st.text("0123456789abcdef", min_size=30, max_size=70),
    st.text("0123456789ABCDEF", min_size=30, max_size=70),
    st.text("abcXYZ019", max_size=50),
    st.text("A", max_size=50),
    st.text("+-@._ ~\x00\x1f", max_size=10),
    st.from_regex(r"[0-9A-F]{16}-[0-9A-F]{16}", fullmatch=True),
    st.sampled_from(("0", "000", "0000", "janedoe", "@gmail.com", "é", "\U0001f600")),
)
values = st.one_of(
    st.text(min_size=1, max_size=xid.VALUE_CHARS_MAX),
    st.lists(parts, min_size=1, max_size=8).map("".join).filter(bool),
)
identities = st.builds(Identity, namespace_ids, values)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=80)
    | st.sampled_from(("", "a", "b", "é" * 32, "x" * 64, "x" * 65, "long" * 40))
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(st.text(max_size=70) | st.sampled_from("abc"), inner, max_size=8)
    ),
    max_leaves=40,
)
options = st.fixed_dictionaries(
    {name: st.booleans() for name in ("share_names", "share_values", "raw_binary", "end_mark")}
)


def answer_or_refusal(decode: Callable[[Any], Any], sent: Any) -> tuple[Any, str]:
    """The answer, or the code of the refusal. Any other exception is a found bug."""
    try:
        return decode(sent), ""
    except Malformed as error:
        return None, error.code
    except OverLimit as error:
        return None, "limit " + error.code


def exact(value: Any) -> Any:
    """A value as JSON's reader gives it when floats are to be Decimals."""
    if isinstance(value, dict):
        return {key: exact(member) for key, member in value.items()}
    if isinstance(value, list):
        return [exact(member) for member in value]
    return Decimal(repr(value)) if isinstance(value, float) else value


def canonical_or_refused(text: str) -> None:
    identity, refusal = answer_or_refusal(xid.decode, text)
    if identity is None:
        assert refusal == "XID-1001"
    else:
        assert xid.encode(identity.namespace_id, identity.value) == text


def smile_or_refused(data: bytes) -> None:
    answer, refusal = answer_or_refusal(smile.decode, data)
    assert refusal in ("", "SML-1001", "limit SML-1002")
    if not refusal:
        assert json.loads(smile.to_json(data), parse_float=Decimal) == exact(answer)


@settings(max_examples=150)
@given(identities)
def test_an_xid_is_read_back_as_its_identity(identity):
    text = xid.encode(identity.namespace_id, identity.value)
    assert xid.decode(text) == identity


@settings(max_examples=150)
@given(identities, identities)
@example(Identity(6, "abcdefghijk"), Identity(6, "abcdefghijkA"))
@example(Identity(0, "x"), Identity(256, "x"))
def test_identities_have_one_xid_only_if_they_are_equal(one, other):
    same = xid.encode(one.namespace_id, one.value) == xid.encode(other.namespace_id, other.value)
    assert same == (one == other)


@settings(max_examples=150)
@given(st.text() | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
def test_any_text_is_a_canonical_xid_or_refused(text):
    canonical_or_refused(text)


@settings(max_examples=150)
@given(st.sampled_from((b"\x05\x41", b"\x05\x42", b"\x03\x6f", b"\x09\x44\x6f", b"")), st.binary())
def test_any_bytes_are_a_canonical_xid_or_refused(head, tail):
    canonical_or_refused(urlsafe_b64encode(head + tail).rstrip(b"=").decode())


@settings(max_examples=100)
@given(identities, st.data())
def test_an_xid_with_one_byte_changed_is_canonical_or_refused(identity, data):
    text = xid.encode(identity.namespace_id, identity.value)
    at = data.draw(st.integers(0, len(text) - 1))
    canonical_or_refused(text[:at] + data.draw(st.sampled_from("Aa09-_=+/ é")) + text[at + 1 :])


@settings(max_examples=100, deadline=None)
@given(documents, options)
def test_smile_is_read_back_as_it_was_written(document: Any, options: dict[str, bool]):
    data = encode(document, **options)
    assert smile.decode(data) == document
    assert json.loads(smile.to_json(data)) == document


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100), st.decimals(allow_nan=False, allow_infinity=False), st.booleans())
def test_smile_keeps_binary_and_decimals(binary, number, raw_binary):
    decoded = smile.decode(encode([binary, number], raw_binary=raw_binary))
    assert decoded == [b64encode(binary).decode(), number]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 7), st.binary(max_size=300))
def test_any_bytes_are_smile_or_refused(flags, body):
    smile_or_refused(b":)\n" + bytes((flags,)) + body)
    smile_or_refused(body)


@settings(max_examples=150, deadline=None)
@given(documents, options, st.data())
def test_smile_with_one_byte_changed_is_smile_or_refused(document, options, data):
    sent = bytearray(encode(document, **options))
    sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    smile_or_refused(bytes(sent))
    smile_or_refused(bytes(sent[: data.draw(st.integers(0, len(sent)))]))
