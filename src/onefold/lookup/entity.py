"""Entity: what is believed about one person, merged from the fragments under one policy.

Source: profile contract, 3.2 and 4.7.
"""

from __future__ import annotations

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import Fragment
from onefold.domain.profile.merge import merged
from onefold.domain.profile.merge_policy import MergePolicy
from onefold.domain.profile.project import Selector, selected
from onefold.lookup.activity import Activity
from onefold.lookup.owner import Owner
from onefold.store.engine import Reader
from onefold.store.packing import Packing
from onefold.store.snapshot import Snapshot
from onefold.store.tables import events, fragments
from onefold.wire import JSON


class ProfileEntity(msgspec.Struct, frozen=True):
    """One merged profile. sources: datasets that took part, each once; tags: traces of their
    writes; graph: XIDs, most recently known first; last_modified_ms: latest write that took
    part.
    """

    xid: Xid
    policy_id: str
    sources: list[str]
    tags: list[str]
    graph: list[Xid]
    attributes: JSON
    last_modified_ms: int


def entity(
    reader: Reader,
    packing: Packing,
    snapshot: Snapshot,
    person: Owner,
    policy: MergePolicy,
    selector: Selector | None,
    activity: Activity | None = None,
) -> ProfileEntity:
    """The merged profile of a known person. activity: adds the regions told from events.

    Cost: one read by key for all fragments, and a merge; events are only asked for when there is no
    fragment, since then the latest of them says when the profile changed.
    """
    members = person.members
    xids = [member.xid for member in members]
    parts = [
        fragment
        for fragment in fragments.fragments_of(reader, packing, xids)
        if policy.admits_record(fragment.dataset)
    ]
    attributes = {**merged(parts, policy), "identityMap": identity_map(person, snapshot)}
    if activity is not None:
        activity.added(reader, xids, attributes)
    if selector is not None:
        attributes["identities"] = _identities(person, snapshot)
        attributes = selected(attributes, selector)
    parts.sort(key=_by_ingest)
    if parts:
        last_modified_ms = max(fragment.ingested_ms for fragment in parts)
    else:
        last_modified_ms = events.newest_ingested_ms(reader, xids) or max(
            member.first_seen_ms for member in members
        )
    return ProfileEntity(
        person.xid,
        policy.id,
        list(dict.fromkeys(fragment.dataset for fragment in parts)) or [""],
        [fragment.tag for fragment in parts],
        xids[::-1],
        attributes,
        last_modified_ms,
    )


def identity_map(person: Owner, snapshot: Snapshot) -> JSON:
    """Built from the graph, never merged from records: lower-case codes, bare ids."""
    found: dict[str, list[dict[str, str]]] = {}
    for member in person.members:
        code = _code(member.namespace_id, snapshot).lower()
        found.setdefault(code, []).append({"id": member.value})
    return found


def _identities(person: Owner, snapshot: Snapshot) -> JSON:
    """The older form of the identityMap; only shown when a selector names it."""
    return [
        {"id": member.value, "namespace": {"code": _code(member.namespace_id, snapshot)}}
        for member in person.members
    ]


def _code(namespace_id: int, snapshot: Snapshot) -> str:
    namespace = snapshot.namespaces.by_id(namespace_id)
    return namespace.code if namespace is not None else str(namespace_id)


def _by_ingest(fragment: Fragment) -> int:
    return fragment.seq
