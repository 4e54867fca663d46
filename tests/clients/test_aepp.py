"""From nothing to a queried profile with aepp, the client that has to work unchanged.

The order of calls is that of a newcomer: schemas, identities, dataset, a flow, records, lookups.
Source: platform contract, section 14.
"""

from __future__ import annotations

import re
import time
import types
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.crash.serving import PATIENCE_SECONDS, Server
from tests.docs.commands import REPOSITORY

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(aepp|pandas|matplotlib|dateutil).*"),
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]

RECIPE = REPOSITORY / "docs" / "how-to" / "point-aepp-here.md"
FORM = "application/vnd.adobe.xed-full+json;version=1"
KIM, PHONE, CARD = "kim@example.org", "+46701740650", "card-17"


class Walk:
    """One server and aepp's objects, pointed at it as the documentation says."""

    def __init__(self, server: Server) -> None:
        recipe = _recipe()
        recipe.configure(server.url, server.facts)
        catalog, customerprofile, flowservice, ingestion, schema = (
            import_module(f"aepp.{name}")
            for name in ("catalog", "customerprofile", "flowservice", "ingestion", "schema")
        )

        self.org_id: str = server.facts["org_id"]
        self.schemas: Any = schema.Schema()
        self.identities: Any = recipe.identities(server.url)
        self.catalog: Any = catalog.Catalog()
        self.flows: Any = flowservice.FlowService()
        self.ingestion: Any = ingestion.DataIngestion()
        self.profiles: Any = customerprofile.Profile()

    def profile_schema(self, tenant: str) -> dict[str, Any]:
        """A schema of people with an e-mail address, a card and the standard person."""
        group = self.schemas.createFieldGroup(
            {
                "title": "Loyalty",
                "type": "object",
                "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
                "definitions": {
                    "all": {
                        "properties": {
                            f"_{tenant}": {
                                "type": "object",
                                "properties": {
                                    "email": {"type": "string"},
                                    "card": {"type": "string"},
                                    "tier": {"type": "string"},
                                },
                            }
                        }
                    }
                },
                "allOf": [{"$ref": "#/definitions/all"}],
            }
        )
        return self._schema(
            self.schemas.createProfileSchema(name="Members", mixinIds=[group["$id"]])
        )

    def event_schema(self) -> dict[str, Any]:
        """A schema of events that name people by identityMap."""
        groups = self.schemas.getFieldGroupsGlobal(output="raw")
        map_id = next(group["$id"] for group in groups if group["title"] == "IdentityMap")
        made = self.schemas.createExperienceEventSchema(name="Visits", mixinIds=[map_id])
        return self._schema(made)

    def identity(self, schema_id: str, path: str, code: str, *, primary: bool) -> None:
        """Mark a field as an identity."""
        made = self.schemas.createDescriptor(
            self.schemas.createDescriptorOperation(
                sourceSchema=schema_id,
                descType="xdm:descriptorIdentity",
                completePath=path,
                identityNSCode=code,
                identityPrimary=primary,
            )
        )
        assert made["@id"], made

    def dataset(self, name: str, schema_id: str) -> str:
        """A dataset that feeds profiles, of a schema that is enabled for them."""
        enabled = self.schemas.enableSchemaForRealTime(schema_id)
        assert "union" in enabled["meta:immutableTags"], enabled
        made = self.catalog.createDataSet(
            name=name, schemaId=schema_id, profileEnabled=True, identityEnabled=True
        )
        return str(made[0]).removeprefix("@/dataSets/")

    def inlet(self, dataset_id: str) -> str:
        """The inlet of a new flow into the dataset."""
        made = self.flows.createFlowStreaming(datasetId=dataset_id)
        assert made["flow"]["id"], made
        source = made["source_connection_id"]
        source = source.get("items", [source])[0]
        connection = self.flows.getConnection(source["baseConnectionId"])
        assert connection["auth"]["params"]["inletUrl"].endswith(
            connection["auth"]["params"]["inletId"]
        )
        return str(connection["auth"]["params"]["inletId"])

    def message(self, dataset_id: str, schema_id: str, entity: dict[str, Any]) -> dict[str, Any]:
        reference = {"id": schema_id, "contentType": FORM}
        return {
            "header": {
                "schemaRef": reference,
                "imsOrgId": self.org_id,
                "datasetId": dataset_id,
                "source": {"name": "test"},
            },
            "body": {"xdmMeta": {"schemaRef": reference}, "xdmEntity": entity},
        }

    @staticmethod
    def _schema(made: dict[str, Any]) -> dict[str, Any]:
        assert made["$id"], made
        assert made["meta:altId"], made
        return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", workers=1)
    try:
        server.start()
        yield server
    finally:
        server.close()


