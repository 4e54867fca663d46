"""Merge policies: create, get, list, change, delete, and which one is the default.

Source: profile contract, 4.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.sandbox import Sandbox
from onefold.effects import Clock, Ids
from onefold.errors import Conflict, Malformed, NotFound, OverLimit
from onefold.store.engine import Engine, Reader
from onefold.store.tables import merge_policies
from onefold.store.tables.generation import change

T = TypeVar("T")

POLICIES_MAX = 5
"""Merge policies of one sandbox. Source: profile contract, 4.5, rule 4."""
ORDER_MAX = 50
"""Datasets of one kind, profiles or events, that one policy can rank. Source: 4.5, rule 5."""
_NONE: Set[str] = frozenset()

_GRAPHS: dict[str, Literal["none", "pdg"]] = {
    "none": "none",
    "pdg": "pdg",
    "auto": "pdg",
    "private graph": "pdg",
}


class Changes(Struct, frozen=True, kw_only=True):
    """What of a policy is to change, as `create` takes it; the rest stays."""

    name: str | UnsetType = UNSET
    schema_name: str | UnsetType = UNSET
    identity_graph: str | UnsetType = UNSET
    attribute_merge: str | UnsetType = UNSET
    order: Sequence[str] | UnsetType = UNSET
    default: bool | UnsetType = UNSET
    active_on_edge: bool | UnsetType = UNSET


def create(
    engine: Engine,
    clock: Clock,
    ids: Ids,
    sandbox: Sandbox,
    *,
    name: str,
    schema_name: str,
    identity_graph: str,
    attribute_merge: str,
    order: Sequence[str] = (),
    default: bool = False,
    active_on_edge: bool = False,
    event_datasets: Set[str] = _NONE,
) -> MergePolicy:
    """Make a merge policy. A new default, or a new policy on the edge, takes the place of the old
    one in the same transaction.

    schema_name: of a class; kept in lower case. identity_graph: `none` or `pdg`; the older words
    `auto` and `Private Graph` mean `pdg`. order: of meaning, and needed, with `dataSetPrecedence`
    only. event_datasets: ids of the sandbox's datasets of events, which are counted apart.
    Raises Malformed CTL-1008 for a wrong value, OverLimit CTL-1008 beyond POLICIES_MAX.
    """
    policy = MergePolicy(
        id=ids.uuid(),
        name=name,
        schema_name=_schema_name(schema_name),
        identity_graph=_graph(identity_graph),
        attribute_merge=_attribute_merge(attribute_merge, order, event_datasets),
        order=tuple(order) if attribute_merge == "dataSetPrecedence" else (),
        default=default,
        active_on_edge=active_on_edge,
        updated_s=clock.now_ms() // 1000,
    )
    with change(engine) as transaction:
        known = merge_policies.of_sandbox(transaction, sandbox.id)
        if len(known) >= POLICIES_MAX:
            raise OverLimit("CTL-1008", f"A sandbox has at most {POLICIES_MAX} merge policies")
        merge_policies.put(transaction, sandbox.id, [*_made_way(known, policy), policy])
    return policy


def update(
    engine: Engine,
    clock: Clock,
    sandbox: Sandbox,
    policy_id: str,
    changes: Changes,
    *,
    event_datasets: Set[str] = _NONE,
) -> MergePolicy:
    """Change a policy; its version rises by one. A default, or a policy on the edge, takes the
    place of the old one in the same transaction.

    event_datasets: as of `create`. Raises NotFound PRO-1005, and Malformed CTL-1008 for what
    `create` refuses.
    """
    with change(engine) as transaction:
        known = merge_policies.of_sandbox(transaction, sandbox.id)
        old = _found(known, policy_id)
        policy = _changed(old, changes, event_datasets, now_s=clock.now_ms() // 1000)
        others = [other for other in known if other.id != policy_id]
        merge_policies.put(transaction, sandbox.id, [*_made_way(others, policy), policy])
    return policy


def delete(engine: Engine, sandbox: Sandbox, policy_id: str) -> None:
    """Delete a policy, the default one too.

    Raises NotFound PRO-1005; Conflict CTL-1008 for the policy that is active on the edge.
    """
    with change(engine) as transaction:
        policy = got(transaction, sandbox, policy_id)
        if policy.active_on_edge:
            raise Conflict("CTL-1008", "The policy is active on the edge", at="isActiveOnEdge")
        merge_policies.delete(transaction, sandbox.id, policy_id)


def got(reader: Reader, sandbox: Sandbox, policy_id: str) -> MergePolicy:
    """The sandbox's policy of this id. Raises NotFound PRO-1005."""
    return _found(merge_policies.of_sandbox(reader, sandbox.id), policy_id)


