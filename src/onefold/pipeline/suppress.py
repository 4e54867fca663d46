"""Suppress: keep out what was undone or deleted and comes again.

A record is kept out when it is itself suppressed, or when it is of a suppressed identity that it
names and is not younger than that says. Where devices are handed over, a record that names a person
by a name of a unique namespace is of that person alone: a browser that somebody used who is deleted
keeps nobody else out. The time of an event is its timestamp; a profile record has one only if it
gives itself one (`extSourceSystemAudit.lastUpdatedDate`), and one that gives none is kept out until
the suppression is lifted: when it arrives says nothing of how old it is. A call that is kept out
fails instead, and nothing is kept of what it said. Source: Intilery contract, 16.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from onefold.domain.identity.identity import Xid
from onefold.domain.suppression import IDENTITY, Keys
from onefold.pipeline.belonging import owning
from onefold.pipeline.known_calls import aliased, fail_suppressed, suppressed_before
from onefold.pipeline.work import Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.snapshot import Snapshot
from onefold.store.tables import identities, outcomes, suppressions
from onefold.store.tables.outcomes import Outcome
from onefold.store.tables.suppressions import Kept


def suppress(transaction: Transaction, work: Work) -> None:
    """End the records that are suppressed. Costs one read where nothing is."""
    if not work.records or not suppressions.any(transaction):
        return
    keys = Keys(work.snapshot.sandbox.id)
    keys_of = {record.seq: _keys_of(keys, record, work.snapshot) for record in work.records}
    _add_customers(transaction, work, keys, keys_of)
    kept = suppressions.known(transaction, sorted({k for some in keys_of.values() for k in some}))
    calls = suppressed_before(transaction, work)
    if not kept and not calls:
        return
    news: list[Normalized] = []
    out: list[int] = []
    for record in work.records:
        mark = record.call
        if _is_out(record, keys_of[record.seq], kept) or (
            mark is not None and mark.event_id in calls
        ):
            if mark is not None:
                calls.add(mark.event_id)  # what it says of a group goes with it
                fail_suppressed(work, record)
                continue
            work.outcomes[record.dataset, Outcome.SUPPRESSED] += 1
            out.append(record.seq)
        else:
            news.append(record)
    work.records = news
    work.suppressed += out
    outcomes.note_left_out(transaction, out)


def _add_customers(
    transaction: Transaction, work: Work, keys: Keys, keys_of: Mapping[int, list[str]]
) -> None:
    """Who is not tracked is not tracked under identities either that came later: what somebody does
    goes by all of its customer. Costs two reads where anybody is not tracked."""
    owners = {
        record.seq: record.owner
        for record in work.records
        if record.call is not None and record.call.is_tracking and record.owner is not None
    }
    if not owners or not suppressions.any_of_tracking(transaction):
        return
    cluster_of = identities.clusters_of(transaction, sorted(set(owners.values())))
    members: dict[Xid, list[Xid]] = {}
    for member in identities.members_of(transaction, sorted(set(cluster_of.values()))):
        members.setdefault(member.cluster, []).append(member.xid)
    rules = work.snapshot.rules
    for seq, owner in owners.items():
        if owner in cluster_of:
            whose = owning(rules, members[cluster_of[owner]])
            keys_of[seq].extend([keys.no_track(xid) for xid in whose])


def _keys_of(keys: Keys, record: Normalized, snapshot: Snapshot) -> list[str]:
    if record.owner is None:
        return []
    whose = owning(snapshot.rules, [record.owner, *[one[0] for one in record.identities]])
    whose.update(aliased(snapshot, record))
    found = [keys.identity(xid) for xid in whose]
    if record.call is not None and record.call.is_tracking:
        found += [keys.no_track(xid) for xid in whose]
    if record.event is not None:
        found.append(keys.event(record.owner, record.event.event_id))
    elif record.fragment is not None:
        operation = record.change.operation if record.change is not None else "create"
        found.append(keys.record(record.owner, record.dataset, record.fragment.body, operation))
    return found


def _is_out(record: Normalized, keys: list[str], kept: Mapping[str, Kept]) -> bool:
    for key in keys:
        one = kept.get(key)
        if one is not None and (
            one.kind != IDENTITY or record.own_ms is None or record.own_ms <= one.until_ms
        ):
            return True
    return False
