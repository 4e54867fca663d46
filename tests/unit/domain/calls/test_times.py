"""Times of senders, and their clocks."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.calls.times import corrected, read, written


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("2015-2-02T00:30:08.276Z", "2015-02-02T00:30:08.276Z"),
        ("2015-02-02 00:30", "2015-02-02T00:30:00.000Z"),
        (1422837008276, "2015-02-02T00:30:08.276Z"),
        ("1422837008276", "2015-02-02T00:30:08.276Z"),
        (1422837008, "2015-02-02T00:30:08.000Z"),
        ("1422837008", "2015-02-02T00:30:08.000Z"),
        (99_999_999, "1973-03-03T09:46:39.000Z"),
        (0, "1970-01-01T00:00:00.000Z"),
        ("2015-2-2t0:3:8z", "2015-02-02T00:03:08.000Z"),
        ("2015-02-02", "2015-02-02T00:00:00.000Z"),
        (" 2015-02-02T00:30:08. ", "2015-02-02T00:30:08.000Z"),
        ("2015-02-02T00:30:08.123456789Z", "2015-02-02T00:30:08.123Z"),
        ("2015-02-02T00:30:08.9", "2015-02-02T00:30:08.900Z"),
        ("2015-02-02T00:30:08+01:30", "2015-02-01T23:00:08.000Z"),
        ("2015-02-02T00:30:08 -0130", "2015-02-02T02:00:08.000Z"),
        ("2015-02-02T00:30+01", "2015-02-01T23:30:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2100-12-31T23:59:59.999Z", "2100-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_may_be_written_in_many_ways(said: Any, means: str) -> None:
    at_ms = read(said)
    assert at_ms is not None
    assert written(at_ms) == means


@pytest.mark.parametrize(
    "said",
    [
        *(None, True, False, 1.5, 1422837008276.0, [], {}, -1, 10**15, 2**70),
        *("", "soon", "12", "20150202", "2015-02-30", "2015-13-01", "2015-02-02T24:00"),
        *("2015-02-02T00:61", "2015-02-02T00:30:61", "2015-02-02T", "15-02-02"),
        *("1969-12-31T23:59:59Z", "1970-01-01T00:00+01:00", "2101-01-01", "9999-12-31T23:59:60"),
        *("2015-02-02T00:30+24", "2015-02-02T00:30+01:60", "2015-02-02T00:30:08,5Z"),
        *("2015-02-02T00:30:08.1234567890Z", "٢٠١٥-02-02", "2015-02-02Z"),
    ],
)
def test_what_says_no_time_is_none(said: Any) -> None:
    assert read(said) is None


def ms(said: str) -> int:
    at_ms = read(said)
    assert at_ms is not None
    return at_ms


@pytest.mark.parametrize(
    ("original", "sent", "received", "happened"),
    [
        ("10:00:00", "10:00:05", "12:00:07", "12:00:02"),
        ("10:00:00", "10:00:05", "09:00:07", "09:00:02"),
        ("10:00:00", "10:00:05", "10:00:06", "10:00:00"),
        ("10:00:00", "10:00:05", "10:00:04", "10:00:00"),
        ("10:00:00", None, "12:00:07", "10:00:00"),
        ("14:00:00", None, "12:00:07", "12:00:07"),
        ("10:00:09", "10:00:05", "12:00:07", "12:00:07"),
        ("12:00:08", "12:00:08", "12:00:07", "12:00:07"),
    ],
)
def test_the_clock_of_the_sender_is_put_right(
    original: str, sent: str | None, received: str, happened: str
) -> None:
    def at(time: str) -> int:
        return ms(f"2020-01-01T{time}Z")

    sent_ms = None if sent is None else at(sent)
    assert corrected(at(original), sent_ms, at(received)) == at(happened)


def test_no_correction_goes_back_behind_1970() -> None:
    assert corrected(0, ms("2100-01-01"), ms("2020-01-01")) == 0