def listed(reader: Reader, sandbox: Sandbox) -> list[MergePolicy]:
    """The sandbox's policies, in the order of creation."""
    return merge_policies.of_sandbox(reader, sandbox.id)


def default_of(reader: Reader, sandbox: Sandbox, schema_name: str) -> MergePolicy | None:
    """The default policy of a class."""
    for policy in merge_policies.of_sandbox(reader, sandbox.id):
        if policy.default and policy.schema_name == schema_name:
            return policy
    return None


def _found(known: Sequence[MergePolicy], policy_id: str) -> MergePolicy:
    for policy in known:
        if policy.id == policy_id:
            return policy
    raise NotFound("PRO-1005")


def _changed(
    policy: MergePolicy, changes: Changes, event_datasets: Set[str], *, now_s: int
) -> MergePolicy:
    """The policy after the changes, by the rules of `create`."""
    merge = _or(changes.attribute_merge, policy.attribute_merge)
    order = tuple(_or(changes.order, policy.order))
    return MergePolicy(
        id=policy.id,
        name=_or(changes.name, policy.name),
        schema_name=_schema_name(_or(changes.schema_name, policy.schema_name)),
        version=policy.version + 1,
        identity_graph=_graph(_or(changes.identity_graph, policy.identity_graph)),
        attribute_merge=_attribute_merge(merge, order, event_datasets),
        order=order if merge == "dataSetPrecedence" else (),
        default=_or(changes.default, policy.default),
        active_on_edge=_or(changes.active_on_edge, policy.active_on_edge),
        updated_s=now_s,
    )


def _or(changed: T | UnsetType, known: T) -> T:
    return known if isinstance(changed, UnsetType) else changed


def _schema_name(name: str) -> str:
    if not name.strip():
        raise Malformed("CTL-1008", "A policy needs the name of a class", at="schema.name")
    return name.lower()  # names of classes are compared so, and the default is looked for by it


def _graph(word: str) -> Literal["none", "pdg"]:
    graph = _GRAPHS.get(word.lower())
    if graph is None:
        raise Malformed("CTL-1008", "The graph type is none or pdg", at="identityGraph.type")
    return graph


def _attribute_merge(
    attribute_merge: str, order: Sequence[str], event_datasets: Set[str]
) -> Literal["timestampOrdered", "dataSetPrecedence"]:
    if attribute_merge == "timestampOrdered":
        return "timestampOrdered"
    if attribute_merge != "dataSetPrecedence":
        raise Malformed(
            "CTL-1008",
            "The merge type is timestampOrdered or dataSetPrecedence",
            at="attributeMerge.type",
        )
    of_events = sum(dataset in event_datasets for dataset in order)
    if not order or max(of_events, len(order) - of_events) > ORDER_MAX:
        raise Malformed(
            "CTL-1008",
            "dataSetPrecedence needs an order: of datasets of profiles and of datasets of events"
            f" at most {ORDER_MAX} each",
            at="attributeMerge.order",
        )
    return "dataSetPrecedence"


def _made_way(known: Sequence[MergePolicy], policy: MergePolicy) -> list[MergePolicy]:
    """The known policies that have to change for `policy`. Source: profile contract, 4.5."""
    changed = []
    for other in known:
        default = other.default and not (policy.default and other.schema_name == policy.schema_name)
        on_edge = other.active_on_edge and not policy.active_on_edge
        if (default, on_edge) != (other.default, other.active_on_edge):
            changed.append(replace(other, default=default, active_on_edge=on_edge))
    return changed
