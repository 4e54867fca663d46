"""Bodies with batches, taken apart."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.calls.batch import (
    ITEMS_MAX,
    SENT_AT_CHARS_MAX,
    batch_of,
    head_of,
    require_usable,
    without_keys,
)
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
        (b'{"batch":[1e400,"\xff"]}', "API-1003"),
        (b'{"batch":[1e400,NaN]}', "API-1003"),
        (b'{"batch":[1e400,01]}', "API-1003"),
        (b'{"batch":[1e400,{"a" 1}]}', "API-1003"),
        (b'{"batch":[1e400],"n":-}', "API-1003"),
        (b'{"batch":[1e400],}', "API-1003"),
        (b'{"batch":[1e400]', "API-1003"),
        (b'{"batch":[' + b"[" * 5000 + b"]" * 4999 + b"]}", "API-1003"),
        (b'{"batch":[{"a":' + b"[" * 5000 + b"]" * 5000 + b',"b"}]}', "API-1003"),
        (b"{}", "CAL-2001"),
        (b'{"n":1e400}', "CAL-2001"),
        (b'{"batch":1e400}', "CAL-2001"),
        (b'{"batch":null}', "CAL-2001"),
        (b'{"batch":{}}', "CAL-2001"),
        (b'{"batch":[' + b",".join([b"{}"] * (ITEMS_MAX + 1)) + b"]}", "CAL-2001"),
        (b'{"batch":[' + b",".join([b"1e400"] * (ITEMS_MAX + 1)) + b"]}", "CAL-2001"),
    ],
)
def test_other_bodies_are_refused(body: bytes, code: str) -> None:
    with pytest.raises(Malformed, match=code):
        batch_of(body)


@pytest.mark.parametrize("body", [b'{"batch":[]}', b'{"batch":[{}],"context":[]}'])
def test_one_door_refuses_what_the_others_take_for_no_calls(body: bytes) -> None:
    with pytest.raises(Malformed, match="CAL-2001"):
        require_usable(batch_of(body))


ODD = [
    b'{"userId": "u", "n": 1e400}',
    b'{"userId":"u","n":-1E+999,"t":"]}\\""}',
    b'{"userId":"u","n":' + b"9" * 5_000 + b"}",
    b'{"userId":"u","a":' + b'{"a":' * 2_500 + b"1" + b"}" * 2_501,
    b"[" * 2_500 + b"]" * 2_500,
    b"1e400",
]
"""JSON that nobody decodes."""


@pytest.mark.parametrize("odd", ODD)
def test_an_item_that_cannot_be_decoded_is_an_item_like_others(odd: bytes) -> None:
    around = b'"context" : {"a": "["},"integrations":{},"sentAt":5,"n":-0.5e3,"b":[],"writeKey":"k"'
    batch = batch_of(b' { "batch" : [ %b , {"a": 1}, "x,", [] , null ] , %b } \n' % (odd, around))
    assert [bytes(one) for one in batch.items] == [odd, b'{"a": 1}', b'"x,"', b"[]", b"null"]
    assert (bytes(batch.context), bytes(batch.integrations)) == (b'{"a": "["}', b"{}")
    assert (batch.sent_at, batch.write_key) == (5, "k")
    assert batch_of(b'{"batch":[%b],"batch":[]}' % odd).items == []
    assert batch_of(b'{"b\\u0061tch":[%b]}' % odd).items == [msgspec.Raw(odd)]


@pytest.mark.parametrize("odd", ODD[:4])
def test_of_a_message_that_cannot_be_decoded_the_head_is_read_and_the_keys_go(odd: bytes) -> None:
    told = b',"messageId":"m","writeKey":"k","sentAt":7,"write_key":{"a":[]}}'
    message = msgspec.Raw(odd[:-1] + told)
    assert head_of(message) == head_of(b'{"messageId":"m","writeKey":"k","sentAt":7}')
    bare = bytes(without_keys(message))
    assert b"writeKey" not in bare
    assert b"write_key" not in bare
    assert head_of(bare).message_id == "m"
    assert bytes(without_keys(msgspec.Raw(odd))) == odd


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)


_SCALARS = st.none() | st.text(st.characters(codec="utf-8")) | st.floats(-9, 9) | st.booleans()


@given(st.recursive(_SCALARS, _nested))
def test_parts_are_those_that_a_decoder_finds(value: Any) -> None:
    body = json.dumps({"n": 0, "batch": [value, value], "context": value}, ensure_ascii=False)
    plain = batch_of(body.encode())
    batch = batch_of(body.replace('"n": 0', '"n": 1e999', 1).encode())
    assert batch == plain


def test_a_long_sent_at_is_not_kept_with_every_call() -> None:
    said: Any
    for said in ("x" * (SENT_AT_CHARS_MAX + 1), ["x"], 1.5, True, 2**63, -1):
        assert batch_of(encode_json({"batch": [{}], "sentAt": said})).sent_at == ""
    assert batch_of(b'{"batch":[{}],"sentAt":1e400}').sent_at == ""
    for said in ("x" * SENT_AT_CHARS_MAX, 1_700_000_000_000, None):
        assert batch_of(encode_json({"batch": [{}], "sentAt": said})).sent_at == said


def test_parts_are_found_in_linear_time() -> None:
    megabyte = 1_000_000
    for filling in (b"[" * megabyte, b'{"a":' * (megabyte // 5), b'\\"' * (megabyte // 2)):
        started = time.perf_counter()
        for body in (b'{"batch":[%b' % filling, b'{"batch":["%b"]}' % filling):
            with suppress(Malformed):
                batch_of(body)
        assert time.perf_counter() - started < 3


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