def test_from_nothing_to_a_queried_profile(server: Server) -> None:
    walk = Walk(server)
    classes = {one["$id"] for one in walk.schemas.getClassesGlobal()}
    assert {
        "https://ns.adobe.com/xdm/context/profile",
        "https://ns.adobe.com/xdm/context/experienceevent",
    } <= classes
    tenant = walk.schemas.getTenantId()
    assert {"Email", "Phone"} <= {one["code"] for one in walk.identities.getIdentities()}
    assert walk.identities.createIdentity(name="Card", code="CARD", idType="CROSS_DEVICE")["id"]

    people, visits = walk.profile_schema(tenant), walk.event_schema()
    walk.identity(people["$id"], f"/_{tenant}/email", "Email", primary=True)
    walk.identity(people["$id"], f"/_{tenant}/card", "CARD", primary=False)
    members = walk.dataset("Members", people["$id"])
    events = walk.dataset("Visits", visits["$id"])

    sent = walk.ingestion.streamMessage(
        inletId=walk.inlet(members),
        data=walk.message(
            members,
            people["$id"],
            {"_id": "m1", f"_{tenant}": {"email": KIM, "card": CARD, "tier": "gold"}},
        ),
        syncValidation=True,
    )
    assert sent["syncValidation"]["status"] == "pass", sent
    both = walk.ingestion.streamMessages(
        inletId=walk.inlet(events),
        data=[walk.message(events, visits["$id"], _visit(number)) for number in (1, 2)],
    )
    assert [set(one) for one in both["responses"]] == [{"xactionId"}] * 2

    policies = walk.profiles.getMergePolicies()
    assert [one["default"] for one in policies] == [True]
    found = _until(lambda: _entity(walk, PHONE, "Phone", of={KIM, CARD, PHONE}))
    assert found["entity"][f"_{tenant}"]["tier"] == "gold"
    page = _until(lambda: _events(walk, CARD, "CARD", count=2))
    assert [one["entityId"] for one in page] == ["v1", "v2"]
    linked = walk.identities.getLinkedIdentities([{"ns": "Email", "id": KIM}])
    assert {one["id"] for one in linked["graphs"][0]["members"]} >= {PHONE, CARD}


def test_a_batch_of_files(server: Server) -> None:
    walk = Walk(server)
    people = walk.profile_schema(tenant := walk.schemas.getTenantId())
    walk.identity(people["$id"], f"/_{tenant}/email", "Email", primary=True)
    members = walk.dataset("Members", people["$id"])

    batch = walk.ingestion.createBatch(datasetId=members, format="json")["id"]
    entity = {"_id": "m1", f"_{tenant}": {"email": KIM, "tier": "silver"}}
    walk.ingestion.uploadSmallFile(
        batchId=batch, datasetId=members, filePath="members.json", data=[entity]
    )
    walk.ingestion.uploadSmallFileFinish(batchId=batch)

    _until(lambda: walk.catalog.getBatch(batch)[batch]["status"] == "success")
    found = _until(lambda: _entity(walk, KIM, "Email", of={KIM}))
    assert found["entity"][f"_{tenant}"]["tier"] == "silver"


