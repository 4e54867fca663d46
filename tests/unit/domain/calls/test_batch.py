"""Bodies with batches, taken apart."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.calls.batch import ITEMS_MAX, batch_of, head_of, without_keys
from onefold.domain.calls.message import NOTHING, mended
from onefold.errors import Malformed
from onefold.wire import decode_json, encode_json


def test_a_batch_is_taken_apart_as_it_was_sent() -> None:
    batch = batch_of(
        b'{"batch":[{"a": 1.0}, 7, null],"context": {"b":1},"sentAt":5,"writeKey":"k"}'
    )
    assert [bytes(item) for item in batch.items] == [b'{"a": 1.0}', b"7", b"null"]
    assert bytes(batch.context) == b'{"b":1}'
    assert (batch.sent_at, batch.write_key) == (5, "k")
    bare = batch_of(b'{"batch":[{}],"context":null,"writeKey":7}')
    assert (bare.context, bare.sent_at, bare.write_key) == (NOTHING, None, "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "API-1003"),
        (b"{", "API-1003"),
        (b"[]", "API-1003"),
        (b"null", "API-1003"),
        (b'{"batch":["\xff"]}', "API-1003"),
        (b'{"batch":[' + b"[" * 5000 + b"]" * 5000 + b"]}", "API-1003"),
        (b"{}", "CAL-2001"),
        (b'{"batch":[]}', "CAL-2001"),
        (b'{"batch":null}', "CAL-2001"),
        (b'{"batch":{}}', "CAL-2001"),
        (b'{"batch":[{}],"context":[]}', "CAL-2001"),
        (b'{"batch":[' + b",".join([b"{}"] * (ITEMS_MAX + 1)) + b"]}", "CAL-2001"),
    ],
)
def test_other_bodies_are_refused(body: bytes, code: str) -> None:
    with pytest.raises(Malformed, match=code):
        batch_of(body)


_PARTS = st.sampled_from(["\\", '"', "u", "d83d", "\n", "x", "\ud83d", "\ude00", "\U0001f600"])


@given(st.lists(_PARTS, max_size=12).map("".join) | st.text(st.characters()))
def test_halves_of_characters_are_put_right_and_nothing_else(text: str) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    whole = "".join(
        "\ufffd" if "\ud800" <= char <= "\udfff" else char
        for char in units.decode("utf-16-le", "surrogatepass")
    )
    sent = json.dumps([text]).encode()
    assert decode_json(mended(sent)) == [whole]
    if whole == text:
        assert mended(sent) == sent
    batch = batch_of(b'{"batch":[%b,{"a":1}]}' % sent)
    assert decode_json(batch.items[0]) == [whole]
    assert bytes(batch.items[1]) == b'{"a":1}'


def test_a_batch_has_2500_items() -> None:
    assert len(batch_of(b'{"batch":[' + b",".join([b"7"] * ITEMS_MAX) + b"]}").items) == 2500


@pytest.mark.parametrize(
    ("message", "head"),
    [
        ({"messageId": " m ", "writeKey": "k", "sentAt": 1}, ("m", "k", 1)),
        ({"message_id": 7, "write_key": "k"}, ("7", "", None)),
        ({"messageId": "m" * 101, "writeKey": 7}, (None, "", None)),
        ({"messageId": ["m"]}, (None, "", None)),
        ([], (None, "", None)),
    ],
)
def test_the_head_of_a_message_is_what_can_be_used(message: Any, head: tuple) -> None:
    found = head_of(encode_json(message))
    assert (found.message_id, found.write_key, found.sent_at) == head
    assert head_of(b"{").message_id is None


def test_keys_are_taken_out_and_nothing_else() -> None:
    kept = {"userId": "u", "n": 2**63, "context": {"writeKey": "not ours"}, "é": "\u2028"}
    for name in (b'"writeKey"', b'"write_key"', b'"auth-token"', b'"writeKe\\u0079"'):
        sent = encode_json(kept)[:-1] + b"," + name + b':"secret"}'
        left = bytes(without_keys(msgspec.Raw(sent)))
        assert decode_json(left) == kept
    for same in (encode_json(kept), b'{ "a": "write" }', b'["writeKey"]', b'{"writeKey"'):
        assert bytes(without_keys(msgspec.Raw(same))) == same
