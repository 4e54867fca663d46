"""`/track/{client}/{account}/{brand}/v1/profiles/{key}/…`: traits, meta and audiences.

One object, or `{"data": […]}` where a key is an e-mail address, which several may share.
Source: Intilery contract, 5, 6, 8 and 9.
"""

from __future__ import annotations

from collections.abc import Callable

from onefold.api.context import Holder, Request, Response, Rooms
from onefold.api.declared import DOCUMENT, TEXT, Answer, array, either, path, record
from onefold.api.dialect import ANSWERED, PROFILE_KEY, TENANT
from onefold.api.intilery.key import asked_key
from onefold.api.intilery.subscriptions import Subscriber
from onefold.api.route import Handler, Route
from onefold.config import Settings
from onefold.errors import NotFound
from onefold.lookup import customers
from onefold.lookup import meta as metas
from onefold.lookup.customers import Customer, Key, Known
from onefold.lookup.profiles import Sight
from onefold.store.tables import feed
from onefold.wire import JSON, encode_json, iso_millis

LISTED_MAX = 100
"""Customers of one address that are answered. Source: Intilery contract, 6 (D10)."""

View = Callable[[Customer, Known], dict[str, JSON]]


def get_traits(request: Request, rooms: Rooms) -> Response:
    """The traits of a customer."""
    text = not_found_text(rooms.settings)
    return _kept(request, rooms, "traits", customers.shown, text)


def get_audiences(request: Request, rooms: Rooms) -> Response:
    """The traits of a customer, and the audiences that it is in."""
    return _kept(request, rooms, "audiences", _with_audiences, PROFILE_NOT_FOUND)


def get_meta(request: Request, rooms: Rooms) -> Response:
    """The traits of a customer, when and how it came, its audiences, when it was last active, and
    its first and last event of each kind."""
    holder = request.held()
    key = key_of(request, rooms.settings)
    with rooms.profiles.sight(holder.sandbox.id, holder.generation) as sight:

        def view(customer: Customer, known: Known) -> dict[str, JSON]:
            return _meta(rooms, holder, sight, customer, known)

        if key.kind == "email":
            return _listed(sight, key, view, PROFILE_NOT_FOUND)
        for customer in customers.found(*sight, key):
            return Response(200, encode_json(view(customer, customers.known(*sight, customer))))
    raise NotFound("CUS-1001", PROFILE_NOT_FOUND)


PROFILE_NOT_FOUND = "Profile was not found."


def not_found_text(settings: Settings) -> str:
    """What is said of traits of nobody. The published word lacks a letter, which a setting
    restores. Source: Intilery contract, 4.13 (D27)."""
    return "Custmer not found." if settings.misspelt_not_found else "Customer not found."


def key_of(request: Request, settings: Settings) -> Key:
    """The key in the path, as the settings allow it. Raises Malformed ASK-1002."""
    return asked_key(request, anonymous=bool(settings.anonymous_reads))


def key_first(request: Request, rooms: Rooms) -> None:
    """For `Route.path_first`. Raises Malformed ASK-1002."""
    key_of(request, rooms.settings)


def is_of_one(request: Request) -> bool:
    """Whether at most one customer is asked for: that is some reads by key, and perhaps a merge.
    Decides only where the answer is made, so it may be mistaken."""
    return "/profiles/email" not in request.path.lower()


def _kept(request: Request, rooms: Rooms, name: str, view: View, text: str) -> Response:
    """A view that depends on nothing but the merged profile."""
    holder = request.held()
    key = key_of(request, rooms.settings)
    if key.kind == "email":
        with rooms.profiles.sight(holder.sandbox.id, holder.generation) as sight:
            return _listed(sight, key, view, text)
    answer = rooms.profiles.customer(
        holder.sandbox.id,
        key,
        lambda customer, known: encode_json(view(customer, known)),
        view=name,
        generation=holder.generation,
    )
    if answer is None:
        raise NotFound("CUS-1001", text)
    return Response(200, answer)


def _listed(sight: Sight, key: Key, view: View, text: str) -> Response:
    """The customers of an address, the most recently active first."""
    found = customers.by_activity(sight.reader, customers.found(*sight, key))
    if not found:
        raise NotFound("CUS-1001", text)
    data = [view(one, customers.known(*sight, one)) for one in found[:LISTED_MAX]]
    answer: dict[str, JSON] = {"data": data}
    if len(found) > LISTED_MAX:
        answer["truncated"] = True
    return Response(200, encode_json(answer))


def _with_audiences(customer: Customer, known: Known) -> dict[str, JSON]:
    by_rules, brought = metas.audiences(known.attributes)
    return {
        **customers.shown(customer, known),
        "audiences": by_rules,
        "audiencesStatic": brought,
    }


def _meta(
    rooms: Rooms, holder: Holder, sight: Sight, customer: Customer, known: Known
) -> dict[str, JSON]:
    """Source: Intilery contract, 8."""
    reader, packing, _ = sight
    answer = customers.shown(customer, known)
    whom = Subscriber(holder.client, holder.account, customer.id)
    answer["_subscriptionId"] = rooms.subscriptions.made(whom)
    origin = rooms.origins.origin(
        reader, packing, holder.sandbox.id, customer.seen_ms, known.fragments
    )
    answer["createdBy"] = {"type": origin.kind, "createdTime": iso_millis(origin.at_ms)}
    if origin.filename is not None:
        answer["createdBy"]["filename"] = origin.filename
    ends = metas.ends(reader, packing, holder.sandbox.id, customer, holder.brands)
    if ends.first:
        answer["firstEvent"], answer["lastEvent"] = ends.first, ends.last
    by_rules, brought = metas.audiences(known.attributes)
    if by_rules:
        answer["audiences"] = by_rules
    if brought:
        answer["audiencesStatic"] = brought
    active_ms = feed.last_active(reader, customer.owners)
    if active_ms is not None:
        answer["lastActivityTime"] = iso_millis(active_ms)
    return answer


_TRAITS = {**record(id=TEXT), "additionalProperties": True}
FAILS = "ASK-1002 CUS-1001"
KEY = path(
    PROFILE_KEY.strip("{}"),
    "`userId:`, `id:`, `email:` or `anonymousId:` and the id.",
    {"type": "string", "pattern": ".:.", "examples": ["userId:u-1"]},
)


def _route(view: str, handler: Handler, help: str, *, inline: bool) -> Route:
    return Route(
        "GET",
        f"/track/{{client}}/{{account}}/{{brand}}/v1/profiles/{PROFILE_KEY}/{view}",
        handler,
        gate="key-read",
        family="intilery",
        inline=is_of_one if inline else None,
        reads=True,
        path_first=key_first,
        parameters=(*TENANT, KEY),
        answers={
            200: Answer(
                f"{help} By e-mail: of everybody who has it, as `data`.",
                either(_TRAITS, record(data=array(DOCUMENT))),
                headers=ANSWERED,
            )
        },
        fails=FAILS,
    )


ROUTES = (
    _route("traits", get_traits, "The traits.", inline=True),
    _route("audiences", get_audiences, "The traits and the audiences.", inline=True),
    _route("meta", get_meta, "The traits and what else is known.", inline=False),
    _route("metadata", get_meta, "The same as meta.", inline=False),
)
