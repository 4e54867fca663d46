"""Fold: what partial records make of the fragments that are stored, in the order of the journal.

Only fragments that a partial record names are read; whole records of the same key take their turn
among them, so a batch ends where its records would have ended one after the other.
Source: ingestion contract, 5.
"""

from __future__ import annotations

from dataclasses import dataclass

from onefold.domain.failed_record import Fault
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import Fragment, effective_ms
from onefold.domain.profile.partial import merged_into
from onefold.pipeline.work import Change, Folded, Normalized, Work
from onefold.store.engine import Transaction
from onefold.store.tables import fragments
from onefold.store.tables.fragments import NewFragment
from onefold.wire import JSON, decode_json, encode_json

STEP = "fold"

_Key = tuple[Xid, str]


@dataclass(slots=True)
class _State:
    """A fragment on its way through the batch. attributes: None when there is none now. body: its
    JSON, when that is known. last: the last record that changed it; None when none did."""

    stored: Fragment | None
    attributes: dict[str, JSON] | None
    body: bytes | None = None
    last: NewFragment | None = None


def fold(transaction: Transaction, work: Work) -> None:
    """Work out what the fragments of a batch with partial records come to. A record whose merge
    would be larger than a profile takes ends as failed, and changes nothing."""
    keys = {
        _key(record.fragment)
        for record in work.records
        if record.change is not None and record.fragment is not None
    }
    if not keys:
        return
    states = _states(transaction, work, keys)
    written: list[NewFragment] = []
    records: list[Normalized] = []
    for record in work.records:
        fragment = record.fragment
        state = states.get(_key(fragment)) if fragment is not None else None
        if fragment is not None and state is None:
            written.append(fragment)
        elif fragment is not None and state is not None:
            fault = _changed(state, fragment, record.change)
            if fault is not None and record.change is not None:
                accepted = record.change.accepted
                work.fail(record.seq, accepted, fault, now_ms=work.now_ms)
                continue
        records.append(record)
    work.records = records
    work.folded = Folded(written + _written(states), _removed(states))


def _states(transaction: Transaction, work: Work, keys: set[_Key]) -> dict[_Key, _State]:
    owners = sorted({xid for xid, _ in keys})
    stored = {
        (fragment.xid, fragment.dataset): fragment
        for fragment in fragments.fragments_of(transaction, work.packing, owners)
    }
    return {
        key: _State(found, found.attributes if found is not None else None)
        for key in keys
        for found in (stored.get(key),)
    }


def _changed(state: _State, fragment: NewFragment, change: Change | None) -> Fault | None:
    """Let one record do to a fragment what it says. A record that is older than what is stored
    changes nothing, as in `fragments.replace`."""
    if state.stored is not None and state.stored.seq >= fragment.seq:
        return None
    if change is None:
        state.attributes, state.body = decode_json(fragment.body), fragment.body
    elif change.removes:
        state.attributes, state.body = None, None
    else:
        attributes = merged_into(state.attributes or {}, decode_json(fragment.body))
        body = encode_json(attributes)
        if len(body) > change.body_bytes_max:
            detail = f"Merged, the record has {len(body)} bytes; at most {change.body_bytes_max}"
            return Fault(STEP, "REC-1006", detail, "")
        state.attributes, state.body = attributes, body
    state.last = fragment
    return None


def _written(states: dict[_Key, _State]) -> list[NewFragment]:
    found: list[NewFragment] = []
    for state in states.values():
        last = state.last
        if last is None or state.attributes is None or state.body is None:
            continue
        effective = effective_ms(state.attributes, last.ingested_ms)
        found.append(
            NewFragment(
                last.xid, last.dataset, last.seq, last.ingested_ms, effective, last.tag, state.body
            )
        )
    return found


def _removed(states: dict[_Key, _State]) -> list[tuple[Xid, str, int]]:
    return [
        (state.stored.xid, state.stored.dataset, state.stored.seq)
        for state in states.values()
        if state.stored is not None and state.last is not None and state.attributes is None
    ]


def _key(fragment: NewFragment) -> _Key:
    return fragment.xid, fragment.dataset
