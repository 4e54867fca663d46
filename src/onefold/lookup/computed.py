"""Computed traits of customers: what follows from their events, by the definitions of the account.

Source: Intilery contract, 6 and 16.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from onefold.domain.calls.computed import ENDS, Group, value
from onefold.domain.identity.identity import Xid
from onefold.store.engine import Reader
from onefold.store.snapshot import Snapshot
from onefold.store.tables import backfills, taken
from onefold.store.tables.accounts import Account
from onefold.wire import JSON


class Computed(msgspec.Struct, frozen=True, gc=False):
    """A computed trait of a customer. at_ms: when the last event happened that it follows from."""

    value: JSON
    at_ms: int


def of_owners(reader: Reader, snapshot: Snapshot, owners: Sequence[Xid]) -> dict[str, Computed]:
    """The computed traits that have a value, of the customer of these identities, by name. Those
    whose definition is too new to know all events are left out.

    Cost: nothing where none are defined; else a read of what the backfill has done, and every row
    of `taken` of the customer (tables/taken.py), however many traits are defined."""
    account = snapshot.account
    if account is None or not account.computed:
        return {}
    whole = backfills.whole(reader, account)
    defined = [one for one in account.computed if one.id in whole]
    grouped = {one.id for one in defined if one.kind not in ENDS}
    groups = taken.groups(reader, owners, grouped) if grouped else {}
    found: dict[str, Computed] = {}
    for trait in defined:
        if trait.kind in ENDS:
            end = taken.end(reader, owners, trait.id, last=trait.kind == "last")
            said: Sequence[Group] = [end] if end is not None else ()
        else:
            said = groups.get(trait.id, ())
        is_ = value(trait, said)
        if is_ is not None:
            found[trait.name] = Computed(is_, max(one.last_ms for one in said))
    return found


def are_whole(reader: Reader, account: Account | None) -> bool:
    """Whether every computed trait of an account knows all events. Costs nothing where none are
    defined."""
    if account is None or not account.computed:
        return True
    return {one.id for one in account.computed} <= backfills.whole(reader, account)
