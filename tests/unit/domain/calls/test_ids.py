"""Ids that follow from what they stand for."""

from __future__ import annotations

from uuid import UUID

from onefold.domain.calls.ids import (
    customer_id,
    event_id,
    fresh_event_id,
    record_event_id,
)
from onefold.domain.identity.identity import Xid


def test_ids_are_uuids_of_what_they_stand_for() -> None:
    made = {
        customer_id("s1", Xid("a")),
        customer_id("s1", Xid("b")),
        customer_id("s2", Xid("a")),
        event_id("s1", "a"),
        event_id("s1", "é"),
        event_id("", "a"),
        event_id("s1", "1"),
        record_event_id("s1", 1),
        record_event_id("s1", 11),
        record_event_id("s2", 1),
    }
    assert len(made) == 10
    assert all(str(UUID(one)) == one and UUID(one).version == 8 for one in made)


def test_ids_are_for_ever() -> None:
    """They are not stored everywhere they are told: another form of hash would lose people."""
    assert customer_id("s1", Xid("a")) == "86226975-1602-86ce-869b-48a1a50fa4c5"
    assert event_id("s1", "m-1") == "8b8375e2-c632-8a5b-bd33-0f7feb3d6cb7"
    assert record_event_id("s1", 1) == "29f88b50-83ae-8bae-a77e-d5306c16ec43"


def test_fresh_ids_are_in_the_order_of_their_calls() -> None:
    moments = [(at_ms, number) for at_ms in (0, 1_767_225_600_000) for number in range(300)]
    made = [fresh_event_id(*moment, "f" * 12) for moment in moments]
    assert made == sorted(set(made))
    assert all(str(UUID(one)) == one and UUID(one).version == 7 for one in made)
    far = [fresh_event_id(1, number, "0" * 11) for number in (0, (1 << 18) - 1, 1 << 18, 1 << 29)]
    assert far == sorted(set(far))
