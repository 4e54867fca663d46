"""Fold: what the records of a batch make of the fragments that are stored, in the order of the
journal, and which of them are to be kept beside the fragments, so that a later one can be undone.

Only fragments that a partial record names are read; whole records of the same key take their turn
among them, so a batch ends where its records would have ended one after the other.
Source: ingestion contract, 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from onefold.domain.failed_record import Fault
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import STAMPS, Fragment
from onefold.domain.profile.history import Record, standing_after, standing_ms
from onefold.domain.profile.partial import Operation
from onefold.pipeline.work import Change, Folded, Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.tables import fragments
from onefold.store.tables.fragments import NewFragment
from onefold.store.tables.superseded import Key as FragmentKey
from onefold.store.tables.superseded import Next, Superseded
from onefold.wire import JSON, decode_json, encode_json

STEP = "fold"


@dataclass(slots=True)
class _State:
    """A fragment on its way through the batch. attributes: with their stamps; None when there is
    none now. body: its JSON, when that is known. took: the records that changed it, in order."""

    stored: Fragment | None
    attributes: dict[str, JSON] | None
    body: bytes | None = None
    took: list[tuple[NewFragment, Operation]] = field(default_factory=list)


def fold(transaction: Transaction, work: Work) -> None:
    """Work out what the fragments of a batch come to. A record whose merge would be larger than a
    profile takes ends as failed, and changes nothing."""
    brought = [record.fragment for record in work.records if record.fragment is not None]
    if not brought:
        return
    partial = {
        _key(record.fragment)
        for record in work.records
        if record.change is not None and record.fragment is not None
    }
    states = _states(transaction, work, partial) if partial else {}
    if partial:
        work.records = [record for record in work.records if _took(work, states, record)]
    after: dict[FragmentKey, Next] = {}
    earlier: list[Superseded] = []
    last: dict[FragmentKey, NewFragment] = {}
    for fragment in brought:
        key = _key(fragment)
        if key in states:
            continue
        before = last.get(key)
        if before is None:
            after[key] = Next(fragment.seq, fragment.ingested_ms)
        else:
            earlier.append(_kept(before, "create", fragment.ingested_ms))
        last[key] = fragment
    for key, state in states.items():
        if state.took:
            first = state.took[0][0]
            after[key] = Next(first.seq, first.ingested_ms)
            earlier += _earlier(state)
    work.folded = Folded([*last.values(), *_written(states)], _removed(states), after, earlier)


def _took(work: Work, states: dict[FragmentKey, _State], record: Normalized) -> bool:
    """Let a record change the state that it is of, if any; whether it did not fail."""
    fragment, change = record.fragment, record.change
    state = states.get(_key(fragment)) if fragment is not None else None
    if fragment is None or state is None:
        return True
    fault = _changed(state, fragment, change)
    if fault is None or change is None:
        return True
    work.fail(record.seq, change.accepted, fault, now_ms=work.now_ms)
    return False


def _states(
    transaction: Transaction, work: Work, keys: set[FragmentKey]
) -> dict[FragmentKey, _State]:
    owners = sorted({xid for xid, _ in keys})
    stored = {
        (fragment.xid, fragment.dataset): fragment
        for fragment in fragments.fragments_of(transaction, work.packing, owners)
    }
    return {
        key: _State(found, _attributes(found) if found is not None else None)
        for key in keys
        for found in (stored.get(key),)
    }


def _attributes(stored: Fragment) -> dict[str, JSON]:
    """What a stored fragment says, as it is stored."""
    if stored.stamps is None:
        return stored.attributes
    return {**stored.attributes, STAMPS: stored.stamps}


def _changed(state: _State, fragment: NewFragment, change: Change | None) -> Fault | None:
    """Let one record do to a fragment what it says. A record that is older than what is stored
    changes nothing, as in `fragments.replace`."""
    if state.stored is not None and state.stored.seq >= fragment.seq:
        return None
    if change is None:
        state.attributes, state.body = decode_json(fragment.body), fragment.body
    elif change.operation == "delete":
        state.attributes, state.body = None, None
    else:
        attributes = standing_after(state.attributes, change.operation, decode_json(fragment.body))
        body = encode_json(attributes)
        if len(body) > change.body_bytes_max:
            detail = f"Merged, the record has {len(body)} bytes; at most {change.body_bytes_max}"
            return Fault(STEP, "REC-1006", detail, "")
        state.attributes, state.body = attributes, body
    state.took.append((fragment, change.operation if change is not None else "create"))
    return None


def _written(states: dict[FragmentKey, _State]) -> list[NewFragment]:
    found: list[NewFragment] = []
    for state in states.values():
        if not state.took or state.attributes is None or state.body is None:
            continue
        last = state.took[-1][0]
        effective = standing_ms(state.attributes, last.ingested_ms)
        found.append(
            NewFragment(
                last.xid, last.dataset, last.seq, last.ingested_ms, effective, last.tag, state.body
            )
        )
    return found


def _removed(states: dict[FragmentKey, _State]) -> list[tuple[Xid, str, int]]:
    return [
        (state.stored.xid, state.stored.dataset, state.stored.seq)
        for state in states.values()
        if state.stored is not None and state.took and state.attributes is None
    ]


def _earlier(state: _State) -> list[Superseded]:
    """The records to keep: all but a last one that is whole."""
    kept = []
    for at, (fragment, operation) in enumerate(state.took):
        if at + 1 < len(state.took):
            kept.append(_kept(fragment, operation, state.took[at + 1][0].ingested_ms))
        elif operation != "create":
            kept.append(_kept(fragment, operation, fragment.ingested_ms))
    return kept


def _kept(fragment: NewFragment, operation: Operation, superseded_ms: int) -> Superseded:
    record = Record(
        fragment.seq,
        fragment.ingested_ms,
        fragment.effective_ms,
        fragment.tag,
        operation,
        fragment.body,
    )
    return Superseded(fragment.xid, fragment.dataset, record, superseded_ms)


def _key(fragment: NewFragment) -> FragmentKey:
    return fragment.xid, fragment.dataset
