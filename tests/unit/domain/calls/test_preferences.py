"""Marketing preferences as values. Source: Intilery contract, 16.4."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.calls.preferences import (
    CHANNELS,
    Choice,
    Preferences,
    as_trait,
    changed,
    folded,
    of_trait,
    overlaid,
    turned_off,
    words_of,
)

_names = st.sampled_from(["email", "sms", "News", "special offers", "Special_Offers", "x"])
_choices = st.builds(Choice, _names, st.booleans())
_lists = st.lists(_choices, max_size=4)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["channels", "channel", "subscribed"]), inner, max_size=3)
    ),
)


@given(_json)
def test_any_trait_can_be_read_and_written_again(trait: object) -> None:
    read = of_trait(trait)
    assert {one.name for one in read.channels} >= set(CHANNELS)
    assert of_trait(as_trait(read)) == Preferences(
        read.channels, read.categories, read.all_off, read.reason if read.all_off else ""
    )


@given(_lists, _lists, _lists, _lists, st.booleans())
def test_what_was_asked_for_holds_and_the_rest_stays(
    channels: list[Choice],
    categories: list[Choice],
    more: list[Choice],
    others: list[Choice],
    all_off: bool,
) -> None:
    before = changed(of_trait(None), Preferences(tuple(channels), tuple(categories)))
    after = changed(before, Preferences(tuple(more), tuple(others), all_off, "because"))
    for was, asked, now in (
        (before.channels, more, after.channels),
        (before.categories, others, after.categories),
    ):
        wanted = {folded(one.name): one.subscribed for one in asked}
        old = {folded(one.name): one.subscribed and not all_off for one in was}
        assert {folded(one.name): one.subscribed for one in now} == old | wanted
        assert len({folded(one.name) for one in now}) == len(now)
    if all_off and not (more or others):
        assert after.all_off
        assert after.reason == "because"


_changes = st.lists(
    st.builds(
        lambda channels, categories, all_off: Preferences(
            tuple(channels), tuple(categories), all_off, "because" if all_off else ""
        ),
        _lists,
        _lists,
        st.booleans(),
    ),
    max_size=5,
)


@given(_lists, _changes)
def test_the_latest_word_on_each_choice_makes_what_all_changes_made(
    channels: list[Choice], changes: list[Preferences]
) -> None:
    trait = as_trait(Preferences(tuple(channels), ()))
    after = of_trait(trait)
    words: dict[str, tuple[int, object]] = {}
    for number, change in enumerate(changes):
        after = changed(after, change)
        words |= {name: (number, said) for name, said in words_of(change).items()}
    latest = sorted(words, key=lambda name: (words[name][0], name))
    now = of_trait(overlaid(trait, [(name, words[name][1]) for name in latest]))
    assert _by_name(now.channels) == _by_name(after.channels)
    assert _by_name(now.categories) == _by_name(after.categories)
    assert (now.all_off, now.reason) == (after.all_off, after.reason)


def _by_name(choices: tuple[Choice, ...]) -> dict[str, bool]:
    return {folded(one.name): one.subscribed for one in choices}


def test_only_what_was_on_can_be_turned_off() -> None:
    nothing = of_trait(None)
    on = changed(nothing, Preferences((Choice("SMS", True),), ()))
    off = changed(on, Preferences((), (), all_off=True))
    assert not turned_off(nothing, on)
    assert turned_off(on, off)
    assert not turned_off(nothing, off)
    assert not turned_off(off, on)
