"""What a call becomes: an event of its sender's timeline, and changes of traits.

Three entities at most, one for each dataset of an account. Those of traits carry `_stamp`, by which
they are folded (domain/profile/stamped.py), and the event carries the message as it is shown.
Source: Intilery contract, 7, 11 and 13.7.
"""

from __future__ import annotations

from typing import Any

from onefold.domain.calls import preferences
from onefold.domain.calls.call import Call, Understood
from onefold.domain.calls.namespaces import ANONYMOUS, DEVICE, EMAIL, GROUP, USER

ROOT = "_onefold"
"""The object of entities that holds what calls say."""
CAMPAIGN = "campaign"
"""The trait that `context.campaign` sets of those who are seen for the first time."""


def event_entity(u: Understood, call: Call) -> dict[str, Any]:
    """The event of dataset `calls`: every call is one.

    `_onefold.call` is rawData; `action`, `brand`, `source` and `door` stand next to it, `active`
    only when it is false, `warnings` only when there are any.
    """
    identities = _people(u)
    if u.previous_id is not None:
        identities.setdefault(ANONYMOUS, []).append({"id": u.previous_id})
    if u.device_id is not None:
        identities[DEVICE] = [{"id": u.device_id}]
    said: dict[str, Any] = {
        "call": u.raw,
        "action": u.action,
        "brand": call.brand,
        "source": call.source,
        "door": call.door,
    }
    if not u.active:
        said["active"] = False
    if u.warnings:
        said["warnings"] = list(u.warnings)
    entity = {
        "_id": call.event_id,
        "timestamp": u.raw["timestamp"],
        "eventType": u.action,
        "identityMap": identities,
        ROOT: said,
    }
    if u.type == "page":
        web = _web(u.raw)
        if web:
            entity["web"] = web
    return entity


def traits_entity(u: Understood, call: Call, received_ms: int) -> dict[str, Any] | None:
    """The record of dataset `traits`; None for a call that says nothing of its sender.

    `_stamp` is [at_ms, received_ms, event id]. `_first` names the traits that count only when
    nobody of the record's identities was known before: `settled` decides them.
    """
    said: dict[str, Any] = {}
    traits = u.traits if u.type != "group" else None
    first = u.campaign is not None and CAMPAIGN not in (traits or {})
    if first:
        traits = {**(traits or {}), CAMPAIGN: u.campaign}
    if call.door == "preferences" and traits and preferences.TRAIT in traits:
        words = preferences.words_of(preferences.of_change(traits[preferences.TRAIT]))
        if words:
            said["preferences"] = words
        traits = {name: value for name, value in traits.items() if name != preferences.TRAIT}
    if traits:
        said["traits"] = traits
    if u.type == "group":
        said["groups"] = {u.group_id: u.raw["timestamp"]}
    if not said:
        return None
    identities = _people(u)
    address = traits.get("email") if traits else None
    if type(address) is str and not address.isspace() and address:
        identities[EMAIL] = [{"id": address.strip().lower()}]
    entity = {
        "identityMap": identities,
        ROOT: said,
        "_stamp": [u.at_ms, received_ms, call.event_id],
    }
    if first:
        entity["_first"] = [CAMPAIGN]
    return entity


def group_entity(u: Understood, call: Call, received_ms: int) -> dict[str, Any] | None:
    """The record of dataset `groups`; None for a call that is not of a group."""
    if u.group_id is None:
        return None
    return {
        "identityMap": {GROUP: [{"id": u.group_id, "primary": True}]},
        ROOT: {"traits": u.traits or {}},
        "_stamp": [u.at_ms, received_ms, call.event_id],
    }


def settled(entity: dict[str, Any], *, known: bool) -> dict[str, Any] | None:
    """A record of `traits` without `_first`, once it is found out whether one of its identities was
    known before; None when nothing is left of it. Entities without `_first` come back as they are.

    Source: Intilery contract, 11.8.
    """
    first = entity.get("_first")
    if first is None:
        return entity
    entity = {name: value for name, value in entity.items() if name != "_first"}
    if not known:
        return entity
    said = dict(entity[ROOT])
    traits = {name: value for name, value in said.pop("traits").items() if name not in first}
    if traits:
        said["traits"] = traits
    return {**entity, ROOT: said} if said else None


def _people(u: Understood) -> dict[str, Any]:
    """The sender's identities, of which the userId is primary when there is one."""
    identities: dict[str, Any] = {}
    if u.user_id is not None:
        identities[USER] = [{"id": u.user_id, "primary": True}]
    if u.anonymous_id is not None:
        anonymous: dict[str, Any] = {"id": u.anonymous_id}
        if u.user_id is None:
            anonymous["primary"] = True
        identities[ANONYMOUS] = [anonymous]
    return identities


def _web(raw: dict[str, Any]) -> dict[str, Any]:
    """What the XDM of events has for the page of a page call."""
    said = raw.get("properties") or {}
    context = raw.get("context") or {}
    page = context.get("page")
    page = page if type(page) is dict else {}
    details = {
        name: text
        for name, text in (
            ("name", _text(raw.get("name"), said.get("name"))),
            ("URL", _text(said.get("url"), page.get("url"))),
        )
        if text is not None
    }
    referrer = _text(said.get("referrer"), page.get("referrer"))
    web: dict[str, Any] = {"webPageDetails": details} if details else {}
    if referrer is not None:
        web["webReferrer"] = {"URL": referrer}
    return web


def _text(*values: Any) -> str | None:
    return next((value for value in values if type(value) is str and value), None)
