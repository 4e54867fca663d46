"""Laws of projection, of event filters and of the senders' times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.profile.event import timestamp_ms
from onefold.domain.profile.project import selected, selector
from onefold.domain.profile.property_filter import parse
from onefold.errors import Malformed
from tests.properties import strategies as any_

some_paths = st.lists(any_.paths, min_size=1, max_size=4)


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every leaf with its path; places in arrays do not count, empty containers are leaves."""
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from leaves(member, (*path, key))
    elif isinstance(value, list) and value:
        for member in value:
            yield from leaves(member, path)
    else:
        yield path, repr(value)


@given(any_.objects, some_paths, some_paths)
def test_a_union_of_selectors_selects_the_leaves_of_both(entity, one, other):
    both = selected(entity, selector(one + other))
    apart = [selected(entity, selector(paths)) for paths in (one, other)]
    assert set(leaves(both)) - {((), "{}")} == {leaf for part in apart for leaf in leaves(part)} - {
        ((), "{}")
    }


@given(any_.objects, some_paths, some_paths)
def test_selecting_from_a_wider_selection_is_selecting_from_the_whole(entity, one, other):
    wider = selected(entity, selector(one + other))
    assert selected(wider, selector(one)) == selected(entity, selector(one))


@given(any_.objects)
def test_all_root_names_select_everything(entity):
    assert selected(entity, selector(list(entity))) == entity


@given(any_.objects, any_.paths, st.sampled_from(("1", '"a"', "true", '"2022-02-06"', '""')))
def test_a_filter_and_its_opposite_cover_every_event(entity, path, value):
    """Through arrays both may hold, for different elements; never neither."""
    equal, different = parse(f"{path}={value}"), parse(f"{path}!={value}")
    assert equal.matches(entity) or different.matches(entity)


@given(st.text(alphabet='ab.=!<>"1 ', max_size=12))
def test_any_text_is_a_filter_or_malformed(text):
    with suppress(Malformed):
        assert parse(text).op in ("=", "!=", "<", "<=", ">", ">=")


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),
    st.integers(-23 * 60, 23 * 60),
)
def test_a_date_time_is_read_as_its_instant_whatever_its_offset(moment, offset_minutes):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert timestamp_ms(aware.isoformat()) == expected
