"""What is to be taken out of the profile store, and what is to stay out of it: an order that names
every row by its key and by the number of the record that wrote it, so that what came later stays.

Orders go through the journal, among the records and in turn with them, since only the pipeline
writes profiles.
"""

from __future__ import annotations

from collections.abc import Set

import msgspec

from onefold.domain.identity.identity import Xid
from onefold.domain.suppression import Suppression

ROWS_MAX = 1_000
"""Rows of one removal. More are split, so that no transaction holds up ingestion for long."""


class Leaving(msgspec.Struct, frozen=True, array_like=True):
    """An identity of a person who is deleted. number: of the first record that is not meant; 0: of
    the order itself. request: the deletion that asks for it, under which the rows are counted."""

    xid: Xid
    number: int
    request: str


class Removal(msgspec.Struct, frozen=True, array_like=True):
    """What to take out, cut, mend, suppress and lift; all of it in one transaction, in this order.

    events: (owner, event id, record number). fragments: (owner, dataset, record number): what the
    dataset said of the owner up to that record. identities: they lose all their links, and are
    forgotten when they own nothing any more. failed: numbers of failed records that keep their
    place in the counts and lose what was sent.
    records: (owner, dataset, event id, record number) to be undone: the store is then as if they
    had never arrived. An empty event id means the profile record of that number. sightings: (owner,
    record number) to be undone, of records of datasets that feed only the graph.
    cuts: pairs that must not link any more; mends: pairs that may again. suppress, lift: what must
    not come back, and keys of what may again.
    reason: why pairs are cut, as whoever asked for it says.
    people: identities of which everything goes, however many rows that is: half a person is worse
    than a long transaction.
    """

    events: list[tuple[Xid, str, int]] = []
    fragments: list[tuple[Xid, str, int]] = []
    identities: list[Xid] = []
    failed: list[int] = []
    records: list[tuple[Xid, str, str, int]] = []
    sightings: list[tuple[Xid, int]] = []
    cuts: list[tuple[Xid, Xid]] = []
    mends: list[tuple[Xid, Xid]] = []
    suppress: list[Suppression] = []
    lift: list[str] = []
    people: list[Leaving] = []
    reason: str = ""

    def __bool__(self) -> bool:
        return any(msgspec.structs.astuple(self))


def without(what: Removal, whom: Set[Xid]) -> Removal:
    """The order without the rows that name one of these identities."""
    return msgspec.structs.replace(
        what,
        events=[row for row in what.events if row[0] not in whom],
        fragments=[row for row in what.fragments if row[0] not in whom],
        identities=[xid for xid in what.identities if xid not in whom],
        records=[row for row in what.records if row[0] not in whom],
        sightings=[row for row in what.sightings if row[0] not in whom],
        cuts=[pair for pair in what.cuts if whom.isdisjoint(pair)],
        mends=[pair for pair in what.mends if whom.isdisjoint(pair)],
        people=[one for one in what.people if one.xid not in whom],
    )


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Removal).decode
