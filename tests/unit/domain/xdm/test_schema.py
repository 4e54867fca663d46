"""Ids, behaviours and documents of schema resources."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.domain.xdm import schema
from onefold.domain.xdm.compose import composed
from onefold.domain.xdm.notation import CORE
from onefold.domain.xdm.paths import field_at
from onefold.domain.xdm.standard.loader import load
from onefold.errors import Malformed

TENANT_ID = "https://ns.adobe.com/acme/schemas/" + "0f" * 16


@pytest.mark.parametrize(
    ("resource_id", "alt_id"),
    [
        (schema.PROFILE_CLASS, "_xdm.context.profile"),
        (schema.PROFILE_UNION, "_xdm.context.profile__union"),
        (TENANT_ID, "_acme.schemas." + "0f" * 16),
    ],
)
def test_ids_have_two_forms(resource_id: str, alt_id: str) -> None:
    assert schema.alt_id(resource_id) == alt_id
    assert schema.resource_id(alt_id) == resource_id
    assert schema.resource_id(resource_id) == resource_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "profile",
        "https://example.com/a/b",
        "https://ns.adobe.com/",
        "https://ns.adobe.com/a b/c",
        "https://ns.adobe.com/a.b/c/",
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    for function in (schema.alt_id, schema.resource_id):
        with pytest.raises(Malformed, match="XDM-1005"):
            function(text)


def test_tenant_ids_are_made_of_hex_digits() -> None:
    assert schema.tenant_resource_id("acme", "schemas", "0f" * 16) == TENANT_ID
    assert schema.tenant_resource_id("acme", "mixins", "0f" * 24).endswith("/mixins/" + "0f" * 24)
    for tenant, digits in (
        ("_acme", "0f" * 16),
        ("acme", "0F" * 16),
        ("acme", "0f"),
        ("a/b", "0f" * 16),
    ):
        with pytest.raises(Malformed, match="XDM-1005"):
            schema.tenant_resource_id(tenant, "schemas", digits)


def test_a_union_is_named_after_its_class() -> None:
    assert schema.union_id(schema.PROFILE_CLASS) == schema.PROFILE_UNION
    assert schema.union_id(schema.EVENT_CLASS) == schema.EVENT_UNION


def test_behaviour_and_class_are_found_behind_references() -> None:
    known = load()
    events = schema.schema_document("E", schema.EVENT_CLASS)
    profiles = schema.schema_document("P", schema.PROFILE_CLASS, [schema.IDENTITY_MAP_GROUP])
    adhoc = {"allOf": [{"$ref": schema.ADHOC}]}
    assert schema.behaviour(events, known) == "time-series"
    assert schema.behaviour(profiles, known) == "record"
    assert schema.behaviour(adhoc, known) == "adhoc"
    assert schema.class_of(profiles, known) == schema.PROFILE_CLASS
    del profiles["meta:class"]
    assert schema.class_of(profiles, known) == schema.PROFILE_CLASS


@pytest.mark.parametrize(
    "document",
    [None, {}, {"allOf": 1}, {"allOf": [1, {"$ref": 1}, {"$ref": "#/x"}, {"$ref": "urn:a"}]}],
)
def test_a_schema_without_class_is_refused(document: Any) -> None:
    ring = {"urn:a": {"allOf": [{"$ref": "urn:a"}]}}
    with pytest.raises(Malformed, match="XDM-1005"):
        schema.behaviour(document, ring)
    with pytest.raises(Malformed, match="XDM-1005"):
        schema.class_of(document, ring)


def test_made_documents_compose() -> None:
    group = schema.field_group_document(
        "G",
        [schema.PROFILE_CLASS],
        "acme",
        {"tier!": "enum gold|silver"},
        extending={"person": {"_acme": {"shoe": "int"}}},
    )
    document = schema.schema_document(
        "S", schema.PROFILE_CLASS, ["urn:g", CORE + "context/profile-person-details"]
    )
    root = composed(document, {**load(), "urn:g": group})
    tier = field_at(root, ("_acme", "tier"))
    assert tier is not None
    assert tier.enum == ("gold", "silver")
    assert field_at(root, ("person", "_acme", "shoe")) is not None
    assert field_at(root, ("person", "name", "firstName")) is not None


def test_a_group_may_only_extend() -> None:
    group = schema.field_group_document("G", [], "acme", {}, extending={"a": "string"})
    assert set(composed(group, {}).properties) == {"a"}
