"""Accounts: what is made of a name, and what is left as it was. Source: Intilery contract, 2."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from onefold.control import (
    accounts,
    datasets,
    identity_settings,
    namespaces,
    sandboxes,
    schemas,
    starter,
)
from onefold.domain.graph.settings import ACCOUNT_CLUSTER_LIMIT, CLUSTER_LIMIT
from onefold.domain.lifecycle import State
from onefold.domain.sandbox import Sandbox
from onefold.errors import Conflict, Malformed, NotFound
from onefold.store.snapshot import Definitions, Snapshot
from onefold.store.tables import generation, organisations
from onefold.store.tables.accounts import Account
from tests.unit.control.conftest import ORG, Desk


def say(desk: Desk, **said: Any) -> Account:
    return accounts.set_rules(desk.engine, client="acme", account="shop", **said)


def create(desk: Desk, client: str = "acme", account: str = "shop") -> Sandbox:
    _, sandbox = accounts.create(desk.engine, desk.clock, desk.ids, client=client, account=account)
    return sandbox


def snapshot(desk: Desk, sandbox: Sandbox) -> Snapshot:
    return Definitions(desk.engine).snapshot(sandbox.id)


def codes(known: Snapshot, ids: frozenset[int]) -> set[str]:
    return {namespace.code for namespace in known.namespaces if namespace.id in ids}


def test_the_first_client_is_the_organisation_that_is_there_and_others_are_new_ones(
    desk: Desk,
) -> None:
    first = create(desk, "Northlight")
    assert first.org_id == ORG
    assert create(desk, "NORTHLIGHT", "other").org_id == ORG
    second = create(desk, "beta")
    assert second.org_id != ORG
    assert create(desk, "beta", "more").org_id == second.org_id
    assert Definitions(desk.engine).installation().clients == {
        "northlight": ORG,
        "beta": second.org_id,
    }


def test_no_two_organisations_have_one_tenant_id(desk: Desk) -> None:
    create(desk, "northlight")
    for client in ("acme", "ac-me", "acm-e"):
        create(desk, client)
    tenants = sorted(one.tenant_id for one in organisations.every(desk.engine))
    assert tenants == ["acme", "acme2", "acme3", "acme4"]


def test_a_new_account_has_datasets_of_calls_traits_and_groups(desk: Desk) -> None:
    known = snapshot(desk, create(desk))
    assert known.account is not None
    assert (known.account.client, known.account.account, known.account.brand) == (
        "acme",
        "shop",
        "SHOP",
    )
    assert not known.broken
    of = known.datasets
    calls, traits, groups = (
        of[known.account.calls],
        of[known.account.traits],
        of[known.account.groups],
    )
    assert (calls.behaviour, traits.behaviour, groups.behaviour) == (
        "time-series",
        "record",
        "record",
    )
    assert [one.profile_enabled for one in (calls, traits, groups)] == [True] * 3
    assert [one.identity_enabled for one in (calls, traits, groups)] == [True, True, False]
    assert [one.business for one in (calls, traits, groups)] == ["", "", "_xdm.context.account"]


def test_in_a_new_account_a_person_has_one_user_id_and_an_address_links_nobody(desk: Desk) -> None:
    known = snapshot(desk, create(desk))
    assert known.rules is not None
    assert codes(known, known.rules.unique) == {"userId"}
    assert codes(known, known.lookup_only) == {"Email"}
    assert (known.rules.names_primary, known.rules.hands_over) == (True, True)
    assert known.rules.rank(known.namespaces.by_code("userId").id) == 1  # type: ignore[union-attr]
    assert known.cluster_limit == ACCOUNT_CLUSTER_LIMIT


def test_a_sandbox_that_is_in_use_becomes_an_account_and_keeps_what_it_has(desk: Desk) -> None:
    starter.furnish(desk.engine, desk.clock, desk.ids, desk.sandbox)
    before = snapshot(desk, desk.sandbox)
    assert before.cluster_limit == CLUSTER_LIMIT
    assert before.account is None
    sandbox = create(desk, account="prod")
    assert sandbox.id == desk.sandbox.id
    known = snapshot(desk, sandbox)
    assert before.datasets.items() < known.datasets.items()
    with pytest.raises(NotFound, match="CTL-1007"):
        identity_settings.got(desk.engine, sandbox)
    assert known.rules is not None
    assert codes(known, known.rules.unique) == {"userId"}
    assert known.rules.names_primary is False
    assert known.rules.hands_over is True
    assert known.lookup_only == frozenset()


def test_settings_that_are_saved_stay_and_user_ids_are_unique_besides(desk: Desk) -> None:
    identity_settings.save(
        desk.engine, desk.sandbox, [("Email", True), ("Phone", True)], lookup_only=()
    )
    known = snapshot(desk, create(desk, account="prod"))
    assert known.rules is not None
    assert codes(known, known.rules.unique) == {"Email", "Phone", "userId"}
    assert known.rules.names_primary is True
    assert known.lookup_only == frozenset()


def test_user_ids_link_whatever_is_saved(desk: Desk) -> None:
    sandbox = create(desk)
    identity_settings.save(
        desk.engine,
        sandbox,
        [("userId", False), ("anonymousId", False)],
        lookup_only=("userId", "anonymousId"),
    )
    known = snapshot(desk, sandbox)
    assert known.rules is not None
    assert codes(known, known.lookup_only) == {"anonymousId"}
    assert codes(known, known.rules.unique) == {"userId"}


def test_making_an_account_again_changes_nothing(desk: Desk) -> None:
    sandbox = create(desk)
    say(desk, protected=["vip"], strict=True)
    before = accounts.got(desk.engine, client="acme", account="shop")
    made = schemas.listed(desk.engine, sandbox, "schemas")
    assert create(desk).id == sandbox.id
    assert accounts.got(desk.engine, client="ACME", account="Shop") == before
    assert schemas.listed(desk.engine, sandbox, "schemas") == made


def test_what_was_cut_short_is_completed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is a transaction; the account may have been left between any two of them."""
    steps = generation.current(desk.engine)
    whole = create(desk, "acme", "whole")
    steps = generation.current(desk.engine) - steps
    for cut in range(steps):
        name, left = f"cut-{cut}", cut

        def change(engine, *, left=[left]):  # noqa: B006
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return generation.change(engine)

        with monkeypatch.context() as patched:
            for module in (accounts, datasets, identity_settings, sandboxes, schemas, namespaces):
                patched.setattr(module, "change", change)
            with suppress(KeyboardInterrupt):
                create(desk, "acme", name)
        known, wanted = snapshot(desk, create(desk, "acme", name)), snapshot(desk, whole)
        assert {one.name for one in known.datasets.values()} == {"Calls", "Traits", "Groups"}
        assert (known.rules, len(known.schemas)) == (wanted.rules, 3)


