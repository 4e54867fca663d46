"""Actions: names of events in one form."""

from __future__ import annotations

import pytest

from onefold.domain.calls.names import action_of, action_of_name


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
