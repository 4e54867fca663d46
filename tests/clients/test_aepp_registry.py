"""What aepp does with the schema registry beyond plain calls: its managers, which read every part
of a schema, and its comparisons. Source: platform contract, sections 6 and 13."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from tests.clients.walk import Walk
from tests.crash.serving import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(aepp|pandas|matplotlib|dateutil).*"),
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]

XDM = "https://ns.adobe.com/xdm"
PERSON = f"{XDM}/context/profile-person-details"


def test_managers_make_and_read_the_parts_of_a_schema(server: Server) -> None:
    schemas = Walk(server).schemas
    tenant = f"_{schemas.getTenantId()}"

    own_class = _manager("class", title="Person", schemaAPI=schemas).createClass()
    assert _manager("class", own_class["$id"], schemaAPI=schemas).behavior == f"{XDM}/data/record"

    card = _manager("data_type", title="Card", schemaAPI=schemas)
    card.addField("number", "string")
    made = card.createDataType()
    assert made["$id"], made

    group = _manager("field_group", title="Loyalty", schemaAPI=schemas)
    group.addField(tenant, "object")
    group.addField(f"{tenant}.email", "string")
    group.addField(f"{tenant}.points", "integer")
    group.addField(f"{tenant}.visits", "object", objectComponents={"shop": "string"}, array=True)
    group.addField(f"{tenant}.card", "dataType", ref=made["$id"])
    group_id = group.createFieldGroup()["$id"]
    group = schemas.FieldGroupManager(group_id)
    assert group.getDataTypePaths() == {f"{tenant}.card": made["$id"]}
    group.addField(f"{tenant}.tier", "string", enumValues={"gold": "Gold"}, enumType=True)
    assert group.updateFieldGroup()["version"] == "1.1"

    members = _manager("schema", title="Members", schemaAPI=schemas)
    members.addFieldGroup(group_id)
    members.addFieldGroup(PERSON)
    schema_id = members.createSchema()["$id"]
    members = schemas.SchemaManager(schema_id)
    assert set(members.classManagers) == {"XDM Individual Profile"}
    assert set(members.fieldGroups) == {group_id, PERSON}
    paths = set(members.to_dataframe()["path"])
    assert {"_id", "person.name.firstName", f"{tenant}.tier", f"{tenant}.card.number"} <= paths
    fields = members.to_dict()[tenant]
    assert (fields["points"], fields["visits"]) == ("integer", [{"shop": "string"}])

    operation = members.createDescriptorOperation(
        "xdm:descriptorIdentity",
        completePath=f"{tenant}.email",
        identityNSCode="Email",
        identityPrimary=True,
    )
    described = members.createDescriptor(operation)
    assert [one["@id"] for one in members.getDescriptors()] == [described["@id"]]
    members.setDescription("Who has a card")
    assert members.updateSchema()["description"] == "Who has a card"

    people = _manager("schema", title="People", schemaAPI=schemas, schemaClass=own_class["$id"])
    people = schemas.SchemaManager(people.createSchema()["$id"])
    compared = schemas.compareDFschemas(members.to_dataframe(), people.to_dataframe())
    assert "person.name.firstName" in set(compared["paths"]["df2_missing"]["path"])


def test_managers_read_whatever_is_there(server: Server) -> None:
    schemas = Walk(server).schemas
    for one in schemas.getClassesGlobal():
        assert _manager("class", one["$id"], schemaAPI=schemas).to_dict()
    for one in schemas.getFieldGroupsGlobal():
        assert schemas.FieldGroupManager(one["$id"]).to_dict(), one["$id"]
    for one in schemas.getSchemas():
        manager = schemas.SchemaManager(one["$id"])
        assert manager.title == one["title"]
        assert len(manager.to_dataframe())


def test_resources_of_every_kind_are_changed_and_removed(server: Server) -> None:
    walk = Walk(server)
    schemas, tenant = walk.schemas, walk.schemas.getTenantId()
    behaviour = f"{XDM}/data/time-series"
    visit = schemas.createClass(title="Visit", class_template=behaviour)
    assert schemas.getBehavior(behaviour, full=False)["$id"] in visit["meta:extends"]
    title = [{"op": "replace", "path": "/title", "value": "Visits"}]
    assert schemas.patchClass(visit["$id"], title)["title"] == "Visits"
    assert [one["title"] for one in schemas.getClasses(orderBy="title")] == ["Visits"]

    people = walk.profile_schema(tenant)
    extended = schemas.addFieldGroupToSchema(people["$id"], [PERSON])
    assert PERSON in extended["meta:extends"]
    assert "person" in schemas.getSchemaSample(people["$id"])
    for form in ({"full": False}, {"desc": True}, {"deprecated": True}, {"schema_type": "xed"}):
        assert schemas.getSchema(people["$id"], **form)["$id"] == people["$id"]

    group = schemas.getFieldGroup(people["allOf"][1]["$ref"], full=False)
    group["description"] = "Who has a card"
    assert schemas.putFieldGroup(group["$id"], group)["version"] == "1.1"
    copied = schemas.copyFieldGroup(group, title="Copy")
    assert schemas.deleteFieldGroup(schemas.createFieldGroup(copied)["$id"]) == 204

    for kind in schemas.DESCRIPTOR_TYPES:
        operation = schemas.createDescriptorOperation(
            people["$id"],
            kind,
            f"_{tenant}.email",
            identityNSCode="Email",
            targetSchema=people["$id"],
            targetCompletePath="/_id",
            targetNamespace="Email",
            labels=["C1"],
        )
        made = schemas.createDescriptor(operation)
        found = schemas.getDescriptors(type_desc=kind, prop=f"xdm:sourceSchema=={people['$id']}")
        assert [one["@id"] for one in found] == [made["@id"]]
        assert schemas.deleteDescriptor(made["@id"]) == 204

    assert schemas.getAuditLogs(people["$id"])[0]["action"] == "update"
    exported = schemas.exportResource(people["$id"])
    assert {one["$id"] for one in schemas.importResource(exported)} >= {people["$id"]}
    assert schemas.deleteSchema(people["$id"]) == 204
    assert schemas.deleteClass(visit["$id"]) == 204


def _manager(kind: str, *given: Any, **more: Any) -> Any:
    """aepp's manager of a kind of resource."""
    words = kind.split("_")
    module = import_module(f"aepp.{''.join(words)}manager")
    return getattr(module, "".join(word.capitalize() for word in words) + "Manager")(*given, **more)
