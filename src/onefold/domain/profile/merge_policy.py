"""Merge policies: whose fragments are merged, and which one is believed when they differ.

Source: profile contract, 4.1 and 4.5.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Literal

import msgspec

from onefold.domain.profile.fragment import SYSTEM_SOURCES


class MergePolicy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One merge policy of one class in one sandbox.

    identity_graph: `pdg` merges a whole cluster, `none` the asked identity alone. order: dataset
    ids, best first; of meaning with `dataSetPrecedence` only. updated_s: epoch seconds.
    """

    id: str
    name: str
    schema_name: str = "_xdm.context.profile"
    version: int = 1
    identity_graph: Literal["none", "pdg"]
    attribute_merge: Literal["timestampOrdered", "dataSetPrecedence"]
    order: tuple[str, ...] = ()
    default: bool
    active_on_edge: bool
    updated_s: int

    def admits_record(self, dataset: str) -> bool:
        """Whether fragments of this dataset take part in the merge.

        With `dataSetPrecedence` a dataset has to be listed. Fragments of the system always take
        part. Source: profile contract, 4.5, rules 5 and 6.
        """
        return (
            self.attribute_merge == "timestampOrdered"
            or dataset in self.order
            or dataset in SYSTEM_SOURCES
        )

    def admits_event(self, dataset: str, event_datasets: Set[str]) -> bool:
        """Whether events of this dataset are shown.

        event_datasets: ids of all event datasets of the sandbox. With `dataSetPrecedence`, events
        are shown of the listed datasets, or of all when no event dataset is listed.
        Source: profile contract, 4.5, rule 5.
        """
        return (
            self.attribute_merge == "timestampOrdered"
            or dataset in self.order
            or event_datasets.isdisjoint(self.order)
        )


def default_policy(policy_id: str, now_s: int) -> MergePolicy:
    """The policy that every sandbox is born with. Source: profile contract, 3.8."""
    return MergePolicy(
        id=policy_id,
        name="Default Timebased",
        identity_graph="pdg",
        attribute_merge="timestampOrdered",
        default=True,
        active_on_edge=True,
        updated_s=now_s,
    )
