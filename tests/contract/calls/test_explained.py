"""Explanations of what calls said: they name the call's own record, and undoing that takes the
value away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from onefold.store.tables import superseded
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from onefold.wire import JSON, iso_millis
from tests.contract.calls.test_applied import Account


@pytest.fixture
def account(app: App) -> Iterator[Account]:
    account = Account(app)
    yield account
    app.drain()
    assert app.faults() == []


def winners(account: Account, user_id: str = "u-1") -> dict[str, dict[str, Any]]:
    """Who won each leaf."""
    answer = account.app.get(f"/onefold/v1/explain/profile?entityId={user_id}&entityIdNS=userId")
    assert answer.status_code == 200, answer.text
    return {leaf["path"]: leaf["winner"] for leaf in answer.json()["leaves"]}


def undo(account: Account, winner: dict[str, Any]) -> None:
    """Undo the record that an explanation has named."""
    named = winner["identity"]
    which = {
        "entityIdNS": named["namespace"],
        "entityId": named["id"],
        "recordNumber": winner["recordNumber"],
    }
    answer = account.app.post("/onefold/v1/undo", {"record": which})
    assert answer.status_code == 202, answer.text
    account.app.drain()


def identify(account: Account, late_ms: int = 0, **message: JSON) -> str:
    """An identify call, a second after what came before."""
    account.app.clock.advance(ms=1_000)
    at_ms = account.app.clock.now_ms() - late_ms
    return account.applied("identify", timestamp=iso_millis(at_ms), **message)


def test_the_winner_is_the_record_of_the_call_that_said_the_value(account: Account) -> None:
    """Whoever it was then, and though others came since."""
    first = identify(account, anonymousId="a-1", traits={"firstName": "Kim", "o": {"x": 1}})
    second = identify(account, late_ms=60_000, userId="u-1", traits={"o": {"x": 2}, "plan": "a"})
    third = identify(account, userId="u-1", anonymousId="a-1", traits={"plan": "b"})
    won = winners(account)
    by_path = {path: winner["eventId"] for path, winner in won.items() if winner is not None}
    assert by_path == {
        "_onefold.traits.firstName": first,
        "_onefold.traits.o.x": first,
        "_onefold.traits.plan": third,
        "person.name.firstName": first,
    }
    assert second not in by_path.values()
    kim = won["person.name.firstName"]
    assert (kim["recordNumber"], kim["xactionId"]) == (2, first)
    assert (kim["identity"]["namespace"], kim["identity"]["id"]) == ("anonymousId", "a-1")
    assert kim["effectiveAt"] == kim["ingestedAt"] == iso_millis(START_MS + 1_000)
    assert won["_onefold.traits.plan"]["recordNumber"] == 6


def test_undoing_what_an_explanation_names_takes_that_value_away(account: Account) -> None:
    identify(account, userId="u-1", traits={"a": 1, "firstName": "Kim"})
    identify(account, userId="u-1", traits={"a": 2, "b": 2, "lastName": "Moe"})
    identify(account, userId="u-1", traits={"c": 3})
    undo(account, winners(account)["person.name.lastName"])
    assert account.traits("u-1") == {"a": 1, "firstName": "Kim", "c": 3}
    undo(account, winners(account)["_onefold.traits.a"])
    assert account.traits("u-1") == {"c": 3}
    undo(account, winners(account)["_onefold.traits.c"])
    assert account.traits("u-1") == {}


def test_a_call_whose_record_is_not_kept_is_named_without_a_number(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(superseded, "KEPT_ROWS", 2)
    first = identify(account, userId="u-1", traits={"a": 1, "firstName": "Kim"})
    for number in range(4):
        last = identify(account, userId="u-1", traits={"n": number})
    won = winners(account)
    for path in ("_onefold.traits.a", "person.name.firstName"):
        assert (won[path]["recordNumber"], won[path]["eventId"]) == (None, first)
        assert won[path]["ingestedAt"] == iso_millis(START_MS + 1_000)
        assert won[path]["identity"]["id"] == "u-1"
    assert (won["_onefold.traits.n"]["recordNumber"], won["_onefold.traits.n"]["eventId"]) == (
        10,
        last,
    )
