"""Kept answers: given again under the same stamp only, and never more than they may take."""

from __future__ import annotations

from onefold.lookup.answers import OVERHEAD_BYTES, Answers

KEY = ("sandbox", "cluster", "policy", "")


def test_answer_is_given_again_under_its_stamp() -> None:
    answers = Answers(10_000)
    answers.keep(KEY, (1, 7), b"answer")
    assert answers.get(KEY, (1, 7)) == b"answer"


def test_new_generation_or_record_ends_an_answer() -> None:
    answers = Answers(10_000)
    answers.keep(KEY, (1, 7), b"answer")
    assert answers.get(KEY, (2, 7)) is None
    assert answers.get(KEY, (1, 8)) is None


def test_newer_answer_stands_in_the_place_of_the_older() -> None:
    answers = Answers(2 * (OVERHEAD_BYTES + 10))
    for version in range(100):
        answers.keep(KEY, (1, version), b"0123456789")
    assert answers.get(KEY, (1, 99)) == b"0123456789"
    assert answers.get(KEY, (1, 98)) is None


def test_least_recently_asked_leave_first_when_there_is_no_room() -> None:
    answers = Answers(2 * (OVERHEAD_BYTES + 1))
    for name in ("a", "b"):
        answers.keep((name,), (1, 1), b"x")
    assert answers.get(("a",), (1, 1)) == b"x"
    answers.keep(("c",), (1, 1), b"x")
    assert answers.get(("a",), (1, 1)) == b"x"
    assert answers.get(("b",), (1, 1)) is None
    assert answers.get(("c",), (1, 1)) == b"x"


def test_answer_larger_than_the_room_is_not_kept() -> None:
    answers = Answers(OVERHEAD_BYTES)
    answers.keep(KEY, (1, 1), b"x")
    assert answers.get(KEY, (1, 1)) is None


def test_nothing_is_kept_where_nothing_may_be() -> None:
    answers = Answers(0)
    answers.keep(KEY, (1, 1), b"")
    assert answers.get(KEY, (1, 1)) is None
