"""Whose: of which people who leave a message tells, or a row of the lake is.

A message is found by the values of identities, wherever in it they stand (told.py). Where devices
are handed over, one that names a person by that person's own name is that person's alone; and one
that names a device is of whom the store says it belongs to, though it does not say so itself: what
the device brought before somebody else took it. Source: Intilery contract, 11.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import msgspec

from onefold.domain.calls.call import INLET as CALLS
from onefold.domain.calls.call import decode
from onefold.domain.calls.message import id_at
from onefold.domain.calls.namespaces import USER
from onefold.domain.calls.parts import top
from onefold.domain.failed_record import FailedRecord
from onefold.domain.graph.settings import LinkingRules
from onefold.domain.identity.identity import Identity, Xid
from onefold.domain.identity.records import named_in
from onefold.errors import Rejected
from onefold.jobs.told import Tells
from onefold.journal import Accepted
from onefold.pipeline.belonging import owning
from onefold.pipeline.entities import Arrived, Entities
from onefold.store.engine import Reader
from onefold.store.snapshot import Snapshot
from onefold.store.tables import events, sightings
from onefold.store.union import Union
from onefold.wire import decode_json

Unnamed = tuple[str, int, str]
"""(whose, number of a record, id of its call or empty), of a record that names nobody of them."""


class Whose:
    """What belongs to whom, as the store has it now.

    whom: of each identity that leaves, the id of the person. below: of each person, the number of
    the first record that is not meant. by_value: the persons of each value that `tells` tells.
    unnamed: what is theirs and does not say so.
    """

    def __init__(
        self,
        reader: Reader,
        snapshot: Snapshot,
        whom: Mapping[Xid, tuple[str, Identity]],
        *,
        below: Mapping[str, int],
        tells: Tells,
        unnamed: Iterable[Unnamed],
    ) -> None:
        self._snapshot = snapshot
        self._below = below
        self._tells = tells
        self._entities = Entities(judged=True)
        self._whom = {identity: person for person, identity in whom.values()}
        self._by_value: dict[str, set[str]] = {}
        for identity, person in self._whom.items():
            self._by_value.setdefault(identity.value, set()).add(person)
        self._rules = _handing_over(snapshot)
        self._of_number: dict[int, set[str]] = {}
        self._of_call: dict[str, set[str]] = {}
        if self._rules is not None:
            self._read(reader, whom, unnamed)

    @property
    def numbers(self) -> set[int]:
        """Of the records that are theirs whatever they name."""
        return {number for number, persons in self._of_number.items() if persons}

    def of_message(self, record: Accepted | FailedRecord, number: int) -> set[str]:
        """The persons of whom a message tells that arrived before their order."""
        if not record.message:  # it was taken out
            return set()
        return {one for one in self._persons(record, number) if number < self._below[one]}

    def of_rows(
        self, found: Mapping[str, Mapping[int, set[Identity]]], held: Mapping[str, set[int]]
    ) -> dict[str, dict[int, set[str]]]:
        """By dataset and number, the persons whose rows these are. found: rows that name
        identities, as the lake tells them. held: the rows of `numbers`."""
        rows: dict[str, dict[int, set[str]]] = {}
        for dataset, named in found.items():
            known = {} if self._is_exported(dataset) else self._of_number
            of = {
                number: known.get(number, {self._whom[one] for one in identities})
                for number, identities in named.items()
            }
            of |= {number: known[number] for number in held.get(dataset, ())}
            rows[dataset] = {number: persons for number, persons in of.items() if persons}
        return rows

    def _read(
        self,
        reader: Reader,
        whom: Mapping[Xid, tuple[str, Identity]],
        unnamed: Iterable[Unnamed],
    ) -> None:
        """Of records that name devices, whose they are; of calls, whose all of their records."""
        for one in sightings.of(reader, sorted(whom)):
            ours = owning(self._rules, (one.owner, *one.named)) & whom.keys()
            persons = {whom[xid][0] for xid in ours}
            self._of_number[one.seq] = {x for x in persons if one.seq < self._below[x]}
        account = self._snapshot.account
        assert account is not None  # nobody else hands over
        for number, _, event_id, dataset in events.of_numbers(reader, sorted(self._of_number)):
            if dataset == account.calls:
                self._of_call[event_id] = self._of_number[number]
        for person, number, event_id in unnamed:
            self._of_number[number] = {person}
            if event_id:
                self._of_call[event_id] = {person}

    def _persons(self, record: Accepted | FailedRecord, number: int) -> set[str]:
        if self._rules is None:
            return self._told(record)
        known = self._of_number.get(number)
        if known is None and record.inlet == CALLS:
            known = self._of_call.get(record.trace)
        if known is not None:
            return known
        persons = self._told(record)
        own = self._own(record) if persons else set()
        return {self._whom[one] for one in own if one in self._whom} if own else persons

    def _told(self, record: Accepted | FailedRecord) -> set[str]:
        values = self._tells(record.message, record.inlet)
        return {one for value in values for one in self._by_value[value]}

    def _own(self, record: Accepted | FailedRecord) -> set[Identity]:
        """The persons' own names in a message, as far as it can be read; none when it says none."""
        assert self._rules is not None
        named = set(self._named(record))
        unique = {one for one in named if one.namespace_id in self._rules.unique}
        if unique and record.inlet == CALLS:
            unique.update(self._of_a_call(record.message, "previousId"))
        return unique

    def _named(self, record: Accepted | FailedRecord) -> Iterator[Identity]:
        """Every identity of a message, though it could not be applied."""
        snapshot = self._snapshot
        dataset = snapshot.datasets.get(record.dataset)
        schema = snapshot.schemas.get(dataset.schema_id) if dataset is not None else None
        marks = schema.identities if schema is not None else ()
        if record.inlet == CALLS:
            yield from self._of_a_call(record.message, "userId")
        with suppress(Rejected):
            arrived = self._entities.entity_of(_accepted(record), snapshot)
            if isinstance(arrived, Arrived):
                yield from named_in(arrived.entity, snapshot.namespaces, marks)
                return
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            body = decode_json(record.message)
            for step in ("body", "xdmEntity"):
                body = body.get(step) if isinstance(body, dict) else None
            yield from named_in(body, snapshot.namespaces, marks)

    def _of_a_call(self, message: bytes, name: str) -> Iterator[Identity]:
        """Who is named as a user by a field of a call, whatever else is wrong with it."""
        user = self._snapshot.namespaces.by_key(USER)
        with suppress(Rejected, msgspec.MsgspecError, RecursionError):
            sent = bytes(decode(message).message)
            try:
                said = decode_json(sent)
            except (msgspec.MsgspecError, RecursionError):
                said = top(sent)
            value = id_at(said, name) if isinstance(said, dict) else None
            if value is not None and user is not None:
                yield Identity(user.id, value)

    def _is_exported(self, dataset: str) -> bool:
        """Whether its rows have numbers of their own."""
        return isinstance(self._snapshot.form_of(dataset), Union)


def _handing_over(snapshot: Snapshot) -> LinkingRules | None:
    rules = snapshot.rules
    return rules if rules is not None and rules.hands_over else None


def _accepted(record: Accepted | FailedRecord) -> Accepted:
    if isinstance(record, Accepted):
        return record
    return Accepted(
        record.trace,
        record.received_ms,
        record.inlet,
        record.dataset,
        record.message,
        record.batch,
    )
