"""Known calls: which calls came before, what a call may not do, and how calls end.

A call is known by its event id, which follows from the id that its sender gave the message, so one
that is sent again brings nothing once it was applied. Its records stand side by side in the
journal, that of its event first, so they are told from those of another call of the same id even
when a batch ends between them. Source: Intilery contract, 10.1, 11.3, 11.8 and 13.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from onefold.domain.calls.call import INLET
from onefold.domain.calls.entities import settled
from onefold.domain.calls.namespaces import ANONYMOUS, USER
from onefold.domain.failed_record import FailedRecord, Fault
from onefold.domain.failed_record import State as FailedState
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Identity, Xid
from onefold.errors import CODES, Rejected
from onefold.pipeline.calls import event_id_of
from onefold.pipeline.handover import Parted
from onefold.pipeline.work import Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.snapshot import Snapshot
from onefold.store.tables import (
    calls,
    events,
    fragments,
    identities,
    outcomes,
    sightings,
    superseded,
)
from onefold.store.tables.calls import Seen, State
from onefold.store.tables.outcomes import Outcome
from onefold.wire import decode_json, encode_json

STEP = "calls"
SUPPRESSED: Final = "CAL-1014"
USERS_MAX: Final = 100
"""Users that are merged into one customer. Source: Intilery contract, 11.12."""
_BEHIND_MAX = 2
"""How far behind the first record of a call its last one may stand."""


def drop_known(transaction: Transaction, work: Work) -> None:
    """End the records of calls that were applied before.

    Repeats of failed records pass: whether there is still something to repeat was found out before
    (repeats.py). Of two calls of one id the first that is applied counts, whatever the second one
    says; they are never in the same run (processor.py).
    """
    if not work.calls:
        return
    named = {mark.event_id for mark, _ in work.calls.values()}
    work.known = calls.of(transaction, sorted(named))
    if not any(one.state == "applied" for one in work.known.values()):
        return
    news: list[Normalized] = []
    twice: list[int] = []
    for record in work.records:
        mark = record.call
        before = work.known.get(mark.event_id) if mark is not None else None
        if (
            mark is not None
            and before is not None
            and before.state == "applied"
            and not work.calls[record.seq][1].replays
        ):
            is_event = _is_event(work, record.dataset)
            differs = before.digest != mark.digest
            if differs or not _is_of_one_call(before.seq, record.seq, is_event):
                work.outcomes[record.dataset, Outcome.DUPLICATE] += 1
                if is_event and differs:
                    work.counted["duplicate_differs", record.dataset, ""] += 1
                twice.append(record.seq)
                continue
        news.append(record)
    work.records = news
    outcomes.note_left_out(transaction, twice)


def judge_calls(transaction: Transaction, work: Work) -> None:
    """Let aliases of a user's id name that user, refuse those of two users unless the account
    merges them, and settle what counts only for those who were not known."""
    account = work.snapshot.account
    asking = [record for record in work.records if _is_asking(record)]
    if account is None or not asking:
        return
    wanted = {
        xid for record in asking for xid in (*_named(record), *aliased(work.snapshot, record))
    }
    known = set(identities.clusters_of(transaction, sorted(wanted)))
    named: dict[Xid, str] = {}  # since the batch began: the call that named it first
    perhaps: set[Xid] = set()  # named by records that may fail yet, and are of no call
    news: list[Normalized] = []
    for record in work.records:
        mark = record.call
        if perhaps and _is_asking(record):
            asked = {*_named(record), *aliased(work.snapshot, record)}
            if not perhaps.isdisjoint(asked - known):
                raise Parted([record.seq])
        other = next((x for x in aliased(work.snapshot, record) if x in known or x in named), None)
        if other is not None and _is_of_user(work, record):
            refusal = "previousId is the userId of another customer"
            if account.merges_users:
                if len(work.records) > 1:
                    raise Parted([one.seq for one in asking if one.call == mark])
                refusal = _too_many(transaction, work, record, other)
            if refusal:
                _fail(work, record, Fault(STEP, "CAL-1013", refusal, "/previousId"))
                continue
        if other is not None and record.event is not None:
            record = _of_user(work, record, other)
        if mark is not None and record.fragment is not None and mark.has_first:
            is_known = any(
                named.get(xid, mark.event_id) != mark.event_id
                or (xid in known and _is_older(transaction, work, record, xid))
                for xid in _named(record)
            )
            record = _settled(record, is_known=is_known)
        for xid in _named(record):
            named.setdefault(xid, mark.event_id if mark is not None else "")
        if mark is None and record.change is not None:
            perhaps.update(_named(record))
        news.append(record)
    work.records = news


def note_calls(transaction: Transaction, work: Work) -> None:
    """Write down how calls ended, record by record. One of which a record failed has failed, until
    it is repeated; one that was applied stays so, however often it is sent again."""
    if work.snapshot.account is None:
        return
    ended = [
        *[(_applied(one), one.dataset, _replays(work, one)) for one in work.records if one.call],
        *[(_failed(work, one), one.dataset, one.replays) for one in work.failed if _is_call(one)],
    ]
    ended.sort(key=_by_number)
    before = {**work.known}
    unread = {one.event_id for one, _, _ in ended} - before.keys()
    if unread:
        before |= calls.of(transaction, sorted(unread))
    rows: dict[str, Seen] = {}
    for one, dataset, replays in ended:
        known = rows.get(one.event_id) or before.get(one.event_id)
        is_more = known is not None and _is_of_one_call(
            known.seq, one.seq, _is_event(work, dataset)
        )
        if (
            known is None
            or (known.state == "applied" and one.state != "applied" and is_more and not replays)
            or (known.state != "applied" and (replays or not is_more))
        ):
            rows[one.event_id] = one
    calls.add(transaction, rows.values())
    _count(work, work.snapshot.account.calls)


def suppressed_before(transaction: Transaction, work: Work) -> set[str]:
    """The calls of which a record was kept out in an earlier batch, and another one is in this."""
    named = {mark.event_id for mark, _ in work.calls.values()}
    before = calls.of(transaction, sorted(named)) if named else {}
    return {
        mark.event_id
        for seq, (mark, accepted) in work.calls.items()
        for one in (before.get(mark.event_id),)
        if one is not None
        and one.state == "suppressed"
        and _is_of_one_call(one.seq, seq, _is_event(work, accepted.dataset))
    }


def fail_suppressed(work: Work, record: Normalized) -> None:
    """End a record of a call that is kept out: it fails, and nothing of what it said is kept.

    Source: Intilery contract, 16.3."""
    _fail(work, record, Fault("suppress", SUPPRESSED, CODES[SUPPRESSED].meaning), blank=True)


def _fail(work: Work, record: Normalized, fault: Fault, *, blank: bool = False) -> None:
    _, accepted = work.calls[record.seq]
    work.fail(record.seq, accepted, fault, now_ms=work.now_ms)
    if blank:
        work.failed[-1] = replace(work.failed[-1], message=b"", state=FailedState.RESOLVED)


def _is_call(failed: FailedRecord) -> bool:
    return failed.inlet == INLET


def _replays(work: Work, record: Normalized) -> int:
    return work.calls[record.seq][1].replays


def _applied(record: Normalized) -> Seen:
    mark = record.call
    assert mark is not None
    return Seen(mark.event_id, record.seq, mark.digest, record.received_ms, "applied")


def _failed(work: Work, failed: FailedRecord) -> Seen:
    state: State = "suppressed" if failed.fault.code == SUPPRESSED else "failed"
    digest = b""
    if state == "failed" and failed.seq in work.calls:
        digest = work.calls[failed.seq][0].digest
    return Seen(_event_id(work, failed), failed.seq, digest, failed.received_ms, state)


def _by_number(ended: tuple[Seen, str, int]) -> int:
    return ended[0].seq


def _is_event(work: Work, dataset: str) -> bool:
    """Whether a record of a dataset is the first one of its call."""
    account = work.snapshot.account
    return account is not None and dataset == account.calls


def _is_of_one_call(first: int, number: int, is_event: bool) -> bool:
    """Whether a record may be of the call whose first record has another number."""
    return number == first or (not is_event and 0 < number - first <= _BEHIND_MAX)


def _is_asking(record: Normalized) -> bool:
    mark = record.call
    if mark is None:
        return False
    return bool(mark.previous_id) or (mark.has_first and record.fragment is not None)


def _named(record: Normalized) -> list[Xid]:
    return [xid for xid, _ in record.identities]


def aliased(snapshot: Snapshot, record: Normalized) -> Iterator[Xid]:
    """What an alias says of somebody as a user's id would be, unless it is the user's own."""
    user = snapshot.namespaces.by_key(USER)
    if record.call is not None and record.call.previous_id and user is not None:
        xid = xids.encode(user.id, record.call.previous_id)
        if xid != record.owner:
            yield xid


def _of_user(work: Work, record: Normalized, xid: Xid) -> Normalized:
    """The event of an alias whose previousId is a user's: it names that user, and no visitor of
    this id unless it is sent by that visitor."""
    assert record.event is not None
    user = xids.decode(xid)
    entity = decode_json(record.event.body)
    ids = entity["identityMap"]
    ids[ANONYMOUS].pop()  # previousId, which stands last
    visitors = ids[ANONYMOUS] or ids.pop(ANONYMOUS)
    ids.setdefault(USER, []).append({"id": user.value})
    identities, sighting = list(record.identities), record.sighting
    visitor = work.snapshot.namespaces.by_key(ANONYMOUS)
    if visitor is not None and all(one["id"] != user.value for one in visitors):
        before = Identity(visitor.id, user.value)
        identities = [one for one in identities if one[1] != before]
    if sighting is not None:
        kept = {one for one, _ in identities}
        sighting = replace(sighting, xids=(*[x for x in sighting.xids if x in kept], xid))
    event = replace(record.event, body=encode_json(entity))
    return replace(record, identities=(*identities, (xid, user)), sighting=sighting, event=event)


def _is_of_user(work: Work, record: Normalized) -> bool:
    user = work.snapshot.namespaces.by_key(USER)
    return user is not None and any(one.namespace_id == user.id for _, one in record.identities)


def _too_many(transaction: Transaction, work: Work, record: Normalized, other: Xid) -> str:
    """Why two users cannot be merged; empty when they can."""
    assert record.owner is not None
    named = identities.clusters_of(transaction, [record.owner, other])
    members = identities.members_of(transaction, sorted(set(named.values())))
    user = work.snapshot.namespaces.by_key(USER)
    users = {record.owner, other} | {
        one.xid for one in members if user is not None and one.namespace_id == user.id
    }
    if len(users) <= USERS_MAX:
        return ""
    return f"The customer would be {len(users)} users; at most {USERS_MAX} are merged"


def _is_older(transaction: Transaction, work: Work, record: Normalized, xid: Xid) -> bool:
    """Whether an identity that is known was named before the call began.

    What was known when the batch began is older, unless the event of the call came in an earlier
    batch: it failed then, or this is a repeat. Source: Intilery contract, 11.8."""
    assert record.call is not None
    event_id, first = record.call.event_id, record.seq
    known = work.known.get(event_id)
    if known is None or known.state != "applied" or first < known.seq:
        return True
    numbers = [
        found[xid][0]
        for found in (
            sightings.first(transaction, [xid]),
            superseded.first(transaction, [xid]),
            fragments.first(transaction, [xid]),
        )
        if xid in found
    ]
    event = events.first(transaction, xid)
    return min([*numbers, event[0] if event is not None else first]) < known.seq


def _settled(record: Normalized, *, is_known: bool) -> Normalized:
    """The record without what counts only for those who were not known; of one of which nothing is
    left, only that it came."""
    assert record.fragment is not None
    entity = settled(decode_json(record.fragment.body), known=is_known)
    if entity is None:
        return Normalized(record.seq, record.dataset, record.received_ms, call=record.call)
    fragment = replace(record.fragment, body=encode_json(entity))
    return replace(record, fragment=fragment)


def _event_id(work: Work, failed: FailedRecord) -> str:
    if failed.seq in work.calls:
        return work.calls[failed.seq][0].event_id
    try:
        return event_id_of(failed.message)
    except Rejected:
        return failed.trace


def _count(work: Work, dataset: str) -> None:
    """Count what was applied and not as its sender meant it, once a call. dataset: of events."""
    for record in work.records:
        mark = record.call
        if mark is not None and (mark.refused or mark.unplanned) and record.dataset == dataset:
            work.counted["refused_traits", dataset, ""] += mark.refused
            work.counted["unplanned", dataset, ""] += mark.unplanned
