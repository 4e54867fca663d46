"""Suppress: keep out what was undone or deleted and comes again.

A record is kept out when it is itself suppressed, or when it names a suppressed identity and is not
younger than that says. The time of an event is its timestamp; a profile record has one only if it
gives itself one (`extSourceSystemAudit.lastUpdatedDate`), and one that gives none is kept out until
the suppression is lifted: when it arrives says nothing of how old it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from onefold.domain.suppression import IDENTITY, Keys
from onefold.pipeline.work import Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.tables import outcomes, suppressions
from onefold.store.tables.outcomes import Outcome
from onefold.store.tables.suppressions import Kept


def suppress(transaction: Transaction, work: Work) -> None:
    """End the records that are suppressed. Costs one read where nothing is."""
    if not work.records or not suppressions.any(transaction):
        return
    keys = Keys(work.snapshot.sandbox.id)
    keys_of = {record.seq: _keys_of(keys, record) for record in work.records}
    kept = suppressions.known(transaction, sorted({k for some in keys_of.values() for k in some}))
    if not kept:
        return
    news: list[Normalized] = []
    out: list[int] = []
    for record in work.records:
        if _is_out(record, keys_of[record.seq], kept):
            work.outcomes[record.dataset, Outcome.SUPPRESSED] += 1
            out.append(record.seq)
        else:
            news.append(record)
    work.records = news
    work.suppressed += out
    outcomes.note_left_out(transaction, out)


def _keys_of(keys: Keys, record: Normalized) -> list[str]:
    if record.owner is None:
        return []
    found = [keys.identity(xid) for xid in {record.owner, *[one[0] for one in record.identities]}]
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
