"""What aepp asks of the services around profiles: identities, merge policies, privacy, sandboxes,
permissions, flows and files. Source: platform contract, section 13."""

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

KIM = "kim@example.org"


def test_identities_and_merge_policies(server: Server) -> None:
    walk = Walk(server)
    made = walk.identities.createIdentity(name="Card", code="CARD", idType="CROSS_DEVICE")
    number = str(made["id"])
    changed = walk.identities.updateIdentity(number, "Cards", "CARD", "CROSS_DEVICE", "Of members")
    assert changed["name"] == "Cards"
    assert walk.identities.getIdentityDetail(number)["description"] == "Of members"
    assert "CARD" in {one["code"] for one in walk.identities.getIdentities(only_custom=True)}
    assert len(walk.identities.getIdentitiesIMS()) == len(walk.identities.getIdentities())
    assert len(walk.identities.createB2BIdentities()) == 9
    assert walk.identities.getIdentity(KIM, nsid="6")["xid"]
    one = {"ns": "Email", "id": KIM}
    assert walk.identities.getLinkedIdentities(one)["graphs"][0]["composite_xid"] == one

    profiles = walk.profiles
    policy = {
        "name": "Latest",
        "imsOrgId": walk.org_id,
        "schema": {"name": "_xdm.context.profile"},
        "default": False,
        "identityGraph": {"type": "pdg"},
        "attributeMerge": {"type": "timestampOrdered"},
    }
    policy_id = profiles.createMergePolicy(policy)["id"]
    assert profiles.updateMergePolicy(policy_id, {**policy, "name": "Newest"})["name"] == "Newest"
    rename = [{"op": "replace", "path": "/name", "value": "Last"}]
    assert profiles.patchMergePolicy(policy_id, rename)["name"] == "Last"
    assert profiles.getMergePolicy(policy_id)["name"] == "Last"
    assert profiles.getMergePolicyActiveOnEdge()["default"] is True
    assert profiles.deleteMergePolicy(policy_id) == 200


def test_files_of_a_batch_and_the_life_of_a_dataset(server: Server) -> None:
    walk = Walk(server)
    catalog, ingestion, access = walk.catalog, walk.ingestion, _made("dataaccess", "DataAccess")
    people = walk.profile_schema(tenant := walk.schemas.getTenantId())
    walk.identity(people["$id"], f"/_{tenant}/email", "Email", primary=True)
    members = walk.dataset("Members", people["$id"])
    for change in (catalog.enableDatasetUpsert, catalog.disableDatasetProfile):
        assert change(members) == [f"@/dataSets/{members}"]
    assert catalog.enableDatasetProfile(members) == [f"@/dataSets/{members}"]
    assert catalog.patchDataset(members, {"description": "x"}) == [f"@/dataSets/{members}"]
    assert set(catalog.getDataSets(property=f"schemaRef.id=={people['$id']}")) == {members}

    batch = ingestion.createBatch(members, enableDiagnostic=True, partialIngestionPercentage=50)
    rows = [{"_id": "m1", f"_{tenant}": {"email": KIM}}]
    ingestion.uploadSmallFile(batch["id"], members, "members.json", rows)
    preview = ingestion.getPreviewBatchDataset(batch["id"], members)
    assert "_id" in {column["name"] for column in preview["preview"]["columns"]}
    ingestion.uploadSmallFileFinish(batch["id"])
    until(lambda: catalog.getBatch(batch["id"])[batch["id"]]["status"] == "success")
    file_id = until(lambda: access.getBatchFiles(batch["id"]))[0]["dataSetFileId"]
    name = access.getFiles(file_id)["data"][0]["name"]
    assert access.getFiles(file_id, path=name).read(4) == b"PAR1"
    assert access.getPreview(members)[0]["_id"] == "m1"
    ingestion.deleteBatch(batch["id"])
    until(lambda: catalog.getBatch(batch["id"])[batch["id"]]["status"] == "inactive")


def test_a_flow_is_found_changed_and_removed(server: Server) -> None:
    walk = Walk(server)
    flows = walk.flows
    people = walk.profile_schema(walk.schemas.getTenantId())
    made = flows.createFlowStreaming(datasetId=walk.dataset("Members", people["$id"]))
    flow_id = made["flow"]["id"]
    assert [one["id"] for one in flows.getFlows(onlySources=True)] == [flow_id]
    manager = import_module("aepp.flowservice").FlowManager(flow_id)
    assert manager.summary()["id"] == flow_id
    rename = [{"op": "replace", "path": "/name", "value": "Members in"}]
    flows.updateFlow(flow_id, flows.getFlow(flow_id)["etag"], rename)
    flows.postFlowAction(flow_id, "disable")
    assert (flows.getFlow(flow_id)["name"], flows.getFlow(flow_id)["state"]) == (
        "Members in",
        "disabled",
    )
    spec = flows.getFlowSpec(manager.flowSpec["id"])
    assert flows.getFlowSpecIdFromNames(spec["name"]) == spec["id"]
    connection = flows.getConnections()[0]["id"]
    assert flows.connectionTest(connection) == {"test": True}
    assert flows.deleteFlow(flow_id) == 204


def test_sandboxes_permissions_metrics_and_privacy(server: Server) -> None:
    walk = Walk(server)
    sandboxes = _made("sandboxes", "Sandboxes")
    assert sandboxes.createSandbox("try", "Try")["name"] == "try"
    until(lambda: sandboxes.getSandbox("try")["state"] == "active")
    assert sandboxes.updateSandbox("try", {"title": "Tried"})["title"] == "Tried"
    assert {one["name"] for one in sandboxes.getSandboxes()} == {"prod", "try"}
    assert {"production", "development"} <= set(sandboxes.getSandboxTypes())
    assert sandboxes.deleteSandbox("try") < 300

    permissions = _made("accesscontrol", "AccessControl")
    assert "manage-datasets" in permissions.getPermissions()["permissions"]
    name = "/permissions/manage-datasets"
    assert "write" in permissions.getEffectivePolicies([name])["policies"][name]

    observability = _made("observability", "Observability")
    report = observability.createMetricsReport(observability.POST_METRICS)
    assert len(report["metricResponses"]) == len(observability.POST_METRICS["metrics"])

    privacy = _made("privacyservice", "Privacy")
    user = {"namespace": "email", "value": KIM, "type": "standard"}
    posted = privacy.postJob(
        {
            "companyContexts": [{"namespace": "imsOrgID", "value": walk.org_id}],
            "users": [{"key": "kim", "action": ["access"], "userIDs": [user]}],
            "include": ["ProfileService"],
            "regulation": "gdpr",
        }
    )
    job_id = posted["jobs"][0]["jobId"]
    assert privacy.getJob(job_id)["userKey"] == "kim"
    assert [one["jobId"] for one in privacy.getJobs("gdpr")["jobDetails"]] == [job_id]


def _made(module: str, name: str) -> Any:
    """One of aepp's objects, after its addresses were set."""
    return getattr(import_module(f"aepp.{module}"), name)()
