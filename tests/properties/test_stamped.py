"""Laws of stamped fragments: order, repetition, and whose they are change nothing in the end."""

from __future__ import annotations

import functools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge import merged
from onefold.domain.profile.merge_policy import MergePolicy, default_policy
from onefold.domain.profile.stamped import effective_ms, folded, stamped_into
from onefold.domain.profile.traits import mirrored, view
from onefold.wire import encode_json
from tests.properties import strategies as any_

Body = dict[str, Any]
bodies = st.lists(any_.stamped_records(), min_size=1, max_size=4).map(lambda records: laid(records))


def laid(records: list[Body]) -> Body:
    """The fragment that these records come to, one after the other."""
    return functools.reduce(stamped_into, records[1:], stamped_into(None, records[0]))


def same(one: Any, other: Any) -> bool:
    """Whether both are the same JSON: 1, 1.0 and true are not."""
    return bool(plain(one) == plain(other))


def plain(value: Any) -> Any:
    """JSON whose equality tells types apart."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return encode_json(value)


def fragment(body: Body, xid: str, seq: int) -> Fragment:
    said = {"_onefold": body["_onefold"]}
    return Fragment(Xid(xid), "T", seq, 9, effective_ms(body, 9), f"t{seq}", said, body["_stamps"])


@given(bodies, bodies)
def test_two_fragments_are_laid_together_in_either_order(a: Body, b: Body) -> None:
    assert same(stamped_into(a, b), stamped_into(b, a))


@given(bodies, bodies, bodies)
def test_three_fragments_may_be_laid_together_in_any_grouping(a: Body, b: Body, c: Body) -> None:
    assert same(stamped_into(stamped_into(a, b), c), stamped_into(a, stamped_into(b, c)))


@given(st.lists(any_.stamped_records(), min_size=1, max_size=6), st.data())
def test_records_may_come_in_any_order_and_again(records: list[Body], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(records), max_size=3))
    shuffled = data.draw(st.permutations([*records, *again]))
    assert same(laid(records), laid(shuffled))


@given(bodies)
def test_a_body_is_what_its_stamps_say(body: Body) -> None:
    assert same(stamped_into(body, body), body)
    assert same(stamped_into(None, body), body)
    said = body["_onefold"]
    assert all(None not in said.get(part, {}).values() for part in ("traits", "groups"))
    assert all(f"g:{name}" in body["_stamps"] for name in said.get("groups", {}))
    assert all(f"t:{name}" in body["_stamps"] for name in said.get("traits", {}))


@given(
    st.lists(st.tuples(any_.stamped_records(), st.sampled_from("xyz")), min_size=1, max_size=6),
    st.data(),
)
def test_whose_fragment_a_word_stands_in_does_not_matter(
    said: list[tuple[Body, str]], data: st.DataObject
) -> None:
    of: dict[str, list[Body]] = {}
    for record, xid in said:
        of.setdefault(xid, []).append(record)
    fragments = [
        fragment(laid(records), xid, seq) for seq, (xid, records) in enumerate(of.items(), 1)
    ]
    one, *mirrors = folded(data.draw(st.permutations(fragments)))
    whole = laid([record for record, _ in said])
    assert same(one.stamps, whole["_stamps"])
    assert same(one.attributes["_onefold"], whole["_onefold"])
    assert one.effective_ms == effective_ms(whole, 9)
    assert folded([one, *mirrors]) == folded([one]) == [one, *mirrors]
    in_time = mirrored(whole["_onefold"].get("traits", {}))
    alone = [replace(one, stamps=None) for one in mirrors]
    assert same(merged(alone, default_policy("", 0)), in_time)


@given(st.lists(bodies, min_size=1, max_size=3), any_.policies)
def test_the_merge_of_stamped_fragments_is_their_fold(
    said: list[Body], policy: MergePolicy
) -> None:
    fragments = [fragment(body, str(seq), seq) for seq, body in enumerate(said)]
    if not policy.admits_record("T"):
        return
    body = laid(said)["_onefold"]
    assert same(merged(fragments, policy), {"_onefold": body, **mirrored(body.get("traits", {}))})


@given(
    st.lists(st.tuples(bodies, st.sampled_from("xyz")), max_size=3, unique_by=lambda one: one[1]),
    any_.fragments,
)
def test_each_word_of_a_call_counts_as_of_its_own_time(
    said: list[tuple[Body, str]], others: list[Fragment]
) -> None:
    """Field by field: the newest of what the datasets of the other door say and the calls' word."""
    fragments = [fragment(body, xid, 9) for body, xid in said]
    others = [one for one in others if "person" not in one.attributes]
    names = ("Ann", "Bo", "Cy", "Di")
    registered = [
        replace(one, attributes={**one.attributes, "person": {"name": {"lastName": name}}})
        for one, name in zip(others, names, strict=False)
    ]
    found = merged([*fragments, *registered], default_policy("", 0))
    words: list[tuple[int, int, str, str, dict[str, str]]] = [
        (one.effective_ms, one.seq, one.dataset, one.xid, one.attributes["person"]["name"])
        for one in registered
    ]
    called = laid([body for body, _ in said]) if said else {}
    name = called.get("_onefold", {}).get("traits", {}).get("lastName")
    if isinstance(name, str):
        at_ms, came_ms, _ = called["_stamps"]["t:lastName"]
        words.append((min(at_ms, came_ms), 0, "T", "", {"lastName": name}))
    newest = max(words, key=lambda word: word[:4], default=None)
    last_name = found.get("person", {}).get("name", {}).get("lastName")
    assert last_name == (newest[4]["lastName"] if newest is not None else None)


traits = st.dictionaries(
    st.sampled_from(("firstName", "lastName", "name", "email", "phone", "birthday", "x", "id")),
    any_.json_values.filter(lambda value: value is not None) | st.just("1999-12-31"),
)


@given(traits)
def test_what_is_mirrored_is_seen_as_it_was_said(said: dict[str, Any]) -> None:
    profile = {"_onefold": {"traits": said}, **mirrored(said)}
    seen = view(profile, id="i", external_id=None, email=None)
    assert same(seen, {**said, "id": "i"})
