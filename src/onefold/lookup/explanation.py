"""Explanation: which record every value of a merged profile came from, and which ones it prevailed
over. The same fragments, merged by the same rules, as entity.py answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.explain import Leaf, explained
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.project import Selector, reaches
from onefold.domain.profile.stamped import said_ms, stamp_at
from onefold.lookup.owner import Owner
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.tables import fragments, superseded

Call = tuple[str, str]
"""(dataset, event id)."""


class Source(msgspec.Struct, frozen=True):
    """The record behind a value. number: in the journal; None of a call's record that is not kept
    any more. tag: as of fragments, so of a call its event id. event_id: of a call; None of all
    else."""

    xid: Xid
    dataset: str
    number: int | None
    tag: str
    ingested_ms: int
    effective_ms: int
    event_id: str | None = None


class Explanation(msgspec.Struct, frozen=True):
    """One merged profile, explained. leaves: by path, without `identityMap`, which is built from
    `person`; excluded: fragments of datasets that the policy leaves out. said: under which identity
    and number each call stands that said something of the person; the number is None of those that
    are not kept any more."""

    person: Owner
    policy: MergePolicy
    leaves: list[Leaf]
    excluded: list[Fragment]
    said: Mapping[Call, tuple[Xid, int | None]]

    def source(self, fragment: Fragment, path: Sequence[str]) -> Source:
        """Of which record it is what a fragment of a leaf says at that leaf's path."""
        stamp = stamp_at(fragment, path)
        if stamp is None:
            return source_of(fragment)
        event_id = stamp[2]
        xid, number = self.said.get((fragment.dataset, event_id), (fragment.xid, None))
        return Source(
            *(xid, fragment.dataset, number, event_id, stamp[1], said_ms(stamp), event_id)
        )


def source_of(fragment: Fragment) -> Source:
    """The last record of a fragment."""
    return Source(
        *(fragment.xid, fragment.dataset, fragment.seq, fragment.tag),
        *(fragment.ingested_ms, fragment.effective_ms),
    )


def explanation(
    reader: Reader,
    packing: Packing,
    person: Owner,
    policy: MergePolicy,
    selector: Selector | None,
) -> Explanation:
    """Why the profile of a known person says what it says, as far as the selector reaches.

    Of an array, which is replaced as a whole, a path into its elements selects the whole. Cost: one
    read by key for all fragments, one for each that calls made, and a walk over all of their
    values.
    """
    xids = [member.xid for member in person.members]
    found = fragments.fragments_of(reader, packing, xids)
    why = explained(found, policy)
    leaves = [leaf for leaf in why.leaves if reaches(selector, leaf.path)]
    return Explanation(person, policy, leaves, why.excluded, _said(reader, found))


def _said(reader: Reader, found: Iterable[Fragment]) -> dict[Call, tuple[Xid, int | None]]:
    """Where the record of each call stands that said something these fragments hold."""
    said: dict[Call, tuple[Xid, int | None]] = {}
    for one in found:
        for _, _, event_id in (one.stamps or {}).values():
            said[one.dataset, event_id] = (one.xid, None)
    for one in found:
        if one.stamps is not None:
            for record in superseded.outline(reader, (one.xid, one.dataset)):
                if record.operation != "gone" and (one.dataset, record.tag) in said:
                    said[one.dataset, record.tag] = (one.xid, record.seq)
    return said
