"""Patterns of users, and of dates: what is taken, what is refused, and how dialects are bridged."""

from __future__ import annotations

from datetime import date

import pytest

from onefold.domain.xdm.patterns import compiled
from onefold.domain.xdm.values import is_day, is_instant
from onefold.errors import Malformed

HARMLESS = [
    r"^[A-Z]{2}$",
    r"^(\d{1,3}\.){3}\d{1,3}$",
    r"^[a-z0-9]+(?:-[a-z0-9]+)*$",
    r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$",
    r"^(foo|bar)+$",
    r"^https?://",
    r"^\+[1-9]\d{1,14}$",
    r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$",
    r"^(中|国)+$",
    r"(?=.*\d).{4,}",
    r"((ab){2}c)+",
    r"(-(ab)c*)+",
    r"^.*?foo.*$",
    "([A-Z]{2}-[A-Z0-9]{1,3}|)",
    r"a{1}?(b)",
]
HOSTILE = [
    r"(a+)+$",
    r"^\w+([\.-]?\w+)*@\w+([\.-]?\w+)*(\.\w{2,3})+$",
    r"(a|a)*b",
    r"(a|ab)*c",
    r"(a?){30}a{30}",
    r"(a*)*",
    r"(x{0}a|a)*",
    r"(\Ba+)*",
    r"(.*a){20}",
    r"(a{1,100}){1,100}b",
    r"(?:(?:a{1,3}))*c",
    r"(b(|))+c",
    r"(b(a|a))+c",
    r"(ba*a*)+c",
    r"((a|b)c)*",
    r"(|a)*",
    r"((a)|b)+",
]
UNKNOWN = [
    r"(a)\1",
    "(?P<n>a)",
    "(?<n>a)",
    "(?i)a",
    "(?>a)",
    "a++",
    "[]a]",
    "[^]",
    "[a--b]",
    "(",
    "[z-a]",
    "*a",
    "a**",
    "a{99999999999}",
    r"\p{L}",
    "a" * 257,
    "(" * 120 + ")" * 120 + "(",
]


@pytest.mark.parametrize("pattern", HARMLESS)
def test_common_patterns_are_taken(pattern: str) -> None:
    compiled(pattern, "/pattern")


@pytest.mark.parametrize("pattern", [*HOSTILE, *UNKNOWN])
def test_dangerous_and_unknown_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(Malformed) as caught:
        compiled(pattern, "/pattern")
    assert (caught.value.code, caught.value.at) == ("XDM-1005", "/pattern")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b", "abc", True),
        ("b$", "ab\n", False),
        ("[$]", "$", True),
        (r"^\d$", "٣", False),
        (r"^\w$", "é", False),
        ("[[a]", "[", True),
        ("^[a&&b|~]+$", "&|~", True),
        (r"[\[]", "[", True),
        (r"^\u00e9\x41$", "éA", True),
        ("^a{,5}$", "a{,5}", True),
        ("^a{,5}$", "aa", False),
    ],
)
def test_patterns_mean_what_they_mean_in_ecma(pattern: str, text: str, found: bool) -> None:
    assert (compiled(pattern, "").search(text) is not None) is found


def test_a_day_is_a_day_exactly_when_the_calendar_has_it() -> None:
    for year in (0, 1, 1900, 2000, 2023, 2024, 9999):
        for month in range(14):
            for day in range(33):
                text = f"{year:04}-{month:02}-{day:02}"
                assert is_day(text) == _exists(year, month, day), text


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("2018-01-23T22:07:01Z", True),
        ("2018-01-23T22:07:01.1Z", True),
        ("2018-01-23T22:07:01.123456789Z", True),
        ("2018-01-23T22:07:01+18:00", True),
        ("2018-01-23T22:07:01.5-05:30", True),
        ("2024-02-29T00:00:00Z", True),
        ("2023-02-29T00:00:00Z", False),
        ("2018-00-23T22:07:01Z", False),
        ("2018-01-23T22:07:01.1234567890Z", False),
        ("2018-01-23T22:07:01.Z", False),
        ("2018-01-23T22:07:01", False),
        ("2018-01-23T22:07Z", False),
        ("2018-01-23t22:07:01z", False),
        ("2018-01-23T24:00:00Z", False),
        ("2018-01-23T22:07:60Z", False),
        ("2018-01-23T22:07:01+0530", False),
        ("2018-01-23T22:07:01+18:01", False),
        ("2018-01-23T22:07:01Z\n", False),
        ("٢٠١٨-01-23T22:07:01Z", False),
    ],
)
def test_date_times_have_the_four_documented_forms(text: str, fits: bool) -> None:
    assert is_instant(text) is fits
