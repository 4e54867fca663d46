"""Histories: what stands after the records of one key, and what can be taken out of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.profile.history import (
    NOTHING,
    Record,
    Said,
    is_known_without,
    shortened,
    standing,
)
from onefold.domain.profile.partial import merged_into
from onefold.wire import decode_json, encode_json


def said(seq: int, operation: Said, body: bytes = b"{}") -> Record:
    return Record(seq, 100 + seq, 200 + seq, f"t{seq}", operation, body)


def test_nothing_stands_after_nothing() -> None:
    assert standing([]).record is None
    assert standing([]).known


def test_a_whole_record_stands_as_it_is() -> None:
    last = said(2, "create", b'{"a":1}')
    assert standing([said(1, "merge", b'{"b":1}'), last]).record == last


def test_partial_records_change_what_stood() -> None:
    history = [said(1, "create", b'{"a":1,"b":2}'), said(3, "merge", b'{"a":null,"c":3}')]
    stands = standing(history).record
    assert stands == Record(3, 103, 103, "t3", "create", b'{"b":2,"c":3}')


def test_the_time_that_a_merged_record_gives_itself_counts() -> None:
    body = b'{"extSourceSystemAudit":{"lastUpdatedDate":"1970-01-01T00:00:07Z"}}'
    stands = standing([said(1, "create", body), said(2, "merge", b'{"a":1}')]).record
    assert stands is not None
    assert stands.effective_ms == 7000


def test_after_a_delete_a_partial_record_begins_anew() -> None:
    history = [said(1, "create", b'{"a":1}'), said(2, "delete"), said(3, "merge", b'{"b":1}')]
    stands = standing(history).record
    assert stands is not None
    assert stands.body == b'{"b":1}'
    assert standing(history[:2]).record is None


def test_what_rests_on_records_that_are_not_kept_is_not_known() -> None:
    assert not standing([said(1, "gone", b""), said(2, "merge")]).known
    assert standing([said(1, "gone", b""), said(2, "create")]).known
    assert standing([said(1, "gone", NOTHING)]).record is None
    stands = standing([said(1, "gone", b'{"a":1}')]).record
    assert stands == said(1, "create", b'{"a":1}')


@pytest.mark.parametrize(
    ("history", "known"),
    [
        ([said(1, "create"), said(2, "create")], True),
        ([said(1, "gone", b""), said(2, "create")], False),
        ([said(1, "gone", b""), said(2, "create"), said(3, "create")], True),
        ([said(1, "gone", b"{}"), said(2, "merge")], True),
        ([said(2, "gone", b"{}"), said(3, "merge")], False),
        ([said(3, "merge"), said(4, "create")], True),
        ([], True),
    ],
    ids=["predecessor", "gone", "later", "kept", "itself gone", "not there", "empty"],
)
def test_undoing_number_two(history: list[Record], known: bool) -> None:
    assert is_known_without(history, 2) is known


bodies = st.dictionaries(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 3)))
histories = st.lists(
    st.tuples(st.sampled_from(["create", "merge", "delete"]), bodies), min_size=1, max_size=8
)


@given(histories, st.integers(1, 8))
def test_shortening_changes_nothing_that_stands_later(
    said_: list[tuple[Said, dict[str, int | None]]], number: int
) -> None:
    """Nor what stands once any of the records that are left is taken out, where that is known."""
    history = []
    for seq, (operation, fields) in enumerate(said_, 1):
        if operation == "create":
            fields = merged_into({}, fields)
        history.append(said(seq, operation, encode_json(fields)))
    number = min(number, len(history))
    short = [shortened(history, number), *history[number:]]
    if len(short) > 1:
        assert standing(short) == standing(history)
    for one in history[number:]:
        if is_known_without(short, one.seq):
            without = [other for other in short if other is not one]
            whole = [other for other in history if other is not one]
            got, wanted = standing(without).record, standing(whole).record
            assert (got is None) == (wanted is None)
            if got is not None and wanted is not None:
                assert decode_json(got.body) == decode_json(wanted.body)
                assert (got.seq, got.tag) == (wanted.seq, wanted.tag)
