"""Fragments: one current row of a dataset and identity."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import Fragment
from onefold.store.engine import LIST_MAX, Engine
from onefold.store.packing import Packing
from onefold.store.tables import fragments
from onefold.store.tables.fragments import NewFragment
from onefold.wire import encode_json

A, B = Xid("A"), Xid("B")


def _row(xid: Xid = A, dataset: str = "ds", seq: int = 1, **attributes: object) -> NewFragment:
    return NewFragment(
        xid, dataset, seq, 100 + seq, 200 + seq, f"tag {seq}", encode_json(attributes)
    )


def _replace(engine: Engine, packing: Packing, *rows: NewFragment) -> None:
    with engine.transaction() as transaction:
        fragments.replace(transaction, packing, rows)


def test_fragment_comes_back_as_it_was(engine: Engine, packing: Packing) -> None:
    attributes: dict[str, Any] = {"a": {}, "b": "", "long": "x" * 5000, "é": ["\x00", 0, False]}
    _replace(engine, packing, _row(seq=3, **attributes))
    assert fragments.fragments_of(engine, packing, [A]) == [
        Fragment(A, "ds", 3, 103, 203, "tag 3", attributes)
    ]


def test_row_is_replaced_as_a_whole(engine: Engine, packing: Packing) -> None:
    _replace(engine, packing, _row(seq=1, a=1, b=1))
    _replace(engine, packing, _row(seq=2, b=2))
    (found,) = fragments.fragments_of(engine, packing, [A])
    assert (found.attributes, found.seq, found.tag) == ({"b": 2}, 2, "tag 2")


@pytest.mark.parametrize("older", [1, 5])
def test_record_that_is_not_newer_changes_nothing(
    engine: Engine, packing: Packing, older: int
) -> None:
    _replace(engine, packing, _row(seq=5, a=5))
    _replace(engine, packing, _row(seq=older, a=older, b=1))
    (found,) = fragments.fragments_of(engine, packing, [A])
    assert (found.attributes, found.seq) == ({"a": 5}, 5)


def test_last_record_of_a_batch_stays_in_whatever_order_they_come(
    engine: Engine, packing: Packing
) -> None:
    for dataset, order in (("up", (1, 2, 3)), ("down", (3, 2, 1)), ("mixed", (2, 3, 1))):
        _replace(engine, packing, *(_row(dataset=dataset, seq=n, a=n) for n in order))
    found = fragments.fragments_of(engine, packing, [A])
    assert {f.dataset: f.attributes for f in found} == {
        "up": {"a": 3},
        "down": {"a": 3},
        "mixed": {"a": 3},
    }


def test_fragments_of_many_identities_are_found(engine: Engine, packing: Packing) -> None:
    xids = [Xid(f"x{n}") for n in range(2 * LIST_MAX + 3)]
    _replace(engine, packing, *(_row(xid, d) for xid in xids for d in ("one", "two")))
    found = fragments.fragments_of(engine, packing, [*xids, B])
    assert sorted((f.xid, f.dataset) for f in found) == sorted(
        (xid, d) for xid in xids for d in ("one", "two")
    )
    assert fragments.fragments_of(engine, packing, []) == []


def test_owners_come_once_each_in_order(engine: Engine, packing: Packing) -> None:
    _replace(engine, packing, _row(B), _row(A), _row(A, "other"))
    assert fragments.owners(engine, after="", limit=9) == [A, B]
    assert fragments.owners(engine, after=A, limit=9) == [B]
    assert fragments.owners(engine, after="", limit=1) == [A]
