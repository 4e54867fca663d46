"""Meta: what the dialects of calls keep of a customer besides the traits.

Source: Intilery contract, 8 and 9.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from onefold.domain.profile.membership import FIELD, MEMBERS
from onefold.domain.sandbox import SandboxId
from onefold.lookup.customers import Customer
from onefold.lookup.feeds import event_id_of, raw_data
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.tables import events, feed
from onefold.store.tables.events import StoredEvent
from onefold.store.tables.feed import Ask, Entry
from onefold.wire import JSON, decode_json, iso_millis

ACTIONS_MAX = 1_000
"""Actions that are told of, those that happened last. Source: Intilery contract, 8."""

RULE_BASED = "ups"
"""The namespace of the segments that this platform evaluates; in lower case."""


class Ends(msgspec.Struct, frozen=True):
    """The first and the last event of each action, by action."""

    first: dict[str, JSON]
    last: dict[str, JSON]


def ends(
    reader: Reader,
    packing: Packing,
    sandbox: SandboxId,
    customer: Customer,
    brands: Collection[str] | None,
) -> Ends:
    """The first and the last message of every action that a customer has, of these brands only;
    None means all.

    Cost: some seeks for each action of each identity, and two reads by key for each action.
    """
    found = feed.actions(reader, customer.owners)
    if brands is not None:
        found = _of_brands(reader, customer, brands, found)
    kept = sorted(found, key=lambda action: found[action][1].sort_key(), reverse=True)
    chosen = {action: found[action] for action in sorted(kept[:ACTIONS_MAX])}
    stored = events.of_keys(
        reader,
        packing,
        sorted({(entry.xid, entry.event_id) for pair in chosen.values() for entry in pair}),
    )
    return Ends(_told(sandbox, chosen, 0, stored), _told(sandbox, chosen, 1, stored))


def audiences(attributes: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(audiences by rules, audiences that were brought) that a merged profile is in now, by name.

    Source: Intilery contract, 8 and 9, D31."""
    by_rules: set[str] = set()
    brought: set[str] = set()
    memberships = attributes.get(FIELD)
    if isinstance(memberships, dict):
        for namespace, entries in memberships.items():
            into = by_rules if namespace.lower() == RULE_BASED else brought
            if isinstance(entries, dict):
                into.update(_current(entries))
    return sorted(by_rules), sorted(brought)


def _current(entries: Mapping[str, Any]) -> Iterable[str]:
    for name, entry in entries.items():
        if isinstance(entry, dict) and entry.get("status", "realized") in MEMBERS:
            yield name


def _told(
    sandbox: SandboxId,
    chosen: Mapping[str, tuple[Entry, Entry]],
    end: int,
    stored: Mapping[events.EventKey, StoredEvent],
) -> dict[str, JSON]:
    answer: dict[str, JSON] = {}
    for action, pair in chosen.items():
        entry = pair[end]
        event = stored.get((entry.xid, entry.event_id))
        if event is not None:
            entity = decode_json(event.body)
            answer[action] = {
                **raw_data(entity, entry),
                "eventId": event_id_of(entity, event, sandbox),
                "eventTime": iso_millis(entry.at_ms),
                "receivedTime": iso_millis(entry.received_ms),
            }
    return answer


def _of_brands(
    reader: Reader,
    customer: Customer,
    brands: Collection[str],
    found: Mapping[str, tuple[Entry, Entry]],
) -> dict[str, tuple[Entry, Entry]]:
    """The same of some brands alone; actions that they do not have are left out."""
    answer: dict[str, tuple[Entry, Entry]] = {}
    for action, (first, last) in found.items():
        if first.brand in brands and last.brand in brands:
            answer[action] = (first, last)
            continue
        pair = []
        for ascending in (True, False):
            ask = Ask(include=(action,), brands=brands, ascending=ascending, limit=1)
            pair += feed.page(reader, customer.owners, ask)
        if pair:
            answer[action] = (pair[0], pair[1])
    return answer