def test_what_the_catalogue_tells(server: Server) -> None:
    walk = Walk(server)
    catalog = walk.catalog
    people = walk.profile_schema(tenant := walk.schemas.getTenantId())
    walk.identity(people["$id"], f"/_{tenant}/email", "Email", primary=True)
    members = walk.dataset("Members", people["$id"])
    assert catalog.getDataSetObservableSchema(members) == {"observableSchema": {}}
    assert len(catalog.getFailedBatchesDF()) == 0

    good = _loaded(walk, members, {"_id": "m1", f"_{tenant}": {"email": KIM, "tier": "silver"}})
    bad = _loaded(walk, members, {"_id": "m2", f"_{tenant}": {"email": {"not": "text"}}})
    assert set(catalog.getBatches()) == {good, bad}
    assert set(catalog.getBatches(n_results="inf", limit=1, output="dataframe").index) == {
        good,
        bad,
    }
    assert list(catalog.getLastBatches(dataSetId=members)) == [bad]
    assert list(catalog.getLastBatches()) == [bad]
    failed = catalog.getFailedBatchesDF(n_results=5)
    assert list(failed.index) == [bad]
    assert failed.loc[bad, "dataSetId"] == members
    assert "XDM-2001" in failed.loc[bad, "errorCode"]
    assert catalog.findActiveBatch(good) == good

    listed = catalog.getDataSets()
    assert listed[members]["lastSuccessfulBatch"] == good
    assert listed[members]["lastBatchId"] == bad
    assert catalog.getDataSet(members)[members]["lastBatchStatus"] == "failed"
    assert catalog.data.ids["Members"] == members
    infos = catalog.getDatasetsInfos().set_index("id").loc[members]
    assert (infos["dataBehavior"], infos["qs_table"]) == ("record", "members")

    _until(lambda: catalog.getDataSetObservableSchema(members)["observableSchema"])
    told = catalog.getDataSetObservableSchema(members, appendDatasetInfo=True)
    fields = import_module("aepp.catalog").ObservableSchemaManager(told)
    assert (fields.schemaId, fields.datasetId) == (people["$id"], members)
    paths = {"_id", f"_{tenant}", f"_{tenant}.email", f"_{tenant}.tier"}
    assert set(fields.to_dataframe()["path"]) == paths
    assert fields.to_dict()[f"_{tenant}"] == {"email": "string", "tier": "string"}

    walk.inlet(other := walk.dataset("Others", people["$id"]))
    assert catalog.deleteDataSet(other)["type"].endswith("CAT-1003-409")


def _loaded(walk: Walk, dataset: str, entity: dict[str, Any]) -> str:
    """A batch of one row, which has come to its end."""
    batch: str = walk.ingestion.createBatch(datasetId=dataset, format="json")["id"]
    walk.ingestion.uploadSmallFile(
        batchId=batch, datasetId=dataset, filePath="a.json", data=[entity]
    )
    walk.ingestion.uploadSmallFileFinish(batchId=batch)
    _until(lambda: walk.catalog.getBatch(batch)[batch]["status"] in ("success", "failed"))
    return batch


def _visit(number: int) -> dict[str, Any]:
    return {
        "_id": f"v{number}",
        "timestamp": f"2026-01-0{number}T10:00:00Z",
        "eventType": "web.webpagedetails.pageViews",
        "identityMap": {"Phone": [{"id": PHONE, "primary": True}], "Email": [{"id": KIM}]},
    }


def _entity(walk: Walk, entity_id: str, code: str, *, of: set[str]) -> dict[str, Any] | None:
    """The profile of an identity, when it has those of `of`."""
    answer = walk.profiles.getEntity(entityId=entity_id, entityIdNS=code)
    for found in answer.values():
        if isinstance(found, dict) and "entity" in found:
            known = found["entity"].get("identityMap", {}).values()
            if of <= {one["id"] for identities in known for one in identities}:
                return found
    return None


def _events(walk: Walk, entity_id: str, code: str, *, count: int) -> list[dict[str, Any]] | None:
    answer = walk.profiles.getEntityEvents(entityId=entity_id, entityIdNS=code)
    found: list[dict[str, Any]] = answer if isinstance(answer, list) else answer["children"]
    return found if len(found) == count else None


def _until(look: Callable[[], Any]) -> Any:
    """What `look` gives as soon as it gives something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def _recipe() -> types.ModuleType:
    """The module that the documentation has its readers write."""
    found = re.search(r"<<'END'\n(.*?)^END$", RECIPE.read_text(), re.S | re.M)
    assert found is not None
    module = types.ModuleType("onefold_aepp")
    exec(compile(found[1], str(RECIPE), "exec"), module.__dict__)
    return module
