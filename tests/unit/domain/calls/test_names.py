"""Actions: names of events in one form."""

from __future__ import annotations

import pytest

from onefold.domain.calls.names import action_of, action_of_name, shown_name


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("Email Opened", "email_opened"),
        ("email_opened", "email_opened"),
        ("Order #2!", "order_2"),
        ("ÉtaT", "état"),
        ("!!!", "track"),
        ("", "track"),
        ("__a__b__", "a_b"),
        ("camelCase", "camelcase"),
        ("Заказ №2", "заказ_2"),
        ("注文 完了", "注文_完了"),
        ("a-b.c/d", "a_b_c_d"),
    ],
)
def test_an_action_is_words_with_one_line_between(name: str, action: str) -> None:
    assert action_of_name(name) == action


@pytest.mark.parametrize(
    ("entity", "action"),
    [
        ({"eventType": "commerce.productViews"}, "commerce_productviews"),
        ({"eventType": "email_opened"}, "email_opened"),
        ({"eventType": "…"}, "event"),
        ({"eventType": 7}, "event"),
        ({}, "event"),
    ],
)
def test_events_of_other_doors_have_the_action_of_their_type(entity: dict, action: str) -> None:
    assert action_of(entity) == action


@pytest.mark.parametrize(
    ("message", "action", "name"),
    [
        ({"type": "track", "event": "Order #2!"}, "order_2", "Order #2!"),
        ({"action": "track", "event": "Page", "name": "Home"}, "page", "Page"),
        ({"action": "page", "name": "Home"}, "page", "Home"),
        ({"type": "Screen", "name": "Home", "event": "x"}, "screen", "Home"),
        ({"type": "page"}, "page", "page"),
        ({"type": "page", "name": " "}, "page", "page"),
        ({"type": "page", "name": 7}, "page", "page"),
        ({"type": "identify", "name": "Home", "event": "Identify"}, "identify", "identify"),
        ({"type": 7, "event": "Seen"}, "seen", "Seen"),
        ({"type": 7}, "group", "group"),
        ({}, "event", "event"),
    ],
)
def test_an_event_is_shown_by_the_name_that_it_has(message: dict, action: str, name: str) -> None:
    assert shown_name(message, action) == name
