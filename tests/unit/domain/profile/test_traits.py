"""Traits and the fields of XDM that mean the same."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.profile.traits import OWNED, mirrored, view

SAID = {
    "firstName": "Kim",
    "lastName": "Lee",
    "name": "Kim Lee",
    "email": "Kim@Example.org",
    "phone": "+44",
    "birthday": "1999-12-31",
    "plan": "gold",
}
MIRRORED = {
    "person": {
        "name": {"firstName": "Kim", "lastName": "Lee", "fullName": "Kim Lee"},
        "birthDate": "1999-12-31",
    },
    "personalEmail": {"address": "Kim@Example.org"},
    "mobilePhone": {"number": "+44"},
}


def seen(profile: dict[str, Any], email: str | None = None) -> dict[str, Any]:
    return view(profile, id="i", external_id="u-1", email=email)


def test_traits_with_a_field_are_mirrored() -> None:
    assert mirrored(SAID) == MIRRORED
    assert mirrored({"plan": "gold"}) == {}
    for wrong in (7, None, True, ["Kim"], {"first": "Kim"}):
        assert mirrored(dict.fromkeys(SAID, wrong)) == {}
    assert mirrored({"birthday": "31.12.1999"}) == {}


def test_the_view_is_what_was_said_and_who_it_is_of() -> None:
    profile = {"_onefold": {"traits": SAID}, **MIRRORED}
    assert seen(profile) == {**SAID, "id": "i", "externalId": "u-1"}
    assert view({}, id="i", external_id=None, email=None) == {"id": "i"}


def test_what_the_other_door_wrote_is_seen() -> None:
    profile = {"_onefold": {"traits": {"firstName": "Kim"}}, "person": {"name": {"firstName": "K"}}}
    assert seen(profile)["firstName"] == "K"
    assert seen(MIRRORED) == {
        **{name: SAID[name] for name in SAID if name != "plan"},
        "id": "i",
        "externalId": "u-1",
    }


@pytest.mark.parametrize("own", [7, ["a"], {"a": 1}])
def test_a_value_that_the_field_cannot_say_stays(own: Any) -> None:
    assert seen({"_onefold": {"traits": {"phone": own}}, **MIRRORED})["phone"] == own
    assert seen({"_onefold": {"traits": {"birthday": "1999"}}, **MIRRORED})["birthday"] == "1999"


@pytest.mark.parametrize("spoiled", [{"person": "x"}, {"person": {"name": 7}}, {"_onefold": []}])
def test_a_profile_of_another_shape_spoils_nothing(spoiled: dict[str, Any]) -> None:
    assert seen(spoiled) == {"id": "i", "externalId": "u-1"}


def test_an_identity_is_the_email_only_when_nothing_else_says_one() -> None:
    assert seen({}, "k@x")["email"] == "k@x"
    assert seen(MIRRORED, "k@x")["email"] == "Kim@Example.org"
    assert seen({"_onefold": {"traits": {"email": 7}}}, "k@x")["email"] == 7


def test_names_that_are_the_platforms_are_hidden() -> None:
    own = {"traits": dict.fromkeys(OWNED, "mine"), "computed": {"orders": 3}}
    assert seen({"_onefold": own}) == {"id": "i", "externalId": "u-1"}


def test_computed_traits_are_shown_when_there_are_any() -> None:
    shown = view({}, id="i", external_id="u-1", email=None, computed={"orders": 3})
    assert shown == {"id": "i", "externalId": "u-1", "computed": {"orders": 3}}
