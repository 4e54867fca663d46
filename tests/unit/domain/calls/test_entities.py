"""What calls become."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.calls.call import Door, understood
from onefold.domain.calls.entities import event_entity, group_entity, settled, traits_entity
from tests.unit.domain.calls.saying import KIM, RECEIVED, RECEIVED_MS, call

STAMP = [RECEIVED_MS, RECEIVED_MS, "e-1"]
USER = [{"id": "u-1", "primary": True}]


def made(message: dict[str, Any], door: Door = "write") -> tuple[Any, Any, Any]:
    """Event, traits and group of a call."""
    one = call(message, door=door)
    u = understood(one, RECEIVED_MS)
    return (
        event_entity(u, one),
        traits_entity(u, one, RECEIVED_MS),
        group_entity(u, one, RECEIVED_MS),
    )


def test_a_track_is_an_event() -> None:
    event, traits, group = made({**KIM, "anonymousId": "a", "event": "Email Opened"})
    assert event == {
        "_id": "e-1",
        "timestamp": RECEIVED,
        "eventType": "email_opened",
        "identityMap": {"userId": USER, "anonymousId": [{"id": "a"}]},
        "_onefold": {
            "call": {
                **KIM,
                "anonymousId": "a",
                "event": "Email Opened",
                "action": "track",
                "timestamp": RECEIVED,
            },
            "action": "email_opened",
            "brand": "ACME",
            "source": "SEGMENT_API",
            "door": "write",
        },
    }
    assert traits is group is None


def test_an_anonymous_visitor_is_primary() -> None:
    event, traits, _ = made({"anonymousId": "a", "type": "identify", "traits": {"x": 1}})
    assert event["identityMap"] == {"anonymousId": [{"id": "a", "primary": True}]}
    assert traits["identityMap"] == event["identityMap"]


def test_an_event_says_its_source_and_what_was_put_right() -> None:
    quiet = {**KIM, "event": "e", "timestamp": "soon", "context": {"active": False}}
    said = made(quiet, "tag")[0]["_onefold"]
    assert (said["source"], said["active"], said["warnings"]) == (
        "SEGMENT_API",
        False,
        ["timestamp"],
    )
    assert made({**KIM, "event": "e"}, "preferences")[0]["_onefold"]["source"] == "PREFERENCES"


@pytest.mark.parametrize(
    ("page", "web"),
    [
        ({"name": "Basket"}, {"webPageDetails": {"name": "Basket"}}),
        (
            {"properties": {"name": "B", "url": "https://x/b", "referrer": "https://x/a"}},
            {
                "webPageDetails": {"name": "B", "URL": "https://x/b"},
                "webReferrer": {"URL": "https://x/a"},
            },
        ),
        ({"context": {"page": {"url": "/c"}}}, {"webPageDetails": {"URL": "/c"}}),
        ({"name": 7, "properties": {"url": []}, "context": {"page": "x"}}, None),
        ({}, None),
    ],
)
def test_a_page_is_told_in_the_open_model_too(page: dict, web: Any) -> None:
    assert made({**KIM, "type": "page", **page})[0].get("web") == web
    assert "web" not in made({**KIM, "type": "screen", **page})[0]


def test_an_identify_changes_traits() -> None:
    sent = {"email": " Kim@Example.org ", "plan": None}
    event, traits, group = made({**KIM, "type": "identify", "traits": sent})
    assert event["eventType"] == "identify"
    assert traits == {
        "identityMap": {"userId": USER, "Email": [{"id": "kim@example.org"}]},
        "_onefold": {"traits": sent},
        "_stamp": STAMP,
    }
    assert group is None


@pytest.mark.parametrize("email", [None, "", "  ", 7, ["kim@example.org"]])
def test_only_an_address_is_an_identity(email: Any) -> None:
    traits = made({**KIM, "type": "identify", "traits": {"email": email}})[1]
    assert traits["identityMap"] == {"userId": USER}


def test_a_group_is_a_relation_and_an_account_of_its_own() -> None:
    event, traits, group = made({**KIM, "type": "group", "groupId": "g", "traits": {"size": 7}})
    assert event["identityMap"] == {"userId": USER}
    assert traits == {
        "identityMap": {"userId": USER},
        "_onefold": {"groups": {"g": RECEIVED}},
        "_stamp": STAMP,
    }
    assert group == {
        "identityMap": {"groupId": [{"id": "g", "primary": True}]},
        "_onefold": {"traits": {"size": 7}},
        "_stamp": STAMP,
    }


def test_an_alias_names_the_previous_id_as_a_visitor() -> None:
    alias = {"type": "alias", "previousId": "p"}
    assert made({**KIM, **alias})[0]["identityMap"] == {
        "userId": USER,
        "anonymousId": [{"id": "p"}],
    }
    assert made({"anonymousId": "a", **alias})[0]["identityMap"] == {
        "anonymousId": [{"id": "a", "primary": True}, {"id": "p"}]
    }


def test_a_device_that_is_registered_is_an_identity() -> None:
    event, traits, _ = made({**KIM, "event": "e", "deviceId": "d", "fcmToken": "f"})
    assert event["identityMap"] == {"userId": USER, "deviceId": [{"id": "d"}]}
    assert traits["_onefold"] == {"traits": {"deviceId": "d", "fcmToken": "f"}}


def test_a_campaign_is_a_trait_of_those_who_are_seen_first() -> None:
    context = {"campaign": {"name": "c"}}
    alone = made({**KIM, "event": "e", "context": context})[1]
    both = made({**KIM, "type": "identify", "traits": {"x": 1}, "context": context})[1]
    group = made({**KIM, "type": "group", "groupId": "g", "context": context})[1]
    for entity, rest in (
        (alone, None),
        (both, {"traits": {"x": 1}}),
        (group, {"groups": {"g": RECEIVED}}),
    ):
        assert entity["_onefold"]["traits"]["campaign"] == {"name": "c"}
        new = settled(entity, known=False)
        old = settled(entity, known=True)
        assert new == {key: value for key, value in entity.items() if key != "_first"}
        assert old == (None if rest is None else {**new, "_onefold": rest})


def test_a_campaign_that_is_identified_is_a_trait_like_all() -> None:
    sent = {"traits": {"campaign": "mine"}, "context": {"campaign": {"name": "c"}}}
    traits = made({**KIM, "type": "identify", **sent})[1]
    assert traits["_onefold"] == {"traits": {"campaign": "mine"}}
    assert settled(traits, known=True) is settled(traits, known=False) is traits
