"""Projections: which part of every person is held ready at a destination, the edge.

Source: profile contract, 6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.project import Selector, projection_selector, united

SCHEMA_NAME = "_xdm.context.profile"
"""The class whose entities are projected."""

DATA_CENTERS = ("OR1", "VA5", "NLD1", "VA6", "OR2", "IRL1", "AUS3", "SGP3", "JPN3", "IND1")
"""Regions that a destination can name. Source: profile contract, 6.1."""

TTL_MIN, TTL_MAX, TTL_DEFAULT = 600, 604_800, 3600
"""Seconds that an entry lives after it was last made. Source: profile contract, 6.1."""

ACTIVITY_MS = 14 * 86_400_000
"""How long it counts that a person was asked for. Source: profile contract, 6.4."""

Replication = Literal["PROACTIVE", "REACTIVE"]


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where projections go. ttl: seconds. topic: of the type PIPELINE, which is kept and has no
    effect."""

    id: str
    type: Literal["EDGE", "PIPELINE"] = "EDGE"
    data_centers: tuple[str, ...] = ()
    ttl: int = TTL_DEFAULT
    replication: Replication = "REACTIVE"
    topic: str = ""
    version: int = 1


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What goes to a destination. merge_policy_id: empty for the policy that is active on the
    edge."""

    id: str
    schema_name: str = SCHEMA_NAME
    name: str
    selector: str
    destination_id: str
    merge_policy_id: str = ""
    version: int = 1


class Projection(msgspec.Struct, frozen=True):
    """A configuration, ready to be computed."""

    id: str
    name: str
    selector: Selector
    policy: MergePolicy


class Edge(msgspec.Struct, frozen=True):
    """One destination with all that is projected to it. shape: another text whenever entries have
    to be made anew."""

    destination: Destination
    projections: tuple[Projection, ...]
    shape: str

    def by_policy(self) -> list[tuple[MergePolicy, Selector, list[Projection]]]:
        """The projections of each merge policy, with what all of them select together."""
        found: dict[str, list[Projection]] = {}
        for one in self.projections:
            found.setdefault(one.policy.id, []).append(one)
        return [(of[0].policy, united([p.selector for p in of]), of) for of in found.values()]


def edges(
    destinations: Iterable[Destination],
    configurations: Iterable[Configuration],
    policies: Mapping[str, MergePolicy],
    default_policy: MergePolicy | None,
) -> dict[str, Edge]:
    """The destinations of a sandbox by id, each with its projections.

    A configuration that names no policy goes by the one that is active on the edge, or else by the
    default one. One whose policy does not exist is left out.
    """
    on_edge = next(
        (p for p in policies.values() if p.active_on_edge and p.schema_name == SCHEMA_NAME),
        default_policy,
    )
    found: dict[str, list[Projection]] = {}
    for one in configurations:
        policy = policies.get(one.merge_policy_id) if one.merge_policy_id else on_edge
        if policy is not None:
            found.setdefault(one.destination_id, []).append(
                Projection(one.id, one.name, projection_selector(one.selector), policy)
            )
    made = {}
    for destination in destinations:
        # A destination of the type PIPELINE is inert.
        projections = found.get(destination.id, ()) if destination.type == "EDGE" else ()
        made[destination.id] = Edge(
            destination, tuple(projections), _shape(destination, projections)
        )
    return made


def _shape(destination: Destination, projections: Sequence[Projection]) -> str:
    """Of everything that decides what entries there are and what they say."""
    said = [
        (
            one.id,
            one.selector.tree,
            one.policy.id,
            one.policy.identity_graph,
            one.policy.attribute_merge,
            one.policy.order,
        )
        for one in sorted(projections, key=_by_id)
    ]
    text = msgspec.json.encode([destination.replication, said], order="deterministic")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _by_id(projection: Projection) -> str:
    return projection.id
