"""Creating namespaces, sandboxes, connections, datasets and merge policies, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control import connections, datasets, merge_policies, namespaces, sandboxes, schemas
from onefold.control.merge_policies import Changes
from onefold.domain.identity.namespace import STANDARD
from onefold.domain.xdm.schema import PROFILE_CLASS
from onefold.errors import Conflict, Malformed, NotFound, OverLimit
from onefold.store.tables.generation import current
from tests.unit.control.conftest import ORG, Desk


def refused(desk: Desk, expected: type[Exception], fault: str, act: Any, /, **given: Any) -> None:
    """Assert that nothing changes and the error is the documented one."""
    before = current(desk.engine)
    with pytest.raises(expected, match=fault):
        act(**given)
    assert current(desk.engine) == before


# Namespaces


def test_namespaces_get_ids_from_ten_million(desk: Desk) -> None:
    def create(code: str, **given: Any) -> int:
        return namespaces.create(
            desk.engine,
            desk.clock,
            org_id=ORG,
            code=code,
            name=code,
            id_type="Cross_device",
            **given,
        ).id

    assert create("CRMID") == 10_000_000
    assert create("LoyaltyId", id=11_443_272) == 11_443_272
    assert create("Card") == 11_443_273
    listed = namespaces.listed(desk.engine, ORG)
    assert [n.code for n in listed] == [*(n.code for n in STANDARD), "CRMID", "LoyaltyId", "Card"]
    assert listed[-1].id_type == "Cross_device"
    assert listed[-1].custom


def test_namespaces_that_break_a_rule_are_refused(desk: Desk) -> None:
    good: dict[str, Any] = {
        "engine": desk.engine,
        "clock": desk.clock,
        "org_id": ORG,
        "code": "Card",
        "name": "Card",
        "id_type": "DEVICE",
    }
    for wrong in (
        {"code": "Card number"},
        {"code": ""},
        {"name": " "},
        {"id_type": "ANIMAL"},
        {"id": 0},
        {"id": 2**31},
    ):
        refused(desk, Malformed, "CTL-1008", namespaces.create, **(good | wrong))
    namespaces.create(**good, id=10_000_007)
    for taken in (
        {"code": "Card"},
        {"code": "card"},
        {"code": "ecid"},
        {"code": "New", "id": 10_000_007},
        {"code": "New", "id": 4},
    ):
        refused(desk, Conflict, "CTL-1006", namespaces.create, **(good | taken))


def test_namespaces_change_in_name_and_description_only(desk: Desk) -> None:
    engine, clock, _, _ = desk
    made = namespaces.create(
        engine, clock, org_id=ORG, code="b2b_card", name="Card", id_type="Device", description="D"
    )
    known: dict[str, Any] = {"engine": engine, "clock": clock, "org_id": ORG, "id": made.id}
    good = known | {"code": "b2b_card", "name": "Key", "id_type": "DEVICE"}
    changed = namespaces.update(**good)
    assert (changed.name, changed.description, changed.id_type) == ("Key", "D", "Device")
    assert namespaces.update(**good, description="").description == ""
    assert namespaces.got(engine, ORG, made.id).name == "Key"
    for wrong in ({"code": "B2B_card"}, {"id_type": "EMAIL"}, {"name": ""}):
        refused(desk, Malformed, "CTL-1008", namespaces.update, **(good | wrong))
    ecid = {"id": 4, "code": "ECID", "id_type": "COOKIE"}
    refused(desk, Malformed, "CTL-1008", namespaces.update, **(good | ecid))
    refused(desk, NotFound, "CTL-1007", namespaces.update, **(good | {"id": 5}))


# Sandboxes


def test_sandboxes_are_listed_with_their_default_policy(desk: Desk) -> None:
    made = sandboxes.create(
        desk.engine, desk.clock, desk.ids, org_id=ORG, name="dev-1", title="Development"
    )
    assert {s.name for s in sandboxes.listed(desk.engine, ORG)} == {"prod", "dev-1"}
    policy = merge_policies.default_of(desk.engine, made, "_xdm.context.profile")
    assert policy is not None
    assert policy.active_on_edge


def test_sandboxes_change_in_title_only(desk: Desk) -> None:
    renamed = sandboxes.rename(desk.engine, org_id=ORG, name="prod", title="Live")
    assert (renamed.id, renamed.name, renamed.title) == (desk.sandbox.id, "prod", "Live")
    assert sandboxes.got(desk.engine, ORG, "prod") == renamed
    known: dict[str, Any] = {"engine": desk.engine, "org_id": ORG, "name": "prod"}
    for title in ("", " ", "x" * 257):
        refused(desk, Malformed, "CTL-1008", sandboxes.rename, **known, title=title)
    unknown = known | {"name": "nowhere"}
    refused(desk, NotFound, "CTL-1007", sandboxes.rename, **unknown, title="T")


def test_sandboxes_that_break_a_rule_are_refused(desk: Desk) -> None:
    good: dict[str, Any] = {
        "engine": desk.engine,
        "clock": desk.clock,
        "ids": desk.ids,
        "org_id": ORG,
        "name": "dev",
        "title": "",
    }
    for wrong in (
        {"name": "Dev"},
        {"name": ""},
        {"name": "-a"},
        {"name": "a" * 257},
        {"type": "x"},
    ):
        refused(desk, Malformed, "CTL-1008", sandboxes.create, **(good | wrong))
    refused(desk, Conflict, "CTL-1006", sandboxes.create, **(good | {"name": "prod"}))


# Connections


def test_a_connection_has_an_inlet(desk: Desk) -> None:
    made = connections.create(*desk, name="Till", authentication_required=True)
    assert len(made.inlet_id) == 64
    assert made.source_id == "Till"
    assert connections.listed(desk.engine, desk.sandbox) == [made]


def test_connections_that_break_a_rule_are_refused(desk: Desk) -> None:
    for wrong in ({"name": " "}, {"name": "a", "data_type": "csv"}):
        refused(desk, Malformed, "CTL-1008", lambda wrong=wrong: connections.create(*desk, **wrong))


# Datasets


@pytest.fixture
def schema_id(desk: Desk) -> str:
    return schemas.create_schema(*desk, title="Customer", class_id=PROFILE_CLASS).id


def test_tags_are_normalised_and_the_table_is_named(desk: Desk, schema_id: str) -> None:
    made = datasets.create(
        *desk,
        name="Customer registrations (web)",
        schema_id=schema_id,
        tags={"unifiedProfile": ["enabled: true", " isUpsert : true "], "own": [" a b "]},
    )
    assert made.tags == {
        "adobe/pqs/table": ("customer_registrations_web",),
        "unifiedProfile": ("enabled:true", "isUpsert:true"),
        "own": ("a b",),
    }
    assert datasets.got(desk.engine, desk.sandbox, made.id) == made
    assert datasets.listed(desk.engine, desk.sandbox) == [made]


def test_tags_can_be_set_later(desk: Desk, schema_id: str) -> None:
    made = datasets.create(*desk, name="A", schema_id=schema_id, tags={"own": ["x"]})
    desk.clock.advance(ms=5)
    tagged = datasets.tag(
        desk.engine, desk.clock, desk.sandbox, made.id, {"unifiedProfile": ["enabled: true"]}
    )
    assert tagged.tags["unifiedProfile"] == ("enabled:true",)
    assert tagged.tags["own"] == ("x",)
    assert tagged.updated_ms == made.created_ms + 5


def test_datasets_that_break_a_rule_are_refused(desk: Desk, schema_id: str) -> None:
    given = "61fe23c5be4b5f19485dc379"
    assert datasets.create(*desk, name="A", schema_id=schema_id, id=given).id == given

    def create(**wrong: Any) -> None:
        datasets.create(*desk, **({"name": "B", "schema_id": schema_id} | wrong))

    for wrong in ({"name": ""}, {"id": "X" * 24}, {"tags": {"a": "b"}}, {"tags": {"a": [1]}}):
        refused(desk, Malformed, "CTL-1008", create, **wrong)
    refused(desk, NotFound, "CTL-1007", create, schema_id="https://ns.adobe.com/acme/schemas/0")
    group = schemas.create_field_group(*desk, title="G", classes=[PROFILE_CLASS], fields={})
    refused(desk, NotFound, "CTL-1007", create, schema_id=group.id)
    refused(desk, Conflict, "CTL-1006", create, name="A")
    refused(desk, Conflict, "CTL-1006", create, id=given)
    with pytest.raises(NotFound, match="CTL-1007"):
        datasets.got(desk.engine, desk.sandbox, "0" * 24)


# Merge policies


def policy(**given: Any) -> dict[str, Any]:
    return {
        "name": "P",
        "schema_name": "_xdm.context.profile",
        "identity_graph": "pdg",
        "attribute_merge": "timestampOrdered",
    } | given


def test_a_new_default_and_edge_policy_takes_the_place_of_the_old(desk: Desk) -> None:
    (born,) = merge_policies.listed(desk.engine, desk.sandbox)
    other = merge_policies.create(*desk, **policy(schema_name="_xdm.context.account", default=True))
    assert merge_policies.got(desk.engine, desk.sandbox, born.id) == born
    new = merge_policies.create(*desk, **policy(default=True, active_on_edge=True))
    old = merge_policies.got(desk.engine, desk.sandbox, born.id)
    assert (old.default, old.active_on_edge) == (False, False)
    assert merge_policies.default_of(desk.engine, desk.sandbox, "_xdm.context.profile") == new
    assert merge_policies.default_of(desk.engine, desk.sandbox, "_xdm.context.account") == other
    assert merge_policies.default_of(desk.engine, desk.sandbox, "_xdm.context.none") is None


def test_older_words_for_the_graph_are_read(desk: Desk) -> None:
    for word in ("auto", "Private Graph", "pdg"):
        assert merge_policies.create(*desk, **policy(identity_graph=word)).identity_graph == "pdg"


def test_the_order_is_kept_for_precedence_only(desk: Desk) -> None:
    ranked = merge_policies.create(
        *desk, **policy(attribute_merge="dataSetPrecedence", order=["a", "b"])
    )
    assert ranked.order == ("a", "b")
    assert merge_policies.create(*desk, **policy(order=["a"])).order == ()


def test_changed_policy_has_the_next_version(desk: Desk) -> None:
    engine, clock, _, sandbox = desk
    (born,) = merge_policies.listed(engine, sandbox)
    made = merge_policies.create(*desk, **policy())
    changed = merge_policies.update(engine, clock, sandbox, made.id, Changes(default=True))
    assert (changed.version, changed.default, changed.name) == (2, True, "P")
    assert not merge_policies.got(engine, sandbox, born.id).default
    with pytest.raises(Malformed, match="CTL-1008"):
        merge_policies.update(engine, clock, sandbox, made.id, Changes(schema_name=" "))
    assert merge_policies.got(engine, sandbox, made.id) == changed
    with pytest.raises(NotFound, match="PRO-1005"):
        merge_policies.update(engine, clock, sandbox, "unknown", Changes())


def test_policy_on_the_edge_is_not_deleted(desk: Desk) -> None:
    engine, clock, _, sandbox = desk
    (born,) = merge_policies.listed(engine, sandbox)
    with pytest.raises(Conflict, match="CTL-1008"):
        merge_policies.delete(engine, sandbox, born.id)
    merge_policies.update(engine, clock, sandbox, born.id, Changes(active_on_edge=False))
    merge_policies.delete(engine, sandbox, born.id)
    assert merge_policies.listed(engine, sandbox) == []
    with pytest.raises(NotFound, match="PRO-1005"):
        merge_policies.delete(engine, sandbox, born.id)


def test_policies_that_break_a_rule_are_refused(desk: Desk) -> None:
    def create(**wrong: Any) -> None:
        merge_policies.create(*desk, **policy(**wrong))

    for wrong in (
        {"identity_graph": "star"},
        {"attribute_merge": "coinToss"},
        {"attribute_merge": "dataSetPrecedence"},
        {"attribute_merge": "dataSetPrecedence", "order": ["x"] * 101},
    ):
        refused(desk, Malformed, "CTL-1008", create, **wrong)
    for _ in range(4):
        create()
    refused(desk, OverLimit, "CTL-1008", create)
    with pytest.raises(NotFound, match="PRO-1005"):
        merge_policies.got(desk.engine, desk.sandbox, "unknown")
