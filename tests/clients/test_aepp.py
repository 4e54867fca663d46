"""From nothing to a queried profile with aepp, the client that has to work unchanged.

The order of calls is that of a newcomer: schemas, identities, dataset, a flow, records, lookups.
Source: platform contract, section 14.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from tests.clients.walk import Walk, until
from tests.crash.serving import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(aepp|pandas|matplotlib|dateutil).*"),
    pytest.mark.filterwarnings("ignore:Unverified HTTPS request"),
]

KIM, PHONE, CARD = "kim@example.org", "+46701740650", "card-17"


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
    found = until(lambda: _entity(walk, PHONE, "Phone", of={KIM, CARD, PHONE}))
    assert found["entity"][f"_{tenant}"]["tier"] == "gold"
    page = until(lambda: _events(walk, CARD, "CARD", count=2))
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

    until(lambda: walk.catalog.getBatch(batch)[batch]["status"] == "success")
    found = until(lambda: _entity(walk, KIM, "Email", of={KIM}))
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

    until(lambda: catalog.getDataSetObservableSchema(members)["observableSchema"])
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
    until(lambda: walk.catalog.getBatch(batch)[batch]["status"] in ("success", "failed"))
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
