"""Sightings: found under every name, written once."""

from __future__ import annotations

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Engine
from onefold.store.tables import sightings
from onefold.store.tables.sightings import Seen

A, B, C, D = (Xid(name) for name in "ABCD")
VISIT = Seen(1, A, "ds", 10, 20, (A, B), (C,), "ds")
MATCH = Seen(2, D, "links", 11, 21, (B, C), (), "ds", graph_only=True)
"""Its owner does not enter the graph."""


def _add(engine: Engine, *seen: Seen) -> None:
    with engine.transaction() as transaction:
        sightings.add(transaction, seen)


def test_a_sighting_is_found_under_every_name_and_its_owner(engine: Engine) -> None:
    _add(engine, MATCH, VISIT)
    assert sightings.of(engine, [A]) == [VISIT]
    assert sightings.of(engine, [B]) == sightings.of(engine, [C, A, D]) == [VISIT, MATCH]
    assert sightings.of(engine, [D]) == sightings.under(engine, [(D, 2)]) == [MATCH]
    assert sightings.under(engine, [(B, 2)]) == []
    assert sightings.every(engine, after=("", 0), limit=9) == [VISIT, MATCH]


def test_written_again_it_is_there_once(engine: Engine) -> None:
    _add(engine, VISIT)
    _add(engine, VISIT, MATCH)
    assert sightings.count(engine, [A, B, C, D], limit=99) == 6
    assert sightings.count(engine, [A, B, C, D], limit=3) > 3


def test_a_removed_sighting_is_gone_under_all_names(engine: Engine) -> None:
    _add(engine, VISIT, MATCH)
    with engine.transaction() as transaction:
        sightings.remove(transaction, [VISIT])
    assert sightings.of(engine, [A, B, C, D]) == [MATCH]
    assert sightings.count(engine, [A], limit=9) == 0


def test_what_two_identities_share_is_found_from_either(engine: Engine) -> None:
    _add(engine, VISIT, MATCH)
    assert sightings.shared(engine, B, C) == sightings.shared(engine, C, B) == [VISIT, MATCH]
    assert sightings.shared(engine, A, D) == []


def test_the_first_sighting_is_that_which_names_the_identity(engine: Engine) -> None:
    _add(engine, VISIT, MATCH)
    assert sightings.first(engine, [A, B, C, D]) == {A: (1, 20), B: (1, 20), C: (1, 20)}


def test_records_are_found_by_their_own_dataset_and_by_feeding_only_the_graph(
    engine: Engine,
) -> None:
    _add(engine, VISIT, MATCH)
    assert sightings.of_source(engine, D, "ds", last=9) == [MATCH]
    assert sightings.of_source(engine, D, "links", last=9) == []
    assert sightings.of_source(engine, D, "ds", last=1) == []
    assert sightings.graph_only(engine, first=1, last=9, limit=9) == [(D, 2)]
    assert sightings.graph_only(engine, first=3, last=9, limit=9) == []
