"""Laws of what calls say: whatever is sent is understood or refused, and always the same."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.calls.batch import head_of, without_keys
from onefold.domain.calls.call import (
    CALLS,
    WORDS,
    Call,
    Door,
    Understood,
    decode,
    encode,
    records,
    understood,
)
from onefold.domain.calls.entities import event_entity, group_entity, settled, traits_entity
from onefold.domain.calls.ids import event_id
from onefold.domain.calls.names import action_of_name
from onefold.domain.calls.times import UNTIL_MS, corrected, read, written
from onefold.domain.profile.event import timestamp_ms
from onefold.errors import Rejected
from onefold.wire import decode_json, encode_json
from tests.properties import strategies as any_

doors = st.sampled_from(get_args(Door))
moments = st.integers(0, UNTIL_MS - 1)
calls = st.builds(
    lambda door, message, kind, sent_at, context, ip: Call(
        door, "B", "e", raw(message), kind, sent_at, raw(context), ip
    ),
    doors,
    any_.messages | any_.json_values,
    st.sampled_from(("", *CALLS)),
    st.none() | moments,
    st.none() | any_.objects,
    st.sampled_from(("", "1.2.3.4")),
)


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(encode_json(value))


def told(call: Call, received_ms: int) -> Understood | str:
    """What a call says, or the code of its fault."""
    try:
        return understood(call, received_ms, frozenset("ab"))
    except Rejected as refused:
        return refused.code


@given(calls, moments)
def test_a_call_is_understood_or_refused_and_the_same_from_the_journal(
    call: Call, received_ms: int
) -> None:
    first = told(call, received_ms)
    again = told(decode(encode(call)), received_ms)
    assert first == again
    if isinstance(first, str):
        assert first in WORDS


@given(st.binary(max_size=30), doors)
def test_no_bytes_are_a_defect(sent: bytes, door: Door) -> None:
    message = msgspec.Raw(sent)
    assert isinstance(told(Call(door, "B", "e", message), 0), str)
    assert head_of(message).write_key == ""
    assert bytes(without_keys(message)) == sent


@given(calls, moments)
def test_what_is_made_of_a_call_is_what_it_feeds(call: Call, received_ms: int) -> None:
    u = told(call, received_ms)
    if isinstance(u, str):
        return
    assert u.user_id or u.anonymous_id
    assert 0 <= u.at_ms < UNTIL_MS
    assert u.raw["timestamp"] == written(u.at_ms)
    assert "writeKey" not in u.raw
    assert action_of_name(u.action) == u.action
    made = {
        "calls": event_entity(u, call),
        "traits": traits_entity(u, call, received_ms),
        "groups": group_entity(u, call, received_ms),
    }
    assert [kind for kind, entity in made.items() if entity is not None] == records(u)
    for entity in made.values():
        if entity is not None:
            assert decode_json(encode_json(entity)) == entity
            items = [item for named in entity["identityMap"].values() for item in named]
            assert [item.get("primary", False) for item in items].count(True) == 1
    if (record := made["traits"]) is not None:
        new, old = settled(record, known=False), settled(record, known=True)
        assert new is not None
        assert "_first" not in new
        assert old is None or old == new or "_first" in record


@given(any_.messages, doors, moments)
def test_nothing_that_was_sent_is_lost(sent: dict[str, Any], door: Door, received_ms: int) -> None:
    u = told(Call(door, "B", "e", raw(sent)), received_ms)
    if isinstance(u, str):
        return
    ours = {"timestamp", "originalTimestamp", "writeKey", "action", "receivedAt", "version"}
    ids = {"userId", "anonymousId", "groupId", "previousId", "messageId"}
    for name in sent.keys() - ours - ids:
        assert encode_json(u.raw[name]) == encode_json(sent[name])
    if sent.get("timestamp") not in (None, u.raw["timestamp"]):
        assert encode_json(u.raw["originalTimestamp"]) == encode_json(sent["timestamp"])


@given(moments)
def test_a_time_that_was_written_is_read_back(at_ms: int) -> None:
    text = written(at_ms)
    assert read(text) == read(text.lower()) == read(text.replace("T", " ")) == at_ms
    assert timestamp_ms(text) == at_ms
    assert read(text[:-1]) == read(text[:-1] + "+00:00") == at_ms
    assert read(at_ms // 1000) == at_ms // 1000 * 1000
    if at_ms >= 100_000_000_000:
        assert read(at_ms) == at_ms


@given(st.integers(10**8, UNTIL_MS - 10**8), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_an_offset_moves_the_clock_and_not_the_moment(at_ms: int, minutes: int) -> None:
    sign, ahead = ("-", -minutes) if minutes < 0 else ("+", minutes)
    local = written(at_ms + minutes * 60_000)[:-1]
    hours, rest = divmod(ahead, 60)
    assert read(f"{local}{sign}{hours:02}:{rest:02}") == at_ms
    assert read(f"{local}{sign}{hours:02}{rest:02}") == at_ms


@given(st.text() | any_.json_values | st.integers() | st.floats())
def test_whatever_is_said_is_a_time_of_our_years_or_none(said: Any) -> None:
    at_ms = read(said)
    assert at_ms is None or 0 <= at_ms < UNTIL_MS


@given(moments, st.none() | moments, moments)
def test_nothing_happened_after_it_was_received(
    original_ms: int, sent_ms: int | None, received_ms: int
) -> None:
    at_ms = corrected(original_ms, sent_ms, received_ms)
    assert 0 <= at_ms <= received_ms
    if sent_ms is not None and abs(sent_ms - received_ms) > 1000 and original_ms <= sent_ms:
        assert at_ms == max(received_ms - (sent_ms - original_ms), 0)


@given(st.text())
def test_an_action_is_its_own_action(name: str) -> None:
    action = action_of_name(name)
    assert action_of_name(action) == action
    assert action_of_name(f" {name}\t") == action
    assert re.fullmatch(r"[^\W_]+(_[^\W_]+)*", action)


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), unique=True, max_size=8))
def test_ids_tell_apart_what_differs(named: list[tuple[str, str]]) -> None:
    assert len({event_id(*one) for one in named}) == len(named)
