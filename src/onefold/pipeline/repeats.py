"""Repeats: how a failed record that is sent again ends, and what is noted of the first.

A repeat goes through all steps like any record. It counts only as long as the failed record that it
names is open when the pipeline comes to it: a second repeat of the same record, and one of a record
whose message was taken out meanwhile, end as known duplicates and bring nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from onefold.domain.failed_record import Repeat, State
from onefold.journal import Accepted
from onefold.pipeline.work import Work
from onefold.store.engine import Transaction
from onefold.store.tables import failed_records, outcomes
from onefold.store.tables.outcomes import Outcome

Numbered = tuple[int, Accepted]


def drop_spent(
    transaction: Transaction, work: Work, numbered: Sequence[Numbered]
) -> list[Numbered]:
    """The repeats that have something to repeat; the others end as duplicates."""
    named = sorted({accepted.replays for _, accepted in numbered})
    states = failed_records.states(transaction, named)
    still_open = {number for number, state in states.items() if state is State.OPEN}
    live: list[Numbered] = []
    spent: list[int] = []
    for seq, accepted in numbered:
        if accepted.replays in still_open:
            still_open.remove(accepted.replays)
            live.append((seq, accepted))
        else:
            work.outcomes[accepted.dataset, Outcome.DUPLICATE] += 1
            spent.append(seq)
    outcomes.note_left_out(transaction, spent)
    return live


def close(
    transaction: Transaction, work: Work, numbered: Sequence[Numbered], *, now_ms: int
) -> None:
    """Note of the repeated records how their repeats, which are all of `numbered`, have ended."""
    ends = {seq: Outcome.APPLIED for seq, accepted in numbered if accepted.removal}
    ends |= {record.seq: Outcome.APPLIED for record in work.records}
    ends |= {failed.seq: Outcome.FAILED for failed in work.failed}
    ends |= dict.fromkeys(work.suppressed, Outcome.SUPPRESSED)
    failed_records.close(
        transaction,
        [
            (accepted.replays, Repeat(seq, now_ms, ends.get(seq, Outcome.DUPLICATE).value))
            for seq, accepted in numbered
        ],
    )
