"""Conditions on fields of events. Source: profile contract, 3.5."""

from __future__ import annotations

import pytest

from onefold.domain.profile.property_filter import STEPS_MAX, TEXT_MAX, parse
from onefold.errors import Malformed

EVENT = {
    "eventType": "order.placement",
    "web": {"webPageDetails": {"isHomepage": False, "name": "a=b", "pageViews": {"value": 1}}},
    "placeContext": {"localTime": "2020-07-19T23:30:00.000-01:00"},
    "born": "1999-12-31",
    "zip": "007",
    "number": "12.5",
    "price": 10.0,
    "big": 12507560687324495704459439363261812234,
    "none": None,
    "empty": "",
    "items": [{"sku": "a", "qty": 1}, {"sku": "b"}, [{"qty": 5}], "text"],
    "nobody": [],
    "tags": ["x", "y"],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the examples of the documentation
        ("web.webPageDetails.isHomepage=false", True),
        ('placeContext.localTime<="2020-07-20"', False),
        ('eventType="order.placement"', True),
        # texts
        ("eventType=order.placement", True),
        ("eventType!=order.placement", False),
        ("eventType<p", True),
        ('eventType>"p"', False),
        ("web.webPageDetails.name=a=b", True),
        ('web.webPageDetails.name="a=b"', True),
        ('empty=""', True),
        ('eventType>=""', True),
        # booleans
        ("web.webPageDetails.isHomepage!=true", True),
        ('web.webPageDetails.isHomepage="false"', True),
        ("web.webPageDetails.isHomepage=0", False),
        # numbers
        ("price=10", True),
        ('price="1e1"', True),
        ("price<9", False),
        ("price>9", True),
        ("number>9", True),
        ("number<=12.50", True),
        ("zip=7", False),
        ("zip=007", True),
        ("price<abc", True),
        ("big=12507560687324495704459439363261812234", True),
        ("big=12507560687324495704459439363261812235", False),
        # instants
        ('placeContext.localTime>="2020-07-20"', True),
        ('placeContext.localTime<"20200721"', True),
        ("placeContext.localTime=2020-07-20T00:30:00Z", True),
        ("born>=19991231", True),
        ("born<2000-01-01", True),
        ("born<2000-02-30", True),  # no such day: compared by code points
        # absent, null and objects
        ("unknown=1", False),
        ("unknown!=1", True),
        ("none=null", False),
        ("none!=1", True),
        ("web=1", False),
        ("web.webPageDetails!=1", True),
        ("eventType.x!=1", True),
        ("eventType.x=1", False),
        # arrays
        ("items.sku=b", True),
        ("items.sku=c", False),
        ("items.sku!=a", True),
        ("items.qty>4", True),
        ("items.qty>5", False),
        ("items=text", True),
        ("tags=y", True),
        ("nobody=1", False),
        ("nobody!=1", True),
        ("nobody.x!=1", True),
    ],
)
def test_a_filter_compares_one_field(text, expected):
    assert parse(text).matches(EVENT) is expected


@pytest.mark.parametrize(
    ("text", "op"),
    [("a=1", "="), ("a!=1", "!="), ("a<1", "<"), ("a<=1", "<="), ("a>1", ">"), ("a>==1", ">=")],
)
def test_the_first_operator_counts(text, op):
    assert parse(text).op == op


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "=1",
        "a=",
        "a!1",
        ".a=1",
        "a.=1",
        "a..b=1",
        'a="',
        'a="b',
        ".".join("a" * (STEPS_MAX + 1)) + "=1",
        "a=" + "x" * TEXT_MAX,
    ],
)
def test_other_texts_are_malformed(text):
    with pytest.raises(Malformed) as refused:
        parse(text)
    assert (refused.value.code, refused.value.at) == ("PRO-1002", "property")


def test_the_longest_filters_are_read():
    parse(".".join("a" * STEPS_MAX) + "=1")
    parse("a=" + "x" * (TEXT_MAX - 2))
