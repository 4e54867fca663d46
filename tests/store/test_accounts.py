"""What accounts find their customers by, and the memory of calls."""

from __future__ import annotations

from msgspec.structs import replace

from onefold.domain.calls.computed import ComputedTrait
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Engine
from onefold.store.tables import backfills, calls, customer_ids, finders, handovers, identities
from onefold.store.tables.accounts import Account
from onefold.store.tables.backfills import Filled
from onefold.store.tables.calls import Seen
from onefold.store.tables.identities import Member

A, B, C = (Xid(one) for one in "ABC")
MAIL, GROUP = Xid("mail"), Xid("group")


def test_calls_are_remembered_by_their_ids_and_may_end_anew(engine: Engine) -> None:
    failed = Seen("e1", 1, b"d", 10, "failed")
    applied = Seen("e1", 5, b"x", 20, "applied")
    other = Seen("e2", 2, b"d", 10, "suppressed")
    with engine.transaction() as transaction:
        calls.add(transaction, [failed, other])
        calls.add(transaction, [applied])
    assert calls.of(engine, ["e1", "e2", "e3"]) == {"e1": applied, "e2": other}


def test_old_calls_are_forgotten_some_at_a_time(engine: Engine) -> None:
    with engine.transaction() as transaction:
        calls.add(transaction, [Seen(f"e{n}", n, b"", n * 10, "applied") for n in range(10)])
        assert calls.trim(transaction, 50, 3) == 3
        assert calls.trim(transaction, 50, 3) == 2
        assert calls.trim(transaction, 50, 3) == 0
    assert set(calls.of(engine, [f"e{n}" for n in range(10)])) == {f"e{n}" for n in range(5, 10)}


def test_a_fragment_says_what_was_put_last(engine: Engine) -> None:
    with engine.transaction() as transaction:
        finders.put(transaction, A, "one", [MAIL, GROUP, MAIL])
        finders.put(transaction, A, "two", [MAIL])
        finders.put(transaction, B, "one", [MAIL])
        finders.put(transaction, A, "one", [GROUP])
    assert finders.owners(engine, MAIL, 9) == [A, B]
    assert finders.owners(engine, MAIL, 1) == [A]
    assert finders.of(engine, A) == [("one", GROUP), ("two", MAIL)]
    assert finders.said_by(engine, [A, B, C]) == {
        (A, "one"): {GROUP},
        (A, "two"): {MAIL},
        (B, "one"): {MAIL},
    }
    assert (finders.count(engine), finders.left(engine, A)) == (3, 2)
    with engine.transaction() as transaction:
        finders.put(transaction, B, "one", [])
        finders.forget(transaction, [A])
    assert finders.count(engine) == 0


def test_what_an_identity_is_found_by_for_itself_stays_as_long_as_it_is_known(
    engine: Engine,
) -> None:
    with engine.transaction() as transaction:
        finders.put(transaction, A, finders.GRAPH, [MAIL])
        finders.put(transaction, A, "one", [GROUP])
    assert finders.owners(engine, MAIL, 9) == [A]
    assert finders.left(engine, A) == 2
    with engine.transaction() as transaction:
        identities.add(transaction, [Member(A, A, 6, "Kim@Example.org", 0)])
    assert finders.left(engine, A) == 1


def test_customer_ids_lead_to_identities(engine: Engine) -> None:
    with engine.transaction() as transaction:
        customer_ids.add(transaction, [("i1", A), ("i2", B)])
        customer_ids.add(transaction, [("i1", A)])
    assert customer_ids.xid_of(engine, "i1") == A
    assert customer_ids.xid_of(engine, "i3") is None
    assert customer_ids.known(engine, ["i1", "i3"]) == {"i1": A}
    with engine.transaction() as transaction:
        customer_ids.remove(transaction, ["i1", "i3"])
    assert (customer_ids.xid_of(engine, "i1"), customer_ids.count(engine)) == (None, 1)


def test_handovers_are_forgotten_with_either_end(engine: Engine) -> None:
    with engine.transaction() as transaction:
        handovers.note(transaction, [(A, 2, B), (A, 1, C), (A, 3, B), (B, 1, C)])
        handovers.note(transaction, [(A, 2, B)])
    assert handovers.of(engine, [A]) == [(A, 1, C), (A, 2, B), (A, 3, B)]
    assert handovers.owners(engine, [A, B]) == {A: [C, B], B: [C]}
    with engine.transaction() as transaction:
        handovers.forget(transaction, [B])
    assert handovers.of(engine, [A, B]) == [(A, 1, C)]


def test_a_backfill_is_done_when_all_parts_are_for_what_holds_now(engine: Engine) -> None:
    account = Account(client="c", account="a", calls="ds", traits="dt", groups="dg")
    for part, basis in backfills.bases(account, {6}).items():
        assert not backfills.is_done(engine, account, {6})
        with engine.transaction() as transaction:
            backfills.put(transaction, part, Filled(basis, "7"))
            backfills.put(transaction, part, Filled(basis, "9", done=True))
    assert backfills.is_done(engine, account, {6})
    assert not backfills.is_done(engine, account, {6, 7})


def test_a_computed_trait_is_whole_once_it_was_noted(engine: Engine) -> None:
    """It is the definition's id that counts, and the dataset of the calls."""
    one, two = (
        ComputedTrait(name, "event_counter", ("page",), id=id_)
        for name, id_ in (("a", "1"), ("b", "2"))
    )
    account = Account(client="c", account="a", calls="ds", traits="dt", groups="dg")
    first, second = replace(account, computed=(one,)), replace(account, computed=(two,))
    assert backfills.whole(engine, first) == set()
    for defined, ids in ((first, {"1"}), (second, {"2"}), (account, set[str]())):
        with engine.transaction() as transaction:
            backfills.note_whole(transaction, defined)
        assert backfills.whole(engine, defined) == ids
    with engine.transaction() as transaction:
        backfills.note_whole(transaction, first)
    assert backfills.whole(engine, replace(first, calls="other")) == set()


def test_parts_begin_anew_only_when_what_they_are_filled_by_changes() -> None:
    one = ComputedTrait("a", "event_counter", ("page",), id="1")
    account = Account(client="c", account="a", calls="ds", traits="dt", groups="dg")
    before = backfills.bases(account, {6})
    after = backfills.bases(replace(account, computed=(one,)), {6})
    assert {part for part in before if before[part] != after[part]} == {
        backfills.TAKEN,
        backfills.SWEPT,
    }
    renamed = replace(account, computed=(replace(one, name="b"),))
    assert backfills.bases(renamed, {6}) == after
