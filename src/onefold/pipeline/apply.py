"""Apply: tell duplicates from news, and store what the news bring.

An event is known by its owner and its _id; the first one stays. Source: ingestion contract, 6.
"""

from __future__ import annotations

from collections.abc import Set

from onefold.domain.identity.identity import Xid
from onefold.pipeline.handover import known_elsewhere
from onefold.pipeline.known_calls import drop_known
from onefold.pipeline.tell import tell
from onefold.pipeline.work import Folded, Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.tables import clusters, events, fragments, identities, outcomes, superseded
from onefold.store.tables.outcomes import Outcome


def drop_duplicates(transaction: Transaction, work: Work) -> None:
    """End the records whose event or call is stored already, or came earlier in this batch."""
    drop_known(transaction, work)
    keys = sorted([(r.event.xid, r.event.event_id) for r in work.records if r.event is not None])
    if not keys:
        return
    known = events.known(transaction, keys)
    if work.snapshot.account is not None:
        known |= known_elsewhere(transaction, keys)
    news: list[Normalized] = []
    twice: list[int] = []
    for record in work.records:
        if record.event is not None:
            key = (record.event.xid, record.event.event_id)
            if key in known:
                work.outcomes[record.dataset, Outcome.DUPLICATE] += 1
                twice.append(record.seq)
                continue
            known.add(key)
        news.append(record)
    work.records = news
    if twice:
        outcomes.note_left_out(transaction, twice)


def apply(transaction: Transaction, work: Work) -> None:
    """Store events and fragments, and the records that fragments follow from."""
    events.add(transaction, work.packing, (r.event for r in work.records if r.event is not None))
    if work.folded is not None:
        _apply_fragments(transaction, work, work.folded)
    for record in work.records:
        work.outcomes[record.dataset, Outcome.APPLIED] += 1


def _apply_fragments(transaction: Transaction, work: Work, folded: Folded) -> None:
    """Write fragments, and keep what they take the place of."""
    known = superseded.keep(transaction, folded.after)
    superseded.add(transaction, work.packing, folded.earlier)
    fragments.replace(transaction, work.packing, folded.written)
    fragments.remove(transaction, folded.removed)
    longer = known | {(row.xid, row.dataset) for row in folded.earlier}
    if longer:
        arrived = {key: folded.after[key].ingested_ms for key in longer}
        arrived |= {(f.xid, f.dataset): f.ingested_ms for f in folded.written}
        superseded.prune(transaction, work.packing, {key: arrived[key] for key in longer})


def note_changes(transaction: Transaction, work: Work) -> None:
    """Note which clusters would answer something else now, so that kept answers end, and tell those
    who follow what happened."""
    if not work.records:
        return
    last = max(record.seq for record in work.records)
    told = _clusters(
        transaction, work, {r.fragment.xid for r in work.records if r.fragment is not None}
    )
    recomputed = _clusters(
        transaction, work, {r.event.xid for r in work.records if r.event is not None and r.taken}
    )
    changed = told | work.regrouped | recomputed
    if changed:
        clusters.change(transaction, changed, last)
        clusters.forget(transaction, work.gone)
    tell(transaction, last, work.now_ms, work.before, work.after, told)


def _clusters(transaction: Transaction, work: Work, owners: Set[Xid]) -> set[Xid]:
    """The clusters of owners, of whom the batch names most; accounts are in none."""
    known = {xid: work.clusters[xid] for xid in owners if xid in work.clusters}
    others = sorted(owners - known.keys())
    return {*known.values(), *identities.clusters_of(transaction, others).values()}
