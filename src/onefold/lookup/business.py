"""Business: what is believed about one account or one opportunity, merged from the fragments of its
class under one policy. Source: profile contract, 3.9.
"""

from __future__ import annotations

import msgspec

from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.identity.namespace import Namespace
from onefold.domain.profile.business import NAMESPACES, is_of
from onefold.domain.profile.merge import merged
from onefold.domain.profile.merge_policy import MergePolicy, default_policy
from onefold.domain.profile.project import Selector, selected
from onefold.errors import Malformed, NotFound
from onefold.lookup.owner import Asked, identity_of
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import fragments
from onefold.wire import JSON


class BusinessEntity(msgspec.Struct, frozen=True):
    """One merged account or opportunity."""

    xid: Xid
    attributes: JSON


def business(
    reader: Reader,
    packing: Packing,
    snapshot: Snapshot,
    name: str,
    asked: Asked,
    *,
    policy_id: str | None,
    selector: Selector | None,
) -> BusinessEntity | None:
    """What is known of one of the class `name`; None when nothing is.

    Without a policy that is named, and without a default one of the class, the latest is believed.
    Raises Malformed PRO-1002 for an identity of another namespace and as `identity_of`, NotFound
    PRO-1005. Cost: one read by key, and a merge.
    """
    xid, identity = identity_of(snapshot, asked)
    namespace = snapshot.namespaces.by_id(identity.namespace_id)
    if namespace is None or not is_of(namespace, name):
        wanted = " and ".join(NAMESPACES[name])
        raise Malformed("PRO-1002", f"Of this class only {wanted} is known", at="entityIdNS")
    policy = _policy(snapshot, name, policy_id)
    parts = [
        fragment
        for fragment in fragments.fragments_of(reader, packing, [xid])
        if _is_known(snapshot, name, fragment.dataset) and policy.admits_record(fragment.dataset)
    ]
    if not parts:
        return None
    attributes = {**merged(parts, policy), "identityMap": _identity_map(namespace, identity)}
    if selector is not None:
        attributes = selected(attributes, selector)
    return BusinessEntity(xid, attributes)


def _is_known(snapshot: Snapshot, name: str, dataset: str) -> bool:
    found = snapshot.datasets.get(dataset)
    return found is not None and found.business == name


def _identity_map(namespace: Namespace, identity: Identity) -> JSON:
    return {namespace.code.lower(): [{"id": identity.value}]}


def _policy(snapshot: Snapshot, name: str, policy_id: str | None) -> MergePolicy:
    if policy_id:
        policy = snapshot.policies.get(policy_id)
        if policy is None:
            raise NotFound("PRO-1005", "The merge policy does not exist", at="mergePolicyId")
        return policy
    for policy in snapshot.policies.values():
        if policy.default and policy.schema_name == name:
            return policy
    return default_policy("", 0)
