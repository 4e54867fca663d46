"""Customers: people as the dialects of calls know them, found by a key, under an id of their own.

A customer is a cluster. Each identity has an id of its own; that of one member is the customer's,
and those of the others lead to the same customer, so that no id that was ever answered is lost when
people are joined. What a customer's traits are follows from the very merge that profiles are
answered from. Source: Intilery contract, 2.11, 6 and 11.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

import msgspec

from onefold.domain.calls.call import REGISTERED
from onefold.domain.calls.finding import email_key
from onefold.domain.calls.ids import customer_id
from onefold.domain.calls.message import is_given
from onefold.domain.calls.namespaces import ANONYMOUS, DEVICE, EMAIL, USER
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.profile.business import is_of_any
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge import merged
from onefold.domain.profile.merge_policy import MergePolicy, default_policy
from onefold.domain.profile.traits import view
from onefold.domain.suppression import EVER, IDENTITY, Keys
from onefold.lookup.computed import Computed, of_owners
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import (
    customer_ids,
    feed,
    finders,
    fragments,
    identities,
    links,
    sightings,
    suppressions,
)
from onefold.store.tables.identities import Member
from onefold.wire import JSON

CANDIDATES_MAX = 1_000
"""Identities that are looked at for one address, at most."""

KeyKind = Literal["userId", "id", "email", "anonymousId", "other"]


class Key(msgspec.Struct, frozen=True):
    """How a caller names a customer. value: as asked, 1 to 512 bytes. namespace: the code, of
    `other` kinds, in any case."""

    kind: KeyKind
    value: str
    namespace: str = ""


class Customer(msgspec.Struct, frozen=True):
    """One customer. id: the canonical one. external_id: its userId; of several that were merged the
    one that the last alias has named as the user's. members: all identities of the cluster, in the
    order in which they appeared."""

    cluster: Xid
    id: str
    external_id: str | None
    members: list[Member]

    @property
    def owners(self) -> list[Xid]:
        """The XIDs under which its fragments and events stand."""
        return [member.xid for member in self.members]

    @property
    def seen_ms(self) -> dict[Xid, int]:
        """When each of them was first seen."""
        return {member.xid: member.first_seen_ms for member in self.members}


class Known(msgspec.Struct, frozen=True):
    """What is known of a customer. attributes: of the merged profile. emails: its e-mail
    identities, the first one first: those of its graph and those that records of it name.
    fragments: those that the merge was made of. computed: computed traits, by name. fills_name:
    whether it is shown a `name` when it has none."""

    attributes: dict[str, Any]
    emails: list[str]
    fragments: list[Fragment]
    computed: dict[str, Computed]
    fills_name: bool = False


def found(reader: Reader, packing: Packing, snapshot: Snapshot, key: Key) -> list[Customer]:
    """The customers of a key, without suppressed ones, in no particular order; of an e-mail address
    there may be several, of every other key there is one at most.

    Cost: two or three reads by key; by e-mail a merge for each of up to CANDIDATES_MAX customers.
    """
    if key.kind == "email":
        return _by_email(reader, packing, snapshot, key.value)
    cluster = cluster_of(reader, snapshot, key)
    customer = customer_of(reader, snapshot, cluster) if cluster is not None else None
    return [] if customer is None else [customer]


def cluster_of(reader: Reader, snapshot: Snapshot, key: Key) -> Xid | None:
    """The cluster of a key of any kind but `email`; None when there is none. It may be suppressed.
    Cost: one read by key, two for an id."""
    if key.kind == "id":
        xid = customer_ids.xid_of(reader, key.value.lower())
    elif key.kind == "other":
        namespace = snapshot.namespaces.by_code(key.namespace)
        if namespace is None or is_of_any(namespace):
            return None
        xid = _xid(snapshot, namespace.code, key.value)
    else:
        xid = _xid(snapshot, USER if key.kind == "userId" else ANONYMOUS, key.value)
    return identities.cluster_of(reader, xid) if xid is not None else None


def customer_of(reader: Reader, snapshot: Snapshot, cluster: Xid) -> Customer | None:
    """The customer of a cluster; None for one that is gone, suppressed or of no person. Cost: two
    reads by key; where anything is suppressed, one more."""
    members = identities.members(reader, cluster)
    if not members or is_suppressed(reader, snapshot, members):
        return None
    if is_of_any(snapshot.namespaces.by_id(members[0].namespace_id)):
        return None
    return _customer_in(reader, snapshot, cluster, members)


def customers_of(reader: Reader, snapshot: Snapshot, clusters: Sequence[Xid]) -> list[Customer]:
    """The customers of many clusters, as `customer_of` tells them; what is none is left out."""
    of: dict[Xid, list[Member]] = {}
    for member in identities.members_of(reader, clusters):
        of.setdefault(member.cluster, []).append(member)
    some_are_suppressed = suppressions.any(reader)
    return [
        _customer_in(reader, snapshot, cluster, members)
        for cluster, members in of.items()
        if not is_of_any(snapshot.namespaces.by_id(members[0].namespace_id))
        and not (some_are_suppressed and is_suppressed(reader, snapshot, members))
    ]


def is_suppressed(reader: Reader, snapshot: Snapshot, members: Sequence[Member]) -> bool:
    """Whether one of the identities is kept out until further notice: then its customer reads as
    absent. One that was deleted and has come again is not. Who has a name of a unique namespace is
    judged by that alone: the customer may have a device from somebody who is kept out.

    Source: Intilery contract, 11.2 and 16.3."""
    if not suppressions.any(reader):
        return False
    keys = Keys(snapshot.sandbox.id)
    named = {Identity(one.namespace_id, one.value): one.xid for one in members}
    own = named.keys() if snapshot.rules is None else snapshot.rules.owning(named.keys())
    kept = suppressions.known(reader, [keys.identity(named[one]) for one in own])
    return any(one.kind == IDENTITY and one.until_ms >= EVER for one in kept.values())


def policy_of(snapshot: Snapshot) -> MergePolicy:
    """The policy under which traits are merged: the default one of people, as lookups take it."""
    return snapshot.default_policy or default_policy("", 0)


def known(
    reader: Reader,
    packing: Packing,
    snapshot: Snapshot,
    customer: Customer,
    *,
    computed: bool = True,
) -> Known:
    """The merged profile of a customer. computed: with its computed traits. Cost: one read by key
    for all fragments, and a merge; and what computed traits cost where there are any
    (lookup/computed.py)."""
    policy = policy_of(snapshot)
    parts = [
        fragment
        for fragment in fragments.fragments_of(reader, packing, customer.owners)
        if policy.admits_record(fragment.dataset)
    ]
    emails = _emails(snapshot, customer.members, parts)
    follows = of_owners(reader, snapshot, customer.owners) if computed else {}
    attributes = _own(reader, snapshot, customer, merged(parts, policy))
    return Known(attributes, emails, parts, follows, snapshot.fills_names)


def _own(
    reader: Reader, snapshot: Snapshot, customer: Customer, attributes: dict[str, Any]
) -> dict[str, Any]:
    """Merged attributes without the registration of a device that is somebody else's now. Costs a
    read where they name a device that is not among the customer's identities.

    Source: Intilery contract, 12.9."""
    ours = attributes.get("_onefold")
    traits = ours.get("traits") if isinstance(ours, dict) else None
    if not isinstance(ours, dict) or not isinstance(traits, dict):
        return attributes
    device = traits.get(REGISTERED[0])
    xid = _xid(snapshot, DEVICE, str(device).strip()) if is_given(device) else None
    if xid is None or xid in customer.owners or identities.cluster_of(reader, xid) is None:
        return attributes
    left = {name: value for name, value in traits.items() if name not in REGISTERED}
    return {**attributes, "_onefold": {**ours, "traits": left}}


def shown(customer: Customer, what: Known) -> dict[str, JSON]:
    """The traits object of a customer. Source: Intilery contract, 6."""
    return view(
        what.attributes,
        id=customer.id,
        external_id=customer.external_id,
        email=what.emails[0] if what.emails else None,
        computed={name: one.value for name, one in what.computed.items()},
        fills_name=what.fills_name,
    )


def traits(
    reader: Reader, packing: Packing, snapshot: Snapshot, customer: Customer
) -> dict[str, JSON]:
    """The traits object of a customer. Cost: as `known`. Source: Intilery contract, 6."""
    return shown(customer, known(reader, packing, snapshot, customer))


def by_activity(reader: Reader, customers: Iterable[Customer]) -> list[Customer]:
    """Customers, the most recently active first, then by id; who never was active comes last.

    Source: Intilery contract, 6. Cost: one read of an index for each identity."""
    ranked = [(feed.last_active(reader, one.owners), one.id, one) for one in customers]
    ranked.sort(key=_by_rank)
    return [one for _, _, one in ranked]


def _by_rank(ranked: tuple[int | None, str, Customer]) -> tuple[bool, int, str]:
    active_ms, id_, _ = ranked
    return (active_ms is None, -(active_ms or 0), id_)


def _customer_in(
    reader: Reader, snapshot: Snapshot, cluster: Xid, members: list[Member]
) -> Customer:
    """The customer of a cluster of which all members are at hand, in any order. Where users were
    merged it costs a read of their links and one of the alias."""
    user = snapshot.namespaces.by_code(USER)
    user_id = user.id if user is not None else -1
    first = canonical(members, user_id)
    members.sort(key=_by_appearance)
    user_ids = {one.xid: one.value for one in members if one.namespace_id == user_id}
    whose = _last_named(reader, user_ids) if len(user_ids) > 1 else None
    return Customer(
        cluster,
        customer_id(snapshot.sandbox.id, first.xid),
        user_ids.get(whose or first.xid),
        members,
    )


def _last_named(reader: Reader, users: Collection[Xid]) -> Xid | None:
    """The user whom the last alias of two of these users was sent for; None when nothing tells."""
    linked = [one for one in links.links_of(reader, sorted(users)) if one.b in users]
    last = max(linked, key=lambda one: (one.last_ms, one.a, one.b), default=None)
    if last is None:
        return None
    aliases = sightings.shared(reader, last.a, last.b)
    return max(aliases, key=lambda one: (one.at_ms, one.seq)).owner if aliases else None


def canonical(members: Sequence[Member], user_id: int) -> Member:
    """The member whose id is the customer's: the userId that appeared first, else the identity that
    did. user_id: of the namespace."""
    if len(members) == 1:
        return members[0]
    return min(members, key=lambda m: (m.namespace_id != user_id, m.first_seen_ms, m.xid))


def _by_appearance(member: Member) -> tuple[int, Xid]:
    return (member.first_seen_ms, member.xid)


def _xid(snapshot: Snapshot, code: str, value: str) -> Xid | None:
    """The XID of a value of a namespace; None where the namespace is not defined."""
    namespace = snapshot.namespaces.by_key(code)
    if namespace is None or not 0 < len(value) <= xids.VALUE_CHARS_MAX:
        return None
    return xids.encode(namespace.id, value)


def _by_email(reader: Reader, packing: Packing, snapshot: Snapshot, address: str) -> list[Customer]:
    """Those whose e-mail trait, or an e-mail identity of whom, is the address: what an older record
    says, and a newer one has replaced, finds nobody."""
    wanted = email_key(address)
    xid = _xid(snapshot, EMAIL, wanted)
    if xid is None:
        return []
    owners = {xid, *finders.owners(reader, xid, CANDIDATES_MAX)}
    clusters = sorted(set(identities.clusters_of(reader, sorted(owners)).values()))
    answer = []
    for customer in customers_of(reader, snapshot, clusters):
        what = known(reader, packing, snapshot, customer, computed=False)
        trait = shown(customer, what).get("email")
        said = [*what.emails, trait] if isinstance(trait, str) else what.emails
        if wanted in map(email_key, said):
            answer.append(customer)
    return answer


def _emails(snapshot: Snapshot, members: Iterable[Member], parts: Iterable[Fragment]) -> list[str]:
    namespace = snapshot.namespaces.by_key(EMAIL)
    if namespace is None:
        return []
    in_graph = [m.value for m in members if m.namespace_id == namespace.id]
    in_records: set[str] = set()
    for part in parts:
        named = part.attributes.get("identityMap")
        if isinstance(named, dict):
            for key, entries in named.items():
                if snapshot.namespaces.by_key(key) is namespace and isinstance(entries, list):
                    in_records.update(_ids(entries))
    known: dict[str, str] = {}
    for address in (*in_graph, *sorted(in_records)):
        known.setdefault(email_key(address), address)
    return list(known.values())


def _ids(entries: Iterable[Any]) -> Iterable[str]:
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            yield entry["id"]
