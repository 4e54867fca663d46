"""Linking rules of a place, for senders and the model: who is refused, and which links hold.

Written from identity contract 7.2 and 7.3; nothing is shared with the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

CODES = ("CRMID", "LoyaltyId", "Email", "Phone", "IDFA", "ECID")
"""What is saved, the highest priority first."""
UNIQUE = ("CRMID", "LoyaltyId")
RANKS = {"CRMID": 1, "LoyaltyId": 2, "Email": 3, "Phone": 4, "IDFA": 9, "ECID": 10}
"""Four standard namespaces of people, which nobody uses here, rank between Phone and IDFA."""
LINKED_MAX = 20

Card = tuple[str, str]
Pair = tuple[str, str]


def cards_of(entity: Mapping[str, Any], tenant: str, fields: Mapping[str, str]) -> list[Card]:
    """Every identity that an entity names, each once. fields: code → name of the marked field."""
    found = [(code, item["id"]) for code, items in entity["identityMap"].items() for item in items]
    core = entity.get(f"_{tenant}", {}).get("identification", {}).get("core", {})
    found += [(code, core[field]) for code, field in fields.items() if field in core]
    return list(dict.fromkeys(found))


def refusal(cards: Iterable[Card], *, is_event: bool) -> str | None:
    """The code with which the rules refuse a record; None if they take it. cards: usable ones."""
    named = [code for code, _ in cards]
    ranked = [code for code in named if code in RANKS]
    if 2 <= len(ranked) <= LINKED_MAX and any(ranked.count(code) > 1 for code in UNIQUE):
        return "REC-2001"
    if is_event and ranked and ranked.count(min(ranked, key=lambda code: RANKS[code])) > 1:
        return "REC-2002"
    return None


def in_conflict(cards: Iterable[Card]) -> bool:
    """Whether a cluster has two values of a unique namespace."""
    codes = [code for code, _ in cards]
    return any(codes.count(code) > 1 for code in UNIQUE)


def lost(
    last_ms: Mapping[Pair, int],
    card_of: Mapping[str, Card],
    reached: Callable[[str, list[Pair]], set[str]],
    *,
    event: set[str],
    at_ms: int,
) -> list[Pair]:
    """The pairs of a cluster in conflict that do not hold.

    last_ms: when each was last seen. reached: whom one reaches over some pairs. event: the xids of
    the record that made the conflict, and at_ms its time.
    """
    newest_ms = max(last_ms.values())

    def worth(pair: Pair) -> tuple[bool, int, int, Pair]:
        latest = set(pair) <= event if at_ms == newest_ms else last_ms[pair] == newest_ms
        return not latest, sum(RANKS[card_of[xid][0]] for xid in pair), -last_ms[pair], pair

    held: list[Pair] = []
    fallen: list[Pair] = []
    for pair in sorted(last_ms, key=worth):
        cluster = reached(pair[0], [*held, pair])
        (fallen if in_conflict(card_of[xid] for xid in cluster) else held).append(pair)
    return fallen
