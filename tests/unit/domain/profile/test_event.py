"""The senders' clock: RFC 3339 texts."""

from __future__ import annotations

import pytest

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.event import Event, timestamp_ms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2022-02-06T05:58:46.596Z", 1644127126596),
        ("2022-02-09T15:13:35Z", 1644419615000),
        ("2022-02-09T16:13:35+01:00", 1644419615000),
        ("2022-02-09T16:13:35+0100", 1644419615000),
        ("2022-02-09t10:13:35.5-05:00", 1644419615500),
        ("2022-02-09 15:13:35z", 1644419615000),
        ("2022-02-09T15:13:35.123999999Z", 1644419615123),
        ("1969-12-31T23:59:59.9995Z", -1),
        ("0001-01-01T00:00:00+23:59", -62135683140000),
        ("2016-12-31T23:59:60.5Z", 1483228800500),
    ],
)
def test_date_times_are_read_to_the_millisecond(text, expected):
    assert timestamp_ms(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2022-02-06",
        "20220206T055846Z",
        "2022-02-06T05:58:46",
        "2022-02-06T05:58Z",
        "2022-02-06T05:58:46,5Z",
        "2022-02-06T05:58:46.Z",
        "2022-02-06T05:58:46.1234567890Z",
        "2022-02-30T05:58:46Z",
        "2022-02-06T24:00:00Z",
        "2022-02-06T05:58:61Z",
        "2022-02-06T05:58:46+01:60",
        "2022-02-06T05:58:46+24:00",
        "0000-01-01T00:00:00Z",
        "\u0662022-02-06T05:58:46Z",
        " 2022-02-06T05:58:46Z",
        "2022-02-06T05:58:46Z\n",
    ],
)
def test_other_texts_are_no_date_time(text):
    assert timestamp_ms(text) is None


def test_an_event_holds_what_its_sender_told():
    event = Event(Xid("x"), "id-0", 1, "set", 2, 3, {"_id": "id-0"})
    assert event.entity == {"_id": "id-0"}
