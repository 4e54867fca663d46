"""Stamped fragments: the newest word of each trait."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge import merged
from onefold.domain.profile.merge_policy import default_policy
from onefold.domain.profile.stamped import effective_ms, folded, stamp_at, stamped_into


def record(at_ms: int, traits: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A record of an identify call at this time, received at once."""
    return {
        "identityMap": {"userId": [{"id": "u"}]},
        "_onefold": {"traits": traits, **more},
        "_stamp": [at_ms, at_ms, f"e{at_ms}"],
    }


def body_of(*records: dict[str, Any]) -> dict[str, Any]:
    """What a fragment is after these."""
    body = None
    for one in records:
        body = stamped_into(body, one)
    assert body is not None
    return body


def fragment(body: dict[str, Any], xid: str = "x", dataset: str = "T", seq: int = 1) -> Fragment:
    attributes = {key: value for key, value in body.items() if key != "_stamps"}
    at_ms = effective_ms(body, 100)
    return Fragment(Xid(xid), dataset, seq, 100, at_ms, f"t{seq}", attributes, body.get("_stamps"))


def test_values_are_replaced_whole_and_null_removes() -> None:
    body = body_of(
        record(1, {"a": 1, "o": {"x": 1, "y": 2}}),
        record(2, {"o": {"x": 3, "z": None}}),
        record(3, {"a": None}),
    )
    assert body["_onefold"] == {"traits": {"o": {"x": 3, "z": None}}}
    assert body["_stamps"] == {"t:o": [2, 2, "e2"], "t:a": [3, 3, "e3"]}


def test_an_older_word_that_comes_late_says_only_what_nobody_said_since() -> None:
    assert body_of(record(2, {"a": 2, "b": None}), record(1, {"a": 1, "b": 1, "c": 1}))[
        "_onefold"
    ] == {"traits": {"a": 2, "c": 1}}


def test_ties_are_broken_by_receipt_then_by_event() -> None:
    def tied(received_ms: int, event_id: str) -> dict[str, Any]:
        said = {"traits": {"a": f"{received_ms}{event_id}"}}
        return {"_onefold": said, "_stamp": [1, received_ms, event_id]}

    rows = [tied(1, "b"), tied(2, "a"), tied(2, "b")]
    assert body_of(*rows) == body_of(*reversed(rows))
    assert body_of(*rows)["_onefold"] == {"traits": {"a": "2b"}}


def test_groups_are_relations_with_times_of_their_own() -> None:
    body = body_of(
        record(2, {}, groups={"g1": "t2"}), record(1, {}, groups={"g1": "t1", "g2": "t1"})
    )
    assert body["_onefold"] == {"groups": {"g1": "t2", "g2": "t1"}}


def test_what_was_written_without_stamps_is_the_oldest() -> None:
    body = stamped_into({"_onefold": {"traits": {"a": 0, "b": 0}}}, record(1, {"a": 1}))
    assert body["_onefold"] == {"traits": {"a": 1, "b": 0}}


def test_arguments_stay_as_they_are() -> None:
    first, second = body_of(record(1, {"a": 1})), record(2, {"a": None, "b": 2})
    stamped_into(first, second)
    assert first == body_of(record(1, {"a": 1}))
    assert second == record(2, {"a": None, "b": 2})


def test_a_fragment_is_as_new_as_its_newest_word_but_not_of_the_future() -> None:
    body = body_of(record(5, {"a": 1}), record(3, {"b": 1}))
    assert effective_ms(body, 9) == 5
    assert effective_ms(body, 4) == 4
    assert effective_ms({"_onefold": {}, "_stamps": {}}, 9) == 9
    ahead = {"_onefold": {"traits": {"a": 1}}, "_stamp": [50, 6, "e"]}
    assert effective_ms(stamped_into(None, ahead), 9) == 6


