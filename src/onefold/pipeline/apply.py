"""Apply: tell duplicates from news, and store what the news bring.

An event is known by its owner and its _id; the first one stays. Source: ingestion contract, 6.
"""

from __future__ import annotations

from onefold.pipeline.work import Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.tables import clusters, events, fragments, outcomes
from onefold.store.tables.outcomes import Outcome


def drop_duplicates(transaction: Transaction, work: Work) -> None:
    """End the records whose event is stored already, or came earlier in this batch."""
    keys = sorted([(r.event.xid, r.event.event_id) for r in work.records if r.event is not None])
    if not keys:
        return
    known = events.known(transaction, keys)
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
        outcomes.note_duplicates(transaction, twice)


def apply(transaction: Transaction, work: Work) -> None:
    """Store events and fragments."""
    events.add(transaction, work.packing, (r.event for r in work.records if r.event is not None))
    if work.folded is None:
        fragments.replace(
            transaction, work.packing, (r.fragment for r in work.records if r.fragment is not None)
        )
    else:
        fragments.replace(transaction, work.packing, work.folded.written)
        fragments.remove(transaction, work.folded.removed)
    for record in work.records:
        work.outcomes[record.dataset, Outcome.APPLIED] += 1


def note_changes(transaction: Transaction, work: Work) -> None:
    """Note which clusters would answer something else now, so that kept answers end."""
    told = {work.clusters[r.fragment.xid] for r in work.records if r.fragment is not None}
    changed = told | work.regrouped
    if changed:
        clusters.change(transaction, changed, max(record.seq for record in work.records))
        clusters.forget(transaction, work.gone)
