"""Why a merged profile says what it says: for each leaf, who won, who lost, and by which rule.

The idea. The merge (merge.py) lays fragments over each other, the least believed first. At one
path, only the end of that row counts: objects at the end are laid over each other key by key, and
whatever stands before a value that is no object is lost as a whole. So the walk goes down the
objects at the end, and a leaf is where the most believed fragment says something else than an
object. The winners put together again are the merged profile; a law of the tests says so.

Source: profile contract, 4.7 and 4.8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge import belief, entry_time_ms
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.stamped import folded

Path = tuple[str, ...]
Said = tuple[Fragment, Any]
"""A fragment, and what it says at one path."""

_encode = msgspec.json.Encoder(order="sorted").encode

_PLACED = frozenset(("identityMap", "segmentMembership", "userActivityRegions"))
"""Fields of which the order of belief decides nothing, or only ties."""


class Rule(StrEnum):
    """Why a value was believed.

    only: nobody else said anything. datasetRank: its dataset stands higher in the policy's list.
    laterEffectiveTime: it is newer by the time that counts. laterRecord: of equal times, it was
    ingested later. fixedOrder: of one record's number, the greater dataset id or XID, so that every
    merge agrees. newestEntry: of memberships and activity regions the newest entry counts,
    whatever the policy says. builtFromGraph: identityMap shows the graph, never a record.
    """

    ONLY = "only"
    RANK = "datasetRank"
    LATER_TIME = "laterEffectiveTime"
    LATER_RECORD = "laterRecord"
    FIXED = "fixedOrder"
    NEWEST_ENTRY = "newestEntry"
    FROM_GRAPH = "builtFromGraph"


class How(StrEnum):
    """What was replaced by what: a value by a value; an array as a whole, never element by element;
    an object with all that it held, by a value; a value by an object."""

    VALUE = "value"
    ARRAY = "arrayAsWhole"
    OBJECT = "objectAsWhole"
    BY_OBJECT = "valueByObject"


class Lost(msgspec.Struct, frozen=True):
    """What one fragment said at a leaf, and why it is not believed. agrees: it said the same."""

    fragment: Fragment
    value: Any
    rule: Rule
    how: How
    agrees: bool


class Leaf(msgspec.Struct, frozen=True):
    """One leaf: anything but an object with members. rule: what decided between the winner and the
    most believed of those that lost, who stand in this order. Fragments of calls are those that
    `folded` answers: `stamp_at` tells which call said the value.

    is_object: no leaf, but an object that took the place of values that are none; what it holds has
    leaves of its own, and value is empty.
    """

    path: Path
    value: Any
    winner: Fragment
    rule: Rule
    lost: tuple[Lost, ...]
    is_object: bool = False


class Explained(msgspec.Struct, frozen=True):
    """The leaves of a merged profile, by path, without `identityMap`. excluded: fragments of
    datasets that the policy leaves out, the most believed first."""

    leaves: list[Leaf]
    excluded: list[Fragment]


def explained(fragments: Sequence[Fragment], policy: MergePolicy) -> Explained:
    """Answer why `merged` answers what it answers of these fragments.

    fragments: of the identities that the policy's graph reaches, one of each dataset and identity,
    in any order. Memberships and regions are leaves entry by entry; what a record put into these
    fields in another form is passed over, as the merge does. Cost: O(values of all fragments).
    """
    believed = belief(policy)
    admitted = sorted(
        folded([one for one in fragments if policy.admits_record(one.dataset)]), key=believed
    )
    excluded = sorted(
        (one for one in fragments if not policy.admits_record(one.dataset)),
        key=believed,
        reverse=True,
    )
    ordinary: list[Said] = [
        (one, {key: value for key, value in one.attributes.items() if key not in _PLACED})
        for one in admitted
    ]
    leaves: list[Leaf] = []
    if any(said for _, said in ordinary):
        leaves += _walked((), ordinary, policy)
    memberships = _under(
        [(one, one.attributes) for one in admitted], "segmentMembership", anything=False
    )
    for namespace in _keys(memberships):
        leaves += _entries(
            ("segmentMembership", namespace),
            _under(memberships, namespace, anything=False),
            "lastQualificationTime",
            policy,
        )
    regions = _under(
        [(one, one.attributes) for one in admitted], "userActivityRegions", anything=False
    )
    leaves += _entries(("userActivityRegions",), regions, "captureTimestamp", policy)
    return Explained(sorted(leaves, key=_by_path), excluded)


def _walked(path: Path, said: Sequence[Said], policy: MergePolicy) -> Iterator[Leaf]:
    """The leaves at a path and below. said: by everybody who says something there, the most
    believed last; one at least."""
    start = len(said)
    while start and type(said[start - 1][1]) is dict:
        start -= 1
    objects = said[start:]
    keys = _keys(objects)
    if not keys:
        yield _leaf(path, said, policy)
        return
    if start:
        yield _leaf(path, [*said[:start], (said[-1][0], {})], policy, is_object=True)
    for key in keys:
        yield from _walked((*path, key), _under(objects, key), policy)


def _leaf(
    path: Path, said: Sequence[Said], policy: MergePolicy, *, is_object: bool = False
) -> Leaf:
    winner, value = said[-1]
    lost = tuple(
        Lost(
            fragment,
            other,
            _decided(winner, fragment, policy),
            _how(value, other),
            not is_object and _same(other, value),
        )
        for fragment, other in reversed(said[:-1])
    )
    return Leaf(path, value, winner, lost[0].rule if lost else Rule.ONLY, lost, is_object)


def _entries(
    path: Path, said: Sequence[Said], time_field: str, policy: MergePolicy
) -> Iterator[Leaf]:
    """A leaf for each entry of memberships or regions: the newest of them; of equal times, and of
    those without, the most believed."""
    for key in _keys(said):
        entries = sorted(
            _under(said, key, anything=False), key=lambda one: entry_time_ms(one[1], time_field)
        )
        if not entries:
            continue
        winner, value = entries[-1]
        newest_ms = entry_time_ms(value, time_field)
        lost = tuple(
            Lost(
                fragment,
                other,
                Rule.NEWEST_ENTRY
                if entry_time_ms(other, time_field) < newest_ms
                else _decided(winner, fragment, policy),
                How.VALUE,
                _same(other, value),
            )
            for fragment, other in reversed(entries[:-1])
        )
        yield Leaf((*path, key), value, winner, lost[0].rule if lost else Rule.ONLY, lost)


def _decided(winner: Fragment, loser: Fragment, policy: MergePolicy) -> Rule:
    """Which part of the order of belief tells two fragments apart."""
    believed = belief(policy)
    if believed(winner)[:-4] != believed(loser)[:-4]:  # before the time and the ties
        return Rule.RANK
    if winner.effective_ms != loser.effective_ms:
        return Rule.LATER_TIME
    return Rule.LATER_RECORD if winner.seq != loser.seq else Rule.FIXED


def _how(value: Any, lost: Any) -> How:
    if isinstance(lost, dict):
        return How.OBJECT
    if isinstance(value, dict):
        return How.BY_OBJECT
    return How.ARRAY if isinstance(value, list) or isinstance(lost, list) else How.VALUE


def _same(one: Any, other: Any) -> bool:
    """As JSON has it: 1 is not true, and the order of members says nothing."""
    return _encode(one) == _encode(other)


def _under(said: Sequence[Said], key: str, *, anything: bool = True) -> list[Said]:
    """What is said under a key, by those who say something there. anything: else only objects."""
    return [
        (fragment, value[key])
        for fragment, value in said
        if isinstance(value, dict) and key in value and (anything or isinstance(value[key], dict))
    ]


def _keys(said: Sequence[Said]) -> list[str]:
    return list(dict.fromkeys(key for _, value in said if isinstance(value, dict) for key in value))


def _by_path(leaf: Leaf) -> Path:
    return leaf.path
