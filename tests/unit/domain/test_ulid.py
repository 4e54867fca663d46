"""ULIDs: their form, their order, and the time that is in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.ulid import RANDOM_BYTES, time_ms, ulid

TIMES = st.integers(0, 2**48 - 1)
RANDOM = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES).map(bytes.hex)


@given(TIMES, RANDOM)
def test_the_time_can_be_read_again(at_ms: int, randomness: str) -> None:
    made = ulid(at_ms, randomness)
    assert len(made) == 26
    assert time_ms(made) == at_ms


@given(TIMES, RANDOM, TIMES, RANDOM)
def test_ulids_sort_by_time(at_ms: int, one: str, later_ms: int, other: str) -> None:
    if at_ms < later_ms:
        assert ulid(at_ms, one) < ulid(later_ms, other)


@given(st.text() | st.from_regex(r"\A[0-9A-Z]{26}\Z"))
def test_other_texts_have_no_time(text: str) -> None:
    found = time_ms(text)
    assert found is None or (len(text) == 26 and not set(text) & set("ILOU"))


def test_a_known_one() -> None:
    assert ulid(1469918176385, "ff" * 10) == "01ARYZ6S41ZZZZZZZZZZZZZZZZ"
