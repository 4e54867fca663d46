"""Query strings of the dialects: what is passed over, what is refused, and times."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.api.intilery.asked import FIELDS_MAX, LIST_CHARS_MAX, NAMES_MAX, Query, moment_ms
from onefold.errors import Malformed


def _ask(raw: str, ask: str) -> object:
    query = Query(raw)
    return {
        "text": lambda: query.text("a"),
        "any": lambda: query.text("scrollId", any_case=True),
        "names": lambda: query.names("a"),
        "under": lambda: query.under("p."),
        "whole": lambda: query.whole("a", "b", default=1, least=1, most=100),
        "choice": lambda: query.choice("a", ("asc", "desc"), default="desc"),
        "flag": lambda: query.flag("a"),
        "moment": lambda: query.moment_ms("a"),
    }[ask]()


def test_a_value_is_found_by_the_first_name_that_has_one() -> None:
    query = Query("b=2&a=&c=3&a=1")
    assert query.text("a", "b") == "1"
    assert query.text("d", "b") == "2"
    assert query.text("d") is None
    assert query.whole("d", "b", default=7, least=1) == 2
    assert query.whole("d", default=7, least=1) == 7


@pytest.mark.parametrize("name", ["scrollId", "scrollid", "SCROLLID", "sCrOlLiD"])
def test_letter_case_of_a_name_counts_only_where_it_is_said(name: str) -> None:
    assert Query(f"{name}=x").text("scrollId", any_case=True) == "x"
    assert (Query(f"{name}=x").text("scrollId") is None) == (name != "scrollId")


@pytest.mark.parametrize(
    ("raw", "ask"),
    [
        ("a=1&a=1", "text"),
        ("scrollid=1&scrollId=1", "any"),
        ("a=" + "x," * (NAMES_MAX + 1), "names"),
        ("a=" + "x" * (LIST_CHARS_MAX + 1), "names"),
        ("p.=1", "under"),
        ("&".join(f"p.{n}=1" for n in range(NAMES_MAX + 1)), "under"),
        *((f"a={text}", "whole") for text in ("0", "101", "-1", "1.0", "x", "%201", "٣", "1" * 16)),
        ("b=0", "whole"),
        ("a=up", "choice"),
        ("a=1", "flag"),
        ("a=soon", "moment"),
        ("a=2026-02-30", "moment"),
        ("&".join(f"x{n}=1" for n in range(FIELDS_MAX + 1)), "text"),
    ],
)
def test_what_makes_no_sense_is_refused(raw: str, ask: str) -> None:
    with pytest.raises(Malformed) as caught:
        _ask(raw, ask)
    assert caught.value.code == "ASK-1001"


def test_lists_are_joined_and_lose_their_blanks() -> None:
    assert Query("a=x,%20y%20,,&a=&a=z").names("a") == ("x", "y", "z")
    assert Query("a=,").names("a") == ()
    assert Query("p.x=1&p.x.y=&p.x=2").under("p.") == [("x", "1"), ("x", "2")]


def test_words_may_be_in_any_case() -> None:
    assert Query("a=DESC").choice("a", ("asc", "desc"), default="asc") == "desc"
    assert Query("a=True").flag("a") is True
    assert Query("").flag("a") is False


@given(raw=st.text())
def test_any_query_string_is_read_or_refused(raw: str) -> None:
    for ask in ("text", "names", "whole", "moment"):
        with suppress(Malformed):
            _ask(raw, ask)


OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@given(
    at=st.datetimes(datetime(1970, 1, 3), datetime(2100, 1, 1)),
    minutes=OFFSETS,
    places=st.integers(0, 6),
    mark=st.sampled_from("Tt "),
    plus=st.sampled_from("+ "),
)
def test_times_are_read_with_any_offset_and_fractions_round_up(
    at: datetime, minutes: int, places: int, mark: str, plus: str
) -> None:
    micros = at.microsecond // 10 ** (6 - places) * 10 ** (6 - places)
    at = at.replace(microsecond=micros)
    fraction = f".{at.microsecond:06d}"[: places + 1] if places else ""
    zone = timezone(timedelta(minutes=minutes))
    local = at.replace(tzinfo=UTC).astimezone(zone)
    sign = "-" if minutes < 0 else plus
    hours, rest = divmod(abs(minutes), 60)
    text = f"{local:%Y-%m-%d}{mark}{local:%H:%M:%S}{fraction}{sign}{hours:02d}:{rest:02d}"
    exact = at.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert moment_ms(text) == -(-exact // timedelta(milliseconds=1))


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2006-01-02", 1_136_160_000_000),
        ("2006-1-2", 1_136_160_000_000),
        ("2015-2-02T00:30:08.276Z", 1_422_837_008_276),
        ("2015-02-02 00:30", 1_422_837_000_000),
        ("2015-02-02T01:30+01", 1_422_837_000_000),
        ("1970-01-01T00:00:00.000000001Z", 1),
        *((text, None) for text in ("", "soon", "2006", "2006-01", "20060102", "2006-01-02T")),
        *((text, None) for text in ("2006-13-01", "2006-01-02T24:00Z", "2006-01-02T10:00+24:00")),
        *(
            (text, None)
            for text in ("1422837008276", "2006-01-02T10:61Z", "0000-01-01", "٢٠٠٦-01-02")
        ),
    ],
)
def test_times_as_they_are_written(text: str, at_ms: int | None) -> None:
    assert moment_ms(text) == at_ms
