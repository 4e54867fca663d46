"""Small worlds for the laws of calls: those of undoing.py, in the sandbox of an account."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import strategies as st

from onefold import doctor
from onefold.control import accounts
from onefold.domain.calls.call import INLET, Call, encode
from onefold.domain.identity import xid as xids
from onefold.domain.identity.identity import Xid
from onefold.domain.profile.merge import merged
from onefold.effects import SystemIds
from onefold.journal import Accepted
from onefold.store.packing import Packing
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import fragments, identities
from onefold.testing.app import App
from onefold.testing.clock import START_MS
from tests.contract.people import iso
from tests.properties.undoing import World


@dataclass(frozen=True)
class SaidCall:
    """One record of a call, as if the call had no other. said: traits by name; None takes one away.
    brings: `calls`, `traits` or `groups`. at: how many seconds ago it happened."""

    brings: str
    user: int | None
    visitor: int | None
    said: tuple[tuple[str, int | None], ...]
    at: int
    event_id: str


def furnished(app: App) -> Snapshot:
    """Make the account; answer its definitions. Nobody hands over: what is undone then would have
    decided what became whose."""
    control = app.places.control()
    _, sandbox = accounts.create(control, app.clock, SystemIds(), client="acme", account="acme")
    snapshot = Definitions(control).snapshot(sandbox.id)
    assert snapshot.rules is not None
    rules = msgspec.structs.replace(snapshot.rules, hands_over=False)
    return msgspec.structs.replace(snapshot, rules=rules)


def said_calls(brings: tuple[str, ...] = ("calls", "traits", "groups")) -> st.SearchStrategy[Any]:
    """Any record of a call, but for its event id, which the caller gives."""
    return st.builds(
        SaidCall,
        st.sampled_from(brings),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([1, 2, 3]),
        st.dictionaries(
            st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 3)), max_size=3
        ).map(lambda said: tuple(sorted(said.items()))),
        st.integers(0, 4),
        st.just(""),
    )


class CallWorld(World):
    """One account's journal and store in a directory."""

    def accepted(self, one: SaidCall) -> Accepted:  # type: ignore[override]  # calls alone come here
        account = self.snapshot.account
        assert account is not None
        kind = "group" if one.brings == "groups" else "identify"
        message: dict[str, Any] = {
            "timestamp": iso(START_MS - one.at * 1000),
            "traits": dict(one.said),
        }
        if one.user is not None:
            message["userId"] = f"u-{one.user}"
        if one.visitor is not None:
            message["anonymousId"] = f"a-{one.visitor}"
        if kind == "group":
            message["groupId"] = f"g-{one.visitor}"
        raw = msgspec.Raw(json.dumps(message).encode())
        call = Call("write", "ACME", one.event_id, raw, kind)
        dataset = {"calls": account.calls, "traits": account.traits, "groups": account.groups}
        received_ms = START_MS + self.sent // 2
        return Accepted(one.event_id, received_ms, INLET, dataset[one.brings], encode(call))

    def profile(self, namespace: str, value: str) -> dict[str, Any]:
        """What is believed of a customer or a group."""
        found = self.snapshot.namespaces.by_code(namespace)
        policy = self.snapshot.default_policy
        assert found is not None
        assert policy is not None
        xid = xids.encode(found.id, value)
        owners: list[Xid] = [xid]
        cluster = identities.cluster_of(self.engine, xid)
        if cluster is not None:
            owners = [member.xid for member in identities.members(self.engine, cluster)]
        said = fragments.fragments_of(self.engine, Packing(self.engine), owners)
        return merged(said, policy)

    def faults(self) -> list[doctor.Finding]:
        business = self.snapshot.business_datasets()
        limit = self.snapshot.cluster_limit
        with self.engine.reading() as reader:
            found = [
                *doctor.examined(reader, self.journal, business=business, limit=limit),
                *doctor.account_examined(reader, Packing(self.engine), self.snapshot),
            ]
        return [one for one in found if not one.clean]
