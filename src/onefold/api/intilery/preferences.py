"""`/cdp/marketing-preferences/{subscriptionId}`: what a customer wants to be told, for the page to
which a link in a mail leads. Nothing but the id is asked of the caller, so a setting has to allow
it.

A change is an identify call through the inlet like any other. Source: Intilery contract, 16.4.
"""

from __future__ import annotations

import base64
import re
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

from onefold.api import keys
from onefold.api.context import Request, Response, Rooms, json_response
from onefold.api.declared import FILLED, TEXT, TRUTH, Answer, Body, array, path, query, record
from onefold.api.dialect import BODY_BYTES_MAX
from onefold.api.intilery.subscriptions import Subscriber
from onefold.api.intilery.write import PLACED, placed
from onefold.api.json_body import decoded
from onefold.api.route import Route
from onefold.domain.calls import preferences
from onefold.domain.calls.call import Call
from onefold.domain.calls.namespaces import ANONYMOUS, USER
from onefold.domain.calls.preferences import CHANNELS, ENTRIES_MAX, Choice, Preferences
from onefold.domain.sandbox import Sandbox
from onefold.errors import Malformed, NotFound, Rejected
from onefold.inlet.calls import Sent
from onefold.lookup import customers
from onefold.lookup.customers import Customer, Key
from onefold.store.snapshot import Snapshot
from onefold.wire import JSON, encode_json

