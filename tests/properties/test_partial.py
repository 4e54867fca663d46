"""Laws of partial updates: the order alone decides, never where a batch ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.domain.identity.identity import Xid
from onefold.domain.profile.fragment import without_nulls
from onefold.domain.profile.partial import Operation, merged_into
from onefold.journal import Accepted
from onefold.pipeline.apply import apply
from onefold.pipeline.fold import fold
from onefold.pipeline.work import Change, Normalized, Work
from onefold.store.migrate import opened
from onefold.store.packing import Packing
from onefold.store.sqlite import SqliteEngine
from onefold.store.tables import fragments
from onefold.store.tables.fragments import NewFragment
from onefold.wire import encode_json
from tests.properties import strategies as any_

BYTES_MAX = 60
"""Small, so that some merges grow too large."""
_worlds = itertools.count()

Record = tuple[str, str, str, dict[str, Any], bool]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteEngine]:
    """A profile store; examples are told apart by their identities."""
    engine = opened(tmp_path_factory.mktemp("fold") / "profile.db", "profile")
    yield engine
    engine.close()


def normalized(seq: int, world: str, record: Record) -> Normalized:
    """One record as normalize would hand it on."""
    operation, whose, dataset, said, _ = record
    body = encode_json(without_nulls(said) if operation == "create" else said)
    fragment = NewFragment(Xid(f"{world}-{whose}"), dataset, seq, seq, seq, f"t{seq}", body)
    accepted = Accepted(f"t{seq}", seq, "", dataset, b"")
    change = Change(cast(Operation, operation), accepted, BYTES_MAX)
    return Normalized(
        seq, dataset, seq, fragment=fragment, change=None if operation == "create" else change
    )


def applied(engine: SqliteEngine, batches: Sequence[Sequence[Normalized]]) -> list[int]:
    """Apply batches; answer the numbers of the records that failed."""
    failed: list[int] = []
    packing = Packing(engine)
    for batch in batches:
        work = Work(None, packing, records=list(batch))  # type: ignore[arg-type]  # no step asks
        with engine.transaction() as transaction:
            fold(transaction, work)
            apply(transaction, work)
        failed += [record.seq for record in work.failed]
        assert len(work.records) + len(work.failed) == len(batch)
    return failed


def stored(engine: SqliteEngine, world: str) -> list[Any]:
    """What the fragments of a world are, without its name."""
    owners = [Xid(f"{world}-{whose}") for whose in "ab"]
    found = fragments.fragments_of(engine, Packing(engine), owners)
    return sorted(
        (one.xid[-1], one.dataset, one.seq, one.effective_ms, one.tag, encode_json(one.attributes))
        for one in found
    )


def model(records: Sequence[Record]) -> tuple[dict[tuple[str, str], Any], list[int]]:
    """The same, said plainly: fragments by key, and the numbers of those that failed."""
    known: dict[tuple[str, str], Any] = {}
    failed: list[int] = []
    for seq, (operation, whose, dataset, said, _) in enumerate(records, 1):
        key = (whose, dataset)
        if operation == "create":
            known[key] = without_nulls(said)
        elif operation == "delete":
            known.pop(key, None)
        else:
            made = merged_into(known.get(key, {}), said)
            if len(encode_json(made)) > BYTES_MAX:
                failed.append(seq)
            else:
                known[key] = made
    return known, failed


@given(any_.partials)
def test_one_batch_ends_where_its_records_end_one_by_one(
    engine: SqliteEngine, records: list[Record]
) -> None:
    worlds = [f"w{next(_worlds)}" for _ in range(3)]
    rows = [[normalized(seq, w, r) for seq, r in enumerate(records, 1)] for w in worlds]
    cut: list[list[Normalized]] = [[]]
    for row, record in zip(rows[1], records, strict=True):
        cut[-1].append(row)
        if record[-1]:
            cut.append([])
    ends = [
        applied(engine, [rows[0]]),
        applied(engine, cut),
        applied(engine, [[row] for row in rows[2]]),
    ]
    known, failed = model(records)
    assert ends == [failed] * 3
    fragments_of = [stored(engine, world) for world in worlds]
    assert fragments_of[0] == fragments_of[1] == fragments_of[2]
    bodies = {(row[0], row[1]): row[-1] for row in fragments_of[0]}
    assert bodies == {key: encode_json(said) for key, said in known.items()}


@given(any_.partials)
def test_a_batch_that_is_applied_twice_changes_nothing(
    engine: SqliteEngine, records: list[Record]
) -> None:
    """Unless it ends in a removal, after which nothing tells that it was there."""
    world = f"w{next(_worlds)}"
    kept = [record for record in records if record[0] != "delete"]
    rows = [normalized(seq, world, record) for seq, record in enumerate(kept, 1)]
    applied(engine, [rows])
    before = stored(engine, world)
    applied(engine, [rows])
    assert stored(engine, world) == before


@given(any_.objects, any_.objects)
def test_a_merge_leaves_no_nulls_and_repeats_harmlessly(stored: Any, sent: Any) -> None:
    once = merged_into(without_nulls(stored), sent)
    assert without_nulls(once) == once
    assert merged_into(once, sent) == once


@given(any_.objects, any_.objects, st.data())
def test_a_merge_says_what_was_sent_and_keeps_what_was_not(
    stored: Any, sent: Any, data: st.DataObject
) -> None:
    before = without_nulls(stored)
    after = merged_into(before, sent)
    name = data.draw(any_.names)
    if name not in sent:
        assert after.get(name) == before.get(name)
    elif sent[name] is None:
        assert name not in after
    elif not isinstance(sent[name], dict):
        assert after[name] == without_nulls(sent[name])
