"""Explanation: which record every value of a merged profile came from, and which ones it prevailed
over. The same fragments, merged by the same rules, as entity.py answers.
"""

from __future__ import annotations

import msgspec

from onefold.domain.profile.explain import Leaf, explained
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.project import Selector, reaches
from onefold.lookup.owner import Owner
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.tables import fragments


class Explanation(msgspec.Struct, frozen=True):
    """One merged profile, explained. leaves: by path, without `identityMap`, which is built from
    `person`; excluded: fragments of datasets that the policy leaves out."""

    person: Owner
    policy: MergePolicy
    leaves: list[Leaf]
    excluded: list[Fragment]


def explanation(
    reader: Reader,
    packing: Packing,
    person: Owner,
    policy: MergePolicy,
    selector: Selector | None,
) -> Explanation:
    """Why the profile of a known person says what it says, as far as the selector reaches.

    Of an array, which is replaced as a whole, a path into its elements selects the whole. Cost: one
    read by key for all fragments, and a walk over all of their values.
    """
    xids = [member.xid for member in person.members]
    why = explained(fragments.fragments_of(reader, packing, xids), policy)
    leaves = [leaf for leaf in why.leaves if reaches(selector, leaf.path)]
    return Explanation(person, policy, leaves, why.excluded)
