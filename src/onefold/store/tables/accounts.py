"""Accounts: the sandboxes that take calls, and where their calls go. Source: Intilery contract,
section 2.
"""

from __future__ import annotations

import msgspec

from onefold.domain.calls.computed import ComputedTrait
from onefold.store.engine import Reader, Transaction
from onefold.wire import encode_json


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account of a client. account: the name of its sandbox.

    calls, traits, groups: ids of the datasets of calls, of what is said of people and of what is
    said of groups. protected: traits that calls with a write key do not set. strict: what the plan
    does not name is refused. plan_events: actions; plan_traits: names. merges_users: an alias makes
    one customer of two users; else it is refused. computed: traits that follow from events, and
    computed_number: how often they were said.
    Source: Intilery contract, 11.3, 11.10, 16.1 and 16.6.
    """

    client: str
    account: str
    calls: str
    traits: str
    groups: str
    protected: tuple[str, ...] = ()
    strict: bool = False
    plan_events: tuple[str, ...] = ()
    plan_traits: tuple[str, ...] = ()
    merges_users: bool = False
    computed: tuple[ComputedTrait, ...] = ()
    computed_number: int = 0

    @property
    def brand(self) -> str:
        """The brand of an account that has one. Source: Intilery contract, 2.2."""
        return self.account.upper()


_decode = msgspec.json.Decoder(Account).decode


def put(transaction: Transaction, sandbox_id: str, account: Account) -> None:
    """Write the account in the place of what was said before."""
    transaction.write(
        "INSERT INTO accounts (sandbox_id, document) VALUES (?, ?)"
        " ON CONFLICT (sandbox_id) DO UPDATE SET document = excluded.document",
        (sandbox_id, encode_json(account).decode()),
    )


def of_sandbox(reader: Reader, sandbox_id: str) -> Account | None:
    """The account that a sandbox is; None when it takes no calls."""
    rows = reader.read("SELECT document FROM accounts WHERE sandbox_id = ?", (sandbox_id,))
    return _decode(rows[0][0]) if rows else None


def every(reader: Reader) -> dict[str, Account]:
    """All accounts, by the ids of their sandboxes."""
    rows = reader.read("SELECT sandbox_id, document FROM accounts ORDER BY sandbox_id")
    return {sandbox_id: _decode(document) for sandbox_id, document in rows}
