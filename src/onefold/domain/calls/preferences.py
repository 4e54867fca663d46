"""Marketing preferences: what a customer wants to be told, by channel and by category.

They are the trait `marketingPreferences`. A channel has to be subscribed to; a category is
subscribed until somebody says otherwise.

Who identifies somebody says the trait as a whole. A customer changes choices, each for itself: such
a change is kept choice by choice, each with the stamp of its call, and laid over the trait when it
is read. So of two changes neither is lost, however close they come. Source: Intilery contract, 6,
11.7 and 16.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
_ALL: Final = "all"
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
    said = of_change(trait)
    known = {folded(one.name) for one in said.channels}
    more = (Choice(name, False) for name in CHANNELS if name not in known)
    return Preferences((*said.channels, *more), said.categories, said.all_off, said.reason)


def of_change(said: Any) -> Preferences:
    """The choices that a trait, or a change of one, names. What it says in another form is passed
    over."""
    said = said if isinstance(said, dict) else {}
    reason = said.get("unsubscribeReason")
    return Preferences(
        _choices(said.get("channels"), ("channel", "name")),
        _choices(said.get("categories"), ("category", "name")),
        said.get("unsubscribeAll") is True,
        reason if isinstance(reason, str) else "",
    )


def changed(before: Preferences, change: Preferences) -> Preferences:
    """The preferences after a change. Choices are merged by name: what is not named stays as it is,
    or is turned off when all_off says so; new names come last. A name is spelt as it was last."""
    after = Preferences(
        _merged(before.channels, change.channels, all_off=change.all_off),
        _merged(before.categories, change.categories, all_off=change.all_off),
    )
    if _on(after) or not (change.all_off or before.all_off):
        return after
    reason = change.reason or before.reason
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


def words_of(change: Preferences) -> dict[str, Any]:
    """What a change says, choice by choice, under names by which a later word on the same one
    counts."""
    words: dict[str, Any] = {}
    for kind, choices in (("channel", change.channels), ("category", change.categories)):
        for one in choices:
            words[f"{kind}:{folded(one.name)}"] = [one.name, one.subscribed]
    if change.all_off:
        words[_ALL] = change.reason
    return words


def overlaid(trait: Any, words: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The trait after changes. words: of `words_of`, with their names, the oldest first."""
    now = of_trait(trait)
    for name, said in words:
        kind, _, _ = name.partition(":")
        if kind == _ALL:
            change = Preferences((), (), all_off=True, reason=said)
        elif kind == "channel":
            change = Preferences((Choice(*said),), ())
        else:
            change = Preferences((), (Choice(*said),))
        now = changed(now, change)
    return as_trait(now)


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
    kept = {folded(one.name): Choice(one.name, one.subscribed and not all_off) for one in before}
    return tuple((kept | wanted).values())


def _choices(listed: Any, names: Sequence[str]) -> tuple[Choice, ...]:
    """The choices of a list of objects; of a name that stands twice, the last."""
    found: dict[str, Choice] = {}
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("subscribed"), bool):
            name = next((entry[key] for key in names if isinstance(entry.get(key), str)), "")
            if name.strip():
                found[folded(name)] = Choice(name.strip(), entry["subscribed"])
    return tuple(found.values())
