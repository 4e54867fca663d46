"""Field groups, schemas and identity descriptors: documents as the registry shows them."""

from __future__ import annotations

from typing import Any

import pytest

from onefold.control import descriptors, schemas
from onefold.domain.xdm.schema import EVENT_CLASS, PROFILE_CLASS
from onefold.errors import Conflict, Defect, Malformed, NotFound
from onefold.store.tables.generation import current
from tests.unit.control.conftest import ORG, Desk


def customer(desk: Desk) -> str:
    group = schemas.create_field_group(
        *desk,
        title="Card fields",
        classes=[PROFILE_CLASS],
        fields={"card": "string", "points": "int", "cards": ["string"]},
    )
    return schemas.create_schema(
        *desk, title="Customer", class_id=PROFILE_CLASS, groups=[group.id]
    ).id


def test_a_schema_is_shown_as_the_registry_shows_it(desk: Desk) -> None:
    schema = schemas.got(desk.engine, desk.sandbox, customer(desk))
    document = schema.document
    group = document["allOf"][1]["$ref"]
    assert schema.id.startswith("https://ns.adobe.com/acme/schemas/")
    assert document["meta:altId"] == "_acme.schemas." + schema.id.rpartition("/")[2]
    assert document["version"] == "1.0"
    assert document["meta:class"] == PROFILE_CLASS
    assert "https://ns.adobe.com/xdm/data/record" in document["meta:extends"]
    assert group in document["meta:extends"]
    assert document["meta:tenantNamespace"] == "_acme"
    assert document["imsOrg"] == ORG
    assert not document["meta:extensible"]
    assert document["meta:registryMetadata"]["repo:createdDate"] == desk.clock.now_ms()


def test_a_field_group_keeps_the_segment_mixins(desk: Desk) -> None:
    customer(desk)
    (group,) = schemas.listed(desk.engine, desk.sandbox, "mixins")
    assert group.id.startswith("https://ns.adobe.com/acme/mixins/")
    assert group.document["meta:intendedToExtend"] == [PROFILE_CLASS]
    fields = group.document["definitions"]["customFields"]["properties"]
    assert set(fields) == {"_acme"}
    assert len(schemas.listed(desk.engine, desk.sandbox, "schemas")) == 1


def test_enabling_for_the_profile_is_for_ever_and_counts_the_version_up(desk: Desk) -> None:
    schema_id = customer(desk)
    desk.clock.advance(ms=7)
    enabled = schemas.enable_for_profile(desk.engine, desk.clock, desk.sandbox, schema_id)
    metadata = enabled.document["meta:registryMetadata"]
    assert enabled.document["meta:immutableTags"] == ["union"]
    assert enabled.document["version"] == "1.1"
    assert metadata["repo:lastModifiedDate"] == metadata["repo:createdDate"] + 7
    again = schemas.enable_for_profile(desk.engine, desk.clock, desk.sandbox, schema_id)
    assert again.document["version"] == "1.1"


def test_identity_descriptors_are_shown_as_the_registry_shows_them(desk: Desk) -> None:
    schema_id = customer(desk)
    made = descriptors.add_identity(
        desk.engine,
        desk.ids,
        desk.sandbox,
        schema_id,
        property="/_acme/card",
        namespace="Email",
        primary=True,
    )
    assert len(made.id) == 40
    assert made.document["@type"] == "xdm:descriptorIdentity"
    assert made.document["xdm:isPrimary"]
    assert made.document["version"] == "1"


def test_what_cannot_be_composed_is_not_kept(desk: Desk) -> None:
    schema_id = customer(desk)
    before = current(desk.engine)

    def create(**wrong: Any) -> None:
        schemas.create_schema(*desk, **({"title": "New", "class_id": PROFILE_CLASS} | wrong))

    def group(**wrong: Any) -> None:
        good = {"title": "New", "classes": [PROFILE_CLASS], "fields": {"a": "string"}}
        schemas.create_field_group(*desk, **(good | wrong))

    def identity(**wrong: Any) -> None:
        good = {"property": "/_acme/card", "namespace": "Email"}
        at = wrong.pop("schema_id", schema_id)
        descriptors.add_identity(desk.engine, desk.ids, desk.sandbox, at, **(good | wrong))

    cases: list[tuple[Any, type[Exception], str, dict[str, Any]]] = [
        (create, Malformed, "CTL-1008", {"title": " "}),
        (create, Conflict, "CTL-1006", {"title": "Customer"}),
        (create, NotFound, "XDM-1001", {"groups": ["https://ns.adobe.com/acme/mixins/gone"]}),
        (create, Malformed, "XDM-1005", {"class_id": "https://ns.adobe.com/xdm/common/address"}),
        (group, Malformed, "XDM-1005", {"fields": {"a": "no type"}}),
        (group, Conflict, "CTL-1006", {"title": "Card fields"}),
        (identity, NotFound, "CTL-1007", {"schema_id": "https://ns.adobe.com/acme/schemas/0"}),
        (identity, NotFound, "CTL-1007", {"namespace": "Nowhere"}),
        (identity, Malformed, "XDM-1006", {"property": "/_acme/points"}),
        (identity, Malformed, "XDM-1006", {"property": "/_acme/cards"}),
    ]
    for act, error, code, wrong in cases:
        with pytest.raises(error, match=code):
            act(**wrong)
    assert current(desk.engine) == before


def test_a_schema_has_one_primary_identity_and_a_field_one_descriptor(desk: Desk) -> None:
    group = schemas.create_field_group(
        *desk, title="G", classes=[EVENT_CLASS], fields={"a": "string", "b": "string"}
    )
    schema = schemas.create_schema(*desk, title="Events", class_id=EVENT_CLASS, groups=[group.id])

    def identity(field: str, *, primary: bool) -> None:
        descriptors.add_identity(
            desk.engine,
            desk.ids,
            desk.sandbox,
            schema.id,
            property=f"/_acme/{field}",
            namespace="Email",
            primary=primary,
        )

    identity("a", primary=True)
    with pytest.raises(Malformed, match="XDM-1006"):
        identity("b", primary=True)
    with pytest.raises(Conflict, match="CTL-1006"):
        identity("a", primary=False)
    identity("b", primary=False)


def test_only_schemas_can_be_enabled(desk: Desk) -> None:
    customer(desk)
    (group,) = schemas.listed(desk.engine, desk.sandbox, "mixins")
    for wrong in (group.id, "https://ns.adobe.com/acme/schemas/0"):
        with pytest.raises(NotFound, match="CTL-1007"):
            schemas.enable_for_profile(desk.engine, desk.clock, desk.sandbox, wrong)


def test_a_sandbox_without_organisation_is_a_defect(desk: Desk) -> None:
    with desk.engine.transaction() as transaction:
        transaction.write("DELETE FROM organisations")
    with pytest.raises(Defect):
        schemas.tenant_of(desk.engine, desk.sandbox)
