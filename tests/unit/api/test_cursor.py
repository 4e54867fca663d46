"""Cursors: what went in comes out, and nothing else is taken."""

from __future__ import annotations

import re
from binascii import a2b_base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.api.cursor import CHARS_MAX, IDLE_MS, Cursors
from onefold.control.sealing import Seal
from onefold.errors import Malformed
from onefold.testing.clock import SimClock

BOUND = ["events", "sandbox", "u-1", "*"]
STATES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=10,
)


def _cursors(key: bytes = b"k" * 32) -> Cursors:
    return Cursors(Seal(key), SimClock())


def _refused(cursors: Cursors, cursor: str, bound: list[str] = BOUND) -> str:
    with pytest.raises(Malformed) as caught:
        cursors.read(cursor, bound)
    assert caught.value.code == "ASK-1003"
    return caught.value.detail


@given(state=STATES, bound=st.lists(st.text(), max_size=4))
def test_a_cursor_holds_what_it_was_given_in_characters_of_urls(
    state: Any, bound: list[str]
) -> None:
    cursor = _cursors().made(state, bound)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)
    assert _cursors().read(cursor, bound) == state


@given(state=STATES, place=st.integers(0), other=st.characters())
def test_a_cursor_altered_in_any_character_is_refused(state: Any, place: int, other: str) -> None:
    cursors = _cursors()
    cursor = cursors.made(state, BOUND)
    place %= len(cursor)
    if cursor[place] != other:
        _refused(cursors, cursor[:place] + other + cursor[place + 1 :])
    _refused(cursors, cursor[:place] + other + cursor[place:])
    _refused(cursors, cursor[:place])


def test_every_other_character_at_every_place_is_refused() -> None:
    """The last character of base64 has bits that say nothing: they must not be free to choose."""
    cursors = _cursors()
    for size in range(1, 5):
        cursor = cursors.made("x" * size, BOUND)
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/":
            if cursor[-1] != other:
                _refused(cursors, cursor[:-1] + other)


@given(text=st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    _refused(_cursors(), text)


def test_all_are_refused_with_the_same_words() -> None:
    cursors = _cursors()
    cursor = cursors.made([1], BOUND)
    clock = SimClock()
    later = Cursors(Seal(b"k" * 32), clock)
    clock.advance(ms=IDLE_MS + 1)
    words = {
        _refused(cursors, ""),
        _refused(cursors, "x" * (CHARS_MAX + 1)),
        _refused(cursors, cursor, BOUND[:-1]),
        _refused(cursors, cursor, [*BOUND[:-1], "RED"]),
        _refused(_cursors(b"l" * 32), cursor),
        _refused(later, cursor),
    }
    assert len(words) == 1


def test_what_it_is_bound_to_is_told_apart_however_it_is_cut() -> None:
    cursors = _cursors()
    _refused(cursors, cursors.made([1], ["ab", "c"]), ["a", "bc"])
    _refused(cursors, cursors.made([1], ["a", ""]), ["a"])


def test_it_is_of_use_for_a_while_unless_its_age_says_nothing() -> None:
    clock = SimClock()
    cursors = Cursors(Seal(b"k" * 32), clock)
    cursor = cursors.made([1], BOUND)
    clock.advance(ms=IDLE_MS)
    assert cursors.read(cursor, BOUND) == [1]
    clock.advance(ms=1)
    _refused(cursors, cursor)
    assert cursors.read(cursor, BOUND, idle_ms=None) == [1]


def test_nothing_of_what_it_holds_can_be_read_from_it() -> None:
    """It stands in URLs, and so in the logs of others."""
    cursor = _cursors().made(["kim@example.org"], ["kim@example.org"])
    content = a2b_base64(cursor.replace("-", "+").replace("_", "/") + "==")
    assert b"kim" not in content
