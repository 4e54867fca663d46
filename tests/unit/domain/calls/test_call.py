"""What calls say, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.calls.call import (
    CALLS,
    SOURCES,
    WORDS,
    Call,
    decode,
    encode,
    records,
    understood,
)
from onefold.errors import CODES, Malformed, Rejected
from onefold.wire import decode_json, encode_json
from tests.unit.domain.calls.saying import KIM, RECEIVED, RECEIVED_MS, call, said

SEGMENT_DOORS = ("tag", "mobile", "segment", "import")


def refusal(message: Any, **around: Any) -> tuple[str, str | None]:
    with pytest.raises(Rejected) as refused:
        said(message, **around)
    return refused.value.code, refused.value.at


def test_the_journal_gives_a_call_back_as_it_was() -> None:
    whole = call(
        KIM, door="mobile", kind="track", sent_at=17, context={"app": {"build": 2**63}}, ip="::1"
    )
    for one in (whole, call(KIM), call(b'{ "n": 1.0 }')):
        again = decode(encode(one))
        assert encode(again) == encode(one)
        assert bytes(again.message) == bytes(one.message)
        assert bytes(again.context) == bytes(one.context)


@pytest.mark.parametrize("kept", [b"", b"{}", b"\xff", b'{"door":"window"}'])
def test_what_is_no_call_is_refused(kept: bytes) -> None:
    with pytest.raises(Malformed, match="CAL-1001"):
        decode(kept)


def test_every_fault_has_a_word_and_every_door_a_source() -> None:
    assert {code for code in CODES if code.startswith("CAL-1")} <= set(WORDS) <= set(CODES)
    assert len(set(WORDS.values())) == len(WORDS)
    assert {door for door, word in SOURCES.items() if word != "SEGMENT_API"} == {"preferences"}


@pytest.mark.parametrize("message", [b"[]", b'"u-1"', b"null", b"{", b"", b'{"a":"\xff"}'])
def test_a_message_is_an_object(message: bytes) -> None:
    assert refusal(message) == ("CAL-1001", None)


def test_a_message_is_not_nested_endlessly() -> None:
    def nested(levels: int) -> bytes:
        return b'{"userId":"u","event":"e","a":' + b"[" * levels + b"]" * levels + b"}"

    assert said(nested(99)).event == "e"
    assert refusal(nested(100)) == ("CAL-1001", None)
    assert refusal(nested(10_000)) == ("CAL-1001", None)


def test_a_message_has_32_kib_as_it_was_sent() -> None:
    spare = 32_768 - len(encode_json({**KIM, "event": "e", "a": ""}))
    assert said({**KIM, "event": "e", "a": "x" * spare}).event == "e"
    assert refusal({**KIM, "event": "e", "a": "x" * (spare + 1)}) == ("CAL-1009", None)
    assert refusal({**KIM, "event": "e"}, context={"a": "x" * 32_768}) == ("CAL-1009", None)


@pytest.mark.parametrize("none", [{}, {"userId": None}, {"userId": " ", "anonymousId": ""}])
def test_a_call_names_somebody(none: dict[str, Any]) -> None:
    for kind in CALLS:
        assert refusal(none, kind=kind) == ("CAL-1002", "/userId")


def test_ids_are_texts_trimmed_and_integers_are_spelled_out() -> None:
    u = said({"userId": " u-1\n", "anonymousId": 2**63, "event": "e", "messageId": " m "})
    assert (u.user_id, u.anonymous_id, u.message_id) == ("u-1", "9223372036854775808", "m")
    assert (u.raw["userId"], u.raw["anonymousId"]) == ("u-1", "9223372036854775808")


def test_other_spellings_of_ids_count_when_the_right_one_is_missing() -> None:
    u = said({"user_id": "a", "anonymous_id": "b", "message_id": "m", "event": "e"})
    assert (u.user_id, u.anonymous_id, u.message_id) == ("a", "b", "m")
    assert u.raw["userId"] == u.raw["user_id"] == "a"
    assert said({"userId": "a", "user_id": "z", "event": "e"}).user_id == "a"
    assert said({"userId": "", "user_id": "z", "event": "e"}).user_id == "z"
    assert said({**KIM, "group_id": "g"}, kind="group").group_id == "g"
    assert said({**KIM, "previous_id": "p"}, kind="alias").previous_id == "p"


@pytest.mark.parametrize("wrong", [True, 1.5, ["u"], {"id": "u"}])
@pytest.mark.parametrize("name", ["userId", "anonymousId", "messageId"])
def test_ids_of_other_types_are_refused(name: str, wrong: Any) -> None:
    assert refusal({**KIM, "event": "e", name: wrong}) == ("CAL-1005", f"/{name}")


def test_ids_have_512_bytes_and_message_ids_100_characters() -> None:
    assert said({"userId": "é" * 256, "event": "e"}).user_id == "é" * 256
    assert refusal({"userId": "é" * 256 + "e", "event": "e"}) == ("CAL-1010", "/userId")
    assert refusal({"anonymousId": "x" * 513, "event": "e"}) == ("CAL-1010", "/anonymousId")
    assert said({**KIM, "event": "e", "messageId": "é" * 100}).message_id == "é" * 100
    assert refusal({**KIM, "event": "e", "messageId": "m" * 101}) == ("CAL-1008", "/messageId")


@pytest.mark.parametrize("kind", CALLS)
def test_the_route_decides_the_kind_on_the_write_door(kind: str) -> None:
    message: dict[str, Any] = {
        **KIM,
        "groupId": "g",
        "previousId": "p",
        "type": "track",
        "action": "page",
    }
    message |= {"event": "Sold"} if kind == "track" else {}
    u = said(message, kind=kind)
    assert u.type == kind
    assert u.action == ("sold" if kind == "track" else kind)


@pytest.mark.parametrize("door", ["tag", "mobile", "segment"])
def test_the_type_decides_the_kind_on_the_other_doors(door: str) -> None:
    assert said({**KIM, "type": "Page"}, door=door, kind="track").type == "page"
    assert said({**KIM, "event": "identify"}, door=door, kind="track").type == "track"
    assert said({**KIM, "type": "theatre", "event": "e"}, door=door, kind="track").type == "track"


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"type": "page", "action": "identify", "event": "screen"}, "page"),
        ({"action": "Identify", "event": "screen"}, "identify"),
        ({"event": "SCREEN"}, "screen"),
        ({"event": "Song Played"}, "track"),
        ({"type": "purchase", "event": "Song Played"}, "track"),
        ({"type": 7, "action": None, "event": " group ", "groupId": "g"}, "group"),
    ],
)
def test_items_of_batches_say_their_kind(item: dict[str, Any], kind: str) -> None:
    assert said({**KIM, **item}).type == kind


@pytest.mark.parametrize("kind", ["identify", "page"])
def test_an_event_must_not_contradict_its_route(kind: str) -> None:
    for event in (None, kind, kind.upper()):
        assert said({**KIM, "event": event}, kind=kind).type == kind
    wrongs: list[Any] = ["Song Played", "", 7]
    for wrong in wrongs:
        assert refusal({**KIM, "event": wrong}, kind=kind) == ("CAL-1011", "/event")
    assert said({**KIM, "event": "e"}, kind=kind, door="segment").type == kind


def test_a_screen_keeps_its_event() -> None:
    assert said({**KIM, "event": "Opened"}, kind="screen").raw["event"] == "Opened"


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_track_has_a_name(blank: str | None) -> None:
    assert refusal({**KIM, "event": blank}, kind="track") == ("CAL-1003", "/event")
    assert refusal(KIM) == ("CAL-1003", "/event")
    assert refusal({**KIM, "event": 7}, kind="track") == ("CAL-1005", "/event")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("identify", "traits"),
        ("group", "traits"),
        ("track", "properties"),
        ("page", "properties"),
        ("screen", "properties"),
        ("alias", "context"),
    ],
)
def test_parts_are_objects_of_some_300_values(kind: str, name: str) -> None:
    message = {**KIM, "groupId": "g", "previousId": "p"}
    message |= {"event": "e"} if kind == "track" else {}
    nones: list[dict[str, Any]] = [{}, {name: None}, {name: {}}]
    for none in nones:
        assert said({**message, **none}, kind=kind).type == kind
    wrongs: list[Any] = [[], "a", 1, False]
    for wrong in wrongs:
        assert refusal({**message, name: wrong}, kind=kind) == ("CAL-1005", f"/{name}")
    if name != "context":
        many = {f"n{number}": number for number in range(301)}
        assert refusal({**message, name: many}, kind=kind) == ("CAL-1007", f"/{name}")
        many.popitem()
        assert said({**message, name: many}, kind=kind).type == kind


def test_a_group_has_an_id() -> None:
    assert refusal(KIM, kind="group") == ("CAL-1004", "/groupId")
    assert refusal({**KIM, "groupId": True}, kind="group") == ("CAL-1005", "/groupId")
    assert refusal({**KIM, "groupId": "g" * 513}, kind="group") == ("CAL-1010", "/groupId")
    for door in SEGMENT_DOORS:
        assert said({**KIM, "groupId": "é" * 500}, kind="group", door=door).group_id == "é" * 500
        long = {**KIM, "groupId": "g" * 501}
        assert refusal(long, kind="group", door=door) == ("CAL-1004", "/groupId")
        assert refusal({**KIM, "groupId": ""}, kind="group", door=door)[0] == "CAL-1004"


def test_an_alias_has_a_previous_id() -> None:
    assert refusal(KIM, kind="alias") == ("CAL-1015", "/previousId")
    assert said({"anonymousId": "a", "previousId": 7}, kind="alias").previous_id == "7"
    assert said({**KIM, "event": "e", "previousId": []}).previous_id is None


@pytest.mark.parametrize("command", ["send_email", "Send_SMS", "SEND_PRINT", "send_push"])
def test_commands_that_send_need_an_asset(command: str) -> None:
    assert said({**KIM, "event": command, "assetId": "A"}).action == command.lower()
    assert said({**KIM, "event": command, "assetId": 7}).event == command
    assets: list[Any] = [None, "", " ", {}, True]
    for asset in assets:
        wrong = {**KIM, "event": command, "assetId": asset, "properties": {"assetId": "A"}}
        assert refusal(wrong) == ("CAL-1012", "/assetId")


def test_a_journey_is_started_by_its_id() -> None:
    at = "/properties/journeyIdToTrigger"
    start = {**KIM, "event": "Start_Journey"}
    assert said({**start, "properties": {"journeyIdToTrigger": "J"}}).action == "start_journey"
    assert refusal(start) == ("CAL-1012", at)
    assert refusal({**start, "properties": {"journeyIdToTrigger": ""}}) == ("CAL-1012", at)


def test_nothing_of_a_message_is_lost_but_credentials() -> None:
    sent = {
        **KIM,
        "event": "Email Opened",
        "sendType": "email",
        "context": {"user_agent": "x", "traits": {"email": "kim@example.org"}},
        "properties": {"n": 2**63, "price": "11.99", "rate": 1.0, "none": None, "deep": [{}]},
        "integrations": {"All": False},
        "timestamp": RECEIVED,
        "writeKey": "k",
        "auth-token": "t",
    }
    u = said(sent, kind="track")
    kept = {key: value for key, value in sent.items() if key not in ("writeKey", "auth-token")}
    assert u.raw == {**kept, "action": "track"}
    assert encode_json(u.raw["properties"]) == encode_json(sent["properties"])
    assert said({**KIM, "event": "e", "action": "click"}).raw["action"] == "click"
    assert said({**KIM, "event": "e", "action": None}).raw["action"] == "track"


def test_numbers_are_spelled_as_they_came() -> None:
    numbers = b"[0,-1,18446744073709551616,9007199254740993,1.0,0.1,-2.5]"
    u = said(b'{"userId":"u","event":"e","properties":{"n":' + numbers + b"}}")
    assert encode_json(u.raw["properties"]["n"]) == numbers


def test_a_batch_has_a_context_for_all_under_their_own() -> None:
    own = {**KIM, "event": "e", "context": {"app": {"name": "a"}, "ip": None}}
    around = {"app": {"build": 1}, "locale": "de", "ip": "1.1.1.1"}
    u = said(own, context=around)
    assert u.raw["context"] == {"app": {"name": "a"}, "locale": "de", "ip": None}
    assert said({**KIM, "event": "e"}, context=around).raw["context"] == around
    assert "context" not in said({**KIM, "event": "e"}).raw
    assert said({**KIM, "event": "e", "context": None}, context=around).raw["context"] == around


def test_the_address_is_that_of_the_connection_only_where_a_person_sits_behind_it() -> None:
    def shown(door: str, context: Any = None) -> Any:
        sent = {**KIM, "event": "e"} | ({} if context is None else {"context": context})
        return said(sent, door=door, ip="1.2.3.4").raw.get("context", {}).get("ip")

    for door in ("tag", "mobile"):
        assert shown(door) == shown(door, {"ip": None}) == "1.2.3.4"
        assert shown(door, {"ip": "0.0.0.0"}) == "0.0.0.0"
    for door in ("write", "segment", "import"):
        assert shown(door) is None
        assert shown(door, {"direct": True}) == "1.2.3.4"
        assert shown(door, {"direct": "yes"}) is None
        assert shown(door, {"direct": True, "ip": "5.6.7.8"}) == "5.6.7.8"


def test_senders_do_not_say_when_we_received_it() -> None:
    sent = {**KIM, "event": "e", "receivedAt": "2001-01-01T00:00:00Z", "version": 1}
    for door in SEGMENT_DOORS:
        raw = said(sent, door=door).raw
        assert (raw["receivedAt"], raw["version"]) == (RECEIVED, 2)
    assert said(sent).raw["version"] == 1  # any key at the root is the sender's own here


def test_a_call_without_a_time_happened_when_it_came() -> None:
    for door in ("write", *SEGMENT_DOORS):
        u = said({**KIM, "event": "e"}, door=door)
        assert (u.at_ms, u.raw["timestamp"]) == (RECEIVED_MS, RECEIVED)
        assert "originalTimestamp" not in u.raw
        assert u.warnings == ()


@pytest.mark.parametrize("door", ["write", "import"])
def test_servers_clocks_are_taken_as_they_are_but_for_times_to_come(door: str) -> None:
    for timestamp, at in (
        ("2015-2-02T00:30:08.276Z", "2015-02-02T00:30:08.276Z"),
        ("2015-02-02 00:30", "2015-02-02T00:30:00.000Z"),
        (1422837008276, "2015-02-02T00:30:08.276Z"),
        ("2099-01-01T00:00:00Z", RECEIVED),  # nothing happens in time to come
    ):
        sent = {**KIM, "event": "e", "timestamp": timestamp, "sentAt": "2001-01-01T00:00:00Z"}
        u = said(sent, door=door)
        assert u.raw["timestamp"] == at
        assert u.raw["originalTimestamp"] == timestamp


@pytest.mark.parametrize("door", ["tag", "mobile", "segment"])
def test_other_clocks_are_put_right(door: str) -> None:
    """10:00:00 by a clock that is two hours behind, sent five seconds later."""
    sent = {**KIM, "event": "e", "timestamp": "2023-11-14T20:13:13Z"}
    when = "2023-11-14T20:13:18Z"
    for u in (said(sent, door=door, sent_at=when), said({**sent, "sentAt": when}, door=door)):
        assert u.raw["timestamp"] == "2023-11-14T22:13:15.000Z"
        assert u.raw["originalTimestamp"] == "2023-11-14T20:13:13Z"
    assert said(sent, door=door).raw["timestamp"] == "2023-11-14T20:13:13.000Z"
    late = {**KIM, "event": "e", "timestamp": "2031-01-01T00:00:00Z"}
    assert said(late, door=door).at_ms == RECEIVED_MS
    spoiled = said({**sent, "sentAt": "noon"}, door=door)
    assert (spoiled.raw["timestamp"], spoiled.warnings) == (
        "2023-11-14T20:13:13.000Z",
        ("sentAt",),
    )
    other = {**KIM, "event": "e", "originalTimestamp": "2023-11-14T20:13:13Z"}
    assert said(other, door=door).raw["timestamp"] == "2023-11-14T20:13:13.000Z"


@pytest.mark.parametrize("timestamp", ["soon", "", 1.5, True, [], "2101-01-01", -1])
def test_a_time_that_cannot_be_read_is_a_fault_only_on_the_write_door(timestamp: Any) -> None:
    sent = {**KIM, "event": "e", "timestamp": timestamp}
    assert refusal(sent) == ("CAL-1006", "/timestamp")
    for door in SEGMENT_DOORS:
        u = said(sent, door=door)
        assert (u.at_ms, u.warnings) == (RECEIVED_MS, ("timestamp",))
        assert u.raw["originalTimestamp"] == timestamp


@pytest.mark.parametrize("door", SEGMENT_DOORS)
def test_the_senders_original_timestamp_is_kept_and_stands_in_for_the_timestamp(door: str) -> None:
    original, other = "2023-11-14T20:13:13Z", "2023-11-14T19:00:00Z"
    for timestamp, counts, warnings in (
        (None, original, ()),
        ("soon", original, ("timestamp",)),
        (other, other, ()),
    ):
        sent = {**KIM, "event": "e", "timestamp": timestamp, "originalTimestamp": original}
        u = said(sent, door=door)
        assert u.raw["timestamp"] == counts.replace("Z", ".000Z")
        assert (u.raw["originalTimestamp"], u.warnings) == (original, warnings)
    for timestamp in (None, "soon"):
        u = said({**KIM, "event": "e", "timestamp": timestamp, "originalTimestamp": 1}, door=door)
        assert (u.raw["timestamp"], u.raw["originalTimestamp"]) == ("1970-01-01T00:00:01.000Z", 1)
        u = said({**KIM, "event": "e", "timestamp": timestamp, "originalTimestamp": []}, door=door)
        assert (u.at_ms, u.warnings) == (RECEIVED_MS, ("timestamp",))
    corrected = said(
        {**KIM, "event": "e", "timestamp": "soon", "originalTimestamp": original},
        door=door,
        sent_at="noon",
    )
    clocks = () if door == "import" else ("sentAt",)
    assert corrected.warnings == ("timestamp", *clocks)


def test_an_original_timestamp_of_the_write_door_is_a_key_like_others() -> None:
    sent = {**KIM, "event": "e", "originalTimestamp": "soon"}
    assert said(sent).raw["originalTimestamp"] == "soon"
    assert said({**sent, "timestamp": "2023-11-14"}).raw["originalTimestamp"] == "soon"
    assert refusal({**sent, "timestamp": "soon"}) == ("CAL-1006", "/timestamp")


def test_traits_are_what_identify_and_group_say() -> None:
    traits = {"plan": "gold", "email": None, "o": {"x": None}}
    for kind in ("identify", "group"):
        sent = {**KIM, "groupId": "g", "traits": traits}
        assert said(sent, kind=kind).traits == traits
        assert said({**KIM, "groupId": "g"}, kind=kind).traits == {}
    assert said({**KIM, "event": "e", "traits": traits}).traits is None


@pytest.mark.parametrize("door", SEGMENT_DOORS)
def test_calls_with_a_write_key_must_not_set_protected_traits(door: str) -> None:
    sent = {**KIM, "traits": {"plan": "gold", "name": "Kim"}}
    protected = frozenset(("plan", "level"))
    u = said(sent, protected, kind="identify", door=door)
    assert (u.traits, u.refused) == ({"name": "Kim"}, ("plan",))
    assert u.raw["traits"] == sent["traits"]
    for other in ("write", "preferences"):
        assert said(sent, protected, kind="identify", door=other).traits == sent["traits"]
    group = {**sent, "groupId": "g"}
    u = said(group, protected, kind="group", door=door)
    assert (u.traits, u.refused) == (sent["traits"], ())  # a group's own


@pytest.mark.parametrize("door", SEGMENT_DOORS)
@pytest.mark.parametrize("kind", ["identify", "page", "group"])
def test_a_campaign_is_protected_wherever_a_call_says_it(door: str, kind: str) -> None:
    protected, campaign = frozenset(("campaign",)), {"name": "c"}
    sent: dict[str, Any] = {**KIM, "groupId": "g", "context": {"campaign": campaign}}
    u = said(sent, protected, kind=kind, door=door)
    assert (u.campaign, u.refused) == (None, ("campaign",))
    assert u.raw["context"] == sent["context"]
    u = said({**sent, "traits": {"campaign": 1}}, protected, kind=kind, door=door)
    assert (u.campaign, u.refused) == (None, ("campaign",))
    if kind != "page":
        assert u.traits == ({"campaign": 1} if kind == "group" else {})
    assert said(sent, protected, kind=kind).campaign == campaign
    assert said(sent, frozenset(("plan",)), kind=kind, door=door).campaign == campaign


@pytest.mark.parametrize("door", ["write", *SEGMENT_DOORS])
def test_integrations_of_a_batch_are_those_of_messages_without_their_own(door: str) -> None:
    around = {"All": False}
    for own in ({}, {"integrations": None}):
        u = said({**KIM, "event": "e", **own}, door=door, integrations=around)
        assert (u.raw["integrations"], u.warnings) == (around, ())
    others: list[Any] = [{}, {"All": True}, []]
    for other in others:
        u = said({**KIM, "event": "e", "integrations": other}, door=door, integrations=around)
        assert u.raw["integrations"] == other
    u = said({**KIM, "event": "e"}, door=door, integrations=["All"])
    assert "integrations" not in u.raw
    assert u.warnings == ("integrations",)


@pytest.mark.parametrize("door", SEGMENT_DOORS)
def test_a_batchs_context_that_is_no_object_is_ignored_and_told(door: str) -> None:
    own = {**KIM, "event": "e", "context": {"a": 1}, "timestamp": "soon"}
    wrongs: list[Any] = [[], "x" * 40_000, 7, False]
    for wrong in wrongs:
        u = said(own, door=door, context=wrong)
        assert u.raw["context"]["a"] == 1
        assert u.warnings == ("context", "timestamp")


def test_what_cannot_be_decoded_is_kept_with_what_stands_around_it() -> None:
    deep = b'{"userId":"u","event":"e","a":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    for odd in (deep, b'{"userId":"u","event":"e","n":1e400}'):
        sent = call(odd, door="mobile", sent_at=17, context={"a": 1}, integrations={"b": 2})
        again = decode(encode(sent))
        assert again == sent
        assert bytes(again.message) == odd
        with pytest.raises(Malformed, match="CAL-1001"):
            understood(again, RECEIVED_MS)
    with pytest.raises(Malformed, match="CAL-1001"):
        decode(b'{"door":"window","message":' + deep + b"}")
    with pytest.raises(Malformed, match="CAL-1001"):
        decode(b'{"door":"tag","message":' + deep)


def test_a_push_registration_is_an_identity_and_traits() -> None:
    told = {"deviceId": " d-1 ", "fcmToken": "f", "deviceType": "ios", "other": 1}
    registered = {"deviceId": " d-1 ", "fcmToken": "f", "deviceType": "ios"}
    tellings: list[dict[str, Any]] = [told, {"properties": told}]
    for sent in tellings:
        u = said({**KIM, "event": "Device Registered", **sent})
        assert (u.device_id, u.traits) == ("d-1", registered)
        assert records(u) == ["calls", "traits"]
    for short in ({"deviceId": "d"}, {"fcmToken": "f"}, {"fcmToken": "f", "deviceId": "d" * 513}):
        assert said({**KIM, "event": "e", **short}).device_id is None


def test_a_campaign_and_activity_are_read_from_the_context() -> None:
    u = said({**KIM, "event": "e", "context": {"campaign": {"name": "c"}, "active": False}})
    assert (u.campaign, u.active) == ({"name": "c"}, False)
    others: list[dict[str, Any]] = [{}, {"campaign": {}}, {"campaign": "c"}, {"active": 0}]
    for context in others:
        u = said({**KIM, "event": "e", "context": context})
        assert (u.campaign, u.active) == (None, True)


@pytest.mark.parametrize(
    ("message", "fed"),
    [
        ({"event": "e"}, ["calls"]),
        ({"type": "identify"}, ["calls"]),
        ({"type": "identify", "traits": {"a": None}}, ["calls", "traits"]),
        ({"type": "group", "groupId": "g"}, ["calls", "traits", "groups"]),
        ({"type": "alias", "previousId": "p"}, ["calls"]),
        ({"type": "page", "context": {"campaign": {"name": "c"}}}, ["calls", "traits"]),
    ],
)
def test_a_call_feeds_the_datasets_it_speaks_of(message: dict[str, Any], fed: list[str]) -> None:
    assert records(said({**KIM, **message})) == fed


def test_a_call_says_the_same_once_it_was_kept() -> None:
    sent = call({**KIM, "event": "e", "properties": {"n": 1.0}}, sent_at=17, context={"a": 1})
    again: Call = decode(encode(sent))
    assert understood(again, RECEIVED_MS) == understood(sent, RECEIVED_MS)
    assert decode_json(bytes(again.message)) == decode_json(bytes(sent.message))
