"""Index: what accounts find their customers and order their timelines by.

Follows from what was applied: a feed row for every event, the names that the fragments say, and an
id for every identity. Sandboxes that are no accounts pay nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onefold.domain.calls.finding import name_of, names_said
from onefold.domain.calls.ids import customer_id
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Identity, Xid
from onefold.pipeline.work import Work
from onefold.store.engine import Transaction
from onefold.store.snapshot import Snapshot
from onefold.store.tables import customer_ids, feed, finders
from onefold.store.tables.feed import Entry
from onefold.store.tables.fragments import NewFragment
from onefold.wire import decode_json


def index(transaction: Transaction, work: Work) -> None:
    """Bring feed, finders and customer ids up to what a batch has brought."""
    if work.snapshot.account is None or not work.records:
        return
    feed.add(
        transaction,
        [
            Entry(
                event.xid,
                event.timestamp_ms,
                event.ingested_ms,
                event.event_id,
                record.action,
                record.brand,
                record.active,
                record.group,
                record.taken,
            )
            for record in work.records
            for event in (record.event,)
            if event is not None
        ],
    )
    if work.folded is not None:
        said = names_of(work.snapshot, work.folded.written)
        said |= {(owner, dataset): set() for owner, dataset, _ in work.folded.removed}
        finders.put_all(transaction, said)
    new = work.after.keys() - work.before.keys()
    if new:
        customer_ids.add(transaction, ids_of(work.snapshot, new))
        named = {xid: one for record in work.records for xid, one in record.identities}
        found = graph_names(work.snapshot, {xid: named[xid] for xid in new & named.keys()})
        finders.put_all(transaction, found)


def names_of(snapshot: Snapshot, fragments: Iterable[NewFragment]) -> dict[finders.Key, set[Xid]]:
    """What each of the fragments lets its owner be found by; nothing where there is no account.
    What is said of accounts and opportunities leads to nobody."""
    if snapshot.account is None:
        return {}
    business = snapshot.business_datasets()
    return {
        (one.xid, one.dataset): set() if one.dataset in business else names_in(snapshot, one.body)
        for one in fragments
    }


def graph_names(
    snapshot: Snapshot, identities: Mapping[Xid, Identity]
) -> dict[finders.Key, set[Xid]]:
    """What identities are found by besides their own names, of those of which there is something
    to say."""
    found = {xid: name_of(one, snapshot.namespaces) for xid, one in identities.items()}
    return {
        (xid, finders.GRAPH): {xids.encode(name.namespace_id, name.value)}
        for xid, name in found.items()
        if name is not None
    }


def names_in(snapshot: Snapshot, body: bytes) -> set[Xid]:
    """What one fragment of people says."""
    found = names_said(decode_json(body), snapshot.namespaces, snapshot.lookup_only)
    return {xids.encode(one.namespace_id, one.value) for one in found}


def ids_of(snapshot: Snapshot, identities: Iterable[Xid]) -> list[tuple[str, Xid]]:
    """The customer ids of identities."""
    return [(customer_id(snapshot.sandbox.id, xid), xid) for xid in identities]