PATH = "/cdp/marketing-preferences/{subscriptionId}"
TEXT_CHARS_MAX = 500
"""Of a name, a reason or the id of an asset."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class _Channel(msgspec.Struct):
    channel: str
    subscribed: bool


class _Category(msgspec.Struct):
    subscribed: bool
    category: str = ""
    name: str = ""


class _Change(msgspec.Struct, rename="camel"):
    channels: list[_Channel] = []
    categories: list[_Category] = []
    unsubscribe_all: bool = False
    unsubscribe_reason: str | None = None


_decode = msgspec.json.Decoder(_Change).decode


class _Found(NamedTuple):
    """The customer that a subscription id stands for, and what it wants. who: its ids, as calls say
    them."""

    whom: Subscriber
    sandbox: Sandbox
    who: dict[str, str]
    preferences: Preferences


def get_preferences(request: Request, rooms: Rooms) -> Response:
    """What the customer wants."""
    found = _found(request, rooms)
    return json_response(200, _shown(found, found.preferences, rooms))


def post_preferences(request: Request, rooms: Rooms) -> Response:
    """Change what the customer wants; what is not named stays as it is."""
    found = _found(request, rooms)
    asked = decoded(request.body, _decode, what="a change of preferences")
    given = dict(parse_qsl(request.raw_query))
    reason, asset = asked.unsubscribe_reason or "", given.get("assetId", "")
    change = Preferences(
        tuple(_choice(_standard(one.channel), one.subscribed) for one in asked.channels),
        tuple(_choice(one.category or one.name, one.subscribed) for one in asked.categories),
        asked.unsubscribe_all,
        _short(reason, "unsubscribeReason") if asked.unsubscribe_all else "",
    )
    after = preferences.changed(found.preferences, change)
    if max(len(after.channels), len(after.categories)) > ENTRIES_MAX:
        raise Malformed("CTL-1008", f"There are at most {ENTRIES_MAX} channels and categories")
    calls: list[tuple[str, JSON]] = [
        ("identify", {**found.who, "traits": {preferences.TRAIT: preferences.as_trait(change)}})
    ]
    if asked.unsubscribe_all or preferences.turned_off(found.preferences, after):
        said = {"assetId": _short(asset, "assetId"), "reason": reason}
        told = {name: text for name, text in said.items() if text}
        calls.append(("track", {**found.who, "event": "Unsubscribed", "properties": told}))
    judged = rooms.calls.judged([_sent(found, call, message) for call, message in calls])
    fault = next((one.fault for one in judged if one.fault is not None), None)
    if fault is not None:
        raise fault
    positions = rooms.calls.accept(judged, body_bytes=len(request.body))
    return json_response(200, _shown(found, after, rooms), placed(positions.values()))


def _found(request: Request, rooms: Rooms) -> _Found:
    """Raises NotFound CUS-1001, OverLimit KEY-1004; NotFound API-1001 when it is switched off."""
    if not rooms.settings.marketing_preferences:
        raise Rejected("API-1001")
    keys.stranger(request.address, rooms)  # there is no key: the client's address is what counts
    whom = _subscriber(request.path_parameters["subscriptionId"], rooms)
    installation = rooms.definitions.installation()
    id_ = installation.accounts.get((whom.client, whom.account)) if whom is not None else None
    sandbox = next((one for one in installation.sandboxes if one.id == id_ and one.active), None)
    if whom is None or sandbox is None:
        raise NotFound("CUS-1001")
    with rooms.profiles.sight(sandbox.id, installation.generation) as sight:
        for customer in customers.found(*sight, Key("id", whom.customer)):
            who = _ids(customer, sight.snapshot)
            if who:
                trait = customers.traits(*sight, customer).get(preferences.TRAIT)
                whom = whom._replace(customer=customer.id)
                return _Found(whom, sandbox, who, preferences.of_trait(trait))
    raise NotFound("CUS-1001")


def _subscriber(text: str, rooms: Rooms) -> Subscriber | None:
    """Whom an id stands for. The bare id of a customer does, too, as long as there is one account
    and no signature is wanted."""
    whom = rooms.subscriptions.read(text)
    if whom is None and not rooms.settings.signed_subscriptions and _UUID.fullmatch(text):
        accounts = list(rooms.definitions.installation().accounts)
        if len(accounts) == 1:
            whom = Subscriber(*accounts[0], text.lower())
    return whom


def _ids(customer: Customer, snapshot: Snapshot) -> dict[str, str]:
    """The id by which a call names the customer; nothing for one that no call can name."""
    if customer.external_id is not None:
        return {USER: customer.external_id}
    visitor = snapshot.namespaces.by_key(ANONYMOUS)
    if visitor is None:
        return {}
    values = [m.value for m in customer.members if m.namespace_id == visitor.id]
    return {ANONYMOUS: values[0]} if values else {}


def _sent(found: _Found, call: str, message: JSON) -> Sent:
    brand = found.whom.account.upper()
    sent = msgspec.Raw(encode_json(message))
    return Sent(found.sandbox.id, Call("preferences", brand, "", sent, call=call))


def _shown(found: _Found, now: Preferences, rooms: Rooms) -> dict[str, JSON]:
    whom = found.whom
    said: dict[str, JSON] = {
        "customerId": whom.customer,
        "channels": [
            {
                "channel": one.name,
                "name": CHANNELS.get(preferences.folded(one.name), one.name),
                "subscribed": one.subscribed,
            }
            for one in now.channels
        ],
        "categories": [
            {
                "category": one.name.replace("_", " "),
                "name": one.name.replace(" ", "_"),
                "subscribed": one.subscribed,
            }
            for one in now.categories
        ],
        "unsubscribeAll": now.all_off,
    }
    if rooms.settings.derived_write_keys:
        names = f"{whom.client}:{whom.account}:{whom.account.upper()}"
        said["writeKey"] = base64.b64encode(names.encode()).decode()
    return said


def _standard(channel: str) -> str:
    """A channel that there always is, as it is always spelt; others as they are."""
    name = preferences.folded(channel)
    return name if name in CHANNELS else channel


def _choice(name: str, subscribed: bool) -> Choice:
    name = _short(name, "name").strip()
    if not name:
        raise Malformed("CTL-1008", "A channel or category has a name")
    return Choice(name, subscribed)


def _short(text: str, name: str) -> str:
    if len(text) > TEXT_CHARS_MAX:
        raise Malformed("CTL-1008", f"{name} has at most {TEXT_CHARS_MAX} characters", at=name)
    return text


_SHOWN = record(
    customerId=FILLED,
    channels=array(record(channel=TEXT, name=TEXT, subscribed=TRUTH)),
    categories=array(record(category=TEXT, name=TEXT, subscribed=TRUTH)),
    unsubscribeAll=TRUTH,
)
_ID = path("subscriptionId", "`_subscriptionId` of a customer's meta.")
_FAILS = "API-1001 CUS-1001 KEY-1004"

ROUTES = (
    Route(
        *("GET", PATH, get_preferences),
        gate="none",
        family="segment",
        cors=True,
        parameters=(_ID,),
        answers={200: Answer("By channel and category.", _SHOWN)},
        fails=_FAILS,
    ),
    Route(
        *("POST", PATH, post_preferences),
        gate="none",
        family="segment",
        cors=True,
        body_max=BODY_BYTES_MAX,
        parameters=(_ID, query("assetId", "What the customer was reading.")),
        takes=Body(
            "What is to change.",
            _Change,
            ("application/json", "text/plain"),
            example={"channels": [{"channel": "email", "subscribed": True}]},
        ),
        answers={200: Answer("What was known, with the change.", _SHOWN, headers=PLACED)},
        fails=f"{_FAILS} API-1003 AUT-1008 CAL-1009 CTL-1008 INL-1017",
    ),
)
