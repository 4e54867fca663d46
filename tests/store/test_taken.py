"""What computed traits took of events: grouped, from either end, and swept, as of a plain list."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold.domain.calls.computed import Group
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Engine, Row
from onefold.store.tables import taken
from onefold.store.tables.taken import Key

OWNERS = [Xid(one) for one in "abc"]
TRAITS = ["t1", "t2", "t3"]

keys = st.tuples(
    st.sampled_from(OWNERS), st.integers(0, 4), st.integers(0, 3), st.sampled_from("pqrstu")
)
rows = st.dictionaries(
    keys,
    st.dictionaries(st.sampled_from(TRAITS), st.sampled_from(["1", '"x"', "null"]), min_size=1),
    max_size=25,
)
some = st.lists(st.sampled_from(OWNERS), max_size=4)
Rows = dict[Key, dict[str, str]]


def written(engine: Engine, found: Rows) -> list[tuple[Key, str, str]]:
    with engine.transaction() as transaction:
        transaction.write("DELETE FROM taken")
        taken.add(transaction, [(key, tuple(said.items())) for key, said in found.items()])
        taken.add(
            transaction,
            [(key, tuple(dict.fromkeys(said, "9").items())) for key, said in found.items()],
        )
    return [(key, trait, value) for key, said in found.items() for trait, value in said.items()]


@given(rows, some, st.sets(st.sampled_from(TRAITS)))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_values_are_counted_with_their_times(
    engine: Engine, found: Rows, owners: Sequence[Xid], traits: set[str]
) -> None:
    expected: dict[str, dict[str, list[int]]] = {}
    for key, trait, value in written(engine, found):
        if key[0] in owners and trait in traits:
            expected.setdefault(trait, {}).setdefault(value, []).append(key[1])
    told = taken.groups(engine, owners, traits)
    assert {trait: sorted(groups) for trait, groups in told.items()} == {
        trait: sorted(Group(v, len(at), min(at), max(at)) for v, at in values.items())
        for trait, values in expected.items()
    }


@given(rows, some, st.sampled_from(TRAITS), st.booleans())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_an_end_is_by_time_then_receipt_then_event_then_owner(
    engine: Engine, found: Rows, owners: Sequence[Xid], trait: str, last: bool
) -> None:
    of_it = sorted(
        (key[1:], key[0], value)
        for key, one, value in written(engine, found)
        if one == trait and key[0] in owners
    )
    told = taken.end(engine, owners, trait, last=last)
    if not of_it:
        assert told is None
        return
    (at_ms, _, _), _, value = of_it[-1 if last else 0]
    assert told == Group(value, 1, at_ms, at_ms)


@given(rows, st.sets(st.sampled_from(TRAITS)), st.integers(1, 7))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_sweep_leaves_what_stays_and_nothing_else(
    engine: Engine, found: Rows, stay: set[str], limit: int
) -> None:
    """A few rows at a time; what was looked at is not looked at again."""
    whole = written(engine, found)
    after: Row | None = None
    looked_at: list[Row] = []
    while True:
        with engine.transaction() as transaction:
            some_rows = taken.sweep(transaction, stay, after, limit)
        looked_at += some_rows
        if len(some_rows) < limit:
            break
        after = some_rows[-1]
    assert looked_at == sorted((*key, trait) for key, trait, _ in whole)
    assert taken.count(engine) == sum(trait in stay for _, trait, _ in whole)


def test_what_was_taken_of_an_event_goes_with_it(engine: Engine) -> None:
    a, b = Xid("a"), Xid("b")
    gone, stays, other = (a, 1, 2, "e"), (a, 1, 2, "f"), (b, 1, 2, "e")
    values = (("t1", "1"), ("t2", "null"))
    with engine.transaction() as transaction:
        taken.add(transaction, [(gone, values), (stays, values[:1]), (other, values)])
        taken.remove(transaction, [gone])
    assert taken.of_keys(engine, [gone, stays, other]) == {stays: values[:1], other: values}
    assert taken.left(engine, b) == 2
    with engine.transaction() as transaction:
        taken.forget(transaction, [b])
    assert (taken.left(engine, b), taken.count(engine)) == (0, 1)