def test_fragments_of_one_person_are_folded_into_one() -> None:
    mine = fragment(body_of(record(1, {"plan": "gold", "firstName": "Kim", "x": 1})), "x1", seq=7)
    yours = fragment(body_of(record(3, {"plan": "free", "x": None})), "x2", seq=2)
    other = fragment({"person": {"birthYear": 1999}}, "x1", "P", seq=9)
    one, mirror, rest = folded([mine, other, yours])
    assert rest is other
    assert one.attributes == {"_onefold": {"traits": {"plan": "free", "firstName": "Kim"}}}
    assert (one.xid, one.seq, one.effective_ms, one.tag) == ("x2", 2, 3, "t2")
    assert one.stamps == {"t:plan": [3, 3, "e3"], "t:firstName": [1, 1, "e1"], "t:x": [3, 3, "e3"]}
    assert mirror.attributes == {"person": {"name": {"firstName": "Kim"}}}
    assert folded([one, mirror, rest]) == [one, mirror, rest]


def test_what_is_mirrored_is_as_old_as_the_call_that_said_it() -> None:
    early = record(1, {"firstName": "Kim", "lastName": "Moe", "phone": "1", "x": 1})
    late = {**record(5, {"name": "Kim Poe", "birthday": "soon"}), "_stamp": [50, 5, "e5"]}
    body = body_of(early, late, record(7, {"phone": None, "plan": "pro"}))
    one, *mirrors = folded([fragment(body, seq=4)])
    assert (one.seq, one.effective_ms) == (4, 7)
    said = [(m.attributes, m.effective_ms, m.ingested_ms, m.tag, m.seq) for m in mirrors]
    assert said == [
        ({"person": {"name": {"firstName": "Kim", "lastName": "Moe"}}}, 1, 1, "e1", 0),
        ({"person": {"name": {"fullName": "Kim Poe"}}}, 5, 5, "e5", 0),
    ]


def test_a_call_that_says_something_else_does_not_bring_an_old_name_back() -> None:
    registered = fragment({"person": {"name": {"firstName": "Kimberly"}}}, dataset="P")
    registered = replace(registered, effective_ms=2)
    body = body_of(record(1, {"firstName": "Kim"}), record(3, {"plan": "pro"}))
    found = merged([fragment(body), registered], default_policy("", 0))
    assert found["person"] == {"name": {"firstName": "Kimberly"}}
    body = body_of(record(1, {"firstName": "Kim"}), record(3, {"firstName": "Kimmy"}))
    found = merged([fragment(body), registered], default_policy("", 0))
    assert found["person"] == {"name": {"firstName": "Kimmy"}}


def test_a_value_leads_to_the_call_that_said_it() -> None:
    body = body_of(
        record(1, {"firstName": "Kim", "o": {"x": 1}}, groups={"g": "t1"}), record(2, {})
    )
    one, mirror = folded([fragment(body_of(body, record(3, {"a": 1})))])
    for path in (("traits", "o", "x"), ("traits", "firstName"), ("groups", "g")):
        assert stamp_at(one, ("_onefold", *path)) == [1, 1, "e1"]
    assert stamp_at(one, ("_onefold", "traits", "a")) == [3, 3, "e3"]
    assert stamp_at(mirror, ("person", "name", "firstName")) == [1, 1, "e1"]
    for whole in ((), ("_onefold",), ("_onefold", "traits"), ("_onefold", "computed", "a")):
        assert stamp_at(one, whole) is None
    assert stamp_at(fragment({"a": 1}), ("a",)) is None


def test_datasets_are_folded_apart_and_others_not_at_all() -> None:
    rows = [fragment(body_of(record(1, {"a": 1})), dataset=dataset) for dataset in "AB"]
    assert [one.dataset for one in folded(rows)] == ["A", "B"]
    plain = [fragment({"a": 1}), fragment({"b": 1}, "y")]
    assert folded(plain) is plain


def test_an_account_has_no_name_of_a_person() -> None:
    account = {
        "identityMap": {"groupId": [{"id": "g", "primary": True}]},
        "_onefold": {"traits": {"name": "Initech", "size": 7}},
        "_stamp": [1, 1, "e"],
    }
    body = body_of(account, {**account, "_stamp": [2, 2, "f"]})
    assert body["_stamps"] == {"a:name": [2, 2, "f"], "a:size": [2, 2, "f"]}
    (one,) = folded([fragment(body)])
    assert one.attributes == {"_onefold": {"traits": {"name": "Initech", "size": 7}}}
