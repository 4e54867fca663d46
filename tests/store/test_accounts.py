"""What accounts find their customers by, and the memory of calls."""

from __future__ import annotations

from onefold.domain.identity.identity import Xid
from onefold.store.engine import Engine
from onefold.store.tables import backfills, calls, customer_ids, finders, handovers
from onefold.store.tables.accounts import Account
from onefold.store.tables.backfills import Filled
from onefold.store.tables.calls import Seen

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
        handovers.note(transaction, [(A, B), (A, C), (B, C)])
        handovers.note(transaction, [(A, B)])
    assert handovers.of(engine, [A]) == [(A, B), (A, C)]
    with engine.transaction() as transaction:
        handovers.forget(transaction, [B])
    assert handovers.of(engine, [A, B]) == [(A, C)]


def test_a_backfill_is_done_when_all_parts_are_for_what_holds_now(engine: Engine) -> None:
    account = Account(client="c", account="a", calls="ds", traits="dt", groups="dg")
    for part, basis in backfills.bases(account, {6}).items():
        assert not backfills.is_done(engine, account, {6})
        with engine.transaction() as transaction:
            backfills.put(transaction, part, Filled(basis, "7"))
            backfills.put(transaction, part, Filled(basis, "9", done=True))
    assert backfills.is_done(engine, account, {6})
    assert not backfills.is_done(engine, account, {6, 7})
