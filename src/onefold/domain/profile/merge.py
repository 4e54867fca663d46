"""The merge: what is believed of one person, folded from what each dataset says.

The idea. Put the fragments in order, the least believed first, and lay them over each other:
objects key by key, everything else whole. The order alone carries the policy: for
`timestampOrdered` it is the effective time, for `dataSetPrecedence` the rank of the dataset and
then the time. All ties are broken, so neither the order of arrival nor a repeated fragment changes
the answer. What calls say of one person is folded before; what of it is XDM stands apart, each word
with a time of its own (stamped.py).

Source: profile contract, 4.7 and 4.8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from onefold.domain.profile.event import timestamp_ms
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.stamped import folded

_NEVER = -(2**63)


def merged(fragments: Sequence[Fragment], policy: MergePolicy) -> dict[str, Any]:
    """Answer what the sandbox believes about one person, under one merge policy.

    fragments: of the identities that the policy's graph reaches, at most one of each dataset and
    identity; in any order, repeated or not; may be empty. Datasets that the policy excludes are
    left out here. Arrays are replaced as a whole, empty objects stay, and of an object and a
    scalar the more believed one stands as a whole. `identityMap` is left out, since it is built
    from the graph; of memberships and activity regions the newest counts. Ties: ingest sequence,
    then dataset id, then XID; the greater one wins. The fragments are not changed, but the answer
    shares objects and arrays with them: read only. Cost: O(objects that several fragments have).
    """
    admitted = folded([one for one in fragments if policy.admits_record(one.dataset)])
    if len(admitted) > 1:
        admitted = sorted(admitted, key=belief(policy))
    answer: dict[str, Any] = {**admitted[0].attributes} if admitted else {}
    for fragment in admitted[1:]:
        answer = _laid_over(answer, fragment.attributes)
    if "identityMap" in answer:
        del answer["identityMap"]
    if "segmentMembership" in answer or "userActivityRegions" in answer:
        _place_newest(answer, admitted)
    return answer


def _place_newest(answer: dict[str, Any], admitted: Sequence[Fragment]) -> None:
    """Put what the newest writes say into the fields of which the policy decides nothing."""
    memberships: dict[str, dict[str, Any]] = {}
    regions: dict[str, Any] = {}
    for fragment in admitted:
        _fold_memberships(memberships, fragment.attributes.get("segmentMembership"))
        _fold_newest(regions, fragment.attributes.get("userActivityRegions"), "captureTimestamp")
    for field, newest in (("segmentMembership", memberships), ("userActivityRegions", regions)):
        answer.pop(field, None)
        if newest:
            answer[field] = newest


def _by_time(fragment: Fragment) -> tuple[int | str, ...]:
    return (fragment.effective_ms, fragment.seq, fragment.dataset, fragment.xid)


def belief(policy: MergePolicy) -> Callable[[Fragment], tuple[int | str, ...]]:
    """The order of fragments, the most believed one last. Unlisted ones are the system's own."""
    if policy.attribute_merge == "timestampOrdered":
        return _by_time
    ranks = {dataset: -rank for rank, dataset in reversed(list(enumerate(policy.order, 1)))}
    return lambda f: (ranks.get(f.dataset, 0), f.effective_ms, f.seq, f.dataset, f.xid)


def _laid_over(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """Objects key by key, everything else whole; only objects that both have are made anew."""
    answer = {**older, **newer}
    for key, value in newer.items():
        if type(value) is dict:
            known = older.get(key)
            if type(known) is dict:
                answer[key] = _laid_over(known, value)
    return answer


def _fold_memberships(into: dict[str, dict[str, Any]], later: Any) -> None:
    if isinstance(later, dict):
        for namespace, segments in later.items():
            known = into.get(namespace, {})
            _fold_newest(known, segments, "lastQualificationTime")
            if known:
                into[namespace] = known


def _fold_newest(into: dict[str, Any], later: Any, time_field: str) -> None:
    """Take from `later` each entry that is not older than the one known; what has no time is old.

    Anything that is not an object of objects is passed over: only the system writes these fields
    with meaning, and a record must not spoil them.
    """
    if isinstance(later, dict):
        for key, entry in later.items():
            if isinstance(entry, dict) and (
                key not in into
                or entry_time_ms(entry, time_field) >= entry_time_ms(into[key], time_field)
            ):
                into[key] = entry


def entry_time_ms(entry: dict[str, Any], field: str) -> int:
    """When an entry of memberships or regions was written; long ago when it does not say."""
    text = entry.get(field)
    time_ms = timestamp_ms(text) if isinstance(text, str) else None
    return _NEVER if time_ms is None else time_ms