def test_names_that_are_taken_get_a_number(desk: Desk) -> None:
    starter.furnish(desk.engine, desk.clock, desk.ids, desk.sandbox)
    schema = schemas.listed(desk.engine, desk.sandbox, "schemas")[0]
    datasets.create(
        desk.engine, desk.clock, desk.ids, desk.sandbox, name="Calls", schema_id=schema.id
    )
    create(desk, account="prod")
    _, account = accounts.got(desk.engine, client="acme", account="prod")
    assert datasets.got(desk.engine, desk.sandbox, account.calls).name == "Calls 2"


def test_a_namespace_of_that_name_that_is_something_else_is_in_the_way(desk: Desk) -> None:
    namespaces.create(
        desk.engine, desk.clock, org_id=ORG, code="userId", name="U", id_type="COOKIE"
    )
    with pytest.raises(Conflict, match=r"CTL-1006.*userId"):
        create(desk)


@pytest.mark.parametrize("name", ["", "a b", "-a", "a_b", "a" * 65, "é", "*", "a/b"])
def test_names_have_letters_digits_and_hyphens(desk: Desk, name: str) -> None:
    for client, account in ((name, "shop"), ("acme", name)):
        with pytest.raises(Malformed, match="CTL-1008"):
            create(desk, client, account)


def test_a_sandbox_that_is_being_deleted_takes_no_account(desk: Desk) -> None:
    create(desk)
    gone = sandboxes.delete(desk.engine, desk.clock, desk.ids, org_id=ORG, name="shop")
    assert gone.state is State.DELETED
    with pytest.raises(Conflict, match="CTL-1010"):
        create(desk)


def test_after_a_reset_the_account_is_made_again_by_name(desk: Desk) -> None:
    create(desk)
    fresh = sandboxes.reset(desk.engine, desk.clock, desk.ids, org_id=ORG, name="shop")
    with pytest.raises(NotFound, match="CTL-1007"):
        accounts.got(desk.engine, client="acme", account="shop")
    assert create(desk).id == fresh.id
    known = snapshot(desk, fresh)
    assert known.account is not None
    assert codes(known, known.lookup_only) == {"Email"}


def test_a_dataset_that_calls_go_to_cannot_be_deleted(desk: Desk) -> None:
    sandbox = create(desk)
    _, account = accounts.got(desk.engine, client="acme", account="shop")
    for dataset_id in (account.calls, account.traits, account.groups):
        with pytest.raises(Conflict, match="CAT-1003"):
            datasets.delete(desk.engine, sandbox, dataset_id, ())


def test_rules_of_an_account_are_said_one_by_one(desk: Desk) -> None:
    create(desk)
    say(desk, protected=["vip", "credit", "vip"])
    say(desk, strict=True)
    now = say(desk, plan_events=["Order Completed"], plan_traits=["plan"])
    assert now.protected == ("credit", "vip")
    assert now.strict is True
    assert now.plan_events == ("order_completed",)
    assert now.plan_traits == ("plan",)
    assert say(desk, protected=[], strict=False).protected == ()


def test_rules_have_limits(desk: Desk) -> None:
    create(desk)
    for protected in ([""], ["x" * 257], [str(n) for n in range(301)]):
        with pytest.raises(Malformed, match="CTL-1008"):
            say(desk, protected=protected)
    for client, account in (("acme", "none"), ("none", "shop")):
        with pytest.raises(NotFound, match="CTL-1007"):
            accounts.set_rules(desk.engine, client=client, account=account)
