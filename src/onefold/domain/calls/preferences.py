"""Marketing preferences: what a customer wants to be told, by channel and by category.

They are the trait `marketingPreferences`. A channel has to be subscribed to; a category is
subscribed until somebody says otherwise. Source: Intilery contract, 6 and 16.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

TRAIT: Final = "marketingPreferences"
CHANNELS: Final = {
    "email": "Email",
    "sms": "SMS",
    "whatsapp": "WhatsApp",
    "facebook": "Facebook",
    "push": "Push",
}
"""The channels that there always are, and their names."""
ENTRIES_MAX: Final = 100
"""Channels, and categories, of one customer."""


class Choice(msgspec.Struct, frozen=True):
    """Whether a customer wants what has this name."""

    name: str
    subscribed: bool


class Preferences(msgspec.Struct, frozen=True):
    """All choices of one customer. all_off: the customer has turned everything off; reason: why, in
    the customer's words."""

    channels: tuple[Choice, ...]
    categories: tuple[Choice, ...]
    all_off: bool = False
    reason: str = ""


def of_trait(trait: Any) -> Preferences:
    """What a trait says, in its order; channels that it does not name come behind, not subscribed.
    What it says in another form is passed over."""
    said = trait if isinstance(trait, dict) else {}
    channels = _choices(said.get("channels"), ("channel", "name"))
    known = {folded(one.name) for one in channels}
    more = (Choice(name, False) for name in CHANNELS if name not in known)
    reason = said.get("unsubscribeReason")
    return Preferences(
        (*channels, *more),
        _choices(said.get("categories"), ("category", "name")),
        said.get("unsubscribeAll") is True,
        reason if isinstance(reason, str) else "",
    )


def changed(
    before: Preferences,
    channels: Sequence[Choice],
    categories: Sequence[Choice],
    *,
    all_off: bool,
    reason: str,
) -> Preferences:
    """The preferences after a change. Choices are merged by name: what is not named stays as it is,
    or is turned off when all_off says so; new names come last."""
    after = Preferences(
        _merged(before.channels, channels, all_off=all_off),
        _merged(before.categories, categories, all_off=all_off),
    )
    if _on(after) or not (all_off or before.all_off):
        return after
    reason = reason or before.reason
    return Preferences(after.channels, after.categories, all_off=True, reason=reason)


def as_trait(preferences: Preferences) -> dict[str, Any]:
    """The trait that says so."""
    said: dict[str, Any] = {
        "channels": [
            {"channel": one.name, "subscribed": one.subscribed} for one in preferences.channels
        ]
    }
    if preferences.categories:
        said["categories"] = [
            {"category": one.name, "subscribed": one.subscribed} for one in preferences.categories
        ]
    if preferences.all_off:
        said["unsubscribeAll"] = True
        if preferences.reason:
            said["unsubscribeReason"] = preferences.reason
    return said


def turned_off(before: Preferences, after: Preferences) -> bool:
    """Whether a change has turned something off that was on."""
    return bool(_on(before) - _on(after))


def folded(name: str) -> str:
    """A name as names are compared: case does not count, and `_` is a space.

    Source: Intilery contract, C29."""
    return name.strip().lower().replace("_", " ")


def _on(preferences: Preferences) -> set[tuple[str, str]]:
    parts = (("channel", preferences.channels), ("category", preferences.categories))
    return {(part, folded(one.name)) for part, all_ in parts for one in all_ if one.subscribed}


def _merged(
    before: Sequence[Choice], asked: Sequence[Choice], *, all_off: bool
) -> tuple[Choice, ...]:
    wanted = {folded(one.name): one for one in asked}
    kept = [
        Choice(one.name, said.subscribed if said else one.subscribed and not all_off)
        for one, said in ((one, wanted.pop(folded(one.name), None)) for one in before)
    ]
    return (*kept, *wanted.values())


def _choices(listed: Any, names: Sequence[str]) -> tuple[Choice, ...]:
    """The choices of a list of objects; of a name that stands twice, the last."""
    found: dict[str, Choice] = {}
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("subscribed"), bool):
            name = next((entry[key] for key in names if isinstance(entry.get(key), str)), "")
            if name.strip():
                found[folded(name)] = Choice(name.strip(), entry["subscribed"])
    return tuple(found.values())
