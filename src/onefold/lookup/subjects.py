"""Subjects: whom a profile of the Segment Profile API is of, a customer or a group of customers,
and what that API tells of either. Source: Intilery contract, 13.7 and 14.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from onefold.domain.calls.finding import email_key
from onefold.domain.calls.namespaces import ANONYMOUS, DEVICE, EMAIL, GROUP, USER
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.identity.namespace import Namespace
from onefold.domain.profile.explain import explained
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge import merged
from onefold.domain.profile.merge_policy import MergePolicy, default_policy
from onefold.domain.profile.traits import MIRRORED, view
from onefold.lookup import customers
from onefold.lookup import meta as metas
from onefold.lookup.computed import Computed
from onefold.lookup.customers import CANDIDATES_MAX, Customer, Key
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import finders, fragments, identities
from onefold.wire import JSON

Collection = Literal["users", "accounts"]

TYPES: Mapping[str, str] = {
    "user_id": USER,
    "anonymous_id": ANONYMOUS,
    "device_id": DEVICE,
    "group_id": GROUP,
    "email": EMAIL,
}
"""What the API calls namespaces; it calls others by their codes in snake case."""

_TYPE_OF = {code: type_ for type_, code in TYPES.items()}
_capital = re.compile("(?<=[a-z0-9])(?=[A-Z])").sub
_OWN = frozenset(("id", "externalId", "computed"))


class External(msgspec.Struct, frozen=True):
    """One name of a subject. xid: as the store knows it. created_ms: when it was first seen; None
    when nobody knows."""

    collection: Collection
    type: str
    id: str
    xid: Xid
    created_ms: int | None


class Subject(msgspec.Struct, frozen=True):
    """One customer or group. traits: what senders said; computed: traits that follow from events;
    audiences: by name. customer: None of groups. fragments, policy: what it was merged of, and
    how."""

    collection: Collection
    owners: list[Xid]
    externals: list[External]
    traits: dict[str, JSON]
    computed: dict[str, Computed]
    audiences: list[str]
    groups: list[str]
    fragments: list[Fragment]
    policy: MergePolicy
    customer: Customer | None = None

    @property
    def seen_ms(self) -> dict[Xid, int]:
        """When each of its names was first seen, as far as that is known."""
        return {one.xid: one.created_ms for one in self.externals if one.created_ms is not None}

    def noted(self, name: str) -> tuple[str, int] | None:
        """(dataset, epoch ms) of the word that a trait has now; None when nothing tells."""
        path = MIRRORED.get(name)
        if path is not None:
            for leaf in explained(self.fragments, self.policy).leaves:
                if leaf.path == path and leaf.value == self.traits.get(name):
                    return leaf.winner.dataset, leaf.winner.effective_ms
        stamped: list[tuple[list[Any], str]] = []
        for part in self.fragments:
            for mark in ("t:", "a:"):
                stamp = (part.stamps or {}).get(mark + name)
                if stamp is not None:
                    stamped.append((stamp, part.dataset))
        if stamped:
            stamp, dataset = max(stamped)
            return dataset, stamp[0]
        newest = max(self.fragments, key=_by_time, default=None)
        return (newest.dataset, newest.effective_ms) if newest is not None else None


def user(reader: Reader, packing: Packing, snapshot: Snapshot, key: Key) -> Subject | None:
    """The customer of a key; of several that share an e-mail address the most recently active one.
    None when there is none. Cost: as `customers.found` and `customers.known`."""
    found = customers.found(reader, packing, snapshot, key)
    if len(found) > 1:
        found = customers.by_activity(reader, found)
    if not found:
        return None
    customer = found[0]
    known = customers.known(reader, packing, snapshot, customer)
    shown = customers.shown(customer, known)
    by_rules, brought = metas.audiences(known.attributes)
    externals = [
        External(
            "users",
            type_of(snapshot, member.namespace_id),
            member.value,
            member.xid,
            member.first_seen_ms,
        )
        for member in customer.members
    ]
    return Subject(
        "users",
        customer.owners,
        externals + _addresses(snapshot, externals, [*known.emails, shown.get("email")]),
        {name: value for name, value in shown.items() if name not in _OWN},
        known.computed,
        sorted({*by_rules, *brought}),
        _groups(known.attributes),
        known.fragments,
        customers.policy_of(snapshot),
        customer,
    )


def group(reader: Reader, packing: Packing, snapshot: Snapshot, group_id: str) -> Subject | None:
    """The group of an id; None when nothing is known of it. Cost: one read by key, and a merge."""
    xid = _xid(snapshot, GROUP, group_id)
    parts = [
        part
        for part in (fragments.fragments_of(reader, packing, [xid]) if xid is not None else ())
        if part.dataset in snapshot.business_datasets()
    ]
    if xid is None or not parts:
        return None
    policy = default_policy("", 0)
    shown = view(merged(parts, policy), id="", external_id=None, email=None)
    first_ms = min(part.ingested_ms for part in parts)
    return Subject(
        "accounts",
        [xid],
        [External("accounts", "group_id", group_id, xid, first_ms)],
        {name: value for name, value in shown.items() if name not in _OWN},
        {},
        [],
        [],
        parts,
        policy,
    )


def linked(
    reader: Reader, packing: Packing, snapshot: Snapshot, subject: Subject
) -> list[list[External]]:
    """The other ends of a subject's relations, each with its names: the groups of a customer; the
    customers of a group, of up to CANDIDATES_MAX identities. Cost: of groups, a merge for each
    customer."""
    if subject.customer is not None:
        found = ((name, _xid(snapshot, GROUP, name)) for name in subject.groups)
        return [
            [External("accounts", "group_id", name, xid, None)]
            for name, xid in found
            if xid is not None
        ]
    (own,) = subject.externals
    owners = finders.owners(reader, own.xid, CANDIDATES_MAX)
    clusters = sorted(set(identities.clusters_of(reader, owners).values()))
    answer = []
    for customer in customers.customers_of(reader, snapshot, clusters):
        known = customers.known(reader, packing, snapshot, customer, computed=False)
        if own.id in _groups(known.attributes):
            answer.append(names_of(snapshot, customer))
    return answer


def names_of(snapshot: Snapshot, customer: Customer) -> list[External]:
    """The names of a customer by which others know it: its user ids, or else all of them."""
    every = [
        External("users", type_of(snapshot, m.namespace_id), m.value, m.xid, m.first_seen_ms)
        for m in customer.members
    ]
    return [one for one in every if one.type == "user_id"] or every


def type_of(snapshot: Snapshot, namespace_id: int) -> str:
    """What the API calls a namespace: `ecid` for ECID, `loyalty_id` for loyaltyId. One whose name
    would mean another one keeps its code."""
    namespace = snapshot.namespaces.by_id(namespace_id)
    if namespace is None:
        return str(namespace_id)
    if namespace.code in _TYPE_OF:
        return _TYPE_OF[namespace.code]
    type_ = _snake_case(namespace.code)
    return type_ if namespace_of(snapshot, type_) is namespace else namespace.code


def namespace_of(snapshot: Snapshot, type_: str) -> Namespace | None:
    """The namespace that a type means, in any case: by the API's own names, then by code, then by
    code in snake case, the oldest first; None when there is none."""
    name = type_.lower()
    if name in TYPES:
        return snapshot.namespaces.by_code(TYPES[name])
    by_code = snapshot.namespaces.by_code(type_)
    if by_code is not None:
        return by_code
    return next((one for one in snapshot.namespaces if _snake_case(one.code) == name), None)


def _snake_case(code: str) -> str:
    return _capital("_", code).lower()


def _addresses(
    snapshot: Snapshot, externals: Sequence[External], said: Iterable[Any]
) -> list[External]:
    """E-mail addresses that find a customer and are not in its graph."""
    known = {email_key(one.id) for one in externals if one.type == "email"}
    answer = []
    for address in said:
        if isinstance(address, str) and (name := email_key(address)) not in known:
            known.add(name)
            xid = _xid(snapshot, EMAIL, name)
            if xid is not None:
                answer.append(External("users", "email", name, xid, None))
    return answer


def _groups(attributes: Mapping[str, Any]) -> list[str]:
    """The ids of the groups that a merged profile says its person is in."""
    own = attributes.get("_onefold")
    groups = own.get("groups") if isinstance(own, dict) else None
    return sorted(groups) if isinstance(groups, dict) else []


def _xid(snapshot: Snapshot, code: str, value: str) -> Xid | None:
    namespace = snapshot.namespaces.by_key(code)
    if namespace is None or not 0 < len(value) <= xids.VALUE_CHARS_MAX:
        return None
    return xids.encode(namespace.id, value)


def _by_time(part: Fragment) -> tuple[int, int]:
    return (part.effective_ms, part.seq)
